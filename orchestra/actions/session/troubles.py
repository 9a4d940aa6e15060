"""Report what went wrong with one session, so that the others can continue."""

from __future__ import annotations

import logging
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestra.drivers.bug_report import versions
from orchestra.errors import OrchestraError, StoreError, from_system

if TYPE_CHECKING:
    from orchestra.project import Project

_log = logging.getLogger("orchestra.troubles")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that failed for one session or, without ``session``, for the project; ``error`` is what was raised."""

    session: str
    message: str
    hint: str = ""
    error: Exception | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        text = f"{self.session}: {self.message}" if self.session else self.message
        return f"{text} ({self.hint})" if self.hint else text


def trouble_of(project: Project, session: str, error: Exception) -> Trouble:
    """Log an error that a session's work raised in its own log, and return what to report.

    A bug also goes to the service's log with its traceback.
    """
    known = error_to_report(project, error)
    with suppress(StoreError):
        if session:
            project.store.events.log(session, "trouble", str(known))
    return Trouble(session, known.message, known.hint, error)


def error_to_report(project: Project, error: Exception) -> OrchestraError:
    """Return the error to show to the person; for a bug, a report with the traceback is written."""
    if isinstance(error, OSError):
        error = from_system(error) or error
    if isinstance(error, OrchestraError):
        return error
    _write_down(project, error)
    return OrchestraError(
        f"a bug in Orchestra: {type(error).__name__}: {error}", hint=f"please report it with {project.paths.log}"
    )


def _write_down(project: Project, error: Exception) -> None:
    if _log.hasHandlers():
        _log.error("a bug; %s", versions(), exc_info=error)
        return
    # Outside the service, its log is not open.
    with suppress(OSError), project.paths.log.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{versions()}\n")
        file.writelines(traceback.format_exception(error))
