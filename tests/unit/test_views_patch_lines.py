"""Rows of a diff as a person reads them."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len
from rich.text import Text

from orchestra.views import palette
from orchestra.views.highlight import Highlighter
from orchestra.views.patch import Patch
from orchestra.views.patch_lines import LONGEST_LINE, PatchLines, longest, window
from tests.support.reviews import APP, patch_text
from tests.support.scenes import HOSTILE


def lines(text: str = APP, path: str = "app.py") -> PatchLines:
    return PatchLines(path, Patch.parse(text), Highlighter())


def shown(text: Text) -> str:
    return text.plain.rstrip()


def test_lines_have_both_numbers_where_there_is_room() -> None:
    assert [shown(lines().unified(row, 80)) for row in range(5)] == [
        "  ⋯ line 1: part 0",
        "  1   1    import os",
        "  2     ▎− x = 1",
        "      2 ▎+ x = 2",
        "  3   3    end",
    ]
    assert shown(lines().unified(2, 40)) == "▎− x = 1"


def test_both_sides_stand_beside_each_other() -> None:
    assert shown(lines().split(2, 60)) == "  2 ▎− x = 1                 │   2 ▎+ x = 2"
    assert shown(lines().split(0, 60)) == "  ⋯ line 1: part 0"


def test_changed_words_code_and_matches_stand_out() -> None:
    added = lines().unified(3, 80, found=re.compile("x"))
    styles = {added.plain[span.start : span.end]: span.style for span in added.spans}
    assert styles["2"] == palette.ADDED_WORDS
    assert styles["x"] == palette.FOUND
    keyword = lines().unified(1, 80)
    assert palette.CODE["Token.Keyword"] in [span.style for span in keyword.spans]


@pytest.mark.parametrize("width", [10, 40, 60, 80, 200])
@pytest.mark.parametrize("left", [0, 1, 7, 300])
def test_no_line_is_wider_than_the_window(width: int, left: int) -> None:
    body = "日本語 wide 👩‍💻 text " * 20
    drawn = lines(patch_text("a.py", [f"-{body}", f"+{body}x", f"+{HOSTILE}"]))
    for row in range(4):
        assert cell_len(drawn.unified(row, width, left).plain) <= width
    for pair in range(len(drawn.patch.pairs)):
        assert cell_len(drawn.split(pair, width, left).plain) <= width


def test_every_character_can_be_scrolled_to() -> None:
    body = "".join(chr(0x4E00 + number) if number % 3 else f"<{number}>" for number in range(400))
    text = Text(body)
    seen = "".join(window(text, left, 20).plain[:1] for left in range(cell_len(body)))
    assert [character for character in body if character not in seen] == []
    assert window(text, cell_len(body) - 5, 20).plain[-1] == body[-1]


def test_an_ellipsis_says_that_there_is_more() -> None:
    assert window(Text("0123456789"), 2, 5).plain == "2345…"
    assert window(Text("0123456789"), 5, 5).plain == "56789"
    assert window(Text("世界世界"), 1, 5).plain == " 界…"
    assert window(Text("世界世界"), 0, 8).plain == "世界世界"


def test_a_line_without_end_is_bounded_and_says_so() -> None:
    drawn = lines(patch_text("a", ["+" + "x" * (LONGEST_LINE + 5)]))
    end = longest(drawn.patch, [1])
    assert "5 more characters are not shown" in drawn.unified(1, 80, end - 60).plain


def test_nothing_in_a_file_steers_the_terminal() -> None:
    drawn = lines(patch_text("a.py", [f"+{HOSTILE}".replace("\n", "")]))
    assert drawn.unified(1, 300).plain.isprintable()
