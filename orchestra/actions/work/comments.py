"""Comments of the person on a session's work: written, collected, sent as a round, answered, settled."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from orchestra.actions.messaging.messages import LONGEST, cleaned, send
from orchestra.actions.requests import BLANK, Notebook
from orchestra.actions.session.branch_sync import import_commits
from orchestra.actions.work.comment_places import note_answers
from orchestra.comments import round_texts, where
from orchestra.errors import NotFound, OrchestraError, Refused, UsageError
from orchestra.model import Comment, CommentState, MessageKind, Placed, Session
from orchestra.names import PERSON
from orchestra.protocol import plain

if TYPE_CHECKING:
    from orchestra.project import Project

LONGEST_TEXT = 16 * 1024
"""The most bytes of one comment."""
_SENT = {CommentState.OPEN, CommentState.ANSWERED, CommentState.SETTLED}


def edit_comment(project: Project, name: str, number: int, text: str) -> dict[str, Any]:
    """Change the text of a draft; raises Refused for a comment that was sent."""
    session = project.store.sessions.get(name)
    with project.store.together():
        _draft(project, session, number)
        return as_data(project.store.comments.update(session.id, number, text=checked(text)), name)


def delete_comment(project: Project, name: str, number: int) -> None:
    """Throw a draft away; raises Refused for a comment that was sent."""
    session = project.store.sessions.get(name)
    with project.store.together():
        _draft(project, session, number)
        project.store.comments.discard(session.id, number)


def send_comments(project: Project, name: str, *, notebook: Notebook = BLANK) -> dict[str, Any]:
    """Send all drafts to a session as one message: the next round. Raises Refused if there is none.

    A round that is too long for one message is sent as several.
    """
    if notebook.before:
        done: dict[str, Any] = json.loads(notebook.before)
        return done
    # What is committed already is no answer.
    with suppress(OrchestraError):
        import_commits(project, project.store.sessions.get(name))
    with project.store.together():
        sent = _send(project, project.store.sessions.get(name))
        notebook.note(json.dumps(sent))
    return sent


def _send(project: Project, session: Session) -> dict[str, Any]:
    store, name = project.store, session.name
    known = store.comments.of(session.id)
    drafts = [one for one in known if one.state is CommentState.DRAFT]
    if not drafts:
        raise Refused(f"there are no drafts of comments on {name}", hint=f"write one: orchestra review {name}")
    number = 1 + max(one.round for one in known)
    texts = round_texts(number, drafts, LONGEST)
    messages = [_post(project, session, number, part, text) for part, text in enumerate(texts, 1)]
    values = {"round": number, "state": CommentState.OPEN, "head": session.head, "message_id": messages[0]}
    for one in drafts:
        store.comments.update(session.id, one.number, **values)
    store.events.log(name, "comments", f"round {number}: {len(drafts)} sent")
    return {"name": name, "round": number, "comments": len(drafts), "messages": messages}


def _post(project: Project, session: Session, number: int, part: int, text: str) -> int:
    key = f"comments.{session.id}.{number}.{part}"
    return send(project, sender=PERSON, recipient=session.name, text=text, kind=MessageKind.MESSAGE, dedupe=key).id


def settle_comment(project: Project, name: str, number: int) -> dict[str, Any]:
    """Record that the person needs nothing more of a comment that was sent."""
    return _change(project, name, number, CommentState.SETTLED)


def reopen_comment(project: Project, name: str, number: int) -> dict[str, Any]:
    """Open an answered or settled comment again; only later commits and replies answer it."""
    session = project.store.sessions.get(name)
    return _change(project, name, number, CommentState.OPEN, head=session.head, commit_id="", reply="")


def _change(project: Project, name: str, number: int, state: CommentState, **values: str) -> dict[str, Any]:
    session = project.store.sessions.get(name)
    with project.store.together():
        if project.store.comments.get(session.id, number).state is CommentState.DRAFT:
            raise Refused(f"comment {number} has not been sent", hint=f"send it: orchestra comment {name} --send")
        return as_data(project.store.comments.update(session.id, number, state=state, **values), name)


def unsettled(project: Project, session: Session) -> list[dict[str, Any]]:
    """Return the comments that a session has to answer, as its agent sees them."""
    note_answers(project, session)
    known = project.store.comments.of(session.id)
    return [
        {
            "number": one.number,
            "round": one.round,
            "state": one.state,
            "about": where(one.target),
            "code": one.quoted,
            "comment": one.text,
        }
        for one in known
        if one.state is CommentState.OPEN
    ]


def answer_comment(project: Project, session: Session, number: int, text: str) -> Comment:
    """Record a session's reply to a comment that it was sent; raises NotFound, and Refused for a settled one."""
    words, store = checked(text), project.store
    with store.together():
        known = store.comments.get(session.id, number)
        if known.state not in _SENT:
            raise NotFound(f"there is no comment {number}", hint="read_comments lists them")
        if known.state is CommentState.SETTLED:
            raise Refused(f"comment {number} is settled", hint="nothing more is needed")
        store.events.log(session.name, "answered", f"comment {number}")
        return store.comments.update(session.id, number, state=CommentState.ANSWERED, reply=words)


def checked(text: str) -> str:
    """Return the text of a comment without control characters; raises UsageError for an empty or too long one."""
    words = cleaned(text)
    if not words:
        raise UsageError("the comment is empty", hint="say what you want changed")
    if len(words.encode("utf-8", "replace")) > LONGEST_TEXT:
        raise UsageError(f"the comment is longer than {LONGEST_TEXT // 1024} KiB", hint="write it as several comments")
    return words


def _draft(project: Project, session: Session, number: int) -> None:
    state = project.store.comments.get(session.id, number).state
    if state is not CommentState.DRAFT:
        raise Refused(
            f"comment {number} has been sent",
            hint=f"to be done with it: orchestra comment {session.name} --settle {number}",
        )


def as_data(one: Comment, name: str) -> dict[str, Any]:
    """Return a comment as plain data."""
    shown = {key: value for key, value in plain(one).items() if key not in {"session_id", "target", "head"}}
    about = {key: value for key, value in plain(one.target).items() if key != "blob"}
    return {"name": name, **about, **shown}


def placed_as_data(placed: Placed, name: str) -> dict[str, Any]:
    """Return a comment, and where its lines are now, as plain data."""
    return {**as_data(placed.comment, name), "now": plain(placed.place)}
