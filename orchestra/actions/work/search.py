"""Search in messages, specs, events, commits and the agents' conversations, those of deleted sessions included."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from orchestra.actions.work import search_sources as sources
from orchestra.errors import NotFound, UsageError
from orchestra.protocol import plain
from orchestra.store.search_index import CLOSE, KINDS, OPEN, Hit, query

if TYPE_CHECKING:
    from orchestra.project import Project

DEADLINE = 20.0
"""Seconds for reading what has not been indexed yet; the next search reads on."""
PAGE, LONGEST_PAGE = 20, 500
"""How many hits of each kind are returned by default, and at most."""
_LONGEST_TEXT = 1000


def search(
    project: Project,
    text: str,
    *,
    kinds: Sequence[str] = (),
    session: str = "",
    limit: int = PAGE,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Return the newest hits of each kind, and the sessions whose conversations could not be read in whole yet.

    All words must occur; words in quotes together, and ``word*`` finds what begins so. Raises
    UsageError for a text without words and for an unknown kind, NotFound for a session that never
    was, StoreError if this Python cannot search.
    """
    wanted = query(text[:_LONGEST_TEXT])
    chosen = _chosen(kinds)
    within = _ids(project, session) if session else None
    if not 0 < limit <= LONGEST_PAGE:
        raise UsageError(
            f"the number of hits must be from 1 to {LONGEST_PAGE}, not {limit}", hint="see: orchestra search -h"
        )
    unread = sources.read_new(project, chosen, end=clock() + DEADLINE, clock=clock)
    deleted = {one.id for one in project.store.sessions.all(include_deleted=True) if one.deleted_at}
    hits = [hit for kind in chosen for hit in project.store.search.find(wanted, kind, sessions=within, limit=limit)]
    return {"hits": [_row(hit, deleted=hit.session_id in deleted) for hit in hits], "unread": unread}


def _chosen(kinds: Sequence[str]) -> tuple[str, ...]:
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise UsageError(f"there is no {unknown[0]!r} to search in", hint=f"choose from: {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in kinds or not kinds)


def _ids(project: Project, name: str) -> list[int]:
    """Return the ids of all sessions that have had a name."""
    found = [session.id for session in project.store.sessions.all(include_deleted=True) if session.name == name]
    if not found:
        raise NotFound(f"no session was ever called {name!r}", hint="see: orchestra list")
    return found


def _row(hit: Hit, *, deleted: bool) -> dict[str, Any]:
    line = " ".join(hit.line.split())
    return {
        "in": hit.kind,
        "session": hit.session,
        "deleted": deleted,
        "at": plain(hit.at),
        "where": hit.place,
        "line": line.replace(OPEN, "").replace(CLOSE, ""),
        "found": _found(line),
    }


def _found(line: str) -> list[list[int]]:
    """Return where in a line, without its marks, the words are: the begin and the end of each."""
    found: list[list[int]] = []
    at = 0
    for character in line:
        if character == OPEN:
            found.append([at, at])
        elif character == CLOSE and found:
            found[-1][1] = at
        else:
            at += character != CLOSE
    return found
