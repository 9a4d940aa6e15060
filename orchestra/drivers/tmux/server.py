"""One tmux server, asked through libtmux's objects, with a deadline on every call."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import libtmux
from libtmux.common import tmux_cmd

from orchestra.drivers import process
from orchestra.drivers.tmux.escaping import argument, identifier
from orchestra.errors import CommandFailed, DeadlineExceeded, NotFound, OrchestraError, ToolMissing

OLDEST = (3, 2)
"""The first tmux with popups, pane options and formats in listings as they are used here."""
Command = Sequence[str]

_CONTEXT = ("TMUX", "TMUX_PANE")


class Reply(tmux_cmd):
    """What a tmux command printed, in the shape libtmux's own objects expect."""

    def __init__(self, done: process.Completed) -> None:  # the parent's would run the command without a deadline
        self.cmd = list(done.args)
        self.returncode = done.code
        self.stdout = done.text.rstrip("\n").split("\n") if done.stdout else []
        self.stderr = [line for line in done.complaint.splitlines() if line]


class Server(libtmux.Server):
    """libtmux's server; whatever its sessions, windows and panes ask goes through `ask`.

    ``deadline`` is in seconds and holds for each call. libtmux's own listings (``sessions``,
    ``windows``, ``panes``) start a process of their own without a deadline, and answer with
    nothing when the server is gone; they are not used.
    """

    def __init__(self, socket: str, deadline: float) -> None:
        super().__init__(socket_path=socket)
        self.socket = socket
        self.deadline = deadline

    def cmd(self, cmd: str, *args: object, target: str | int | None = None) -> tmux_cmd:
        """Run one command; this is the door that libtmux's objects use."""
        where = () if target is None else ("-t", str(target))
        return Reply(self.ask((cmd, *where, *(str(arg) for arg in args))))

    def ask(self, *commands: Command, stdin: bytes | None = None, check: bool = True) -> process.Completed:
        """Run commands as one sequence, nothing of anybody else's in between.

        tmux forgets a caller that was killed, not what it had asked: after DeadlineExceeded the
        commands may still take effect once the server runs on. Raises NotFound for a missing
        target, CommandFailed when no server answers or a command fails, ToolMissing.
        """
        try:
            done = process.run(
                [*self.program, *_joined(commands)],
                env={name: value for name, value in os.environ.items() if name not in _CONTEXT},
                stdin=stdin,
                deadline=self.deadline,
                check=False,
            )
        except DeadlineExceeded:
            raise DeadlineExceeded(
                f"tmux did not answer `{commands[0][0]}` within {self.deadline:g} seconds",
                hint=f"its server at {self.socket} is stopped or very busy",
            ) from None
        if check and done.code != 0:
            raise self._error(done)
        return done

    def line(self, *commands: Command) -> str:
        """Run commands and return the first line they print, empty for none."""
        return next(iter(self.ask(*commands).text.splitlines()), "")

    @property
    def program(self) -> tuple[str, ...]:
        """The beginning of every command line: UTF-8 whatever the locale says, and this socket."""
        return ("tmux", "-u", "-S", self.socket)

    def window(self, window_id: str) -> libtmux.Window:
        """Return libtmux's object for a window id, without asking tmux anything."""
        return libtmux.Window(server=self, window_id=identifier(window_id))

    def pane(self, pane_id: str) -> libtmux.Pane:
        """Return libtmux's object for a pane id, without asking tmux anything."""
        return libtmux.Pane(server=self, pane_id=identifier(pane_id))

    def session(self, session_id: str) -> libtmux.Session:
        """Return libtmux's object for the id of a tmux session, without asking tmux anything."""
        return libtmux.Session(server=self, session_id=identifier(session_id))

    def _error(self, done: process.Completed) -> OrchestraError:
        reason = process.first_line(done.complaint)
        if reason.startswith(("no server running", "error connecting to", "server exited", "lost server")):
            return CommandFailed(
                f"no tmux server answers at {self.socket}",
                code=done.code,
                stderr=reason,
                hint="`orchestra up` starts one",
            )
        if reason.startswith(("can't find", "no such")):
            return NotFound(f"tmux {reason}", hint="it was closed; `orchestra up` opens it again")
        return process.failure(done)


class Connection:
    """What the parts of the tmux driver share."""

    def __init__(self, server: Server) -> None:
        self.server = server


def version() -> tuple[int, int]:
    """Return the installed tmux's version, such as ``(3, 3)``; raises ToolMissing for none."""
    told = process.run(["tmux", "-V"], deadline=5).text
    found = re.search(r"(\d+)\.(\d+)", told)
    # A build from the development tree carries a name in place of numbers, and is newer than any of them.
    return (int(found[1]), int(found[2])) if found else (99, 0)


def require_version() -> None:
    """Raise ToolMissing when the installed tmux is too old."""
    found = version()
    if found < OLDEST:
        raise ToolMissing(f"tmux {found[0]}.{found[1]} is too old", hint="install tmux 3.2 or newer")


def _joined(commands: Sequence[Command]) -> list[str]:
    words: list[str] = []
    for command in commands:
        words += [";"] if words else []
        words += [argument(word) for word in command]
    return words
