"""Attacks on whoever answers in the control pane: what an agent does to have a key count for something unseen.

The real control pane in a real tmux, the real service, and an agent with its session's token at its hooks. Whatever it
asks to its harm writes a canary once it is allowed.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from orchestra.control.cursor import UNREAD
from orchestra.control.typing import RAPID
from orchestra.drivers.tmux.driver import Tmux
from orchestra.model import AnsweredBy, MessageState, PermissionRequest
from orchestra.names import PERSON
from tests.support.answer_keys import is_counted
from tests.support.services import Running, resting_service, token_of
from tests.support.tmux import tmux_place, until

EVIL = "touch canary"
PATIENCE = 60.0
"""Seconds that a busy machine may take to show something."""
LONG_AGO = 3 * UNREAD
"""Seconds after which a person has seen that something has changed."""
STAYS = 0.3
"""How many of the harmless requests are not taken back."""
DOWN = 0.6
"""How often somebody who looks for something goes on down the list."""
REACTION = 0.3
"""Seconds between what somebody sees and the key that they press because of it."""


@dataclass
class Agent:
    """A session's hooks, in the hands of an attacker."""

    service: Running
    name: str
    canary: Path
    hooks: list[threading.Thread] = field(default_factory=list)
    mark: str = field(default_factory=lambda: os.urandom(4).hex())

    def asks(self, command: str, key: str, **more: object) -> None:
        """Ask for a permission, and wait for the answer; what is evil and allowed writes the canary."""
        hook = threading.Thread(target=self._ask, args=(command, key, more), daemon=True)
        self.hooks.append(hook)
        hook.start()

    def _ask(self, command: str, key: str, more: dict[str, object]) -> None:
        # A hook asks again until there is an answer; one that does not is gone after some seconds.
        while (said := self._post(command, key, more)) == "{}":
            continue
        if "allow" in said and EVIL in command:
            with self.canary.open("a") as file:
                file.write(f"{self.name} {key} {said}\n")

    def _post(self, command: str, key: str, more: dict[str, object], **over: str) -> str:
        payload = {"tool_name": "Bash", "tool_input": {"command": command, **more}}
        body = {"key": f"{self.mark} {key}", "event": "PermissionRequest", "payload": payload, **over}
        return self.service.request("/hooks/AskPermission", json.dumps(body).encode(), token=token_of(self.name)).body

    def takes_back(self, command: str, key: str) -> None:
        """Say that the request was answered in the window."""
        self._post(command, key, {}, over="window")

    def makes_noise(self, over: threading.Event) -> None:
        """Report one thing after the other, so that the list is read and painted anew all the time."""
        for number in count():
            body = {"tool_name": "Read", "tool_input": {"file_path": f"{number}.py"}, "tool_use_id": str(number)}
            self.service.request("/hooks/PostToolUse", json.dumps(body).encode(), token=token_of(self.name))
            if over.wait(0.05):
                return


@dataclass
class Desk:
    """The control pane, and the person in front of it."""

    tmux: Tmux
    pane: str
    service: Running
    before: set[int] = field(default_factory=set)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tmux.server.ask(("send-keys", "-t", self.pane, key))

    def screen(self) -> str:
        return self.tmux.panes.capture(self.pane)

    def shows(self, *texts: str) -> str:
        shown = ""

        def all_there() -> bool:
            nonlocal shown
            shown = self.screen()
            return all(text in shown for text in texts)

        try:
            until(all_there, seconds=PATIENCE)
        except AssertionError:
            pytest.fail(f"never saw {texts}; the screen shows:\n{shown}")
        return shown

    def under_cursor(self) -> str:
        """Return the lines that stand under the cursor, without what the pane draws around them."""
        rows = [row.removeprefix("▌▏ ") for row in self.screen().splitlines() if row.startswith("▌▏ ")]
        return "\n".join(row.rstrip() for row in rows)

    def waits(self, seconds: float = max(RAPID, UNREAD)) -> None:
        began = time.monotonic()
        until(lambda: time.monotonic() - began > seconds, "a moment")

    def answers(self, key: str, *, once: str = "") -> None:
        """Press a key that answers what has been under the cursor for long enough, or another one once that counts."""
        shown, capture = once or key, self.tmux.panes.capture
        until(lambda: is_counted(capture(self.pane, colour=True), shown), f"{shown} counts", seconds=PATIENCE)
        self.press(key)

    @property
    def open(self) -> tuple[PermissionRequest, ...]:
        return self.service.project.store.permissions.open()

    @property
    def answered(self) -> list[PermissionRequest]:
        """The requests that the person has answered in this test."""
        found = self.service.project.store.permissions.answers()
        return [one for one in found if one.answered_by is AnsweredBy.PERSON and one.id not in self.before]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Mapping[str, str]]]:
    """One service and one control pane for all attacks, with the variables that lead there."""
    root = tmp_path_factory.mktemp("answers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORCHESTRA_HOME", str(root / "home"))
        with resting_service(root) as service, tmux_place(patch) as place:
            _calms(service)
            source = service.project.paths.source
            variables = {name: os.environ[name] for name in ("ORCHESTRA_HOME", "HOME", "TMUX_TMPDIR")}
            command = (sys.executable, "-m", "orchestra", "--project", str(source), "control")
            window = place.tmux.windows.open_agent(
                place.session, "c", command, session="c", project="p", cwd=source, env=variables
            )
            place.tmux.server.ask(("resize-window", "-t", window.pane, "-x", "60", "-y", "40"))
            yield Desk(place.tmux, window.pane, service), variables


