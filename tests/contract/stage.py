"""Where every profile plays the same situations: a person, their project, the model, and what a driver must say.

A new profile takes one module here, named after it, with a ``DRIVER``; for an agent with a model
that is a `scripted.Scripted` with a few lines of data.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

import pytest

from orchestra.actions.session.manage import row
from orchestra.model import PermissionRequest
from orchestra.store import Store
from tests.support.models.server import ModelServer
from tests.support.person import OWN, Person, eventually

SLOW = 60.0
"""Seconds that a turn of a real agent program may take on a busy machine."""
DESIGNER = "main"
EVERY_AGENT = os.environ.get("ORCHESTRA_TEST_AGENTS") == "all"
"""Whether profiles play that a usual run leaves out; read at once, for a test sees none of the caller's settings."""


@dataclass(frozen=True, slots=True)
class Talk:
    """The agent says something."""

    text: str


@dataclass(frozen=True, slots=True)
class Rest:
    """The agent ends its turn, and goes on with the next move when a message comes."""

    text: str = "I rest."


@dataclass(frozen=True, slots=True)
class Send:
    """The agent sends the designer a message."""

    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """The agent reports."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Shell:
    """The agent runs a command; one that must not do so without asking asks."""

    command: str


@dataclass(frozen=True, slots=True)
class Both:
    """The agent wants to run commands at once."""

    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """The agent is busy until the test lets it go on."""

    gate: str = "gate"


Move: TypeAlias = Talk | Rest | Send | Report | Shell | Both | Hold


class Ability(StrEnum):
    """What an agent may lack by its nature."""

    MODEL = "it asks a model, and gets our tools declared in its first request"
    TURNS = "its program tells when it works and when it rests"
    HEARS = "messages reach it by themselves"
    HEARS_BESIDE = "messages reach it while a person's draft stands in its prompt"
    ASKS = "it asks for permission"
    REMEMBERS = "it has a conversation that survives a restart"


@dataclass(frozen=True)
class Message:
    """A message that the person sent to a session."""

    id: int
    text: str


class Driver(Protocol):
    """What a profile's own module says.

    ``lacks`` gives the reason for every ability the agent has not; the suite then asserts what is
    documented instead. ``ready`` stands in the window of an agent at rest, ``dialogs`` never.
    ``only_with_agents`` gives the reason why it does not play in every run, and is empty otherwise.
    ``asks_at_once`` says whether it asks for several commands before any is answered, ``waits_for_all`` whether it then
    runs none until each is. ``interrupt`` are the keys that end its turn while it asks, ``prompts`` moves that make one
    ask that asks for no permission.
    ``brings`` is a directory of what the person has in their home for it: the profile, where it is not built in.
    """

    profile: ClassVar[str]
    only_with_agents: ClassVar[str]
    lacks: ClassVar[Mapping[Ability, str]]
    ready: ClassVar[str]
    dialogs: ClassVar[tuple[str, ...]]
    secret: ClassVar[str]
    brings: ClassVar[Path | None]
    asks_at_once: ClassVar[bool]
    waits_for_all: ClassVar[bool]
    interrupt: ClassVar[tuple[str, ...]]
    prompts: ClassVar[tuple[Move, ...]]

    def settings(self, model: ModelServer, /) -> Mapping[str, str]:
        """Return what the person's environment holds for this agent."""

    def play(self, stage: Stage, name: str, *moves: Move, asks: bool = False) -> None:
        """Make a session whose agent makes these moves; one that ``asks`` needs permission for commands."""

    def began(self, stage: Stage, name: str) -> bool:
        """Say whether a session's agent has begun with its task, as far as that is seen."""

    def let_go(self, stage: Stage, name: str, gate: str = "gate") -> None:
        """Let a busy agent go on."""

    def allow(self, stage: Stage, name: str) -> None:
        """Answer an open question for permission with yes, as the person does."""

    def copies(self, stage: Stage, name: str, *messages: Message) -> list[int]:
        """Return how often each of a session's messages reached its agent."""

    def submitted(self, stage: Stage, name: str) -> list[str]:
        """Return what the agent took for words that a person typed and sent."""

    def remembers(self, stage: Stage, name: str, text: str) -> bool:
        """Say whether the agent's conversation, as it is now, holds a text."""


