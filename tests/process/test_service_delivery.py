"""Messages typed into real tmux windows, and what counts as proof that they arrived."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.actions import message, places
from orchestra.actions.evidence import take_hook
from orchestra.drivers.tmux import Tmux
from orchestra.lifecycle import Sign
from orchestra.model import Intent, MessageState, Session, State
from orchestra.project import Project
from orchestra.service.delivery import Do, Pace, Typist
from orchestra.service.listening import wake
from orchestra.service.presence import Presence
from tests.process.services import eventually, make_project

FAST = Pace(quiet=0, settled=0, patience=0, proof=0.4, again=60)


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
    subprocess.run(("tmux", "-S", socket, "kill-server"), check=False, capture_output=True, timeout=10)
    Path(socket).unlink(missing_ok=True)


def agent(project: Project, tmux: Tmux, tmp_path: Path, *, hooks: bool) -> Session:
    """Give alpha a window whose program writes down every line it is sent, and an agent that is typed at."""
    profile = project.paths.home.agents / "scribe.yaml"
    profile.parent.mkdir(parents=True, exist_ok=True)
    profile.write_text(f"command: [bash]\ndelivery: type\nhooks: {str(hooks).lower()}\n")
    project.store.set("tmux.socket", tmux.socket)
    script = 'printf ready; stty -echo; while IFS= read -r line; do printf "%s\\n" "$line" >>"$0"; done'
    name = str(project.paths.source)
    session = tmux.find_session("delivery")
    assert session is not None
    window = tmux.open_window(
        session, "alpha", ("bash", "-c", script, str(tmp_path / "typed")), session="alpha", project=name, cwd=tmp_path
    )
    eventually(lambda: "ready" in tmux.capture(window.pane))
    return project.store.update_session("alpha", agent="scribe", intent=Intent.RUN, state=State.IDLE)


def typed(tmp_path: Path) -> str:
    file = tmp_path / "typed"
    return file.read_text() if file.exists() else ""


def say(project: Project, text: str) -> int:
    return message.send(project, sender="main", recipient="alpha", text=text).id


def state_of(project: Project, number: int) -> MessageState:
    (found,) = [one for one in project.store.messages(recipient="alpha") if one.id == number]
    return found.state


def test_an_agent_without_hooks_gets_each_text_once_and_nothing_is_claimed(
    project: Project, tmux: Tmux, tmp_path: Path
) -> None:
    agent(project, tmux, tmp_path, hooks=False)
    first = say(project, "!rm -rf everything")
    typist = Typist(project, Presence(), pace=FAST)
    assert typist.attend("alpha").do is Do.TYPE
    assert f"[message {first} from main]" in eventually(lambda: typed(tmp_path))
    assert state_of(project, first) is MessageState.QUEUED
    assert "typed" in {event.kind for event in project.store.events("alpha")}
    # Not again, also not by the service that comes after a crash.
    assert Typist(project, Presence(), pace=FAST).attend("alpha").do is Do.WAIT
    second = say(project, "and this")
    assert Typist(project, Presence(), pace=FAST).attend("alpha").do is Do.TYPE
    seen = eventually(lambda: typed(tmp_path) if "and this" in typed(tmp_path) else "")
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
            project.store.record_sign("alpha", Sign.TURN_STARTED, "go on")

    typist = Typist(project, Presence(), pace=Pace(quiet=0, settled=0, patience=0, proof=20), pause=hook)
    assert typist.attend("alpha").do is Do.TYPE
    assert state_of(project, number) is MessageState.DELIVERED


def test_without_a_sign_the_message_stays_queued_and_the_person_can_see_why(
    project: Project, tmux: Tmux, tmp_path: Path
) -> None:
    agent(project, tmux, tmp_path, hooks=True)
    number = say(project, "hello?")
    typist = Typist(project, Presence(), pace=FAST)
    assert typist.attend("alpha").do is Do.TYPE
    assert state_of(project, number) is MessageState.QUEUED
    assert any(event.kind == "trouble" and str(number) in event.text for event in project.store.events("alpha"))
    # Not at once again; after a while it is taken for lost.
    assert typist.attend("alpha").do is Do.WAIT
    assert Typist(project, Presence(), pace=FAST).attend("alpha").do is Do.TYPE


def test_an_agent_that_asks_for_permission_meanwhile_gets_no_second_enter(
    project: Project, tmux: Tmux, tmp_path: Path
) -> None:
    agent(project, tmux, tmp_path, hooks=True)
    say(project, "hello")

    def prompt(_: float) -> None:
        project.store.record_sign("alpha", Sign.PROMPTED, "may I?")

    Typist(project, Presence(), pace=FAST, pause=prompt).attend("alpha")
    assert project.store.session("alpha").state is State.WAITING
    assert typed(tmp_path).splitlines()[-1].removesuffix("\x1b[201~") == "> hello"


@pytest.mark.parametrize("sign", [Sign.TOOL_USED, Sign.PROMPTED])
def test_an_agent_that_reported_but_whose_turn_goes_on_is_not_typed_at(
    project: Project, tmux: Tmux, tmp_path: Path, sign: Sign
) -> None:
    agent(project, tmux, tmp_path, hooks=True)
    project.store.record_sign("alpha", sign, "")
    project.store.record_sign("alpha", Sign.COMPLETED, "all green")
    say(project, "thank you")
    typist = Typist(project, Presence(), pace=FAST)
    assert typist.attend("alpha").do is Do.WAIT
    project.store.record_sign("alpha", Sign.TURN_ENDED, "")
    assert typist.attend("alpha").do is Do.TYPE


def test_an_answer_is_typed_at_an_agent_that_ended_its_turn_with_a_question(
    project: Project, tmux: Tmux, tmp_path: Path
) -> None:
    agent(project, tmux, tmp_path, hooks=True)
    project.store.record_sign("alpha", Sign.TOOL_USED, "")
    asked = message.send(project, sender="alpha", recipient="main", text="QUESTION: which one?")
    typist = Typist(project, Presence(), pace=FAST)
    project.store.record_sign("alpha", Sign.TURN_ENDED, "")
    assert project.store.session("alpha").waits_for == asked.id
    say(project, "the blue one")
    assert typist.attend("alpha").do is Do.TYPE


def test_what_was_typed_is_not_handed_over_as_well(project: Project, tmux: Tmux, tmp_path: Path) -> None:
    agent(project, tmux, tmp_path, hooks=True)
    session = project.store.update_session("alpha", agent="claude")
    first, second = say(project, "[message 2 from main]"), say(project, "the other")
    prompt = message.quoted([one for one in project.store.messages(recipient="alpha") if one.id == first])
    reply = take_hook(project, session, "UserPromptSubmit", {"prompt": prompt})
    assert state_of(project, first) is MessageState.DELIVERED
    # What a message quotes is not taken for that message.
    assert state_of(project, second) is MessageState.QUEUED
    assert "the other" in str(reply)
    assert f"[message {first} " not in str(reply)


def test_a_long_text_becomes_a_file_with_a_pointer(project: Project, tmux: Tmux, tmp_path: Path) -> None:
    session = agent(project, tmux, tmp_path, hooks=False)
    text = "\n".join(f"line {number} of many" for number in range(1000))
    number = say(project, text)
    Typist(project, Presence(), pace=FAST).attend("alpha")
    file = project.place(session).agent / "messages" / f"{number}.md"
    assert str(file) in eventually(lambda: typed(tmp_path))
    assert file.read_text() == text
    assert "line 7 of many" not in typed(tmp_path)


def test_an_agent_that_waits_for_messages_is_not_typed_at(project: Project, tmux: Tmux, tmp_path: Path) -> None:
    session = agent(project, tmux, tmp_path, hooks=False)
    say(project, "hello")
    presence = Presence()
    with presence.pulling(session.id):
        assert Typist(project, presence, pace=FAST).attend("alpha").do is Do.WAIT
    assert presence.pulls(session.id)
    project.store.update_session("alpha", agent="rehearsal")
    assert Typist(project, Presence(), pace=FAST).attend("alpha").do is Do.WAIT
    assert not typed(tmp_path)


def test_an_agent_that_failed_is_typed_at_only_while_its_program_runs(
    project: Project, tmux: Tmux, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failure of its model's it sits at its prompt; where it has ended, a shell might be there instead."""
    agent(project, tmux, tmp_path, hooks=True)
    say(project, "try again")
    runs = True
    monkeypatch.setattr(places, "runs", lambda *_: runs)
    typist = Typist(project, Presence(), pace=FAST)
    for sign in (Sign.TURN_STARTED, Sign.TURN_FAILED):
        project.store.record_sign("alpha", sign, "overloaded")
    runs = False
    assert typist.attend("alpha").do is Do.WAIT
    runs = True
    assert typist.attend("alpha").do is Do.TYPE
    eventually(lambda: "try again" in typed(tmp_path))
    project.store.record_sign("alpha", Sign.EXITED, "exited with code 1")
    say(project, "still there?")
    runs = False
    assert Typist(project, Presence(), pace=FAST).attend("alpha").do is Do.WAIT


