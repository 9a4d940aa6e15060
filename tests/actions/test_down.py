"""Closing a project while its tmux server ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from orchestra.actions.workspace import up
from orchestra.drivers.process import Completed
from orchestra.drivers.tmux.server import Command, Server
from orchestra.model import BoxState
from tests.support.projects import HostProject
from tests.support.tmux import until

Ask = Callable[..., Completed]


def killed(server: Server, ask: Ask) -> None:
    """End the server."""
    ask(server, ("kill-server",), check=False)
    until(lambda: not ask(server, ("list-sessions",), check=False).text, "the server's end")


def emptied(server: Server, ask: Ask) -> None:
    """End its sessions, as in the moment before it ends."""
    ask(server, ("set-option", "-s", "exit-empty", "off"))
    for name in ask(server, ("list-sessions", "-F", "#{session_id}")).text.split():
        ask(server, ("kill-session", "-t", name))


class Ending:
    """Ends the tmux server right before one of the commands that it is sent."""

    def __init__(
        self, host: HostProject, monkeypatch: pytest.MonkeyPatch, at: int, end: Callable[[Server, Ask], None]
    ) -> None:
        self.sent = 0
        ask = Server.ask

        def ends(server: Server, *commands: Command, **more: Any) -> Completed:  # noqa: ANN401 -- passed on
            self.sent += 1
            if self.sent == at:
                end(server, ask)
            return ask(server, *commands, **more)

        with monkeypatch.context() as patched:
            patched.setattr(Server, "ask", ends)
            up.down(host.project, stop=True)


@pytest.mark.parametrize("end", [killed, emptied])
def test_whenever_the_tmux_server_ends_everything_else_is_closed(
    host: HostProject, monkeypatch: pytest.MonkeyPatch, end: Callable[[Server, Ask], None]
) -> None:
    (host.place / "orchestra" / "config.yaml").write_text("max_sessions: 100\n")
    for number in count(1):
        host.open_tmux()
        host.project.store.workspace.update(resting=False)
        session = host.spawn(f"alpha-{number}")
        ending = Ending(host, monkeypatch, number, end)
        known = host.project.store.workspace.get()
        assert (known.tmux_socket, known.resting) == ("", True)
        box = host.project.sandbox(session.sandbox).look_all()[host.project.box_name(session)]
        assert box.state is BoxState.EXITED
        if ending.sent < number:
            break
    assert number > 5
