"""Asking an agent's program, through the MCP stream that it keeps open, whether it has come to what it was sent."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from itertools import count

from starlette.responses import Response, StreamingResponse

KEPT_ALIVE = 15.0
"""Seconds of silence after which a line that says nothing is sent, so that neither side takes the stream for dead."""
_PREFIX = "pulse-"


class Pulse:
    """The open streams of each session, and the pings that wait for an answer; used by one event loop alone.

    Source: MCP, Streamable HTTP ("Listening for Messages from the Server") and ping.
    """

    def __init__(self) -> None:
        self._streams: defaultdict[int, list[asyncio.Queue[str]]] = defaultdict(list)
        self._asked: dict[tuple[int, str], asyncio.Event] = {}
        self._numbers = count(1)

    def stream(self, session: int) -> Response:
        """Return the answer to a ``GET``: a stream that stays open for as long as its reader wants."""
        headers = {"Cache-Control": "no-cache, no-transform"}
        return StreamingResponse(self._events(session), media_type="text/event-stream", headers=headers)

    async def _events(self, session: int) -> AsyncIterator[str]:
        lines: asyncio.Queue[str] = asyncio.Queue()
        self._streams[session].append(lines)
        try:
            while True:
                yield await _next_event(lines)
        finally:
            self._streams[session].remove(lines)

    def is_open(self, session: int) -> bool:
        """Say whether the session's program can be asked."""
        return bool(self._streams[session])

    async def beat(self, session: int) -> None:
        """Wait, without a deadline, until the session's newest stream has answered a ping; not where none is open."""
        if not self._streams[session]:
            return
        number = f"{_PREFIX}{next(self._numbers)}"
        answered = self._asked[session, number] = asyncio.Event()
        self._streams[session][-1].put_nowait(json.dumps({"jsonrpc": "2.0", "id": number, "method": "ping"}))
        try:
            await answered.wait()
        finally:
            del self._asked[session, number]

    def takes(self, session: int, body: bytes) -> bool:
        """Say whether a request's body is the session's answer to a ping of ours, and take it."""
        if _PREFIX.encode() not in body:
            return False
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            return False
        if not isinstance(message, dict) or "method" in message:
            return False
        if (waiting := self._asked.get((session, str(message.get("id"))))) is None:
            return False
        waiting.set()
        return True


async def _next_event(lines: asyncio.Queue[str]) -> str:
    try:
        async with asyncio.timeout(KEPT_ALIVE):
            return f"event: message\r\ndata: {await lines.get()}\r\n\r\n"
    except TimeoutError:
        return ": still here\r\n\r\n"
