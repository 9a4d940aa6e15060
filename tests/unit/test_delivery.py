"""When text may be typed into an agent's window."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestra.drivers.tmux.driver import Client
from orchestra.model import (
    Intent,
    Message,
    MessageKind,
    MessageState,
    Role,
    SandboxKind,
    Session,
    State,
    Window,
)
from orchestra.service.delivery.typed import Decision, Do, Pace, may_deliver

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
PACE = Pace(quiet=5, settled=1, patience=1)
WINDOW = Window(id="@3", session="alpha", project="/p", pane="%7", dead=False, active=True)
IDLE = Session(
    id=2,
    name="alpha",
    title="alpha",
    role=Role.EXECUTOR,
    agent="claude",
    sandbox=SandboxKind.DOCKER,
    branch="orchestra/alpha",
    base="a" * 40,
    base_branch="trunk",
    worktree=Path("/w/alpha"),
    parent="main",
    intent=Intent.RUN,
    state=State.IDLE,
    state_since=NOW - timedelta(minutes=1),
    evidence="turn-ended",
    created_at=NOW - timedelta(hours=1),
    conversation="c",
)


def message(age: float = 60) -> Message:
    sent = NOW - timedelta(seconds=age)
    return Message(1, "main", "alpha", MessageKind.MESSAGE, "hello", sent, MessageState.QUEUED, sent)


def client(window: str = "@3", ago: float = 0) -> Client:
    return Client(name="/dev/pts/1", session="$0", window=window, pane="%7", activity=NOW.timestamp() - ago)


def decide(
    session: Session = IDLE,
    *,
    queued: tuple[Message, ...] = (message(),),
    window: Window | None = WINDOW,
    clients: tuple[Client, ...] = (),
    pulls: bool = False,
) -> Decision:
    return may_deliver(session, queued, window, clients, NOW, pace=PACE, pulls=pulls)


def test_an_agent_known_to_be_idle_is_typed_at() -> None:
    assert decide().do is Do.TYPE
    assert decide(replace(IDLE, state=State.DONE)).do is Do.TYPE


@pytest.mark.parametrize("state", sorted(set(State) - {State.IDLE, State.DONE}))
def test_an_agent_in_any_other_state_is_never_typed_at(state: State) -> None:
    """Above all not while it waits: the Enter would approve what its dialog asks."""
    decision = decide(replace(IDLE, state=state))
    assert decision.do is Do.WAIT
    assert state in decision.reason


@pytest.mark.parametrize("intent", [Intent.STOP, Intent.DELETE])
def test_a_session_that_is_to_end_is_not_typed_at(intent: Intent) -> None:
    assert decide(replace(IDLE, intent=intent)).do is Do.WAIT


def test_nothing_is_typed_when_nothing_waits() -> None:
    assert decide(queued=()).do is Do.WAIT


def test_a_missing_or_dead_window_is_not_typed_into() -> None:
    assert decide(window=None).do is Do.WAIT
    assert decide(window=replace(WINDOW, dead=True)).do is Do.WAIT


@pytest.mark.parametrize(("ago", "do"), [(0, Do.WAIT), (4.9, Do.WAIT), (5.1, Do.TYPE)])
def test_a_person_s_draft_is_not_added_to(ago: float, do: Do) -> None:
    assert decide(clients=(client(ago=ago),)).do is do


def test_a_person_in_another_window_does_not_matter() -> None:
    assert decide(clients=(client("@4"),)).do is Do.TYPE


def test_one_busy_person_among_several_counts() -> None:
    assert decide(clients=(client("@4"), client(ago=100), client(ago=1))).do is Do.WAIT


def test_the_designer_s_window_in_use_gets_a_badge_instead() -> None:
    designer = replace(IDLE, name="main", role=Role.DESIGNER)
    assert decide(designer, clients=(client(),)).do is Do.BADGE
    assert decide(designer, clients=(client(ago=60),)).do is Do.TYPE
    assert decide(replace(designer, state=State.WORKING), clients=(client(),)).do is Do.WAIT


def test_news_for_the_designer_waits_for_its_next_turn() -> None:
    """Nothing is spent on telling it what the person has just done; an executor must know."""
    notice = replace(message(), kind=MessageKind.NOTICE)
    designer = replace(IDLE, name="main", role=Role.DESIGNER)
    assert decide(designer, queued=(notice,)).do is Do.WAIT
    assert decide(designer, queued=(notice, message())).do is Do.TYPE
    assert decide(queued=(notice,)).do is Do.TYPE


def test_an_agent_that_fetches_its_messages_is_left_to_it() -> None:
    assert decide(pulls=True).do is Do.WAIT


def test_an_agent_that_has_just_become_idle_is_left_to_draw() -> None:
    assert decide(replace(IDLE, state_since=NOW - timedelta(seconds=0.5))).do is Do.WAIT


def test_a_message_that_has_just_come_is_left_for_a_better_way() -> None:
    assert decide(queued=(message(60), message(0.5))).do is Do.WAIT
