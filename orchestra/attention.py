"""Decide which sessions need the person, and why; pure, without effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from types import MappingProxyType

from orchestra.comments import progress_words
from orchestra.model import (
    AnsweredBy,
    Entry,
    Message,
    PermissionRequest,
    Role,
    RoundProgress,
    Session,
    Sign,
    State,
)
from orchestra.names import MAIN, PERSON
from orchestra.questions import asking, question_text


class NeedKind(StrEnum):
    """Why a session needs the person.

    PERMISSION: its agent asks for one, and Orchestra knows exactly for what. PROMPT: its window
    shows a dialog. QUESTION: it asked the person, or a session that cannot answer. TROUBLE: its
    worktree or branch needs repair. STUCK: it seems to make no progress. DONE: it has finished, and
    nobody has seen the result. MERGE: the designer asks to merge it. MESSAGE: it, or Orchestra, wrote to the person.
    """

    PERMISSION = "permission"
    PROMPT = "prompt"
    QUESTION = "question"
    FAILED = "failed"
    TROUBLE = "trouble"
    STUCK = "stuck"
    DONE = "done"
    MERGE = "merge"
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
    a permission request cannot. ``over`` says how one ended that is shown only because the cursor is on it.
    """

    kind: NeedKind
    session: str
    since: datetime
    why: str
    detail: str = ""
    number: int = 0
    answerable: bool = False
    note: str = ""
    over: str = ""

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
    NeedKind.MERGE: Rank.UNREVIEWED,
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
    proposals: Iterable[Entry] = (),
    comments: Mapping[int, RoundProgress] = MappingProxyType({}),
    left: Mapping[int, str] | None = None,
) -> tuple[Need, ...]:
    """Return everything that waits for the person, oldest first.

    ``questions`` are the messages that sessions wait for an answer to, by number; ``reviewed`` is
    when the person last saw a session's result, by the session's id; ``unread`` are the messages to
    the person that they have not read; ``proposals`` are merges that the person has to approve;
    ``comments`` is how far the comments on sessions are, by the session's id; ``left`` is what is open in the
    specs of sessions that say they are done, in words, by the session's id.
    """
    asked = [_asked(one) for one in requests]
    known = {one.session for one in asked}
    merges = [_proposed(entry) for entry in proposals]
    # Whoever is proposed to be merged is done, and both ask for the same review.
    proposed = {need.session for need in merges}
    by_name = {session.name: session for session in sessions}
    finished = _finished(sessions, reviewed, left or {})
    found = [need for session in sessions for need in _of(session, by_name, questions, finished, session.name in known)]
    found = [_with_comments(need, comments.get(by_name[need.session].id)) for need in found]
    found = [need for need in found if need.kind is not NeedKind.DONE or need.session not in proposed]
    letters = [_written(message, by_name) for message in unread if message.id not in questions]
    return tuple(sorted([*asked, *found, *letters, *merges], key=lambda need: (need.since, need.key)))


def _asked(request: PermissionRequest) -> Need:
    return Need(
        NeedKind.PERMISSION, request.session, request.at, f"wants: {request.wanted}", request.detail, request.id,
        request.answerable, request.note,
    )  # fmt: skip


def ended(request: PermissionRequest) -> str:
    """Say how a permission request ended, as the end of a sentence that begins with it."""
    match request.answered_by:
        case AnsweredBy.WINDOW:
            return "was already answered in its window"
        case AnsweredBy.ENDED:
            return "is over: its agent no longer waits for it"
        case AnsweredBy.TIMEOUT:
            return "was denied, because nobody had answered in time"
        case AnsweredBy.RULE:
            return f"was already answered by the rule {request.rule!r}"
        case _:
            return f"was already answered: {request.decision}"


def _proposed(entry: Entry) -> Need:
    why = entry.reason or f"{entry.asked_by} asks to merge it"
    return Need(NeedKind.MERGE, entry.session, entry.changed_at, f"merge into {entry.target}? {why}", why)


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
    finished: Mapping[int, str],
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
    elif session.id in finished:
        words = session.evidence.text or session.summary
        why = f"{finished[session.id]}: {words or 'to review'}"
        yield Need(NeedKind.DONE, session.name, session.state_since, why, words)


def _finished(
    sessions: Iterable[Session], reviewed: Mapping[int, datetime], left: Mapping[int, str]
) -> dict[int, str]:  # fmt: skip
    """Return which sessions are done and not yet seen, by id, and how to say so."""
    done = (one for one in sessions if one.state is State.DONE and one.role is Role.EXECUTOR)
    return {one.id: ", ".join(filter(None, ("done", left.get(one.id)))) for one in done if not _seen(one, reviewed)}


def _with_comments(need: Need, progress: RoundProgress | None) -> Need:
    """Say of a result how many comments it answers."""
    words = progress_words(progress) if need.kind is NeedKind.DONE else ""
    return replace(need, why=f"done, {words}: {need.why.removeprefix('done: ')}") if words else need


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


def rank(session: Session, open_needs: Iterable[Need]) -> Rank:
    """Return the place of a session in the list, from its own open needs."""
    resting = Rank.WORKING if session.state in _AT_WORK else Rank.RESTING
    return min((_RANKS[need.kind] for need in open_needs), default=resting)
