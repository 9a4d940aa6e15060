"""Which channel takes the messages that wait for an agent: one row for each rule."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from orchestra.drivers.tmux.driver import Client
from orchestra.model import (
    Channel,
    Evidence,
    Intent,
    Message,
    MessageKind,
    MessageState,
    Role,
    SandboxKind,
    Session,
    Sign,
    State,
    Window,
)
from orchestra.service.delivery.decide import (
    Asks,
    Decision,
    Facts,
    Look,
    Pace,
    PromptSight,
    Retype,
    WindowSight,
    decide,
    free,
)
from orchestra.service.delivery.facts import since_used
from orchestra.store.deliveries import Delivery, Fate

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
PACE = Pace(quiet=5, idle=1, patience=1, deaf=30, back=1, pulled=5)
IDLE = Session(
    id=2,
    name="alpha",
    title="alpha",
    role=Role.EXECUTOR,
    agent="codex",
    sandbox=SandboxKind.DOCKER,
    branch="orchestra/alpha",
    base="a" * 40,
    base_branch="trunk",
    worktree=Path("/w/alpha"),
    parent="main",
    intent=Intent.RUN,
    state=State.IDLE,
    state_since=NOW - timedelta(minutes=1),
    evidence=Evidence(Sign.TURN_ENDED),
    created_at=NOW - timedelta(hours=1),
    conversation="c",
)
AT_REST = Facts(NOW, Sign.TURN_ENDED, window=WindowSight.LIVE, prompt=PromptSight.EMPTY)
"""An agent at its empty prompt in a window that nobody uses; it does not listen."""
SENT = NOW - timedelta(minutes=1)
MESSAGE = Message(1, "main", "alpha", MessageKind.MESSAGE, "hello", SENT, MessageState.QUEUED, SENT)
NEWS = replace(MESSAGE, kind=MessageKind.NOTICE)
TYPED, WAKE = Decision(Channel.TYPED), Decision(Channel.WAKE)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def wait(reason: str) -> Decision:
    return Decision(reason=reason)


Row = tuple[str, dict[str, Any], dict[str, Any], tuple[Message, ...], Decision]
"""The rule, what is other about the session and the facts, what is queued, and what is decided."""

ONE = (MESSAGE,)
WOKEN = {"woken": True, "listened": 0.0}
FAILED = {"state": State.FAILED}
OVERLOADED = {"program": Sign.TURN_FAILED}
DESIGNER = {"role": Role.DESIGNER}
FETCHES = wait("the agent fetches its messages itself")
LATER = wait("its listener wakes it at the end of its turn")
IN_A_TURN = wait("the agent is in a turn")
USED = wait("a person uses the window")
EARLY = wait("it is too early")
DRAFT = wait("its prompt holds a draft")
GONE = wait("the agent has no live window")
FOR_THE_NEXT_TURN = wait("it can wait for the designer's next turn")
TO_END = wait("the agent is being stopped")

ROWS: tuple[Row, ...] = (
    ("nothing waits", {}, {}, (), wait("there is nothing to deliver")),
    ("nothing waits, and it asks", {}, {"asks": Asks.TOOL}, (), wait("there is nothing to deliver")),
    # It asks: whatever else is so.
    ("a tool is answered", {"state": State.WORKING}, {"asks": Asks.TOOL}, ONE, Decision(Channel.PULL)),
    ("a hook is answered", {"state": State.WORKING}, {"asks": Asks.HOOK}, ONE, Decision(Channel.HOOK_REPLY)),
    ("also with news", DESIGNER, {"asks": Asks.HOOK}, (NEWS,), Decision(Channel.HOOK_REPLY)),
    ("also in a turn while it listens", {}, {"asks": Asks.HOOK, **WOKEN}, ONE, Decision(Channel.HOOK_REPLY)),
    ("at a turn's end", {}, {"asks": Asks.TURN_END}, ONE, Decision(Channel.HOOK_REPLY)),
    (
        "at a turn's end while it listens",
        {},
        {"asks": Asks.TURN_END, **WOKEN},
        ONE,
        wait("its listener wakes it with them"),
    ),
    (
        "its listener has not come back",
        {},
        {"asks": Asks.TURN_END, "woken": True, "listened": 1.1},
        ONE,
        Decision(Channel.HOOK_REPLY),
    ),
    (
        "another's listener is for drafts",
        {},
        {"asks": Asks.TURN_END, "listened": 0.0},
        ONE,
        Decision(Channel.HOOK_REPLY),
    ),
    # Nothing is spent on telling the designer what the person has just done; an executor must know.
    ("news for the designer", DESIGNER, {}, (NEWS,), FOR_THE_NEXT_TURN),
    ("nor does it wake it", DESIGNER, WOKEN, (NEWS,), FOR_THE_NEXT_TURN),
    ("news beside a message", DESIGNER, {}, (NEWS, MESSAGE), TYPED),
    ("news for an executor", {}, {}, (NEWS,), TYPED),
    ("it is to be stopped", {"intent": Intent.STOP}, {}, ONE, TO_END),
    ("it is to be deleted", {"intent": Intent.DELETE}, WOKEN, ONE, TO_END),
    # A listener wakes it.
    ("it rests and listens", {}, WOKEN, ONE, WAKE),
    ("whatever its window shows", {}, {**WOKEN, "window": WindowSight.GONE, "used": 0.0}, ONE, WAKE),
    ("whatever it fetched", {}, {**WOKEN, "pulled": 0.0, "typed_at": False}, ONE, WAKE),
    ("it has just started", {"state": State.STARTING}, {**WOKEN, "program": Sign.READY}, ONE, WAKE),
    ("its model failed it", FAILED, {**WOKEN, **OVERLOADED}, ONE, WAKE),
    ("it waits for an answer to come", {"state": State.WAITING}, WOKEN, ONE, WAKE),
    ("in a turn it is not woken", {}, {**WOKEN, "program": Sign.TOOL_USED}, ONE, LATER),
    ("nor before its first sign", {}, {**WOKEN, "program": None}, ONE, LATER),
    ("its listener is between two questions", {}, {"woken": True, "listened": 29.0}, ONE, WAKE),
    ("its listener is gone", {}, {"woken": True, "listened": 31.0}, ONE, TYPED),
    ("what can be typed is typed", {}, {"listened": 0.0}, ONE, TYPED),
    ("beside a draft it is woken", {}, {"listened": 0.0, "prompt": PromptSight.DRAFT}, ONE, WAKE),
    ("and beside what may be one", {}, {"listened": 0.0, "prompt": PromptSight.UNKNOWN}, ONE, WAKE),
    # It fetches them.
    ("a shell would run the text", {}, {"typed_at": False}, ONE, FETCHES),
    ("it asks for messages now", {}, {"pulled": 0.0}, ONE, FETCHES),
    ("it asked a moment ago", {}, {"pulled": 4.9}, ONE, FETCHES),
    ("it asked long ago", {}, {"pulled": 5.1}, ONE, TYPED),
    # It must sit at its prompt. Above all not while it waits: the Enter would approve what its dialog asks.
    *(
        (f"it is {state}", {"state": state}, {}, ONE, wait(f"the agent is {state}"))
        for state in sorted(set(State) - {State.IDLE, State.DONE})
    ),
    ("it reported", {"state": State.DONE}, {}, ONE, TYPED),
    ("it reported in a turn", {"state": State.DONE}, {"program": Sign.PROMPTED}, ONE, IN_A_TURN),
    ("it tells of no turns", {"state": State.DONE}, {"program": Sign.LAUNCHED, "hooks": False}, ONE, TYPED),
    ("it failed, and may have ended", FAILED, OVERLOADED, ONE, Decision(look=Look.PROGRAM)),
    ("it failed, and has ended", FAILED, {**OVERLOADED, "runs": False}, ONE, wait("its program has ended")),
    ("it failed, and sits there", FAILED, {**OVERLOADED, "runs": True}, ONE, TYPED),
    # Its window must be free.
    ("it became idle just now", {"state_since": ago(0.5)}, {}, ONE, EARLY),
    ("the message came just now", {}, {}, (MESSAGE, replace(MESSAGE, sent_at=ago(0.5))), EARLY),
    ("the clock was set back", {"state_since": ago(-3600)}, {}, ONE, TYPED),
    ("its window was not seen", {}, {"window": WindowSight.NOT_SEEN}, ONE, Decision(look=Look.WINDOW)),
    ("it has no window", {}, {"window": WindowSight.GONE}, ONE, GONE),
    ("a person types there", {}, {"used": 4.9}, ONE, USED),
    ("a person typed there", {}, {"used": 5.1}, ONE, TYPED),
    ("also the designer's", DESIGNER, {"used": 0.0}, ONE, USED),
    # Its prompt must be empty.
    ("its prompt was not seen", {}, {"prompt": PromptSight.NOT_SEEN}, ONE, Decision(look=Look.PROMPT)),
    ("a draft stands there", {}, {"prompt": PromptSight.DRAFT}, ONE, DRAFT),
    (
        "nobody knows how it looks",
        {},
        {"prompt": PromptSight.UNKNOWN},
        ONE,
        wait("its empty prompt is not known"),
    ),
    ("at rest with all of it free", {}, {}, ONE, TYPED),
)


@pytest.mark.parametrize(
    ("session", "facts", "queued", "decision"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_each_rule(
    session: dict[str, Any], facts: dict[str, Any], queued: tuple[Message, ...], decision: Decision
) -> None:
    assert decide(replace(IDLE, **session), queued, replace(AT_REST, **facts), PACE) == decision


def test_the_cheaper_look_comes_first() -> None:
    """Each answers for itself where it can: tmux is asked where the record does not say no, the screen at the last."""
    failed, facts = replace(IDLE, state=State.FAILED), Facts(NOW, Sign.TURN_FAILED)
    looks = []
    while (look := decide(failed, ONE, facts, PACE).look) is not None:
        looks.append(look)
        seen = {Look.PROGRAM: {"runs": True}, Look.WINDOW: {"window": WindowSight.LIVE}}
        facts = replace(facts, **seen.get(look, {"prompt": PromptSight.EMPTY}))  # type: ignore[arg-type]
    assert looks == [Look.PROGRAM, Look.WINDOW, Look.PROMPT]


def test_a_profile_only_rules_out_what_may_be_done_without_it() -> None:
    """The watcher and listeners read a profile only if the decision without it is a look, or to wake the agent."""
    found = set()
    traits = product(State, [None, *Sign], *[(True, False)] * 4, (0.0, math.inf), (0.0, math.inf))
    for state, program, hooks, typed_at, woken, tells, listened, pulled in traits:
        session = replace(IDLE, state=state)
        known = Facts(NOW, program, Asks.NONE, hooks, typed_at, woken, tells, listened, pulled)
        decision = decide(session, ONE, known, PACE)
        found.add(decision)
        if decision.look is not None:
            hopeful = Facts(NOW, program, hooks=False, tells_prompts=True, pulled=pulled)
            assert decide(session, ONE, hopeful, PACE).look is not None
        for prompt in PromptSight:
            if decide(session, ONE, replace(known, prompt=prompt), PACE).channel is Channel.WAKE:
                hopeful = Facts(NOW, program, woken=True, listened=0.0)
                assert decide(session, ONE, hopeful, PACE).channel is Channel.WAKE
    assert {Decision(look=Look.PROGRAM), Decision(look=Look.WINDOW), WAKE} < found


HOOK, LISTENER, WINDOW_OF_ITS = Channel.HOOK_REPLY, Channel.WAKE, Channel.TYPED
CHANNELS = (HOOK, LISTENER, WINDOW_OF_ITS)


@pytest.mark.parametrize(
    ("channel", "fate", "seconds", "takers"),
    [
        # A hook's call settles what its last reply, and the last listener, were given: what is left is given again.
        (HOOK, Fate.OFFERED, 0, {HOOK}),
        (HOOK, Fate.SENT, 0, {HOOK}),
        (HOOK, Fate.SENT, 30, set(CHANNELS)),
        (LISTENER, Fate.SENT, 0, {HOOK}),
        (LISTENER, Fate.SENT, 29, {HOOK}),
        (LISTENER, Fate.SENT, 30, set(CHANNELS)),
        # The call proves nothing about what an earlier listener was given.
        (LISTENER, Fate.PASSED, 0, set()),
        (LISTENER, Fate.PASSED, 29, set()),
        (LISTENER, Fate.PASSED, 30, set(CHANNELS)),
        # The machine was started again.
        (LISTENER, Fate.SENT, -1, set(CHANNELS)),
        # Typing is never taken for lost by anybody else, and by itself only where it provably went nowhere.
        (WINDOW_OF_ITS, Fate.OFFERED, 10**6, set()),
        (WINDOW_OF_ITS, Fate.UNKNOWN, 10**6, set()),
        (WINDOW_OF_ITS, Fate.NO_SIGN, 0, {HOOK, LISTENER}),
        (WINDOW_OF_ITS, Fate.NO_SIGN, 10**6, {HOOK, LISTENER}),
    ],
)
def test_what_is_on_its_way_is_brought_by_nobody_else(
    channel: Channel, fate: Fate, seconds: float, takers: set[Channel]
) -> None:
    on_its_way = Delivery(MESSAGE.id, channel, fate, 1000.0 - seconds)
    other = replace(on_its_way, message=99)
    for taker in CHANNELS:
        expected = [MESSAGE] if taker in takers else []
        assert free(ONE, [on_its_way], taker, 1000.0) == expected
        assert free(ONE, [other], taker, 1000.0) == [MESSAGE]


@pytest.mark.parametrize(
    ("typed", "retype", "again"),
    [
        ({}, Retype("this", tells_prompts=True), True),
        ({"offered_at": 941.0}, Retype("this", tells_prompts=True), False),
        ({}, Retype("this", tells_prompts=False), False),
        ({}, Retype("another", tells_prompts=True), False),
        ({"fate": Fate.OFFERED}, Retype("this", tells_prompts=True), False),
    ],
    ids=["it went nowhere", "too soon", "it may take it silently", "another process", "not settled"],
)
def test_only_what_provably_went_nowhere_is_typed_again(typed: dict[str, Any], retype: Retype, *, again: bool) -> None:
    delivery = replace(Delivery(MESSAGE.id, Channel.TYPED, Fate.NO_SIGN, 940.0, service="this"), **typed)
    assert free(ONE, [delivery], Channel.TYPED, 1000.0) == []
    assert (
        free(ONE, [delivery], Channel.TYPED, 1000.0, retype=retype, pace=replace(PACE, again=60)) == [MESSAGE]
    ) is again


def client(window: str = "@3", seconds: float = 0) -> Client:
    return Client(name="/dev/pts/1", session="$0", window=window, pane="%7", activity=NOW.timestamp() - seconds)


@pytest.mark.parametrize(
    ("pane", "synchronized", "seconds"),
    [("%7", False, 1), ("%8", False, math.inf), ("%8", True, 1)],
    ids=["in its tile", "in another tile", "in all tiles at once"],
)
def test_in_a_grid_a_key_is_for_one_tile(pane: str, seconds: float, *, synchronized: bool) -> None:
    window = Window(id="@3", session="alpha", project="/p", pane="%7", dead=False, active=True, shared=True)
    used = replace(client(seconds=1), pane=pane, synchronized=synchronized)
    assert since_used(window, [used], NOW) == seconds


@pytest.mark.parametrize(
    ("clients", "seconds"),
    [
        ((), math.inf),
        ((client("@4"),), math.inf),
        ((client("@4"), client(seconds=100), client(seconds=1)), 1),
        ((client(seconds=-100),), math.inf),
    ],
    ids=["nobody", "somebody elsewhere", "the last of several", "before the clock was set back"],
)
def test_a_key_in_the_window_is_a_person_s(clients: tuple[Client, ...], seconds: float) -> None:
    window = Window(id="@3", session="alpha", project="/p", pane="%7", dead=False, active=True)
    assert since_used(window, clients, NOW) == seconds
