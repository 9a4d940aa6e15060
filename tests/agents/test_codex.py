"""The real Codex with only the model scripted: what its launch files promise, seen on the program itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestra.agents import FAMILIES, Usage
from orchestra.events import Outcome
from orchestra.model import Sign
from tests.support.fetched import codex_program
from tests.support.launch_files import a_session, lay_out_for
from tests.support.mcp_stub import TOKEN, McpStub, until
from tests.support.models.server import Call, ModelServer, Rule, Say
from tests.support.running import processes_with

KEY = "sk-dummy-0123456789"
REPORT = "mcp__orchestra__report"
TASK = "Please report."
OLDER = "gpt-5.5"
"""A model that Codex would ask to leave, and that calls its tools one by one."""
REPORTS = Call(REPORT, {"kind": "complete", "message": "x"})


class Terminal:
    """A private tmux server with one Codex in it, in an environment of its own."""

    def __init__(self, place: Path, program: Path, stub: McpStub, model: ModelServer) -> None:
        self.place = place
        self.stub = stub
        self.model = model
        self.worktree = place / "work.tree"
        self.worktree.mkdir(parents=True)
        self.session = a_session(self.worktree, agent="codex")
        self.starts = 0
        (place / "person").mkdir()
        (place / "bin").mkdir()
        (place / "bin" / "codex").symlink_to(program)

    def tmux(self, *arguments: str) -> str:
        # A server of its own for every start: one that is ending may still take a new session, and lose it.
        socket = f"codex-{self.starts}"
        done = subprocess.run(["tmux", "-L", socket, *arguments], capture_output=True, text=True, check=False)
        return done.stdout

    def start(self, *, task: str = TASK, nudge: str = "", model: str = "", key: str = KEY) -> None:
        session = replace(self.session, model=model)
        made = lay_out_for(self.place, session, self.stub.url, task=task, nudge=nudge, token=TOKEN)
        (self.place / "secrets" / "OPENAI_API_KEY").write_text(key)
        (self.place / "secrets" / "OPENAI_BASE_URL").write_text(f"{self.model.url()}/v1")
        clean = ["env", "-i", f"PATH={self.place}/bin:/usr/bin:/bin", f"HOME={self.place}/person", "LANG=C.UTF-8"]
        size = ("-x", "120", "-y", "50")
        self.starts += 1
        self.tmux("-f", "/dev/null", "new-session", "-d", *size, *clean, "TERM=tmux-256color", *made.command)

    @property
    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def shows(self, text: str) -> None:
        until(lambda: text in self.screen, what=self.screen)

    def types(self, text: str) -> None:
        """Paste a text and press Enter once it is there, as the service does."""
        self.tmux("set-buffer", text)
        self.tmux("paste-buffer", "-p", "-d")
        self.shows(text)
        self.tmux("send-keys", "Enter")

    def kill(self) -> None:
        """Kill the agent as the kernel would, and everything of its window."""
        self.tmux("run-shell", "kill -9 #{pane_pid}")
        self.tmux("kill-server")
        until(lambda: not self.processes(), what=str(self.processes()))

    def processes(self) -> list[str]:
        """Return the commands of all processes that live in this session's environment."""
        return processes_with(f"CODEX_HOME={self.place}")

    def texts(self) -> list[str]:
        return [text for event, payload in self.stub.hooks for _, text in FAMILIES["codex"].signs(event, payload)]

    def signs(self) -> list[Sign]:
        return [sign for event, payload in self.stub.hooks for sign, _ in FAMILIES["codex"].signs(event, payload)]


@pytest.fixture(scope="session")
def codex() -> Path:
    """Codex itself, in the version that the built-in profile names."""
    return codex_program()


@pytest.fixture
def start(tmp_path: Path, codex: Path) -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def one(stub: McpStub, model: ModelServer) -> Terminal:
        made.append(Terminal(tmp_path / "session", codex, stub, model))
        return made[-1]

    yield one
    for terminal in made:
        terminal.kill()


