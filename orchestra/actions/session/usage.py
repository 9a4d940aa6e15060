"""What the agents have used, today and ever, by session and by agent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from orchestra.model import Session, Spent
from orchestra.protocol import plain

if TYPE_CHECKING:
    from orchestra.project import Project


def usage(project: Project) -> dict[str, Any]:
    """Return what was used of models today and ever: of each session, deleted ones included, of each agent, in all.

    Amounts are US dollars and tokens, None where no agent tells; days are those of this machine's
    time zone.
    """
    today, ever = project.store.usage.spent(project.store.usage.today()), project.store.usage.spent()
    sessions = project.store.sessions.all(include_deleted=True)
    shown = [session for session in sessions if session.deleted_at is None or session.id in ever]
    agents = sorted({session.agent for session in shown})
    settings = project.usable_settings

    def spent(of: Iterable[Session]) -> dict[str, Any]:
        numbers = [session.id for session in of]
        return {"today": _sum(today, numbers), "ever": _sum(ever, numbers)}

    return {
        "sessions": [{**_about(session), **spent([session])} for session in shown],
        "agents": [{"agent": agent, **spent(one for one in shown if one.agent == agent)} for agent in agents],
        "monitor": _monitor(project),
        "all": spent(shown),
        "budget": settings.budget or None,
        "project_budget": settings.project_budget or None,
    }


def _monitor(project: Project) -> dict[str, Any]:
    """Return what summaries by a model have used, which is in no other number."""
    store = project.store.summaries
    return {"today": plain(store.day(store.today())), "ever": plain(store.day())}


def _about(session: Session) -> dict[str, Any]:
    return {
        "name": session.name,
        "agent": session.agent,
        "deleted": session.deleted_at is not None,
        "state": plain(session.state),
        "model": session.used_model,
        "context": session.context,
        "limited_until": plain(session.limited_until),
    }


def _sum(spent: Any, numbers: Iterable[int]) -> dict[str, Any]:  # noqa: ANN401 -- a mapping of `Spent`
    found = [spent[number] for number in numbers if number in spent]
    sums = (_total(getattr(one, name) for one in found) for name in ("cost", "tokens_in", "tokens_out"))
    return dict(plain(Spent(*sums)))


def _total(values: Iterable[float | None]) -> Any:  # noqa: ANN401 -- a float or an int, as the values are
    known = [value for value in values if value is not None]
    return sum(known) if known else None
