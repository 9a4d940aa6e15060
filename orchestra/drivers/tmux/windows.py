"""Open, find, restore and close the windows that show sessions."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestra.drivers.tmux.escaping import identifier, literal, quoted, title, without_shell
from orchestra.drivers.tmux.server import Command, Server
from orchestra.errors import CommandFailed, NotFound
from orchestra.model import Window

SESSION = "@orchestra_session"
PROJECT = "@orchestra_project"
AGENT = "@orchestra_agent"
CONTROL = "@orchestra_control"
SPARE = "@orchestra_spare"
GRID = "@orchestra_grid"
"""The option of a window that sessions share; each of their panes then says itself whose it is."""

_THIS_PANE = "#{pid}:#{start_time}:#{pane_id}"
IS_AGENT = f"#{{||:#{{==:#{{{AGENT}}},{_THIS_PANE}}},#{{==:#{{{AGENT}}},1}}}}"
"""Whether a pane is an agent's: 1 or 0.

The mark names server and pane, so that a copy by another tool is not valid; windows of older
versions have a 1.
"""
_SHARED = f"#{{?{GRID},1,0}}"
_LISTING = (
    f"#{{window_id}} #{{pane_id}} #{{pane_dead}} #{{window_active}} {IS_AGENT} {_SHARED} #{{{SESSION}}} #{{{PROJECT}}}"
)
_FIELDS = 7
_NAMED = {"automatic-rename": "off", "allow-rename": "off"}
_QUIET = {"monitor-activity": "off", "monitor-silence": "0"}
OWN_WINDOW = _NAMED | _QUIET
"""The options of each window with agents, besides whose it is."""
_CONTAINED = {"allow-passthrough": "off"}
"""The output of a program stays in its pane, even if the person lets programs write past tmux to the terminal."""
_STAYS = _CONTAINED | {"remain-on-exit": "on", "remain-on-exit-format": ""}
"""tmux's own message in a dead pane scrolls the first line away, which may be the only one with the reason."""
_TTY_SECONDS = 8.0
_LEAST, _USUAL = (20, 6), (80, 24)
"""The smallest window for starting an agent, and the size that replaces smaller ones, in columns and rows."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The options that mark a window and its first pane as ours."""

    of_window: Mapping[str, str] = field(default_factory=dict)
    of_pane: Mapping[str, str] = field(default_factory=dict)

    def on(self, window: str, pane: str) -> list[Command]:
        """Return the commands that set them."""
        return [
            # Quietly, because an option of a newer tmux should not make an older one fail.
            *(("set-option", "-q", "-F", "-p", "-t", pane, "--", name, value) for name, value in self.of_pane.items()),
            *(("set-option", "-w", "-t", window, "--", name, value) for name, value in self.of_window.items()),
        ]

    def off(self, window: str, pane: str) -> list[Command]:
        """Return the commands that remove them."""
        return [
            *(("set-option", "-p", "-u", "-t", pane, name) for name in self.of_pane),
            *(("set-option", "-w", "-u", "-t", window, name) for name in self.of_window),
        ]


def control_marks(project: str) -> Marks:
    """Return the marks of a window with only the control pane."""
    return Marks(_NAMED | {PROJECT: project}, {CONTROL: literal(project), **_STAYS})


def _agent_marks(session: str, project: str) -> Marks:
    return Marks(OWN_WINDOW | {PROJECT: project, SESSION: session}, {AGENT: _THIS_PANE, **_STAYS})


