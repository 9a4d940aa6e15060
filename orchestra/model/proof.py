"""What shows that an item of a spec is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestra.model.queue import CheckRun


class ItemState(StrEnum):
    """How far an item of a spec is shown to be done.

    PROVED: Orchestra ran the command that its session named, on the merged files, and it succeeded. CLAIMED: its
    session named a command that has not run yet, or somebody ticked the item. OPEN: neither, or the command failed.
    """

    PROVED = "proved"
    CLAIMED = "claimed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Claim:
    """A session's word that ``command`` shows an item of its spec; ``run`` is how that ended on the merged files.

    ``mark`` identifies the item by its text.
    """

    session: int
    mark: str
    item: str
    command: str
    at: datetime
    run: CheckRun | None = None

    @property
    def proved(self) -> bool:
        """Whether the command succeeded on the merged files."""
        return self.run is not None and self.run.passed

    @property
    def refuted(self) -> bool:
        """Whether the command failed on the merged files."""
        return self.run is not None and not self.run.passed
