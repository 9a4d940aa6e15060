"""What waits for the person, and the threads of messages, as lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestra.attention import Need, NeedKind
from orchestra.bindings import Keymap
from orchestra.model import Message, MessageKind, MessageState
from orchestra.views.needs import need_lines
from orchestra.views.threads import thread_lines, threads
from tests.support.scenes import HOSTILE, NOW

EXACT = "cd /w && \\\n  rm -rf build " + "very/long/path/" * 20


def need(kind: NeedKind = NeedKind.PERMISSION, detail: str = EXACT, *, answerable: bool = True) -> Need:
    return Need(kind, "login", NOW - timedelta(minutes=3), "wants: cd /w", detail, 3, answerable)


def shown(*needs: Need, selected: str = "", width: int = 44) -> list[str]:
    lines, _ = need_lines(needs, selected=selected, keymap=Keymap(), now=NOW, width=width)
    assert [line.plain for line in lines if line.cell_len > width] == []
    return [line.plain for line in lines]


@pytest.mark.parametrize("width", [20, 44, 200])
def test_the_exact_request_is_there_in_full_at_every_width(width: int) -> None:
    text = "".join(line[3:] for line in shown(need(), width=width)[1:])
    assert text == EXACT.replace("\n", "")


def test_the_selected_one_shows_the_keys_that_answer_it() -> None:
    assert "a allow once  A always" in shown(need(), selected=need().key, width=80)[-1]
    assert "a allow once" not in "".join(shown(need(), width=80))
    question = need(NeedKind.QUESTION)
    assert "r answer" in shown(question, selected=question.key)[-1]


def test_what_cannot_be_answered_here_says_so_and_offers_the_jump() -> None:
    for one in (need(answerable=False), need(NeedKind.PROMPT, answerable=False)):
        last = shown(one, selected=one.key, width=80)[-1]
        assert last.rstrip() == "▌ answer it there: ⏎ go to the window"
    old = replace(need(answerable=False), note="its hook is gone")
    assert "answer it there, because its hook is gone: ⏎ go" in shown(old, selected=old.key, width=80)[-1]


def test_a_detail_that_the_heading_has_is_not_repeated() -> None:
    short = Need(NeedKind.FAILED, "a", NOW, "failed: exit 1", "exit 1")
    assert len(shown(short, width=80)) == 1


def test_the_places_are_those_of_each_need() -> None:
    one, two = need(), need(NeedKind.DONE, "")
    lines, places = need_lines((one, two), selected=one.key, keymap=Keymap(), now=NOW, width=44)
    assert places[two.key] == range(len(lines) - 1, len(lines))
    assert lines[places[one.key].start].plain.startswith("▌◆ login")


def test_hostile_text_stays_text() -> None:
    lines = shown(Need(NeedKind.PERMISSION, HOSTILE, NOW, HOSTILE, HOSTILE, 1), width=120)
    assert [line for line in lines if not line.isprintable()] == []
    assert "[red]x[/red]" in lines[0]


def message(number: int, sender: str, recipient: str, answers: int | None = None) -> Message:
    kind = MessageKind.QUESTION if sender == "a" else MessageKind.MESSAGE
    return Message(number, sender, recipient, kind, f"text {number}{HOSTILE}", NOW, MessageState.READ, NOW, answers)


EXCHANGE = (message(1, "a", "main"), message(2, "user", "a"), message(3, "main", "a", 1), message(4, "a", "user"))


def test_messages_are_in_threads_by_whom_they_were_exchanged_with() -> None:
    assert [(other, [one.id for one in exchanged]) for other, exchanged in threads("a", EXCHANGE)] == [
        ("user", [2, 4]), ("main", [1, 3])
    ]  # fmt: skip


def test_a_question_without_an_answer_says_so() -> None:
    lines = [line.plain for line in thread_lines("a", EXCHANGE, NOW, 60)]
    assert lines[0].startswith("you ─")
    (told,) = [number for number, line in enumerate(lines) if "no answer yet" in line]
    assert lines[told + 2].startswith("main ─")
    assert [line for line in lines if not line.isprintable()] == []


@pytest.mark.parametrize("width", [18, 42, 120])
def test_threads_fit_every_width(width: int) -> None:
    assert [line.plain for line in thread_lines("a", EXCHANGE, NOW, width) if line.cell_len > width] == []