@dataclass
class Stage:
    """A person whose executors are agents of one profile, and whose designer plays no part."""

    person: Person
    model: ModelServer
    driver: Driver

    def lacks(self, ability: Ability) -> bool:
        """Say whether the profile has a reason not to be able to do something."""
        return ability in self.driver.lacks

    def play(self, name: str, *moves: Move, asks: bool = False) -> str:
        """Have a session of that name made, and return the name."""
        self.driver.play(self, name, *moves, asks=asks)
        return name

    def new(self, name: str, task: str = "", agent: str = "") -> None:
        """Have an executor made."""
        words = (*(("--task", task) if task else ()), *(("--agent", agent) if agent else ()))
        self.person.orchestra("new", name, *words)

    def row(self, name: str) -> dict[str, Any]:
        """Return what the list shows of a session, read from where the list reads it; empty without one."""
        session = self.store.sessions.find(name)
        return row(session, self.store.messages.unread_counts().get(name, 0)) if session else {}

    def is_in(self, name: str, *states: str) -> None:
        """Wait until a session is shown in one of the states, with what speaks for it."""
        eventually(lambda: self.row(name).get("state") in states, within=SLOW, what=f"{name} is {states}")
        seen = self.row(name)
        assert seen["evidence"]
        assert seen["state_since"]

    def rests(self, name: str) -> None:
        """Wait until the agent has begun and is shown at rest, as far as its program tells."""
        eventually(lambda: self.driver.began(self, name), within=SLOW, what=f"{name} begins")
        self.is_in(name, *(("idle",) if not self.lacks(Ability.TURNS) else ("unknown", "working")))
        eventually(lambda: self.driver.ready in self.screen(name), within=SLOW, what=f"{name} is ready")

    def send(self, name: str, text: str) -> Message:
        """Send a message to a session, as the person."""
        return Message(self.person.json("send", name, text)["id"], text)

    def states(self, name: str) -> list[str]:
        """Return how far each of a session's messages has come."""
        return [one.state.value for one in self.store.messages.select(recipient=name)]

    def arrives(self, name: str, *messages: Message) -> None:
        """Wait until each message reached the agent, once; and see that none comes twice or is left over."""
        wanted = [1] * len(messages)
        eventually(lambda: all(self.copies(name, *messages)), within=SLOW, what=f"{messages} reach {name}")
        self.rests(name)
        eventually(lambda: self.row(name)["unread"] == 0, what="nothing is unread")
        self.stays(lambda: self.copies(name, *messages) == wanted, seconds=1, what=lambda: self.copies(name, *messages))

    def copies(self, name: str, *messages: Message) -> list[int]:
        """Return how often each message reached the agent."""
        return self.driver.copies(self, name, *messages)

    def stays(self, true: Callable[[], bool], *, seconds: float, what: Callable[[], object] = lambda: "") -> None:
        """See that something stays true for a while; fails with what ``what`` returns then."""
        over = threading.Event()
        timer = threading.Timer(seconds, over.set)
        timer.start()
        try:
            while not over.wait(0.2):
                assert true(), what()
        finally:
            timer.cancel()

    # What it asks permission for.

    def requests(self, name: str, count: int = 1) -> list[PermissionRequest]:
        """Wait until a session has so many open requests, and return them, oldest first."""

        def found() -> list[PermissionRequest]:
            requests = self.open_requests(name)
            return requests if len(requests) == count else []

        try:
            return eventually(found, within=SLOW, what=f"{name} asks for {count}")
        except pytest.fail.Exception as failed:
            pytest.fail(f"{failed}; the list says {self.row(name)}, its window shows:\n{self.screen(name)}")

    def open_requests(self, name: str) -> list[PermissionRequest]:
        """Return the requests of a session that are open now, oldest first."""
        return [one for one in self.store.permissions.open() if one.session == name]

    # The window, the container, the state.

    def screen(self, name: str) -> str:
        """Read a session's window."""
        return self.person.tmux("capture-pane", "-p", "-t", str(self.row(name)["window"]), server=OWN)

    def key(self, name: str, *keys: str) -> None:
        """Press keys in a session's window."""
        window = str(self.row(name)["window"])
        for key in keys:
            self.person.tmux("send-keys", "-t", window, key, server=OWN)

    def line(self, name: str, text: str) -> None:
        """Type a line in a session's window and press Enter."""
        self.person.tmux("send-keys", "-l", "-t", str(self.row(name)["window"]), text, server=OWN)
        self.key(name, "Enter")

    def container(self, name: str) -> str:
        """Return the name of a session's container."""
        (found,) = [one for one in self.person.engine("container") if one.endswith(f"-{name}")]
        return found

    def printed(self, name: str) -> str:
        """Return all that a session's window ever showed, long lines whole."""
        window = str(self.row(name)["window"])
        return self.person.tmux("capture-pane", "-p", "-J", "-S", "-", "-t", window, server=OWN)

    def worktree(self, name: str) -> Path:
        """Return a session's worktree."""
        return Path(self.row(name)["worktree"])

    def processes(self, name: str) -> list[str]:
        """Return the command lines of every process on the machine that belongs to a session's agent."""
        marks = (f"ORCHESTRA_SESSION={name}\0".encode(), f"ORCHESTRA_WORKTREE={self.worktrees / name}\0".encode())
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment = (entry / "environ").read_bytes() + b"\0"
                if all(mark in environment for mark in marks):
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return found

    @property
    def worktrees(self) -> Path:
        """The directory of this project's worktrees."""
        return self.person.home.root / "worktrees" / self.person.repository.name

    @cached_property
    def store(self) -> Store:
        """What the service writes down."""
        return Store.open(self.database)

    @property
    def database(self) -> Path:
        """The service's database."""
        return self.person.home.project(self.person.repository).database

    def passed(self, name: str) -> list[str]:
        """Return every state that a session has passed through, in order."""
        return [one.state.value for one in self.store.events.select(name, limit=10_000) if one.state is not None]