@pytest.mark.parametrize("model", ["", OLDER, "a-model-nobody-knows"])
def test_the_first_request_has_the_tools_even_from_a_slow_service(start: Callable[..., Terminal], model: str) -> None:
    """Also with a model that Codex wants replaced: it asks nothing."""
    rules = [Rule([REPORTS], user=TASK, times=1), Rule([Say("THE END")])]
    with McpStub(tools_delay=1.5) as stub, ModelServer(rules) as server:
        terminal = start(stub, server)
        terminal.start(model=model)
        first = server.wait_for(lambda one: TASK in one.user)
        assert REPORT in first.tools
        assert first.key == KEY
        assert first.model == model or not model
        assert "You are an executor in Orchestra" in first.system
        terminal.shows("THE END")
        assert stub.called == [{"kind": "complete", "message": "x"}]
        assert not list((terminal.place / "person").rglob("*"))
        assert not list(terminal.worktree.iterdir())


def test_its_hooks_are_the_evidence_of_a_turn_and_its_files_tell_how_full_it_is(start: Callable[..., Terminal]) -> None:
    rules = [Rule([REPORTS], user=TASK, times=1), Rule([Say("THE END")])]
    with McpStub() as stub, ModelServer(rules) as server:
        terminal = start(stub, server)
        terminal.start(model=OLDER)
        until(lambda: stub.payloads("Stop") and len(stub.payloads("TokenCount")) == 2)
        assert terminal.signs() == [
            Sign.LAUNCHED,
            Sign.TURN_STARTED,
            Sign.TOOL_USED,
            Sign.TOOL_USED,
            Sign.TURN_ENDED,
        ]
        assert stub.payloads("Stop")[0]["last_assistant_message"] == "THE END"
        told = FAMILIES["codex"].usage("TokenCount", stub.payloads("TokenCount")[-1])
        assert told is not None
        assert told.counter
        assert replace(told, counter="", limit=None) == Usage(
            tokens_in=200, tokens_out=40, context=100 * 120 / 258400, model=OLDER
        )


def test_messages_reach_it_at_the_end_of_its_turn_as_many_as_there_are(start: Callable[..., Terminal]) -> None:
    rules = [Rule([Say("first")], user=TASK), Rule([Say("heard")], user="BLUE")]
    with McpStub() as stub, ModelServer(rules) as server:
        stub.replies["Stop"] = [
            FAMILIES["codex"].hook_reply("Stop", f"[from main] BLUE {number}") for number in range(10)
        ]
        start(stub, server).start()
        for number in range(10):
            server.wait_for(lambda one, number=number: f"[from main] BLUE {number}" in one.user)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        until(lambda: len(stub.payloads("Stop")) == 11)


@pytest.mark.parametrize("event", ["UserPromptSubmit", "PostToolUse"])
def test_a_busy_agent_gets_its_messages_between(start: Callable[..., Terminal], event: str) -> None:
    rules = [Rule([REPORTS], user=TASK, times=1), Rule([Say("THE END")])]
    with McpStub() as stub, ModelServer(rules) as server:
        stub.replies[event] = [FAMILIES["codex"].hook_reply(event, "[from main] PURPLE")]
        start(stub, server).start()
        server.wait_for(lambda one: "[from main] PURPLE" in one.injected)


def test_what_cannot_be_typed_beside_a_draft_reaches_it_and_the_draft_stays(start: Callable[..., Terminal]) -> None:
    rules = [Rule([Say("THE END")], user=TASK), Rule([Say("HEARD")], user="PURPLE")]
    with McpStub() as stub, ModelServer(rules) as server:
        terminal = start(stub, server)
        terminal.start()
        terminal.shows("THE END")
        until(lambda: stub.payloads("Stop"))
        terminal.tmux("send-keys", "-l", "half a thought")
        terminal.shows("half a thought")
        stub.replies["Listen"] = [{"text": "[message 7 from main]\n> PURPLE"}]
        terminal.shows("HEARD")
        terminal.shows("› half a thought")
        assert stub.payloads("UserPromptSubmit")[-1]["prompt"] == "[message 7 from main]\n> PURPLE"


