"""The result of one check, and what to type if it failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestra.errors import OrchestraError


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; ``repair`` is what to type if it failed or could be better.

    ``fix`` is the command line that does it, empty if only a person can. ``note`` marks a result that is fine but
    worth knowing.
    """

    check: str
    well: bool
    detail: str
    repair: str = ""
    note: bool = False
    fix: str = ""


def trouble(check: str, error: OrchestraError) -> Finding:
    """Turn an error into a finding."""
    return Finding(check, well=False, detail=error.message, repair=error.hint)
