"""The real Claude Code as designer and executor, in containers; only its model is scripted."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest
import yaml

from orchestra.agents import load
from tests.contract.secrets import hiding_places
from tests.support.models import journeys
from tests.support.models.journeys import NAME
from tests.support.models.server import Asked, Call, ModelServer, Rule, Say
from tests.support.person import Person, arriving, eventually
from tests.support.trees import files_below

pytestmark = pytest.mark.docker

SLOW = 60
"""Seconds that a turn of a real agent program may take on a busy machine."""
Begin: TypeAlias = "Callable[..., Scene]"


@dataclass(frozen=True)
class Scene:
    """A person, and the model that their agents talk to."""

    person: Person
    model: ModelServer

    def asked_by(self, role: str) -> list[Asked]:
        """Return what the agents of one role asked the model, titles and the like left out."""
        return [one for one in self.model.conversation() if role in one.system]

    def last_of(self, role: str) -> str:
        """Return the whole conversation of a role's agent as it is now."""
        return self.asked_by(role)[-1].everything


@pytest.fixture(scope="session")
def claude_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image that the built-in profile makes; built on first use, and kept."""
    with arriving(tmp_path_factory.mktemp("image") / "person") as builder:
        return builder.orchestra("image", "build", "claude", deadline=900).stdout.split()[-1]


@pytest.fixture
def begin(tmp_path: Path, claude_image: str) -> Iterator[Begin]:
    """Let a person come whose agents are Claude Code; rules may need the path of the executor's worktree."""
    with ExitStack() as stack:

        def one(rules: Callable[[Path], Sequence[Rule]], **settings: str) -> Scene:
            place = tmp_path / "person"
            home = Person(place).home
            model = stack.enter_context(journeys.near_containers(home, rules(home.root / "worktrees" / "tempo" / NAME)))
            reach = {"ANTHROPIC_BASE_URL": model.url(model.address), "ANTHROPIC_API_KEY": journeys.KEY}
            usual = {"ORCHESTRA_AGENT": "claude", "ORCHESTRA_IMAGE": claude_image}
            return Scene(stack.enter_context(arriving(place, **usual, **reach, **settings)), model)

        yield one


def in_order(wanted: Sequence[str], seen: Sequence[str]) -> bool:
    """Say whether all that is wanted was seen in that order, whatever else was seen between."""
    rest = iter(seen)
    return all(one in rest for one in wanted)


def test_a_wish_becomes_a_question_an_answer_and_a_merge(begin: Begin) -> None:
    """The whole main job: typed wish, spawned executor, edit, commit, question, answer, report, merge by key."""
    scene = begin(lambda worktree: journeys.designs() + journeys.executes(worktree / "tempo" / "convert.py"))
    person, model = scene.person, scene.model
    person.sit_down("up")
    person.sees("❯", "1 session", within=SLOW)
    person.waits_for("main", "idle")
    person.press("Enter")
    eventually(lambda: person.focus() == "agent", what="the designer has the keys")
    person.submits(journeys.WISH)
    person.sees("THE DESIGNER ANSWERED", within=SLOW)
    person.sees("✓ add-kelvin", "THE DESIGNER HAS HEARD", within=SLOW)
    states = [event["state"] for event in person.json("log", NAME)]
    assert in_order(("starting", "working", "waiting", "working", "done"), states), states

    person.goes_to_control()
    person.selects(NAME)
    person.press("M")
    person.says_yes("Merge add-kelvin into main?")
    merged = "tempo/convert.py"
    eventually(lambda: "raise ValueError" in person.reads(merged), what="the merged file is in the checkout")
    eventually(lambda: "Merge orchestra/add-kelvin" in person.git("log", "-1", "--format=%s"))
    eventually(lambda: person.git("status", "--porcelain") == "", what="the checkout is clean")

    for role, tool in ((journeys.DESIGNER, journeys.SPAWN), (journeys.EXECUTOR, journeys.SEND)):
        assert tool in scene.asked_by(role)[0].tools
    assert model.conversation()[0].key == journeys.KEY
    heads = {
        journeys.DESIGNER: ("[message 1 from add-kelvin, question]", "[message 3 from add-kelvin, complete]"),
        journeys.EXECUTOR: ("[message 2 from main]",),
    }
    assert {role: [scene.last_of(role).count(head) for head in texts] for role, texts in heads.items()} == {
        journeys.DESIGNER: [1, 1],
        journeys.EXECUTOR: [1],
    }
    wanted = [(NAME, "question", "read"), ("main", "message", "read"), (NAME, "complete", "read")]
    eventually(lambda: told(person) == wanted, within=SLOW, what=f"{wanted} in {told(person)}")
    assert places_of_secrets(person) == []