@contextmanager
def half_typed(stage: Stage, name: str) -> Iterator[None]:
    """Leave a person's half-typed words in a session's window while they look at another; then finish and send them."""
    person = stage.person
    person.sit_down("up")
    person.sees("main")
    person.orchestra("switch", name)
    person.sees(stage.driver.ready)
    for letter in "a half thou":
        person.press("Space" if letter == " " else letter)
    person.sees("a half thou")
    person.orchestra("switch", "main")
    yield
    person.orchestra("switch", name)
    person.sees("a half thou")
    person.press("g", "h", "t")
    # An Enter that is read together with letters would count as part of a paste.
    person.sees("ght")
    person.press("Enter")
    eventually(lambda: "a half thought" in stage.driver.submitted(stage, name), within=SLOW, what="the draft, alone")
    person.closes_the_terminal()


def in_order(wanted: list[str], seen: list[str]) -> bool:
    """Say whether all that is wanted was seen in that order, whatever else was seen between."""
    rest = iter(seen)
    return all(one in rest for one in wanted)


def documented(driver: Driver, ability: Ability) -> str:
    """Return the reason why an agent cannot do something; fails the test where none is given."""
    reason = driver.lacks.get(ability, "")
    if len(reason.split()) < 4:
        pytest.fail(f"{driver.profile} gives no reason for: {ability}")
    return reason
