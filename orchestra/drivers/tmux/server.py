"""One tmux server, with a deadline on every call."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from orchestra.drivers import process
from orchestra.drivers.shared_looks import SharedLooks
from orchestra.drivers.tmux.escaping import argument
from orchestra.errors import CommandFailed, DeadlineExceeded, NotFound, OrchestraError, ToolMissing

if TYPE_CHECKING:
    from orchestra.drivers.tmux.objects import Objects

OLDEST = (3, 2)
"""The first tmux with the popups, pane options and list formats used here."""
Command = Sequence[str]

_CONTEXT = ("TMUX", "TMUX_PANE")
_LOOKING = frozenset(
    {"list-clients", "list-keys", "list-panes", "list-sessions", "list-windows", "show-hooks", "show-options"}
)
_BETWEEN = secrets.token_hex(8)
"""A line that no command prints by itself."""
_looks: SharedLooks[process.Completed] = SharedLooks()
_GONE = (
    *("no server running", "error connecting to", "server exited", "lost server"),
    *("no current target", "no current session"),
)
"""How tmux's complaint begins when its server has ended, or ends just now, and has no session any more."""


class Server:
    """One tmux server, identified by its socket; ``deadline`` is in seconds, for each call."""

    def __init__(self, socket: str, deadline: float) -> None:
        self.socket = socket
        self.deadline = deadline

    def ask(self, *commands: Command, stdin: bytes | None = None, check: bool = True) -> process.Completed:
        """Run commands as one uninterrupted sequence.

        After DeadlineExceeded the commands may still take effect once the server continues. Raises
        NotFound for a missing target, CommandFailed if no server answers or a command fails,
        ToolMissing.
        """
        words = tuple(_joined(commands))
        try:
            if stdin is None and all(_only_looks(command) for command in commands):
                done = _looks.ask((self.socket, self.deadline, words), lambda: self._run(words))
            else:
                done = self._run(words, stdin)
        except DeadlineExceeded:
            raise DeadlineExceeded(
                f"tmux did not answer `{commands[0][0]}` within {self.deadline:g} seconds",
                hint=f"its server at {self.socket} is suspended or very busy",
            ) from None
        if check and done.code != 0:
            raise self._error(done)
        return done

    def _run(self, words: Sequence[str], stdin: bytes | None = None) -> process.Completed:
        environment = {name: value for name, value in os.environ.items() if name not in _CONTEXT}
        return process.run([*self.program, *words], env=environment, stdin=stdin, deadline=self.deadline, check=False)

    def line(self, *commands: Command) -> str:
        """Run commands and return the first line of their output; may be empty."""
        return next(iter(self.ask(*commands).text.splitlines()), "")

    def answers(self, *commands: Command, check: bool = True) -> list[str]:
        """Run commands as `ask` does, and return what each printed; without ``check``, up to the one that failed."""
        between = ("display-message", "-p", _BETWEEN)
        separated = [part for command in commands for part in (between, command)]
        return self.ask(*separated, check=check).text.split(f"{_BETWEEN}\n")[1:]

    @property
    def program(self) -> tuple[str, ...]:
        """The beginning of every command line: UTF-8 in every locale, and this socket."""
        return ("tmux", "-u", "-S", self.socket)

    @cached_property
    def objects(self) -> Objects:
        """The windows, panes and x."""
        from orchestra.drivers.tmux.objects import Objects  # noqa: PLC0415 -- loads libtmux

        return Objects(self)

    def _error(self, done: process.Completed) -> OrchestraError:
        reason = process.first_line(done.complaint)
        if reason.startswith(_GONE):
            return CommandFailed(
                f"no tmux server answers at {self.socket}",
                code=done.code,
                stderr=reason,
                hint="to start one: orchestra up",
            )
        if reason.startswith(("can't find", "no such")):
            return NotFound(f"tmux {reason}", hint="it was closed; to open it again: orchestra up")
        return process.failure(done)


@contextlib.contextmanager
def unless_it_ended() -> Iterator[None]:
    """Leave the rest of the block out if the tmux server has ended, and all its windows and options with it."""
    try:
        yield
    except CommandFailed as error:
        if not error.stderr.startswith(_GONE):
            raise


def version() -> tuple[int, int]:
    """Return the installed tmux's version, such as ``(3, 3)``; raises ToolMissing for none."""
    text = process.run(["tmux", "-V"], deadline=5).text
    match = re.search(r"(\d+)\.(\d+)", text)
    # A development build has a name instead of a number, and counts as newest.
    return (int(match[1]), int(match[2])) if match else (99, 0)


def require_version() -> None:
    """Raise ToolMissing if the installed tmux is too old."""
    installed = version()
    if installed < OLDEST:
        raise ToolMissing(f"tmux {installed[0]}.{installed[1]} is too old", hint="install tmux 3.2 or newer")


def _only_looks(command: Command) -> bool:
    return command[0] in _LOOKING or tuple(command[:2]) == ("display-message", "-p")


def _joined(commands: Sequence[Command]) -> list[str]:
    words: list[str] = []
    for command in commands:
        words += [";"] if words else []
        words += [argument(word) for word in command]
    return words
