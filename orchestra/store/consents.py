"""What the person allowed of a project's own files."""

from __future__ import annotations

from orchestra.model import ConsentKind
from orchestra.store.part import Part


class Consents(Part):
    """The mark of what was allowed last, by kind: a hash, or the text itself."""

    def get(self, kind: ConsentKind) -> str:
        """Return the mark of what the person allowed last; empty if that is nothing."""
        row = self._database.row("SELECT mark FROM consents WHERE kind = ?", kind)
        return str(row["mark"]) if row else ""

    def grant(self, kind: ConsentKind, mark: str) -> None:
        """Record what the person allows, in place of what they allowed before."""
        with self._database.change():
            self._database.rows("INSERT OR REPLACE INTO consents (kind, mark) VALUES (?, ?)", kind, mark)
