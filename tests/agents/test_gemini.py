"""The real Gemini CLI with only the model scripted: what its launch files promise, seen on the program itself."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from orchestra.agents import FAMILIES, Usage, headless, load
from orchestra.agents.prompt_draft import prompt_text
from orchestra.model import Sign
from tests.support.fetched import gemini_program
from tests.support.launch_files import a_session, a_setting, lay_out, lay_out_for
from tests.support.mcp_stub import TOKEN, McpStub, until
from tests.support.models.server import Call, ModelServer, Rule, Say
from tests.support.running import processes_with

KEY = "AIza-dummy-0123456789"
REPORT = "mcp_orchestra_report"
TASK = "Please report."
MODEL = "gemini-2.5-pro"
SLOW = 60.0
USUAL = frozenset({
    "test_the_first_request_has_the_tools_even_from_a_slow_service",
    "test_messages_reach_it_at_the_end_of_its_turn_as_many_as_there_are",
    "test_killed_it_comes_back_with_its_conversation_and_goes_on_when_told",
    "test_a_permission_prompt_is_seen_and_its_end",
    "test_a_gate_that_is_killed_lets_nothing_through",
})  # fmt: skip
"""What every run plays; the rest is for ``make test-agents``."""
REPORTS = Call(REPORT, {"kind": "complete", "message": "x"})
LEAVE = FAMILIES["gemini"].permission_reply("BeforeTool", allowed=None, reason="")
RUNS = Call("run_shell_command", {"command": "touch ran", "description": "a command"})


class Terminal:
    """A private tmux server with one Gemini CLI in it, in an environment of its own."""

    def __init__(self, place: Path, program: tuple[Path, Path], stub: McpStub, model: ModelServer) -> None:
        self.place = place
        self.stub = stub
        self.model = model
        self.worktree = place / "work.tree"
        self.worktree.mkdir(parents=True)
        self.session = a_session(self.worktree, agent="gemini")
        self.starts = 0
        (place / "person").mkdir()
        (place / "bin").mkdir()
        (place / "tmp").mkdir()
        wrapper = place / "bin" / "gemini"
        wrapper.write_text(f'#!/bin/sh\nexec {program[0]} {program[1]} "$@"\n')
        wrapper.chmod(0o755)

    def tmux(self, *arguments: str) -> str:
        # A server of its own for every start: one that is ending may still take a new session, and lose it.
        socket = f"gemini-{self.starts}"
        done = subprocess.run(["tmux", "-L", socket, *arguments], capture_output=True, text=True, check=False)
        return done.stdout

    def start(self, *, task: str = TASK, nudge: str = "", model: str = MODEL, key: str = KEY) -> None:
        session = replace(self.session, model=model)
        made = lay_out_for(self.place, session, self.stub.url, task=task, nudge=nudge, token=TOKEN)
        self.give_credentials(key)
        self.starts += 1
        size = ("-x", "120", "-y", "50")
        words = (*self.environment(), "TERM=tmux-256color", *made.command)
        self.tmux("-f", "/dev/null", "new-session", "-d", *size, *words)

    def give_credentials(self, key: str = KEY) -> None:
        (self.place / "secrets" / "GEMINI_API_KEY").write_text(key)
        (self.place / "secrets" / "GOOGLE_GEMINI_BASE_URL").write_text(self.model.url())

    def environment(self) -> tuple[str, ...]:
        # It writes a report about every failure there.
        places = (f"HOME={self.place}/person", f"TMPDIR={self.place}/tmp")
        return ("env", "-i", f"PATH={self.place}/bin:/usr/bin:/bin", *places, "LANG=C.UTF-8")

    @property
    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def shows(self, text: str) -> None:
        until(lambda: text in self.screen, deadline=SLOW, what=self.screen)

    def types(self, text: str) -> None:
        """Paste a text and press Enter once it is there, as the service does."""
        self.tmux("set-buffer", text)
        self.tmux("paste-buffer", "-p", "-d")
        # It stands there with \\@ for every @.
        self.shows(text.partition("@")[0])

        def sent() -> bool:
            # An Enter that follows a paste too closely is a new line.
            self.tmux("send-keys", "Enter")
            return not self.drafts()

        until(sent, what=self.screen)

    def drafts(self) -> bool:
        return prompt_text("gemini", self.tmux("capture-pane", "-p", "-e")) != ""

    def kill(self) -> None:
        """Kill the agent as the kernel would, and everything of its window."""
        self.tmux("run-shell", "kill -9 #{pane_pid}")
        self.tmux("kill-server")
        until(lambda: not self.processes(), what=str(self.processes()))

    def processes(self) -> list[str]:
        """Return the commands of all processes that live in this session's environment."""
        return processes_with(f"GEMINI_CLI_HOME={self.place}")

    def told(self) -> list[tuple[Sign, str]]:
        return [one for event, payload in list(self.stub.hooks) for one in FAMILIES["gemini"].signs(event, payload)]

    def signs(self) -> list[Sign]:
        return [sign for sign, _ in self.told()]

    def signed(self, sign: Sign) -> None:
        """Wait until this is the last that is known of it."""
        until(lambda: self.signs()[-1:] == [sign], deadline=SLOW, what=f"{self.told()}\n{self.screen}")


