"""The one record of a project as a whole."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, fields, replace
from typing import Any

from orchestra.model import Landing, SandboxKind, Workspace
from orchestra.store.part import Part

_PLAIN = tuple(field.name for field in fields(Workspace) if field.name != "landing")
_LANDING = tuple(f"landing_{field.name}" for field in fields(Landing))


class Workspaces(Part):
    """The project's own row."""

    def get(self) -> Workspace:
        """Return what is recorded of the project."""
        return _workspace(self._database.rows("SELECT * FROM workspace")[0])

    def update(self, **values: Any) -> Workspace:  # noqa: ANN401 -- the fields of `Workspace`
        """Change fields of `Workspace`, and return it; nothing is written if they have these values already."""
        with self._database.change():
            before = self.get()
            after = replace(before, **values)
            if after != before:
                columns = _columns(after)
                changes = ", ".join(f"{column} = ?" for column in columns)
                self._database.rows(f"UPDATE workspace SET {changes}", *columns.values())  # noqa: S608 -- our own column names
            return self.get()


def _columns(workspace: Workspace) -> dict[str, object]:
    plain = {name: getattr(workspace, name) for name in _PLAIN}
    landing = astuple(workspace.landing) if workspace.landing else (None,) * len(_LANDING)
    return plain | dict(zip(_LANDING, landing, strict=True))


def _workspace(row: sqlite3.Row) -> Workspace:
    return Workspace(
        tmux_socket=row["tmux_socket"],
        tmux_session=row["tmux_session"],
        saved_keys=row["saved_keys"],
        layout=row["layout"],
        status_line=bool(row["status_line"]),
        resting=bool(row["resting"]),
        moved=bool(row["moved"]),
        sandbox=SandboxKind(row["sandbox"]) if row["sandbox"] else None,
        designer_task=row["designer_task"],
        service_port=row["service_port"],
        landing=Landing(*(row[name] for name in _LANDING)) if row["landing_session"] else None,
    )
