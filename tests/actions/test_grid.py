"""Executors that share a window, while sessions come and go and the layout changes."""

from __future__ import annotations

import pytest

from orchestra.actions.session import container_spec, manage
from orchestra.actions.session.place_windows import place_windows as place
from orchestra.actions.workspace import status_line, up, windows
from orchestra.drivers.tmux.grid import Grid
from orchestra.errors import NotFound, Refused, UsageError
from orchestra.names import MAIN
from tests.support.projects import HostProject
from tests.support.services import eventually


def in_grid(host: HostProject) -> set[str]:
    return {window.session for window in host.tmux.windows.all() if window.shared}


def begin(host: HostProject, *names: str) -> None:
    """Open a designer and executors, and tile them."""
    known = host.project.store.workspace.get()
    up.up(host.project, tmux_socket=known.tmux_socket, tmux_session=known.tmux_session)
    for name in names:
        host.spawn(name)
    up.change_layout(host.project, "grid")


def test_sessions_come_and_go_while_the_grid_stands(host: HostProject) -> None:
    begin(host, "one", "two")
    assert in_grid(host) == {"one", "two"}
    host.spawn("three")
    assert in_grid(host) == {"one", "two", "three"}
    assert {host.session(name).window for name in ("one", "two", "three")} == {host.session("one").window}
    manage.stop(host.project, "two")
    status_line.show_status(host.project)
    assert in_grid(host) == {"one", "three"}
    assert "two" in host.windows()
    manage.resume(host.project, "two")
    assert in_grid(host) == {"one", "two", "three"}
    manage.delete(host.project, "one", force=True)
    assert in_grid(host) == {"two", "three"}
    assert container_spec.runs(host.project, host.session("two"))
    manage.restore(host.project, "one")
    assert in_grid(host) == {"one", "two", "three"}


def test_the_designer_and_the_control_pane_are_as_in_the_other_layouts(host: HostProject) -> None:
    begin(host, "one", "two")
    main = next(window for window in host.tmux.windows.all() if window.session == MAIN)
    control = host.tmux.control.find(str(host.source))
    panes = host.tmux.server.ask(("list-panes", "-t", main.id, "-F", "#{pane_id}")).text.split()
    assert not main.shared
    assert panes == [control, main.pane]


def test_switch_selects_the_session_s_pane(host: HostProject) -> None:
    begin(host, "one", "two")
    for name in ("one", "two", "one"):
        windows.switch(host.project, name)
        shown = host.tmux.server.line(("display-message", "-p", "-t", host.session(name).window or "", "#{pane_id}"))
        assert shown == next(window.pane for window in host.tmux.windows.all() if window.session == name)


def test_the_key_goes_to_the_grid_and_back(host: HostProject) -> None:
    begin(host, "one", "two")
    assert up.change_layout(host.project, toggle=True)["layout"] == "left"
    assert in_grid(host) == set()
    assert len({host.session(name).window for name in ("one", "two", MAIN)}) == 3
    assert up.change_layout(host.project, toggle=True)["layout"] == "grid"
    assert in_grid(host) == {"one", "two"}


def test_a_layout_that_is_unknown_changes_nothing_and_a_closed_project_says_what_to_type(host: HostProject) -> None:
    begin(host, "one")
    with pytest.raises(UsageError):
        up.change_layout(host.project, "gird")
    assert in_grid(host) == {"one"}
    up.down(host.project)
    with pytest.raises(Refused) as caught:
        up.change_layout(host.project, "left")
    assert caught.value.hint == "type: orchestra up --layout left"


def test_down_leaves_nothing_and_up_brings_the_grid_back(host: HostProject) -> None:
    listing = ("list-windows", "-a", "-F", "#{window_name}")
    begin(host, "one", "two")
    up.down(host.project)
    # The person's own window is the only one; tmux calls it by its program, once it looks.
    eventually(lambda: host.tmux.server.ask(listing).text == "sleep\n")
    known = host.project.store.workspace
    known.update(tmux_socket=host.tmux.socket)
    up.up(host.project, tmux_socket=host.tmux.socket, tmux_session=known.get().tmux_session, layout="grid")
    assert in_grid(host) == {"one", "two"}


def again(host: HostProject) -> None:
    """Bring the project up as a person does who asks for nothing in particular."""
    known = host.project.store.workspace
    up.up(host.project, tmux_socket=host.tmux.socket, tmux_session=known.get().tmux_session)


def test_the_layout_that_was_asked_for_stays_until_the_project_is_closed(host: HostProject) -> None:
    begin(host, "one", "two")
    again(host)
    assert in_grid(host) == {"one", "two"}
    up.down(host.project)
    host.project.store.workspace.update(tmux_socket=host.tmux.socket)
    again(host)
    assert in_grid(host) == set()


def test_a_layout_whose_file_is_gone_gives_way_to_that_of_the_settings(host: HostProject) -> None:
    layouts = host.project.paths.home.root / "layouts"
    layouts.mkdir()
    own = layouts / "own.yaml"
    own.write_text("control: designer\nexecutors: grid\n")
    begin(host, "one")
    up.change_layout(host.project, "own")
    own.unlink()
    again(host)
    assert in_grid(host) == set()


def test_a_window_that_was_cut_off_on_its_way_is_put_in_its_place_the_next_time(
    host: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(host, "one")
    with monkeypatch.context() as patched:
        patched.setattr(Grid, "arrange", lambda *_: (_ for _ in ()).throw(NotFound("tmux can't find pane")))
        host.spawn("two")
    assert in_grid(host) == {"one"}
    place(host.project)
    assert in_grid(host) == {"one", "two"}
    assert host.session("two").window == host.session("one").window


def test_a_layout_s_file_that_was_broken_since_moves_nothing(host: HostProject) -> None:
    begin(host, "one")
    layouts = host.project.paths.home.root / "layouts"
    layouts.mkdir()
    (layouts / "grid.yaml").write_text("control: nowhere\n")
    place(host.project)
    assert in_grid(host) == {"one"}
