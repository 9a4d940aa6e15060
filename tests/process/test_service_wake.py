"""Messages that wake an agent: to whom they are given, and that they are given once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestra.actions.messaging import messages
from orchestra.model import Channel, Intent, MessageState, Sign, State
from orchestra.project import Project
from orchestra.service.delivery import in_flight
from orchestra.service.delivery.decide import PACE
from orchestra.service.delivery.hook_reply import take_hook
from orchestra.service.delivery.in_flight import answer_left
from orchestra.service.delivery.presence import Presence
from orchestra.service.delivery.wake import wake
from orchestra.store.deliveries import Fate
from tests.support.services import make_project

FIRST, SECOND = 1, 2


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose alpha is a Claude Code at rest."""
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    made = make_project(tmp_path)
    made.store.sessions.update("alpha", agent="claude", intent=Intent.RUN, state=State.IDLE)
    made.store.sessions.record_sign("alpha", Sign.TURN_ENDED, "")
    yield made
    made.store.close()


def given(project: Project, listener: int) -> str:
    return wake(project, project.store.sessions.get("alpha"), listener, Presence())


def say(project: Project, text: str) -> None:
    messages.send(project, sender="main", recipient="alpha", text=text)


def hook(project: Project, event: str, *, listened: bool = False, **payload: str) -> str:
    session, presence = project.store.sessions.get("alpha"), Presence(since=-math.inf)
    if listened:
        with presence.listening(session.id, FIRST):
            pass
    reply = take_hook(project, session, event, dict(payload), presence=presence)
    if reply:
        answer_left(project, session)
    return str(reply)


def states(project: Project) -> list[MessageState]:
    return [one.state for one in project.store.messages.select(recipient="alpha")]


def test_the_next_listener_does_not_get_what_is_under_way(project: Project) -> None:
    """It may come before the hook of the turn that the message has started."""
    say(project, "PURPLE")
    text = given(project, FIRST)
    assert "PURPLE" in text
    assert not given(project, SECOND)
    assert "PURPLE" not in hook(project, "UserPromptSubmit", prompt=f"<task-notification>\n{text}")
    assert states(project) == [MessageState.DELIVERED]
    hook(project, "Stop")
    assert states(project) == [MessageState.READ]


def test_what_is_under_way_stays_so_when_more_follows_it(project: Project) -> None:
    """Codex asks again as soon as it has put a message down, and goes on with it seconds later."""
    say(project, "PURPLE")
    assert "PURPLE" in given(project, FIRST)
    say(project, "ORANGE")
    text = given(project, SECOND)
    assert "ORANGE" in text
    assert "PURPLE" not in text
    assert not given(project, SECOND + 1)


def test_what_never_arrived_is_not_taken_for_delivered_because_the_next_did(project: Project) -> None:
    say(project, "PURPLE")
    assert given(project, FIRST)
    say(project, "ORANGE")
    text = given(project, SECOND)
    assert "PURPLE" not in hook(project, "UserPromptSubmit", prompt=f"<task-notification>\n{text}")
    assert states(project) == [MessageState.QUEUED, MessageState.DELIVERED]
    number = project.store.sessions.get("alpha").id
    (noted,) = project.store.deliveries.of(number)
    project.store.deliveries.note(number, [replace(noted, offered_at=noted.offered_at - PACE.under_way)])
    assert "PURPLE" in hook(project, "PostToolUse", tool_name="Bash")


def test_a_listener_that_never_got_its_answer_gets_it_again(project: Project) -> None:
    say(project, "PURPLE")
    assert given(project, FIRST) == given(project, FIRST) != ""


def test_a_listener_is_not_given_again_what_was_typed_since(project: Project) -> None:
    """It may ask long after its answer was lost, when the message has gone to the window instead."""
    say(project, "PURPLE")
    assert given(project, FIRST)
    number = project.store.sessions.get("alpha").id
    (noted,) = project.store.deliveries.of(number)
    typed = replace(noted, channel=Channel.TYPED, fate=Fate.OFFERED)
    project.store.deliveries.note(number, [replace(noted, offered_at=noted.offered_at - PACE.under_way), typed])
    assert not given(project, FIRST)


def test_a_call_that_tells_nothing_of_turns_confirms_nothing(project: Project) -> None:
    say(project, "PURPLE")
    assert given(project, FIRST)
    hook(project, "StatusLine")
    assert states(project) == [MessageState.QUEUED]
    hook(project, "UserPromptSubmit", prompt="<task-notification>")
    assert states(project) == [MessageState.DELIVERED]


def test_an_agent_in_a_turn_is_left_to_its_hooks(project: Project) -> None:
    hook(project, "UserPromptSubmit", prompt="something else")
    say(project, "PURPLE")
    assert not given(project, FIRST)
    assert "PURPLE" in hook(project, "Stop")


def test_at_the_end_of_a_turn_the_listener_has_the_word_where_there_is_one(project: Project) -> None:
    """Claude Code shows its model twice what is in the reply to that hook."""
    hook(project, "UserPromptSubmit", prompt="something else")
    say(project, "PURPLE")
    assert hook(project, "Stop", listened=True) == "{}"
    assert project.store.sessions.get("alpha").state is State.IDLE
    assert "PURPLE" in given(project, FIRST)
    hook(project, "UserPromptSubmit", listened=True, prompt="<task-notification>")
    assert states(project) == [MessageState.DELIVERED]