@pytest.fixture(scope="session")
def gemini() -> tuple[Path, Path]:
    """Gemini CLI itself, in the version that the built-in profile names."""
    return gemini_program()


@pytest.fixture
def start(tmp_path: Path, gemini: tuple[Path, Path]) -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def one(stub: McpStub, model: ModelServer) -> Terminal:
        made.append(Terminal(tmp_path / "session", gemini, stub, model))
        return made[-1]

    yield one
    for terminal in made:
        terminal.kill()


@pytest.mark.parametrize("model", ["", MODEL])
def test_the_first_request_has_the_tools_even_from_a_slow_service(start: Callable[..., Terminal], model: str) -> None:
    """Without a model of the person's it asks first which one is to answer."""
    rules = [Rule([REPORTS], user=TASK, times=1), Rule([Say("THE END")])]
    with McpStub(tools_delay=3) as stub, ModelServer(rules) as server:
        terminal = start(stub, server)
        terminal.start(model=model)
        first = server.wait_for(lambda one: TASK in one.user)
        assert len(server.conversation()) == 1
        assert REPORT in first.tools
        assert first.key == KEY
        assert first.model == model or not model
        assert "You are an executor in Orchestra" in first.system
        assert "specializing in software engineering" in first.system
        terminal.shows("THE END")
        assert stub.called == [{"kind": "complete", "message": "x"}]
        assert not list((terminal.place / "person").rglob("*"))
        assert not list(terminal.worktree.iterdir())


def test_its_hooks_are_the_evidence_of_a_turn_and_its_files_tell_how_full_it_is(start: Callable[..., Terminal]) -> None:
    rules = [Rule([REPORTS], user=TASK, times=1), Rule([Say("THE END")])]
    with McpStub() as stub, ModelServer(rules) as server:
        terminal = start(stub, server)
        terminal.start()
        until(lambda: stub.payloads("AfterAgent") and len(stub.payloads("Tokens")) == 2)
        assert terminal.signs() == [
            Sign.LAUNCHED,
            Sign.TURN_STARTED,
            Sign.TOOL_USED,
            Sign.TOOL_USED,
            Sign.TURN_ENDED,
        ]
        assert terminal.told()[-1][1] == "THE END"
        told = FAMILIES["gemini"].usage("Tokens", stub.payloads("Tokens")[-1])
        assert told is not None
        assert replace(told, counter="") == Usage(
            tokens_in=200, tokens_out=40, context=100 * 120 / 1048576, model=MODEL
        )


def test_messages_reach_it_at_the_end_of_its_turn_as_many_as_there_are(start: Callable[..., Terminal]) -> None:
    rules = [Rule([Say("first")], user=TASK), Rule([Say("heard")], user="BLUE")]
    with McpStub() as stub, ModelServer(rules) as server:
        stub.replies["AfterAgent"] = [
            FAMILIES["gemini"].hook_reply("AfterAgent", f"[from main] BLUE {one}") for one in range(10)
        ]
        start(stub, server).start()
        for number in range(10):
            server.wait_for(lambda one, number=number: f"[from main] BLUE {number}" in one.user)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        until(lambda: len(stub.payloads("AfterAgent")) == 11)


