"""Open, find, resize and close the control pane in tmux."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestra.config.layout import Layout, Placement, Side
from orchestra.drivers.tmux.escaping import identifier, in_condition, quoted, without_shell
from orchestra.drivers.tmux.server import Command, Server
from orchestra.drivers.tmux.windows import CONTROL, IS_AGENT, PROJECT, SESSION, Windows, control_marks
from orchestra.errors import CommandFailed, NotFound

_HOOK = "session-window-changed"
_TITLE = "orchestra"
_EDITION = "@orchestra_edition"
_BY_SIDE = {
    Side.LEFT: ("-h", "-b", "-f"),
    Side.RIGHT: ("-h", "-f"),
    Side.TOP: ("-v", "-b", "-f"),
    Side.BOTTOM: ("-v", "-f"),
}


@dataclass(frozen=True, slots=True)
class _Designer:
    window: str
    pane: str
    tmux_session: str
    project: str
    size: tuple[int, int]


class ControlPane:
    """The control pane of each project."""

    def __init__(self, server: Server, windows: Windows) -> None:
        self._server = server
        self._windows = windows

    def open(self, window: str, command: Sequence[str], layout: Layout, *, project: str, edition: str = "") -> str:
        """Open the control pane for a designer's window according to the layout, and return the pane's id.

        An open control pane of the same project is kept, and moved if necessary; one of another
        ``edition`` of the program is opened anew. Raises NotFound if the window shows no session,
        CommandFailed if it is too small to be split.
        """
        designer = self._designer(window, project)
        pane = self.find(designer.project)
        if pane is not None and self._edition(pane) != edition:
            self.close(project)
            pane = None
        if pane is None:
            pane = self._make(designer, command, layout)
            self._server.ask(("set-option", "-p", "-t", pane, _EDITION, edition))
        else:
            self._unfollow(pane)
            self._move(designer, pane, layout)
        if layout.control is Placement.FOLLOW:
            self._follow(designer, pane, layout)
        return pane

    def _edition(self, pane: str) -> str:
        return self._server.line(("display-message", "-p", "-t", identifier(pane), f"#{{{_EDITION}}}"))

    def find(self, project: str = "") -> str | None:
        """Return the id of a project's control pane, by default of the first one."""
        listing = f"#{{pane_id}} #{{{CONTROL}}}"
        for line in self._server.ask(("list-panes", "-a", "-F", listing)).text.splitlines():
            pane, _, owner = line.partition(" ")
            if owner and project in {"", owner}:
                return pane
        return None

    def fit(self, pane: str, layout: Layout) -> None:
        """Resize the control pane again, because tmux redistributes the space whenever a terminal changes its size."""
        if layout.control is not Placement.WINDOW:
            size = self._server.line(
                ("display-message", "-p", "-t", identifier(pane), "#{window_width} #{window_height}")
            )
            width, height = map(int, size.split())
            wanted = f"{'-x' if layout.beside else '-y'} {layout.size_in(width, height)}"
            # Resizing would end a zoom that the person began a moment ago.
            self._unless_zoomed(pane, f"resize-pane -t {identifier(pane)} {wanted}")

    def zoom(self, pane: str, *, on: bool) -> bool:
        """Give the pane the whole window, or put the window's panes back; returns whether that changed anything."""
        pane = identifier(pane)
        before = self._server.line(("display-message", "-p", "-t", pane, "#{window_zoomed_flag} #{window_panes}"))
        zoomed, _, panes = before.partition(" ")
        if panes == "1" or (zoomed == "1") == on:
            return False
        self._server.ask(("resize-pane", "-Z", "-t", pane))
        return True

    def _unless_zoomed(self, pane: str, command: str) -> None:
        self._server.ask(("if-shell", "-F", "-t", identifier(pane), "#{!=:#{window_zoomed_flag},1}", command))

    def room(self, pane: str) -> str:
        """Return the size of the window with a control pane, such as ``200x50``.

        Empty while the pane is zoomed, and for a pane that is not a control pane.
        """
        divided = f"#{{&&:#{{!=:#{{{CONTROL}}},}},#{{!=:#{{window_zoomed_flag}},1}}}}"
        size = "#{window_width}x#{window_height}"
        return self._server.line(("display-message", "-p", "-t", identifier(pane), f"#{{?{divided},{size},}}"))

    def close(self, project: str) -> None:
        """Close a project's control pane and remove the hook that moves it; does nothing if there is none."""
        pane = self.find(project)
        if pane is not None:
            self._unfollow(pane)
            with contextlib.suppress(NotFound):
                self._server.ask(("kill-pane", "-t", pane))

    def _designer(self, window: str, project: str) -> _Designer:
        listing = f"#{{window_id}} #{{pane_id}} #{{session_id}} #{{window_width}} #{{window_height}} {IS_AGENT}"
        output = self._server.ask(("list-panes", "-t", identifier(window), "-F", listing)).text
        for line in output.splitlines():
            window_id, pane, tmux_session, width, height, agent = line.split(" ", 5)
            if agent == "1":
                return _Designer(window_id, pane, tmux_session, project, (int(width), int(height)))
        raise NotFound(f"no session is shown in tmux window {window}", hint="to open it again: orchestra up")

    def _make(self, designer: _Designer, command: Sequence[str], layout: Layout) -> str:
        if layout.control is Placement.WINDOW:
            return self._windows.open(designer.tmux_session, _TITLE, command, control_marks(designer.project))[1]
        try:
            return self._server.line(*_beside(designer, command, layout))
        except CommandFailed as error:
            if "no space" in error.stderr:
                hint = "make the terminal larger, or use `orchestra up --layout window`"
                raise CommandFailed(
                    "there is not enough room for the control pane", code=error.code, hint=hint
                ) from None
            raise

    def _move(self, designer: _Designer, pane: str, layout: Layout) -> None:
        where = ("display-message", "-p", "-t", pane, f"#{{window_id}} #{{{SESSION}}}")
        window, _, session = self._server.line(where).partition(" ")
        if layout.control is Placement.WINDOW and session:
            end = f"{designer.tmux_session}:{{end}}"
            taken_out = ("break-pane", "-d", "-a", "-s", pane, "-n", _TITLE, "-t", end)
            self._server.ask(taken_out, *control_marks(designer.project).on(pane, pane))
        elif layout.control is not Placement.WINDOW and window != designer.window:
            self._server.ask((*_joined(pane, layout, layout.size_in(*designer.size)), "-t", designer.pane))

    def _follow(self, designer: _Designer, pane: str, layout: Layout) -> None:
        # A list of hooks on a session hides the global list, so ours is added to the effective one.
        local = self._server.line(("show-hooks", "-t", designer.tmux_session, _HOOK))
        where = ("-t", designer.tmux_session) if local else ("-g",)
        self._server.ask(("set-hook", "-a", *where, _HOOK, _move_along(designer, pane, layout)))

    def _unfollow(self, pane: str) -> None:
        sessions = self._server.ask(("list-sessions", "-F", "#{session_id}")).text.split()
        ours = re.compile(rf"{_HOOK}\[\d+\](?= .*{PROJECT}.* -s {pane}\b)")
        places = [("-g",), *(("-t", each) for each in sessions)]
        listed = self._server.answers(*(("show-hooks", *where, _HOOK) for where in places))
        for where, hooks in zip(places, listed, strict=True):
            for entry in ours.findall(hooks):
                self._server.ask(("set-hook", "-u", *where, entry))


