"""Text for terminals: nothing in it steers one, and each encoding has something to show."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra import terminal_text


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x1b]0;OWNED\x07b", "ab"),
        ("a\x1b]52;c;ZXZpbA==\x1b\\b", "ab"),
        ("a\x1bPq#0;2\x1b\\b", "ab"),
        ("a\x9b31mb\x9d0;OWNED\x9cc", "abc"),
        ("a\x1b(0b\x1bMc\x1b[?1049hd", "abcd"),
        ("cut \x1b]0;never ended", "cut "),
        ("nothing to see", "nothing to see"),
    ],
)
def test_what_was_meant_for_a_terminal_is_left_out(said: str, left: str) -> None:
    assert terminal_text.without_sequences(said) == left


@given(st.text())
def test_nothing_that_is_left_steers_a_terminal(said: str) -> None:
    shown = terminal_text.clean(terminal_text.without_sequences(said))
    assert [one for one in shown if not one.isprintable() and one not in "\n\t"] == []


def test_a_files_text_keeps_its_line_ends_and_shows_the_rest() -> None:
    text = "a\tb\r\nc\rd\x1b[2Je\x9b2J\n"
    assert terminal_text.with_controls_shown(text) == "a\tb\r\nc\\x0dd\\x1b[2Je\\x9b2J\n"


@given(st.text(), st.sampled_from(["ascii", "latin-1", "cp1252", "koi8-r", "utf-8"]))
def test_any_text_goes_out_in_any_encoding(text: str, encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    terminal_text.never_fails(stream)
    if encoding == "utf-8":
        text = "".join(one for one in text if not 0xD800 <= ord(one) < 0xE000)
    stream.write(text)
    stream.flush()


def test_what_orchestra_draws_has_a_likeness_as_wide_as_it_is() -> None:
    assert "→ ✓ … ─".encode("ascii", terminal_text.ERRORS) == b"> + ~ -"
    assert "Grüße, 世".encode("latin-1", terminal_text.ERRORS) == "Grüße, ??".encode("latin-1")
    assert b"caf\xe9".decode("utf-8", "surrogateescape").encode("ascii", terminal_text.ERRORS) == b"caf\xe9"
