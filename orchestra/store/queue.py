"""The queue of landings, and what the checks said of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

from orchestra.errors import Moved
from orchestra.merge_queue import OPEN, WAITING
from orchestra.model import CheckRun, Entry, EntryState
from orchestra.store.connection import moment
from orchestra.store.part import Part

KEPT_OUTPUT = 16 * 1024
"""How many characters of a check's output are kept, the last ones."""
_SELECT = "SELECT queue.*, sessions.name FROM queue JOIN sessions ON sessions.id = queue.session_id"


class Queue(Part):
    """The entries of every target branch; each session has at most one that is open."""

    def add(
        self, session: int, *, target: str, strategy: str, check: str | None, state: EntryState, asked_by: str,
        head: str, approved: str, instead_of: Collection[int] = (),
    ) -> Entry:  # fmt: skip
        """Put a session at the end of the queue of ``target``, or change its open entry in its place."""
        with self._database.change():
            known, others = self.open_of(session), _listed(instead_of)
            if known is not None:
                return self.update(
                    known.id, target=target, strategy=strategy, check_command=check, state=state,
                    head=head, approved=approved, reason="", error="", most=0, instead_of=others,
                )  # fmt: skip
            now = self.now()
            rows = self._database.rows(
                """INSERT INTO queue
                (session_id, target, strategy, check_command, state, asked_by, added_at, changed_at, head, approved,
                instead_of, position)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT COALESCE(MAX(position), 0) + 1 FROM queue))
                RETURNING id""",
                *(session, target, strategy, check, state, asked_by, now, now, head, approved, others),
            )
            return self.get(int(rows[0]["id"]))

    def get(self, number: int) -> Entry:
        """Return an entry by its id, which must be known."""
        return _entry(self._database.rows(f"{_SELECT} WHERE queue.id = ?", number)[0])

    def find(self, number: int) -> Entry | None:
        """Return an entry, or None."""
        row = self._database.row(f"{_SELECT} WHERE queue.id = ?", number)
        return _entry(row) if row else None

    def open_of(self, session: int) -> Entry | None:
        """Return the open entry of a session, or None."""
        return next(iter(self._in(OPEN, "session_id = ?", session)), None)

    def open(self) -> list[Entry]:
        """Return all entries that have not left the queue, by target and place."""
        return self._in(OPEN)

    def waiting(self, target: str) -> list[Entry]:
        """Return the entries that are to be landed on a branch, in their order."""
        return self._in(WAITING, "target = ?", target)

    def held_up(self, target: str, reason: str) -> None:
        """Record with what waits for a branch why nothing lands there at present."""
        with self._database.change():
            for entry in self.waiting(target):
                if entry.reason != reason:
                    self.update(entry.id, reason=reason)

    def targets(self) -> list[str]:
        """Return the branches that somebody waits to be landed on."""
        return list(dict.fromkeys(entry.target for entry in self._in(WAITING)))

    def landed(self, limit: int = 50) -> list[Entry]:
        """Return the entries that landed last, the newest first."""
        rows = self._database.rows(
            f"{_SELECT} WHERE queue.state = ? ORDER BY changed_at DESC, queue.id DESC LIMIT ?", EntryState.LANDED, limit
        )
        return [_entry(row) for row in rows]

    def landed_by(self, target: str, commit: str, before: str) -> list[Entry]:
        """Return the entries that landed when ``target`` moved from ``before`` to ``commit``."""
        return self._in({EntryState.LANDED}, "target = ? AND commit_id = ? AND before_id = ?", target, commit, before)

    def made(self, commit: str) -> bool:
        """Return whether a commit is one to which a landing moved a branch."""
        return bool(self._database.rows("SELECT 1 FROM queue WHERE commit_id = ? LIMIT 1", commit))

    def taken(self) -> list[Entry]:
        """Return the landed entries whose sessions were taken instead of others that are not deleted yet."""
        return self._in({EntryState.LANDED}, "instead_of <> ''")

    def no_longer_instead_of(self, number: int, session: int) -> Entry:
        """Record that one of the sessions instead of which another was taken is done with."""
        with self._database.change():
            left = [one for one in self.get(number).instead_of if one != session]
            return self.update(number, instead_of=_listed(left))

    def undone_by(self, target: str, commit: str) -> list[Entry]:
        """Return the landed entries that are being taken back by moving ``target`` to ``commit``."""
        return self._in({EntryState.LANDED}, "target = ? AND undo_id = ?", target, commit)

    def update(self, number: int, **values: object) -> Entry:
        """Change columns of an entry, and return it."""
        with self._database.change():
            changes = ", ".join(f"{column} = ?" for column in values)
            self._database.rows(
                f"UPDATE queue SET {changes}, changed_at = ? WHERE id = ?",  # noqa: S608 -- our own column names
                *(*values.values(), self.now(), number),
            )
            return self.get(number)

    def update_open(self, number: int, **values: object) -> Entry:
        """Change an entry that is still open; raises Moved if it has left the queue meanwhile."""
        with self._database.change():
            if self.get(number).state not in OPEN:
                raise Moved(f"entry {number} has left the queue", hint="see: orchestra queue")
            return self.update(number, **values)

    def reported_complete(self, session: int) -> None:
        """Queue a returned entry again, because its author says that the work is done."""
        with self._database.change():
            known = self.open_of(session)
            if known is not None and known.state is EntryState.RETURNED:
                self.update(known.id, state=EntryState.QUEUED, most=0)

    def record_checks(self, runs: Iterable[CheckRun]) -> None:
        """Record how checks ended, with the end of their output."""
        with self._database.change():
            for run in runs:
                self._database.rows(
                    """INSERT INTO check_runs (entry_id, tree, name, command, code, output, seconds, at)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
                    *(run.entry, run.tree, run.name, run.command, run.code),
                    *(run.output[-KEPT_OUTPUT:], run.seconds, run.at),
                )

    def checks(self, entries: Collection[int]) -> list[CheckRun]:
        """Return the runs of checks for these entries, oldest first."""
        marks = ", ".join("?" * len(entries))
        rows = self._database.rows(
            f"SELECT * FROM check_runs WHERE entry_id IN ({marks}) ORDER BY id",  # noqa: S608 -- only question marks
            *entries,
        )
        return [_run(row) for row in rows]

    def end(self, session: int, reason: str) -> None:
        """Take a session that is deleted out of the queue."""
        with self._database.change():
            known = self.open_of(session)
            if known is not None:
                self.update(known.id, state=EntryState.WITHDRAWN, reason=reason)

    def _in(self, states: Collection[EntryState], condition: str = "1", *values: object) -> list[Entry]:
        marks = ", ".join("?" * len(states))
        rows = self._database.rows(
            f"{_SELECT} WHERE queue.state IN ({marks}) AND {condition} ORDER BY target, position, queue.id",
            *(*states, *values),
        )
        return [_entry(row) for row in rows]


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        id=row["id"],
        session_id=row["session_id"],
        session=row["name"],
        target=row["target"],
        strategy=row["strategy"],
        check=row["check_command"],
        state=EntryState(row["state"]),
        asked_by=row["asked_by"],
        added_at=moment(row["added_at"]),
        changed_at=moment(row["changed_at"]),
        position=row["position"],
        head=row["head"],
        approved=row["approved"],
        most=row["most"],
        reason=row["reason"],
        error=row["error"],
        commit=row["commit_id"],
        before=row["before_id"],
        undo=row["undo_id"],
        instead_of=tuple(int(one) for one in row["instead_of"].split(",") if one),
        proof=row["proof"],
    )


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(str(number) for number in numbers)


def _run(row: sqlite3.Row) -> CheckRun:
    return CheckRun(
        entry=row["entry_id"],
        tree=row["tree"],
        name=row["name"],
        command=row["command"],
        code=row["code"],
        output=row["output"],
        seconds=row["seconds"],
        at=moment(row["at"]),
    )
