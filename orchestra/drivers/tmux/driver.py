"""The tmux driver: one server, ours or the person's, in which only our own windows are changed."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestra.drivers.tmux import server
from orchestra.drivers.tmux.control_pane import ControlPane
from orchestra.drivers.tmux.escaping import identifier, literal, title, without_shell
from orchestra.drivers.tmux.grid import Grid
from orchestra.drivers.tmux.keys import Keys
from orchestra.drivers.tmux.labels import Labels
from orchestra.drivers.tmux.panes import Panes
from orchestra.drivers.tmux.server import Server
from orchestra.drivers.tmux.session_options import SessionOptions
from orchestra.drivers.tmux.windows import CONTROL, GRID, IS_AGENT, PROJECT, SESSION, SPARE, Windows
from orchestra.errors import CommandFailed, NotFound
from orchestra.model import Window
from orchestra.names import digest

_DEADLINE = 5.0
_STATUS = "@orchestra_status"
_OWNER = "@orchestra_owner"
_STATUS_WIDTH = 60
_CLIENTS = (
    "#{client_activity} #{session_id} #{window_id} #{pane_id} #{window_zoomed_flag} #{pane_synchronized}"
    " #{client_control_mode} #{client_name}"
)


@dataclass(frozen=True, slots=True)
class Client:
    """One terminal attached to tmux; ``activity`` is its last key, in seconds since the epoch.

    ``pane`` has the keyboard. It fills the window if ``zoomed``; if ``synchronized``, keys go to all panes.
    """

    name: str
    session: str
    window: str
    pane: str
    activity: float
    zoomed: bool = False
    synchronized: bool = False

    def shows(self, window: Window) -> bool:
        """Return whether an agent can be seen in this terminal."""
        return self.window == window.id and not (window.shared and self.zoomed and self.pane != window.pane)

    def uses(self, window: Window) -> bool:
        """Return whether the last key may have been for an agent's window or, in a grid, for its pane."""
        alone = window.shared and not self.synchronized
        return self.window == window.id and (not alone or self.pane == window.pane)


