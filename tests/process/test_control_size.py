"""The control pane keeps the size of its layout, whatever size of terminal looks at it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestra.config import layout
from orchestra.project import Project
from tests.support.tmux import Place, tmux_place, until


@pytest.fixture
def source(make_repository: Callable[..., Path]) -> Path:
    return make_repository("shop")


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, source: Path) -> Iterator[Place]:
    _ = source
    with tmux_place(monkeypatch) as made:
        yield made


@pytest.fixture
def pane(place: Place, source: Path) -> str:
    """The real control pane, left of a designer's window on a project that nothing runs for."""
    project = Project.open(source)
    project.store.workspace.update(layout="left")
    designer = place.tmux.windows.open_agent(
        place.session, "main", ("cat",), session="main", project=str(source), cwd=source, select=True
    )
    command = (sys.executable, "-m", "orchestra", "--project", str(source), "control")
    made = place.tmux.control.open(designer.id, command, layout.load("left"), project=str(source))
    until(lambda: "shop" in place.tmux.panes.capture(made), "the control pane")
    return made


def size(place: Place, pane: str) -> str:
    return place.tmux.server.line(("display-message", "-p", "-t", pane, "#{pane_width} of #{window_width}"))


def test_every_terminal_that_looks_at_it_finds_it_as_wide_as_its_layout(place: Place, pane: str) -> None:
    for width, wanted in ((120, 44), (160, 44), (80, 32), (40, 20)):
        with place.terminal(size=(width, 30)):
            until(lambda shown=f"{wanted} of {width}": size(place, pane) == shown, size(place, pane))  # type: ignore[misc] # mypy infers no type for a bound default


def test_a_width_chosen_by_hand_stays_until_the_terminal_changes(place: Place, pane: str) -> None:
    with place.terminal(size=(140, 30)):
        until(lambda: size(place, pane) == "44 of 140", size(place, pane))
        for width in (60, 30):
            place.option("resize-pane", "-t", pane, "-x", str(width))
            until(lambda: "shop" in place.tmux.panes.capture(pane))
            # A larger picture than before shows that the program has seen the new size.
            until(lambda width=width: any(len(one) == width for one in place.tmux.panes.capture(pane).splitlines()))  # type: ignore[misc] # as above
            assert size(place, pane) == f"{width} of 140"
    with place.terminal(size=(120, 30)):
        until(lambda: size(place, pane) == "44 of 120", size(place, pane))


def test_a_pane_zoomed_to_the_whole_window_is_left_alone_and_fitted_after(place: Place, pane: str) -> None:
    with place.terminal(size=(140, 30)):
        until(lambda: size(place, pane) == "44 of 140", size(place, pane))
        place.option("resize-pane", "-Z", "-t", pane)
    with place.terminal(size=(110, 30)):
        until(lambda: size(place, pane) == "110 of 110", size(place, pane))
        until(lambda: any(len(one) == 110 for one in place.tmux.panes.capture(pane).splitlines()))
        place.option("resize-pane", "-Z", "-t", pane)
        until(lambda: size(place, pane) == "44 of 110", size(place, pane))
