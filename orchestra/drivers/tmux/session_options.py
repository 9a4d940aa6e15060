"""Options of tmux sessions that are set for a time, and restored exactly."""

from __future__ import annotations

from collections.abc import Mapping

from orchestra.drivers.tmux.escaping import identifier
from orchestra.drivers.tmux.server import Command, Server

_SAVED_PREFIX = "@orchestra_before_"


class SessionOptions:
    """The options of the tmux sessions of one server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def own(self, tmux_session: str, *options: str) -> dict[str, str | None]:
        """Return the values that a tmux session has itself; None for one that it does not have."""
        asked = ("show-options", "-q", "-t", identifier(tmux_session))
        # Only the form with the name tells an empty value from none.
        listed = self._server.answers(*(words for each in options for words in ((*asked, each), (*asked, "-v", each))))
        pairs = zip(options, listed[::2], listed[1::2], strict=True)
        return {option: value.removesuffix("\n") if named else None for option, named, value in pairs}

    def effective(self, tmux_session: str, *options: str) -> list[str]:
        """Return the values that count in a tmux session, its own or inherited."""
        asked = ("show-options", "-A", "-v", "-t", identifier(tmux_session))
        return [text.removesuffix("\n") for text in self._server.answers(*((*asked, option) for option in options))]

    def set(self, tmux_session: str, wanted: Mapping[str, str]) -> None:
        """Set options, and save the tmux session's own values for `restore`."""
        kept = {option: _SAVED_PREFIX + option for option in wanted if not option.startswith("@")}
        now = self.own(tmux_session, *kept, *kept.values()) if kept else {}
        commands: list[Command] = []
        for option, value in wanted.items():
            if option in kept and not now[kept[option]]:
                had = now[option]
                commands.append(_setting(tmux_session, kept[option], "unset" if had is None else f"set:{had}"))
            commands.append(_setting(tmux_session, option, value))
        self._server.ask(*commands)

    def restore(self, tmux_session: str, *options: str) -> None:
        """Restore what `set` replaced, if anything."""
        kept = {option: _SAVED_PREFIX + option for option in options}
        saved = self.own(tmux_session, *kept.values())
        commands: list[Command] = []
        for option in options:
            before = saved[kept[option]]
            if option.startswith("@") or before == "unset":
                commands.append(_unsetting(tmux_session, option))
            elif before is not None:
                commands.append(_setting(tmux_session, option, before.removeprefix("set:")))
            commands.append(_unsetting(tmux_session, kept[option]))
        self._server.ask(*commands)


def _setting(tmux_session: str, option: str, value: str) -> Command:
    return ("set-option", "-t", identifier(tmux_session), "--", option, value)


def _unsetting(tmux_session: str, option: str) -> Command:
    return ("set-option", "-u", "-t", identifier(tmux_session), option)
