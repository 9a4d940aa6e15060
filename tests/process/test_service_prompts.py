"""What stands in an agent's prompt decides what is typed there, and whether Enter is pressed again."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from orchestra.drivers.tmux.driver import Tmux
from orchestra.drivers.tmux.panes import Panes
from orchestra.model import Channel, Intent, MessageState, Sign
from orchestra.project import Project
from orchestra.service.delivery.presence import Presence
from orchestra.service.delivery.typed import TypedDelivery
from tests.support.services import eventually
from tests.support.typed_windows import FAST, keys, say, sees, state_of, typed, typing_project, typing_tmux


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    yield from typing_project(tmp_path, monkeypatch)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    yield from typing_tmux(tmp_path)


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
