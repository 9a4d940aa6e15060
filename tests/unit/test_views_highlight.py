"""Colours for code that somebody wrote to hold up the screen."""

from __future__ import annotations

import gc
import time

from orchestra.views.highlight import Highlighter

SLOW_IN_JAVA = ["a " * 145] * 60
"""Half a minute for the colouring library: its time grows with the cube of the length."""


def test_code_that_takes_long_is_given_up_and_so_is_its_language_after_the_third_time() -> None:
    highlighter = Highlighter()
    begun = time.thread_time()
    for _ in range(3):
        assert highlighter.paint("x.java", ["int x;"]) is not None
        assert highlighter.paint("x.java", SLOW_IN_JAVA) is None
    assert time.thread_time() - begun < 5
    assert highlighter.paint("x.java", ["int x;"]) is None
    assert highlighter.paint("x.py", ["import os"]) is not None


def test_the_limit_holds_where_garbage_is_collected_when_it_is_reached() -> None:
    def collects(_phase: str, _info: object) -> None:
        end = time.thread_time() + 0.002
        while time.thread_time() < end:
            pass

    before = gc.get_threshold()
    gc.callbacks.append(collects)
    gc.set_threshold(20)
    try:
        assert Highlighter().paint("x.py", ["import os; x = [1, 2]"] * 500) is None
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(collects)


def test_a_screen_spends_its_share_and_the_next_goes_on() -> None:
    highlighter = Highlighter()
    highlighter.begin(share=1e-9)
    assert highlighter.paint("x.py", ["import os"]) is not None
    assert highlighter.paint("x.py", ["import os"]) is None
    highlighter.begin()
    assert highlighter.paint("x.py", ["import os"]) is not None


def test_what_is_too_long_or_of_no_language_has_no_colours() -> None:
    highlighter = Highlighter()
    assert highlighter.paint("x.py", ["x" * 5000]) is None
    assert highlighter.paint("x.py", ["x"] * 5000) is None
    assert highlighter.paint("notes", ["x"]) is None
