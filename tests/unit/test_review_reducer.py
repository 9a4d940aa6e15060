"""What the keys, the mouse and the answers do in a review."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestra.bindings import REVIEW_BINDINGS, Keymap
from orchestra.model import LineCounts, Scope
from orchestra.review import reducer
from orchestra.review.document import Document, Position
from orchestra.review.frame import Canvas
from orchestra.review.reducer import Leave, Open, Read, SetViewed
from orchestra.review.state import Selection, View
from orchestra.views.patch import Patch
from tests.support.reviews import FakeSource, patch_text, press, scene, settle


def screen(view: View) -> list[str]:
    return [line.plain.rstrip() for line in Canvas().draw(view)]


def test_every_key_has_an_effect_of_its_own_and_none_fails() -> None:
    for binding in REVIEW_BINDINGS:
        for start in (scene()[0], scene(40)[0], View("alpha")):
            for key in binding.keys:
                view, _ = press(start, key.replace("Space", " "))
                assert len(screen(view)) == view.height - view.editor_height


def test_own_keys_work_and_are_shown() -> None:
    own = Keymap({"viewed": ("x", "C-v"), "review-help": ("F1",), "review-search": ()})
    view = replace(scene(130, 30)[0], keymap=own)
    assert screen(view)[-1].startswith("F1 keys  q leave  x viewed")
    assert "search" not in screen(view)[-1]
    assert press(view, "C-v")[0].viewed == {0}
    assert press(view, "v")[0].viewed == set()
    assert any("x Ctrl-v mark the file" in line for line in screen(press(view, "F1")[0]))


def test_the_first_window_shows_the_files_and_the_risky_one_first() -> None:
    shown = screen(scene(100, 14)[0])
    assert shown[0].startswith(" alpha  whole branch  4 files")
    assert "⚠ 1 risky" in shown[0]
    assert shown[1].startswith("look at these first")
    assert "▾ .github/workflows/ci.yml ⚠ runs in CI" in shown[1]
    assert "▎− on: push" in shown[3]


def test_only_files_in_sight_and_the_next_are_read() -> None:
    view, effects = scene(100, 4, read=False)
    assert effects == [Read(0)]
    document = view.document
    assert document is not None
    patch = Patch.parse(patch_text("first", ["+line"]))
    assert reducer.read(view, document.changes, 0, patch)[1] == (Read(1),)


def test_the_file_at_the_top_is_read_before_those_beside_it() -> None:
    view, first = scene(100, 4, read=False)
    assert first == [Read(0)]
    view, effects = reducer.press(view, "}")
    assert effects == (Read(1),)
    assert reducer.press(view, "j")[1] == ()


def test_page_down_goes_to_the_end_and_page_up_back() -> None:
    view, _ = scene()
    pages = [view]
    while (after := press(pages[-1], "PgDn")[0]).top != pages[-1].top:
        pages.append(after)
    assert pages[-1].top == pages[-1].lines.last_top(pages[-1].body_height)
    assert "line 299" in screen(pages[-1])[-3]
    for _ in pages:
        after, _ = press(after, "PgUp")
    assert after.top == (0, 0)


def test_hunk_and_file_keys_go_forth_and_back() -> None:
    view, _ = scene()
    tops = [press(view, *(["]"] * number))[0].top for number in range(1, 5)]
    assert tops == [(0, 1), (1, 1), (1, 6), (2, 1)]
    assert press(view, "]", "]", "]", "[")[0].top == (1, 1)
    assert [press(view, *(["}"] * number))[0].top.file for number in (1, 2, 3, 4)] == [1, 2, 3, 3]
    assert press(view, "}", "j", "{")[0].top == (1, 0)
    assert press(view, "}", "{")[0].top == (0, 0)


def test_a_file_is_folded_and_unfolded_and_so_are_all() -> None:
    view, _ = press(scene()[0], "}", "f")
    assert view.folded == {1}
    assert any("▸ app.py" in row for row in screen(view))
    assert press(view, "f")[0].folded == frozenset()
    folded, _ = press(view, "F")
    assert len(folded.folded) == 4
    assert press(folded, "F")[0].folded == frozenset()


def test_viewed_is_remembered_folds_and_goes_on() -> None:
    view, effects = press(scene()[0], "v")
    assert effects == [SetViewed(0, viewed=True)]
    assert view.top == (1, 0)
    assert "✓ 1 viewed" in screen(view)[0]
    assert [row[:4] for row in screen(view)[1:3]] == ["look", " ✓M⚠"]
    back, effects = press(view, "{", "v")
    assert effects == [SetViewed(0, viewed=False)]
    assert (back.viewed, back.folded) == (frozenset(), frozenset())
    assert press(view, "v", "v", "v")[0].message == "all files are viewed"


def test_what_was_viewed_is_folded_when_it_is_opened_again() -> None:
    source = FakeSource(marks={"app.py": "100644 new-app.py", "long.txt": "100644 earlier"})
    assert scene(source=source)[0].folded == {1}


def test_a_search_goes_through_all_files_and_reads_them() -> None:
    source = FakeSource()
    view, _ = scene(100, 6, source)
    view, _ = press(view, "/", *"needle", "Enter")
    assert "old needle" in "".join(screen(view))
    assert view.top == (2, 2)
    assert press(view, "n")[0].top == (2, 3)
    assert press(view, "n", "N")[0].top == (2, 2)
    assert press(view, "n", "n")[0].message == "nothing more is found below"
    assert press(view, "N")[0].message == "nothing more is found above"


def test_capitals_in_a_search_count() -> None:
    view, _ = press(scene()[0], "/", *"Needle", "Enter")
    assert view.top == (2, 3)


def test_the_last_lines_are_found_one_after_the_other_though_they_never_reach_the_top() -> None:
    view, _ = press(scene(100, 40)[0], "/", *"line 29", "Enter")
    seen = []
    for _ in range(11):
        seen.append(view.match)
        view, _ = press(view, "n")
    assert len(set(seen)) == 11


def test_a_search_waits_for_a_file_and_escape_stops_it() -> None:
    view, _ = scene(100, 6, read=False)
    for key in ("/", *"zzz", "Enter"):
        view, _ = reducer.press(view, key)
    assert view.finding is not None
    assert "searching file 1 of 4" in view.message
    stopped, _ = reducer.press(view, "Escape")
    assert stopped.finding is None
    assert stopped.message == "the search was stopped"


def test_a_search_can_be_typed_pasted_corrected_and_dropped() -> None:
    view, _ = press(scene()[0], "/", "a", " ", "b", "BSpace")
    assert view.typing == "a "
    assert screen(reducer.paste(view, "xy\nz")[0])[-1].rstrip() == "/a xy"
    assert press(view, "Escape")[0].typing is None
    assert press(view, "BSpace", "BSpace", "BSpace")[0].typing is None
    assert press(view, "Escape", "n")[0].message == "search first, with /"


def test_the_list_stands_beside_or_in_place_of_the_changes() -> None:
    assert scene(89)[0].tree_width == 0
    assert scene(90)[0].tree_width == 30
    narrow, _ = press(scene(40)[0], "t")
    assert narrow.choosing
    chosen, _ = press(narrow, "j", "j", "Enter")
    assert (chosen.choosing, chosen.top) == (False, (2, 0))
    assert press(scene(120)[0], "t")[0].tree_width == 0


def test_both_sides_from_160_columns_on_and_by_key() -> None:
    assert scene(160)[0].is_split
    assert not scene(159)[0].is_split
    view, _ = press(scene(100)[0], "}", "j", "j", "j", "j", "s")
    assert view.is_split
    assert view.top == (1, 3)
    assert press(view, "s")[0].top == (1, 4)


@pytest.mark.parametrize("width", [40, 100, 220])
def test_the_end_of_every_line_can_be_reached(width: int) -> None:
    source = FakeSource({"wide.txt": f"@@ -0,0 +1 @@\n+{'x' * 500}END\n"})
    view, _ = press(scene(width, 12, source)[0], "$")
    assert any(row.endswith("END") for row in screen(view))
    assert press(view, "0")[0].left == 0
    assert press(view, "0", "l", "l", "h")[0].left == 16


def test_the_mouse_chooses_folds_and_scrolls() -> None:
    view, _ = scene(100, 12)
    assert reducer.click(view, 3, 5)[0].top == (2, 0)
    assert reducer.click(view, 3, 1)[0].top == view.top
    assert reducer.click(view, 60, 1)[0].folded == {0}
    assert reducer.click(view, 60, 3)[0].selection == Selection(Position(0, 2), Position(0, 2))
    assert reducer.click(view, 60, 2)[0] == view
    assert reducer.wheel(view, 60, 1)[0].top == view.lines.moved(view.top, 3)
    assert reducer.wheel(view, 3, 1)[0].top == view.top
    assert reducer.wheel(view, 60, -1)[0].top == view.top


def test_a_scope_and_a_new_look_are_asked_for_and_the_file_stays_in_sight() -> None:
    view, effects = press(scene()[0], "}", "}", "2")
    assert effects == [Open(Scope.COMMIT)]
    assert press(view, "r")[1] == [Open(Scope.BRANCH)]
    document = Document.of(FakeSource().changes(Scope.BRANCH))
    again, _ = settle(*reducer.opened(view, document, {}))
    assert again.top == (2, 0)


def test_answers_to_an_earlier_look_change_nothing() -> None:
    view, _ = scene(read=False)
    other = FakeSource().changes(Scope.BRANCH)
    assert reducer.read(view, other, 0, Patch.of_note("late"))[0] is view
    reducer.counted(view, other, {"app.py": LineCounts(1, 1)})
    assert view.document is not None
    assert not view.document.counts


def test_an_error_is_shown_and_the_next_key_takes_it_away() -> None:
    view, _ = reducer.failed(scene()[0], "the worktree is gone")
    assert screen(view)[-1].startswith("the worktree is gone")
    assert press(view, "j")[0].message == ""


def test_what_is_left_out_stands_on_top() -> None:
    view, _ = scene(100, 20, FakeSource(notes=("12 more files are not shown",)))
    assert screen(view)[1] == "⚠ 12 more files are not shown"


def test_help_covers_everything_until_the_next_key() -> None:
    view, _ = press(scene(100, 40)[0], "?")
    assert any("go to the next hunk" in row for row in screen(view))
    assert press(view, "q") == (press(view, "x")[0], [])


def test_help_is_scrolled_to_its_end_where_it_does_not_fit() -> None:
    view, _ = press(scene(40, 12)[0], "?")
    assert screen(view)[-1].startswith("j k scroll  any other key back")
    assert not any("go back to the changes" in row for row in screen(view))
    end, _ = press(view, *("PgDn",) * 9)
    assert any("go back to the changes" in row for row in screen(end))
    assert press(end, *("k",) * 99)[0] == view
    assert not press(end, "q")[0].help


def test_leaving_is_an_effect() -> None:
    assert press(scene()[0], "q")[1] == [Leave()]


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (89, 24), (90, 24), (160, 50), (250, 60)])
def test_every_size_is_filled_and_nothing_overflows(size: tuple[int, int]) -> None:
    view, _ = scene(*size)
    for keys in ((), ("t",), ("s",), ("G",), ("?",)):
        drawn = Canvas().draw(press(view, *keys)[0])
        assert len(drawn) == size[1]
        assert max(line.cell_len for line in drawn) <= size[0]
