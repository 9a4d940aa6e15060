"""Messages between sessions and the person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra.errors import NotAllowed, NotFound, Refused, UsageError
from orchestra.model import Message, MessageKind, MessageState, Role, Session, Sign
from orchestra.names import MAIN, PERSON, SYSTEM

if TYPE_CHECKING:
    from orchestra.project import Project

LONGEST = 64 * 1024
"""The most bytes of text in one message."""
PAGE, LONGEST_PAGE = 200, 1000
"""How many messages a list shows by default, and at most."""
MAILBOX_SHARE = 100
"""The most messages from one session that may be queued in one mailbox."""
MAILBOX = 1000
"""The most messages from all sessions that may be queued in one mailbox."""
QUOTA = 64 * 1024 * 1024
"""The most bytes of text that one session may ever send."""

_PREFIXES = {
    "COMPLETE:": MessageKind.COMPLETE,
    "ERROR:": MessageKind.ERROR,
    "QUESTION:": MessageKind.QUESTION,
    "PROGRESS:": MessageKind.PROGRESS,
}
_SIGNS = {
    MessageKind.COMPLETE: Sign.COMPLETED,
    MessageKind.ERROR: Sign.REPORTED_ERROR,
    MessageKind.QUESTION: Sign.ASKED,
}


def kind_of(text: str) -> MessageKind:
    """Return the kind that a message's first word declares, by default a plain message."""
    first = text.lstrip().split(maxsplit=1)[:1]
    return _PREFIXES.get(first[0].upper() if first else "", MessageKind.MESSAGE)


def send(
    project: Project,
    *,
    sender: str,
    recipient: str,
    text: str,
    kind: MessageKind | str | None = None,
    dedupe: str | None = None,
    answers: int | None = None,
) -> Message:
    """Put a message into the recipient's inbox; its kind may change the sender's state.

    ``answers`` is the question that it answers; without it, an open question of the recipient counts
    as answered. ``sender`` is the caller's verified identity, never a name from the request. Raises
    NotFound for a recipient that does not exist, UsageError for an empty or too long text, Refused
    for an answer to a question that is no longer open.
    """
    text = _checked(text)
    recipient = MAIN if recipient in {"", MAIN, "designer"} else recipient
    if recipient not in {PERSON, SYSTEM}:
        _reachable(project, recipient)
    sort = MessageKind(kind) if kind is not None else kind_of(text)
    # Together, so that a message that is sent again or interrupted changes no state twice or in part.
    with project.store.together():
        before = project.store.messages.sent(sender, dedupe) if dedupe else None
        if before is None:
            _check_open(project, recipient, answers)
        if sender == PERSON:
            mark_seen(project, recipient)
        return before or _post(project, sender, recipient, sort, text, dedupe=dedupe)


def _check_open(project: Project, recipient: str, answers: int | None) -> None:
    """Refuse an answer to a question that has one already, which would be taken for that to the next question."""
    asked = project.store.sessions.find(recipient)
    if answers is not None and (asked is None or asked.waits_for != answers):
        raise Refused(
            f"question {answers} of {recipient} is no longer open",
            hint=f'to write to it all the same: orchestra send {recipient} "…"',
        )


def _post(
    project: Project, sender: str, recipient: str, kind: MessageKind, text: str, *, dedupe: str | None
) -> Message:
    _check_room(project, sender, recipient, text)
    answers = _question(project, sender, recipient, kind)
    message = project.store.messages.post(sender, recipient, kind, text, dedupe=dedupe, answers=answers)
    if answers is not None:
        project.store.sessions.record_sign(recipient, Sign.ANSWERED, f"{sender} answered")
    if kind in _SIGNS and project.store.sessions.find(sender) is not None:
        waits_for = message.id if kind in {MessageKind.QUESTION, MessageKind.ERROR} else None
        signed = project.store.sessions.record_sign(sender, _SIGNS[kind], first_line(text), waits_for=waits_for)
        if kind is MessageKind.COMPLETE:
            project.store.queue.reported_complete(signed.id)
    return message


def _check_room(project: Project, sender: str, recipient: str, text: str) -> None:
    """Refuse a message that would overfill a mailbox; the person and Orchestra itself may always write."""
    if sender in {PERSON, SYSTEM}:
        return
    own, all_of_them = project.store.messages.waiting_from(recipient, sender)
    if own >= MAILBOX_SHARE:
        message = f"{own} of your messages to {recipient} are still queued, which is the limit"
        raise Refused(message, hint="wait until it has read some of them")
    if all_of_them >= MAILBOX:
        raise Refused(
            f"{recipient} has {all_of_them} unread messages, which is the limit",
            hint="wait until it has read some of them",
        )
    if project.store.messages.sent_bytes(sender) + len(text.encode("utf-8", "replace")) > QUOTA:
        message = f"{sender} has sent {QUOTA // 1024 // 1024} MiB of messages, which is the limit for a session"
        raise Refused(message, hint="write long texts to files in your worktree and send their names")


