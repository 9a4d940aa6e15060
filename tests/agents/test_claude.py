"""The real Claude Code with only the model scripted: what its launch files promise, seen on the program itself."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestra.agents import FAMILIES
from orchestra.events import Outcome
from orchestra.model import Sign
from tests.support.fetched import claude_program
from tests.support.launch_files import a_session, lay_out_for
from tests.support.mcp_stub import TOKEN, McpStub, until
from tests.support.models.server import Call, ModelServer, Rule, Say
from tests.support.running import processes_with
from tests.support.trees import files_below

KEY = "sk-ant-api03-dummy-0123456789-0123456789"
REPORT = "mcp__orchestra__report"
TASK = "Please report."


class Terminal:
    """A private tmux server with one Claude Code in it, in an environment of its own."""

    def __init__(self, place: Path, program: Path, stub: McpStub, model: ModelServer) -> None:
        self.place = place
        self.stub = stub
        self.model = model
        self.worktree = place / "worktree"
        self.worktree.mkdir(parents=True)
        self.session = a_session(self.worktree)
        self.starts = 0
        (place / "person").mkdir()
        (place / "bin").mkdir()
        (place / "bin" / "claude").symlink_to(program)

    def tmux(self, *arguments: str) -> str:
        # A server of its own for every start: one that is ending may still take a new session, and lose it.
        socket = f"claude-{self.starts}"
        done = subprocess.run(["tmux", "-L", socket, *arguments], capture_output=True, text=True, check=False)
        return done.stdout

    def start(self, *, task: str = TASK, nudge: str = "", **given: str) -> None:
        made = lay_out_for(self.place, self.session, self.stub.url, task=task, nudge=nudge, token=TOKEN)
        for name, value in {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": self.model.url(), **given}.items():
            (self.place / "secrets" / name).write_text(value)
        clean = ["env", "-i", f"PATH={self.place}/bin:/usr/bin:/bin", f"HOME={self.place}/person", "LANG=C.UTF-8"]
        size = ("-x", "120", "-y", "50")
        self.starts += 1
        self.tmux("-f", "/dev/null", "new-session", "-d", *size, *clean, "TERM=tmux-256color", *made.command)

    def written(self) -> str:
        """Return what the program itself remembers of its conversations."""
        files = [file for file in files_below(self.place) if file.match("projects/*/*.jsonl")]
        return "".join(file.read_text(errors="replace") for file in files)

    def shows(self, text: str) -> None:
        until(lambda: text in self.tmux("capture-pane", "-p"), what=self.tmux("capture-pane", "-p"))

    def kill(self) -> None:
        """Kill the agent as the kernel would, and everything of its window."""
        self.tmux("run-shell", "kill -9 #{pane_pid}")
        self.tmux("kill-server")
        until(lambda: not self.processes(), what=str(self.processes()))

    def processes(self) -> list[str]:
        """Return the commands of all processes that live in this session's environment."""
        return processes_with(f"CLAUDE_CONFIG_DIR={self.place}")


@pytest.fixture(scope="session")
def claude() -> Path:
    """Claude Code itself, in the version that the built-in profile names."""
    return claude_program()


@pytest.fixture
def start(tmp_path: Path, claude: Path) -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def one(stub: McpStub, model: ModelServer) -> Terminal:
        made.append(Terminal(tmp_path / "session", claude, stub, model))
        return made[-1]

    yield one
    for terminal in made:
        terminal.kill()


def test_the_first_request_has_the_tools_even_from_a_slow_service(start: Callable[..., Terminal]) -> None:
    rules = [Rule([Call(REPORT, {"kind": "complete", "message": "x"})], user=TASK, times=1), Rule([Say("THE END")])]
    with McpStub(tools_delay=1.5) as stub, ModelServer(rules) as model:
        terminal = start(stub, model)
        terminal.start()
        first = model.wait_for(lambda one: TASK in one.user)
        assert REPORT in first.tools
        assert first.key == KEY
        assert "You are an executor in Orchestra" in first.system
        terminal.shows("THE END")
        assert stub.called == [{"kind": "complete", "message": "x"}]


def test_our_tools_are_there_where_it_searches_for_others(start: Callable[..., Terminal]) -> None:
    """At its makers' own service, and where the person wants it, Claude Code declares no other server's tools."""
    rules = [Rule([Call("Bash", {"command": "echo $((40 + 2))"})], user=TASK, times=1), Rule([Say("THE END")])]
    with McpStub() as stub, ModelServer(rules) as model:
        terminal = start(stub, model)
        terminal.start(ENABLE_TOOL_SEARCH="true")
        later = model.wait_for(lambda one: "42" in one.result)
        assert {"ToolSearch", REPORT} <= {*later.tools}


