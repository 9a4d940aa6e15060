"""What tmux's own lines show about sessions: a mark before the names of their windows, and a line above each agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestra.drivers.tmux.escaping import identifier, title
from orchestra.drivers.tmux.server import Command, Server
from orchestra.drivers.tmux.windows import CONTROL, IS_AGENT
from orchestra.errors import CommandFailed, NotFound

_MARK, _ABOUT = "@orchestra_mark", "@orchestra_about"
_LONGEST = 120
_LISTING = f"#{{window_id}}\t#{{{_MARK}}}\t#{{{_ABOUT}}}"
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
    def options(self) -> dict[str, str]:
        """The window options with the label, in which tmux expands nothing but our own colours."""
        about = title(self.about, most=_LONGEST)
        return {_MARK: title(self.mark), _ABOUT: f"{about}{_HOST}" if self.on_host else about}


class Labels:
    """The labels of the windows of one tmux server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def show(self, labels: Mapping[str, Label], *, borders: bool = True) -> None:
        """Show labels by window id; only what has changed is set. ``borders`` asks for the line above each agent.

        Windows that are gone are left out.
        """
        shown = self._shown()
        commands: list[Command] = [
            ("set-option", "-w", "-t", identifier(window), "--", option, value)
            for window, label in labels.items()
            if window in shown
            for option, value in label.options.items()
            if shown[window][option] != value
        ]
        fresh = [window for window in labels if window in shown and not shown[window][_MARK]]
        if fresh:
            commands += self._lines(fresh, borders=borders)
        if commands:
            self._set(commands)

    def _shown(self) -> dict[str, dict[str, str]]:
        rows = self._server.ask(("list-windows", "-a", "-F", _LISTING)).text.splitlines()
        fields = [row.split("\t") for row in rows]
        return {window: {_MARK: mark, _ABOUT: about} for window, mark, about in fields}

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