def _beside(designer: _Designer, command: Sequence[str], layout: Layout) -> list[Command]:
    size = layout.size_in(*designer.size)
    divided = ("split-window", *_BY_SIDE[layout.side], "-l", size, "-t", designer.pane, "-P", "-F", "#{pane_id}")
    # The new pane is the window's active one until the agent's pane is selected again; this is how it is addressed.
    active = f"{designer.window}."
    return [
        (*divided, "--", *without_shell(command)),
        *control_marks(designer.project).on(designer.window, active),
        ("select-pane", "-t", designer.pane),
    ]


def _move_along(designer: _Designer, pane: str, layout: Layout) -> str:
    in_window, anywhere = "#{P:#{pane_id} }", "#{S:#{W:#{P:#{pane_id} }}}"
    conditions = (
        f"#{{==:#{{session_id}},{designer.tmux_session}}}",
        f"#{{==:#{{{PROJECT}}},{in_condition(designer.project)}}}",
        f"#{{!=:#{{{SESSION}}},}}",
        f"#{{m:*{pane} *,{anywhere}}}",
        f"#{{?#{{m:*{pane} *,{in_window}}},0,1}}",
    )
    together = conditions[-1]
    for condition in reversed(conditions[:-1]):
        together = f"#{{&&:{condition},{together}}}"
    return quoted(("if-shell", "-F", together, quoted(_joined(pane, layout, layout.size_in(*designer.size)))))


def _joined(pane: str, layout: Layout, size: str) -> Command:
    return ("join-pane", "-d", *_BY_SIDE[layout.side], "-l", size, "-s", pane)
