"""Stands between Orchestra and its Docker engine: ``python between.py SOCKET ENGINE``.

After SIGUSR1 every connection is cut and none is taken, as if the engine had died; after SIGUSR2 it is there again.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

_MOST = 65536


class Between:
    """Carries what both sides say, while the engine is to be there."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._gone = False
        self._links: set[asyncio.StreamWriter] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to its end."""
        if self._gone:
            writer.transport.abort()
            return
        there, back = await asyncio.open_unix_connection(self._engine)
        both = {writer, back}
        self._links |= both
        await asyncio.gather(_carry(reader, back), _carry(there, writer))
        self._links -= both
        for one in both:
            one.close()

    def go(self) -> None:
        """Be gone."""
        self._gone = True
        for link in self._links:
            link.transport.abort()

    def come(self) -> None:
        """Be there again."""
        self._gone = False


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while said := await reader.read(_MOST):
            writer.write(said)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _main(socket: str, engine: str) -> None:
    made = Between(engine)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, made.go)
    loop.add_signal_handler(signal.SIGUSR2, made.come)
    server = await asyncio.start_unix_server(made.take, socket)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(*sys.argv[1:]))
