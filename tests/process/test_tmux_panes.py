"""Text pasted into a program, byte by byte."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.errors import NotFound
from orchestra.model import Window
from tests.support.tmux import Place, tmux_place, until

READER = """
import os, sys, time, tty
tty.setraw(0)
with open(sys.argv[1], "wb", buffering=0) as file:
    print("ready", flush=True)
    while block := os.read(0, 65536):
        file.write(block)
"""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with tmux_place(monkeypatch) as made:
        yield made


def reader(place: Place) -> tuple[Window, Path]:
    got = place.root / "got"
    command = (sys.executable, "-c", READER, str(got))
    window = place.tmux.windows.open_agent(place.session, "main", command, session="main", project="/p", cwd=place.root)
    until(lambda: "ready" in place.tmux.panes.capture(window.pane))
    return window, got


def test_a_paste_is_bracketed_and_enter_comes_apart_from_it(place: Place) -> None:
    window, got = reader(place)
    waited: list[float] = []
    seen: list[bytes] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        until(lambda: got.read_bytes().endswith(b"\x1b[201~"))
        seen.append(got.read_bytes())

    place.tmux.panes.paste(window.pane, "#{pane_id} #(x)\nsecond\tline é;", pause=0.4, sleep=pause)
    assert waited == [0.4]
    assert seen == ["\x1b[200~#{pane_id} #(x)\nsecond\tline é;\x1b[201~".encode()]
    until(lambda: got.read_bytes() == seen[0] + b"\r")


def test_a_program_without_bracketed_paste_gets_bare_text(place: Place) -> None:
    window, got = reader(place)
    place.tmux.panes.paste(window.pane, "two\nlines", pause=0, bracketed=False)
    until(lambda: got.read_bytes() == b"two\nlines\r")


def test_control_bytes_cannot_end_the_paste_or_press_keys(place: Place) -> None:
    window, got = reader(place)
    place.tmux.panes.paste(window.pane, "a\x1b[201~\r\x03b\x9b201~\x00\x7fc", pause=0)
    until(lambda: got.read_bytes() == b"\x1b[200~a[201~\nb201~c\x1b[201~\r")


def test_a_long_text_arrives_whole(place: Place) -> None:
    window, got = reader(place)
    text = "".join(f"line {number} with some words\n" for number in range(8000))
    place.tmux.panes.paste(window.pane, text, pause=0)
    until(lambda: got.read_bytes() == b"\x1b[200~" + text.encode() + b"\x1b[201~\r")


def test_the_persons_buffers_are_as_they_were(place: Place) -> None:
    window, _ = reader(place)
    place.option("set-buffer", "-b", "named", "mine too")
    place.option("set-buffer", "mine")
    before = place.option("list-buffers"), place.option("show-buffer")
    place.tmux.panes.paste(window.pane, "theirs", pause=0)
    assert (place.option("list-buffers"), place.option("show-buffer")) == before
    with pytest.raises(NotFound):
        place.tmux.panes.paste("%99", "theirs", pause=0)
    assert (place.option("list-buffers"), place.option("show-buffer")) == before


def test_a_pane_that_is_scrolled_back_gets_text_and_enter_and_stays_scrolled(place: Place) -> None:
    window, got = reader(place)
    place.option("copy-mode", "-t", window.pane)
    place.tmux.panes.paste(window.pane, "hello", pause=0)
    until(lambda: got.read_bytes() == b"\x1b[200~hello\x1b[201~\r")
    assert place.option("display-message", "-p", "-t", window.pane, "#{pane_in_mode}") == "1\n"


def test_nothing_is_typed_where_no_program_runs(place: Place) -> None:
    window = place.tmux.windows.open_agent(
        place.session, "main", ("sh", "-c", "exit 0"), session="main", project="/p", cwd=place.root
    )
    until(lambda: place.tmux.windows.all()[0].dead)
    for pane in (window.pane, "%99", "", "@0", "main"):
        with pytest.raises(NotFound):
            place.tmux.panes.paste(pane, "hello", pause=0)


def test_a_screen_is_read_with_and_without_colours(place: Place) -> None:
    command = ("sh", "-c", r"printf '\033[31mred\033[0m and plain\n'; exec cat")
    window = place.tmux.windows.open_agent(place.session, "main", command, session="main", project="/p", cwd=place.root)
    until(lambda: "red and plain" in place.tmux.panes.capture(window.pane))
    assert "\x1b[31mred" in place.tmux.panes.capture(window.pane, colour=True)
