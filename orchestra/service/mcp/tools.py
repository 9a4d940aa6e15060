"""The MCP tools, one for each action; models read the docstrings."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any, Literal

from mcp_types import CallToolResult
from pydantic import Field

from orchestra.actions import permissions
from orchestra.actions.messaging import messages
from orchestra.actions.session import manage, spawn
from orchestra.actions.work import merge, review, spec
from orchestra.model import Role
from orchestra.service.context import Caller
from orchestra.service.delivery import pull
from orchestra.service.limits import seconds_to_wait
from orchestra.service.mcp.tool_support import (
    AnyContext,
    answer,
    calling,
    check,
    handed,
    once,
    recipient,
    sent_once,
    target,
)

LONGEST_WAIT = 300.0
"""The longest that one call of ``wait_for_messages`` waits, in seconds."""
Name = Annotated[str, Field(description='The session\'s name, as list_sessions shows it; "main" is the designer.')]
Tool = Callable[..., Coroutine[Any, Any, CallToolResult]]


async def send_message_to_session(
    ctx: AnyContext,
    session_id: Name,
    message: Annotated[str, Field(description="The text. Begin it with QUESTION:, ERROR:, COMPLETE: or PROGRESS:.")],
) -> CallToolResult:
    """Send a message to another session; "main" is the designer.

    It is stored at once and delivered when the other agent's turn ends. Say early what you need:
    a question that seems obvious costs less than work in the wrong direction.
    """
    caller = calling(ctx)
    text = check(message, "the message")
    await _may_send(caller, ctx)
    sent = await caller.act(_send, caller, recipient(session_id), text, once(ctx))
    return answer({"id": sent.id, "recipient": sent.recipient, "kind": sent.kind, "state": sent.state})


async def _may_send(caller: Caller, ctx: AnyContext) -> None:
    caller.context.shares.message(caller.session.id)
    if not once(ctx):
        await caller.send_alone()


def _send(project: Any, caller: Caller, to: str, text: str, dedupe: str | None) -> Any:  # noqa: ANN401 -- passed through
    messages.check_family(project, caller.session, to)
    send = partial(messages.send, project, sender=caller.name, recipient=to, text=text, dedupe=dedupe)
    return send() if dedupe else sent_once(project, caller, ["send", to, text], send)


async def read_messages(ctx: AnyContext) -> CallToolResult:
    """Return your unread messages, oldest first, and mark them as read."""
    given, more = await pull.read(calling(ctx))
    return handed(given, more=more)


async def wait_for_messages(
    ctx: AnyContext,
    timeout: Annotated[float, Field(description="Seconds to wait, at most 300.")] = 30.0,  # noqa: ASYNC109 -- the caller's wish
) -> CallToolResult:
    """Wait until a message arrives, then return your unread messages. No message is not an error."""
    given, more = await pull.wait(calling(ctx), seconds_to_wait(timeout, LONGEST_WAIT))
    return handed(given, more=more)


async def read_spec(
    ctx: AnyContext,
    session_id: Annotated[str, Field(description="The session whose spec to read; empty: your own.")] = "",
) -> CallToolResult:
    """Return the newest version of a spec, which says what the session should build. Read it again when it changes."""
    caller = calling(ctx)
    session = await target(caller, "read_spec", session_id)
    newest = await caller.act(spec.read_spec, session.name, reader=caller.name)
    return answer(newest if newest is not None else f"{session.name} has no spec.")


async def list_sessions(ctx: AnyContext) -> CallToolResult:
    """List the sessions: name, role, state and since when, branch, unread messages, size of the diff."""
    return answer(await calling(ctx).act(manage.list_sessions))


async def report(
    ctx: AnyContext,
    kind: Annotated[
        Literal["complete", "error", "question", "progress"],
        Field(
            description="complete: the task is done; error or question: you need an answer; progress: for information."
        ),
    ],
    message: Annotated[str, Field(description="What you did, found or need; name files and test results.")],
) -> CallToolResult:
    """Report the state of your task to the designer. When it is done, always report complete, with what you tested."""
    caller = calling(ctx)
    text = check(message, "the report")
    await _may_send(caller, ctx)
    sent = await caller.act(_report, caller, kind, text, once(ctx))
    return answer({"id": sent.id, "recipient": sent.recipient, "kind": sent.kind, "state": sent.state})


def _report(project: Any, caller: Caller, kind: str, text: str, dedupe: str | None) -> Any:  # noqa: ANN401 -- passed through
    send = partial(messages.report, project, sender=caller.name, kind=kind, text=text, dedupe=dedupe)
    return send() if dedupe else sent_once(project, caller, ["report", kind, text], send)


async def spawn_executor(  # noqa: PLR0917 -- the protocol passes arguments by name
    ctx: AnyContext,
    title: Annotated[str, Field(description="A few words; the session's name is made from them.")],
    instructions: Annotated[
        str, Field(description="The whole task: goal, files, constraints, how to test, when it is done.")
    ],
    agent: Annotated[str, Field(description="The name of a profile; empty: the project's default.")] = "",
    base: Annotated[str, Field(description="The branch or commit to start from; empty: the current one.")] = "",
    paired: Annotated[bool, Field(description="Let it change your checkout too; only if the person asks.")] = False,  # noqa: FBT002 -- a tool's arguments come by name
) -> CallToolResult:
    """Start an executor: a new agent with its own worktree, branch and container, which works alone on one task.

    It knows nothing of this conversation except the instructions. It asks and reports by message.
    """
    caller = calling(ctx)
    permissions.permit(caller.session, "spawn", None)
    text = check(instructions, "the task")
    made = await caller.act(
        spawn.spawn, title=title, task=text, agent=agent, base=base, paired=paired, parent=caller.name
    )
    return answer({"name": made.name, "state": made.state, "branch": made.branch, "worktree": made.worktree})


async def get_session(ctx: AnyContext, session_id: Name) -> CallToolResult:
    """Return the details of one session: state with its evidence, commits, messages, last events."""
    caller = calling(ctx)
    session = await target(caller, "get_session", session_id)
    return answer(await caller.act(manage.show, session.name))


async def get_diff(
    ctx: AnyContext,
    session_id: Name,
    stat: Annotated[bool, Field(description="Return only the number of changed lines of each file.")] = False,  # noqa: FBT002 -- as above
) -> CallToolResult:
    """Return what a session has changed since its base, including uncommitted and new files."""
    caller = calling(ctx)
    session = await target(caller, "get_diff", session_id)
    text = await caller.act(review.diff, session.name, stat=stat)
    return answer(text or f"{session.name} has changed nothing.")


async def update_spec(
    ctx: AnyContext,
    session_id: Name,
    text: Annotated[str, Field(description="The whole new text.")],
) -> CallToolResult:
    """Replace a session's spec; its agent is sent the difference."""
    caller = calling(ctx)
    session = await target(caller, "update_spec", session_id)
    saved = await caller.act(spec.write_spec, session.name, check(text, "the spec"), caller.name)
    return answer({"session": session.name, "version": saved.version} if saved else "The spec is the same as before.")


