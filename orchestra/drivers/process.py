"""Run other programs: every call has a deadline, its own process group, and a typed error."""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from orchestra.errors import CommandFailed, DeadlineExceeded, NotFound, ToolMissing

_SHOWN = 60
_REAP_SECONDS = 2.0
_GRACE_SECONDS, _POLL = 0.5, 0.01
MOST = 512 << 20
"""The default limit for output in bytes, enough for the longest listing of a large repository."""
_FIRST_KEPT, _LAST_KEPT = 16 << 10, 48 << 10
"""Bytes of error output that are kept, because an agent could write endlessly."""
_BLOCK = 64 << 10


@dataclass(frozen=True, slots=True)
class Completed:
    """The result of a program; ``code`` is negative if a signal ended it."""

    args: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """The output as text; bytes that are not UTF-8 become surrogates."""
        return self.stdout.decode("utf-8", "surrogateescape")

    @property
    def complaint(self) -> str:
        """The error output as text."""
        return self.stderr.decode("utf-8", "replace").strip()


def run(
    args: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    deadline: float = 30.0,
    check: bool = True,
    most: int = MOST,
) -> Completed:
    """Run a program to its end and return its result; ``deadline`` is in seconds.

    It reads ``stdin`` or nothing, never our own input. ``cwd`` and ``env`` are as for
    `subprocess.Popen`. ``most`` limits the output in bytes; only the first and last bytes of the
    error output are kept. After the deadline, the program and everything it started are ended.
    Raises ToolMissing if there is no such program, DeadlineExceeded, NotFound for a missing
    ``cwd``, CommandFailed for more than ``most`` bytes of output and, with ``check``, for any exit
    code except 0.
    """
    words = tuple(os.fspath(arg) for arg in args)
    output = _Kept(most)
    code, complaint = _converse(words, output.take, cwd=cwd, env=env, deadline=deadline, stdin=stdin)
    if output.is_full:
        raise CommandFailed(
            f"`{_shown(words)}` printed more than {most:,} bytes",
            hint="run it yourself to see its output",
        )
    done = Completed(words, code, output.data, complaint)
    if check and done.code != 0:
        raise failure(done)
    return done


def stream(
    args: Sequence[str | Path],
    take: Callable[[bytes], bool],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    deadline: float = 30.0,
) -> bool:
    """Run a program and pass its output to ``take`` in blocks; returns False once ``take`` does.

    The program is ended then. Otherwise like `run` with ``check``.
    """
    words = tuple(os.fspath(arg) for arg in args)
    enough = False

    def watched(block: bytes) -> bool:
        nonlocal enough
        enough = not take(block)
        return not enough

    code, complaint = _converse(words, watched, cwd=cwd, env=env, deadline=deadline)
    if code != 0 and not enough:
        raise failure(Completed(words, code, b"", complaint))
    return not enough


def failure(done: Completed, *, hint: str = "") -> CommandFailed:
    """Return the error for a failed program, with the first line of its error output."""
    reason = first_line(done.complaint) or first_line(done.stdout.decode("utf-8", "replace")) or _ending(done.code)
    message = f"`{_shown(done.args)}` failed: {reason}"
    return CommandFailed(message, code=done.code, stderr=done.complaint, hint=hint)


