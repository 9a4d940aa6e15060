"""A plain program in the contract: a shell, with a person's hands for its model."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tests.contract.stage import Ability, Both, Hold, Message, Move, Report, Rest, Send, Shell, Stage, Talk
from tests.support.models.server import ModelServer
from tests.support.person import eventually

_POST = (
    'curl -sS -H "Authorization: Bearer $(cat $ORCHESTRA_TOKEN_FILE)" -H "Content-Type: application/json" '
    '-H "Accept: application/json, text/event-stream" --data @- "$ORCHESTRA_MCP_URL"'
)

PROMPTS = (
    'curl -sS -H "Authorization: Bearer $(cat $ORCHESTRA_TOKEN_FILE)" -H "Content-Type: application/json" '
    """--data '{"text": "Go on?"}' "$ORCHESTRA_HOOK_URL/Prompted"; echo"""
)
"""The shell line that tells that a dialog is open."""
_PROMPTED = re.compile(r"@\S+[$#] (.*)")


def rpc(method: str, **params: object) -> str:
    """Return the shell line that asks our server something."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    return f"echo {shlex.quote(body)} | {_POST}; echo"


class Plain:
    """Nothing is ever typed at it, and it has no hooks: it speaks MCP when somebody makes it."""

    profile: ClassVar[str] = "plain"
    only_with_agents: ClassVar[str] = ""
    lacks: ClassVar[Mapping[Ability, str]] = {
        Ability.MODEL: "a shell asks no model; its task is in $ORCHESTRA_TASK_FILE",
        Ability.TURNS: "a shell tells nothing of itself: its window alone is evidence",
        Ability.HEARS: "a shell would run what is typed, so messages stay queued until read_messages fetches them",
        Ability.ASKS: "a shell does what it is told without asking",
        Ability.REMEMBERS: "a shell begins anew; what it left is in its worktree",
    }
    ready: ClassVar[str] = "@"
    dialogs: ClassVar[tuple[str, ...]] = ("[y/n]",)
    secret: ClassVar[str] = ""
    brings: ClassVar[Path | None] = None
    asks_at_once: ClassVar[bool] = False
    waits_for_all: ClassVar[bool] = False
    interrupt: ClassVar[tuple[str, ...]] = ()
    prompts: ClassVar[tuple[Move, ...]] = (Shell(PROMPTS),)

    def settings(self, _model: ModelServer) -> Mapping[str, str]:
        return {}

    def play(self, stage: Stage, name: str, *moves: Move, asks: bool = False) -> None:
        assert not asks
        stage.new(name, f"Play {name}." if moves else "")
        eventually(lambda: self.ready in stage.screen(name), what="the shell prompts")
        for move in moves:
            if line := self._line(name, move):
                stage.line(name, line)

    @staticmethod
    def _line(name: str, move: Move) -> str:
        match move:
            case Talk(text):
                return f"echo {shlex.quote(text)}"
            case Rest():
                return ""
            case Send(text):
                told = {"session_id": "main", "message": text}
                return rpc("tools/call", name="send_message_to_session", arguments=told)
            case Report(kind, text):
                return rpc("tools/call", name="report", arguments={"kind": kind, "message": text})
            case Shell(command):
                return command
            case Both(commands):
                return "; ".join(commands)
            case Hold(gate):
                return f"while [ ! -e {name}.{gate} ]; do sleep 0.1; done"

    def began(self, stage: Stage, name: str) -> bool:
        return self.ready in stage.screen(name)

    def let_go(self, stage: Stage, name: str, gate: str = "gate") -> None:
        (stage.worktree(name) / f"{name}.{gate}").touch()

    def allow(self, stage: Stage, name: str) -> None:
        raise NotImplementedError

    def copies(self, stage: Stage, name: str, *messages: Message) -> list[int]:
        printed = stage.printed(name)
        return [printed.count(one.text) for one in messages]

    def submitted(self, stage: Stage, name: str) -> list[str]:
        return [words.strip() for words in _PROMPTED.findall(stage.printed(name))]

    def remembers(self, stage: Stage, name: str, text: str) -> bool:
        raise NotImplementedError


DRIVER = Plain()
