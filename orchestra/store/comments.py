"""The person's comments on the work of sessions; those of a deleted session stay with it."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterable
from dataclasses import replace

from orchestra.errors import NotFound, Refused
from orchestra.model import Comment, CommentState, RoundProgress, Side, Target
from orchestra.store.connection import moment
from orchestra.store.part import Part

MOST = 2_000
"""The most comments of one session."""
_SENT = frozenset({CommentState.OPEN, CommentState.ANSWERED})


class Comments(Part):
    """The comments by their session's id and their number, and the texts of the files that they are about."""

    def add(
        self, session: int, target: Target, text: str, *, quoted: str = "", content: bytes | None = None
    ) -> Comment:
        """Store a draft, with the whole text of its file if that is known; raises Refused beyond `MOST`."""
        now = self.now()
        with self._database.change():
            number = 1 + max((one.number for one in self.of(session)), default=0)
            if number > MOST:
                raise Refused(
                    f"there are {MOST:,} comments already, which is the limit", hint="write a message instead"
                )
            if content is not None and target.blob:
                self._database.rows(
                    "INSERT OR IGNORE INTO commented_texts (blob, content) VALUES (?, ?)",
                    *(target.blob, zlib.compress(content)),
                )
            self._database.rows(
                """INSERT INTO comments
                (session_id, number, state, path, side, first, last, blob, quoted, text, made_at, changed_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                *(session, number, CommentState.DRAFT, os.fsencode(target.path), target.side),
                *(target.first, target.last, target.blob, os.fsencode(quoted), text, now, now),
            )
            return self.get(session, number)

    def get(self, session: int, number: int) -> Comment:
        """Return one comment; raises NotFound."""
        row = self._database.row("SELECT * FROM comments WHERE session_id = ? AND number = ?", session, number)
        if row is None:
            named = self._database.row("SELECT name FROM sessions WHERE id = ?", session)
            name = named["name"] if named else "NAME"
            raise NotFound(f"there is no comment {number}", hint=f"to see all: orchestra comment {name} --list")
        return _comment(row)

    def of(self, session: int) -> list[Comment]:
        """Return all comments of a session by their numbers."""
        rows = self._database.rows("SELECT * FROM comments WHERE session_id = ? ORDER BY number", session)
        return [_comment(row) for row in rows]

    def content(self, blob: str) -> bytes | None:
        """Return the whole text that was commented on, None if only the quoted lines are known."""
        row = self._database.row("SELECT content FROM commented_texts WHERE blob = ?", blob)
        return zlib.decompress(row["content"]) if row else None

    def update(self, session: int, number: int, **values: object) -> Comment:
        """Change columns of a comment, and return it."""
        with self._database.change():
            changes = ", ".join(f"{column} = ?" for column in values)
            self._database.rows(
                f"UPDATE comments SET {changes}, changed_at = ? WHERE session_id = ? AND number = ?",  # noqa: S608 -- our own column names
                *(*values.values(), self.now(), session, number),
            )
            return self.get(session, number)

    def looked(self, session: int, numbers: Iterable[int], head: str) -> None:
        """Record up to which commit answers have been looked for."""
        with self._database.change():
            for number in numbers:
                self._database.rows(
                    "UPDATE comments SET head = ? WHERE session_id = ? AND number = ?", head, session, number
                )

    def discard(self, session: int, number: int) -> None:
        """Forget a comment, and its file's text unless another is about that too."""
        with self._database.change():
            self._database.rows("DELETE FROM comments WHERE session_id = ? AND number = ?", session, number)
            self._database.rows("DELETE FROM commented_texts WHERE blob NOT IN (SELECT blob FROM comments)")

    def progress(self) -> dict[int, RoundProgress]:
        """Return how far each session is that was sent comments, by its id."""
        rows = self._database.rows(
            """SELECT session_id, round, state, COUNT(*) AS number FROM comments WHERE round > 0
            GROUP BY session_id, round, state ORDER BY session_id, round"""
        )
        found: dict[int, RoundProgress] = {}
        last: dict[int, int] = {}
        for row in rows:
            session, state, number = row["session_id"], CommentState(row["state"]), row["number"]
            known = found.get(session, RoundProgress())
            if last.get(session) != row["round"]:
                last[session], known = row["round"], replace(known, total=0, answered=0)
            found[session] = replace(
                known,
                total=known.total + number,
                answered=known.answered + number * (state is not CommentState.OPEN),
                open=known.open + number * (state is CommentState.OPEN),
                unsettled=known.unsettled + number * (state in _SENT),
            )
        return found


def _comment(row: sqlite3.Row) -> Comment:
    return Comment(
        session_id=row["session_id"],
        number=row["number"],
        round=row["round"],
        state=CommentState(row["state"]),
        target=Target(os.fsdecode(row["path"]), Side(row["side"]), row["first"], row["last"], row["blob"]),
        quoted=os.fsdecode(row["quoted"]),
        text=row["text"],
        made_at=moment(row["made_at"]),
        changed_at=moment(row["changed_at"]),
        head=row["head"],
        message=row["message_id"],
        commit=row["commit_id"],
        reply=row["reply"],
    )
