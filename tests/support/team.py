"""What the scripted models of a mixed team say: three programs, three protocols, one server."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.models.journeys import ANSWER, DESIGNER, QUESTION
from tests.support.models.server import Asked, Call, Rule, Say

CODER, WRITER = "add-kelvin", "describe-the-scales"
"""The session whose agent is Codex, and the one whose agent is opencode."""
WISH = "Please have Kelvin added and the scales described"
BOTH_BEGAN = "both began"
"""The gate at which the first to begin waits for the other."""
CODED = "celsius_to_kelvin is there and committed."
WRITTEN = "The README names the scales."
LINE = "Kelvin, Celsius and Fahrenheit."
_REVIEWED = r"conflicts\W+\]"
"""What a review tells of a branch that can be merged: no conflicts."""
_PLAIN = "    return degrees + 273.15"
_CHECKED = ["    if degrees < -273.15:", "        raise ValueError(degrees)", _PLAIN]
_LAST = "    return (degrees - 32) * 5 / 9"


@dataclass(frozen=True, slots=True)
class Heard(Rule):
    """A rule for the first answer after certain words stand anywhere in the conversation, however they came."""

    words: str = ""

    def fits(self, asked: Asked) -> bool:
        """Say whether the request is one this rule answers."""
        return Rule.fits(self, asked) and re.search(self.words, asked.everything) is not None


def designs() -> list[Rule]:
    """Return the designer's part: it spawns both at once, answers the one, reviews and merges the other."""
    spawns = [
        _designer("spawn_executor", title="Add Kelvin", instructions="Add celsius_to_kelvin.", agent="codex"),
        _designer("spawn_executor", title="Describe the scales", instructions="Name all scales.", agent="opencode"),
    ]
    asked, written = rf"\[message \d+ from {CODER}, question\]", rf"\[message \d+ from {WRITER}, complete\]"
    return [
        Rule([Say("Two executors will do that."), *spawns], system=DESIGNER, user=WISH, times=1),
        Heard(
            [_designer("send_message_to_session", session_id=CODER, message=ANSWER)],
            system=DESIGNER,
            words=asked,
            times=1,
        ),
        Heard([_designer("review_session", session_id=WRITER)], system=DESIGNER, words=written, times=1),
        Heard([_designer("merge_session", session_id=WRITER)], system=DESIGNER, words=_REVIEWED, times=1),
        Rule([Say("THE DESIGNER WAITS")], system=DESIGNER),
    ]


def codes() -> list[Rule]:
    """Return Codex's part: it edits, commits, asks, ends its turn; with the answer it goes on to the end."""
    again = _patch(f" def celsius_to_kelvin(degrees: float) -> float:\n-{_PLAIN}", *(f"+{one}" for one in _CHECKED))
    asks = Call("mcp__orchestra__send_message_to_session", {"session_id": "main", "message": QUESTION})
    reports = Call("mcp__orchestra__report", {"kind": "complete", "message": CODED})
    added = _patch(f" {_LAST}", "+", "+", "+def celsius_to_kelvin(degrees: float) -> float:", f"+{_PLAIN}")
    return [
        _by(CODER, added, user="Your task", hold=BOTH_BEGAN),
        _by(CODER, _codex(f"tools.exec_command({json.dumps({'cmd': _commit('First half')})})")),
        _by(CODER, asks, result="First half"),
        _by(CODER, Say("I wait for the answer.")),
        _by(CODER, again, user="ValueError"),
        _by(CODER, _codex(f"tools.exec_command({json.dumps({'cmd': _commit('Second half')})})")),
        _by(CODER, reports, result="Second half"),
        Rule([Say("THE CODER RESTS")], system=rf"\*\*{CODER}\*\*"),
    ]


def writes(worktree: Path) -> list[Rule]:
    """Return opencode's part: it reads, edits, commits and reports."""
    file = {"filePath": str(worktree / "README.md")}
    edit = Call("edit", {**file, "oldString": "converted.", "newString": f"converted. {LINE}"})
    commit = Call("bash", {"command": _commit("Name the scales"), "description": "commit"})
    return [
        _by(WRITER, Call("read", file), user="Your task", hold=BOTH_BEGAN),
        _by(WRITER, edit, result="Temperatures, converted"),
        _by(WRITER, commit),
        _by(WRITER, Call("orchestra_report", {"kind": "complete", "message": WRITTEN}), result="Name the scales"),
        Rule([Say("THE WRITER RESTS")], system=rf"\*\*{WRITER}\*\*"),
    ]


def _by(name: str, answer: Say | Call, *, user: str = "", result: str = "", hold: str = "") -> Rule:
    return Rule([answer], system=rf"\*\*{name}\*\*", user=user, result=result, hold=hold, times=1)


def _designer(tool: str, **arguments: str) -> Call:
    return Call(f"mcp__orchestra__{tool}", arguments)


def _codex(code: str) -> Call:
    return Call("exec", {"input": f"text(JSON.stringify(await {code}))"})


def _patch(*lines: str) -> Call:
    whole = "\n".join(("*** Begin Patch", "*** Update File: tempo/convert.py", "@@", *lines, "*** End Patch"))
    return _codex(f"tools.apply_patch({json.dumps(whole)})")


def _commit(message: str) -> str:
    return f"git commit -qam '{message}' && git log -1 --format=%s"
