"""Who needs the person, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from orchestra.attention import Need, NeedKind, Rank, needs, rank
from orchestra.model import (
    Evidence,
    Message,
    MessageKind,
    MessageState,
    PermissionRequest,
    Role,
    RoundProgress,
    Session,
    Sign,
    State,
)
from orchestra.questions import asking
from tests.support.scenes import NOW, designer, session


def request(number: int = 3, note: str = "") -> PermissionRequest:
    detail = "rm -rf build\nrm -rf dist"
    return PermissionRequest(number, "a", NOW, "Bash", "runs: rm -rf build", detail, answerable=not note, note=note)


def question(number: int = 5, recipient: str = "user", kind: MessageKind = MessageKind.QUESTION) -> Message:
    text = f"{kind.upper()}: Should I install pytest?\nIt is missing."
    return Message(number, "a", recipient, kind, text, NOW, MessageState.QUEUED, NOW)


def found(
    *sessions: Session,
    asked: tuple[PermissionRequest, ...] = (),
    questions: tuple[Message, ...] = (),
    reviewed: dict[int, datetime] | None = None,
    unread: tuple[Message, ...] = (),
) -> list[Need]:
    by_number = {one.id: one for one in questions}
    return list(needs(sessions, questions=by_number, requests=asked, reviewed=reviewed or {}, unread=unread))


def test_who_only_works_or_rests_needs_nobody() -> None:
    resting = [session(f"s-{state}", state) for state in State if state not in {State.DONE, State.FAILED}]
    assert found(designer(), *resting) == []


def test_a_permission_request_is_shown_exactly() -> None:
    (need,) = found(session("a", State.WAITING, evidence=Evidence(Sign.PROMPTED, "Bash")), asked=(request(),))
    assert (need.kind, need.why, need.detail) == (
        NeedKind.PERMISSION, "wants: rm -rf build", "rm -rf build\nrm -rf dist"
    )  # fmt: skip
    assert (need.number, need.answerable) == (3, True)


@pytest.mark.parametrize(
    ("summary", "why"),
    [
        ("runs: echo a: b", "wants: echo a: b"),
        ("edits: a.py, b.py", "wants: edit a.py, b.py"),
        ("searches the web for: tea", "wants: search the web for tea"),
        ("runs:", "wants: Bash"),
    ],
)
def test_what_is_wanted_reads_as_a_sentence(summary: str, why: str) -> None:
    (need,) = found(session("a", State.WAITING), asked=(replace(request(), summary=summary),))
    assert need.why == why


def test_a_request_that_only_the_window_takes_says_why() -> None:
    (need,) = found(session("a", State.WAITING), asked=(request(note="it is old"),))
    assert (need.answerable, need.note) == (False, "it is old")


def test_a_dialog_that_orchestra_does_not_know_is_answered_in_its_window() -> None:
    (need,) = found(session("a", State.WAITING, evidence=Evidence(Sign.PROMPTED, "Bash")))
    assert (need.kind, need.why, need.answerable) == (NeedKind.PROMPT, "wants: Bash", False)


def test_a_question_to_the_person_is_shown_in_full() -> None:
    (need,) = found(session("a", State.WAITING, waits_for=5), questions=(question(),))
    assert (need.kind, need.number, need.answerable) == (NeedKind.QUESTION, 5, True)
    assert need.why == "asks: Should I install pytest?"
    assert need.detail == "Should I install pytest?\nIt is missing."


@pytest.mark.parametrize("state", [State.FAILED, State.STOPPED])
def test_a_question_to_the_designer_is_the_persons_only_where_it_cannot_answer(state: State) -> None:
    asks = session("a", State.WAITING, waits_for=5)
    asked = question(recipient="main")
    assert found(designer(), asks, questions=(asked,)) == []
    assert NeedKind.QUESTION in {
        need.kind for need in found(replace(designer(), state=state), asks, questions=(asked,))
    }
    assert found(asks, questions=(asked,))[0].why == "asks main: Should I install pytest?"


def test_an_unread_message_to_the_person_is_shown_in_full_with_its_sender() -> None:
    letter = Message(7, "a", "user", MessageKind.MESSAGE, "Tests pass.\nAll of them.", NOW, MessageState.QUEUED, NOW)
    (need,) = found(session("a"), unread=(letter,))
    assert (need.kind, need.session, need.number, need.answerable) == (NeedKind.MESSAGE, "a", 7, True)
    assert (need.why, need.detail) == ("writes: Tests pass.", "Tests pass.\nAll of them.")
    assert rank(session("a"), [need]) is Rank.UNREVIEWED


def test_what_orchestra_or_a_deleted_session_wrote_is_shown_with_the_designer() -> None:
    notice = Message(8, "orchestra", "user", MessageKind.NOTICE, "80 % is used", NOW, MessageState.QUEUED, NOW)
    (need,) = found(designer(), unread=(notice,))
    assert (need.session, need.why) == ("main", "orchestra writes: 80 % is used")


def test_a_question_is_not_listed_again_as_a_message() -> None:
    asked = question()
    kinds = [need.kind for need in found(session("a", State.WAITING, waits_for=5), questions=(asked,), unread=(asked,))]
    assert kinds == [NeedKind.QUESTION]


def test_a_reported_error_is_no_question() -> None:
    assert asking(question(kind=MessageKind.ERROR)) == "reports: Should I install pytest?"


def test_who_failed_says_why() -> None:
    (need,) = found(session("a", State.FAILED, evidence=Evidence(Sign.EXITED, "exit code 1")))
    assert (need.kind, need.why) == (NeedKind.FAILED, "failed: exit code 1")


def test_a_worktree_that_needs_repair_is_told() -> None:
    (need,) = found(session("a", trouble="its branch is checked out elsewhere → git switch"))
    assert need.kind is NeedKind.TROUBLE


def test_who_seems_to_make_no_progress_says_why() -> None:
    (need,) = found(session("a", stuck="the same command failed three times"))
    assert (need.kind, need.why) == (NeedKind.STUCK, "stuck: the same command failed three times")


def test_a_result_waits_until_it_was_seen_and_again_after_the_next() -> None:
    done = session("a", State.DONE, id=7)
    assert [need.kind for need in found(done)] == [NeedKind.DONE]
    assert found(done, reviewed={7: done.state_since + timedelta(seconds=1)}) == []
    assert len(found(done, reviewed={7: done.state_since - timedelta(seconds=1)})) == 1
    assert found(replace(done, role=Role.DESIGNER)) == []


def test_the_oldest_comes_first() -> None:
    old = session("old", State.FAILED, state_since=NOW - timedelta(hours=1))
    assert [need.session for need in found(session("a"), old, asked=(request(),))] == ["old", "a"]


def test_a_need_is_known_by_its_key_as_long_as_it_is_open() -> None:
    first, second = found(session("a"), asked=(request(3), request(4)))
    assert first.key != second.key
    failed = session("a", State.FAILED)
    again = replace(failed, state_since=NOW)
    assert found(failed)[0].key != found(again)[0].key


def test_what_needs_the_person_ranks_first() -> None:
    def ranked(one: Session, *open_needs: Need) -> Rank:
        return rank(one, open_needs)

    kinds = {kind: Need(kind, "a", NOW, "") for kind in NeedKind}
    assert ranked(session("a"), kinds[NeedKind.DONE], kinds[NeedKind.PERMISSION]) is Rank.ASKS
    assert ranked(session("a"), kinds[NeedKind.QUESTION]) is Rank.ASKS
    assert ranked(session("a"), kinds[NeedKind.FAILED]) is Rank.FAILED
    assert ranked(session("a"), kinds[NeedKind.DONE]) is Rank.UNREVIEWED
    assert ranked(session("a", State.WAITING)) is Rank.WORKING
    assert ranked(session("a", State.IDLE)) is Rank.RESTING
    assert sorted(Rank) == [Rank.ASKS, Rank.FAILED, Rank.UNREVIEWED, Rank.WORKING, Rank.RESTING]


def test_a_result_says_how_many_comments_it_answers() -> None:
    done, other = session("a", State.DONE, evidence=Evidence(Sign.COMPLETED, "All green.")), session("b", State.DONE)
    said = {done.id: RoundProgress(total=4, answered=3, open=1, unsettled=4)}
    one, two = needs((done, replace(other, id=99)), questions={}, requests=(), reviewed={}, comments=said)
    assert one.why == "done, answered 3 of 4 comments: All green."
    assert "comments" not in two.why