def test_within_a_turn_its_hooks_have_the_word_all_the_same(project: Project) -> None:
    hook(project, "UserPromptSubmit", prompt="something else")
    say(project, "PURPLE")
    assert "PURPLE" in hook(project, "PostToolUse", listened=True)


def test_what_was_under_way_when_a_person_sent_words_of_their_own_comes_once(project: Project) -> None:
    say(project, "PURPLE")
    assert given(project, FIRST)
    assert "PURPLE" not in hook(project, "UserPromptSubmit", prompt="my own words")
    assert "PURPLE" not in hook(project, "Stop")


def test_what_was_under_way_to_an_agent_that_died_is_given_again_to_the_next(project: Project) -> None:
    say(project, "PURPLE")
    assert given(project, FIRST)
    hook(project, "Launched")
    hook(project, "SessionStart")
    assert states(project) == [MessageState.QUEUED]
    assert "PURPLE" in given(project, SECOND)


def test_an_agent_that_is_typed_at_gets_nothing_as_long_as_that_can_be_done(project: Project) -> None:
    """Its listener is there for the moments in which a person's draft stands in its prompt."""
    say(project, "PURPLE")
    session, presence = project.store.sessions.update("alpha", agent="codex"), Presence()
    assert not wake(project, session, FIRST, presence)
    assert states(project) == [MessageState.QUEUED]
    presence.saw_draft(session.id, stands=True)
    assert "PURPLE" in wake(project, session, FIRST, presence)


def test_what_a_listener_took_is_known_to_be_on_its_way(project: Project) -> None:
    say(project, "PURPLE")
    session = project.store.sessions.get("alpha")
    assert project.store.deliveries.of(session.id) == []
    given(project, FIRST)
    (number,) = (one.id for one in project.store.messages.select(recipient="alpha"))
    (noted,) = project.store.deliveries.of(session.id)
    assert (noted.message, noted.channel, noted.fate, noted.listener) == (number, Channel.WAKE, Fate.SENT, FIRST)
    assert in_flight.waiting(project, session, Channel.TYPED) == []
    hook(project, "UserPromptSubmit", prompt="my own words")
    assert project.store.deliveries.of(session.id) == []


def test_a_draft_is_remembered_for_a_moment_and_until_it_is_gone() -> None:
    presence = Presence()
    assert not presence.has_draft(1)
    presence.saw_draft(1, stands=True)
    assert presence.has_draft(1)
    assert not presence.has_draft(2)
    assert not presence.has_draft(1, within=0)
    presence.saw_draft(1, stands=False)
    assert not presence.has_draft(1)


def test_word_of_being_ready_that_comes_after_the_first_prompt_changes_nothing(project: Project) -> None:
    """Claude Code is not made to wait for the hook that tells of its start; and after compacting it tells of one."""
    for event in ("Launched", "UserPromptSubmit"):
        hook(project, event, prompt="Begin")
    say(project, "PURPLE")
    hook(project, "PostToolUse")
    hook(project, "SessionStart")
    session = project.store.sessions.get("alpha")
    assert (session.state, project.store.sessions.program_sign("alpha")) == (State.WORKING, Sign.TOOL_USED)
    hook(project, "Stop")
    assert states(project) == [MessageState.READ]


def test_a_reply_that_was_never_sent_is_given_again(project: Project) -> None:
    """The service was killed before it answered, or the agent had hung up: what goes on has not seen it."""
    session = project.store.sessions.get("alpha")
    say(project, "PURPLE")
    assert "PURPLE" in str(take_hook(project, session, "PostToolUse", {"tool_name": "Bash"}, presence=Presence()))
    assert "PURPLE" in hook(project, "PostToolUse", tool_name="Bash")
    assert "PURPLE" not in hook(project, "PostToolUse", tool_name="Bash")
    assert states(project) == [MessageState.DELIVERED]


def test_one_reply_brings_as_much_as_an_agent_can_take_in_and_the_next_the_rest(project: Project) -> None:
    for number in range(25):
        say(project, f"number {number}.")
    say(project, "m" * 60_000)
    seen, replies = "", []
    while reply := hook(project, "PostToolUse", tool_name="Bash"):
        if reply == "{}":
            break
        replies.append(reply)
        seen += reply
    assert len(replies) == 2
    assert max(map(len, replies)) < 40_000
    assert [f"number {number}." for number in range(25) if seen.count(f"number {number}.") != 1] == []
    assert "It is long: read it in" in seen
    assert set(states(project)) == {MessageState.DELIVERED}


def test_what_waits_in_long_texts_comes_in_pieces(project: Project) -> None:
    for _ in range(20):
        say(project, "m" * 3900)
    first = hook(project, "PostToolUse", tool_name="Bash")
    assert first.count("[message") == 8
    assert hook(project, "PostToolUse", tool_name="Bash").count("[message") == 8
