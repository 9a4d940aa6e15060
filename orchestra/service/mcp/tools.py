"""The MCP tools, one for each action; models read the docstrings."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any, Literal

from mcp_types import CallToolResult
from pydantic import Field

from orchestra.actions import permissions
from orchestra.actions.landing import compare, merge
from orchestra.actions.landing import forecast as forecasts
from orchestra.actions.messaging import messages
from orchestra.actions.session import group, items, manage, spawn
from orchestra.actions.work import comments, fork, hand, review, spec
from orchestra.model import MessageKind, Role, Session
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
_OPEN_NAMED = 20
"""How many open items the answer to a report names."""
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


async def read_comments(ctx: AnyContext) -> CallToolResult:
    """Return the person's comments on your work that you have not answered: number, file and lines, code, text."""
    caller = calling(ctx)
    return answer(await caller.act(comments.unsettled, caller.session) or "No comment is open.")


async def answer_comment(
    ctx: AnyContext,
    number: Annotated[int, Field(description="The comment's number, as read_comments shows it.")],
    message: Annotated[str, Field(description="What you did about it, or why nothing is to be changed.")],
) -> CallToolResult:
    """Answer one of the person's comments. A commit that changes the lines it is about answers it too."""
    caller = calling(ctx)
    done = await caller.act(comments.answer_comment, caller.session, number, check(message, "the answer"))
    return answer({"number": done.number, "state": done.state})


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
    about = {"id": sent.id, "recipient": sent.recipient, "kind": sent.kind, "state": sent.state}
    left = await caller.act(_left_open, caller) if sent.kind is MessageKind.COMPLETE else []
    return answer({**about, "open_items": left} if left else about)


def _left_open(project: Any, caller: Caller) -> list[str]:  # noqa: ANN401 -- passed through
    return items.first_open(items.shown_items(project.store, caller.session), _OPEN_NAMED)


def _report(project: Any, caller: Caller, kind: str, text: str, dedupe: str | None) -> Any:  # noqa: ANN401 -- passed through
    send = partial(messages.report, project, sender=caller.name, kind=kind, text=text, dedupe=dedupe)
    return send() if dedupe else sent_once(project, caller, ["report", kind, text], send)


async def prove_item(
    ctx: AnyContext,
    item: Annotated[str, Field(description="The text of an item (`- [ ] …`) of your spec, or its number, from 1.")],
    command: Annotated[
        str, Field(description="A shell command that succeeds, in a fresh checkout, only if the item is done.")
    ],
) -> CallToolResult:
    """Name the command that shows an item of your own spec. Do it for each item, before you report complete.

    Orchestra runs the command itself, on your branch merged with its target, in a fresh container. An item counts as
    proved only if it succeeds there. Naming another command replaces the first.
    """
    caller = calling(ctx)
    check(item, "the item")
    return answer(await caller.act(_prove, caller, item, command))


def _prove(project: Any, caller: Caller, item: str, command: str) -> Any:  # noqa: ANN401 -- passed through
    claim = items.claim(project, caller.session, item, command)
    shown = items.shown_items(project.store, caller.session)
    return {"item": claim.item, "command": claim.command, **(items.counted(shown) or {})}


async def spawn_executor(  # noqa: PLR0917 -- the protocol passes arguments by name
    ctx: AnyContext,
    title: Annotated[str, Field(description="A few words; the session's name is made from them.")],
    instructions: Annotated[
        str, Field(description="The whole task: goal, files, constraints, how to test, when it is done.")
    ],
    agent: Annotated[str, Field(description="The name of a profile; empty: the project's default.")] = "",
    base: Annotated[str, Field(description="The branch or commit to start from; empty: the current one.")] = "",
    paired: Annotated[bool, Field(description="Let it change your checkout too; only if the person asks.")] = False,  # noqa: FBT002 -- a tool's arguments come by name
    agents: Annotated[
        list[str] | None, Field(description="Profiles that all get this same task, one executor for each.")
    ] = None,
    copies: Annotated[int, Field(description="How many executors for each profile get this same task.")] = 1,
) -> CallToolResult:
    """Start an executor: a new agent with its own worktree, branch and container, which works alone on one task.

    It knows nothing of this conversation except the instructions. It asks and reports by message. With agents or copies
    several work on the same task; compare_sessions shows them side by side, and the person takes one.
    """
    caller = calling(ctx)
    permissions.permit(caller.session, "spawn", None)
    text = check(instructions, "the task")
    kinds = list(dict.fromkeys(agents or [agent] * bool(agent)))
    if copies != 1 or len(kinds) > 1:
        wanted = {"agents": kinds, "copies": copies, "base": base, "parent": caller.name}
        team = await caller.act(group.spawn_group, title=title, task=text, **wanted)
        return answer([_made(session) for session in team])
    agent = "".join(kinds)
    made = await caller.act(
        spawn.spawn, title=title, task=text, agent=agent, base=base, paired=paired, parent=caller.name
    )
    return answer(_made(made))


