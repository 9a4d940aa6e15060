"""Messages typed into real tmux windows, and what counts as proof that they arrived."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from orchestra.actions.messaging import messages
from orchestra.actions.session import container_spec
from orchestra.drivers.tmux.driver import Tmux
from orchestra.model import Channel, Intent, MessageState, Sign, State
from orchestra.project import Project
from orchestra.service.delivery.decide import Pace
from orchestra.service.delivery.hook_reply import take_hook
from orchestra.service.delivery.in_flight import answer_left
from orchestra.service.delivery.presence import Presence
from orchestra.service.delivery.typed import TypedDelivery
from orchestra.service.delivery.wake import wake
from orchestra.store.deliveries import Delivery, Fate
from tests.support.services import eventually
from tests.support.typed_windows import FAST, agent, keys, say, sees, state_of, typed, typing_project, typing_tmux


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    yield from typing_project(tmp_path, monkeypatch)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    yield from typing_tmux(tmp_path)


def test_an_agent_without_hooks_gets_each_text_once_and_nothing_is_claimed(
    project: Project, tmux: Tmux, tmp_path: Path
) -> None:
    agent(project, tmux, tmp_path, hooks=False)
    first = say(project, "!rm -rf everything")
    typist = TypedDelivery(project, Presence(), pace=FAST)
    assert typist.attend("alpha").channel is Channel.TYPED
    sees(tmp_path, f"[message {first} from main]")
    assert state_of(project, first) is MessageState.QUEUED
    assert "typed" in {event.kind for event in project.store.events.select("alpha")}
    # Not again, also not by the service that comes after a crash.
    assert TypedDelivery(project, Presence(), pace=FAST).attend("alpha").channel is None
    second = say(project, "and this")
    assert TypedDelivery(project, Presence(), pace=FAST).attend("alpha").channel is Channel.TYPED
    seen = sees(tmp_path, "and this")
    assert seen.count(f"[message {first} ") == 1
    assert seen.count(f"[message {second} ") == 1
    # No line begins with what a shell or an agent would take for a command.
    assert not any(line.startswith(("!", "/")) for line in seen.splitlines())


def test_typing_counts_as_delivered_once_the_agent_s_hook_says_that_a_turn_began(
    project: Project, tmux: Tmux, tmp_path: Path
) -> None:
    agent(project, tmux, tmp_path, hooks=True)
    number = say(project, "go on")

    def hook(_: float) -> None:
        if "go on" in typed(tmp_path):
            project.store.sessions.record_sign("alpha", Sign.TURN_STARTED, "go on")

    typist = TypedDelivery(project, Presence(), pace=Pace(quiet=0, idle=0, patience=0, proof=20), pause=hook)
    assert typist.attend("alpha").channel is Channel.TYPED
    assert state_of(project, number) is MessageState.DELIVERED


def test_without_a_sign_the_message_stays_queued_and_the_person_can_see_why(
    project: Project, tmux: Tmux, tmp_path: Path
) -> None:
    agent(project, tmux, tmp_path, hooks=True)
    number = say(project, "hello?")
    typist = TypedDelivery(project, Presence(), pace=FAST)
    assert typist.attend("alpha").channel is Channel.TYPED
    assert state_of(project, number) is MessageState.QUEUED
    assert any(event.kind == "trouble" and str(number) in event.text for event in project.store.events.select("alpha"))
    sees(tmp_path, "hello?")
    # Not again: it may have been taken without a word.
    for other in (typist, TypedDelivery(project, Presence(), pace=replace(FAST, again=0))):
        assert other.attend("alpha").channel is None
    assert typed(tmp_path).count("hello?") == 1


def test_an_agent_that_asks_for_permission_meanwhile_gets_no_second_enter(
    project: Project, tmux: Tmux, tmp_path: Path
) -> None:
    session = agent(project, tmux, tmp_path, hooks=True)
    say(project, "hello")

    def prompt(_: float) -> None:
        project.store.sessions.record_sign("alpha", Sign.PROMPTED, "may I?")

    TypedDelivery(project, Presence(), pace=FAST, pause=prompt).attend("alpha")
    assert project.store.sessions.get("alpha").state is State.WAITING
    window = container_spec.window_of(project, session)
    assert window is not None
    keys(tmux, window.pane, "the next line", "Enter")
    *_, last, following, end = sees(tmp_path, "the next line\n").split("\n")
    assert (last.removesuffix("\x1b[201~"), following, end) == ("> hello", "the next line", "")


@pytest.mark.parametrize("sign", [Sign.TOOL_USED, Sign.PROMPTED])
def test_an_agent_that_reported_but_whose_turn_goes_on_is_not_typed_at(
    project: Project, tmux: Tmux, tmp_path: Path, sign: Sign
) -> None:
    agent(project, tmux, tmp_path, hooks=True)
    project.store.sessions.record_sign("alpha", sign, "")
    project.store.sessions.record_sign("alpha", Sign.COMPLETED, "all green")
    say(project, "thank you")
    typist = TypedDelivery(project, Presence(), pace=FAST)
    assert typist.attend("alpha").channel is None
    project.store.sessions.record_sign("alpha", Sign.TURN_ENDED, "")
    assert typist.attend("alpha").channel is Channel.TYPED


def test_an_answer_is_typed_at_an_agent_that_ended_its_turn_with_a_question(
    project: Project, tmux: Tmux, tmp_path: Path
) -> None:
    agent(project, tmux, tmp_path, hooks=True)
    project.store.sessions.record_sign("alpha", Sign.TOOL_USED, "")
    asked = messages.send(project, sender="alpha", recipient="main", text="QUESTION: which one?")
    typist = TypedDelivery(project, Presence(), pace=FAST)
    project.store.sessions.record_sign("alpha", Sign.TURN_ENDED, "")
    assert project.store.sessions.get("alpha").waits_for == asked.id
    say(project, "the blue one")
    assert typist.attend("alpha").channel is Channel.TYPED


def test_what_was_typed_is_not_handed_over_as_well(project: Project, tmux: Tmux, tmp_path: Path) -> None:
    agent(project, tmux, tmp_path, hooks=True)
    session = project.store.sessions.update("alpha", agent="claude")
    first, second = say(project, "[message 2 from main]"), say(project, "the other")
    prompt = messages.quoted([one for one in project.store.messages.select(recipient="alpha") if one.id == first])
    reply = take_hook(project, session, "UserPromptSubmit", {"prompt": prompt}, presence=Presence())
    assert state_of(project, first) is MessageState.DELIVERED
    # What a message quotes is not taken for that message.
    assert state_of(project, second) is MessageState.QUEUED
    assert "the other" in str(reply)
    assert f"[message {first} " not in str(reply)


def test_a_long_text_becomes_a_file_with_a_pointer(project: Project, tmux: Tmux, tmp_path: Path) -> None:
    session = agent(project, tmux, tmp_path, hooks=False)
    text = "\n".join(f"line {number} of many" for number in range(1000))
    number = say(project, text)
    TypedDelivery(project, Presence(), pace=FAST).attend("alpha")
    file = project.session_paths(session).agent / "messages" / f"{number}.md"
    sees(tmp_path, str(file))
    assert file.read_text() == text
    assert "line 7 of many" not in typed(tmp_path)


def test_an_agent_that_waits_for_messages_is_not_typed_at(project: Project, tmux: Tmux, tmp_path: Path) -> None:
    session = agent(project, tmux, tmp_path, hooks=False)
    say(project, "hello")
    presence = Presence()
    with presence.pulling(session.id):
        assert TypedDelivery(project, presence, pace=FAST).attend("alpha").channel is None
    assert presence.since_pulled(session.id) < FAST.pulled
    project.store.sessions.update("alpha", agent="rehearsal")
    assert TypedDelivery(project, Presence(), pace=FAST).attend("alpha").channel is None
    assert not typed(tmp_path)


def test_an_agent_that_failed_is_typed_at_only_while_its_program_runs(
    project: Project, tmux: Tmux, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failure of its model's it sits at its prompt; where it has ended, a shell might be there instead."""
    agent(project, tmux, tmp_path, hooks=True)
    say(project, "try again")
    runs = True
    monkeypatch.setattr(container_spec, "runs", lambda *_: runs)
    typist = TypedDelivery(project, Presence(), pace=FAST)
    for sign in (Sign.TURN_STARTED, Sign.TURN_FAILED):
        project.store.sessions.record_sign("alpha", sign, "overloaded")
    runs = False
    assert typist.attend("alpha").channel is None
    runs = True
    assert typist.attend("alpha").channel is Channel.TYPED
    sees(tmp_path, "try again")
    project.store.sessions.record_sign("alpha", Sign.EXITED, "exited with code 1")
    say(project, "still there?")
    runs = False
    assert TypedDelivery(project, Presence(), pace=FAST).attend("alpha").channel is None


