"""Bytes from a terminal become keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.control.keys import Key, KeyReader


def names(*pieces: bytes) -> list[str]:
    reader = KeyReader()
    return [key.name for piece in pieces for key in reader.feed(piece)]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"s", "s"), (b"N", "N"), (b"?", "?"), (b"\r", "Enter"), (b"\n", "Enter"), (b"\t", "Tab"),
        (b"\x7f", "Backspace"), (b"\x03", "C-c"), (b"\x1b[A", "Up"), (b"\x1bOA", "Up"), (b"\x1b[B", "Down"),
        (b"\x1bOB", "Down"), (b"\x1b[5~", "PgUp"), (b"\x1b[6~", "PgDn"), (b"\x1b[1~", "Home"), (b"\x1b[H", "Home"),
        (b"\x1b[1;5A", "Up"), (b"\x1b[Z", "BackTab"), (b"\x1bx", "M-x"),
        ("é".encode(), "é"), ("日".encode(), "日"), ("🎉".encode(), "🎉"),
    ],
)  # fmt: skip
def test_keys_have_names_however_their_bytes_arrive(data: bytes, name: str) -> None:
    assert names(data) == [name]
    assert names(*(bytes([one]) for one in data)) == [name]


def test_keys_typed_fast_stay_in_order() -> None:
    assert names(b"jk\x1b[A\x1b[Bq\xc3", b"\xa9s") == ["j", "k", "Up", "Down", "q", "é", "s"]


def test_a_lone_escape_is_the_escape_key_only_when_nothing_follows() -> None:
    reader = KeyReader()
    assert (reader.feed(b"\x1b"), reader.unsure) == ([], True)
    assert (reader.flush(), reader.unsure) == ([Key("Escape")], False)
    assert [*reader.feed(b"\x1b"), *reader.feed(b"[A")] == [Key("Up")]


def test_unknown_sequences_are_not_taken_apart_into_letters() -> None:
    assert names(b"\x1b[200;3D\x1b[?1;2c\x1b[<0;10;20M\x1b[15~\x1b[Ij") == ["Left", "j"]
    assert names(b"\x1b[\x1b[A\x1bO\x1b[B") == ["Up", "Down"]


def test_a_paste_is_one_key_and_never_obeyed() -> None:
    reader = KeyReader()
    pieces = (b"\x1b[200~D", b"y\x1b[Aq\x1b[20", b"1~j")
    assert [key for piece in pieces for key in reader.feed(piece)] == [Key("Paste", "Dy\x1b[Aq"), Key("j")]
    assert not reader.unsure


def test_an_endless_paste_is_bounded() -> None:
    reader = KeyReader()
    for _ in range(50):
        assert reader.feed(b"\x1b[200~" if _ == 0 else b"x" * 10_000) == []
    (key,) = reader.feed(b"\x1b[201~")
    assert key.name == "Paste"
    assert len(key.text) < 200_000


@given(st.lists(st.binary(max_size=8), max_size=8))
def test_any_bytes_are_read_and_none_is_kept_for_ever(pieces: list[bytes]) -> None:
    reader = KeyReader()
    for piece in pieces:
        for key in reader.feed(piece):
            assert key.name
    reader.flush()
    assert not reader.unsure
