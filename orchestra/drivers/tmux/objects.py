"""libtmux's windows, panes and sessions, asking tmux through a server of ours and so within its deadline.

libtmux's own server is not used: its listings start a process without a deadline, and answer with nothing
when the server is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import libtmux
from libtmux.common import tmux_cmd

from orchestra.drivers.tmux.escaping import identifier

if TYPE_CHECKING:
    from orchestra.drivers.process import Completed
    from orchestra.drivers.tmux.server import Server


class Objects:
    """Makes libtmux's objects for ids of a server, without asking tmux anything."""

    def __init__(self, server: Server) -> None:
        self._server = cast("libtmux.Server", _Asked(server))

    def window(self, window_id: str) -> libtmux.Window:
        """Return the object for a window's id."""
        return libtmux.Window(server=self._server, window_id=identifier(window_id))

    def pane(self, pane_id: str) -> libtmux.Pane:
        """Return the object for a pane's id."""
        return libtmux.Pane(server=self._server, pane_id=identifier(pane_id))

    def session(self, session_id: str) -> libtmux.Session:
        """Return the object for the id of a tmux session."""
        return libtmux.Session(server=self._server, session_id=identifier(session_id))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What libtmux's objects ask, in place of the server they expect."""

    server: Server

    def cmd(self, cmd: str, *args: object, target: str | int | None = None) -> tmux_cmd:
        where = () if target is None else ("-t", str(target))
        return _reply(self.server.ask((cmd, *where, *(str(arg) for arg in args))))


def _reply(done: Completed) -> tmux_cmd:
    """Return what a command printed in the shape that libtmux expects; making one would run it without a deadline."""
    reply = tmux_cmd.__new__(tmux_cmd)
    reply.cmd = list(done.args)
    reply.returncode = done.code
    reply.stdout = done.text.rstrip("\n").split("\n") if done.stdout else []
    reply.stderr = [line for line in done.complaint.splitlines() if line]
    return reply