def test_killed_it_comes_back_with_its_conversation_and_goes_on_when_told(start: Callable[..., Terminal]) -> None:
    rules = [
        Rule([Call(REPORT, {"kind": "progress", "message": "x"})], user=TASK, times=1),
        Rule([Say("slow")], result="reported", hold="gate"),
        Rule([Say("WENT ON")], user="Go on"),
    ]
    with McpStub() as stub, ModelServer(rules) as server:
        terminal = start(stub, server)
        terminal.start()
        server.wait_for(lambda one: "reported" in one.result)
        terminal.kill()
        terminal.start(nudge="Go on where you were.")
        resumed = server.wait_for(lambda one: "Go on" in one.user)
        assert TASK in resumed.everything
        assert REPORT in resumed.tools
        terminal.shows("WENT ON")


def test_killed_at_once_it_begins_with_its_task_again_or_knows_it(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer([Rule([Say("slow")], user=TASK, hold="gate")]) as server:
        terminal = start(stub, server)
        terminal.start()
        server.wait_for(lambda one: TASK in one.user)
        terminal.kill()
        terminal.start(nudge="Go on where you were.")
        until(lambda: len(server.conversation()) >= 2)
        assert TASK in server.conversation()[1].everything


def test_without_a_task_it_says_that_it_waits_at_its_prompt(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer([Rule([Say("HEARD")], user="Hello")]) as server:
        terminal = start(stub, server)
        terminal.start(task="", model=OLDER)
        until(lambda: terminal.signs() == [Sign.LAUNCHED, Sign.READY], what=terminal.screen)
        terminal.shows("›")
        assert "rust" not in terminal.screen
        assert server.conversation() == []
        terminal.types("[from main] Hello")
        terminal.shows("HEARD")
        until(lambda: terminal.signs()[-2:] == [Sign.TURN_STARTED, Sign.TURN_ENDED])


def test_without_a_login_it_shows_its_own_and_is_not_said_to_be_ready(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer() as server:
        terminal = start(stub, server)
        terminal.start(task="", key="")
        terminal.shows("Sign in")
        assert terminal.signs() == [Sign.LAUNCHED]


def test_a_permission_prompt_and_a_turn_cut_off_by_the_person_are_seen(start: Callable[..., Terminal]) -> None:
    command = {"cmd": "touch /x", "sandbox_permissions": "require_escalated", "justification": "to see"}
    with McpStub() as stub, ModelServer([Rule([Call("exec_command", command)], user=TASK)]) as server:
        terminal = start(stub, server)
        terminal.start(model=OLDER)
        until(lambda: stub.payloads("PermissionRequest"))
        # Its own screen comes once the hook that asks has ended without an answer.
        assert "Would you like to run" not in terminal.screen
        stub.replies["AskPermission"] = [{}]
        assert terminal.texts()[-1] == "asks for permission: runs touch /x"
        assert terminal.signs()[-1] is Sign.PROMPTED
        terminal.shows("Would you like to run")

        def refused() -> bool:
            # A key pressed in the moment the question is drawn is now and then lost.
            terminal.tmux("send-keys", "Escape")
            return "Would you like to run" not in terminal.screen

        until(refused)
        until(lambda: terminal.signs()[-1] is Sign.TURN_ENDED)


@pytest.mark.parametrize("model", ["", OLDER])
def test_how_its_commands_ended_is_told_also_of_one_that_went_on(start: Callable[..., Terminal], model: str) -> None:
    """The default model runs them from code that it writes."""
    commands: list[dict[str, Any]] = [{"cmd": "echo told; exit 3"}, {"cmd": "sleep 2; exit 5", "yield_time_ms": 300}]
    calls = [
        Call("exec_command", one) if model else Call("exec", {"input": f"await tools.exec_command({json.dumps(one)})"})
        for one in commands
    ]
    with McpStub() as stub, ModelServer([*(Rule([one], times=1) for one in calls), Rule([Say("THE END")])]) as server:
        start(stub, server).start(model=model)
        until(lambda: len(stub.payloads("CommandEnded")) == len(commands))
        found = [FAMILIES["codex"].call(event, payload) for event, payload in stub.hooks]
        told = {one.subject: one for one in found if one is not None and one.outcome is Outcome.FAILED}
        assert {subject: one.code for subject, one in told.items()} == {"echo told; exit 3": 3, "sleep 2; exit 5": 5}
        begun = {one.subject: one.key for one in found if one is not None and one.outcome is Outcome.BEGUN}
        assert begun == {subject: one.key for subject, one in told.items()}


def test_a_question_it_asks_in_its_window_is_seen_until_it_is_answered(start: Callable[..., Terminal]) -> None:
    """Codex asks so in its plan mode alone."""
    options = [{"label": "Red", "description": "r"}, {"label": "Blue", "description": "b"}]
    asked = {"questions": [{"id": "colour", "header": "Colour", "question": "Which one?", "options": options}]}
    rules = [Rule([Call("request_user_input", asked)], user=TASK), Rule([Say("THE END")])]
    with McpStub() as stub, ModelServer(rules) as server:
        terminal = start(stub, server)
        terminal.start(task="")
        until(lambda: stub.payloads("Ready"))
        terminal.shows("›")
        terminal.tmux("send-keys", "BTab")
        terminal.shows("Plan mode")
        terminal.types(TASK)
        terminal.shows("Which one?")
        until(lambda: terminal.signs()[-1] is Sign.PROMPTED, what=str(terminal.signs()))
        terminal.tmux("send-keys", "Enter")
        until(lambda: terminal.signs()[-1] is Sign.TURN_ENDED)


@pytest.mark.parametrize("model", ["", OLDER])
def test_what_it_does_is_told_in_a_few_words(start: Callable[..., Terminal], model: str) -> None:
    patch = "*** Begin Patch\n*** Add File: notes.md\n+hello\n*** End Patch"
    edits = (
        Call("apply_patch", {"input": patch})
        if model
        else Call("exec", {"input": f"await tools.apply_patch({patch!r})"})
    )
    rules = [Rule([edits], user=TASK, times=1), Rule([Say("THE END")])]
    with McpStub() as stub, ModelServer(rules) as server:
        terminal = start(stub, server)
        terminal.start(model=model)
        terminal.shows("THE END")
        assert (terminal.worktree / "notes.md").read_text() == "hello\n"
        until(lambda: "edits notes.md" in terminal.texts(), what=str(terminal.texts()))


def test_a_model_that_fails_is_told_of(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer([Rule(user=TASK, status=400)]) as server:
        start(stub, server).start(model=OLDER)
        until(lambda: stub.payloads("TurnFailed"))
        (told,) = FAMILIES["codex"].signs("TurnFailed", stub.payloads("TurnFailed")[0])
        assert told[0] is Sign.TURN_FAILED
        assert "scripted failure" in told[1]


def test_it_starts_where_the_service_is_gone(start: Callable[..., Terminal]) -> None:
    with ModelServer([Rule([Say("THE END")])]) as server:
        with McpStub() as stub:
            terminal = start(stub, server)
        terminal.start()
        until(lambda: "THE END" in terminal.screen, deadline=60, what=terminal.screen)


def test_when_its_window_goes_nothing_of_it_stays(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer([Rule([Say("THE END")])]) as server:
        terminal = start(stub, server)
        terminal.start()
        terminal.shows("THE END")
        assert any("watch.py" in line for line in terminal.processes())
        terminal.tmux("kill-server")
        until(lambda: not terminal.processes(), what=str(terminal.processes()))
