"""Times that come from elsewhere, and that may be any number."""

from __future__ import annotations

from datetime import UTC, datetime

_FIRST, _LAST = (datetime(year, 1, 1, tzinfo=UTC) for year in (1, 9999))


def since_epoch(seconds: float) -> datetime:
    """Return the time so many seconds after 1970 began, or the nearest that a calendar of 9,998 years has."""
    first, last = _FIRST.timestamp(), _LAST.timestamp()
    return datetime.fromtimestamp(min(max(seconds, first), last), UTC)
