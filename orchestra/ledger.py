"""Add up a session's recorded events: its commands, files and commits, and the time in each state; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from orchestra.events import Event, Outcome, ToolCall
from orchestra.model import Sign, State
from orchestra.test_runs import TestRun, passed, run_of

_KEPT = 200
"""How many commands, files and commits are kept; the others are only counted."""
_OVER = frozenset({
    Sign.TURN_STARTED, Sign.TURN_ENDED, Sign.TURN_FAILED, Sign.LAUNCHED, Sign.READY, Sign.ENDED, Sign.EXITED,
    Sign.VANISHED, Sign.STOPPED,
})  # fmt: skip
"""The signs after which no call of a tool is under way whose end the agent would report."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command that an agent ran.

    ``outcome`` is BEGUN as long as it runs; then ``ended`` is None. ``tests`` says whether it runs tests, and
    ``tests_passed`` whether all passed; None while that is not known.
    """

    command: str
    began: datetime
    outcome: Outcome = Outcome.BEGUN
    ended: datetime | None = None
    code: int | None = None
    tests: bool = False
    tests_passed: bool | None = None
    passed: int | None = None
    failed: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many commands ended in which way; ``unknown`` are those whose result nobody told."""

    ok: int = 0
    failed: int = 0
    unknown: int = 0
    running: int = 0

    @property
    def all(self) -> int:
        """The number of commands."""
        return self.ok + self.failed + self.unknown + self.running


@dataclass(frozen=True, slots=True)
class Noted:
    """One thing that was recorded, and when."""

    text: str
    at: datetime


@dataclass(slots=True)
class _Entry:
    command: Command
    key: str
    judged: bool = False


_FIELDS = {Outcome.OK: "ok", Outcome.FAILED: "failed", Outcome.UNKNOWN: "unknown", Outcome.BEGUN: "running"}


@dataclass(slots=True)
class Ledger:
    """What the events of one session add up to; `take` them in order, each once."""

    newest: int = 0
    began: datetime | None = None
    _entries: deque[_Entry] = field(default_factory=deque)
    _older: Counts = field(default_factory=Counts)
    _files: dict[str, datetime] = field(default_factory=dict)
    _commits: deque[Noted] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _state: State | None = None
    _since: datetime | None = None
    _times: dict[State, timedelta] = field(default_factory=dict)

    def take(self, events: Iterable[Event]) -> None:
        """Add events; those that were taken already are left out."""
        for event in events:
            if event.id > self.newest:
                self.newest = event.id
                self.began = self.began or event.at
                self._take(event)

    def commands(self) -> list[Command]:
        """Return the last commands, oldest first."""
        for entry in self._entries:
            if not entry.judged:
                entry.command, entry.judged = _judged(entry.command), True
        return [entry.command for entry in self._entries]

    def counts(self) -> Counts:
        """Return how many commands there were, and how they ended."""
        return _added(self._older, self._entries)

    def files(self) -> list[Noted]:
        """Return the last files that the agent told it had changed, oldest first, as it called them."""
        return [Noted(path, at) for path, at in self._files.items()]

    def commits(self) -> list[Noted]:
        """Return the last commits, oldest first."""
        return list(self._commits)

    def times(self, state: State, since: datetime, now: datetime) -> dict[State, timedelta]:
        """Return how long the session was in each state, which is ``state`` since a time."""
        times = dict(self._times)
        if self._state is not None and self._since is not None:
            _spend(times, self._state, self._since, since if state is not self._state else now)
        if state is not self._state:
            _spend(times, state, since, now)
        return times

    def _take(self, event: Event) -> None:
        if event.state is not None:
            if self._state is not None and self._since is not None:
                _spend(self._times, self._state, self._since, event.at)
            self._state, self._since = event.state, event.at
        if event.kind in _OVER:
            self._close(event.at)
        elif event.kind == "commit":
            self._commits.append(Noted(event.text, event.at))
        if event.call is not None:
            self._call(event.call, event.at)

    def _call(self, call: ToolCall, at: datetime) -> None:
        if call.tool == "Bash":
            self._command(call, at)
        elif call.tool in {"Edit", "Write"} and call.outcome is Outcome.OK:
            for path in filter(None, call.subject.split("\n")):
                self._files.pop(path, None)
                self._files[path] = at
            while len(self._files) > _KEPT:
                del self._files[next(iter(self._files))]

    def _command(self, call: ToolCall, at: datetime) -> None:
        entry = self._found(call)
        if entry is None:
            self._entries.append(entry := _Entry(Command(call.subject, at), call.key))
            self._drop()
        if call.outcome is not Outcome.BEGUN:
            entry.command, entry.judged = _ended(entry.command, call, at), False

    def _found(self, call: ToolCall) -> _Entry | None:
        """Return the command that a call is about; without an id, the last one under way with the same text."""
        for entry in reversed(self._entries):
            if call.key and entry.key == call.key:
                return entry
            if not call.key and entry.command.outcome is Outcome.BEGUN and entry.command.command == call.subject:
                return entry
        return None

    def _drop(self) -> None:
        while len(self._entries) > _KEPT:
            entry = self._entries.popleft()
            if entry.command.outcome is Outcome.BEGUN:
                # Its end would not be found any more.
                entry.command = replace(entry.command, outcome=Outcome.UNKNOWN)
            self._older = _added(self._older, [entry])

    def _close(self, at: datetime) -> None:
        """Record of all commands under way that they have ended; how is known if the agent tells it later."""
        for entry in self._entries:
            if entry.command.outcome is Outcome.BEGUN:
                entry.command = replace(entry.command, outcome=Outcome.UNKNOWN, ended=at)


def _added(counts: Counts, entries: Iterable[_Entry]) -> Counts:
    numbers = {name: getattr(counts, name) for name in _FIELDS.values()}
    for entry in entries:
        numbers[_FIELDS[entry.command.outcome]] += 1
    return Counts(**numbers)


def _run(command: str) -> TestRun | None:
    """Return what a recorded command says of tests; nothing if its end was cut off."""
    return None if command.endswith("…") else run_of(command)


def _ended(command: Command, call: ToolCall, at: datetime) -> Command:
    """Return a command after a report of its end; a later report without a result does not hide an earlier one."""
    if call.outcome is Outcome.UNKNOWN and command.outcome is not Outcome.BEGUN:
        return command
    return replace(command, outcome=call.outcome, ended=at, code=call.code, passed=call.passed, failed=call.failed)


def _judged(command: Command) -> Command:
    """Return a command with what its end says of tests; of thousands, only those that are kept are taken apart."""
    run = _run(command.command)
    if run is None or command.ended is None:
        return replace(command, tests=run is not None)
    all_passed = passed(run, code=command.code, counts=(command.passed, command.failed))
    return replace(command, tests=True, tests_passed=all_passed)


def _spend(times: dict[State, timedelta], state: State, since: datetime, until: datetime) -> None:
    times[state] = times.get(state, timedelta()) + max(timedelta(), until - since)


def last_tests(commands: list[Command], most: int) -> Iterator[Command]:
    """Yield the last run of each of the last commands that run tests, newest first."""
    seen: set[str] = set()
    for command in reversed(commands):
        if command.tests and command.command not in seen:
            seen.add(command.command)
            yield command
            if len(seen) == most:
                return
