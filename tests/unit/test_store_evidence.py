"""What is seen of an agent becomes its recorded state, in order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestra.errors import NotFound
from orchestra.model import Evidence, Sign, State
from orchestra.protocol import plain
from orchestra.store import Store
from tests.support.stores import START, Clock, add


def test_a_sign_moves_the_state_and_is_logged(store: Store, clock: Clock) -> None:
    add(store, "fix")
    at = clock.advance(1)
    found = store.sessions.record_sign("fix", Sign.TOOL_USED, "edits app.py")
    assert (found.state, found.evidence, found.state_since) == (
        State.WORKING,
        Evidence(Sign.TOOL_USED, "edits app.py"),
        at,
    )
    (event,) = store.events.select("fix")
    assert (event.kind, event.text, event.at) == ("tool-used", "edits app.py", at)


def test_the_state_keeps_its_age_while_evidence_for_it_goes_on(store: Store, clock: Clock) -> None:
    add(store, "fix")
    store.sessions.record_sign("fix", Sign.TOOL_USED, "edits a")
    clock.advance(1)
    found = store.sessions.record_sign("fix", Sign.TOOL_USED, "edits b")
    assert (found.state_since, found.evidence) == (START, Evidence(Sign.TOOL_USED, "edits b"))


def test_what_does_not_speak_for_the_state_is_not_shown_as_its_reason(store: Store) -> None:
    add(store, "fix")
    store.sessions.record_sign("fix", Sign.COMPLETED, "all green")
    found = store.sessions.record_sign("fix", Sign.TURN_ENDED, "")
    assert (found.state, found.evidence) == (State.DONE, Evidence(Sign.COMPLETED, "all green"))


@pytest.mark.parametrize(
    ("evidence", "shown"),
    [
        (Evidence(), ""),
        (Evidence(Sign.READY), "ready"),
        (Evidence(Sign.ASKED, "which: this or that?"), "asked: which: this or that?"),
        (Evidence(None, "note: words without a sign"), "note: words without a sign"),
    ],
)
def test_json_shows_evidence_as_one_text_that_can_be_read_back(store: Store, evidence: Evidence, shown: str) -> None:
    add(store, "fix")
    found = store.sessions.update("fix", evidence=evidence)
    assert found.evidence == store.sessions.get("fix").evidence == evidence
    assert plain(found)["evidence"] == shown
    assert Evidence.parse(shown) == evidence


def test_older_evidence_changes_nothing(store: Store, clock: Clock) -> None:
    add(store, "fix")
    clock.advance(10)
    before = store.sessions.record_sign("fix", Sign.TURN_ENDED, "", at=clock())
    assert store.sessions.record_sign("fix", Sign.TOOL_USED, "late", at=clock() - timedelta(seconds=1)) == before
    assert [event.kind for event in store.events.select("fix")] == ["turn-ended"]


def test_a_clock_that_was_ahead_does_not_silence_what_follows(store: Store, clock: Clock) -> None:
    add(store, "fix")
    store.sessions.record_sign("fix", Sign.TURN_ENDED, "", at=clock() + timedelta(days=1))
    assert store.sessions.record_sign("fix", Sign.TURN_STARTED, "", at=clock.advance(1)).state is State.WORKING
    clock.advance(-3600)
    assert store.sessions.record_sign("fix", Sign.TURN_ENDED, "").state is State.IDLE


def test_a_question_stays_open_until_it_is_answered(store: Store) -> None:
    add(store, "fix")
    asked = store.sessions.record_sign("fix", Sign.ASKED, "which one?", waits_for=7)
    assert (asked.state, asked.waits_for) == (State.WAITING, 7)
    ended = store.sessions.record_sign("fix", Sign.TURN_ENDED, "")
    assert (ended.state, ended.waits_for, ended.evidence) == (State.WAITING, 7, Evidence(Sign.ASKED, "which one?"))
    answered = store.sessions.record_sign("fix", Sign.ANSWERED, "main answered")
    assert (answered.state, answered.waits_for) == (State.IDLE, None)


@pytest.mark.parametrize(
    ("last", "state"),
    [
        (Sign.TOOL_USED, State.WORKING),
        (Sign.TURN_ENDED, State.IDLE),
        (Sign.READY, State.IDLE),
        (Sign.PROMPTED, State.WAITING),
    ],
)
def test_an_answer_leaves_an_agent_where_its_own_program_says_it_is(store: Store, last: Sign, state: State) -> None:
    """One that sits at its prompt has not read the answer yet, and must be typed at to do so."""
    add(store, "fix")
    store.sessions.record_sign("fix", Sign.ASKED, "which one?", waits_for=7)
    store.sessions.record_sign("fix", last, "")
    assert store.sessions.program_sign("fix") is last
    assert store.sessions.record_sign("fix", Sign.ANSWERED, "").state is state


def test_whoever_completes_waits_no_longer(store: Store) -> None:
    add(store, "fix")
    store.sessions.record_sign("fix", Sign.ASKED, "?", waits_for=7)
    assert store.sessions.record_sign("fix", Sign.COMPLETED, "").waits_for is None


def test_nobody_has_evidence_about_a_session_that_is_not_there(store: Store) -> None:
    with pytest.raises(NotFound):
        store.sessions.record_sign("fix", Sign.READY, "")
