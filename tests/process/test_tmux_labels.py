"""What tmux's own lines show about sessions, on a real server with a terminal in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestra.drivers.process import Completed
from orchestra.drivers.tmux.labels import Label
from orchestra.drivers.tmux.server import Command, Server
from orchestra.model import Window
from tests.support.tmux import Place, tmux_place, until

CAT = ("sh", "-c", "echo ready; exec cat")
PROJECT = "/home/person/project"
THEME = "set -g window-status-format ' #I [#W] '\nset -g window-status-current-format '#{?window_zoomed_flag,Z,}<#W>'\n"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with tmux_place(monkeypatch, config=THEME) as made:
        yield made


def opened(place: Place, name: str) -> Window:
    return place.tmux.windows.open_agent(place.session, name, CAT, session=name, project=PROJECT, cwd=place.root)


def test_a_window_shows_its_session_s_mark_in_the_person_s_theme_and_a_line_above_the_agent(place: Place) -> None:
    main, kelvin = opened(place, "main"), opened(place, "kelvin")
    labels = {main.pane: Label("○", "main · idle", on_host=True), kelvin.pane: Label("●", "kelvin · docker · working")}
    place.tmux.labels.show(labels)
    with place.terminal() as terminal:
        terminal.shows("1 [● kelvin]")
        terminal.shows("<○ main>")
        terminal.shows(" main · idle  HOST ")
        place.tmux.labels.show({**labels, kelvin.pane: Label("◆", "kelvin · docker · waiting: may I?")})
        terminal.shows("1 [◆ kelvin]")
        place.tmux.windows.select(kelvin.id)
        terminal.shows(" kelvin · docker · waiting: may I? ")


def test_windows_of_the_person_s_own_look_as_before(place: Place) -> None:
    main = opened(place, "main")
    place.option("new-window", "-d", "-t", place.session, "-n", "mine", "cat")
    before = place.option("show-options", "-g", "-w"), place.option("show-options", "-w", "-t", ":mine")
    place.tmux.labels.show({main.pane: Label("○", "main")})
    assert (place.option("show-options", "-g", "-w"), place.option("show-options", "-w", "-t", ":mine")) == before


def test_only_what_changed_is_set_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    main = opened(place, "main")
    place.tmux.labels.show({main.pane: Label("○", "main · idle")})
    asked: list[str] = []
    ask = Server.ask

    def noting(server: Server, *commands: Command) -> Completed:
        asked.append(commands[0][0])
        return ask(server, *commands)

    with monkeypatch.context() as patched:
        patched.setattr(Server, "ask", noting)
        place.tmux.labels.show({main.pane: Label("○", "main · idle")})
        assert asked == ["list-panes"]
        place.tmux.labels.show({main.pane: Label("●", "main · idle")})
        assert asked == ["list-panes"] * 2 + ["set-option"]


def test_an_agent_s_text_runs_nothing_and_draws_nothing_of_its_own(place: Place) -> None:
    main = opened(place, "main")
    trap = place.root / "trap"
    place.tmux.labels.show({main.pane: Label("○", f"#(touch {trap}) #[bg=red] #{{pid}} \x1b[2Jx\ty\n" + "z" * 500)})
    with place.terminal(size=(200, 20)) as terminal:
        terminal.shows(f"#(touch {trap}) #[bg=red] #{{pid}}")
    assert not trap.exists()


def test_a_window_that_was_closed_meanwhile_keeps_nothing_from_the_others(place: Place) -> None:
    main, gone = opened(place, "main"), opened(place, "gone")
    place.tmux.windows.close(gone.id)
    place.tmux.labels.show({gone.pane: Label("○", "gone"), main.pane: Label("●", "main")})
    with place.terminal() as terminal:
        terminal.shows("<● main>")


def test_a_layout_may_do_without_the_lines(place: Place) -> None:
    main = opened(place, "main")
    place.tmux.labels.show({main.pane: Label("○", "main")}, borders=False)
    assert place.option("show-options", "-w", "-q", "-v", "-t", main.id, "pane-border-status") == ""


class TestLeaving:
    def test_in_a_tmux_of_their_own_the_person_is_back_where_they_were(self, place: Place) -> None:
        mine = place.option("new-window", "-P", "-F", "#{window_id}", "-t", place.session, "cat").strip()
        place.option("new-window", "-d", "-t", place.session, "cat")
        main, kelvin = opened(place, "main"), opened(place, "kelvin")
        with place.terminal() as terminal:
            place.tmux.windows.select(main.id, terminal.client)
            place.tmux.windows.select(kelvin.id, terminal.client)
            until(lambda: place.tmux.clients()[0].window == kelvin.id)
            place.tmux.leave(place.tmux.clients()[0])
            until(lambda: place.tmux.clients()[0].window == mine, "back in the window of before")

    @pytest.mark.parametrize("started_by_us", [True, False])
    def test_where_there_is_nothing_else_their_terminal_is_detached(self, place: Place, *, started_by_us: bool) -> None:
        opened(place, "main")
        if started_by_us:
            place.tmux.claim("home")
            place.option("new-window", "-d", "-t", place.session, "cat")
        with place.terminal():
            place.tmux.leave(place.tmux.clients()[0])
            until(lambda: not place.tmux.clients(), "nobody is attached")