class Windows:
    """The windows that show sessions, and those opened beside them."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def all(self) -> list[Window]:
        """Return every window that shows a session of any project, in tmux's order.

        Raises CommandFailed if no server answers, which is different from no windows.
        """
        windows: dict[tuple[str, str], Window] = {}
        for line in self._server.ask(("list-panes", "-a", "-F", _LISTING)).text.splitlines():
            window = _read(line)
            if window is not None and not ((place := (window.id, window.session)) in windows and windows[place].active):
                windows[place] = window
        return list(windows.values())

    def open_agent(
        self,
        tmux_session: str,
        title: str,
        command: Sequence[str],
        *,
        session: str,
        project: str,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        select: bool = False,
    ) -> Window:
        """Open a session's window at the end of a tmux session, with its options set before anything runs in it.

        ``env`` is for values that need not stay secret. The window stays when its command ends.
        """
        marks = _agent_marks(session, project)
        window_id, pane_id = self.open(tmux_session, title, command, marks, cwd=cwd, env=env or {}, select=select)
        return Window(window_id, session, project, pane_id, dead=False, active=select)

    def open_terminal(
        self,
        tmux_session: str,
        title: str,
        command: Sequence[str],
        *,
        project: str,
        cwd: Path,
        session: str = "",
    ) -> str:
        """Open and show another window for a session, such as a terminal; return its id."""
        about = {PROJECT: project, SESSION: session} if session else {PROJECT: project}
        return self.open(tmux_session, title, command, Marks(_NAMED | about, _CONTAINED), cwd=cwd, select=True)[0]

    def open(
        self,
        tmux_session: str,
        title: str,
        command: Sequence[str],
        marks: Marks,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        select: bool = False,
    ) -> tuple[str, str]:
        """Open a window at the end of a tmux session with its options set; return its id and its pane's."""
        end = f"{identifier(tmux_session)}:{{end}}"
        done = self._server.ask(
            _new_window(end, title, command, cwd, env or {}, select=select),
            *marks.on(end, end),
            ("display-message", "-p", "-t", end, "#{window_id} #{pane_id}"),
            ("display-message", "-p", "-t", end, "#{window_width} #{window_height}"),
            ("list-windows", "-t", tmux_session, "-F", f"#{{?{SPARE},#{{window_id}},}}"),
        )
        made, marked, size, *spare = done.text.splitlines()
        window_id, _, pane_id = made.partition(" ")
        if marked != made:
            # A hook of the person's has selected another pane or window.
            self._server.ask(*marks.off(*marked.split(" ")), *marks.on(window_id, pane_id))
        self._drop_spare(tmux_session, [window for window in spare if window])
        self._widen(window_id, size)
        return window_id, pane_id

    def close(self, *windows: str) -> None:
        """Close windows that exist. A control pane in them is moved to another window first."""
        if not windows:
            return
        self._rescue_controls(windows)
        try:
            self._server.ask(*(("kill-window", "-t", identifier(window)) for window in windows))
        except (NotFound, CommandFailed):
            # One was closed meanwhile, or the last one has ended the server; each is closed alone.
            for window in windows:
                with contextlib.suppress(NotFound, CommandFailed):
                    self._server.ask(("kill-window", "-t", window))

    def close_agent(self, window: Window) -> None:
        """Close a session's window or, in a grid with other sessions, its pane; the others stay, and a zoom too."""
        known = self.all()
        place = next((each.id for each in known if each.pane == window.pane), window.id)
        if all(each.pane == window.pane for each in known if each.id == place):
            self.close(place)
            return
        sight = ("display-message", "-p", "-t", identifier(place), "#{window_zoomed_flag} #{pane_id}")
        zoomed, _, focused = self._server.line(sight).partition(" ")
        self._server.ask(
            ("kill-pane", "-t", identifier(window.pane)),
            ("select-layout", "-t", place, "tiled"),
            *([("resize-pane", "-Z", "-t", focused)] if zoomed == "1" and focused != window.pane else []),
            check=False,
        )

    def select(self, window: str, client: str | None = None, *, pane: str = "") -> None:
        """Show a window in a client, by default in those of its tmux session, and focus one of its panes.

        In a zoomed grid, that pane is zoomed then.
        """
        commands: list[Command] = [("select-window", "-t", identifier(window))]
        if pane:
            chosen, in_grid = quoted(("select-pane", "-t", identifier(pane))), f"#{{!=:#{{{GRID}}},}}"
            commands.append(("if-shell", "-F", "-t", pane, in_grid, f"{chosen} -Z", chosen))
        if client is not None:
            commands.append(("switch-client", "-c", client, "-t", window))
        self._server.ask(*commands)

    def select_pane(self, pane: str, client: str | None = None) -> None:
        """Show the window of a pane, and focus the pane."""
        self.select(pane, client, pane=pane)

    def output_times(self) -> dict[str, float]:
        """Return the time of the last output in each pane with an agent, in seconds since the epoch.

        In a window with several, the time may be up to eight seconds later: tmux keeps one for the
        window, and the kernel updates that of a terminal every eight seconds (``tty_update_time`` in
        drivers/tty/tty_io.c).
        """
        listing = f"#{{pane_id}} #{{window_activity}} {IS_AGENT} {_SHARED} #{{pane_tty}}"
        rows = (line.split(" ", 4) for line in self._server.ask(("list-panes", "-a", "-F", listing)).text.splitlines())
        return {
            pane: _written(tty, float(seconds)) if shared == "1" else float(seconds)
            for pane, seconds, agent, shared, tty in rows
            if agent == "1" and seconds
        }

    def arrange(self, windows: Sequence[str]) -> None:
        """Put windows of one tmux session in this order, in the places that they have together."""
        listed = self._server.ask(("list-windows", "-a", "-F", "#{window_id} #{window_active}")).text.split()
        windows = list(dict.fromkeys(windows))
        now = [window for window in listed[::2] if window in windows]
        active = [window for window, shown in zip(listed[::2], listed[1::2], strict=True) if shown == "1"]
        swaps: list[Command] = []
        for place, wanted in enumerate(window for window in windows if window in now):
            if (other := now[place]) != wanted:
                swaps.append(("swap-window", "-d", "-s", identifier(wanted), "-t", identifier(other)))
                now[now.index(wanted)], now[place] = other, wanted
        if swaps:
            # tmux goes on showing the same place, not the same window.
            self._server.ask(*swaps, *(("select-window", "-t", window) for window in active if window in now))

    def close_spare(self, tmux_session: str) -> None:
        """Close the first window of a tmux session if it still exists; an otherwise empty tmux session ends."""
        listing = ("list-windows", "-t", identifier(tmux_session), "-F", f"#{{?{SPARE},#{{window_id}},}}")
        for window in self._server.ask(listing, check=False).text.split():
            self._server.ask(("kill-window", "-t", window), check=False)

    def _widen(self, window: str, size: str) -> None:
        """Resize a window that is too small to use, until a terminal shows it with its own size."""
        width, height = map(int, size.split())
        if width < _LEAST[0] or height < _LEAST[1]:
            larger = ("resize-window", "-t", window, "-x", str(_USUAL[0]), "-y", str(_USUAL[1]))
            self._server.ask(larger, ("set-option", "-w", "-u", "-t", window, "window-size"))

    def _drop_spare(self, tmux_session: str, spare: Sequence[str]) -> None:
        # A new tmux session cannot be empty; its first window is closed once ours is open.
        for window in spare:
            # Another window that is opened now may have closed it first.
            self._server.ask(("kill-window", "-t", window), check=False)
        if spare:
            self._server.ask(("move-window", "-r", "-t", tmux_session))

    def _rescue_controls(self, windows: Sequence[str]) -> None:
        listing = f"#{{window_id}} #{{pane_id}} #{{pane_width}} #{{{CONTROL}}}"
        panes = self._server.ask(("list-panes", "-a", "-F", listing)).text
        for window, pane, width, project in (line.split(" ", 3) for line in panes.splitlines()):
            if not project or window not in windows:
                continue
            others = [each for each in self.all() if each.project == project and each.id not in windows]
            if others:
                beside = ("join-pane", "-d", "-h", "-b", "-f", "-l", width)
                self._server.ask((*beside, "-s", pane, "-t", others[0].pane))


def _written(terminal: str, latest: float) -> float:
    """Return when a program last wrote to a terminal, at most eight seconds too late, and not after ``latest``."""
    try:
        return min(latest, Path(terminal).stat().st_mtime + _TTY_SECONDS)
    except OSError:
        return latest


def _new_window(
    end: str, name: str, command: Sequence[str], cwd: Path | None, env: Mapping[str, str], *, select: bool
) -> Command:
    behind = () if select else ("-d",)
    where = ("-c", literal(str(cwd))) if cwd else ()
    # tmux expands the name once when it is set, so it is escaped once more.
    named = ("-n", literal(title(name)), *where, *_environment(env), "-P", "-F", "#{window_id} #{pane_id}")
    return ("new-window", "-a", *behind, "-t", end, *named, "--", *without_shell(command))


def _environment(env: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(word for name, value in env.items() for word in ("-e", f"{name}={value}"))


def _read(line: str) -> Window | None:
    fields = line.split(" ", _FIELDS)
    if len(fields) <= _FIELDS:
        return None
    window, pane, dead, active, agent, shared, session, project = fields
    if not (agent == "1" and session):
        return None
    return Window(window, session, project, pane, dead=dead == "1", active=active == "1", shared=shared == "1")
