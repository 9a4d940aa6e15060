"""The control pane in real tmux windows, for each of the built-in layouts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestra.config import layout
from orchestra.config.layout import Layout, Placement, Side
from orchestra.errors import CommandFailed, NotFound
from orchestra.model import Window
from tests.support.tmux import Place, tmux_place, until

CAT = ("sh", "-c", "echo ready; exec cat")
CONTROL = ("sh", "-c", "echo control; exec cat")
PROJECT = "/home/person/my project, #{x} with }braces"
HOOK = "session-window-changed"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with tmux_place(monkeypatch) as made:
        yield made


def opened(place: Place, name: str, project: str = PROJECT) -> Window:
    return place.tmux.windows.open_agent(place.session, name, CAT, session=name, project=project, cwd=place.root)


def control(place: Place, window: Window, name: str) -> str:
    return place.tmux.control.open(window.id, CONTROL, layout.load(name), project=window.project)


def window_of(place: Place, pane: str) -> str:
    return place.option("display-message", "-p", "-t", pane, "#{window_id}").strip()


def hooks(place: Place) -> str:
    return place.option("show-hooks", "-g") + place.option("show-hooks", "-t", place.session)


def test_left_puts_it_left_of_the_designer_who_keeps_the_focus(place: Place) -> None:
    main = opened(place, "main")
    pane = control(place, main, "left")
    panes = place.option("list-panes", "-t", main.id, "-F", "#{pane_id} #{pane_left} #{pane_width} #{pane_active}")
    assert panes == f"{pane} 0 44 0\n{main.pane} 45 155 1\n"
    assert place.tmux.windows.all()[0].pane == main.pane
    until(lambda: "control" in place.tmux.panes.capture(pane))


@pytest.mark.parametrize(("side", "at_edge"), [(Side.RIGHT, "right"), (Side.TOP, "top"), (Side.BOTTOM, "bottom")])
def test_the_other_sides(place: Place, side: Side, at_edge: str) -> None:
    main = opened(place, "main")
    wanted = Layout("mine", Placement.DESIGNER, side, "20%")
    pane = place.tmux.control.open(main.id, CONTROL, wanted, project=PROJECT)
    assert place.option("display-message", "-p", "-t", pane, f"#{{pane_at_{at_edge}}}") == "1\n"


def test_window_gives_it_a_window_of_its_own(place: Place) -> None:
    main = opened(place, "main")
    pane = control(place, main, "window")
    told = place.option("display-message", "-p", "-t", pane, "#{window_name} #{window_panes} #{@orchestra_project}")
    assert told == f"orchestra 1 {PROJECT}\n"
    assert [window.id for window in place.tmux.windows.all()] == [main.id]


def test_it_is_opened_once_and_moves_when_the_layout_changes(place: Place) -> None:
    main, before = opened(place, "main"), hooks(place)
    pane = control(place, main, "left")
    for name in ("left", "window", "window", "follow", "follow", "left"):
        assert control(place, main, name) == pane
        assert (window_of(place, pane) == main.id) is (name != "window")
        assert hooks(place).count(f"-s {pane}") == (name == "follow")
    assert hooks(place) == before


@pytest.mark.parametrize("name", ["left", "window", "follow"])
def test_one_of_another_edition_is_opened_anew(place: Place, name: str) -> None:
    main, before = opened(place, "main"), hooks(place)
    made = []
    for edition in ("", "old", "old", "new"):
        wanted = layout.load(name)
        made.append(place.tmux.control.open(main.id, CONTROL, wanted, project=PROJECT, edition=edition))
        assert place.tmux.control.find(PROJECT) == made[-1]
    assert made[1] == made[2]
    assert len(set(made)) == 3
    assert len(place.option("list-panes", "-a").splitlines()) == 2, "the designer and one control pane"
    place.tmux.control.close(PROJECT)
    assert hooks(place) == before


def test_two_projects_have_one_each(place: Place) -> None:
    first, second = opened(place, "main", "/one"), opened(place, "main", "/two")
    panes = [control(place, first, "left"), control(place, second, "window")]
    assert [place.tmux.control.find("/one"), place.tmux.control.find("/two")] == panes
    place.tmux.control.close("/one")
    place.tmux.control.close("/one")
    assert place.tmux.control.find("/one") is None
    assert place.tmux.control.find() == panes[1]


def test_follow_moves_it_into_each_session_in_view_and_into_nothing_else(place: Place) -> None:
    main, login, theirs = opened(place, "main"), opened(place, "login"), opened(place, "theirs", "/other")
    place.option("new-window", "-d", "-t", place.session, "-n", "own", "cat")
    before = hooks(place)
    pane = control(place, main, "follow")
    with place.terminal() as terminal:
        for window in (login, main, login):
            place.tmux.windows.select(window.id)
            until(lambda window=window: window_of(place, pane) == window.id, "the control pane")  # type: ignore[misc] # mypy infers no type for a bound default
        for other in (theirs.id, f"{place.session}:own"):
            place.option("select-window", "-t", other)
            assert window_of(place, pane) == login.id
        place.option("select-pane", "-t", pane)
        place.tmux.windows.select(login.id)
        assert "must be different" not in place.option("show-messages", "-t", terminal.client)
        width = place.option("display-message", "-p", "-t", pane, "#{pane_width}")
    assert width == "44\n"
    place.tmux.control.close(PROJECT)
    assert hooks(place) == before


@pytest.mark.parametrize("scope", [("-g",), ("-t", "$0")])
def test_the_persons_hooks_go_on_working_and_stay(place: Place, scope: tuple[str, ...]) -> None:
    place.option("set-hook", *scope, f"{HOOK}[3]", "set-option -g @mine '#{window_id}'")
    before = hooks(place)
    main, login = opened(place, "main"), opened(place, "login")
    pane = control(place, main, "follow")
    place.option("set-hook", "-a", *scope, HOOK, "set-option -g @also yes")
    place.tmux.windows.select(login.id)
    until(lambda: window_of(place, pane) == login.id, "the control pane")
    until(lambda: place.option("show-options", "-g", "-v", "-q", "@also") == "yes\n", "the person's hook")
    place.tmux.control.close(PROJECT)
    after = hooks(place)
    assert "@also" in after
    place.option("set-hook", "-u", *scope, f"{HOOK}[1]")
    assert hooks(place) == before


def test_closing_a_window_does_not_take_the_control_pane_along(place: Place) -> None:
    main, login = opened(place, "main"), opened(place, "login")
    pane = control(place, main, "follow")
    place.tmux.windows.select(login.id)
    until(lambda: window_of(place, pane) == login.id, "the control pane")
    place.tmux.windows.close(login.id)
    until(lambda: window_of(place, pane) == main.id, "the control pane")


def test_it_gets_its_size_again_after_the_terminal_changed(place: Place) -> None:
    main = opened(place, "main")
    pane = control(place, main, "left")
    with place.terminal(size=(120, 30)):
        place.tmux.windows.select(main.id)
        until(lambda: place.option("display-message", "-p", "-t", pane, "#{window_width}") == "120\n")
        place.tmux.control.fit(pane, layout.load("left"))
        assert place.option("display-message", "-p", "-t", pane, "#{pane_width}") == "44\n"


def test_a_window_too_small_or_gone_says_so(place: Place) -> None:
    main, _ = opened(place, "main"), opened(place, "login")
    place.option("resize-window", "-t", main.id, "-x", "2", "-y", "1")
    with pytest.raises(CommandFailed, match="not enough room") as caught:
        control(place, main, "left")
    assert "--layout window" in caught.value.hint
    place.tmux.windows.close(main.id)
    with pytest.raises(NotFound):
        control(place, main, "left")


def test_a_control_pane_gets_the_whole_window_and_its_part_again(place: Place) -> None:
    pane = control(place, opened(place, "main"), "left")
    with place.terminal(size=(140, 30)):
        until(lambda: place.option("display-message", "-p", "-t", pane, "#{window_width}") == "140\n")
        assert place.tmux.control.zoom(pane, on=True)
        assert not place.tmux.control.zoom(pane, on=True)
        place.tmux.control.fit(pane, layout.load("left"))
        assert place.option("display-message", "-p", "-t", pane, "#{window_zoomed_flag} #{pane_width}") == "1 140\n"
        assert place.tmux.control.zoom(pane, on=False)
        assert not place.tmux.control.zoom(pane, on=False)
        assert place.option("display-message", "-p", "-t", pane, "#{window_zoomed_flag}") == "0\n"
