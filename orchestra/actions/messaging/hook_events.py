"""Record what agents' hooks report: evidence of their state, cost and context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestra.actions.messaging import permission_requests
from orchestra.actions.messaging.messages import first_line
from orchestra.agents import Family
from orchestra.agents.activity import named
from orchestra.events import Outcome, ToolCall
from orchestra.lifecycle import went_on
from orchestra.model import MessageKind, MessageState, Session, Sign, Spent
from orchestra.names import SYSTEM
from orchestra.stuck import FAILED

if TYPE_CHECKING:
    from orchestra.project import Project


RESULT = "tool-result"
"""The kind of the event for the result of a tool that is told after its end."""


def comes_late(project: Project, session: Session, signs: Sequence[tuple[Sign, str]]) -> bool:
    """Return whether a READY hook is outdated, because the agent has begun a turn since."""
    return any(sign is Sign.READY for sign, _ in signs) and went_on(project.store.sessions.program_sign(session.name))


def record_signs(
    project: Project, session: Session, signs: Sequence[tuple[Sign, str]], call: ToolCall | None = None
) -> None:
    """Record the signs of a session's state; other tools that go on do not hide that it waits for a permission.

    ``call`` is the call of a tool that the same report tells of; one without a sign is no evidence of a state.
    """
    if call is not None and not signs:
        project.store.events.log(session.name, RESULT, _result(call), call=call)
    between = permission_requests.is_between(project, session, signs)
    for sign, text in signs:
        if between:
            project.store.events.log(session.name, sign.value, text, call=call)
            continue
        project.store.sessions.record_sign(session.name, sign, text, call=call)
        if sign is Sign.READY:
            _recall(project, session)


def _result(call: ToolCall) -> str:
    """Describe a result as other agents' events do."""
    doing = named(call.tool, {"command": call.subject})
    return f"{doing}{FAILED}" if call.outcome is Outcome.FAILED else doing


def record_usage(project: Project, session: Session, family: Family, event: str, payload: Mapping[str, Any]) -> None:
    """Record what the hook reports of a session's usage."""
    told = family.usage(event, payload)
    if told is None:
        return
    with project.store.together():
        project.store.usage.record(session.id, told.counter, Spent(told.cost, told.tokens_in, told.tokens_out))
        until = told.limit.until(project.store.now()) if told.limit else None
        project.store.usage.note(
            session.id, context=told.context, model=told.model, limited_until=until, limit_known=told.limit is not None
        )


def mark_read(project: Project, session: Session) -> None:
    """Mark what was in the conversation at the end of a turn as read."""
    given = project.store.messages.select(recipient=session.name, states=[MessageState.DELIVERED])
    project.store.messages.mark([message.id for message in given], MessageState.READ)


def _recall(project: Project, session: Session) -> None:
    """Restore the state ``done`` of an agent that starts again, if its report was its last message."""
    sent = project.store.messages.select(sender=session.name, limit=1)
    heard = [
        message
        for message in project.store.messages.select(recipient=session.name, limit=20)
        if message.sender != SYSTEM
    ]
    if sent and sent[-1].kind is MessageKind.COMPLETE and all(message.id < sent[-1].id for message in heard):
        project.store.sessions.record_sign(session.name, Sign.COMPLETED, first_line(sent[-1].text))
