"""All actions by name, for the service's socket, the command line and the control pane."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

from orchestra.actions.requests import Notebook, perform
from orchestra.errors import UsageError
from orchestra.protocol import ignore, plain

if TYPE_CHECKING:
    from orchestra.project import Project

ACTIONS: dict[str, str] = {
    "up": "workspace.up:up",
    "down": "workspace.up:down",
    "spawn": "session.spawn:spawn",
    "spawn_group": "session.group:spawn_group",
    "list": "session.manage:list_sessions",
    "show": "session.manage:show",
    "log": "session.manage:log",
    "stop": "session.manage:stop",
    "resume": "session.manage:resume",
    "delete": "session.manage:delete",
    "restore": "session.manage:restore",
    "usage": "session.usage:usage",
    "needs": "workspace.open_needs:list_needs",
    "mark_reviewed": "session.manage:mark_reviewed",
    "test_notifications": "messaging.notify:test",
    "search": "work.search:search",
    "send": "messaging.messages:send",
    "inbox": "messaging.messages:inbox",
    "read": "messaging.messages:read",
    "mark_seen": "messaging.messages:mark_seen",
    "answer": "messaging.permission_requests:answer",
    "open_requests": "messaging.permission_requests:open_requests",
    "answers": "messaging.permission_requests:answers",
    "read_spec": "work.spec:read_spec",
    "write_spec": "work.spec:write_spec",
    "notice_spec": "work.spec:notice_change",
    "diff": "work.review:diff",
    "review": "work.review:review",
    "comment": "work.comment_looks:comment",
    "comments": "work.comment_looks:comments",
    "edit_comment": "work.comments:edit_comment",
    "delete_comment": "work.comments:delete_comment",
    "send_comments": "work.comments:send_comments",
    "settle_comment": "work.comments:settle_comment",
    "reopen_comment": "work.comments:reopen_comment",
    "summarize": "work.summaries:summarize",
    "merge": "landing.merge:merge",
    "hand": "work.hand:hand",
    "fork": "work.fork:fork",
    "compare": "landing.compare:compare",
    "take": "landing.take:take",
    "undo": "landing.undo:undo",
    "prove": "landing.prove:prove",
    "pr": "landing.pull_requests:pull_request",
    "issue": "landing.pull_requests:issue",
    "try": "landing.tryout:try_out",
    "try_off": "landing.tryout:put_back",
    "queue": "landing.queue:queue",
    "withdraw": "landing.queue:withdraw",
    "move_up": "landing.queue:move_up",
    "reorder": "landing.order:reorder",
    "forecast": "landing.forecast:forecast",
    "pair": "session.pair:pair",
    "unpair": "session.pair:unpair",
    "reconcile": "workspace.recover:reconcile",
    "switch": "workspace.windows:switch",
    "layout": "workspace.up:change_layout",
    "terminal": "workspace.windows:terminal",
    "edit_spec": "workspace.windows:edit_spec",
    "gc": "maintenance.gc:gc",
}
"""Each action's name, with its module below ``orchestra.actions`` and its function."""


_OURS = frozenset({"project", "progress", "notebook"})
"""Arguments that the registry passes, and that no caller may set."""


def find(name: str) -> Callable[..., object]:
    """Return an action's function; raises UsageError for an unknown name."""
    if name not in ACTIONS:
        raise UsageError(f"there is no action {name!r}", hint="type: orchestra --help")
    module, _, function = ACTIONS[name].partition(":")
    action: Callable[..., object] = getattr(importlib.import_module(f"orchestra.actions.{module}"), function)
    return action


def run(
    project: Project,
    name: str,
    arguments: Mapping[str, Any],
    progress: Callable[[str], None] = ignore,
    request: str = "",
) -> Any:  # noqa: ANN401 -- JSON has no narrower type
    """Run an action and return its result as plain data; raises the action's own errors.

    Repeated with the same ``request``, it returns the first answer and does nothing twice.
    """
    action = find(name)
    known = signature(action).parameters
    if unknown := sorted(set(arguments) - (set(known) - _OURS)):
        raise UsageError(
            f"{name} does not take {', '.join(unknown)}",
            hint="if the service is of an older version, restart it: orchestra down --stop; orchestra up",
        )
    return perform(project, request, name, arguments, partial(_do, project, action, arguments, progress))


def _do(
    project: Project,
    action: Callable[..., object],
    arguments: Mapping[str, Any],
    progress: Callable[[str], None],
    notebook: Notebook,
) -> Any:  # noqa: ANN401 -- as above
    known = signature(action).parameters
    ours = {"progress": progress, "notebook": notebook}
    result = plain(action(project, **arguments, **{name: value for name, value in ours.items() if name in known}))
    if trouble := settings_warning(project):
        progress(trouble)
    return result


def settings_warning(project: Project) -> str:
    """Return a warning for actions that still work if the settings cannot be read."""
    trouble = project.settings_trouble
    if trouble is None:
        return ""
    return f"nothing is started or merged until the settings can be read: {trouble.message} → {trouble.hint}"