class Tmux:
    """One tmux server at a socket path; ``deadline`` is in seconds, for every call.

    Calls raise DeadlineExceeded, NotFound for what is gone, CommandFailed if no server answers, and
    ToolMissing without tmux. tmux sessions, windows and panes are identified by ids (``$1 @1 %1``).
    """

    def __init__(self, socket: str, *, deadline: float = _DEADLINE) -> None:
        self.socket = socket
        self.server = Server(socket, deadline)
        self.windows = Windows(self.server)
        self.control = ControlPane(self.server, self.windows)
        self.grid = Grid(self.server)
        self.keys = Keys(self.server, self.windows)
        self.panes = Panes(self.server)
        self.labels = Labels(self.server)
        self.options = SessionOptions(self.server)

    @classmethod
    def own(cls, name: str, *, deadline: float = _DEADLINE) -> Tmux:
        """Return the server that ``tmux -L name`` talks to."""
        base = Path(os.environ.get("TMUX_TMPDIR") or "/tmp")  # noqa: S108 -- where tmux itself puts its sockets
        return cls(str(base.resolve() / f"tmux-{os.getuid()}" / name), deadline=deadline)

    @classmethod
    def current(cls, *, deadline: float = _DEADLINE) -> Tmux | None:
        """Return the server that this process was started in, or None outside tmux."""
        socket = os.environ.get("TMUX", "").rsplit(",", 2)[0]
        return cls(socket, deadline=deadline) if socket else None

    def version(self) -> tuple[int, int]:
        """Return the version of the installed tmux."""
        return server.version()

    def alive(self) -> bool:
        """Return whether the server answers; raises DeadlineExceeded if it hangs."""
        return self.server.ask(("list-sessions",), check=False).code == 0

    def start(self, session: str, cwd: Path, size: tuple[int, int] = (200, 50)) -> str:
        """Start the server if necessary, with the person's configuration, and return the tmux session's id.

        An existing tmux session of that name is used. A new one has a spare window, which is closed
        when `open_window` adds our first one; it outlives its clients even if the person has set
        ``destroy-unattached``.
        """
        server.require_version()
        Path(self.socket).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = self.find_session(session)
        if there is not None:
            return there
        width, height = map(str, size)
        commands = (
            ("new-session", "-d", "-s", literal(session), "-c", literal(str(cwd)), "-x", width, "-y", height,
             "-P", "-F", "#{session_id}"),
            ("set-option", "-t", f"={session}:", "destroy-unattached", "off"),
            ("set-option", "-w", "-t", f"={session}:", SPARE, "1"),
        )  # fmt: skip
        try:
            return self.server.line(*commands)
        except CommandFailed:
            # Another process may have started it at the same moment, or the server was just ending.
            there = self.find_session(session)
            if there is None and self.alive():
                raise
            return there or self.server.line(*commands)

    def belongs_to(self, home: str, projects: Container[str]) -> bool:
        """Return whether a home has started this server, by its mark or, for older versions, by its windows."""
        owner = self.server.ask(("show-options", "-s", "-q", "-v", _OWNER), check=False).text.strip()
        return owner == home if owner else any(window.project in projects for window in self.windows.all())

    def claim(self, home: str) -> None:
        """Mark the server as started by a home."""
        self.server.ask(("set-option", "-s", _OWNER, home))

    def find_session(self, name: str) -> str | None:
        """Return the id of the tmux session called ``name``; None if there is none or no server answers."""
        listing = self.server.ask(("list-sessions", "-F", "#{session_id} #{session_name}"), check=False).text
        rows = (line.partition(" ") for line in listing.splitlines())
        return next((session for session, _, known in rows if known == name), None)

    def session_of(self, target: str) -> str:
        """Return the id of the tmux session that a pane or window is in; raises NotFound."""
        session = self.server.line(("display-message", "-p", "-t", identifier(target), "#{session_id}"))
        if not session:
            raise NotFound(f"tmux has no {target}", hint="it was closed")
        return session

    def current_session(self) -> str:
        """Return the id of the tmux session that this process was started in; raises NotFound outside one.

        Without a pane (``run-shell``), the tmux session is the one that ``TMUX`` ends with.
        """
        with contextlib.suppress(NotFound):
            return self.session_of(os.environ.get("TMUX_PANE", ""))
        return self.session_of(f"${os.environ.get('TMUX', '').rpartition(',')[2]}")

    def close_session(self, tmux_session: str) -> None:
        """Close a tmux session with all its windows; does nothing if it is gone."""
        self.server.ask(("kill-session", "-t", identifier(tmux_session)), check=False)

    def has_client(self) -> bool:
        """Return whether any terminal shows this server."""
        return bool(self.clients())

    def clients(self) -> list[Client]:
        """Return the attached terminals, without programs in control mode."""
        listing = self.server.ask(("list-clients", "-F", _CLIENTS)).text
        rows = (line.split(" ", 7) for line in listing.splitlines())
        return [
            Client(name, session, window, pane, float(activity), zoomed == "1", synchronized == "1")
            for activity, session, window, pane, zoomed, synchronized, controls, name in rows
            if controls != "1"
        ]

    def leave(self, client: Client) -> None:
        """Show a terminal the newest window that is not ours; without one, or if we started the server, detach it."""
        before = None if self._has_owner() else self._last_other_window(client.session)
        if before:
            self.windows.select(before, client.name)
        else:
            self.server.ask(("detach-client", "-t", client.name))

    def _has_owner(self) -> bool:
        return bool(self.server.line(("show-options", "-s", "-q", "-v", _OWNER)))

    def _last_other_window(self, tmux_session: str) -> str:
        """Return the window without a session or control pane that was shown last; empty if there is none."""
        listing = f"#{{window_stack_index}} #{{window_id}} #{{{SESSION}}}#{{{CONTROL}}}#{{{GRID}}}"
        rows = (
            line.split(" ", 2)
            for line in self.server.ask(
                ("list-windows", "-t", identifier(tmux_session), "-F", listing)
            ).text.splitlines()
        )
        # Windows are numbered from the last one shown; those never shown have a 0.
        others = [(stack == "0", int(stack), window) for stack, window, ours in rows if not ours]
        return min(others)[2] if others else ""

    def terminals(self) -> list[str]:
        """Return the devices of the attached terminals, such as ``/dev/pts/3``, without programs in control mode."""
        listing = self.server.ask(("list-clients", "-F", "#{client_control_mode} #{client_tty}")).text
        rows = (line.partition(" ") for line in listing.splitlines())
        return [terminal for controls, _, terminal in rows if controls != "1" and terminal]

    def set_status(self, tmux_session: str, text: str, *, project: str = "") -> None:
        """Show a project's text at the right of a tmux session's status line, before the existing text.

        The text is kept in its own option, so that tmux does not interpret it as a format.
        """
        own, shown = _status_of(project)
        wanted = {own: title(text)}
        before, length = self.options.effective(tmux_session, "status-right", "status-right-length")
        if shown not in before:
            wanted |= {"status-right": shown + before, "status-right-length": str(int(length) + _STATUS_WIDTH)}
        self.options.set(tmux_session, wanted)

    def clear_status(self, tmux_session: str, *, project: str = "") -> None:
        """Remove a project's text, and with the last one everything that `set_status` changed."""
        own, shown = _status_of(project)
        left = self.options.effective(tmux_session, "status-right")[0].replace(shown, "")
        if f"#{{{_STATUS}" in left:
            self.options.set(tmux_session, {"status-right": left})
            self.options.restore(tmux_session, own)
        else:
            self.options.restore(tmux_session, "status-right", "status-right-length", own)

    def claim_session(self, tmux_session: str, project: str) -> None:
        """Mark a tmux session as a project's, so that keys work in its other windows too."""
        self.options.set(tmux_session, {PROJECT: project})

    def rename_project(self, before: str, now: str) -> None:
        """Change the path of a project in its windows and in the tmux sessions that it claimed."""
        tile = f"#{{?#{{&&:{IS_AGENT},#{{!=:#{{{GRID}}},}}}},#{{pane_id}},-}}"
        listing = ("list-panes", "-a", "-F", f"#{{window_id}} #{{session_id}} {tile} #{{{PROJECT}}}")
        rows = [line.split(" ", 3) for line in self.server.ask(listing).text.splitlines()]
        for window, session, pane, project in rows:
            if project != before:
                continue
            if self.options.own(session, PROJECT)[PROJECT] == before:
                self.options.set(session, {PROJECT: now})
            self.server.ask(("set-option", "-w", "-t", identifier(window), "--", PROJECT, now))
            if pane != "-":
                self.server.ask(("set-option", "-p", "-t", identifier(pane), "--", PROJECT, now))

    def release_session(self, tmux_session: str, project: str) -> None:
        """Undo `claim_session`, unless another project has claimed it since."""
        if self.options.own(tmux_session, PROJECT)[PROJECT] == project:
            self.options.restore(tmux_session, PROJECT)

    def popup(self, command: Sequence[str], *, client: str | None = None, title: str = "") -> None:
        """Show a command in a popup over a client, or in its own window if no client is attached.

        Returns at once; the popup closes when the command succeeds.
        """
        seen = client or next((each.name for each in self.clients()), None)
        if seen is None:
            self.server.ask(("new-window", "-n", literal(title or command[0]), "--", *without_shell(command)))
            return
        # A popup blocks its caller, so the server itself opens it.
        tmux = (shutil.which("tmux") or "tmux", *self.server.program[1:])
        shown = ("display-popup", "-c", seen, "-EE", "-w", "90%", "-h", "85%", "-T", literal(title))
        line = shlex.join([*tmux, *shown, "--", *command])
        # The output or failure of a background command would cover a pane.
        self.server.ask(("run-shell", "-b", f"{literal(line)} >/dev/null 2>&1 || :"))

    def message(self, client: str, text: str, *, seconds: float = 5.0) -> None:
        """Show one line in a client for some seconds."""
        shown = title(text).replace("%", "%%")
        self.server.ask(("display-message", "-d", str(int(seconds * 1000)), "-c", client, "--", shown))

    def attach_command(self, tmux_session: str) -> tuple[str, ...]:
        """Return the command that shows a tmux session in this terminal."""
        return ("tmux", "-S", self.socket, "attach-session", "-t", identifier(tmux_session))


def _status_of(project: str) -> tuple[str, str]:
    """Return the option with a project's text, and the format that shows it in the status line."""
    own = f"{_STATUS}_{digest(project, 6)}"
    return own, f"#{{{own}}} "
