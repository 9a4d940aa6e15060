"""Comments in a review: selected, written, shown below their lines, listed, sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from orchestra.model import CommentState, Place, Placed, Scope, Side, Target
from orchestra.review import reducer
from orchestra.review.commenting import Delete, Send, Settle, Wrote
from orchestra.review.frame import Canvas
from orchestra.review.printed import printed
from orchestra.review.state import View
from orchestra.views.comments import STYLES
from tests.support.reviews import FakeSource, press, remark, scene

APP = ("}",)
"""The key that goes from the first file to ``app.py``."""


def screen(view: View) -> list[str]:
    return [line.plain.rstrip() for line in Canvas().draw(view)]


def target(view: View) -> Target:
    assert view.writing is not None
    return view.writing.target


def after(rows: list[str], text: str) -> str:
    """Return the row below the one that has a text."""
    return rows[next(number for number, row in enumerate(rows) if text in row) + 1]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("c c", Target("app.py", Side.NEW, 1, 1)),
        ("c j c", Target("app.py", Side.OLD, 2, 2)),
        ("c j j c", Target("app.py", Side.NEW, 2, 2)),
        ("c J c", Target("app.py", Side.OLD, 1, 2)),
        ("c J J J Enter", Target("app.py", Side.NEW, 1, 3)),
        ("c j j j K K c", Target("app.py", Side.NEW, 2, 3)),
        ("c j j j J J c", Target("app.py", Side.NEW, 3, 102)),
        ("c k c", Target("app.py", Side.NEW)),
        ("c f", Target("app.py", Side.NEW)),
        ("C", Target()),
    ],
)
@pytest.mark.parametrize("size", [(100, 24), (40, 12)], ids=str)
def test_what_is_selected_is_what_the_comment_is_about(size: tuple[int, int], keys: str, expected: Target) -> None:
    view, _ = press(scene(*size)[0], *APP, *keys.split())
    assert target(view) == expected
    assert len(screen(view)) == size[1] - view.editor_height


def test_both_sides_beside_each_other_are_selected_as_one_line() -> None:
    view, _ = press(scene(200, 24)[0], *APP, "c", "j", "c")
    assert target(view) == Target("app.py", Side.NEW, 2, 2)


def test_a_selection_stays_in_one_file_and_in_sight() -> None:
    view, _ = press(scene(100, 8)[0], *APP, "c", *("J",) * 50)
    assert target(press(view, "c")[0]) == Target("app.py", Side.NEW, 1, 102)
    moved, _ = press(view, *("j",) * 50)
    assert moved.selection is not None
    assert moved.selection.at in moved.lines.shown(moved.top, moved.body_height)
    assert press(moved, "Escape")[0].selection is None


def test_a_click_selects_a_line() -> None:
    view, _ = scene(100, 24)
    row = next(number for number, text in enumerate(screen(view)) if "import os" in text)
    view, _ = reducer.click(view, 60, row)
    assert target(press(view, "c")[0]) == Target("app.py", Side.NEW, 1, 1)


def test_keys_reach_nothing_while_a_comment_is_written() -> None:
    view, effects = press(scene(100, 24)[0], "C", "q", "v", "S")
    assert effects == []
    assert view.writing is not None
    view = reducer.typed(view, "some words")
    view, done = reducer.written(view)
    assert view.writing is None
    assert done == (Wrote(),)
    assert "draft" in screen(view)[-1]


@pytest.mark.parametrize("width", [40, 100, 200])
def test_comments_are_below_their_lines_with_their_state(width: int) -> None:
    long = "word " * 30
    source = FakeSource(
        remarks=[
            remark(1, long, state=CommentState.ANSWERED, commit="abcdef123456", round=2, reply="Done."),
            remark(2, "On the file.", Target("app.py")),
            remark(3, "Removed?", Target("app.py", Side.OLD, 2, 2)),
            remark(4, "Settled.", Target("app.py", Side.NEW, 3, 3), state=CommentState.SETTLED, round=1),
        ]
    )
    view, _ = press(scene(width, 40, source)[0], *APP)
    rows = screen(view)
    assert "2 · draft · app.py" in after(rows, "▾ app.py")
    assert "3 · draft" in after(rows, "x = 1")
    heading = next(row for row in rows if "● 1 · " in row)
    assert heading.endswith("answered · round 2 · by abcdef1234") or width == 40
    assert sum(row.count("word") for row in rows) == 30
    assert any("↳ Done." in row for row in rows)
    assert any("✓ 4 · settled" in row for row in rows)
    assert not any("Settled." in row for row in rows)
    assert max(len(row) for row in rows) <= width
    turned = screen(press(view, "s")[0])
    assert sum(row.count("word") for row in turned) == 30
    assert [row for row in screen(press(view, "s", "s")[0]) if "┃" in row] == [row for row in rows if "┃" in row]


def test_the_state_of_a_comment_has_a_colour_and_its_text_that_of_the_terminal() -> None:
    view, _ = press(scene(100, 24, FakeSource(remarks=[remark(1, "Why?")]))[0], *APP)
    (words,) = [line for line in Canvas().draw(view) if "Why?" in line.plain]
    colours = [words.get_style_at_offset(Console(), words.plain.index(text)).color for text in ("┃", "Why?")]
    assert colours == [STYLES[CommentState.DRAFT].color, None]


def test_a_comment_whose_lines_are_gone_is_shown_with_its_code() -> None:
    view, _ = scene(100, 40)
    gone = remark(1, "Why?", quoted="old = code\nand = more")
    view, _ = reducer.commented(view, [Placed(gone, Place("app.py", 2, 2, outdated=True))])
    rows = screen(press(view, *APP)[0])
    at = next(number for number, row in enumerate(rows) if "outdated" in row)
    assert "x = 2" in rows[at - 1]
    assert "┆ old = code" in rows[at + 1]
    assert "┆ and = more" in rows[at + 2]
    assert "Why?" in rows[at + 3]


def test_the_same_line_stays_in_sight_when_comments_come_and_the_window_changes() -> None:
    view, _ = press(scene(100, 10)[0], *APP, "j", "j", "j", "j")
    before = screen(view)[1].rpartition("│")[2]
    view, _ = reducer.commented(view, [Placed(one, Place("app.py", 1, 1)) for one in (remark(1, "word " * 60),)])
    assert screen(view)[1].rpartition("│")[2] == before
    for width in (60, 45, 100, 200):
        view, _ = reducer.resize(view, width, 10)
        assert view.lines.row_at(view.top) is not None
    view, _ = reducer.resize(view, 100, 10)
    assert screen(view)[1].rpartition("│")[2] == before


def test_all_comments_are_listed_edited_settled_and_sent() -> None:
    source = FakeSource(
        remarks=[
            remark(1, "Open.", state=CommentState.OPEN, round=1),
            remark(2, "Draft.", Target()),
            remark(3, "Last."),
        ]
    )
    view, _ = press(scene(100, 24, source)[0], "m")
    assert "▌✎ 2 · draft · the whole change" in screen(view)
    assert "2 drafts" in screen(view)[0]
    edited, _ = press(view, "e")
    assert (target(edited), edited.writing and edited.writing.number) == (Target(), 2)
    once, effects = press(view, "d")
    assert (effects, press(once, "d")[1], press(once, "j", "d")[1]) == ([], [Delete(2)], [])
    assert press(view, "k", "d", "d")[1] == []
    assert press(view, "x")[1] == []
    assert press(view, "k", "x")[1] == [Settle(1, settled=True)]
    assert press(view, "S")[1] == press(scene(100, 24, source)[0], "S")[1] == [Send()]
    assert press(scene(100, 24)[0], "S")[1] == []
    shown, _ = press(view, "j", "Enter")
    assert shown.chosen is None
    assert any("3 · draft" in row for row in screen(shown))


def test_the_chosen_comment_is_in_sight_however_many_there_are() -> None:
    source = FakeSource(remarks=[remark(number, f"<{number}> " + "word " * 200) for number in range(1, 40)])
    view, _ = press(scene(60, 12, source)[0], "m")
    for number in range(1, 40):
        assert any(row.startswith("▌") and f" {number} · " in row for row in screen(view)), number
        view, _ = press(view, "j")
    assert view.chosen == 39


def test_what_a_comment_says_cannot_write_to_the_terminal() -> None:
    evil = "\x1b]0;x\x07\x1b[2J\u202e\udcff"
    source = FakeSource(
        remarks=[remark(1, evil, Target(f"a{evil}"), quoted=evil, reply=evil), remark(2, evil, quoted=evil)]
    )
    for keys in (APP, ("m",), ("m", "e")):
        text = "".join(screen(press(scene(100, 30, source)[0], *keys)[0]))
        assert text.isprintable()


def test_the_printed_changes_have_all_comments() -> None:
    source = FakeSource(
        remarks=[remark(1, "On a line."), remark(2, "All.", Target()), remark(3, "Gone.", Target("b.py"))]
    )
    rows = [row.plain.rstrip() for row in printed(source, source.changes(Scope.BRANCH), 80)]
    assert "1 · draft" in after(rows, "x = 2")
    assert rows.index("┃   All.") < rows.index("┃   Gone.") < next(at for at, row in enumerate(rows) if "x = 2" in row)


def test_a_deleted_file_is_commented_on_as_it_was() -> None:
    view, _ = scene(100, 24)
    assert view.document is not None
    entries = tuple(
        replace(one, file=replace(one.file, new_id="0" * 40)) if one.file.path == "app.py" else one
        for one in view.document.entries
    )
    view.document.entries = entries
    assert target(press(view, *APP, "c", "f")[0]).side is Side.OLD