def told(person: Person) -> list[tuple[str, str, str]]:
    """Return who has told what, and how far it has come, without what Orchestra itself has told."""
    messages = [(one["sender"], one["kind"], one["state"]) for one in person.json("inbox")]
    return [one for one in messages if one[1] != "notice"]


def places_of_secrets(person: Person) -> list[str]:
    """Return every place, other than the one in memory that is mounted, that holds the key or a session's token."""
    assert len([file for file in files_below(person.place / "run") if file.name == "token"]) == 2
    return hiding_places(person, [journeys.KEY])


def test_a_killed_executor_comes_back_in_the_same_conversation(begin: Begin) -> None:
    """Killed in the middle of a turn it goes on by itself; killed at its prompt it waits there."""
    run = Call("Bash", {"command": "echo FIRST STEP", "description": "x"})
    scene = begin(
        lambda _: [
            Rule([run], user="Do the thing", times=1),
            Rule([Say("never heard")], result="FIRST STEP", hold="gate", times=1),
            Rule([Say("IT WENT ON")], user="You were interrupted"),
            Rule([Say("IT REMEMBERS")], user="Remember"),
        ]
    )
    person, model = scene.person, scene.model
    person.sit_down("up")
    person.sees("❯", within=SLOW)
    person.orchestra("new", "Add Kelvin", "--task", "Do the thing")
    model.wait_for(lambda one: "FIRST STEP" in one.result, deadline=SLOW)
    # What Claude Code has not written down yet, a kill takes with it.
    eventually(lambda: "tool_result" in written(person), what="it is written down")

    kill(person, NAME)
    person.waits_for(NAME, "failed", within=SLOW)
    person.orchestra("resume", NAME)
    back = model.wait_for(lambda one: "You were interrupted" in one.user, deadline=SLOW)
    assert "Do the thing" in back.everything
    assert "FIRST STEP" in back.everything
    assert journeys.SEND in back.tools
    person.waits_for(NAME, "idle", within=SLOW)

    before = len(model.conversation())
    kill(person, NAME)
    person.waits_for(NAME, "failed", within=SLOW)
    person.orchestra("up", "--detach")
    person.waits_for(NAME, "idle", within=SLOW)
    assert len(model.conversation()) == before
    person.orchestra("send", NAME, "Remember?")
    last = model.wait_for(lambda one: "Remember" in one.user, deadline=SLOW)
    assert "IT WENT ON" in last.everything


def written(person: Person) -> str:
    """Return what the agents' programs themselves remember of their conversations."""
    files = [file for file in files_below(person.home.root) if file.match(".claude/projects/*/*.jsonl")]
    return "".join(file.read_text(errors="replace") for file in files)


def kill(person: Person, name: str) -> None:
    """Kill a session's container, as the kernel does when memory runs out."""
    (container,) = [one for one in person.engine("container") if one.endswith(name)]
    assert person.run("docker", "kill", container).returncode == 0


@pytest.mark.parametrize("moment", ["the end of its turn", "the end of a tool"])
def test_a_message_to_a_busy_agent_arrives_once(begin: Begin, moment: str) -> None:
    """Nothing is typed while it works; the hook that comes first brings it."""
    run = Call("Bash", {"command": "echo SECOND STEP", "description": "x"})
    held = Say("here ends the turn") if moment == "the end of its turn" else run
    scene = begin(
        lambda _: [
            Rule([held], user="Do the thing", hold="gate", times=1),
            Rule([Say("THE LAST WORD")]),
        ]
    )
    person, model = scene.person, scene.model
    person.sit_down("up", "--sandbox", "docker")
    person.sees("❯", within=SLOW)
    person.orchestra("new", "Add Kelvin", "--task", "Do the thing")
    model.wait_for(lambda one: "Do the thing" in one.user, deadline=SLOW)
    person.orchestra("send", NAME, "PURPLE")
    assert person.session(NAME)["unread"] == 1
    model.release("gate")
    arrived = model.wait_for(lambda one: "PURPLE" in one.everything, deadline=SLOW)
    assert ("SECOND STEP" in arrived.result) == (moment == "the end of a tool")
    person.waits_for(NAME, "idle", within=SLOW)
    eventually(lambda: [one["state"] for one in person.json("inbox", NAME)] == ["read"])
    assert scene.last_of(journeys.EXECUTOR).count("[message 1 from the person]") == 1
    assert "typed" not in {event["kind"] for event in person.json("log", NAME)}