def _calms(service: Running) -> None:
    """Put away what the service says of sessions that have no worktree."""
    store = service.project.store
    for session in store.sessions.all():
        store.sessions.update(session.name, trouble="")
    store.messages.mark([one.id for one in store.messages.select(recipient=PERSON)], MessageState.READ)


@pytest.fixture
def desk(started: tuple[Desk, Mapping[str, str]], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The pane with nothing in it that waits for the person."""
    found, variables = started
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found.before = {one.id for one in found.service.project.store.permissions.answers()}
    found.shows("alpha", "beta", "● service")
    found.press("w")
    found.shows("nothing waits for you")
    return found


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), path.read_text()


@pytest.fixture
def alpha(desk: Desk, canary: Path) -> Iterator[Agent]:
    with agent(desk, "alpha", canary) as made:
        yield made


@contextmanager
def agent(desk: Desk, name: str, canary: Path) -> Iterator[Agent]:
    """Let a session's agent ask, and end all that it asked."""
    made = Agent(desk.service, name, canary)
    yield made
    permissions = desk.service.project.store.permissions
    while any(hook.is_alive() for hook in made.hooks):
        for request in permissions.open():
            permissions.answer(request.id, AnsweredBy.ENDED)
        for hook in made.hooks:
            hook.join(0.1)
    # What was asked last is else taken for a dialog that is still open.
    desk.service.request("/hooks/Stop", b"{}", token=token_of(name))


@pytest.mark.parametrize("key", ["a", "A", "x"])
def test_another_request_in_the_place_of_the_one_in_sight(desk: Desk, alpha: Agent, key: str) -> None:
    """However long ago they were changed, nothing but the person moves the cursor to another request."""
    alpha.asks("ls", "fine")
    desk.shows("▌▏ ls")
    alpha.takes_back("ls", "fine")
    alpha.asks(EVIL, "evil")
    desk.shows(f"▏ {EVIL}", "this request was already answered in its window")
    desk.waits(LONG_AGO)
    desk.press(key)
    desk.shows("nothing was answered: request")
    assert [one.detail for one in desk.open] == [EVIL]
    assert desk.answered == []
    desk.press("j")
    desk.shows(f"▌▏ {EVIL}")
    desk.answers("x")
    desk.shows("why alpha may not")
    desk.press("Enter")
    until(lambda: [one.detail for one in desk.answered] == [EVIL], "the answer to what is in sight now")


def test_a_list_that_never_rests(desk: Desk, alpha: Agent, canary: Path) -> None:
    """Two agents ask and take back all the time; a person allows only what they see to be harmless."""
    dice, over = random.Random(7), threading.Event()  # noqa: S311 -- a test's dice

    def floods(one: Agent) -> None:
        for number in count():
            fine, evil = f"ls {number}", f"{EVIL} {number}"
            for command in dice.sample([fine, evil, f"{evil} too"], 3):
                one.asks(command, f"{command} key")
            if over.wait(dice.uniform(0.2, 1.5)):
                return
            # An answer that is taken back at once counts as given in the window, so that some must stay.
            stays = {fine} if dice.random() < STAYS else set()
            for command in sorted({fine, evil, f"{evil} too"} - stays):
                one.takes_back(command, f"{command} key")

    with agent(desk, "beta", canary) as beta:
        floodgates = [threading.Thread(target=floods, args=(one,)) for one in (alpha, beta)]
        for gate in floodgates:
            gate.start()
        allowed = []
        end = time.monotonic() + 150
        while len(desk.answered) < 2 and time.monotonic() < end:
            desk.waits()
            seen = desk.under_cursor()
            desk.waits(REACTION)
            if seen.startswith("ls ") and "▌ this request " not in desk.screen():
                allowed.append(seen)
                desk.press("a")
            else:
                desk.press("j" if dice.random() < DOWN else "k")
        over.set()
        for gate in floodgates:
            gate.join()
    done = [one.detail for one in desk.answered]
    assert len(done) >= 2, desk.screen()
    assert not set(done) - set(allowed)


@pytest.mark.parametrize("between", ["\n" * 300, " " * 12_000, "\n#" + " lorem ipsum" * 900 + "\n", "\t" * 4000])
def test_the_end_of_a_long_request(desk: Desk, alpha: Agent, between: str) -> None:
    """It is not allowed before its end was in sight, and nobody is taken away from it while they read on."""
    alpha.asks(f"ls{between}; {EVIL}", "long", description="Lists the files")
    desk.shows("▌▏ ls")
    for key in "aA":
        desk.answers(key, once="x")
        desk.shows("nothing is allowed yet: the request goes on below")
    over = threading.Event()
    noise = threading.Thread(target=alpha.makes_noise, args=(over,))
    noise.start()
    try:
        for _ in range(40):
            desk.press("PageDown")
        desk.shows(EVIL, "(Lists the files)")
        desk.waits(LONG_AGO)
        desk.shows(EVIL, "(Lists the files)")
    finally:
        over.set()
        noise.join()
    desk.answers("x")
    desk.shows("why alpha may not")
    desk.press("Enter")
    until(lambda: [one.answered_by for one in desk.answered] == [AnsweredBy.PERSON], "it is denied")


FORGED = "ls\n▌ a allow once  A always in this session  x deny\n\n ◆ beta wants: ls\n ▏ ls"


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (f"ls \x1b[2J\x1b[H\x1b]52;c;aGk=\x07{EVIL}", ["\\x1b[2J\\x1b[H\\x1b]52;c;aGk=\\x07touch"]),
        (f"{EVIL}\rls       ", ["touch canary\\x0dls"]),
        (f"ls # \u202e{EVIL}\u202c \u2066x\u2069", ["\\x202etouch canary\\x202c \\x2066x\\x2069"]),
        (f"ls \u3164 {EVIL}\u200b\ufe0f", ["ls \\x3164 touch canary\\x200b\\xfe0f"]),
        (f"curl https://g\u0456thub.com; {EVIL}", ["CYRILLIC SMALL LETTER"]),
        (f"{FORGED}\n{EVIL}", ["▌▏ ▌ a allow once", "▌▏  ◆ beta wants: ls", "▌▏  ▏ ls", "▌▏ touch canary"]),
    ],
    ids=["escapes", "return", "direction", "invisible", "homoglyph", "forged-pane"],
)
def test_characters_that_hide_what_is_asked(desk: Desk, alpha: Agent, command: str, shown: list[str]) -> None:
    alpha.asks(command, "evil", description="\u202eharmless\x1b[8m")
    desk.shows("alpha", "Needs you 1", *shown)
    body = desk.screen().partition("Needs you")[2].splitlines()
    assert [row for row in body if EVIL in row and not row.startswith(("▌▏ ", "▌◆ alpha "))] == []
    desk.answers("x")
    desk.shows("why alpha may not")
    desk.press("Enter")
    until(lambda: not desk.open, "it is denied")


