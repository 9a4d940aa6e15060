"""The tmux driver: one server, ours or the person's, and in it nothing but our own windows changed."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestra.drivers.tmux import server
from orchestra.drivers.tmux.control_pane import Control
from orchestra.drivers.tmux.escaping import identifier, literal, title, without_shell
from orchestra.drivers.tmux.keys import Keys
from orchestra.drivers.tmux.panes import Pasting
from orchestra.drivers.tmux.server import Server
from orchestra.drivers.tmux.windows import PROJECT, SPARE
from orchestra.errors import CommandFailed, NotFound
from orchestra.names import digest

_DEADLINE = 5.0
_SAVED_PREFIX = "@orchestra_before_"
_STATUS = "@orchestra_status"
_OWNER = "@orchestra_owner"
_STATUS_WIDTH = 60
_CLIENTS = "#{client_activity} #{session_id} #{window_id} #{pane_id} #{client_control_mode} #{client_name}"


@dataclass(frozen=True, slots=True)
class Client:
    """One terminal attached to tmux; ``activity`` is its last key, in seconds since the epoch."""

    name: str
    session: str
    window: str
    pane: str
    activity: float


class Tmux(Keys, Control, Pasting):
    """One tmux server at a socket path; ``deadline`` is in seconds, for every call.

    Calls raise DeadlineExceeded, NotFound for what is gone, CommandFailed when no server answers,
    ToolMissing without tmux. tmux sessions, windows and panes are named by ids (``$1 @1 %1``).
    """

    def __init__(self, socket: str, *, deadline: float = _DEADLINE) -> None:
        super().__init__(Server(socket, deadline))
        self.socket = socket

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
        """Return the installed tmux's version."""
        return server.version()

    def alive(self) -> bool:
        """Say whether the server answers; raises DeadlineExceeded for one that hangs."""
        return self.server.ask(("list-sessions",), check=False).code == 0

    def start(self, session: str, cwd: Path, size: tuple[int, int] = (200, 50)) -> str:
        """Start the server if need be, with the person's configuration, and return the tmux session's id.

        A tmux session of that name is taken as it is. A new one holds a spare window that goes
        when `open_window` adds the first of ours; it outlives its clients whatever the person's
        ``destroy-unattached`` says.
        """
        server.require_version()
        Path(self.socket).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = self.find_session(session)
        if there is not None:
            return there
        width, height = map(str, size)
        try:
            return self.server.line(
                ("new-session", "-d", "-s", literal(session), "-c", literal(str(cwd)), "-x", width, "-y", height,
                 "-P", "-F", "#{session_id}"),
                ("set-option", "-t", f"={session}:", "destroy-unattached", "off"),
                ("set-option", "-w", "-t", f"={session}:", SPARE, "1"),
            )  # fmt: skip
        except CommandFailed:
            # Somebody else may have started it at the same moment.
            there = self.find_session(session)
            if there is None:
                raise
            return there

    def belongs_to(self, home: str, projects: Container[str]) -> bool:
        """Say whether a home has started this server: by its note, or, before there were notes, its windows."""
        told = self.server.ask(("show-options", "-s", "-q", "-v", _OWNER), check=False).text.strip()
        return told == home if told else any(window.project in projects for window in self.windows())

    def claim(self, home: str) -> None:
        """Write down in the server which home has started it."""
        self.server.ask(("set-option", "-s", _OWNER, home))

    def find_session(self, name: str) -> str | None:
        """Return the id of the tmux session called ``name``, or None, also when no server answers."""
        told = self.server.ask(("list-sessions", "-F", "#{session_id} #{session_name}"), check=False).text
        rows = (line.partition(" ") for line in told.splitlines())
        return next((found for found, _, known in rows if known == name), None)

    def session_of(self, target: str) -> str:
        """Return the id of the tmux session that a pane or window is in; raises NotFound."""
        told = self.server.line(("display-message", "-p", "-t", identifier(target), "#{session_id}"))
        if not told:
            raise NotFound(f"tmux has no {target}", hint="it was closed")
        return told

    def current_session(self) -> str:
        """Return the id of the tmux session that this process was started in; raises NotFound outside one.

        What tmux itself runs (``run-shell``) has no pane: then it is the session that ``TMUX`` ends with.
        """
        with contextlib.suppress(NotFound):
            return self.session_of(os.environ.get("TMUX_PANE", ""))
        return self.session_of(f"${os.environ.get('TMUX', '').rpartition(',')[2]}")

    def close_session(self, tmux_session: str) -> None:
        """Close a tmux session with all its windows; one that is gone already is fine."""
        self.server.ask(("kill-session", "-t", identifier(tmux_session)), check=False)

    def has_client(self) -> bool:
        """Say whether anybody looks at this server."""
        return bool(self.clients())

    def clients(self) -> list[Client]:
        """Return the attached terminals; programs that control tmux without showing it are left out."""
        told = self.server.ask(("list-clients", "-F", _CLIENTS)).text
        rows = (line.split(" ", 5) for line in told.splitlines())
        return [
            Client(name, session, window, pane, float(activity))
            for activity, session, window, pane, controls, name in rows
            if controls != "1"
        ]

    def set_session_option(self, tmux_session: str, option: str, value: str) -> None:
        """Set an option on one tmux session, keeping what the session itself had, for `restore_session_option`."""
        session = self.server.objects.session(tmux_session)
        if option.startswith("@"):
            session.set_option(option, value)
            return
        kept = _SAVED_PREFIX + option
        saved = self.server.line(("show-options", "-q", "-v", "-t", tmux_session, kept))
        if not saved:
            had = self._local(tmux_session, option)
            session.set_option(kept, "unset" if had is None else f"set:{had}")
        session.set_option(option, value)

    def restore_session_option(self, tmux_session: str, option: str) -> None:
        """Put back what `set_session_option` replaced; fine when it replaced nothing."""
        session = self.server.objects.session(tmux_session)
        kept = _SAVED_PREFIX + option
        saved = self._local(tmux_session, kept)
        if option.startswith("@") or saved == "unset":
            session.unset_option(option)
        elif saved is not None:
            # Not through libtmux, which takes a value with a dash in front for a flag.
            before = saved.removeprefix("set:")
            self.server.ask(("set-option", "-t", identifier(tmux_session), "--", option, before))
        session.unset_option(kept)

    def set_status(self, tmux_session: str, text: str, *, project: str = "") -> None:
        """Show a project's text at the right of a tmux session's status line, before what stands there already.

        The text is kept in an option of its own, so that no format is made of it.
        """
        own, shown = _status_of(project)
        self.set_session_option(tmux_session, own, title(text))
        if shown in (before := self._effective(tmux_session, "status-right")):
            return
        length = int(self._effective(tmux_session, "status-right-length"))
        self.set_session_option(tmux_session, "status-right", shown + before)
        self.set_session_option(tmux_session, "status-right-length", str(length + _STATUS_WIDTH))

    def clear_status(self, tmux_session: str, *, project: str = "") -> None:
        """Take a project's text away again, and with the last one all that `set_status` changed."""
        own, shown = _status_of(project)
        left = self._effective(tmux_session, "status-right").replace(shown, "")
        if f"#{{{_STATUS}" in left:
            self.set_session_option(tmux_session, "status-right", left)
        else:
            for option in ("status-right", "status-right-length"):
                self.restore_session_option(tmux_session, option)
        self.restore_session_option(tmux_session, own)

    def claim_session(self, tmux_session: str, project: str) -> None:
        """Make windows that show no session count as a project's too, for keys that need only a project."""
        self.set_session_option(tmux_session, PROJECT, project)

    def rename_project(self, before: str, now: str) -> None:
        """Let all that shows a project show it under another path: windows, and tmux sessions that it claimed."""
        told = self.server.ask(("list-windows", "-a", "-F", f"#{{window_id}} #{{session_id}} #{{{PROJECT}}}")).text
        rows = [line.split(" ", 2) for line in told.splitlines()]
        for window, session, project in rows:
            if project != before:
                continue
            if self._local(session, PROJECT) == before:
                self.server.objects.session(session).set_option(PROJECT, now)
            self.server.ask(("set-option", "-w", "-t", identifier(window), "--", PROJECT, now))

    def release_session(self, tmux_session: str, project: str) -> None:
        """Undo `claim_session`, unless another project has claimed it since."""
        if self._local(tmux_session, PROJECT) == project:
            self.restore_session_option(tmux_session, PROJECT)

    def popup(self, command: Sequence[str], *, client: str | None = None, title: str = "") -> None:
        """Show a command in a popup over a client, or in a window of its own where no client is attached.

        Returns at once; the popup closes by itself when the command succeeds.
        """
        seen = client or next((each.name for each in self.clients()), None)
        if seen is None:
            self.server.ask(("new-window", "-n", literal(title or command[0]), "--", *without_shell(command)))
            return
        # A popup keeps its caller waiting, so the server itself is the caller.
        tmux = (shutil.which("tmux") or "tmux", *self.server.program[1:])
        shown = ("display-popup", "-c", seen, "-EE", "-w", "90%", "-h", "85%", "-T", literal(title))
        line = shlex.join([*tmux, *shown, "--", *command])
        # What a background command prints, or its failure, would cover a pane.
        self.server.ask(("run-shell", "-b", f"{literal(line)} >/dev/null 2>&1 || :"))

    def message(self, client: str, text: str, *, seconds: float = 5.0) -> None:
        """Show one line to a client for some seconds."""
        shown = title(text).replace("%", "%%")
        self.server.ask(("display-message", "-d", str(int(seconds * 1000)), "-c", client, "--", shown))

    def attach_command(self, tmux_session: str) -> tuple[str, ...]:
        """Return the command that shows a tmux session in this terminal."""
        return ("tmux", "-S", self.socket, "attach-session", "-t", identifier(tmux_session))

    def _effective(self, tmux_session: str, option: str) -> str:
        return self.server.ask(("show-options", "-A", "-v", "-t", tmux_session, option)).text.removesuffix("\n")

    def _local(self, tmux_session: str, option: str) -> str | None:
        asked = ("show-options", "-q", "-t", tmux_session)
        if not self.server.line((*asked, option)):
            return None
        return self.server.ask((*asked, "-v", option)).text.removesuffix("\n")


def _status_of(project: str) -> tuple[str, str]:
    """Return the option that holds a project's text, and what shows it in the status line."""
    own = f"{_STATUS}_{digest(project, 6)}"
    return own, f"#{{{own}}} "
