"""Which keys count, and that they are shown as such."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from orchestra.attention import Need, NeedKind
from orchestra.control.counting import counts_from, too_early
from orchestra.control.cursor import UNREAD, with_data, with_painted
from orchestra.control.reducer import press
from orchestra.control.state import Data, Invoke, Mode, Question, Tab, View
from orchestra.control.typing import QUIET, RAPID
from orchestra.model import Role, ToolUse
from orchestra.review.keys import Key
from orchestra.store import Store
from tests.support.pane import Answers, Shown, run, showing
from tests.support.scenes import NOW, designer, session
from tests.support.stores import add

NEED = Need(NeedKind.PERMISSION, "b", NOW, "wants: rm -rf build", "rm -rf build", 3, answerable=True)
KEYS = {"allow": "a", "always": "A", "deny": "x"}


def scene(since: float = 100.0, *, whole: bool = True) -> View:
    view = with_data(View(selected="b", tab=Tab.NEEDS), Data((designer(), session("b")), needs=(NEED,)))
    return with_painted(view, NEED.key, since, whole=whole)


@pytest.mark.parametrize("letter", [float("-inf"), 99.0, 100.4])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("action", KEYS)
def test_what_is_shown_as_too_early_does_nothing_and_others_answer(action: str, letter: float, *, whole: bool) -> None:
    view = replace(scene(whole=whole), letter="k", letter_at=letter)
    for now in (100.0, 100.0 + UNREAD / 2, 100.0 + UNREAD, 100.4 + RAPID):
        does_something = press(view, Key(KEYS[action]), now)[1] != ()
        assert does_something is (action not in too_early(view, now))


def test_after_a_word_no_key_counts_for_a_while() -> None:
    view = scene(0.0)
    for number, letter in enumerate("xyz"):
        view, _ = press(view, Key(letter), 100.0 + number / 10)
    assert counts_from(view) == pytest.approx(100.2 + QUIET)


def test_a_yes_counts_once_it_is_no_letter_of_a_word() -> None:
    then = Invoke("delete", {}, "", "")
    view = replace(scene(), mode=Mode.CONFIRM, question=Question("Delete b?", "", then), letter="D", letter_at=100.0)
    for now in (100.0, 100.0 + RAPID):
        assert (press(view, Key("y"), now)[1] == (then,)) is (too_early(view, now) == frozenset())


def test_what_is_not_in_sight_never_counts() -> None:
    assert counts_from(with_painted(scene(), "", 100.0, whole=False)) == float("inf")
    assert too_early(replace(scene(), tab=Tab.DIFF), 0.0) == frozenset()


def bold(shown: Shown) -> set[str]:
    return {part.text.strip() for strip in shown.strips for part in strip if part.style is not None and part.style.bold}


def test_a_key_becomes_bold_when_it_counts(store: Store) -> None:
    add(store, "main", role=Role.DESIGNER, parent=None)
    add(store, "docs")
    detail = "\n".join(f"rm {number}" for number in range(40))
    store.permissions.ask(store.sessions.get("docs").id, "key", "digest", ToolUse("Bash", "runs: rm", detail))
    source = Answers()

    async def story() -> None:
        stands = time.monotonic()
        async with showing(store, source, size=(60, 20), clock=lambda: stands or time.monotonic() + UNREAD) as shown:
            await shown.press("w")
            await shown.sees("x deny")
            assert not {"a", "A", "x"} & bold(shown)
            stands = 0.0
            await shown.until(lambda: "x" in bold(shown), "refusing counts")
            assert not {"a", "A"} & bold(shown)
            await shown.press("end")
            await shown.until(lambda: {"a", "A", "x"} <= bold(shown), "all of it was in sight")
            await shown.press("a")
            await shown.until(lambda: [action for action, _ in source.done] == ["answer"], "the answer")

    run(story())