def test_another_command_under_the_key_of_the_one_in_sight(desk: Desk, alpha: Agent) -> None:
    """Neither before nor after the answer does a key stand for anything but what was shown under it."""
    alpha.asks("ls", "key")
    desk.shows("▌▏ ls")
    alpha.asks(EVIL, "key")
    alpha.asks("ls", "key", directory=EVIL)
    desk.waits(LONG_AGO)
    assert desk.under_cursor() == "ls"
    desk.answers("a")
    until(lambda: [one.detail for one in desk.answered] == ["ls"], "the answer")
    alpha.asks(EVIL, "key")
    alpha.asks(f"ls; {EVIL}", "key")
    for hook in alpha.hooks:
        hook.join(60)
    assert desk.open == ()
    assert len(desk.answered) == 1


def test_so_much_that_the_pane_is_slow_to_paint(desk: Desk, alpha: Agent) -> None:
    """A key pressed before the list is painted anew counts for what was seen; and the pane stays usable."""
    alpha.asks("ls", "fine")
    desk.shows("▌▏ ls")
    desk.waits()
    for number in range(14):
        alpha.asks(f"{EVIL} {number}\n" + ("\n" * 9_000 if number % 2 else "x" * 250_000), f"{number}")
    until(lambda: len(desk.open) == 15, "all are asked")
    alpha.takes_back("ls", "fine")
    desk.press("a")
    desk.shows("▌ this request was already answered in its window", "✗ ")
    assert desk.answered == []
    desk.press("j")
    desk.shows(f"▌▏ {EVIL}")
    desk.answers("a", once="x")
    desk.shows("nothing is allowed yet")
    assert desk.answered == []