def _question(project: Project, sender: str, recipient: str, kind: MessageKind) -> int | None:
    """Return the recipient's open question if this sender may answer it: the session it was put to, or the person."""
    asked = project.store.sessions.find(recipient)
    if asked is None or asked.waits_for is None or sender in {SYSTEM, recipient} or kind is MessageKind.SPEC:
        return None
    may = sender == PERSON or project.store.messages.is_addressed(asked.waits_for, sender)
    return asked.waits_for if may else None


def cleaned(text: str) -> str:
    """Return a text without control characters, and without blanks around it."""
    return "".join(character for character in text if character in "\n\t" or character.isprintable()).strip()


def _checked(text: str) -> str:
    clean = cleaned(text)
    if not clean:
        raise UsageError("the message is empty", hint="say something")
    if len(clean.encode("utf-8", "replace")) > LONGEST:
        raise UsageError(
            f"the message is longer than {LONGEST // 1024} KiB", hint="write it to a file and send its name"
        )
    return clean


def _reachable(project: Project, name: str) -> Session:
    try:
        return project.store.sessions.get(name)
    except NotFound:
        if project.store.sessions.deleted(name) is not None:
            raise NotFound(f"{name} has been deleted", hint=f"to bring it back: orchestra restore {name}") from None
        raise


def check_family(project: Project, sender: Session, recipient: str) -> None:
    """Raise NotAllowed unless ``recipient`` is the person or the sender's parent, sibling or child."""
    if recipient in {PERSON, MAIN, ""} or sender.role is Role.DESIGNER:
        return
    other = project.store.sessions.get(recipient)
    if recipient != sender.parent and other.parent not in {sender.name, sender.parent}:
        raise NotAllowed(
            f"{sender.name} may not write to {recipient}", hint='write to your designer: session_id="main"'
        )


def report(project: Project, *, sender: str, kind: str, text: str, dedupe: str | None = None) -> Message:
    """Report to the sender's parent; ``kind`` is complete, error, question or progress."""
    allowed = {MessageKind.COMPLETE, MessageKind.ERROR, MessageKind.QUESTION, MessageKind.PROGRESS}
    if kind not in allowed:
        raise UsageError(f"a report cannot be {kind!r}", hint=f"choose from: {', '.join(sorted(allowed))}")
    parent = project.store.sessions.get(sender).parent or PERSON
    return send(project, sender=sender, recipient=parent, text=text, kind=kind, dedupe=dedupe)


def read(project: Project, recipient: str) -> list[Message]:
    """Return the recipient's unread messages, oldest first, and mark them as read."""
    return project.store.messages.claim(recipient, MessageState.READ)


def unread(project: Project, recipient: str, *, limit: int) -> list[Message]:
    """Return the oldest unread messages of the recipient, oldest first; `mark_read` marks them."""
    return project.store.messages.unread(recipient, limit)


def mark_read(project: Project, numbers: list[int]) -> None:
    """Record that messages were read."""
    project.store.messages.mark(numbers, MessageState.READ)


def mark_seen(project: Project, name: str) -> None:
    """Record that the person has read what a session wrote to them; for the designer, also what Orchestra wrote."""
    senders = {name, SYSTEM} if name == MAIN else {name}
    queued = project.store.messages.select(recipient=PERSON, states=[MessageState.QUEUED])
    mark_read(project, [message.id for message in queued if message.sender in senders])


def inbox(project: Project, name: str = "", *, limit: int = PAGE, before: int = 0) -> list[Message]:
    """Return the newest messages for a session, or without a name of the whole project, oldest first.

    With ``before``, only messages with a smaller number count.
    """
    if name and name != PERSON:
        project.store.sessions.get(name)
    if not 0 < limit <= LONGEST_PAGE:
        raise UsageError(
            f"the number of messages must be from 1 to {LONGEST_PAGE}, not {limit}", hint="see: orchestra inbox -h"
        )
    return project.store.messages.select(recipient=name or None, limit=limit, before_id=before)


def first_line(text: str, length: int = 120) -> str:
    """Return a text's first line, shortened."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    return line if len(line) <= length else f"{line[: length - 1]}…"


def given_in(prompt: str, messages: list[Message]) -> list[Message]:
    """Return those messages that a prompt contains as `quoted` writes them."""
    heads = {line.strip() for line in prompt.splitlines()}
    return [message for message in messages if _head(message) in heads]


def quoted(messages: list[Message]) -> str:
    """Return messages as an agent sees them: with sender and id, quoted line by line."""
    return "\n\n".join(_quote(message) for message in messages)


def heads(messages: list[Message]) -> list[str]:
    """Return the first lines by which typed messages are recognised."""
    return [_head(message) for message in messages]


def _head(message: Message) -> str:
    who = "the person" if message.sender == PERSON else message.sender
    label = "" if message.kind is MessageKind.MESSAGE else f", {message.kind}"
    return f"[message {message.id} from {who}{label}]"


def _quote(message: Message) -> str:
    lines = "\n".join(f"> {line}" for line in message.text.splitlines())
    return f"{_head(message)}\n{lines}"
