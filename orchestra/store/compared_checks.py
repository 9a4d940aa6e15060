"""How checks ended on merges that were only tried, so that none runs twice on the same files."""

from __future__ import annotations

from orchestra.model import CheckRun
from orchestra.store.connection import moment
from orchestra.store.part import Part
from orchestra.store.queue import KEPT_OUTPUT

KEPT = 500
"""How many results are kept, the newest ones."""


class ComparedChecks(Part):
    """The results by tree, image and command."""

    def find(self, tree: str, image: str, ran: str) -> CheckRun | None:
        """Return how what ``ran`` ended on a tree in an image, or None if it never ran there."""
        row = self._database.row(
            "SELECT * FROM compared_checks WHERE tree = ? AND image = ? AND command = ?", tree, image, ran
        )
        if row is None:
            return None
        return CheckRun(
            0, row["tree"], row["name"], row["command"], row["code"], row["output"], row["seconds"], moment(row["at"])
        )

    def keep(self, image: str, ran: str, run: CheckRun) -> None:
        """Keep the result of what ``ran``, with the end of its output."""
        with self._database.change():
            self._database.rows(
                """INSERT OR REPLACE INTO compared_checks (tree, image, command, name, code, output, seconds, at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
                *(run.tree, image, ran, run.name, run.code, run.output[-KEPT_OUTPUT:], run.seconds, run.at),
            )
            self._database.rows(
                """DELETE FROM compared_checks WHERE rowid NOT IN
                (SELECT rowid FROM compared_checks ORDER BY at DESC, rowid DESC LIMIT ?)""",
                KEPT,
            )
