"""The recorded sessions, and the evidence about them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestra.errors import NameTaken, NotFound
from orchestra.events import ToolCall
from orchestra.lifecycle import PROGRAM_SIGNS, next_state, supports
from orchestra.model import AnsweredBy, DiffStat, Evidence, Intent, Role, SandboxKind, Session, Sign, State
from orchestra.store.connection import Database, moment
from orchestra.store.events import Events
from orchestra.store.part import Part
from orchestra.store.permissions import Permissions
from orchestra.suggestion import did_you_mean

_DIFF = ("files", "insertions", "deletions", "uncounted")
_EVIDENCE = ("evidence_sign", "evidence_text")
_FIELDS = frozenset(field.name for field in fields(Session)) - {"id", "diff", "evidence"}
_COLUMNS = _FIELDS | {*_DIFF, *_EVIDENCE, "signed_at"}
_ENDS_REQUESTS = {
    Sign.TURN_STARTED: AnsweredBy.WINDOW,
    Sign.TURN_ENDED: AnsweredBy.WINDOW,
    **dict.fromkeys(
        (Sign.TURN_FAILED, Sign.LAUNCHED, Sign.READY, Sign.ENDED, Sign.EXITED, Sign.VANISHED, Sign.STOPPED),
        AnsweredBy.ENDED,
    ),
}
"""The signs after which an agent waits for no permission any more, and what that says about an open one."""
_MEETS_QUESTION = frozenset({Sign.ANSWERED, Sign.COMPLETED})


class Sessions(Part):
    """The sessions; the names of undeleted ones are unique."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], events: Events, permissions: Permissions
    ) -> None:
        super().__init__(database, clock)
        self._events = events
        self._permissions = permissions
        self._read: dict[int, tuple[tuple[object, ...], Session]] = {}

    def add(self, **values: object) -> Session:
        """Record a new session from the fields of `Session`; raises NameTaken.

        Name, title, role, agent, sandbox, branch, base, base_branch, worktree and parent are
        needed; the rest has defaults.
        """
        now = self.now()
        start = {"intent": Intent.RUN, "state": State.STARTING, "state_since": now, "signed_at": now, "created_at": now}
        columns = _columns(start | values)
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        statement = f"INSERT INTO sessions ({names}) VALUES ({marks}) RETURNING *"  # noqa: S608 -- our own column names
        return self._written(str(values.get("name")), statement, *columns.values())

    def get(self, name: str) -> Session:
        """Return the session called ``name``; raises NotFound."""
        session = self.find(name)
        if session is None:
            raise self._unknown(name)
        return session

    def find(self, name: str) -> Session | None:
        """Return the session called ``name``, or None."""
        return self._select("SELECT * FROM sessions WHERE name = ? AND deleted_at IS NULL", name)

    def by_token(self, token_hash: str) -> Session | None:
        """Return the session whose credential has this hash, or None."""
        return self._select(
            "SELECT * FROM sessions WHERE token_hash = ? AND token_hash <> '' AND deleted_at IS NULL", token_hash
        )

    def deleted(self, name: str) -> Session | None:
        """Return the last deleted session with that name, or None."""
        return self._select(
            "SELECT * FROM sessions WHERE name = ? AND deleted_at IS NOT NULL ORDER BY deleted_at DESC, id DESC", name
        )

    def all(self, include_deleted: bool = False) -> list[Session]:  # noqa: FBT001, FBT002 -- one clear question
        """Return the sessions, the designer first, the others in order of creation."""
        rows = self._database.rows(
            "SELECT * FROM sessions WHERE ? OR deleted_at IS NULL ORDER BY role <> 'designer', id", include_deleted
        )
        return [self._same_or_read(row) for row in rows]

    def _same_or_read(self, row: sqlite3.Row) -> Session:
        """Return the session of a row, the same object as long as nothing of it changes."""
        values, known = tuple(row), self._read.get(row["id"])
        if known is None or known[0] != values:
            known = self._read[row["id"]] = values, _session(row)
        return known[1]

    def sandboxes(self) -> set[SandboxKind]:
        """Return the kinds of sandbox that the sessions use."""
        rows = self._database.rows("SELECT DISTINCT sandbox FROM sessions WHERE deleted_at IS NULL")
        return {SandboxKind(row["sandbox"]) for row in rows}

    def update(self, name_or_id: str | int, **values: object) -> Session:
        """Change fields of a session, by name or, even if it is deleted, by id; raises NotFound, NameTaken."""
        with self._database.change():
            current = self._current(name_or_id)
            if values.get("state", current.state) != current.state:
                values.setdefault("state_since", self.now())
            columns = _columns(values)
            changes = ", ".join(f"{column} = ?" for column in columns) or "id = id"
            statement = f"UPDATE sessions SET {changes} WHERE id = ? RETURNING *"  # noqa: S608 -- our own column names
            return self._written(current.name, statement, *columns.values(), current.id)

    def record_sign(
        self,
        session: str,
        sign: Sign,
        text: str,
        *,
        at: datetime | None = None,
        waits_for: int | None = None,
        call: ToolCall | None = None,
    ) -> Session:
        """Record one piece of evidence and the state that follows from it; raises NotFound.

        ``at`` is its time, by default now; evidence older than the last is ignored. ``waits_for``
        is the id of the question of ASKED; ANSWERED and COMPLETED close it. ``call`` is the call of a
        tool that it tells of.
        """
        with self._database.change():
            current = self.get(session)
            if at is not None and self._is_stale(current.id, at):
                return current
            program = self.program_sign(session) if sign is Sign.ANSWERED else None
            question = None if sign in _MEETS_QUESTION else waits_for or current.waits_for
            state = next_state(current.state, sign, question_open=question is not None, program=program)
            self._events.log(session, sign.value, text, at=at, state=state, call=call)
            if sign in _ENDS_REQUESTS:
                self._permissions.close(self._permissions.open_of(current.id), _ENDS_REQUESTS[sign])
            tells = state is not current.state or supports(state, sign)
            return self.update(
                current.id,
                state=state,
                evidence=Evidence(sign, text) if tells else current.evidence,
                waits_for=question,
                signed_at=at or self.now(),
            )

    def complete_evidence(self, session: str, sign: Sign, text: str) -> None:
        """Replace the text of a session's evidence, and of its last event, if both still are that sign."""
        with self._database.change():
            current = self.get(session)
            if current.evidence.sign is sign and self._events.complete(session, sign.value, text):
                self.update(current.id, evidence=Evidence(sign, text))

    def program_sign(self, session: str) -> Sign | None:
        """Return the last sign from the session's own program about its turns, or None before the first."""
        kinds = ", ".join(f"'{sign.value}'" for sign in sorted(PROGRAM_SIGNS))
        statement = f"SELECT kind FROM events WHERE session_id = ? AND kind IN ({kinds}) ORDER BY id DESC LIMIT 1"  # noqa: S608 -- our own names
        row = self._database.row(statement, self.get(session).id)
        return Sign(row["kind"]) if row else None

    def _is_stale(self, number: int, at: datetime) -> bool:
        row = self._database.row("SELECT signed_at FROM sessions WHERE id = ?", number)
        # A last sign in the future is from a wrong clock, and must not hide later signs.
        return row is not None and at < moment(row["signed_at"]) <= self.now()

    def _select(self, statement: str, *values: object) -> Session | None:
        row = self._database.row(statement, *values)
        return _session(row) if row else None

    def _current(self, name_or_id: str | int) -> Session:
        if isinstance(name_or_id, str):
            return self.get(name_or_id)
        session = self._select("SELECT * FROM sessions WHERE id = ?", name_or_id)
        if session is None:
            raise NotFound(f"no session has the id {name_or_id}")
        return session

    def _written(self, name: str, statement: str, *values: object) -> Session:
        try:
            with self._database.change():
                return _session(self._database.rows(statement, *values)[0])
        except sqlite3.IntegrityError as error:
            if "sessions.name" not in str(error):
                raise
            raise NameTaken(f"there already is a session {name!r}", hint="choose another name") from error

    def _unknown(self, name: str) -> NotFound:
        names = [session.name for session in self.all()]
        if self.deleted(name):
            return NotFound(f"the session {name!r} was deleted", hint=f"to bring it back: orchestra restore {name}")
        none = "" if names else "there are none yet; type: orchestra up"
        return NotFound(f"no session is called {name!r}", hint=did_you_mean(name, names, otherwise=none))