def test_beside_a_draft_a_listener_takes_the_message_and_it_is_not_typed_later(
    project: Project, tmux: Tmux, tmp_path: Path
) -> None:
    session = agent(project, tmux, tmp_path, hooks=True)
    profile = "family: codex\ncommand: [bash]\ndelivery: hook\nhooks: true\n"
    (project.paths.home.agents / "scribe.yaml").write_text(profile)
    project.store.sessions.record_sign("alpha", Sign.READY, "")
    window = container_spec.window_of(project, session)
    assert window is not None
    tell = ("tmux", "-S", tmux.socket, "display-message", "-p", "-t", window.pane, "#{pane_tty}")
    screen = Path(subprocess.run(tell, check=True, capture_output=True, text=True, timeout=60).stdout.strip())
    screen.write_text("\r\n› half a thought")
    eventually(lambda: "half a thought" in tmux.panes.capture(window.pane))
    say(project, "PURPLE")
    presence = Presence()
    typist = TypedDelivery(project, presence, pace=FAST)
    typist.attend("alpha")
    assert presence.has_draft(session.id)
    assert "PURPLE" in wake(project, session, 1, presence)
    screen.write_text("\x1b[2J\x1b[H› ")
    eventually(lambda: "half a thought" not in tmux.panes.capture(window.pane))
    typist.attend("alpha")
    assert typed(tmp_path) == ""
    say(project, "GREEN")
    typist.attend("alpha")
    assert "PURPLE" not in sees(tmp_path, "GREEN")
    assert not presence.has_draft(session.id)


