"""The database: sessions, messages, events, specs, requests, permissions, claims."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from orchestra.store.claims import Claims
from orchestra.store.comments import Comments
from orchestra.store.compared_checks import ComparedChecks
from orchestra.store.connection import Database
from orchestra.store.consents import Consents
from orchestra.store.conversations import Conversations
from orchestra.store.deliveries import Deliveries
from orchestra.store.events import Events
from orchestra.store.forecasts import Forecasts
from orchestra.store.messages import Messages
from orchestra.store.migrations import prepare
from orchestra.store.permissions import Permissions
from orchestra.store.prompts import EmptyPrompts
from orchestra.store.pull_requests import PullRequests
from orchestra.store.queue import Queue
from orchestra.store.requests import Requests
from orchestra.store.search_index import SearchIndex
from orchestra.store.searchable import Searchable
from orchestra.store.session_notes import SessionNotes
from orchestra.store.sessions import Sessions
from orchestra.store.specs import Specs
from orchestra.store.summaries import Summaries
from orchestra.store.tryout import Tryouts
from orchestra.store.usage import UsageRecords
from orchestra.store.viewed_files import ViewedFiles
from orchestra.store.workspace import Workspaces

__all__ = ["Store", "utc_now"]


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


class Store:
    """One project's database; any thread may use it. Every call may raise StoreError."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.now = clock
        self.events = Events(database, clock)
        self.permissions = Permissions(database, clock)
        self.sessions = Sessions(database, clock, self.events, self.permissions)
        self.notes = SessionNotes(database, clock)
        self.messages = Messages(database, clock)
        self.deliveries = Deliveries(database, clock)
        self.prompts = EmptyPrompts(database, clock)
        self.usage = UsageRecords(database, clock)
        self.summaries = Summaries(database, clock)
        self.searchable = Searchable(database, clock)
        self.search = SearchIndex(database.path.with_name("search.db"))
        self.specs = Specs(database, clock)
        self.compared_checks = ComparedChecks(database, clock)
        self.conversations = Conversations(database, clock)
        self.workspace = Workspaces(database, clock)
        self.consents = Consents(database, clock)
        self.requests = Requests(database, clock)
        self.viewed = ViewedFiles(database, clock)
        self.queue = Queue(database, clock)
        self.comments = Comments(database, clock)
        self.forecasts = Forecasts(database, clock)
        self.claims = Claims(database, clock)
        self.tryout = Tryouts(database, clock)
        self.pulls = PullRequests(database, clock)

    @classmethod
    def open(
        cls,
        path: Path,
        clock: Callable[[], datetime] = utc_now,
        *,
        before_upgrade: Callable[[], None] = lambda: None,
    ) -> Store:
        """Open the database at ``path``, creating or upgrading it if necessary.

        Raises StoreError, and what ``before_upgrade`` raises to prevent an upgrade.
        """
        prepare(path, clock(), before_upgrade)
        return cls(Database(path), clock)

    def together(self) -> AbstractContextManager[None]:
        """Run the block as one transaction; it must not have outside effects."""
        return self._database.change()

    @property
    def log_file(self) -> Path:
        """The file that every change is written to first (https://sqlite.org/wal.html); it is not always there."""
        return self._database.path.with_name(f"{self._database.path.name}-wal")

    def data_version(self) -> int:
        """Return a number that grows with every change by any process; compare it only within one thread."""
        connection = self._database.connection()
        row = self._database.rows("PRAGMA data_version")[0]
        return int(row[0]) + connection.total_changes

    def close(self) -> None:
        """Close the database for all threads."""
        self._database.close()
        self.search.close()