def test_its_hooks_are_the_evidence_of_a_turn(start: Callable[..., Terminal]) -> None:
    rules = [Rule([Call(REPORT, {"kind": "complete", "message": "x"})], user=TASK, times=1), Rule([Say("THE END")])]
    with McpStub() as stub, ModelServer(rules) as model:
        start(stub, model).start()
        until(lambda: stub.payloads("Stop") and stub.payloads("StatusLine"))
        found = [sign for event, payload in stub.hooks for sign, _ in FAMILIES["claude"].signs(event, payload)]
        assert found == [
            Sign.LAUNCHED,
            Sign.TURN_STARTED,
            Sign.TOOL_USED,
            Sign.TOOL_USED,
            Sign.TURN_ENDED,
        ]
        assert stub.payloads("Stop")[0]["last_assistant_message"] == "THE END"


def test_how_its_commands_ended_is_told(start: Callable[..., Terminal]) -> None:
    calls = [
        Call("Bash", {"command": command, "description": "x"})
        for command in ("echo hello", "grep -q x /dev/null; false")
    ]
    with McpStub() as stub, ModelServer([*(Rule([one], times=1) for one in calls), Rule([Say("THE END")])]) as model:
        stub.replies["AskPermission"] = [
            FAMILIES["claude"].permission_reply("PermissionRequest", allowed=True, reason="")
        ]
        start(stub, model).start()
        until(lambda: stub.payloads("Stop"))
        found = [FAMILIES["claude"].call(event, payload) for event, payload in stub.hooks]
        assert [(one.outcome, one.code) for one in found if one is not None] == [
            *((Outcome.BEGUN, None), (Outcome.OK, 0)),
            *((Outcome.BEGUN, None), (Outcome.FAILED, 1)),
        ]


def test_messages_reach_it_at_the_end_of_its_turn_as_many_as_there_are(start: Callable[..., Terminal]) -> None:
    """Without a setting, Claude Code drops the ninth in a row."""
    rules = [Rule([Say("first")], user=TASK), Rule([Say("heard")], user="BLUE")]
    with McpStub() as stub, ModelServer(rules) as model:
        stub.replies["Stop"] = [
            FAMILIES["claude"].hook_reply("Stop", f"[from main] BLUE {number}") for number in range(10)
        ]
        start(stub, model).start()
        for number in range(10):
            model.wait_for(lambda one, number=number: f"[from main] BLUE {number}" in one.user)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        until(lambda: len(stub.payloads("Stop")) == 11)


@pytest.mark.parametrize("event", ["UserPromptSubmit", "PostToolUse"])
def test_a_busy_agent_gets_its_messages_between(start: Callable[..., Terminal], event: str) -> None:
    rules = [Rule([Call(REPORT, {"kind": "complete", "message": "x"})], user=TASK, times=1), Rule([Say("THE END")])]
    with McpStub() as stub, ModelServer(rules) as model:
        stub.replies[event] = [FAMILIES["claude"].hook_reply(event, "[from main] PURPLE")]
        start(stub, model).start()
        model.wait_for(lambda one: "[from main] PURPLE" in one.injected)


def test_killed_it_comes_back_with_its_conversation_and_goes_on_when_told(start: Callable[..., Terminal]) -> None:
    rules = [
        Rule([Call(REPORT, {"kind": "progress", "message": "x"})], user=TASK, times=1),
        Rule([Say("slow")], result="reported", hold="gate"),
        Rule([Say("WENT ON")], user="Go on"),
    ]
    with McpStub() as stub, ModelServer(rules) as model:
        terminal = start(stub, model)
        terminal.start()
        model.wait_for(lambda one: "reported" in one.result)
        # What Claude Code has not written down yet, a kill takes with it.
        until(lambda: "tool_result" in terminal.written())
        terminal.kill()
        terminal.start(nudge="Go on where you were.")
        resumed = model.wait_for(lambda one: "Go on" in one.user)
        assert TASK in resumed.everything
        assert REPORT in resumed.tools
        terminal.shows("WENT ON")


def test_killed_before_it_remembers_anything_it_begins_with_its_task_again(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer([Rule([Say("slow")], user=TASK, hold="gate")]) as model:
        terminal = start(stub, model)
        terminal.start()
        model.wait_for(lambda one: TASK in one.user)
        terminal.kill()
        terminal.start(nudge="Go on where you were.")
        until(lambda: len(model.conversation()) >= 2)
        assert any(TASK in one.user or "Go on" in one.user for one in model.conversation()[1:])


def test_without_a_task_it_waits_at_its_prompt_and_asks_nothing(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer() as model:
        terminal = start(stub, model)
        terminal.start(task="")
        until(lambda: stub.payloads("SessionStart"))
        terminal.shows("❯")
        assert "trust" not in terminal.tmux("capture-pane", "-p")
        assert model.conversation() == []
        person = terminal.place / "person"
        written = [str(one.relative_to(person)) for one in files_below(person)]
        assert [name for name in written if not name.startswith(".cache")] == []
