"""Who may do what, decided by role and ownership of the authenticated caller."""

from __future__ import annotations

from orchestra.drivers.calling_agent import calling_agent
from orchestra.errors import NotAllowed
from orchestra.model import Role, Session

DESIGNER_ONLY = frozenset(
    {
        "spawn",
        "compare",
        "fork",
        "hand",
        "merge",
        "forecast",
        "delete",
        "stop",
        "review",
        "update_spec",
        "get_diff",
        "get_session",
    }
)
"""The actions that executors may never request."""


COMMENTING = frozenset(
    {"comment", "edit_comment", "delete_comment", "send_comments", "settle_comment", "reopen_comment"}
)
"""The actions with which the person comments on a session's work."""
PERSON_ONLY = COMMENTING | frozenset(
    {"answer", "issue", "merge", "move_up", "pr", "prove", "reorder", "take", "try", "try_off", "undo", "withdraw"}
)
"""The actions that no agent may request, whatever way it finds to the person's own commands."""


def permit_process(process: int, action: str) -> None:
    """Raise NotAllowed if an agent's process requests what is the person's alone."""
    if action in PERSON_ONLY and (name := calling_agent(process)):
        raise NotAllowed(
            f"an agent may not {action.replace('_', ' ')}, and this process is one of {name}",
            hint="type it in a terminal of your own",
        )


def permit(caller: Session, action: str, target: Session | None = None) -> None:
    """Raise NotAllowed unless the caller's role permits the action and the target belongs to it."""
    if caller.role is Role.EXECUTOR and action in DESIGNER_ONLY:
        raise NotAllowed(f"an executor may not {action.replace('_', ' ')}", hint='ask your designer: session_id="main"')
    if target is None or target.name == caller.name:
        return
    if target.parent != caller.name:
        raise NotAllowed(
            f"{target.name} does not belong to {caller.name}", hint="list_sessions shows your own sessions"
        )
