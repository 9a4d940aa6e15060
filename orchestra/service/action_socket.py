"""The local socket on which commands send their actions to the service."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import struct
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from orchestra import __version__, errors, protocol
from orchestra.actions import registry
from orchestra.actions.permissions import permit_process
from orchestra.actions.service_process import mark
from orchestra.drivers.bug_report import write_report
from orchestra.project import Project
from orchestra.service.context import ServiceContext
from orchestra.service.limits import LOCAL_CONNECTIONS, LOCAL_DEADLINE

log = logging.getLogger("orchestra.service.action_socket")

LINE_LIMIT = 4 * 1024 * 1024
"""The longest request line, in bytes."""
LONGEST_ID = 64
"""The most characters of a request's id."""
BUG_EXIT = 3
"""The exit code for a bug."""
Perform = Callable[[str, dict[str, Any], Callable[[str], None]], Any]


class ActionSocket:
    """Accepts requests as JSON lines; answers each with progress lines and one result or error."""

    def __init__(self, context: ServiceContext, port: Callable[[], int], leave: Callable[[], None]) -> None:
        self._desk = context
        self._port = port
        self._leave = leave
        self._running: set[asyncio.Task[None]] = set()
        self._requests: dict[str, Future[Any]] = {}
        self._doing: dict[Future[Any], str] = {}
        self._done: set[str] = set()

    async def open(self, path: Path) -> asyncio.Server:
        """Listen at ``path``, only for this user; the holder of the service's lock may replace a stale socket."""
        await asyncio.to_thread(path.unlink, missing_ok=True)
        before = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(self._take, path, limit=LINE_LIMIT)
        finally:
            os.umask(before)

    async def until_quiet(self, seconds: float) -> None:
        """Wait for so many seconds, and on until nobody is connected at their end."""
        await asyncio.sleep(seconds)
        while self._running:
            await asyncio.wait(self._running)
            await asyncio.sleep(seconds)

    async def has_done(self, *actions: str) -> bool:
        """Wait until none of the actions is in progress; returns whether one has succeeded since the service began."""
        asked = [future for future, name in self._doing.items() if name in actions]
        ended = await asyncio.gather(*map(asyncio.wrap_future, asked), return_exceptions=True)
        return any(not isinstance(each, BaseException) for each in ended) or not self._done.isdisjoint(actions)

    async def finish(self, *, deadline: float) -> None:
        """Wait for running actions for ``deadline`` seconds."""
        if self._running:
            await asyncio.wait(self._running, timeout=deadline)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if len(self._running) >= LOCAL_CONNECTIONS:
            writer.close()
            return
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        try:
            while line := await asyncio.wait_for(reader.readline(), LOCAL_DEADLINE):
                await self._serve(line, writer)
        except (ConnectionError, TimeoutError, ValueError) as error:
            log.info("a request was cut off: %s", type(error).__name__)
        finally:
            writer.close()

    async def _serve(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(line)
            action, arguments = str(request["action"]), dict(request["arguments"])
            number = str(request.get("id") or "")[:LONGEST_ID]
        except (ValueError, KeyError, TypeError):
            error = errors.UsageError("the request is not a JSON object with an action and arguments")
            await _say(writer, {"error": protocol.encode_error(error)})
            return
        if action == "ping":
            status = {"pid": os.getpid(), "port": self._port(), "version": __version__, "mark": mark(os.environ)}
            await _say(writer, {"result": status})
        elif action == "quit":
            await _say(writer, {"result": None})
            self._leave()
        else:
            await self._perform(action, arguments, number, writer)

    async def _perform(self, action: str, arguments: dict[str, Any], number: str, writer: asyncio.StreamWriter) -> None:
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def progress(text: str) -> None:
            loop.call_soon_threadsafe(lines.put_nowait, text)

        future = self._requests.get(number)
        if future is None:
            run = partial(_run, peer=_peer(writer))
            future = self._desk.local.submit(run, self._desk.project, action, arguments, progress, number)
            self._remember(action, number, future)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(lines.put_nowait, None))
        while (text := await lines.get()) is not None:
            await _say(writer, {"progress": text})
        await _say(writer, await self._outcome(action, future))

    def _remember(self, action: str, number: str, future: Future[Any]) -> None:
        """Let a repeated request wait for the same running action; later the store has the answer."""
        self._doing[future] = action
        if number:
            self._requests[number] = future
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._forget, number, future))

    def _forget(self, number: str, future: Future[Any]) -> None:
        action = self._doing.pop(future)
        if not future.cancelled() and future.exception() is None:
            self._done.add(action)
        self._requests.pop(number, None)

    async def _outcome(self, action: str, future: Future[Any]) -> dict[str, Any]:
        error = future.exception()
        if error is None:
            return {"result": protocol.plain(future.result())}
        if isinstance(error, OSError):
            error = errors.from_system(error) or error
        if isinstance(error, errors.OrchestraError):
            return {"error": protocol.encode_error(error)}
        log.error("action %s", action, exc_info=error)
        file = await asyncio.to_thread(write_report, error, f"{action}, in Orchestra's service")
        message = f"a bug in Orchestra: {type(error).__name__}: {error}"
        encoded = protocol.encode_error(errors.OrchestraError(message, hint=f"please report it with {file}"))
        return {"error": {**encoded, "extra": {"exit": BUG_EXIT}}}


def _peer(writer: asyncio.StreamWriter) -> int:
    """Return the id of the process at the other end (SO_PEERCRED, unix(7)); 0 if it is unknown."""
    link = writer.get_extra_info("socket")
    size = struct.calcsize("3i")
    return int(struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]) if link else 0


def _run(
    project: Project, action: str, arguments: dict[str, Any], progress: Callable[[str], None], number: str, *, peer: int
) -> Any:  # noqa: ANN401 -- the action's own plain result
    permit_process(peer, action)
    return registry.run(project, action, arguments, progress, number)


async def _say(writer: asyncio.StreamWriter, reply: dict[str, Any]) -> None:
    if writer.is_closing():
        return
    writer.write(json.dumps(reply).encode() + b"\n")
    await writer.drain()
