"""The one door to other programs: every call has a deadline, its own process group, and a typed error."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestra.errors import CommandFailed, DeadlineExceeded, NotFound, ToolMissing

_SHOWN = 60
_REAP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program that has ended left behind; ``code`` is negative when a signal ended it."""

    args: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """The output as text; bytes that are not UTF-8 survive as surrogates."""
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
) -> Completed:
    """Run a program to its end and return what it left behind; ``deadline`` is in seconds.

    The program leads its own process group, and the whole group is killed when the deadline
    passes or the caller is interrupted. ``env`` replaces the environment. Raises ToolMissing when
    there is no such program, DeadlineExceeded, NotFound for a missing ``cwd``, and, with
    ``check``, CommandFailed for any exit code but 0.
    """
    words = tuple(os.fspath(arg) for arg in args)
    process = _begin(words, cwd, env)
    try:
        stdout, stderr = process.communicate(stdin or b"", timeout=deadline)
    except subprocess.TimeoutExpired:
        _kill_group(process)
        raise DeadlineExceeded(
            f"`{_shown(words)}` did not end within {deadline:g} seconds",
            hint="it was stopped; the machine may be busy, so try again",
        ) from None
    except BaseException:
        _kill_group(process)
        raise
    done = Completed(words, process.returncode, stdout, stderr)
    if check and done.code != 0:
        raise failure(done)
    return done


def failure(done: Completed, *, hint: str = "") -> CommandFailed:
    """Return the error that tells how a program failed, in its own first words."""
    reason = first_line(done.complaint) or first_line(done.stdout.decode("utf-8", "replace")) or _ending(done.code)
    message = f"`{_shown(done.args)}` failed: {reason}"
    return CommandFailed(message, code=done.code, stderr=done.complaint, hint=hint)


def first_line(complaint: str) -> str:
    """Return the line of a program's error output that says what is wrong: the first, or the first fatal one.

    A terminal's control characters are shown as ``?``: the words may be an agent's.
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
        raise ToolMissing(f"`{words[0]}` may not be run", hint=f"check the permissions of {words[0]}") from None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # Nothing more is read: a grandchild that left the group, or a tmux server, may hold the pipes open.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_REAP_SECONDS)
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
