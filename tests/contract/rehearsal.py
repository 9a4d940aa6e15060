"""The rehearsal agent in the contract: a story in place of a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tests.contract.plain import PROMPTS
from tests.contract.stage import Ability, Both, Hold, Message, Move, Report, Rest, Send, Shell, Stage, Talk
from tests.support.models.server import ModelServer

_HEARD = re.compile(r"• \w+ from \S+ arrived$", re.MULTILINE)
_TYPED = re.compile(r"heard you: '(.*)'; a rehearsal")


class Rehearsal:
    """It fetches its messages by itself, and shows every one it got."""

    profile: ClassVar[str] = "rehearsal"
    only_with_agents: ClassVar[str] = ""
    lacks: ClassVar[Mapping[Ability, str]] = {
        Ability.MODEL: "it plays a story from its task and asks no model",
        Ability.ASKS: "a story does what it says without asking",
    }
    ready: ClassVar[str] = "rehearsal agent"
    dialogs: ClassVar[tuple[str, ...]] = ("? ", "[y/n]")
    secret: ClassVar[str] = ""
    brings: ClassVar[Path | None] = None
    asks_at_once: ClassVar[bool] = False
    waits_for_all: ClassVar[bool] = False
    interrupt: ClassVar[tuple[str, ...]] = ()
    prompts: ClassVar[tuple[Move, ...]] = (Shell(f"{PROMPTS}; sleep 600"),)

    def settings(self, _model: ModelServer) -> Mapping[str, str]:
        return {}

    def play(self, stage: Stage, name: str, *moves: Move, asks: bool = False) -> None:
        assert not asks
        story = [self._scene(name, move) for move in moves]
        stage.new(name, "\n".join(("Play this.", "", "```rehearsal", *story, "```")) if story else "")

    @staticmethod
    def _scene(name: str, move: Move) -> str:
        match move:
            case Talk(text):
                return f"say {text}"
            case Rest():
                return "wait message"
            case Send(text):
                return f"send main {text}"
            case Report(kind, text):
                return f"report {kind} {text}"
            case Shell(command):
                return f"run {command}"
            case Both(commands):
                return f"run {'; '.join(commands)}"
            case Hold(gate):
                return f"run while [ ! -e {name}.{gate} ]; do sleep 0.1; done"

    def began(self, stage: Stage, name: str) -> bool:
        return self.ready in stage.screen(name)

    def let_go(self, stage: Stage, name: str, gate: str = "gate") -> None:
        (stage.worktree(name) / f"{name}.{gate}").touch()

    def allow(self, stage: Stage, name: str) -> None:
        raise NotImplementedError

    def copies(self, stage: Stage, name: str, *messages: Message) -> list[int]:
        """Return the number of messages it showed beyond those sent, in the last place: it tells no numbers."""
        heard = len(_HEARD.findall(stage.printed(name)))
        sent = len(stage.states(name))
        return [1 if heard == sent else 0 if heard < sent else 2 for _ in messages]

    def submitted(self, stage: Stage, name: str) -> list[str]:
        return _TYPED.findall(stage.printed(name))

    def remembers(self, stage: Stage, name: str, text: str) -> bool:
        """Say whether it played each scene once: its journal is its conversation."""
        return stage.printed(name).count(f"• {text}") == 1


DRIVER = Rehearsal()