def test_nothing_is_typed_while_it_asks_for_permission(begin: Begin) -> None:
    """Enter would approve the command; the message arrives once the person has decided."""
    risky = Call("Bash", {"command": "touch /tmp/it-ran && echo IT RAN", "description": "x"})
    rules = [Rule([risky], user="Do the thing", times=1), Rule([Say("THE LAST WORD")])]
    scene = begin(lambda _: rules)
    person, model = scene.person, scene.model
    careful(person)
    person.sit_down("up")
    person.sees("❯", within=SLOW)
    person.orchestra("new", "Add Kelvin", "--task", "Do the thing", "--agent", "careful")
    person.waits_for(NAME, "waiting", within=SLOW)
    person.goes_to_control()
    person.selects(NAME)
    person.press("Enter")
    person.sees("Do you want to proceed?")
    asked = len(model.conversation())
    person.orchestra("send", NAME, "PURPLE")
    stays_so(lambda: "PURPLE" not in person.screen() and person.session(NAME)["state"] == "waiting")
    person.sees("Do you want to proceed?", "❯ 1. Yes")
    assert len(model.conversation()) == asked
    assert person.session(NAME)["unread"] == 1
    person.press("1")
    last = model.wait_for(lambda one: "PURPLE" in one.everything, deadline=SLOW)
    assert "IT RAN" in last.everything
    person.waits_for(NAME, "idle", within=SLOW)
    assert scene.last_of(journeys.EXECUTOR).count("[message 1 from the person]") == 1


def test_a_draft_is_left_alone_and_the_message_arrives_once(begin: Begin) -> None:
    """However long a person thinks, nothing is added to their words and nothing sends them but they themselves."""
    scene = begin(lambda _: [Rule([Say("THE LAST WORD")])])
    person, model = scene.person, scene.model
    person.sit_down("up")
    person.sees("❯", "1 session", within=SLOW)
    person.waits_for("main", "idle")
    person.press("Enter")
    eventually(lambda: person.focus() == "agent", what="the designer has the keys")
    person.types("half of a thou")
    person.sees("half of a thou")
    person.orchestra("send", "main", "PURPLE")
    # One look may come in the middle of a repainting.
    stays_so(lambda: person.sees("❯\xa0half of a thou", within=2))
    assert not any("half" in one.everything for one in model.conversation())
    person.types("ght")
    person.sees("half of a thought")
    person.press("Enter")
    sent = model.wait_for(lambda one: "half of a thou" in one.user, deadline=SLOW)
    assert sent.user == "half of a thought"
    assert sent.everything.count("[message 1 from the person]") == 1


def careful(person: Person) -> None:
    """Give the person a profile of their own: Claude Code that asks before it does something."""
    profile = yaml.safe_load(load("claude").source.read_text())
    profile["in_container"] = ["--permission-mode", "default"]
    person.home.agents.mkdir(parents=True)
    (person.home.agents / "careful.yaml").write_text(json.dumps(profile))


def stays_so(true: Callable[[], object], *, seconds: float = 8) -> None:
    """See that something stays true for longer than the service waits before it types."""
    over = threading.Event()
    timer = threading.Timer(seconds, over.set)
    timer.start()
    try:
        while not over.wait(0.2):
            assert true()
    finally:
        timer.cancel()


def test_the_image_knows_no_secret(claude_image: str) -> None:
    """Neither its history nor its settings name a key."""
    done = subprocess.run(
        ("docker", "image", "inspect", claude_image), capture_output=True, text=True, timeout=30, check=True
    )
    assert "ANTHROPIC" not in done.stdout
