"""Messages typed into real tmux windows, and what counts as proof that they arrived."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from orchestra.actions.messaging import messages
from orchestra.actions.session import container_spec
from orchestra.drivers.tmux.driver import Tmux
from orchestra.drivers.tmux.panes import Panes
from orchestra.model import Channel, Intent, MessageState, Session, Sign, State
from orchestra.project import Project
from orchestra.service.delivery.decide import Pace
from orchestra.service.delivery.hook_reply import take_hook
from orchestra.service.delivery.in_flight import answer_left
from orchestra.service.delivery.presence import Presence
from orchestra.service.delivery.typed import TypedDelivery
from orchestra.service.delivery.wake import wake
from orchestra.store.deliveries import Delivery, Fate
from tests.support.services import eventually, make_project

FAST = Pace(quiet=0, idle=0, patience=0, proof=0.4, again=60)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    made = make_project(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    socket = f"/tmp/orchestra-delivery-{uuid.uuid4().hex[:8]}"
    server = Tmux(socket)
    server.start("delivery", tmp_path)
    yield server
    subprocess.run(("tmux", "-S", socket, "kill-server"), check=False, capture_output=True, timeout=60)
    Path(socket).unlink(missing_ok=True)


def agent(project: Project, tmux: Tmux, tmp_path: Path, *, hooks: bool) -> Session:
    """Give alpha a window whose program writes down every line it is sent, and an agent that is typed at."""
    profile = project.paths.home.agents / "scribe.yaml"
    profile.parent.mkdir(parents=True, exist_ok=True)
    profile.write_text(f"command: [bash]\ndelivery: type\nprompt: ready\nhooks: {str(hooks).lower()}\n")
    project.store.workspace.update(tmux_socket=tmux.socket)
    script = 'stty -echo; printf ready; while IFS= read -r line; do printf "%s\\n" "$line" >>"$0"; done'
    name = str(project.paths.source)
    session = tmux.find_session("delivery")
    assert session is not None
    window = tmux.windows.open_agent(
        session, "alpha", ("bash", "-c", script, str(tmp_path / "typed")), session="alpha", project=name, cwd=tmp_path
    )
    eventually(lambda: "ready" in tmux.panes.capture(window.pane))
    return project.store.sessions.update("alpha", agent="scribe", intent=Intent.RUN, state=State.IDLE)


def typed(tmp_path: Path) -> str:
    file = tmp_path / "typed"
    return file.read_text() if file.exists() else ""


def sees(tmp_path: Path, text: str) -> str:
    """Wait until a text was typed, and return all that was; what is typed is written down line by line."""
    return eventually(lambda: so_far if text in (so_far := typed(tmp_path)) else "")


def say(project: Project, text: str) -> int:
    return messages.send(project, sender="main", recipient="alpha", text=text).id


def state_of(project: Project, number: int) -> MessageState:
    (found,) = [one for one in project.store.messages.select(recipient="alpha") if one.id == number]
    return found.state


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


PROGRAM = """
import os, pathlib, sys, tty
tty.setraw(0)
taken, deaf, line = pathlib.Path(sys.argv[1]), int(sys.argv[2]), ""
print("agent> ", end="", flush=True)
while byte := os.read(0, 1):
    if byte != b"\\r":
        line += byte.decode("utf-8", "replace")
        print(byte.decode("ascii", "replace") if byte.isalnum() or byte == b" " else "", end="", flush=True)
    elif deaf:
        deaf -= 1
    else:
        taken.open("a").write(line + chr(10))
        line = ""
        print("\\r\\nagent> ", end="", flush=True)