@pytest.mark.parametrize("event", ["BeforeAgent", "AfterTool"])
def test_a_busy_agent_gets_its_messages_between(start: Callable[..., Terminal], event: str) -> None:
    rules = [Rule([REPORTS], user=TASK, times=1), Rule([Say("THE END")])]
    with McpStub() as stub, ModelServer(rules) as server:
        stub.replies[event] = [FAMILIES["gemini"].hook_reply(event, "[from main] PURPLE")]
        start(stub, server).start()
        server.wait_for(lambda one: "[from main] PURPLE" in one.everything)


def test_killed_it_comes_back_with_its_conversation_and_goes_on_when_told(start: Callable[..., Terminal]) -> None:
    """Also killed a second time, when the file of its conversation is another."""
    rules = [
        Rule([Call(REPORT, {"kind": "progress", "message": "x"})], user=TASK, times=1),
        Rule([Say("slow")], result="reported", hold="gate", times=1),
        Rule([Say("slow")], user="Go on", hold="gate", times=1),
        Rule([Say("WENT ON")]),
    ]
    with McpStub() as stub, ModelServer(rules) as server:
        terminal = start(stub, server)
        terminal.start()
        server.wait_for(lambda one: "reported" in one.result)
        for number, nudge in enumerate(("Go on where you were.", "And now on."), start=3):
            terminal.kill()
            for file in (terminal.place / "home").glob(".gemini/tmp/*/chats/*.jsonl"):
                # Its name has the minute in it, and this test would wait for one.
                file.rename(file.with_name(file.name.replace("session-20", f"session-{number}0")))
            terminal.start(nudge=nudge)
            resumed = server.wait_for(lambda one, nudge=nudge: nudge in one.user)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            assert TASK in resumed.everything
            assert "reported" in resumed.everything
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


def test_killed_before_its_first_word_it_begins_anew(start: Callable[..., Terminal]) -> None:
    with McpStub(tools_delay=5) as stub, ModelServer([Rule([Say("THE END")])]) as server:
        terminal = start(stub, server)
        terminal.start()
        until(lambda: list((terminal.place / "home").glob(".gemini/tmp/*/chats/*.jsonl")))
        terminal.kill()
        assert server.conversation() == []
        stub.tools_delay = 0
        terminal.start(nudge="Go on where you were.")
        terminal.shows("THE END")
        assert TASK in server.conversation()[0].user


def test_without_a_task_it_says_that_it_waits_at_its_prompt(start: Callable[..., Terminal]) -> None:
    rules = [Rule([Say("HEARD")], user="Hello")]
    with McpStub() as stub, ModelServer(rules) as server:
        terminal = start(stub, server)
        terminal.start(task="")
        until(lambda: terminal.signs() == [Sign.LAUNCHED, Sign.READY], what=terminal.screen)
        terminal.shows("Type your message")
        assert server.conversation() == []
        terminal.types("[from main] Hello")
        terminal.shows("HEARD")
        until(lambda: terminal.signs()[-2:] == [Sign.TURN_STARTED, Sign.TURN_ENDED])


