"""Drivers for agents that ask a model: the model plays the moves, one answer after the other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from orchestra.agents import load
from tests.contract.stage import SLOW, Ability, Both, Hold, Message, Move, Report, Rest, Send, Shell, Stage, Talk
from tests.support.models.server import Asked, Call, ModelServer, Rule, Say
from tests.support.person import eventually, without_clocks

SECRET = "sk-ant-api03-contract-9876543210-9876543210"
_TRIES, _TAKES = 3, 10.0
"""How often a key is pressed that nothing seems to take, and the seconds in which it shows."""
CAREFUL = "careful"
"""The person's own profile of an agent that asks before it runs a command."""


class Scripted:
    """An agent whose model is scripted; a profile's own driver says what is different about it.

    ``url`` and ``key`` are the credentials that lead to the model; ``ours`` is what the agent puts
    before our tools' names, ``shell`` its tool for commands. ``asking`` are keys of the profile
    that make it ask before it runs one, ``yes`` the keys that allow it. ``dialog`` stands in its
    window once the person goes there, if that does not show a dialog before.
    """

    profile: ClassVar[str]
    only_with_agents: ClassVar[str] = ""
    lacks: ClassVar[Mapping[Ability, str]] = {}
    ready: ClassVar[str] = ""
    dialogs: ClassVar[tuple[str, ...]] = ()
    secret: ClassVar[str] = SECRET
    brings: ClassVar[Path | None] = None
    url: ClassVar[str] = ""
    key: ClassVar[str] = ""
    base: ClassVar[str] = ""
    ours: ClassVar[str] = "mcp__orchestra__"
    shell: ClassVar[str] = ""
    asking: ClassVar[Mapping[str, Any]] = {}
    yes: ClassVar[tuple[str, ...]] = ("Enter",)
    dialog: ClassVar[str] = ""
    asks_at_once: ClassVar[bool] = True
    waits_for_all: ClassVar[bool] = False
    interrupt: ClassVar[tuple[str, ...]] = ("Escape",)
    prompts: ClassVar[tuple[Move, ...]] = ()

    def settings(self, model: ModelServer, /) -> Mapping[str, str]:
        return {self.url: f"{model.url(model.address)}{self.base}", self.key: self.secret}

    def command(self, line: str, *, asks: bool) -> Call:
        """Return the call of the agent's own tool that runs a command; one that ``asks`` needs permission for it."""
        del asks
        return Call(self.shell, {"command": line, "description": "a command"})

    def commands(self, lines: tuple[str, ...]) -> list[Call]:
        """Return the calls that run several commands at once, for each of which permission is needed."""
        return [self.command(line, asks=True) for line in lines]

    def play(self, stage: Stage, name: str, *moves: Move, asks: bool = False) -> None:
        stage.model.rules += self._rules(name, moves, asks=asks)
        if asks:
            self._write_careful(stage)
        agent = CAREFUL if asks else ""
        stage.new(name, f"Play {name}." if moves else "", agent)

    def _rules(self, name: str, moves: tuple[Move, ...], *, asks: bool) -> list[Rule]:
        whose = rf"\*\*{name}\*\*"
        rules, gate = [], ""
        for move in moves:
            if isinstance(move, Hold):
                gate = f"{name}.{move.gate}"
                continue
            rules.append(Rule(self._answers(move, asks=asks), system=whose, hold=gate, times=1))
            gate = ""
        return [*rules, Rule([Say("I have heard.")], system=whose, hold=gate)]

    def _answers(self, move: Move, *, asks: bool) -> list[Say | Call]:
        if isinstance(move, Both):
            return [*self.commands(move.commands)]
        return [self._answer(move, asks=asks)]

    def _answer(self, move: Move, *, asks: bool) -> Say | Call:
        match move:
            case Talk(text) | Rest(text):
                return Say(text)
            case Send(text):
                return Call(f"{self.ours}send_message_to_session", {"session_id": "main", "message": text})
            case Report(kind, text):
                return Call(f"{self.ours}report", {"kind": kind, "message": text})
            case Shell(command):
                return self.command(command, asks=asks)
            case Hold() | Both():
                raise AssertionError("a hold is part of the answer that follows it")

    def _write_careful(self, stage: Stage) -> None:
        profile = yaml.safe_load(load(self.profile).source.read_text())
        env = {**profile.get("env", {}), **self.asking.get("env", {})}
        stage.person.home.agents.mkdir(parents=True, exist_ok=True)
        (stage.person.home.agents / f"{CAREFUL}.yaml").write_text(json.dumps({**profile, **self.asking, "env": env}))

    def began(self, stage: Stage, name: str) -> bool:
        return bool(self.asked(stage, name))

    def let_go(self, stage: Stage, name: str, gate: str = "gate") -> None:
        stage.model.release(f"{name}.{gate}")

    def allow(self, stage: Stage, name: str) -> None:
        if self.dialog:
            stage.person.orchestra("switch", name)
        eventually(lambda: self._asks(stage, name), within=SLOW, what=f"the dialog of {name}")
        # A key pressed in the moment the dialog is drawn is now and then lost.
        for _ in range(_TRIES):
            before = without_clocks(stage.screen(name))
            stage.key(name, *self.yes)
            with suppress(pytest.fail.Exception):
                eventually(lambda: without_clocks(stage.screen(name)) != before, within=_TAKES)  # noqa: B023 -- asked at once
                return

    def _asks(self, stage: Stage, name: str) -> bool:
        """Return whether the window shows a question for permission."""
        return any(words in stage.screen(name) for words in ([self.dialog] if self.dialog else self.dialogs))

    def asked(self, stage: Stage, name: str) -> list[Asked]:
        """Return what a session's agent asked the model, titles and the like left out."""
        return [one for one in stage.model.conversation() if f"**{name}**" in one.system]

    def copies(self, stage: Stage, name: str, *messages: Message) -> list[int]:
        asked = self.asked(stage, name)
        whole = asked[-1].everything if asked else ""
        return [whole.count(f"[message {one.id} from the person]") for one in messages]

    def submitted(self, stage: Stage, name: str) -> list[str]:
        return [one.user for one in self.asked(stage, name)]

    def remembers(self, stage: Stage, name: str, text: str) -> bool:
        asked = self.asked(stage, name)
        return bool(asked) and text in asked[-1].everything
