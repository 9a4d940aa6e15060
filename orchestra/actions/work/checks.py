"""Which sessions' merges their last check refused, from their events."""

from __future__ import annotations

from orchestra.store import Store

FAILED, PASSED = "check-failed", "check-passed"
_ENDS = {FAILED: True, PASSED: False, "merged": False}
"""The events after which a check is known to have failed, or not to count any more."""


class FailedChecks:
    """Remembers what it has read, and reads on from there."""

    def __init__(self, records: Store) -> None:
        self._records = records
        self._read = 0
        self._failed: frozenset[int] = frozenset()

    def now(self) -> frozenset[int]:
        """Return the ids of the sessions whose last check failed; raises StoreError."""
        for number, session, kind in self._records.events.of_kinds(tuple(_ENDS), self._read):
            self._read = number
            self._failed = self._failed | {session} if _ENDS[kind] else self._failed - {session}
        return self._failed