async def review_session(ctx: AnyContext, session_id: Name) -> CallToolResult:
    """Return what a merge would bring in: commits, sizes, uncommitted files, conflicts, changed agent settings."""
    caller = calling(ctx)
    session = await target(caller, "review", session_id)
    return answer(await caller.act(review.review, session.name))


async def merge_session(
    ctx: AnyContext,
    session_id: Name,
    into: Annotated[str, Field(description="The branch to merge into; empty: the one it was started from.")] = "",
    strategy: Literal["merge", "squash", "rebase"] = "merge",
) -> CallToolResult:
    """Merge a session's branch after the project's check has passed on the merged files.

    On a conflict or a failing check nothing changes, and the executor gets the details as a message.
    """
    caller = calling(ctx)
    session = await target(caller, "merge", session_id)
    return answer(await caller.act(merge.merge, session.name, into=into, strategy=strategy))


async def stop_session(ctx: AnyContext, session_id: Name) -> CallToolResult:
    """Stop an executor's agent; its conversation, worktree and branch stay."""
    caller = calling(ctx)
    session = await target(caller, "stop", session_id)
    stopped = await caller.act(manage.stop, session.name)
    return answer({"name": stopped.name, "state": stopped.state})


async def delete_session(
    ctx: AnyContext,
    session_id: Name,
    force: Annotated[bool, Field(description="Delete it even while it works or waits for an answer.")] = False,  # noqa: FBT002 -- as above
) -> CallToolResult:
    """Delete an executor; all its work is kept, and the person can restore it."""
    caller = calling(ctx)
    session = await target(caller, "delete", session_id)
    return answer(await caller.act(manage.delete, session.name, force=force))


SHARED: tuple[Tool, ...] = (send_message_to_session, read_messages, wait_for_messages, read_spec, list_sessions)
TOOLS: dict[Role, tuple[Tool, ...]] = {
    Role.DESIGNER: (
        spawn_executor,
        get_session,
        get_diff,
        update_spec,
        review_session,
        merge_session,
        stop_session,
        delete_session,
        *SHARED,
    ),
    Role.EXECUTOR: (*SHARED, report),
}
"""Every role's tools."""
