"""Keys: pressed by a person at a terminal, and given back exactly."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.bindings import KEY_TABLE, Keymap
from orchestra.config import layout
from orchestra.errors import Refused
from orchestra.model import Window
from tests.support.tmux import Place, Terminal, tmux_place, until

CAT = ("sh", "-c", "echo ready; exec cat")
TRICKY = """
bind-key -r -N 'my "own" \\note $HOME; #{x}' O \\
  run-shell "echo \\"it's \\$HOME #{q:x}; \\" ; true" \\; display-message 'a;b'
bind-key P if-shell -F '#{==:1,1}' { display-message "yes; it's" } { new-window -n '~x' "echo 'a b' | cat" }
bind-key \\; last-pane
bind-key L {
  display-message one
  if-shell -F 1 { display-message two ; display-message three
  display-message four } { last-window }
}
bind-key Q display-message -p ''
"""
RECORD = """
import json, os, sys
told = {"words": sys.argv[2:], "pane": os.environ.get("TMUX_PANE"), "client": os.environ.get("ORCHESTRA_CLIENT")}
with open(sys.argv[1], "a") as file:
    file.write(json.dumps(told) + "\\n")
if "pair" in sys.argv:
    print("first line")
    sys.exit("orchestra: 100% of #{pane_id} #(touch trap) failed;\\n  → look at it")
if "merge" in sys.argv:
    sys.exit("merge says no")
if sys.stdin.isatty():
    input("it is open ")