def _optional_moment(stored: str | None) -> datetime | None:
    return moment(stored) if stored else None


def _path(stored: bytes) -> Path:
    return Path(os.fsdecode(stored))


def _same(stored: object) -> object:
    return stored


def _columns(values: Mapping[str, object]) -> dict[str, object]:
    """Turn fields of `Session` into columns; raises TypeError for a field that does not exist."""
    columns = dict(values)
    diff = columns.pop("diff", None)
    if isinstance(diff, DiffStat):
        columns |= {name: getattr(diff, name) for name in _DIFF}
    evidence = columns.pop("evidence", None)
    if isinstance(evidence, Evidence):
        columns |= zip(_EVIDENCE, (evidence.sign, evidence.text), strict=True)
    if unknown := columns.keys() - _COLUMNS:
        raise TypeError(f"a session has no {', '.join(sorted(unknown))}")
    return columns


_READ: dict[str, Callable[[Any], object]] = {
    "role": Role,
    "sandbox": SandboxKind,
    "intent": Intent,
    "state": State,
    "worktree": _path,
    "state_since": moment,
    "created_at": moment,
    "deleted_at": _optional_moment,
    "limited_until": _optional_moment,
    "paired": bool,
    "forced": bool,
    "remove_worktree": bool,
    "restoring": bool,
}


def _session(row: sqlite3.Row) -> Session:
    values: dict[str, Any] = {name: _READ.get(name, _same)(row[name]) for name in _FIELDS}
    sign = row["evidence_sign"]
    return Session(
        id=row["id"],
        diff=DiffStat(*(row[name] for name in _DIFF)),
        evidence=Evidence(Sign(sign) if sign else None, row["evidence_text"]),
        **values,
    )
