"""Keep the diff of the selected session as it is now, while its tab is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from orchestra.control import diff_tab
from orchestra.control.diff_reader import DiffReader, Look
from orchestra.control.state import ReadFile, Tab
from orchestra.control.work import Throttle, start
from orchestra.errors import OrchestraError
from orchestra.model import LineCounts
from orchestra.review.document import Document
from orchestra.review.source import ReviewSource
from orchestra.views.patch import Patch

if TYPE_CHECKING:
    from textual.timer import Timer

    from orchestra.control.app import ControlApp

PERIOD = 1.0
"""The least seconds between two looks at the same session."""
_ANOTHER = 0.25
"""The least seconds between looks at two sessions, so that going down a long list does not look at each."""
_UNPROMPTED = 300.0
"""Seconds after which another look is taken even if nothing is recorded as changed."""


class DiffLooks:
    """Asks for the diff when it is due, and for each file when it comes into sight."""

    def __init__(self, app: ControlApp, opens: Callable[[str], ReviewSource], clock: Callable[[], float]) -> None:
        self._app, self._opens, self._clock = app, opens, clock
        self._throttle = Throttle(PERIOD)
        self._reader: DiffReader | None = None
        self._for: tuple[object, ...] = ()
        self._at = float("-inf")
        self._later: Timer | None = None

    def ask(self) -> None:
        """Take a look if one is due."""
        view, now = self._app.view, self._clock()
        session = view.session
        if view.tab is not Tab.DIFF or session is None:
            return
        # The service scans the worktree and records a mark.
        said = view.data.comments.get(session.id)
        wanted = (session.id, session.head, session.base, session.diff, self._app.diff_mark, said)
        if (wanted == self._for and now - self._at < _UNPROMPTED) or self._throttle.running:
            return
        self._throttle.period = PERIOD if self._for[:1] == wanted[:1] else _ANOTHER
        if (wait := self._throttle.wait(now)) > 0:
            self._ask_in(wait)
            return
        self._throttle.begin(now)
        self._for, self._at = wanted, now
        reader, before = self._of(session.name), view.diff if view.diff_of == session.name else None
        document = before.document if before is not None else None
        in_sight = diff_tab.paths_in_sight(before) if before is not None else ()
        start(self._app, lambda: reader.look(document, in_sight), lambda got: self._took(reader, got))

    def _ask_in(self, seconds: float) -> None:
        # Another session's look may be due before the one that was waited for.
        if self._later is not None:
            self._later.stop()
        self._later = self._app.set_timer(seconds, self.ask)

    def hasten(self) -> None:
        """Allow the next look at once."""
        self._throttle.hasten()

    def read(self, effect: ReadFile) -> None:
        """Read the changes of one file."""
        reader, document, number = self._reader, effect.document, effect.number
        if reader is not None:
            start(self._app, lambda: reader.patch(document, number), lambda got: self._took_patch(reader, effect, got))

    def hand_over(self, name: str) -> ReviewSource | None:
        """Return the source of a session's diff, which its next user closes; None if there is none."""
        reader = self._reader
        if reader is None or reader.name != name:
            return None
        self._reader, self._for = None, ()
        return reader.hand_over()

    def close(self) -> None:
        """Look no more."""
        if self._reader is not None:
            self._reader.close()

    def _of(self, name: str) -> DiffReader:
        if self._reader is None or self._reader.name != name:
            self.close()
            self._reader = DiffReader(name, self._opens)
        return self._reader

    def _took(self, reader: DiffReader, got: Look | OrchestraError) -> None:
        self._throttle.end()
        if reader is not self._reader or reader.name != self._app.view.selected:
            self._throttle.hasten()
        elif isinstance(got, OrchestraError):
            self._app.becomes((diff_tab.failed(self._app.view, reader.name, str(got)), ()))
        else:
            self._app.becomes(diff_tab.looked(self._app.view, reader.name, got.document, got.marks))
            self._count(reader, got.document)
        self.ask()

    def _count(self, reader: DiffReader, document: Document) -> None:
        if document.total is None:
            start(self._app, lambda: reader.counts(document), lambda got: self._took_counts(reader, document, got))

    def _took_counts(
        self, reader: DiffReader, document: Document, got: Mapping[str, LineCounts] | OrchestraError
    ) -> None:
        # Without them the diff is as whole.
        if reader is self._reader and not isinstance(got, OrchestraError):
            self._app.becomes(diff_tab.counted(self._app.view, document, got))

    def _took_patch(self, reader: DiffReader, effect: ReadFile, got: Patch | OrchestraError) -> None:
        if reader is self._reader:
            patch = Patch.of_note(got.message) if isinstance(got, OrchestraError) else got
            self._app.becomes(diff_tab.read(self._app.view, effect.document, effect.number, patch))