def _made(session: Session) -> dict[str, Any]:
    names = ("name", "agent", "state", "branch", "worktree")
    return {name: getattr(session, name) for name in names}


async def compare_sessions(
    ctx: AnyContext,
    session_ids: Annotated[
        list[str], Field(description="Two or more sessions, or one of a group for the whole group.")
    ],
    run_checks: Annotated[bool, Field(description="Run what has not run yet, the commands of items too.")] = False,  # noqa: FBT002 -- as above
) -> CallToolResult:
    """Compare executors side by side: state, checks and items on each one's merge, size, time at work, cost, files.

    Nothing lands. The person takes one: it is merged, and the others are deleted.
    """
    caller = calling(ctx)
    for session_id in session_ids:
        await target(caller, "compare", session_id)
    found = await caller.act(compare.compare, session_ids, checks=run_checks)
    return answer(found)


async def hand_session(
    ctx: AnyContext,
    session_id: Name,
    agent: Annotated[str, Field(description="The profile of the agent that goes on.")],
) -> CallToolResult:
    """Let another kind of agent go on in a session: same worktree, branch, spec and messages.

    It is told what was recorded so far. The present agent is stopped; handed back, it resumes its conversation.
    """
    caller = calling(ctx)
    session = await target(caller, "hand", session_id)
    return answer(_made(await caller.act(hand.hand, session.name, to=agent)))


async def fork_session(
    ctx: AnyContext,
    session_id: Name,
    name: Annotated[str, Field(description="The new session's name; empty: one is chosen.")] = "",
    agent: Annotated[str, Field(description="The profile of its agent; empty: the same as the session's.")] = "",
) -> CallToolResult:
    """Create a second executor from the present state of one, uncommitted work included, on a branch of its own."""
    caller = calling(ctx)
    session = await target(caller, "fork", session_id)
    return answer(_made(await caller.act(fork.fork, session.name, new_name=name, agent=agent)))


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


async def forecast(ctx: AnyContext) -> CallToolResult:
    """Say which of your sessions will conflict, with each other or with their branch, and in which files.

    Uncommitted work counts too. Also says in which order of merges the fewest conflict.
    """
    caller = calling(ctx)
    permissions.permit(caller.session, "forecast", None)
    return answer(await caller.act(forecasts.of_family, caller.name))


async def merge_session(
    ctx: AnyContext,
    session_id: Name,
    into: Annotated[str, Field(description="The branch to merge into; empty: the one it was started from.")] = "",
    strategy: Literal["merge", "squash", "rebase"] = "merge",
) -> CallToolResult:
    """Queue a session's branch for merging; it lands when the person has approved it and the checks have passed.

    On a conflict or a failing check nothing changes, the executor gets the details as a message, and its branch is
    queued again when it reports COMPLETE. You get a message when it has landed.
    """
    caller = calling(ctx)
    session = await target(caller, "merge", session_id)
    return answer(await caller.act(merge.propose, session.name, asked_by=caller.name, into=into, strategy=strategy))


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


SHARED: tuple[Tool, ...] = (
    send_message_to_session,
    read_messages,
    wait_for_messages,
    read_spec,
    read_comments,
    answer_comment,
    list_sessions,
)
TOOLS: dict[Role, tuple[Tool, ...]] = {
    Role.DESIGNER: (
        spawn_executor,
        get_session,
        get_diff,
        update_spec,
        review_session,
        forecast,
        merge_session,
        stop_session,
        delete_session,
        compare_sessions,
        hand_session,
        fork_session,
        *SHARED,
    ),
    Role.EXECUTOR: (*SHARED, report, prove_item),
}
"""Every role's tools."""
