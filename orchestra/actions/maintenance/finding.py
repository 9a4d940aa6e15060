"""What was checked, whether it is well, and what to type where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestra.errors import OrchestraError


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked; ``repair`` is what to type where it is not well, or could be better.

    ``note`` says that it is well as it is, and worth knowing.
    """

    check: str
    well: bool
    detail: str
    repair: str = ""
    note: bool = False


def trouble(check: str, error: OrchestraError) -> Finding:
    """Return the finding that an error is."""
    return Finding(check, well=False, detail=error.message, repair=error.hint)
