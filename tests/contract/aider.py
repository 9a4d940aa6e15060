"""aider in the contract: the worked example of a plain profile, as the documentation gives it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.contract.scripted import SECRET
from tests.contract.stage import Ability, Both, Hold, Message, Move, Report, Rest, Send, Shell, Stage, Talk
from tests.support.models.server import Asked, ModelServer, Rule, Say

_FILE = re.compile(r"(?:touch|>) ?(\w+)$")


@dataclass(frozen=True, slots=True)
class Turn(Rule):
    """A rule for one session's next turn; aider gives its instructions as words of the person."""

    name: str = ""

    def fits(self, asked: Asked) -> bool:
        """Say whether the request is one this rule answers."""
        return Rule.fits(self, asked) and f"**{self.name}**" in asked.everything


class Aider:
    """It answers one message and ends; the adapter beside its profile gives it the next."""

    profile: ClassVar[str] = "aider"
    only_with_agents: ClassVar[str] = "it is an example, and its image takes a gigabyte"
    lacks: ClassVar[Mapping[Ability, str]] = {
        Ability.MODEL: "aider offers its model no tools: the adapter sends what an answer is marked to say",
        Ability.ASKS: "aider edits without asking, and runs no commands",
    }
    ready: ClassVar[str] = "aider rests"
    dialogs: ClassVar[tuple[str, ...]] = ("(Y)es", "[y/n]", "Traceback")
    secret: ClassVar[str] = SECRET
    asks_at_once: ClassVar[bool] = False
    waits_for_all: ClassVar[bool] = False
    interrupt: ClassVar[tuple[str, ...]] = ()
    prompts: ClassVar[tuple[Move, ...]] = ()
    brings: ClassVar[Path | None] = Path(__file__).parents[2] / "docs" / "examples" / "aider"

    def settings(self, model: ModelServer) -> Mapping[str, str]:
        model.bare = True
        commits = Rule([Say("feat: what was asked for")], system="commit message")
        model.rules.append(commits)
        return {"OPENAI_API_BASE": f"{model.url(model.address)}/v1", "OPENAI_API_KEY": self.secret}

    def play(self, stage: Stage, name: str, *moves: Move, asks: bool = False) -> None:
        assert not asks
        said: list[str] = []
        gate = ""
        for move in moves:
            if isinstance(move, Hold):
                gate = f"{name}.{move.gate}"
                continue
            said.append(self._words(move))
            if isinstance(move, Rest):
                stage.model.rules.append(self._turn(name, said, gate))
                said, gate = [], ""
        if said:
            stage.model.rules.append(self._turn(name, said, gate))
        stage.model.rules.append(Turn([Say("PROGRESS: I have heard.")], name=name))
        stage.new(name, f"Play {name}." if moves else "")

    @staticmethod
    def _turn(name: str, said: list[str], gate: str) -> Rule:
        return Turn([Say("\n\n".join(said))], name=name, hold=gate, times=1)

    @staticmethod
    def _words(move: Move) -> str:
        """Return the words for a move; a file that a command would leave it writes itself."""
        match move:
            case Talk(text) | Rest(text):
                return text
            case Send(text):
                return f"MESSAGE: {text}"
            case Report(kind, text):
                return f"{kind.upper()}: {text}"
            case Shell(command):
                found = _FILE.search(command)
                assert found is not None, "aider runs no commands"
                return f"{found[1]}\n```\n<<<<<<< SEARCH\n=======\nkept\n>>>>>>> REPLACE\n```"
            case Hold() | Both():
                raise AssertionError("a hold is part of the answer that follows it")

    def asked(self, stage: Stage, name: str) -> list[Asked]:
        """Return what a session's aider asked the model, messages for its commits left out."""
        return [one for one in stage.model.conversation() if f"**{name}**" in one.everything]

    def began(self, stage: Stage, name: str) -> bool:
        return bool(self.asked(stage, name)) or self.ready in stage.screen(name)

    def let_go(self, stage: Stage, name: str, gate: str = "gate") -> None:
        stage.model.release(f"{name}.{gate}")

    def allow(self, stage: Stage, name: str) -> None:
        raise NotImplementedError

    def copies(self, stage: Stage, name: str, *messages: Message) -> list[int]:
        asked = self.asked(stage, name)
        whole = asked[-1].everything if asked else ""
        return [whole.count(f"[message {one.id} from the person]") for one in messages]

    def submitted(self, stage: Stage, name: str) -> list[str]:
        return [one.user.strip() for one in self.asked(stage, name)]

    def remembers(self, stage: Stage, name: str, text: str) -> bool:
        asked = self.asked(stage, name)
        return bool(asked) and text in asked[-1].everything


DRIVER = Aider()
