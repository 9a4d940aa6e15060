"""Decide which sessions need the person, and why; pure, without effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from orchestra.model import Message, MessageKind, PermissionRequest, Role, Session, Sign, State
from orchestra.names import MAIN, PERSON


class NeedKind(StrEnum):
    """Why a session needs the person.

    PERMISSION: its agent asks for one, and Orchestra knows exactly for what. PROMPT: its window
    shows a dialog. QUESTION: it asked the person, or a session that cannot answer. TROUBLE: its
    worktree or branch needs repair. STUCK: it seems to make no progress. DONE: it has finished, and
    nobody has seen the result. MESSAGE: it, or Orchestra, wrote to the person.
    """

    PERMISSION = "permission"
    PROMPT = "prompt"
    QUESTION = "question"
    FAILED = "failed"
    TROUBLE = "trouble"
    STUCK = "stuck"
    DONE = "done"
    MESSAGE = "message"


class Rank(IntEnum):
    """The order of sessions in the list: what needs the person comes first."""

    ASKS = 0
    FAILED = 1
    UNREVIEWED = 2
    WORKING = 3
    RESTING = 4


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that waits for the person.

    ``why`` is one line, ``detail`` all of it. ``number`` is the id of the permission request or
    message, and 0 for the rest. ``answerable`` says whether it can be answered from here, ``note`` why
    a permission request cannot.
    """

    kind: NeedKind
    session: str
    since: datetime
    why: str
    detail: str = ""
    number: int = 0
    answerable: bool = False
    note: str = ""

    @property
    def key(self) -> str:
        """What identifies this need as long as it is open."""
        return f"{self.kind}:{self.session}:{self.number or self.since.isoformat()}"


_RANKS = {
    NeedKind.PERMISSION: Rank.ASKS,
    NeedKind.PROMPT: Rank.ASKS,
    NeedKind.QUESTION: Rank.ASKS,
    NeedKind.FAILED: Rank.FAILED,
    NeedKind.TROUBLE: Rank.FAILED,
    NeedKind.STUCK: Rank.FAILED,
    NeedKind.DONE: Rank.UNREVIEWED,
    NeedKind.MESSAGE: Rank.UNREVIEWED,
}
_AT_WORK = frozenset({State.STARTING, State.WORKING, State.WAITING, State.UNKNOWN})
_CANNOT_ANSWER = frozenset({State.FAILED, State.STOPPED})


def needs(
    sessions: Sequence[Session],
    *,
    questions: Mapping[int, Message],
    requests: Iterable[PermissionRequest],
    reviewed: Mapping[int, datetime],
    unread: Iterable[Message] = (),
) -> tuple[Need, ...]:
    """Return everything that waits for the person, oldest first.

    ``questions`` are the messages that sessions wait for an answer to, by number; ``reviewed`` is
    when the person last saw a session's result, by the session's id; ``unread`` are the messages to
    the person that they have not read.
    """
    asked = [_asked(one) for one in requests]
    known = {one.session for one in asked}
    by_name = {session.name: session for session in sessions}
    found = [need for session in sessions for need in _of(session, by_name, questions, reviewed, session.name in known)]
    letters = [_written(message, by_name) for message in unread if message.id not in questions]
    return tuple(sorted([*asked, *found, *letters], key=lambda need: (need.since, need.key)))


def _asked(request: PermissionRequest) -> Need:
    words = request.summary.removeprefix("runs: ") or request.tool
    return Need(
        NeedKind.PERMISSION, request.session, request.at, f"wants: {words}", request.detail, request.id,
        request.answerable, request.note,
    )  # fmt: skip


def _written(message: Message, by_name: Mapping[str, Session]) -> Need:
    words = question_text(message)
    why = f"writes: {words.splitlines()[0] if words else ''}"
    session = message.sender if message.sender in by_name else MAIN
    who = "" if session == message.sender else f"{message.sender} "
    return Need(NeedKind.MESSAGE, session, message.sent_at, f"{who}{why}", words, message.id, answerable=True)


def _of(
    session: Session,
    by_name: Mapping[str, Session],
    questions: Mapping[int, Message],
    reviewed: Mapping[int, datetime],
    known: bool,  # noqa: FBT001 -- whether its permission requests are listed already
) -> Iterable[Need]:
    if session.trouble:
        yield Need(NeedKind.TROUBLE, session.name, session.state_since, session.trouble, session.trouble)
    if session.stuck:
        yield Need(NeedKind.STUCK, session.name, session.state_since, f"stuck: {session.stuck}", session.stuck)
    if session.state is State.FAILED:
        words = session.evidence.text or "its agent ended"
        yield Need(NeedKind.FAILED, session.name, session.state_since, f"failed: {words}", words)
    elif (question := _question(session, by_name, questions)) is not None:
        yield question
    elif session.state is State.WAITING and session.evidence.sign is Sign.PROMPTED and not known:
        words = session.evidence.text
        why = words if words.startswith("wants") else f"wants: {words or 'an answer'}"
        yield Need(NeedKind.PROMPT, session.name, session.state_since, why, words)
    elif session.state is State.DONE and session.role is Role.EXECUTOR and not _seen(session, reviewed):
        words = session.evidence.text or session.summary
        yield Need(NeedKind.DONE, session.name, session.state_since, f"done: {words or 'to review'}", words)


def _seen(session: Session, reviewed: Mapping[int, datetime]) -> bool:
    at = reviewed.get(session.id)
    return at is not None and at >= session.state_since


def _question(session: Session, by_name: Mapping[str, Session], questions: Mapping[int, Message]) -> Need | None:
    message = questions.get(session.waits_for or 0)
    if message is None:
        return None
    other = by_name.get(message.recipient)
    if message.recipient != PERSON and other is not None and other.state not in _CANNOT_ANSWER:
        return None
    return Need(
        NeedKind.QUESTION, session.name, message.sent_at, asking(message), question_text(message), message.id, True
    )


def asking(message: Message) -> str:
    """Return a question in one line, with whom it was put to unless that is the person."""
    verb = "reports" if message.kind is MessageKind.ERROR else "asks"
    whom = "" if message.recipient == PERSON else f" {message.recipient}"
    words = question_text(message)
    return f"{verb}{whom}: {words.splitlines()[0] if words else ''}"


def question_text(message: Message) -> str:
    """Return a message without the word that says of what kind it is."""
    text = message.text.strip()
    prefix = f"{message.kind.upper()}:"
    return text[len(prefix) :].strip() if text.upper().startswith(prefix) else text


def rank(session: Session, open_needs: Iterable[Need]) -> Rank:
    """Return the place of a session in the list, from its own open needs."""
    resting = Rank.WORKING if session.state in _AT_WORK else Rank.RESTING
    return min((_RANKS[need.kind] for need in open_needs), default=resting)
