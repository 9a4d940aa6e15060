"""What tmux's own lines show about sessions: marks before the names of their windows, and a line above each agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestra.drivers.tmux.escaping import identifier, title
from orchestra.drivers.tmux.server import Command, Server
from orchestra.drivers.tmux.windows import CONTROL, IS_AGENT
from orchestra.errors import CommandFailed, NotFound

_MARK, _ABOUT = "@orchestra_mark", "@orchestra_about"
_LONGEST = 120
_LISTING = f"#{{pane_id}}\t#{{window_id}}\t#{{{_MARK}}}\t#{{{_ABOUT}}}"
_MARKED = f"#{{?{_MARK},#{{{_MARK}}} ,}}"
_BORDER = f"#{{?{IS_AGENT}, #{{{_ABOUT}}} ,#{{?{CONTROL}, control pane , #{{pane_title}} }}}}"
_NAMES = ("#W", "#{window_name}")
_FORMATS = ("window-status-format", "window-status-current-format")
_HOST = " #[fg=colour231,bg=colour160,bold] HOST #[default]"


@dataclass(frozen=True, slots=True)
class Label:
    """What is shown of one session: a mark of one column, and a line; ``on_host`` adds a warning in red."""

    mark: str
    about: str
    on_host: bool = False

    @property
    def line(self) -> str:
        """The line for tmux, which expands nothing in it but our own colours."""
        about = title(self.about, most=_LONGEST)
        return f"{about}{_HOST}" if self.on_host else about


@dataclass(frozen=True, slots=True)
class _Shown:
    pane: str
    window: str
    mark: str
    about: str


class Labels:
    """The labels of the windows and panes of one tmux server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def show(self, labels: Mapping[str, Label], *, borders: bool = True) -> None:
        """Show labels by pane id; only what has changed is set. ``borders`` asks for the line above each agent.

        A window has the marks of all its panes. Panes that are gone are left out.
        """
        shown = [one for one in self._shown() if one.pane in labels]
        marks: dict[str, str] = {}
        for one in shown:
            marks[one.window] = marks.get(one.window, "") + title(labels[one.pane].mark)
        commands: list[Command] = [
            ("set-option", "-p", "-t", identifier(one.pane), "--", _ABOUT, labels[one.pane].line)
            for one in shown
            if one.about != labels[one.pane].line
        ]
        known = {one.window: one.mark for one in shown}
        commands += [
            ("set-option", "-w", "-t", identifier(window), "--", _MARK, mark)
            for window, mark in marks.items()
            if known[window] != mark
        ]
        if fresh := [window for window, mark in known.items() if not mark]:
            commands += self._lines(fresh, borders=borders)
        if commands:
            self._set(commands)

    def _shown(self) -> list[_Shown]:
        rows = (row.split("\t") for row in self._server.ask(("list-panes", "-a", "-F", _LISTING)).text.splitlines())
        # A window that is linked into several tmux sessions is listed for each.
        return list({pane: _Shown(pane, window, mark, about) for pane, window, mark, about in rows}.values())

    def _lines(self, windows: Sequence[str], *, borders: bool) -> list[Command]:
        """Return the commands that make the labels visible in windows that had none."""
        options = {"pane-border-status": "top", "pane-border-format": _BORDER} if borders else {}
        for name in _FORMATS:
            known = self._server.ask(("show-options", "-g", "-w", "-v", name)).text.removesuffix("\n")
            options[name] = _with_mark(known)
        return [
            ("set-option", "-w", "-t", identifier(window), "--", name, value)
            for window in windows
            for name, value in options.items()
        ]

    def _set(self, commands: Sequence[Command]) -> None:
        try:
            self._server.ask(*commands)
        except (NotFound, CommandFailed):
            # A window has just been closed; the others get theirs one by one.
            for command in commands:
                self._server.ask(command, check=False)


def _with_mark(shown: str) -> str:
    """Put the mark before a window's name in a format of the person's; one without the name stays as it is."""
    name = next((name for name in _NAMES if name in shown), "")
    return shown.replace(name, f"{_MARKED}{name}") if name else shown
