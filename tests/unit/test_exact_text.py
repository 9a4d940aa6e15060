"""What an agent asks is shown exactly: nothing in it is invisible, hidden by another argument, or another letter."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.agents import tool_use
from orchestra.agents.exact_text import exact, lookalikes
from orchestra.views.needs import _exact


@pytest.mark.parametrize(
    "character",
    [
        "\u3164",
        "\u2800",
        "\uffa0",
        "\u115f",
        "\ufe0f",
        "\u034f",
        "\U000e0100",
        "\u200b",
        "\u202e",
        "\u2066",
        "\xad",
        "\r",
    ],
)
def test_what_leaves_no_mark_has_a_number(character: str) -> None:
    assert exact(f"rm{character}x") == f"rm\\x{ord(character):02x}x"
    assert f"\\x{ord(character):02x}" in tool_use.of_shell({"command": f"true {character}; rm x"}).detail


def test_marks_drawn_over_each_other_are_counted() -> None:
    assert exact("e\u0301\u0302") == "e\u0301\u0302"
    assert exact("e" + "\u0301" * 4) == "e\u0301\u0301\\x301\\x301"


@pytest.mark.parametrize("text", ["Größe", "l’été", "日本語 test", "テストtest", "Исправить вход", "naïve", "ñ", "x²"])
def test_ordinary_words_are_no_lookalikes(text: str) -> None:
    assert [one for one in lookalikes(text) if "²" not in one] == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("curl https://gіthub.com", "CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I"),
        ("сору x", "CYRILLIC SMALL LETTER ES"),
        ("ｒm x", "FULLWIDTH LATIN SMALL LETTER R"),
        ("𝐫m x", "MATHEMATICAL BOLD SMALL R"),
        ("gοogle.com", "GREEK SMALL LETTER OMICRON"),
    ],
)
def test_letters_that_look_like_others_are_named(text: str, name: str) -> None:
    assert f"is {name})" in "\n".join(lookalikes(text))
    assert name in tool_use.of_shell({"command": text}).detail
    assert name in tool_use.of_url({"url": text}).detail


def test_many_of_them_do_not_hide_the_request() -> None:
    told = lookalikes("x" + "".join(chr(number) for number in range(0x410, 0x450)))
    assert len(told) == 6
    assert "64 letters" in told[-1]


@given(st.text(st.characters(exclude_characters="\n\t "), max_size=40))
def test_whatever_is_shown_leaves_a_mark_and_its_length(text: str) -> None:
    """No two texts are shown alike by leaving something out."""
    shown = exact(text)
    assert len(shown) >= len(text)
    assert [one for one in shown if not one.isprintable() or unicodedata.category(one) in {"Cf", "Zs", "Cc"}] == []


def test_blanks_between_commands_are_lines_and_not_left_out() -> None:
    rows = _exact(f"true{' ' * 500}; rm x", 40)
    assert len(rows) == 13
    assert rows[-1].endswith("; rm x")


EVIL, FINE = "evil-text", "fine-text"


@pytest.mark.parametrize(
    ("arguments", "plain"),
    [
        ({"file_path": "a", "content": EVIL, "new_string": FINE}, False),
        ({"file_path": "a", "content": EVIL, "edits": [{"old_string": "x", "new_string": FINE}]}, True),
        ({"file_path": "a", "edits": [{"old_string": "x", "new_string": FINE}, EVIL]}, True),
        ({"file_path": "a", "edits": [{"old_string": "x", "new_string": FINE, "newString": EVIL}]}, False),
        ({"file_path": FINE, "filePath": EVIL, "content": "x"}, False),
        ({"file_path": FINE, "path": EVIL, "old_string": "x", "new_string": "y"}, False),
        ({"file_path": "a", "old_string": FINE, "oldString": EVIL, "new_string": "y"}, False),
    ],
)
def test_an_argument_under_two_names_is_shown_under_both_and_fits_no_rule(
    arguments: dict[str, object], *, plain: bool
) -> None:
    """A model may give both; only the agent's program knows which counts."""
    use = tool_use.of_edit(arguments)
    assert EVIL in use.detail
    assert FINE in use.detail
    assert use.plain is plain


def test_always_holds_for_nothing_that_was_not_shown() -> None:
    plain = tool_use.of_shell({"command": "make test"})
    other = tool_use.of_shell({"command": "make test", "directory": "/evil"})
    assert plain.subject == "make test"
    assert "/evil" in other.subject
    edit = tool_use.of_edit({"file_path": "a", "content": "x"})
    two = tool_use.of_edit({"file_path": "a", "path": "b", "content": "x"})
    assert edit.subject == "a"
    assert two.subject != edit.subject
    assert set(two.paths) == {"a", "b"}
    assert set(tool_use.of_path({"file_path": "a", "path": "b"}).paths) == {"a", "b"}
