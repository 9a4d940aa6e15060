"""What the scripted models of three programs say that do the same task, one of which is reviewed and taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.contract import claude, codex, opencode
from tests.contract.scripted import Scripted
from tests.support.models.server import Call, Rule, Say
from tests.support.team import Heard

DRIVERS: Mapping[str, Scripted] = {one.profile: one for one in (claude.DRIVER, codex.DRIVER, opencode.DRIVER)}
"""The programs, by their profiles."""
TITLE = "Cold"
NAMES = {profile: f"cold-{profile}" for profile in DRIVERS}
ALL_BEGAN = "all began"
"""The gate at which those that began wait for the last one."""
REFUSES, TESTED = "a temperature below absolute zero is refused", "a test shows that it is"
TASK = f"""\
No temperature is below absolute zero.

- [ ] {REFUSES}
- [ ] {TESTED}
"""
FILE, TEST = "tempo/convert.py", "tests/test_cold.py"
_HEAD = '"""Conversions between scales."""\n'
_LONG_HEAD = '"""Conversions between scales.\n\nNothing is colder than absolute zero.\n"""\n'
_BARE, _NAMED = "        raise ValueError", '        raise ValueError(f"{degrees} °C is below absolute zero")'
PLAIN, TARGETS = "    return degrees * 9 / 5 + 32", "    return degrees * 1.8 + 32"
"""A line as everybody found it, and as the person writes it meanwhile."""
_CODE = '''

def celsius_to_fahrenheit(degrees: float) -> float:
    """Convert degrees Celsius to degrees Fahrenheit."""
    if degrees < -273.15:
{raises}
{returns}


def fahrenheit_to_celsius(degrees: float) -> float:
    """Convert degrees Fahrenheit to degrees Celsius."""
    return (degrees - 32) * 5 / 9
'''
SOLVED = _LONG_HEAD + _CODE.format(raises=_NAMED, returns=TARGETS)
"""The file in the end: what was asked for in the review, and what was there when the work came back."""
TESTS = '''\
"""What is refused."""

import unittest

from tempo import celsius_to_fahrenheit


class Cold(unittest.TestCase):
    """Nothing is colder than absolute zero."""

    def test_the_cold_is_refused(self) -> None:
        """The message names the temperature."""
        with self.assertRaisesRegex(ValueError, "-274"):
            celsius_to_fahrenheit(-274)
'''
SHOWS = f"grep -q 'degrees < -273.15' {FILE}"
RUNS = "python3 -m unittest tests.test_cold"
WHY_NOT = "That direction is not in the task."
NOT_NOW = "Kelvin would be a task of its own."


def plays(winner: str) -> list[Rule]:
    """Return everybody's part: three solutions, and of one of them what comes after it."""
    rules = [rule for profile in DRIVERS if profile != winner for rule in _part(profile, "", _solves(profile))]
    wins = [
        *_part(winner, "", _solves(winner)),
        *_part(winner, "Review, round 1", _mends(DRIVERS[winner])),
        *_part(winner, "Review, round 2", _answers(DRIVERS[winner])),
        *_part(winner, "cannot be merged into main", _resolves(DRIVERS[winner])),
    ]
    rests = [Rule([Say("I rest.")], system=rf"\*\*{name}\*\*") for name in NAMES.values()]
    return [*rules, *wins, *rests]


def _solves(profile: str) -> list[Say | Call]:
    """Return the first solution of each: all refuse the cold, and only Codex has said of both items how to see it."""
    agent = DRIVERS[profile]
    raises = _BARE if profile != "opencode" else '        raise ValueError("too cold")'
    writes = _writes(FILE, _HEAD + _CODE.format(raises=raises, returns=PLAIN))
    proofs = {"claude": [(REFUSES, SHOWS)], "codex": [(REFUSES, SHOWS), (TESTED, RUNS)], "opencode": []}
    return [
        _shell(agent, f"{writes} && {_commits('Refuse the cold')}"),
        *(_ours(agent, "prove_item", item=item, command=command) for item, command in proofs[profile]),
        *_is_done(agent, "The cold is refused."),
    ]


def _mends(agent: Scripted) -> list[Say | Call]:
    """Return what comes of the first round: one line changed, one file added, one reply."""
    text = _LONG_HEAD + _CODE.format(raises=_NAMED, returns=PLAIN)
    writes = f"{_writes(FILE, text)} && {_writes(TEST, TESTS)} && {RUNS}"
    return [
        _ours(agent, "read_comments"),
        _shell(agent, f"{writes} && {_commits('Name what is refused')}"),
        _ours(agent, "answer_comment", number=2, message=WHY_NOT),
        _ours(agent, "prove_item", item=REFUSES, command=SHOWS),
        _ours(agent, "prove_item", item=TESTED, command=RUNS),
        *_is_done(agent, "The message names it."),
    ]


def _answers(agent: Scripted) -> list[Say | Call]:
    """Return what comes of the second round: nothing but a reply."""
    replies = _ours(agent, "answer_comment", number=4, message=NOT_NOW)
    return [_ours(agent, "read_comments"), replies, *_is_done(agent, "Nothing more to do.")]


def _resolves(agent: Scripted) -> list[Say | Call]:
    """Return what comes of a conflict: the target is merged, with both changes."""
    merge = f"! git merge -q host/main && {_writes(FILE, SOLVED)} && {RUNS} && {_commits('Merge main')}"
    return [_shell(agent, merge), *_is_done(agent, "Both are in it.")]


def _part(profile: str, words: str, answers: Sequence[Say | Call]) -> list[Rule]:
    """Return what one agent says, an answer after the other, once it has been told certain words."""
    whose = rf"\*\*{NAMES[profile]}\*\*"
    holds = ["" if words else ALL_BEGAN, *("" for _ in answers)]
    return [
        Heard([answer], system=whose, words=words, hold=hold, times=1)
        for answer, hold in zip(answers, holds, strict=False)
    ]


def _shell(agent: Scripted, command: str) -> Call:
    return agent.command(command, asks=False)


def _ours(agent: Scripted, tool: str, **arguments: str | int) -> Call:
    return Call(f"{agent.ours}{tool}", arguments)


def _is_done(agent: Scripted, text: str) -> list[Say | Call]:
    return [_ours(agent, "report", kind="complete", message=text), Say("I am done.")]


def _writes(path: str, text: str) -> str:
    """Return a command that writes a file, in one line."""
    quoted = text.replace("\\", r"\\").replace("\n", r"\n").replace("'", r"'\''").replace("%", "%%")
    return f"printf '{quoted}' > {path}"


def _commits(message: str) -> str:
    return f"git add -A && git commit -qm '{message}'"