def first_line(complaint: str) -> str:
    """Return the line of a program's error output that says what is wrong: the first, or the first fatal one.

    Control characters are shown as ``?``, because the text may be an agent's.
    """
    plain = "".join(char if char.isprintable() or char == "\n" else "?" for char in complaint.replace("\r", "\n"))
    lines = [line.strip() for line in plain.split("\n") if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (fatal or lines or [""])[0]


def _begin(words: tuple[str, ...], cwd: Path | None, env: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    if cwd is not None and not cwd.is_dir():
        raise NotFound(f"there is no directory {cwd}", hint="it was moved or deleted")
    try:
        return subprocess.Popen(
            words,
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise ToolMissing(f"`{words[0]}` is not installed", hint=f"install {words[0]} and try again") from None
    except PermissionError:
        raise ToolMissing(f"you may not run `{words[0]}`", hint=f"check the permissions of {words[0]}") from None


class _Kept:
    """Collects output up to a number of bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._blocks: list[bytes] = []
        self._size = 0

    def take(self, block: bytes) -> bool:
        self._size += len(block)
        if not self.is_full:
            self._blocks.append(block)
        return not self.is_full

    @property
    def is_full(self) -> bool:
        return self._size > self._most

    @property
    def data(self) -> bytes:
        return b"".join(self._blocks)


class _Ends:
    """Collects the first and last bytes of error output: git reports the cause first, other programs last."""

    def __init__(self) -> None:
        self._first = b""
        self._last = b""

    def take(self, block: bytes) -> bool:
        room = _FIRST_KEPT - len(self._first)
        self._first += block[:room]
        self._last = (self._last + block[room:])[-_LAST_KEPT:]
        return True

    @property
    def data(self) -> bytes:
        return self._first + self._last


def _converse(
    words: tuple[str, ...],
    take: Callable[[bytes], bool],
    *,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    deadline: float,
    stdin: bytes | None = None,
) -> tuple[int, bytes]:
    """Run a program, and return its exit code and error output; it is ended once ``take`` returns False."""
    process, complaint, end = _begin(words, cwd, env), _Ends(), time.monotonic() + deadline
    try:
        if _exchange(process, stdin or b"", {_pipe(process.stdout): take, _pipe(process.stderr): complaint.take}, end):
            process.wait(timeout=max(0.0, end - time.monotonic()))
        else:
            _end_group(process)
    except (TimeoutError, subprocess.TimeoutExpired):
        _end_group(process)
        raise DeadlineExceeded(
            f"`{_shown(words)}` did not end within {deadline:g} seconds",
            hint="it was stopped; the machine may be busy, so try again",
        ) from None
    except BaseException:
        _end_group(process)
        raise
    _close_pipes(process)
    return process.returncode, complaint.data


def _exchange(
    process: subprocess.Popen[bytes], stdin: bytes, takers: dict[IO[bytes], Callable[[bytes], bool]], end: float
) -> bool:
    """Write and read until every pipe is closed; returns False once a taker does. Raises TimeoutError."""
    left = memoryview(stdin)
    source = _pipe(process.stdin)
    os.set_blocking(source.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_WRITE)
        for pipe in takers:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in _ready(selector, end):
                if key.fileobj is source:
                    left = _write_some(selector, source, left)
                elif not _read_some(selector, key, takers):
                    return False
    return True


def _ready(selector: selectors.BaseSelector, end: float) -> list[tuple[selectors.SelectorKey, int]]:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return selector.select(left)


def _write_some(selector: selectors.BaseSelector, source: IO[bytes], left: memoryview) -> memoryview:
    try:
        left = left[os.write(source.fileno(), left[:_BLOCK]) :] if left else left
    except BlockingIOError:
        return left
    except BrokenPipeError:
        left = left[:0]
    if not left:
        selector.unregister(source)
        source.close()
    return left


def _read_some(
    selector: selectors.BaseSelector, key: selectors.SelectorKey, takers: dict[IO[bytes], Callable[[bytes], bool]]
) -> bool:
    block = os.read(key.fd, _BLOCK)
    if block:
        return takers[cast("IO[bytes]", key.fileobj)](block)
    selector.unregister(key.fileobj)
    return True


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None, "every pipe was asked for"  # noqa: S101 -- for the type checker
    return pipe


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and everything it started: first with TERM, so that git removes its lock files, then with KILL."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        # It is not reaped yet, so its id cannot be reused.
        _await_end(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
    # Read nothing more: a grandchild outside the group, or a tmux server, may keep the pipes open.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_REAP_SECONDS)
    _close_pipes(process)


def _await_end(pid: int) -> None:
    end = time.monotonic() + _GRACE_SECONDS
    with contextlib.suppress(ChildProcessError):
        while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) and time.monotonic() < end:
            time.sleep(_POLL)


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _shown(words: tuple[str, ...]) -> str:
    line = shlex.join(words).replace("\n", " ")
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
