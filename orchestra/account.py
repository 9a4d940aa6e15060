"""Give an account of a session from what is recorded: what it does now, what it did so far, what comes next; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestra.events import Outcome
from orchestra.ledger import Command, Counts, Ledger, Noted, last_tests
from orchestra.model import DiffStat, Intent, Message, PermissionRequest, Session, State
from orchestra.names import PERSON

_COMMANDS, _TESTS, _FILES, _COMMITS, _ITEMS = 8, 3, 8, 5, 20
_LONGEST_ITEM = 200
_LONGEST_WORDS = 300
_ITEM = re.compile(r"\s{0,40}[-*+] \[([ xX])\] (.*)")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is recorded of a session beside its events.

    ``requests`` are its open permission requests, ``question`` is the message whose answer it waits for. ``sent`` and
    ``received`` count its messages, ``unread`` those that it has not read. ``spec`` is its newest version.
    """

    session: Session
    now: datetime
    requests: Sequence[PermissionRequest] = ()
    question: Message | None = None
    spec: str = ""
    sent: int = 0
    received: int = 0
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Now:
    """What a session does, since when; ``running`` is the command under way, ``asks`` the open request or question."""

    state: State
    since: datetime
    doing: str = ""
    running: Command | None = None
    asks: str = ""
    stuck: str = ""


@dataclass(frozen=True, slots=True)
class SoFar:
    """What a session did.

    ``commands`` are the last ones and ``tests`` the last runs of tests, newest first; ``counts`` counts all commands.
    ``files`` are those that the agent says it changed last, ``diff`` is what Orchestra counts. ``times`` are the
    seconds in each state since ``since``: from then on there are events.
    """

    since: datetime
    counts: Counts
    commands: tuple[Command, ...]
    tests: tuple[Command, ...]
    files: tuple[Noted, ...]
    diff: DiffStat
    commits: tuple[Noted, ...]
    all_commits: int
    sent: int
    received: int
    times: Mapping[State, float]


@dataclass(frozen=True, slots=True)
class Next:
    """What a session waits for, and which items of its spec (``- [ ]``) are open; ``open`` and ``done`` count them."""

    waits_for: str = ""
    items: tuple[str, ...] = ()
    open: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """The account of a session in three parts, made ``at`` a time."""

    session: str
    at: datetime
    now: Now
    so_far: SoFar
    next: Next


def account(facts: Facts, ledger: Ledger) -> Account:
    """Return the account of a session; ``ledger`` has taken its events."""
    return Account(facts.session.name, facts.now, _now(facts, ledger), _so_far(facts, ledger), _next(facts))


def _now(facts: Facts, ledger: Ledger) -> Now:
    session = facts.session
    running = [command for command in ledger.commands() if command.outcome is Outcome.BEGUN]
    return Now(
        state=session.state,
        since=session.state_since,
        doing=session.summary or session.evidence.text,
        running=running[-1] if running and session.state in {State.WORKING, State.WAITING} else None,
        asks=_asks(facts),
        stuck=session.stuck,
    )


def _asks(facts: Facts) -> str:
    if facts.requests:
        return f"permission: {facts.requests[0].summary}"
    return facts.question.text[:_LONGEST_WORDS] if facts.question else ""


def _so_far(facts: Facts, ledger: Ledger) -> SoFar:
    session, commands = facts.session, ledger.commands()
    times = ledger.times(session.state, session.state_since, facts.now)
    return SoFar(
        since=ledger.began or session.created_at,
        counts=ledger.counts(),
        commands=tuple(commands[: -_COMMANDS - 1 : -1]),
        tests=tuple(last_tests(commands, _TESTS)),
        files=tuple(_named(facts, file) for file in ledger.files()[: -_FILES - 1 : -1]),
        diff=session.diff,
        commits=tuple(ledger.commits()[: -_COMMITS - 1 : -1]),
        all_commits=session.commits,
        sent=facts.sent,
        received=facts.received,
        times={state: round(times[state].total_seconds(), 1) for state in State if state in times},
    )


def _named(facts: Facts, file: Noted) -> Noted:
    """Return a file with its path in the worktree."""
    return Noted(file.text.removeprefix(f"{facts.session.worktree}/"), file.at)


def _next(facts: Facts) -> Next:
    items = list(_items(facts.spec))
    left = [text for done, text in items if not done]
    return Next(_waits_for(facts), tuple(left[:_ITEMS]), len(left), len(items) - len(left))


def _waits_for(facts: Facts) -> str:
    """Return in a few words what has to happen before the session goes on; empty while it works."""
    session = facts.session
    if facts.requests:
        return "your answer to its request"
    if facts.question:
        return "your answer" if facts.question.recipient == PERSON else f"an answer from {facts.question.recipient}"
    if session.limited_until and session.limited_until > facts.now:
        return "the end of its rate limit"
    if session.intent is Intent.STOP or session.state is State.STOPPED:
        return "being resumed"
    if facts.unread and session.state in {State.IDLE, State.DONE}:
        return f"{facts.unread} message{'s' * (facts.unread > 1)} to reach it"
    return _RESTS.get(session.state, "")


_RESTS = {
    State.WAITING: "an answer in its window",
    State.IDLE: "its next message",
    State.DONE: "your review",
    State.FAILED: "your help",
}


def _items(spec: str) -> list[tuple[bool, str]]:
    """Return the items of a spec's task lists (GitHub Flavored Markdown, 5.3): whether each is done, and its text."""
    items, fenced = [], False
    for line in spec.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and (found := _ITEM.match(line)):
            items.append((found[1] != " ", found[2].strip()[:_LONGEST_ITEM]))
    return items