def test_beside_a_draft_a_listener_takes_the_message_and_it_is_not_typed_later(
    project: Project, tmux: Tmux, tmp_path: Path
) -> None:
    session = agent(project, tmux, tmp_path, hooks=True)
    profile = "family: codex\ncommand: [bash]\ndelivery: hook\nhooks: true\n"
    (project.paths.home.agents / "scribe.yaml").write_text(profile)
    project.store.record_sign("alpha", Sign.READY, "")
    window = places.window_of(project, session)
    assert window is not None
    tell = ("tmux", "-S", tmux.socket, "display-message", "-p", "-t", window.pane, "#{pane_tty}")
    screen = Path(subprocess.run(tell, check=True, capture_output=True, text=True, timeout=10).stdout.strip())
    screen.write_text("\r\n› half a thought")
    eventually(lambda: "half a thought" in tmux.capture(window.pane))
    say(project, "PURPLE")
    presence = Presence()
    typist = Typist(project, presence, pace=FAST)
    typist.attend("alpha")
    assert presence.has_draft(session.id)
    assert "PURPLE" in wake(project, session, 1, lambda: presence.has_draft(session.id))
    screen.write_text("\x1b[2J\x1b[H› ")
    eventually(lambda: "half a thought" not in tmux.capture(window.pane))
    typist.attend("alpha")
    assert typed(tmp_path) == ""
    say(project, "GREEN")
    typist.attend("alpha")
    assert "GREEN" in eventually(lambda: typed(tmp_path))
    assert "PURPLE" not in typed(tmp_path)
    assert not presence.has_draft(session.id)