"""
"""A program with a prompt, which swallows the first so many of the Enters it is sent."""


@pytest.fixture
def start(project: Project, tmux: Tmux, tmp_path: Path) -> Callable[..., str]:
    def begin(profile: str = "", *, deaf: int = 0) -> str:
        """Give alpha the program above, and return its pane."""
        place = project.paths.home.agents / "scribe.yaml"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"command: [bash]\ndelivery: type\nhooks: true\n{profile}")
        project.store.workspace.update(tmux_socket=tmux.socket)
        session = tmux.find_session("delivery")
        assert session is not None
        command = (sys.executable, "-c", PROGRAM, str(tmp_path / "typed"), str(deaf))
        source = str(project.paths.source)
        window = tmux.windows.open_agent(session, "alpha", command, session="alpha", project=source, cwd=tmp_path)
        eventually(lambda: tmux.panes.cursor_line(window.pane) == "agent> ")
        project.store.sessions.update("alpha", agent="scribe", intent=Intent.RUN)
        project.store.sessions.record_sign("alpha", Sign.READY, "")
        return window.pane

    return begin


def keys(tmux: Tmux, pane: str, *words: str) -> None:
    subprocess.run(("tmux", "-S", tmux.socket, "send-keys", "-t", pane, *words), check=True, timeout=60)


SAYS_ITS_PROMPT = "prompt: 'agent>'\n"


def test_a_draft_in_the_prompt_of_a_program_of_one_s_own_is_not_added_to(
    project: Project, tmux: Tmux, tmp_path: Path, start: Callable[..., str]
) -> None:
    pane = start(SAYS_ITS_PROMPT)
    keys(tmux, pane, "-l", "delete the database")
    eventually(lambda: "database" in tmux.panes.cursor_line(pane))
    say(project, "hello")
    typist = TypedDelivery(project, Presence(), pace=FAST)
    assert "holds a draft" in typist.attend("alpha").reason
    keys(tmux, pane, "Enter")
    eventually(lambda: tmux.panes.cursor_line(pane) == "agent> ")
    assert typist.attend("alpha").channel is Channel.TYPED
    assert sees(tmp_path, "hello").splitlines()[0] == "delete the database"


def test_how_an_empty_prompt_looks_is_learned_when_its_program_is_ready(
    project: Project, tmux: Tmux, tmp_path: Path, start: Callable[..., str]
) -> None:
    pane = start()
    typist = TypedDelivery(project, Presence(), pace=FAST)
    assert typist.prompts.learn("alpha")
    say(project, "hello")
    keys(tmux, pane, "-l", "a draft")
    eventually(lambda: "a draft" in tmux.panes.cursor_line(pane))
    assert "holds a draft" in TypedDelivery(project, Presence(), pace=FAST).attend("alpha").reason
    keys(tmux, pane, "Enter")
    eventually(lambda: tmux.panes.cursor_line(pane) == "agent> ")
    assert TypedDelivery(project, Presence(), pace=FAST).attend("alpha").channel is Channel.TYPED
    sees(tmp_path, "hello")


def test_nothing_is_typed_where_the_empty_prompt_is_not_known(
    project: Project, tmux: Tmux, tmp_path: Path, start: Callable[..., str]
) -> None:
    """Somebody may have begun to type before the first look: it cannot be told from the prompt."""
    pane = start()
    keys(tmux, pane, "-l", "a draft")
    eventually(lambda: "a draft" in tmux.panes.cursor_line(pane))
    project.store.sessions.update("alpha", state_since=project.store.now() - timedelta(seconds=20))
    say(project, "hello")
    typist = TypedDelivery(project, Presence(), pace=FAST)
    assert not typist.prompts.learn("alpha")
    for _ in range(2):
        assert "not known" in typist.attend("alpha").reason
    (told,) = [event.text for event in project.store.events.select("alpha") if event.kind == "trouble"]
    assert "with the key prompt" in told
    assert typed(tmp_path) == ""


@pytest.fixture
def pasted(tmux: Tmux, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was pasted, in order; its program has shown it before Enter is pressed."""
    usual, texts = Panes.paste, list[str]()

    def noted(panes: Panes, pane: str, text: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        def once_shown(seconds: float) -> None:
            # The program above shows the digits of the mark that ends a paste.
            eventually(lambda: tmux.panes.cursor_line(pane).endswith(f"{text.rpartition(' ')[2]}201"))
            sleep(seconds)

        usual(panes, pane, text, sleep=once_shown)
        texts.append(text)

    monkeypatch.setattr(Panes, "paste", noted)
    return texts


def test_an_enter_that_was_swallowed_is_pressed_again(
    project: Project, tmp_path: Path, start: Callable[..., str], pasted: list[str]
) -> None:
    start(SAYS_ITS_PROMPT, deaf=1)
    number = say(project, "hello")

    def hook(_: float) -> None:
        if len(pasted) > 1:
            sees(tmp_path, "hello")
            project.store.sessions.record_sign("alpha", Sign.TURN_STARTED, "hello")

    TypedDelivery(project, Presence(), pace=FAST, pause=hook).attend("alpha")
    assert state_of(project, number) is MessageState.DELIVERED
    assert len(pasted) == 2


def test_an_enter_is_not_pressed_again_when_a_person_has_begun_to_type(
    project: Project, tmux: Tmux, tmp_path: Path, start: Callable[..., str], pasted: list[str]
) -> None:
    pane = start(SAYS_ITS_PROMPT, deaf=1)
    number = say(project, "hello")
    begun: list[bool] = []

    def person(_: float) -> None:
        if not begun:
            keys(tmux, pane, "-l", "my own words")
            begun.append(True)
            eventually(lambda: "my own words" in tmux.panes.cursor_line(pane))

    TypedDelivery(project, Presence(), pace=FAST, pause=person).attend("alpha")
    assert begun
    assert len(pasted) == 1
    assert typed(tmp_path) == ""
    assert state_of(project, number) is MessageState.QUEUED


class Killed(BaseException):
    """What a kill of the service is to the code it cuts off."""


def test_what_was_typed_when_the_service_was_killed_is_not_typed_again(
    project: Project, tmux: Tmux, tmp_path: Path, start: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pane = start(SAYS_ITS_PROMPT)
    number = say(project, "transfer 100 EUR")
    with monkeypatch.context() as patch:
        patch.setattr(TypedDelivery, "_proven", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            TypedDelivery(project, Presence(), pace=FAST).attend("alpha")
    sees(tmp_path, "transfer")
    eventually(lambda: tmux.panes.cursor_line(pane) == "agent> ")
    after = TypedDelivery(project, Presence(), pace=replace(FAST, proof=0, again=0))
    for _ in range(3):
        assert after.attend("alpha").channel is None
    assert typed(tmp_path).count("transfer") == 1
    assert state_of(project, number) is MessageState.QUEUED
    (told,) = [event.text for event in project.store.events.select("alpha") if event.kind == "trouble"]
    assert "send it again if it is not there" in told


def test_a_sign_that_came_after_the_kill_counts(
    project: Project, tmp_path: Path, start: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start(SAYS_ITS_PROMPT)
    number = say(project, "hello")
    with monkeypatch.context() as patch:
        patch.setattr(TypedDelivery, "_proven", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            TypedDelivery(project, Presence(), pace=FAST).attend("alpha")
    after = TypedDelivery(project, Presence(), pace=FAST)
    after.attend("alpha")
    assert state_of(project, number) is MessageState.QUEUED
    project.store.sessions.record_sign("alpha", Sign.TURN_STARTED, "hello")
    after.attend("alpha")
    assert state_of(project, number) is MessageState.DELIVERED
    sees(tmp_path, "hello")


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
