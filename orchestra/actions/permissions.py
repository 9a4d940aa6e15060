"""Who may do what, decided by role and ownership of the authenticated caller."""

from __future__ import annotations

from orchestra.errors import NotAllowed
from orchestra.model import Role, Session

DESIGNER_ONLY = frozenset({"spawn", "merge", "delete", "stop", "review", "update_spec", "get_diff", "get_session"})
"""The actions that executors may never request."""


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
