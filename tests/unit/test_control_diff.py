"""The tab with the diff of the selected session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestra.control import diff_tab
from orchestra.control.cursor import with_data
from orchestra.control.reducer import press
from orchestra.control.state import Data, Effect, Held, Invoke, ReadFile, Review, Tab, View, select
from orchestra.model import Changes, LineCounts, SandboxKind, Scope, Sign
from orchestra.review.document import Document
from orchestra.review.frame import Canvas
from orchestra.review.keys import Key
from orchestra.store import Store
from orchestra.views.patch import Patch
from tests.support.pane import Answers, Shown, run, showing
from tests.support.reviews import TEXTS, FakeSource, patch_text
from tests.support.scenes import designer, session
from tests.support.stores import add

SIZE = (60, 8)
LONG = patch_text("long.txt", [f"+line {number} {'x' * 100} end {number}" for number in range(300)])


def scene() -> View:
    view = View(selected="b", tab=Tab.DIFF, diff_size=SIZE)
    return with_data(view, Data((designer(), session("a"), session("b"))))


def looked(view: View | None = None, source: FakeSource | None = None) -> View:
    """Return a view after a look, with everything read that it asked for."""
    source = source or FakeSource()
    document = Document.of(source.changes(Scope.BRANCH))
    return settled(diff_tab.looked(view or scene(), "b", document, source.viewed()), source)


def settled(reduced: diff_tab.Reduced, source: FakeSource | None = None) -> View:
    view, effects = reduced
    while wanted := [one for one in effects if isinstance(one, ReadFile)]:
        effects = ()
        for one in wanted:
            text = (source or FakeSource()).patch(one.document.changes, one.document.entries[one.number].file)
            view, more = diff_tab.read(view, one.document, one.number, Patch.parse(text))
            effects = (*effects, *more)
    return view


def pressed(view: View, *keys: str, source: FakeSource | None = None) -> tuple[View, list[Effect]]:
    others: list[Effect] = []
    for key in keys:
        view, effects = press(view, Key(key))
        others += [one for one in effects if not isinstance(one, ReadFile)]
        view = settled((view, effects), source)
    return view, others


def text(view: View) -> list[str]:
    assert view.diff is not None
    return [row.plain for row in Canvas().draw(view.diff)]


def test_a_diff_that_comes_late_is_not_shown_for_another_session() -> None:
    document = Document.of(FakeSource().changes(Scope.BRANCH))
    assert diff_tab.looked(scene(), "a", document, {})[0].diff is None
    view = diff_tab.looked(scene(), "b", document, {})[0]
    assert view.diff is not None
    assert view.diff.document is document
    assert diff_tab.shown(view) is view.diff
    assert diff_tab.shown(replace(view, selected="a")) is None
    assert diff_tab.failed(view, "b", "no engine").diff is view.diff
    assert diff_tab.failed(view, "b", "no engine").diff_error == "no engine"


def test_all_files_are_there_at_once_and_only_those_in_sight_are_read() -> None:
    source = FakeSource({f"dir/{number}.txt": LONG for number in range(1000)})
    view = looked(source=source)
    assert "1000 files" in text(view)[0]
    assert len([one for one in source.asked if one.startswith("patch")]) < 5
    view, _ = pressed(view, "End", source=source)
    assert "line 299" in text(view)[-2]
    assert diff_tab.position(view) == "100%"
    assert len([one for one in source.asked if one.startswith("patch")]) < 9
    view, _ = pressed(view, "Home", source=source)
    assert text(view)[1].startswith("▾ dir/0.txt")
    assert diff_tab.position(view) == "0%"


def test_no_position_is_shown_while_all_lines_are_in_sight() -> None:
    few = {f"{number}.txt": patch_text(f"{number}.txt", ["+one"]) for number in range(2)}
    view = looked(source=(source := FakeSource(few)))
    assert "2 files" in text(view)[0]
    assert diff_tab.position(view) == "0%"
    sized = settled(diff_tab.sized(view, 60, 40), source)
    assert sum(row.endswith("▎+ one") for row in text(sized)) == len(few)
    assert diff_tab.position(sized) == ""
    assert diff_tab.position(pressed(sized, "}", source=source)[0]) == "100%"


def test_every_column_of_a_line_can_be_reached() -> None:
    view = looked(source=(source := FakeSource({"long.txt": LONG})))
    assert "end 1" not in "".join(text(view))
    assert "end 1" in "".join(text(pressed(view, "$", source=source)[0]))
    moved, _ = pressed(view, "L", "L", "L", "L", "L", source=source)
    assert "end 1" in "".join(text(moved))
    assert text(pressed(moved, "0", source=source)[0]) == text(view)
    assert text(pressed(moved, *"HHHHH", source=source)[0]) == text(view)


def test_keys_go_from_file_to_file_and_lines_and_pages_down() -> None:
    view, _ = pressed(looked(), "}", "}")
    assert text(view)[1].startswith("▾ lib/util.py")
    assert "3/4" in text(view)[0]
    view, _ = pressed(view, "{", "J")
    assert "import os" in text(view)[2]
    assert text(pressed(view, "PgDn", "PgUp")[0]) == text(view)


def test_enter_reviews_from_the_file_that_is_shown_on_and_goes_to_a_session_without_changes() -> None:
    view, _ = pressed(looked(), "}")
    assert pressed(view, "Enter")[1] == [Review("b", "app.py")]
    assert pressed(view, "v")[1] == [Held(Review("b", "app.py"))]
    assert [getattr(one, "action", "") for one in pressed(replace(view, tab=Tab.MONITOR), "Enter")[1]] == ["switch"]
    assert [getattr(one, "action", "") for one in pressed(replace(view, selected="a"), "Enter")[1]] == ["switch"]
    held = pressed(view, "g")[1][0]
    assert isinstance(held, Held)
    assert isinstance(held.effect, Invoke)
    assert held.effect.action == "switch"


def test_another_look_moves_no_line_and_reads_only_what_is_new() -> None:
    source = FakeSource({"a.py": LONG, "b.py": LONG})
    view = looked(source=source)
    view, _ = pressed(view, *["PgDn"] * 10, source=source)
    before = text(view)
    source.texts["b.py"] = TEXTS["app.py"]
    same, other = source.changes(Scope.BRANCH).files
    document = Document.of(Changes(Scope.BRANCH, "o", "m", (same, replace(other, new_id="another"))))
    assert view.diff is not None
    assert view.diff.document is not None
    document.take_over(view.diff.document)
    assert list(document.patches) == [0]
    view, effects = diff_tab.looked(view, "b", document, {})
    assert text(view) == before
    assert effects == (ReadFile(document, 1),)
    view = settled((view, effects), source)
    assert "def run" in "".join(text(pressed(view, "End", source=source)[0]))


def test_a_note_about_an_error_is_not_kept_by_another_look() -> None:
    document = Document.of(FakeSource().changes(Scope.BRANCH))
    document.add(0, Patch.of_note("the review is closed"), 0)
    later = Document.of(FakeSource().changes(Scope.BRANCH))
    later.take_over(document)
    assert later.patches == {}


def test_counts_and_notes_stand_above_the_lines() -> None:
    view = looked(replace(scene(), diff_size=(90, 20)), FakeSource(notes=("5 more files are not shown",)))
    assert view.diff is not None
    assert view.diff.document is not None
    counts = {path: LineCounts(1, 2) for path in TEXTS}
    view, _ = diff_tab.counted(view, view.diff.document, counts)
    first, second, *_ = text(view)
    assert first.startswith("4 files  +4 −8  ⚠ 1 risky")
    assert first.endswith("workflows/ci.yml 1/4")
    assert second.startswith("⚠ 5 more files")


def test_an_unknown_look_changes_nothing() -> None:
    view = looked()
    stale = Document.of(Changes(Scope.BRANCH, "x", "y"))
    assert diff_tab.read(view, stale, 0, Patch.of_note("late"))[0].diff == view.diff


def test_colours_that_take_too_long_for_a_key_come_with_the_next_drawings() -> None:
    code = patch_text("long.py", [f"+def f{number}(a, b={number}): return 'x'" for number in range(200)])
    view = looked(replace(scene(), diff_size=(100, 150)), FakeSource({"long.py": code}))
    assert view.diff is not None
    canvas, whole = Canvas(1e-9), Canvas(60.0).draw(view.diff)
    first = canvas.draw(view.diff)
    assert canvas.unfinished
    assert [row.plain for row in first] == [row.plain for row in whole]
    assert first != whole
    drawings = (canvas.draw(view.diff) for _ in range(500))
    assert next((drawn for drawn in drawings if not canvas.unfinished), None) == whole


# --- on the screen ---------------------------------------------------------------------------------


@pytest.fixture
def filled(store: Store) -> Store:
    add(store, "main", parent=None)
    add(store, "login", sandbox=SandboxKind.HOST)
    store.sessions.record_sign("login", Sign.TURN_STARTED, "works")
    return store


def parts(*numbers: int) -> str:
    return "".join(patch_text(f"file{one}.txt", [f"+row {one}.{line}" for line in range(99)]) for one in numbers)


def is_shown(shown: Shown, first: str) -> bool:
    return any(line.lstrip().startswith(first) for line in shown.lines)


def test_the_review_opens_at_the_file_that_was_shown_and_the_pane_goes_on_afterwards(filled: Store) -> None:
    source = Answers(diffs={"login": parts(1, 2, 3)})

    async def story() -> None:
        async with showing(filled, source, size=(60, 30)) as shown:
            await shown.press("j")
            await shown.sees("row 1.3", "⏎ review")
            await shown.press("right_curly_bracket", "enter")
            await shown.until(lambda: "Monitor" not in shown.text and "row 2.3" in shown.text, "the review at file2")
            assert "row 1." not in shown.text
            await shown.press("q")
            await shown.sees("Monitor", "row 2.3")
            await shown.press("right_curly_bracket")
            await shown.sees("row 3.3", "3/3")

    run(story())


def test_what_changes_is_shown_in_its_place(filled: Store) -> None:
    source = Answers(diffs={"login": parts(1, 2)})

    async def story() -> None:
        async with showing(filled, source, size=(60, 30)) as shown:
            await shown.press("j")
            await shown.sees("row 1.3")
            await shown.press("pagedown", "pagedown")
            await shown.sees("row 1.50")
            source.diffs["login"] = parts(1, 2).replace("row 1.50", "other 1.50")
            filled.notes.note_diff(filled.sessions.get("login").id, "another")
            await shown.sees("other 1.50", "row 1.51")

    run(story())


def test_the_session_that_is_selected_is_looked_at_soon_after_another_one(filled: Store) -> None:
    """Less than the pause between two looks at the same session has passed each time."""
    source = Answers(diffs={"main": parts(2), "login": parts(1)})

    async def story() -> None:
        now = 1000.0
        async with showing(filled, source, size=(100, 40), clock=lambda: now) as shown:
            for name, row in (("main", "row 2.3"), ("login", "row 1.3"), ("main", "row 2.3")):
                now += 0.3
                shown.app.becomes((select(shown.app.view, name), ()))
                await shown.sees(row)

    run(story())


def test_a_review_that_is_asked_for_twice_is_opened_once(filled: Store) -> None:
    async def story() -> None:
        source = Answers(diffs={"login": parts(1)})
        async with showing(filled, source, size=(100, 40)) as shown:
            await shown.press("j")
            await shown.sees("⏎ review")
            shown.app.becomes((shown.app.view, (Review("login"), Review("login"))))
            await shown.sees("? keys")
            await shown.press("q")
            await shown.sees("Monitor", "⏎ review")
            await shown.until(lambda: source.zooms == [True, False], "the window is zoomed once")
            await shown.press("enter")
            await shown.sees("? keys")

    run(story())
