"""The service's process: one per project, under a lock, with a small log."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import IO

from orchestra import files
from orchestra.project import Project
from orchestra.service.context import log
from orchestra.service.limits import raise_file_limit
from orchestra.terminal_text import clean

LOG_SIZE = 1_000_000
"""Bytes after which the log is rotated."""
LOCK = "service.lock"
"""The lock file's name among the project's locks."""


def main(root: Path) -> int:
    """Serve the project at ``root`` until asked to end; returns 0 at once if another process serves it already."""
    for name in [name for name in os.environ if name.startswith("TMUX")]:
        # The shell that started the service must not decide which tmux server it uses.
        del os.environ[name]
    raise_file_limit()
    project = Project.open(root)
    held = hold(project.paths.locks / LOCK)
    if held is None:
        return 0
    with held:
        os.chdir(project.paths.state)
        open_log(project.paths.log)
        return _serve(project)


def _serve(project: Project) -> int:
    # The libraries take long to load, so they are loaded only with the lock.
    from orchestra.service.app import Service  # noqa: PLC0415 -- which a process that finds the lock taken does without

    async def run() -> None:
        await Service(project).serve()

    log.info("started as process %d", os.getpid())
    asyncio.run(run())
    log.info("stopped")
    return 0


def hold(path: Path) -> IO[str] | None:
    """Lock the file for as long as the result stays open; returns None if another process has the lock."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = path.open("a")
    if not files.try_lock(file):
        file.close()
        return None
    return file


class _Plain(logging.Formatter):
    """Log lines may contain output of agents and builds, and a log is read in a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return clean(super().format(record))


def open_log(path: Path) -> None:
    """Write log messages and uncaught exceptions to a file that never exceeds twice `LOG_SIZE`."""
    target = RotatingFileHandler(path, maxBytes=LOG_SIZE, backupCount=1, encoding="utf-8", errors="backslashreplace")
    target.setFormatter(_Plain("%(asctime)s %(levelname)s %(threadName)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[target])
    for name in ("mcp", "uvicorn", "docker", "urllib3", "httpx", "asyncio", "git"):
        # At INFO they log what agents say.
        logging.getLogger(name).setLevel(logging.WARNING)
    # It logs a line for every broken request.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    sys.excepthook = _uncaught
    threading.excepthook = lambda event: log.critical("thread", exc_info=event.exc_value)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    log.critical("the service stops", exc_info=(kind, error, trace))


if __name__ == "__main__":
    status = main(Path(sys.argv[1]))
    logging.shutdown()
    # A hanging action must not keep the process alive; every step can be repeated.
    os._exit(status)
