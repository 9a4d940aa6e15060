"""The layout `grid`: executors side by side in one window, driven by keys, in real containers."""

from __future__ import annotations

import pytest

from tests.journeys.conftest import Arrive
from tests.journeys.test_crash import kill_service, kill_tmux
from tests.support.person import OWN, Person, eventually

pytestmark = pytest.mark.docker

NAMES = ("north", "east", "south")


@pytest.fixture
def ada(arrive: Arrive) -> Person:
    return arrive(ORCHESTRA_LAYOUT="grid")


def tiles(person: Person) -> dict[str, tuple[str, str]]:
    """Return the window and the pane of each session that is shown in a grid."""
    listing = "#{?@orchestra_grid,grid,own} #{@orchestra_session} #{window_id} #{pane_id}"
    rows = [row.split(" ") for row in person.tmux("list-panes", "-a", "-F", listing, server=OWN).splitlines()]
    return {session: (window, pane) for kind, session, window, pane in rows if kind == "grid" and session}


def grids(person: Person) -> tuple[int, set[str]]:
    """Return how many windows are grids, and the sessions in all of them."""
    found = tiles(person)
    return len({window for window, _ in found.values()}), set(found)


def windows(person: Person) -> list[str]:
    """Return the names of all windows."""
    return sorted(person.tmux("list-windows", "-a", "-F", "#{window_name}", server=OWN).split())


def shown(person: Person) -> str:
    """Return the session whose pane has the keyboard."""
    return person.tmux("list-clients", "-F", "#{@orchestra_session}", server=OWN).strip()


def begins(person: Person) -> None:
    person.sit_down("up")
    person.sees("1 session", "stands by")
    for name in NAMES:
        person.delegates(name, f"say I am {name}.", f"ask Which way, {name}?")
    person.sees(*(f"◆ {name}" for name in NAMES))


def test_executors_stand_side_by_side_and_everything_works_in_each(ada: Person) -> None:
    begins(ada)
    assert set(tiles(ada)) == set(NAMES)
    assert len({window for window, _ in tiles(ada).values()}) == 1
    for name in NAMES:
        ada.goes_to_control()
        ada.selects(name)
        ada.press("g")
        eventually(lambda: shown(ada) == name, what=f"{name} has the keyboard")  # noqa: B023 -- called at once
        ada.sees(*(f" {each} · orchestra/{each} · docker · waiting" for each in NAMES))
    ada.sees(*(f"Which way, {name}?" for name in NAMES), "◆◆◆ grid")
    # What is typed goes to the tile with the keyboard, and a key of ours is about its session.
    ada.types("To the pole.")
    ada.press("Enter")
    ada.sees("• heard you: 'To the pole.'")
    ada.chord("d")
    ada.sees("diff of south")
    ada.press("q")
    ada.sees_no_more("diff of south")
    # A tile that is zoomed stays so while another session comes.
    ada.press(ada.prefix, "z")
    ada.sees_no_more("Which way, north?")
    ada.delegates("west", "ask Which way, west?")
    eventually(lambda: set(tiles(ada)) == {*NAMES, "west"}, what="west has come")
    ada.sees_no_more("Which way, north?")
    ada.press(ada.prefix, "z")
    ada.sees("Which way, north?", "Which way, west?")


def test_sessions_come_and_go_and_it_survives_the_death_of_anything(ada: Person) -> None:
    begins(ada)
    ada.orchestra("stop", "east")
    eventually(lambda: set(tiles(ada)) == {"north", "south"}, what="a stopped one has left the grid")
    ada.orchestra("resume", "east")
    eventually(lambda: set(tiles(ada)) == set(NAMES), what="it is back")
    ada.orchestra("delete", "north", "--force")
    eventually(lambda: set(tiles(ada)) == {"east", "south"}, what="a deleted one has left")
    kill_service(ada)
    ada.orchestra("restore", "north")
    eventually(lambda: set(tiles(ada)) == set(NAMES), what="it is restored into the grid")
    kill_tmux(ada)
    ada.sees("LEFT")
    ada.closes_the_terminal()
    ada.sit_down("up")
    ada.sees("4 sessions")
    eventually(lambda: set(tiles(ada)) == set(NAMES), what="the grid stands again")
    ada.orchestra("switch", "south")
    eventually(lambda: shown(ada) == "south", what="south has the keyboard")
    ada.goes_to_control()
    ada.press("G")
    eventually(lambda: tiles(ada) == {}, what="each has its own window")
    eventually(lambda: windows(ada) == sorted(["main", *NAMES]), what="no other window is there")
    ada.chord("G")
    eventually(lambda: set(tiles(ada)) == set(NAMES), what="the key works in every window")


def test_in_a_small_terminal_there_are_more_grids(arrive: Arrive) -> None:
    person = arrive(ORCHESTRA_LAYOUT="grid", ORCHESTRA_SANDBOX="host")
    begins(person)
    person.orchestra("switch", "south")
    person.sees("Which way, south?")
    person.tmux("resize-window", "-x", "80", "-y", "30")
    eventually(lambda: grids(person) == (2, set(NAMES)), what="a second grid")
    person.tmux("resize-window", "-x", "160", "-y", "48")
    eventually(lambda: grids(person) == (1, set(NAMES)), what="one grid again")