"""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with tmux_place(monkeypatch) as made:
        yield made


def program(place: Place) -> tuple[str, ...]:
    script = place.root / "it's a #(script).py"
    script.write_text(RECORD)
    return (sys.executable, str(script), str(place.root / "record"))


def opened(place: Place, name: str, project: str) -> Window:
    return place.tmux.windows.open_agent(
        place.session, name, CAT, session=name, project=project, cwd=place.root, select=True
    )


def bindings(place: Place) -> str:
    listed = [place.option("list-keys", "-T", table) for table in ("prefix", "root")]
    return "".join((*listed, place.option("list-keys", "-N", "-a"), place.option("show-options", "-s")))


def press(terminal: Terminal, *keys: str) -> None:
    terminal.begins_a_chord()
    terminal.press(*keys)


def record(place: Place, number: int = 1) -> list[dict[str, object]]:
    path = place.root / "record"
    until(lambda: path.exists() and path.read_text().count("\n") >= number, f"{number} commands run")
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("key", ["O", "P", "L", ";", "Q", "C-o", "z", "M-Up", '"', "'", "#", "~", "F5"])
def test_what_a_key_did_before_comes_back_exactly(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    with tmux_place(monkeypatch, config=TRICKY) as place:
        before = bindings(place)
        saved = place.tmux.keys.bind(key, ("orchestra",))
        assert bindings(place) != before
        assert place.tmux.keys.unbind(saved)
        assert bindings(place) == before
        assert place.tmux.keys.unbind(saved)
        assert bindings(place) == before


def test_what_the_key_did_still_works_after_it_came_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with tmux_place(monkeypatch, config="bind-key O display-message \"it's 'back'; #{window_id}\"") as place:
        window = opened(place, "main", "/p")
        place.tmux.keys.unbind(place.tmux.keys.bind("O", ("orchestra",)))
        with place.terminal() as terminal:
            press(terminal, "O")
            terminal.shows(f"it's 'back'; {window.id}")


def test_every_default_binding_could_be_taken_and_put_back(place: Place) -> None:
    before = bindings(place)
    keys = [line.split()[0] for line in place.option("list-keys", "-N", "-P", "", "-T", "prefix").splitlines()]
    saved = ""
    for key in keys:
        saved = place.tmux.keys.bind(key.removeprefix("\\"), ("orchestra",))
    assert len(json.loads(saved)) == len(keys)
    place.tmux.keys.unbind(saved)
    assert bindings(place) == before


def test_a_second_project_keeps_what_the_first_one_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    with tmux_place(monkeypatch, config=TRICKY) as place:
        before = bindings(place)
        opened(place, "main", "/one")
        second = opened(place, "main", "/two")
        first = place.tmux.keys.bind("O", ("orchestra",))
        assert place.tmux.keys.bind("O", ("orchestra",)) == first
        assert not place.tmux.keys.unbind(first, project="/one")
        assert "switch-client -T orchestra" in place.option("list-keys", "-T", "prefix", "O")
        place.tmux.windows.close(second.id)
        assert place.tmux.keys.unbind(first, project="/one")
        assert bindings(place) == before


def test_the_record_in_the_server_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    with tmux_place(monkeypatch, config=TRICKY) as place:
        before = bindings(place)
        place.tmux.keys.bind("O", ("orchestra",))
        place.tmux.keys.unbind("")
        assert bindings(place) == before


def test_a_key_that_the_person_bound_anew_is_left_alone(place: Place) -> None:
    saved = place.tmux.keys.bind("O", ("orchestra",))
    place.option("bind-key", "O", "display-message", "mine")
    place.tmux.keys.unbind(saved)
    assert "mine" in place.option("list-keys", "-T", "prefix", "O")


def test_binding_again_after_the_person_reloaded_saves_the_new_binding(place: Place) -> None:
    place.tmux.keys.bind("O", ("orchestra",))
    place.option("bind-key", "O", "display-message", "mine")
    place.tmux.keys.unbind(place.tmux.keys.bind("O", ("orchestra",)))
    assert "mine" in place.option("list-keys", "-T", "prefix", "O")


def test_a_binding_that_could_not_be_restored_is_refused_and_stays(place: Place) -> None:
    lines = 'bind-key O {\n display-message "one ;; and"\n display-message two\n}\n'
    place.tmux.server.ask(("source-file", "-"), stdin=lines.encode())
    before = bindings(place)
    with pytest.raises(Refused, match="prefix O") as caught:
        place.tmux.keys.bind("O", ("orchestra",))
    assert "another prefix_key" in caught.value.hint
    assert bindings(place) == before


def closes(terminal: Terminal, text: str, key: str) -> None:
    """Close what shows a text, and see that it is gone: it would take the next keys."""
    terminal.shows(text)
    for _ in range(5):
        terminal.press(key)
        with contextlib.suppress(AssertionError):
            until(lambda: text not in terminal.screen(), seconds=10)
            return
    pytest.fail(f"{key} does not close {text!r}:\n{terminal.screen()}")


@pytest.mark.parametrize("popups", [True, False])
def test_every_key_runs_its_command_for_the_session_in_view(place: Place, popups: bool) -> None:  # noqa: FBT001 -- a test's parameter
    project = "/home/o'person/a $(touch trap) #{pane_id} project"
    opened(place, "login-page", project)
    place.tmux.keys.bind("O", program(place), popups=popups)
    with place.terminal() as terminal:
        for number, binding in enumerate((one for one in Keymap().in_tmux() if one.action != "control"), 1):
            press(terminal, "O", binding.keys[0])
            told = record(place, number)[-1]
            words = [word.replace("{session}", "login-page") for word in binding.command]
            assert told["words"] == ["--project", project, *words]
            assert told["client"] == terminal.client
            if binding.action == "merge" and popups:
                closes(terminal, "merge says no", "C-c")
            elif binding.popup and binding.action != "merge":
                closes(terminal, "it is open", "Enter")
    assert not list(Path.cwd().glob("trap")) + list(place.root.glob("trap"))
    bound = place.option("list-keys", "-T", KEY_TABLE).splitlines()
    marked = [line for line in bound if "ORCHESTRA_POPUP=1" in line]
    assert len(marked) == (sum(one.popup for one in Keymap().in_tmux()) if popups else 0)


def test_the_pane_is_told_and_a_failure_is_shown_as_text(place: Place) -> None:
    window = opened(place, "login", "/p")
    place.tmux.keys.bind("O", program(place))
    with place.terminal() as terminal:
        press(terminal, "O", "p")
        terminal.shows("orchestra: 100% of #{pane_id} #(touch trap) failed; → look at it")
        assert record(place)[0]["pane"] == window.pane
        assert "first line" not in terminal.screen()
        press(terminal, "O", "M")
        terminal.shows("merge says no")


def test_two_projects_share_the_table(place: Place) -> None:
    first, second = opened(place, "main", "/one"), opened(place, "other", "/two")
    place.tmux.keys.bind("O", program(place))
    with place.terminal() as terminal:
        for number, (window, words) in enumerate(
            ((first, ["--project", "/one", "terminal", "main"]), (second, ["--project", "/two", "terminal", "other"])),
            1,
        ):
            place.tmux.windows.select(window.id)
            press(terminal, "O", "t")
            assert record(place, number)[-1]["words"] == words


def test_a_key_shows_the_control_pane_of_the_project_in_view_without_a_program(place: Place) -> None:
    project = "/home/o'person/a $(touch trap) #{pane_id} project "
    panes = [
        place.tmux.control.open(opened(place, "main", one).id, CAT, layout.load("left"), project=one)
        for one in ("/other", project)
    ]
    opened(place, "login", project)
    opened(place, "alone", "/third")
    place.tmux.keys.bind("O", program(place))
    with place.terminal() as terminal:
        press(terminal, "O", "c")
        terminal.shows("the control pane is not open; type: orchestra up")
        place.tmux.windows.select(next(one.id for one in place.tmux.windows.all() if one.session == "login"))
        press(terminal, "O", "c")
        until(lambda: place.option("display-message", "-p", "-c", terminal.client, "#{pane_id}").strip() == panes[1])
    assert not (place.root / "record").exists()
    assert not list(Path.cwd().glob("trap")) + list(place.root.glob("trap"))


def test_a_window_of_nobodys_gets_a_message_and_runs_nothing(place: Place) -> None:
    opened(place, "main", "/one")
    place.option("new-window", "-t", place.session, "cat")
    place.tmux.keys.bind("O", program(place))
    with place.terminal() as terminal:
        press(terminal, "O", "d")
        terminal.shows("diff: this window shows no session")
        press(terminal, "O", "N")
        terminal.shows("new: this window does not belong to an Orchestra project")
        place.tmux.claim_session(place.session, "/one")
        press(terminal, "O", "N")
        assert [each["words"] for each in record(place)] == [["--project", "/one", "new", "--ask"]]


def test_a_letter_that_means_nothing_does_not_reach_the_agent(place: Place) -> None:
    window = opened(place, "main", "/one")
    place.tmux.keys.bind("O", program(place))
    with place.terminal() as terminal:
        press(terminal, "O", "x")
        terminal.press("y")
        until(lambda: "y" in place.tmux.panes.capture(window.pane).removeprefix("ready"))
        assert "x" not in place.tmux.panes.capture(window.pane)
