"""The real opencode with only the model scripted: what its launch files and bridge promise."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestra.agents import FAMILIES
from orchestra.model import Sign
from tests.support.fetched import opencode_program
from tests.support.launch_files import a_session, lay_out_for
from tests.support.mcp_stub import TOKEN, McpStub, until
from tests.support.models.server import Call, ModelServer, Rule, Say
from tests.support.running import processes_with

KEY = "key-of-the-person"
REPORT = "orchestra_report"
TASK = "Please report."
MESSAGE = "[message 7 from main]\n> Use tabs."
SLOW = 60.0
"""Seconds for a start, which takes 6 on a machine with nothing else to do."""

USUAL = frozenset({
    "test_its_first_request_has_the_tools_the_role_and_the_key_even_from_a_slow_service",
    "test_a_message_wakes_it_and_leaves_a_persons_draft_alone",
    "test_while_it_asks_for_permission_no_message_is_fetched",
    "test_killed_in_a_turn_it_goes_on_in_the_same_conversation",
    "test_a_closed_window_is_told_and_leaves_nothing_running",
})  # fmt: skip
"""What every run plays; the rest is for ``make test-agents``."""


class Terminal:
    """A private tmux server with one opencode in it, in an environment of its own."""

    def __init__(self, place: Path, program: Path, stub: McpStub, model: ModelServer) -> None:
        self.place = place
        self.stub = stub
        self.model = model
        self.worktree = place / "worktree"
        self.worktree.mkdir(parents=True)
        self.session = a_session(self.worktree, agent="opencode")
        self.starts = 0
        (place / "person").mkdir()
        (place / "bin").mkdir()
        (place / "bin" / "opencode").symlink_to(program)

    def tmux(self, *arguments: str) -> str:
        # A server of its own for every start: one that is ending may still take a new session, and lose it.
        socket = f"opencode-{self.starts}"
        done = subprocess.run(["tmux", "-L", socket, *arguments], capture_output=True, text=True, check=False)
        return done.stdout

    def start(self, *, task: str = TASK, nudge: str = "") -> None:
        made = lay_out_for(self.place, self.session, self.stub.url, task=task, nudge=nudge, token=TOKEN)
        secrets = {"BASE_URL": f"{self.model.url()}/v1", "API_KEY": KEY, "MODEL": "scripted"}
        for name, value in secrets.items():
            (self.place / "secrets" / f"OPENAI_COMPATIBLE_{name}").write_text(value)
        clean = ["env", "-i", f"PATH={self.place}/bin:/usr/bin:/bin", f"HOME={self.place}/person", "LANG=C.UTF-8"]
        size = ("-x", "120", "-y", "50")
        self.starts += 1
        self.tmux("-f", "/dev/null", "new-session", "-d", *size, *clean, "TERM=tmux-256color", *made.command)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def shows(self, text: str) -> None:
        until(lambda: text in self.screen(), deadline=SLOW, what=self.screen())

    def signs(self) -> list[Sign]:
        return [
            sign for event, payload in list(self.stub.hooks) for sign, _ in FAMILIES["opencode"].signs(event, payload)
        ]

    def used(self) -> list[tuple[str, float | None]]:
        """Return the model of each report about its use, and how full the context is."""
        told = [FAMILIES["opencode"].usage("Usage", payload) for payload in self.stub.payloads("Usage")]
        return [(each.model, each.context) for each in told if each]

    def signed(self, sign: Sign, *, times: int = 1) -> None:
        until(lambda: self.signs().count(sign) >= times, deadline=SLOW, what=f"{self.stub.hooks}\n{self.screen()}")

    def message(self, text: str) -> None:
        """Let the service have a message, as long as nobody fetches it."""
        self.stub.replies["Inbox"] = [{"text": text}]
        self.stub.replies["AwaitMessages"] = [{"waiting": True}]

    def processes(self) -> list[str]:
        """Return what still runs for this session, by what only its own processes have in their environment."""
        return processes_with(f"ORCHESTRA_AGENT_HOME={self.place / 'home'}")

    def bridges(self) -> list[int]:
        """Return the process ids of the bridge."""
        done = subprocess.run(["pgrep", "-f", f"{self.place}/agent/bridge.py"], capture_output=True, check=False)
        return [int(one) for one in done.stdout.split()]

    def kill(self) -> None:
        """Kill the agent as the kernel would, and everything of its window."""
        self.tmux("run-shell", "kill -9 #{pane_pid}")
        self.tmux("kill-server")
        until(lambda: not self.processes(), what=str(self.processes()))


@pytest.fixture(scope="session")
def opencode() -> Path:
    """The opencode that the built-in profile names."""
    return opencode_program()


@pytest.fixture
def start(tmp_path: Path, opencode: Path) -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def one(stub: McpStub, model: ModelServer) -> Terminal:
        made.append(Terminal(tmp_path / "session", opencode, stub, model))
        return made[-1]

    yield one
    for terminal in made:
        terminal.kill()


def reporting() -> list[Rule]:
    call = Call(REPORT, {"kind": "complete", "message": "x"})
    return [Rule([call], user=TASK, times=1), Rule([Say("THE END")], result="reported"), Rule([Say("ANSWERED")])]


def test_its_first_request_has_the_tools_the_role_and_the_key_even_from_a_slow_service(
    start: Callable[..., Terminal],
) -> None:
    with McpStub(tools_delay=3) as stub, ModelServer(reporting()) as model:
        terminal = start(stub, model)
        terminal.start()
        first = model.wait_for(lambda one: TASK in one.user, deadline=SLOW)
        assert len(model.conversation()) == 1
        assert REPORT in first.tools
        assert (first.key, first.model) == (KEY, "scripted")
        assert "You are an executor in Orchestra" in first.system
        terminal.shows("THE END")
        assert stub.called == [{"kind": "complete", "message": "x"}]


class Stumbling(McpStub):
    """A service whose first list of tools nobody can read: opencode gives up on it then."""

    def result(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "tools/list" and not self.listed.is_set():
            self.listed.set()
            return {"tools": "none"}
        return super().result(method, params)


def test_it_does_not_begin_before_a_service_that_stumbled_has_given_it_its_tools(
    start: Callable[..., Terminal],
) -> None:
    with Stumbling() as stub, ModelServer(reporting()) as model:
        start(stub, model).start()
        assert REPORT in model.wait_for(lambda one: TASK in one.user, deadline=SLOW).tools


def test_its_turn_is_told_in_the_order_it_happens_with_its_cost(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer(reporting()) as model:
        terminal = start(stub, model)
        terminal.start()
        terminal.signed(Sign.TURN_ENDED)
        wanted = [
            *(Sign.LAUNCHED, Sign.READY, Sign.TURN_STARTED),
            *(Sign.TOOL_USED, Sign.TOOL_USED, Sign.TURN_ENDED),
        ]
        assert terminal.signs() == wanted
        assert stub.payloads("TurnEnded") == [{"text": "THE END"}]
        until(lambda: ("compatible/scripted", 0.1) in terminal.used(), what=f"{stub.payloads('Usage')}")
        until(lambda: any(payload.get("tokens", {}).get("input") for payload in stub.payloads("Usage")))


def test_a_message_wakes_it_and_leaves_a_persons_draft_alone(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer(reporting()) as model:
        terminal = start(stub, model)
        terminal.start()
        terminal.signed(Sign.TURN_ENDED)
        terminal.shows("THE END")
        terminal.tmux("send-keys", "-l", "half a thought")
        terminal.shows("half a thought")
        terminal.message(MESSAGE)
        terminal.shows("ANSWERED")
        assert model.conversation()[-1].user == MESSAGE
        terminal.shows("half a thought")
        terminal.signed(Sign.TURN_ENDED, times=2)
        assert stub.payloads("TurnStarted")[-1] == {"text": MESSAGE}


def test_while_it_asks_for_permission_no_message_is_fetched(start: Callable[..., Terminal]) -> None:
    shell = Call("bash", {"command": "echo $((40 + 2))", "description": "count"})
    rules = [Rule([shell], user=TASK, times=1), Rule([Say("COUNTED")], result="42"), Rule([Say("ANSWERED")])]
    with McpStub() as stub, ModelServer(rules) as model:
        terminal = start(stub, model)
        terminal.start()
        terminal.signed(Sign.PROMPTED)
        terminal.shows("Permission required")
        terminal.message(MESSAGE)
        asked = len(stub.payloads("Inbox"))
        ((_, text),) = FAMILIES["opencode"].signs("Prompted", stub.payloads("Prompted")[0])
        assert text == "asks for permission: runs echo $((40 + 2))"
        quiet = time.monotonic() + 2
        while time.monotonic() < quiet:
            assert (len(stub.payloads("Inbox")), len(model.conversation())) == (asked, 1)
        terminal.shows("Permission required")
        terminal.tmux("send-keys", "Enter")
        terminal.shows("ANSWERED")
        assert [one.result for one in model.conversation() if one.result] == ["42\n"]
        ended = FAMILIES["opencode"].call("ToolUsed", stub.payloads("ToolUsed")[-1])
        assert ended is not None
        assert (ended.subject, ended.code) == ("echo $((40 + 2))", 0)
        told = terminal.signs()
        assert told.index(Sign.PROMPTED) < told.index(Sign.TURN_ENDED)
        assert stub.payloads("PromptAnswered") == [{}]


def test_killed_in_a_turn_it_goes_on_in_the_same_conversation(start: Callable[..., Terminal]) -> None:
    rules = [Rule([Say("WENT ON")], user="Go on"), Rule([Say("slow")], user=TASK, hold="gate")]
    with McpStub() as stub, ModelServer(rules) as model:
        terminal = start(stub, model)
        terminal.start()
        first = model.wait_for(lambda one: TASK in one.user, deadline=SLOW)
        terminal.signed(Sign.TURN_STARTED)
        terminal.kill()
        terminal.start(nudge="Go on where you were.")
        again = model.wait_for(lambda one: "Go on" in one.user, deadline=SLOW)
        assert TASK in again.everything
        assert again.session == first.session
        terminal.shows("WENT ON")
        assert {"text": "resume"} in stub.payloads("Ready")


def test_without_a_task_it_waits_at_its_prompt_until_a_message_comes(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer(reporting()) as model:
        terminal = start(stub, model)
        terminal.start(task="")
        terminal.signed(Sign.READY)
        terminal.shows("ctrl+p commands")
        assert model.asked == []
        terminal.message(MESSAGE)
        terminal.shows("ANSWERED")
        assert REPORT in model.conversation()[0].tools
        assert list((terminal.place / "person").rglob("*")) == []
        assert list(terminal.worktree.iterdir()) == []


def test_a_killed_bridge_comes_back_and_knows_what_was_handed_over(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer(reporting()) as model:
        terminal = start(stub, model)
        terminal.start(task="")
        terminal.signed(Sign.READY)
        terminal.message(MESSAGE)
        terminal.signed(Sign.TURN_ENDED)
        for process in terminal.bridges():
            os.kill(process, 9)
        terminal.signed(Sign.READY, times=2)
        terminal.message("[message 8 from main]\n> More.")
        terminal.signed(Sign.TURN_ENDED, times=2)
        assert stub.payloads("Inbox")[-1] == {"prompt": "[message 7 from main]"}
        assert [one.user for one in model.conversation()] == [MESSAGE, "[message 8 from main]\n> More."]


def test_a_closed_window_is_told_and_leaves_nothing_running(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer(reporting()) as model:
        terminal = start(stub, model)
        terminal.start()
        terminal.signed(Sign.TURN_ENDED)
        terminal.tmux("kill-server")
        terminal.signed(Sign.ENDED)
        until(lambda: not terminal.processes(), what=str(terminal.processes()))


def test_a_model_that_refuses_is_a_turn_that_failed(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer([Rule(status=400)]) as model:
        terminal = start(stub, model)
        terminal.start()
        terminal.signed(Sign.TURN_FAILED)
        assert "scripted failure" in str(stub.payloads("TurnFailed"))
        assert Sign.TURN_ENDED not in terminal.signs()
