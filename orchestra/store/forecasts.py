"""The conflicts that are expected between sessions, and with the branches that they are to be merged into."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from orchestra.model import Expected, Forecast, Opponent
from orchestra.store.part import Part

NAMED = 50
"""The most files of one conflict that are named."""
BRANCH = 0
"""In the place of another session's id: the target branch."""


@dataclass(frozen=True, slots=True, order=True)
class Clash:
    """Two sides whose merge conflicts, by the sessions' ids: ``other`` is the larger one, or `BRANCH`."""

    session: int
    other: int
    target: str
    paths: tuple[str, ...]
    more: int = 0

    @classmethod
    def of(cls, session: int, other: int, target: str, paths: tuple[str, ...]) -> Clash:
        """Return a clash that names only the first `NAMED` files."""
        return cls(session, other, target, paths[:NAMED], max(0, len(paths) - NAMED))


def shown(expected: Iterable[Expected]) -> list[dict[str, object]]:
    """Return expected conflicts as the stable data that scripts see."""
    return [{"with": one.name, "kind": one.kind.value, "paths": list(one.paths), "more": one.more} for one in expected]


class Forecasts(Part):
    """One row for each two sides that conflict; those of deleted sessions are not shown."""

    def replace(self, clashes: Iterable[Clash]) -> bool:
        """Keep these instead of all others, and return whether anything is different; nothing is written where not."""
        wanted = sorted(clashes)
        if wanted == self.clashes():
            return False
        with self._database.change():
            self._database.rows("DELETE FROM forecasts")
            for one in wanted:
                self._database.rows(
                    "INSERT INTO forecasts VALUES (?, ?, ?, ?, ?)",
                    *(one.session, one.other, one.target, json.dumps(one.paths), one.more),
                )
        return True

    def clashes(self) -> list[Clash]:
        """Return all clashes of sessions that are not deleted, in the order of their ids."""
        rows = self._database.rows(
            """SELECT forecasts.* FROM forecasts
            JOIN sessions ON sessions.id = session_id AND sessions.deleted_at IS NULL
            LEFT JOIN sessions AS others ON others.id = other_id
            WHERE others.deleted_at IS NULL ORDER BY session_id, other_id"""
        )
        return [
            Clash(row["session_id"], row["other_id"], row["target"], tuple(json.loads(row["paths"])), row["more"])
            for row in rows
        ]

    def all(self) -> Forecast:
        """Return what is expected of each session that conflicts with anything."""
        names = {row["id"]: row["name"] for row in self._database.rows("SELECT id, name FROM sessions")}
        found: dict[str, list[Expected]] = {}
        for one in self.clashes():
            mine = found.setdefault(names[one.session], [])
            if one.other == BRANCH:
                mine.insert(0, Expected(one.target, Opponent.BRANCH, one.paths, one.more))
                continue
            mine.append(Expected(names[one.other], Opponent.SESSION, one.paths, one.more))
            theirs = found.setdefault(names[one.other], [])
            theirs.append(Expected(names[one.session], Opponent.SESSION, one.paths, one.more))
        return {name: tuple(expected) for name, expected in found.items()}