def test_a_persons_draft_is_seen_and_an_open_menu_too(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer() as server:
        terminal = start(stub, server)
        terminal.start(task="")
        terminal.shows("Type your message")
        assert not terminal.drafts()
        terminal.tmux("send-keys", "-l", "half a thou")
        until(terminal.drafts, what=terminal.screen)
        terminal.tmux("send-keys", "C-u")
        until(lambda: not terminal.drafts(), what=terminal.screen)
        terminal.tmux("send-keys", "-l", "/auth")
        terminal.shows("/auth")
        terminal.tmux("send-keys", "Enter")
        terminal.shows("How would you like to authenticate")
        assert terminal.drafts()


def test_what_names_a_file_in_a_message_is_not_opened(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer([Rule([Say("THE END")])]) as server:
        terminal = start(stub, server)
        (terminal.worktree / "notes.md").write_text("WHAT STANDS IN IT\n")
        terminal.start(task="Ask @notes.md about it.")
        terminal.shows("THE END")
        terminal.types("[from main] It is in @notes.md")
        until(lambda: len(server.conversation()) >= 2, what=terminal.screen)
        assert "WHAT STANDS IN IT" not in server.conversation()[1].everything


def test_without_a_login_it_shows_its_own_and_is_not_said_to_be_ready(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer() as server:
        terminal = start(stub, server)
        terminal.start(task="", key="")
        terminal.shows("How would you like to authenticate")
        assert terminal.signs() == [Sign.LAUNCHED]


def test_a_permission_prompt_is_seen_and_its_end(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer([Rule([RUNS], user=TASK, times=1), Rule([Say("THE END")])]) as server:
        stub.replies["AskPermission"] = [LEAVE]
        terminal = start(stub, server)
        terminal.start()
        terminal.signed(Sign.PROMPTED)
        assert terminal.told()[-1][1] == "asks for permission: runs touch ran"
        terminal.shows("Allow execution")
        assert terminal.drafts()
        terminal.tmux("send-keys", "1")
        terminal.signed(Sign.TURN_ENDED)
        assert (terminal.worktree / "ran").exists()
        ended = FAMILIES["gemini"].call("AfterTool", stub.payloads("AfterTool")[-1])
        assert ended is not None
        assert (ended.subject, ended.code) == ("touch ran", 0)


def test_a_turn_cut_off_in_a_question_for_permission_is_seen(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer([Rule([RUNS], user=TASK)]) as server:
        stub.replies["AskPermission"] = [LEAVE]
        terminal = start(stub, server)
        terminal.start()
        terminal.shows("Allow execution")
        terminal.tmux("send-keys", "Escape")
        terminal.signed(Sign.TURN_ENDED)
        assert terminal.told()[-1][1] == "interrupted"
        assert not (terminal.worktree / "ran").exists()


@pytest.mark.parametrize("allowed", [True, False])
def test_our_gate_is_answered_for_exactly_one_tool(start: Callable[..., Terminal], *, allowed: bool) -> None:
    """No dialog comes up, what is allowed runs, and the model is told why it may not."""
    with McpStub() as stub, ModelServer([Rule([RUNS], user=TASK, times=1), Rule([Say("THE END")])]) as server:
        terminal = start(stub, server)
        terminal.start()
        until(lambda: len(stub.keys) == 1, deadline=SLOW)
        assert not (terminal.worktree / "ran").exists()
        stub.replies["AskPermission"] = [
            FAMILIES["gemini"].permission_reply("BeforeTool", allowed=allowed, reason="Never PURPLE")
        ]
        terminal.signed(Sign.TURN_ENDED)
        assert (terminal.worktree / "ran").exists() is allowed
        assert ("Never PURPLE" in server.conversation()[-1].everything) is not allowed
        assert "Allow execution" not in terminal.screen


def test_a_gate_that_is_killed_lets_nothing_through(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer([Rule([RUNS], user=TASK, times=1), Rule([Say("THE END")])]) as server:
        terminal = start(stub, server)
        terminal.start()
        until(lambda: len(stub.keys) == 1, deadline=SLOW)
        for process in Path("/proc").glob("[0-9]*"):
            # Others end at any moment.
            with suppress(OSError):
                words = (process / "cmdline").read_bytes()
                hook = f"{terminal.place}/agent/hook.py".encode()
                if hook in words and words.startswith(b"/") and b"said=" not in words:
                    os.kill(int(process.name), signal.SIGKILL)
        terminal.signed(Sign.TURN_ENDED)
        assert not (terminal.worktree / "ran").exists()
        assert "Orchestra could not ask" in server.conversation()[-1].everything


def test_a_turn_cut_off_while_it_thinks_is_seen_and_takes_no_message(start: Callable[..., Terminal]) -> None:
    """What was given then would never reach the model."""
    rules = [Rule([Say("slow")], user=TASK, hold="gate", times=1), Rule([Say("HEARD")])]
    with McpStub() as stub, ModelServer(rules) as server:
        stub.replies["AfterAgent"] = [FAMILIES["gemini"].hook_reply("AfterAgent", "[from main] BLUE")]
        terminal = start(stub, server)
        terminal.start()
        server.wait_for(lambda one: TASK in one.user)
        terminal.tmux("send-keys", "Escape")
        terminal.signed(Sign.TURN_ENDED)
        assert terminal.told()[-1][1] == "interrupted"
        assert len(stub.replies["AfterAgent"]) == 1
        terminal.shows("Type your message")
        terminal.types("Once more")
        server.wait_for(lambda one: "BLUE" in one.user)


def test_a_question_it_asks_in_its_window_is_seen_until_it_is_answered(start: Callable[..., Terminal]) -> None:
    options = [{"label": "Red", "description": "r"}, {"label": "Blue", "description": "b"}]
    question = {"question": "Which one?", "header": "Colour", "type": "choice", "options": options}
    rules = [Rule([Call("ask_user", {"questions": [question]})], user=TASK), Rule([Say("THE END")])]
    with McpStub() as stub, ModelServer(rules) as server:
        terminal = start(stub, server)
        terminal.start()
        terminal.signed(Sign.PROMPTED)
        assert terminal.told()[-1][1] == "asks the person"
        terminal.shows("Which one?")
        terminal.tmux("send-keys", "Enter")
        terminal.signed(Sign.TURN_ENDED)


def test_what_it_does_is_told_in_a_few_words(start: Callable[..., Terminal]) -> None:
    written = Call("write_file", {"file_path": "notes.md", "content": "hello\n"})
    with McpStub() as stub, ModelServer([Rule([written], user=TASK, times=1), Rule([Say("THE END")])]) as server:
        terminal = start(stub, server)
        terminal.start()
        terminal.shows("THE END")
        assert (terminal.worktree / "notes.md").read_text() == "hello\n"
        until(lambda: "writes notes.md" in [text for _, text in terminal.told()], what=str(terminal.told()))


@pytest.mark.parametrize("status", [400, 401])
def test_a_model_that_fails_is_told_of(start: Callable[..., Terminal], status: int) -> None:
    with McpStub() as stub, ModelServer([Rule(user=TASK, status=status)]) as server:
        terminal = start(stub, server)
        terminal.start()
        terminal.signed(Sign.TURN_FAILED)
        assert "scripted failure" in terminal.told()[-1][1]


def test_it_starts_where_the_service_is_gone(start: Callable[..., Terminal]) -> None:
    with ModelServer([Rule([Say("THE END")])]) as server:
        with McpStub() as stub:
            terminal = start(stub, server)
        terminal.start()
        until(lambda: "THE END" in terminal.screen, deadline=90, what=terminal.screen)


def test_a_project_that_names_its_own_files_of_context_keeps_them_and_the_role(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer([Rule([Say("THE END")])]) as server:
        terminal = start(stub, server)
        (terminal.worktree / "AGENTS.md").write_text("We write with tabs.\n")
        (terminal.worktree / ".gemini").mkdir()
        (terminal.worktree / ".gemini" / "settings.json").write_text('{"context": {"fileName": ["AGENTS.md"]}}')
        terminal.start()
        first = server.wait_for(lambda one: TASK in one.user)
        assert "You are an executor in Orchestra" in first.system
        assert "We write with tabs." in first.everything


def test_started_again_by_itself_it_goes_on(start: Callable[..., Terminal]) -> None:
    """As it does after a login."""
    with McpStub() as stub, ModelServer([Rule([Say("THE END")])]) as server:
        terminal = start(stub, server)
        program = terminal.place / "bin" / "gemini"
        mark = terminal.place / "once"
        program.write_text(program.read_text().replace("exec", f"[ -e {mark} ] || {{ touch {mark}; exit 199; }}\nexec"))
        terminal.start()
        terminal.shows("THE END")
        assert mark.exists()


def test_one_prompt_is_answered_without_a_terminal(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer([Rule([Say("THE ANSWER")])]) as server:
        terminal = start(stub, server)
        setting = a_setting(terminal.place, terminal.session, stub.url, task="Once.")
        lay_out(terminal.place, headless(load("gemini"), setting))
        terminal.give_credentials()
        words = (*terminal.environment(), "sh", str(terminal.place / "agent" / "launch.sh"))
        done = subprocess.run(words, capture_output=True, timeout=SLOW, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "THE ANSWER"
        assert stub.hooks == []


def test_when_its_window_goes_nothing_of_it_stays(start: Callable[..., Terminal]) -> None:
    with McpStub() as stub, ModelServer([Rule([Say("THE END")])]) as server:
        terminal = start(stub, server)
        terminal.start()
        terminal.shows("THE END")
        assert any("start.py" in line for line in terminal.processes())
        terminal.tmux("kill-server")
        until(lambda: not terminal.processes(), what=str(terminal.processes()))
        until(lambda: Sign.ENDED in terminal.signs(), what=str(terminal.told()))