def test_what_may_have_been_taken_in_a_crash_is_not_handed_over_as_well(project: Project) -> None:
    session = project.store.sessions.update("alpha", agent="claude", intent=Intent.RUN, state=State.IDLE)
    first, second = say(project, "transfer 100 EUR"), say(project, "the other")
    project.store.deliveries.note(
        session.id, [Delivery(first, Channel.TYPED, Fate.OFFERED, 0.0, service="an earlier service")]
    )
    reply = str(take_hook(project, session, "UserPromptSubmit", {"prompt": "my own words"}, presence=Presence()))
    assert "the other" in reply
    assert "transfer" not in reply
    answer_left(project, session)
    # Its hook tells that it did take it.
    take_hook(
        project,
        session,
        "UserPromptSubmit",
        {"prompt": f"[message {first} from main]\n> transfer 100 EUR"},
        presence=Presence(),
    )
    assert state_of(project, first) is MessageState.DELIVERED
    assert state_of(project, second) is MessageState.DELIVERED


def test_text_that_went_nowhere_is_typed_again(project: Project, tmux: Tmux, tmp_path: Path) -> None:
    """Codex loses what is pasted while it draws; that it took nothing is known, for it tells each prompt it takes."""
    agent(project, tmux, tmp_path, hooks=True)
    profile = "family: codex\ncommand: [bash]\ndelivery: hook\nhooks: true\n"
    (project.paths.home.agents / "scribe.yaml").write_text(profile)
    session = project.store.sessions.record_sign("alpha", Sign.READY, "")
    window = container_spec.window_of(project, session)
    assert window is not None
    tell = ("tmux", "-S", tmux.socket, "display-message", "-p", "-t", window.pane, "#{pane_tty}")
    screen = Path(subprocess.run(tell, check=True, capture_output=True, text=True, timeout=60).stdout.strip())
    screen.write_text("\r\n› ")
    eventually(lambda: "›" in tmux.panes.capture(window.pane))
    number = say(project, "PURPLE")
    typist = TypedDelivery(project, Presence(), pace=replace(FAST, again=0))
    assert typist.attend("alpha").channel is Channel.TYPED
    eventually(lambda: typed(tmp_path).count("PURPLE") == 1)
    # It stands on the screen: it was taken, whatever the hooks say.
    screen.write_text(f"\x1b[2J\x1b[H[message {number} from main]\r\n› ")
    eventually(lambda: "message" in tmux.panes.capture(window.pane))
    typist.attend("alpha")
    assert typed(tmp_path).count("PURPLE") == 1
    screen.write_text("\x1b[2J\x1b[H› ")
    eventually(lambda: "message" not in tmux.panes.capture(window.pane))
    typist.attend("alpha")
    eventually(lambda: typed(tmp_path).count("PURPLE") == 2)


def test_a_clock_that_is_set_back_holds_nothing(project: Project, tmux: Tmux, tmp_path: Path) -> None:
    agent(project, tmux, tmp_path, hooks=False)
    project.store.sessions.update("alpha", state_since=project.store.now() + timedelta(days=1))
    say(project, "hello")
    assert (
        TypedDelivery(project, Presence(), pace=Pace(quiet=5, idle=0.5, patience=0.0)).attend("alpha").channel
        is Channel.TYPED
    )
    sees(tmp_path, "hello")
