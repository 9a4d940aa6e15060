"""Sessions that share windows, on a real server with a terminal in front of it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from orchestra.drivers.process import Completed
from orchestra.drivers.tmux.grid import LEAST, most
from orchestra.drivers.tmux.labels import Label
from orchestra.drivers.tmux.server import Command, Server
from orchestra.model import Window
from tests.support.tmux import Place, tmux_place, until

PROJECT = "/home/person/my project, #{x} with }braces"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with tmux_place(monkeypatch) as made:
        yield made


def opened(place: Place, name: str, project: str = PROJECT) -> Window:
    command = ("sh", "-c", f"echo {name} is here; exec cat")
    return place.tmux.windows.open_agent(place.session, name, command, session=name, project=project, cwd=place.root)


def several(place: Place, number: int, project: str = PROJECT) -> list[Window]:
    return [opened(place, f"s{index}", project) for index in range(number)]


def arrange(place: Place, windows: list[Window], project: str = PROJECT) -> bool:
    return place.tmux.grid.arrange(project, [window.pane for window in windows], place.root / "it's resized")


def told(place: Place, target: str, what: str) -> str:
    return place.option("display-message", "-p", "-t", target, what).removesuffix("\n")


def sizes(place: Place, window: str) -> list[tuple[int, int]]:
    rows = place.option("list-panes", "-t", window, "-F", "#{pane_width} #{pane_height}").splitlines()
    return [(int(width), int(height)) for width, height in (row.split() for row in rows)]


def places(place: Place) -> dict[str, str]:
    """Return the window of each session, by name."""
    return {window.session: window.id for window in place.tmux.windows.all()}


def options(place: Place) -> list[str]:
    """Return all of our options that tmux knows, for windows and panes."""
    listing = "#{window_id} #{pane_id} #{window_name} #{@orchestra_grid} #{@orchestra_session} #{@orchestra_project}"
    return place.option("list-panes", "-a", "-F", listing).splitlines()


class TestTiling:
    def test_programs_go_on_side_by_side_and_each_is_still_found_by_its_session(self, place: Place) -> None:
        main, *others = several(place, 4)
        processes = [told(place, window.pane, "#{pane_pid}") for window in others]
        assert arrange(place, others)
        assert len({places(place)[window.session] for window in others}) == 1
        assert places(place)["s0"] == main.id
        now = {window.session: window for window in place.tmux.windows.all()}
        assert [(now[window.session].pane, now[window.session].shared) for window in others] == [
            (window.pane, True) for window in others
        ]
        assert not now["s0"].shared
        assert [told(place, window.pane, "#{pane_pid}") for window in others] == processes
        assert told(place, others[1].pane, "#{@orchestra_session}|#{@orchestra_project}") == f"s2|{PROJECT}"
        assert told(place, others[0].pane, "#{window_name}") == "grid"
        until(lambda: "s2 is here" in place.tmux.panes.capture(others[1].pane))

    def test_once_tiled_nothing_is_asked_for_again_and_a_person_s_own_sizes_stay(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        windows = several(place, 3)
        arrange(place, windows)
        place.option("resize-pane", "-t", windows[0].pane, "-y", "9")
        place.option("swap-pane", "-s", windows[0].pane, "-t", windows[2].pane)
        asked: list[str] = []
        before, ask = options(place), Server.ask

        def noting(server: Server, *commands: Command) -> Completed:
            asked.extend(command[0] for command in commands)
            return ask(server, *commands)

        with monkeypatch.context() as patched:
            patched.setattr(Server, "ask", noting)
            assert not arrange(place, windows)
        assert set(asked) == {"list-panes"}
        assert options(place) == before

    def test_they_are_in_the_order_of_the_list_however_they_came(self, place: Place) -> None:
        first, second, third, fourth = several(place, 4)
        arrange(place, [third, first])
        arrange(place, [first, second, third, fourth])
        order = place.option("list-panes", "-t", places(place)["s0"], "-F", "#{pane_id}").split()
        assert order == [first.pane, second.pane, third.pane, fourth.pane]
        assert len(set(sizes(place, places(place)["s0"]))) <= 4
        assert min(height for _, height in sizes(place, places(place)["s0"])) > 20

    def test_more_than_the_window_has_room_for_get_another_one(self, place: Place) -> None:
        windows = several(place, 14)
        arrange(place, windows)
        first, second = dict.fromkeys(places(place)[f"s{index}"] for index in range(14))
        assert (len(sizes(place, first)), len(sizes(place, second))) == (12, 2)
        assert min(sizes(place, first)) >= LEAST
        assert min(height for _, height in sizes(place, first)) >= LEAST[1]
        assert [told(place, first, "#{window_name}"), told(place, second, "#{window_name}")] == ["grid", "grid 2"]

    def test_one_that_leaves_the_first_window_makes_room_for_one_of_the_second(self, place: Place) -> None:
        windows = several(place, 13)
        arrange(place, windows)
        place.tmux.windows.close_agent(windows.pop(4))
        arrange(place, windows)
        assert len(set(places(place).values())) == 1
        assert len(place.tmux.windows.all()) == 12

    def test_in_a_smaller_terminal_they_are_spread_again(self, place: Place) -> None:
        windows = several(place, 6)
        arrange(place, windows)
        assert len(set(places(place).values())) == 1
        with place.terminal(size=(80, 25)):
            until(lambda: told(place, windows[0].pane, "#{window_width}") == "80")
            until((place.root / "it's resized").exists, "the service is told")
            arrange(place, windows)
            assert len(set(places(place).values())) == 3
            place.tmux.windows.select(places(place)["s5"])
        with place.terminal(size=(200, 51)):
            until(lambda: told(place, windows[5].pane, "#{window_width}") == "200")
            assert told(place, windows[0].pane, "#{window_width}") == "80"
            arrange(place, windows)
            assert len(set(places(place).values())) == 1
        assert {window.session for window in place.tmux.windows.all()} == {f"s{index}" for index in range(6)}

    def test_a_pane_of_the_person_s_own_in_the_grid_stays_theirs(self, place: Place) -> None:
        windows = several(place, 2)
        arrange(place, windows)
        mine = place.option("split-window", "-d", "-t", windows[0].pane, "-P", "-F", "#{pane_id}", "cat").strip()
        windows.append(opened(place, "late"))
        arrange(place, windows)
        assert told(place, mine, "#{@orchestra_session}") == ""
        arrange(place, [])
        assert told(place, mine, "#{pane_dead}") == "0"

    def test_two_projects_have_a_grid_each(self, place: Place) -> None:
        ours, theirs = several(place, 2, "/one"), several(place, 2, "/two")
        arrange(place, ours, "/one")
        arrange(place, theirs, "/two")
        windows = place.tmux.windows.all()
        assert len({window.id for window in windows}) == 2
        arrange(place, [], "/one")
        assert {window.project for window in place.tmux.windows.all() if window.shared} == {"/two"}


class TestEnding:
    def test_without_the_grid_each_has_its_window_again_and_nothing_of_it_is_left(self, place: Place) -> None:
        windows = several(place, 4)
        # Tmux gives a window that was moved a new id; everything else is as before.
        before = [line.partition(" ")[2] for line in options(place)]
        arrange(place, windows)
        arrange(place, [])
        assert sorted(line.partition(" ")[2] for line in options(place)) == sorted(before)
        assert place.option("show-options", "-p", "-t", windows[2].pane).count("@orchestra_session") == 0
        shown = place.option("show-options", "-w", "-t", windows[3].pane)
        assert "automatic-rename off" in shown
        assert "monitor-activity off" in shown

    def test_closing_one_leaves_the_others_and_the_last_takes_the_window_along(self, place: Place) -> None:
        first, second, third, _ = several(place, 4)
        arrange(place, [first, second, third])
        shared = {window.session: window for window in place.tmux.windows.all()}
        place.tmux.windows.close_agent(shared["s1"])
        place.tmux.windows.close_agent(shared["s1"])
        assert set(places(place)) == {"s0", "s2", "s3"}
        assert len(set(sizes(place, shared["s0"].id))) <= 2
        for name in ("s0", "s2"):
            place.tmux.windows.close_agent(shared[name])
        assert set(places(place)) == {"s3"}

    def test_the_project_s_new_place_is_known_in_every_tile(self, place: Place) -> None:
        windows = several(place, 3)
        arrange(place, windows)
        place.tmux.rename_project(PROJECT, "/elsewhere")
        assert {window.project for window in place.tmux.windows.all()} == {"/elsewhere"}
        arrange(place, [], "/elsewhere")
        assert {window.project for window in place.tmux.windows.all()} == {"/elsewhere"}


class TestBeforeATerminal:
    def test_a_zoomed_tile_stays_zoomed_while_others_come_and_go(self, place: Place) -> None:
        windows = several(place, 3)
        arrange(place, windows)
        with place.terminal() as terminal:
            place.tmux.windows.select(places(place)["s1"], terminal.client, pane=windows[1].pane)
            place.option("resize-pane", "-Z", "-t", windows[1].pane)
            windows.append(opened(place, "late"))
            arrange(place, windows)
            state = "#{window_zoomed_flag} #{pane_id}"
            assert told(place, places(place)["s1"], state) == f"1 {windows[1].pane}"
            shared = {window.session: window for window in place.tmux.windows.all()}
            place.tmux.windows.close_agent(shared["s2"])
            assert told(place, places(place)["s1"], state) == f"1 {windows[1].pane}"
            place.tmux.windows.select(places(place)["s0"], terminal.client, pane=windows[0].pane)
            assert told(place, places(place)["s1"], state) == f"1 {windows[0].pane}"

    def test_who_looks_at_a_session_goes_on_looking_at_it(self, place: Place) -> None:
        windows = several(place, 3)
        with place.terminal() as terminal:
            place.tmux.windows.select(windows[2].id, terminal.client)
            until(lambda: place.tmux.clients()[0].window == windows[2].id)
            for wanted in (windows, []):
                arrange(place, wanted)
                until(lambda: place.tmux.clients()[0].pane == windows[2].pane, "the same agent is in sight")

    def test_each_tile_has_its_line_and_the_window_the_marks_of_all(self, place: Place) -> None:
        windows = several(place, 3)
        arrange(place, windows)
        labels = {
            window.pane: Label(mark, f"{window.session} · here") for window, mark in zip(windows, "○●◆", strict=True)
        }
        place.tmux.labels.show(labels)
        with place.terminal() as terminal:
            place.tmux.windows.select(places(place)["s0"], terminal.client)
            for window in windows:
                terminal.shows(f" {window.session} · here ")
            terminal.shows("○●◆ grid")

    def test_a_key_is_for_the_tile_that_has_the_keyboard(self, place: Place) -> None:
        windows = several(place, 2)
        arrange(place, windows)
        first, second = sorted(place.tmux.windows.all(), key=lambda window: window.session)
        with place.terminal() as terminal:
            place.tmux.windows.select(second.id, terminal.client, pane=second.pane)
            until(lambda: place.tmux.clients()[0].pane == second.pane)
            client = place.tmux.clients()[0]
            assert (client.uses(first), client.uses(second)) == (False, True)
            assert client.shows(first)
            assert client.shows(second)
            place.option("set-option", "-w", "-t", second.id, "synchronize-panes", "on")
            assert place.tmux.clients()[0].uses(first)
            place.option("resize-pane", "-Z", "-t", second.pane)
            assert not place.tmux.clients()[0].shows(first)

    def test_text_reaches_the_tile_it_is_for_even_while_it_is_scrolled_back(self, place: Place) -> None:
        windows = several(place, 2)
        arrange(place, windows)
        place.option("copy-mode", "-t", windows[1].pane)
        place.tmux.panes.paste(windows[1].pane, "for the second", pause=0.05)
        place.option("send-keys", "-t", windows[1].pane, "-X", "cancel")
        until(lambda: "for the second" in place.tmux.panes.capture(windows[1].pane))
        assert "for the second" not in place.tmux.panes.capture(windows[0].pane)


def test_a_quiet_tile_is_quiet_beside_one_that_writes(place: Place) -> None:
    quiet = opened(place, "quiet")
    busy = place.tmux.windows.open_agent(
        place.session, "busy", ("sh", "-c", "while :; do date; sleep 0.2; done"),
        session="busy", project=PROJECT, cwd=place.root,
    )  # fmt: skip
    arrange(place, [quiet, busy])

    def apart() -> bool:
        times = place.tmux.windows.output_times()
        return time.time() - times[busy.pane] < 9 and times[busy.pane] - times[quiet.pane] > 8

    until(apart, "the busy one wrote, the quiet one did not", seconds=60)


@pytest.mark.parametrize(
    ("room", "number"), [((200, 50), 12), ((120, 40), 6), ((80, 24), 2), ((60, 20), 1), ((20, 5), 1), ((400, 100), 56)]
)
def test_a_tile_is_never_too_small_to_read(room: tuple[int, int], number: int) -> None:
    assert most(room) == number
