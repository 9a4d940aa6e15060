"""An HTTP protocol with deadlines and limits that uvicorn's own lacks (0.54)."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestra.service.limits import HEAD_DEADLINE, Connections

CONNECTION = "orchestra.connection"
"""The key of the connection of a request, in the state of the ASGI scope."""


class LimitedProtocol(H11Protocol):
    """One connection, which is closed if the head of a request does not arrive, or others need the place."""

    everybody: Connections

    def __init__(self, *args: Any, **keywords: Any) -> None:  # noqa: ANN401 -- the library's own
        super().__init__(*args, **keywords)
        self.app_state = {**self.app_state, CONNECTION: self}
        self._head: asyncio.TimerHandle | None = None
        self.address = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the library's own
        """Count the connection, and wait for its first request."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self._wait_for_head()
        self.everybody.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        self.everybody.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive bytes; the head of a request has a fixed deadline."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._head is None and self.conn.trailing_data[0]:
            self._wait_for_head()

    def drop(self) -> None:
        """Close the connection at once."""
        self.transport.abort()

    def _wait_for_head(self) -> None:
        self._head = self.loop.call_later(HEAD_DEADLINE, self.drop)

    def _stop_waiting(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None


def limited(connections: Connections) -> type[LimitedProtocol]:
    """Return the protocol for servers that share one count of connections."""
    return type("Limited", (LimitedProtocol,), {"everybody": connections})
