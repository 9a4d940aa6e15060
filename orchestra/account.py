"""Give an account of a session from what is recorded: what it does now, what it did so far, what comes next; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orchestra.events import Outcome
from orchestra.ledger import Command, Counts, Ledger, Noted, last_tests
from orchestra.model import Claim, DiffStat, Intent, ItemState, Message, ModelSummary, PermissionRequest, Session, State
from orchestra.names import PERSON
from orchestra.proof import ItemProof, Tally, items_of, proofs, tally
from orchestra.questions import asking, question_text

_COMMANDS, _TESTS, _FILES, _COMMITS, _ITEMS = 8, 3, 8, 5, 20
_LONGEST_ITEM = 200
_LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Facts:
    """What is recorded of a session beside its events.

    ``requests`` are its open permission requests, ``question`` is the message whose answer it waits for. ``sent`` and
    ``received`` count its messages, ``unread`` those that it has not read. ``spec`` is its newest version, ``claims``
    are what it says shows the spec's items. ``said`` is what a model says of it, which is no fact.
    """

    session: Session
    now: datetime
    requests: Sequence[PermissionRequest] = ()
    question: Message | None = None
    spec: str = ""
    claims: Sequence[Claim] = ()
    sent: int = 0
    received: int = 0
    unread: int = 0
    said: ModelSummary | None = None


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
class NextItem:
    """An item of a spec; ``command`` is what its session says shows it, ``ended`` how that ended on merged files."""

    text: str
    state: ItemState
    command: str = ""
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Next:
    """What a session waits for, and the items of its spec (``- [ ]``), the open ones first; ``tally`` counts all."""

    waits_for: str = ""
    items: tuple[NextItem, ...] = ()
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True)
class Account:
    """The account of a session in three parts, made ``at`` a time; ``said`` is what a model says, and no part of it."""

    session: str
    at: datetime
    now: Now
    so_far: SoFar
    next: Next
    said: ModelSummary | None = None


def account(facts: Facts, ledger: Ledger) -> Account:
    """Return the account of a session; ``ledger`` has taken its events."""
    parts = _now(facts, ledger), _so_far(facts, ledger), _next(facts)
    return Account(facts.session.name, facts.now, *parts, said=facts.said)


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
        return f"wants: {facts.requests[0].wanted}"
    if facts.question is None:
        return ""
    rest = question_text(facts.question).splitlines()[1:]
    return "\n".join([asking(facts.question), *rest])[:_LONGEST_WORDS]


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
    shown = proofs(items_of(facts.spec), facts.claims)
    first = sorted(shown, key=lambda one: _FIRST.index(one.state))[:_ITEMS]
    return Next(_waits_for(facts), tuple(map(_item, first)), tally(shown))


_FIRST = (ItemState.OPEN, ItemState.CLAIMED, ItemState.PROVED)


def _item(one: ItemProof) -> NextItem:
    command, run = (one.claim.command, one.claim.run) if one.claim else ("", None)
    return NextItem(one.item.text[:_LONGEST_ITEM], one.state, command[:_LONGEST_WORDS], run.ending if run else "")


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
