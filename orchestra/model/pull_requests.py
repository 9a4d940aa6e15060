"""Pull requests that the person has opened for sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A session's pull request.

    ``web`` is the repository as in ``github.com/owner/name``; ``branch`` is the session's branch there, ``pushed`` the
    commit that it was pushed at. ``number`` is 0 until one is opened. With ``follow`` later commits are pushed.
    ``state`` is ``OPEN``, ``MERGED`` or ``CLOSED``; ``trouble`` is why it is not followed at the moment.
    """

    session: int
    remote: str
    web: str
    branch: str
    base: str
    pushed: str
    number: int
    url: str
    follow: bool
    hooks: bool
    state: str
    trouble: str
    opened_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether there is more to come."""
        return self.state == "OPEN"
