"""Any text is safe to show, and as wide as it says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from orchestra.views.text import age, block, code, fit, fit_path, line, short, wrap
from tests.support.scenes import HOSTILE, NOW

ANY_TEXT = st.text(st.characters(codec=None), max_size=60)


@given(ANY_TEXT)
def test_no_character_reaches_the_terminal_that_does_more_than_print(text: str) -> None:
    for shown in (line(text), *block(text), *wrap(text, 10)):
        assert shown.isprintable()
        assert not {"\x1b", "\u202e", "\u200d", "\ufe0f"} & set(shown)
        shown.encode("utf-8")


def test_hostile_text_is_shown_as_text() -> None:
    shown = line(HOSTILE)
    assert shown.startswith("\\x1b[2J\\x1b]52;c;aGk=\\x07\\x9b31m\\u202ed[red]x[/red]\\xff")
    assert "\\x00" in shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\tb", "a   b"),
        ("end\r", "end"),
        ("mid\rdle", "mid\\x0ddle"),
        ("👩\u200d💻", "👩💻"),
        ("a\u00a0b\u3000c", "a b  c"),
        ("日本語", "日本語"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 3),
    ],
)
def test_a_line_of_code_looks_as_it_is(raw: str, shown: str) -> None:
    assert code(raw) == shown


@given(ANY_TEXT, st.integers(0, 30))
def test_cropped_text_is_never_wider_than_asked(text: str, width: int) -> None:
    assert cell_len(fit(line(text), width)) <= width
    assert cell_len(fit_path(line(text), width)) <= width


@given(ANY_TEXT, st.integers(2, 30))
def test_wrapped_text_is_never_wider_than_asked_and_nothing_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert max(map(cell_len, lines), default=0) <= width
    assert "".join(lines).replace(" ", "") == "".join(block(text.strip())).replace(" ", "")


def test_wrapped_code_keeps_its_indentation() -> None:
    assert wrap("def f():\n    return first or second", 20) == ["def f():", "    return first or", "    second"]
    assert wrap(f"a\n{' ' * 40}b", 10) == ["a", "    b"]


def test_a_path_keeps_its_end_and_a_text_its_beginning() -> None:
    assert fit_path("src/very/long/name.py", 8) == "…name.py"
    assert fit("src/very/long/name.py", 8) == "src/ver…"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (7200, "2h"), (86400 * 99, "99d"), (86400 * 700, "100w")],
)
def test_ages_are_short(seconds: int, shown: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == shown


@pytest.mark.parametrize(
    ("number", "shown"), [(999, "999"), (1000, "1k"), (1234, "1.2k"), (12345, "12k"), (2_500_000, "2.5M")]
)
def test_numbers_are_short(number: int, shown: str) -> None:
    assert short(number) == shown
