"""What each agent tells of its tool calls, in what the real programs reported (the versions in their profiles)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestra.agents import FAMILIES
from orchestra.agents.runtime.codex.watch import Conversations
from orchestra.agents.tool_calls import LONGEST
from orchestra.events import Outcome, ToolCall
from orchestra.model import Sign

BAD = "sh -c 'echo out; echo err >&2; exit 3'"
TESTS = "pytest -q"
SUMMARY = "F..\n1 failed, 2 passed in 0.05s"


def called(family: str, event: str, **payload: Any) -> ToolCall | None:  # noqa: ANN401 -- JSON
    return FAMILIES[family].call(event, payload)


def bash(outcome: Outcome, command: str, key: str = "", **more: int | None) -> ToolCall:
    return ToolCall("Bash", outcome, command, key, **more)


def claude(event: str, command: str, **more: Any) -> ToolCall | None:  # noqa: ANN401 -- JSON
    return called("claude", event, tool_name="Bash", tool_input={"command": command}, tool_use_id="toolu_1", **more)


def test_claude_code_tells_how_a_command_ended() -> None:
    done = {"stdout": "hello", "stderr": "", "interrupted": False, "isImage": False, "noOutputExpected": False}
    assert claude("PreToolUse", "echo hello") == bash(Outcome.BEGUN, "echo hello", "toolu_1")
    assert claude("PostToolUse", "echo hello", tool_response=done) == bash(Outcome.OK, "echo hello", "toolu_1", code=0)
    failed = claude("PostToolUseFailure", BAD, error="Exit code 3\nout\nerr", is_interrupt=False)
    assert failed == bash(Outcome.FAILED, BAD, "toolu_1", code=3)
    slow = claude("PostToolUseFailure", "sleep 20", error="Exit code 143\nCommand timed out after 1s")
    assert slow == bash(Outcome.FAILED, "sleep 20", "toolu_1", code=143)
    tests = claude("PostToolUseFailure", TESTS, error=f"Exit code 1\n{SUMMARY}")
    assert tests == bash(Outcome.FAILED, TESTS, "toolu_1", code=1, passed=2, failed=1)


def test_claude_code_tells_nothing_of_what_goes_on_in_the_background_or_was_interrupted() -> None:
    quiet = {"stdout": "", "stderr": "", "interrupted": False}
    for told in ({**quiet, "backgroundTaskId": "b1"}, {**quiet, "interrupted": True}, {}):
        ended = claude("PostToolUse", "sleep 5; false", tool_response=told)
        assert ended == bash(Outcome.UNKNOWN, "sleep 5; false", "toolu_1")
    found_nothing = claude("PostToolUse", "grep x y", tool_response={**quiet, "returnCodeInterpretation": "No matches"})
    assert found_nothing == bash(Outcome.OK, "grep x y", "toolu_1")


def test_claude_code_tells_which_files_it_changed() -> None:
    given = {"file_path": "/w/a/new.txt", "content": "a\n"}
    done = called("claude", "PostToolUse", tool_name="Write", tool_input=given, tool_response={"type": "create"})
    assert done == ToolCall("Write", Outcome.OK, "/w/a/new.txt")
    failed = called("claude", "PostToolUseFailure", tool_name="Edit", tool_input=given, error="String not found")
    assert failed == ToolCall("Edit", Outcome.FAILED, "/w/a/new.txt")
    assert called("claude", "Stop", last_assistant_message="x") is None


def codex(event: str, **more: Any) -> ToolCall | None:  # noqa: ANN401 -- JSON
    return called("codex", event, tool_name="Bash", tool_input={"command": BAD}, tool_use_id="call_2", **more)


def test_codex_hooks_do_not_tell_how_a_command_ended() -> None:
    assert codex("PreToolUse") == bash(Outcome.BEGUN, BAD, "call_2")
    assert codex("PostToolUse", tool_response="out\nerr\n") == bash(Outcome.UNKNOWN, BAD, "call_2")


def test_the_file_of_codex_s_conversation_tells_it_and_is_no_evidence_of_a_state(tmp_path: Path) -> None:
    lines = tmp_path / "sessions" / "2026" / "11" / "26" / "rollout-1.jsonl"
    lines.parent.mkdir(parents=True)
    lines.touch()
    conversations = Conversations(tmp_path)
    lines.write_text(
        '{"type":"session_meta","payload":{"id":"t1","source":"cli"}}\n'
        '{"timestamp":"2026-11-26T13:00:24.563Z","type":"event_msg","payload":{"type":"item_completed","thread_id":"t1",'
        '"item":{"type":"CommandExecution","id":"call_2","command":["/bin/bash","-lc","pytest -q"],"status":"failed",'
        '"aggregated_output":"F..\\n1 failed, 2 passed in 0.05s\\n","exit_code":1}}}\n'
    )
    ((event, payload),) = conversations.news()
    assert FAMILIES["codex"].signs(event, payload) == []
    ended = FAMILIES["codex"].call(event, payload)
    assert ended == bash(Outcome.FAILED, TESTS, "call_2", code=1, passed=2, failed=1)


def test_codex_tells_which_files_a_patch_changed() -> None:
    patch = "*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+y\n*** Add File: b/c.py\n+z\n*** End Patch"
    done = called("codex", "PostToolUse", tool_name="apply_patch", tool_input={"command": patch}, tool_use_id="c")
    assert done == ToolCall("Edit", Outcome.OK, "a.py\nb/c.py", "c")


def gemini(command: str, told: str) -> ToolCall | None:
    given = {"tool_name": "run_shell_command", "tool_input": {"command": command}}
    return called("gemini", "AfterTool", **given, tool_response={"llmContent": told, "returnDisplay": ""})


def test_gemini_cli_tells_its_model_how_a_command_ended() -> None:
    text = "<untrusted_context>\nOutput: {}\nProcess Group PGID: 30193\n</untrusted_context>"
    assert gemini("echo hello", text.format("hello")) == bash(Outcome.OK, "echo hello", code=0)
    assert gemini(BAD, text.format("out\nerr\nExit Code: 3")) == bash(Outcome.FAILED, BAD, code=3)
    tests = gemini(TESTS, text.format(f"{SUMMARY}\nExit Code: 1"))
    assert tests == bash(Outcome.FAILED, TESTS, code=1, passed=2, failed=1)
    # What a command prints is no status of its own.
    assert gemini("cat log", text.format("Exit Code: 7\nafter it")) == bash(Outcome.OK, "cat log", code=0)
    assert gemini("kill", text.format("\nSignal: 9")) == bash(Outcome.UNKNOWN, "kill")
    away = "<untrusted_context>\nCommand moved to background (PID: 30708). Output hidden.\n</untrusted_context>"
    assert gemini("sleep 3; false", away) == bash(Outcome.UNKNOWN, "sleep 3; false")


def test_gemini_cli_s_failures_are_told_as_such_and_its_edits_by_their_files() -> None:
    gone = {"llmContent": "File not found", "error": {"message": "File not found", "type": "file_not_found"}}
    payload = {"tool_name": "replace", "tool_input": {"file_path": "missing.txt"}, "tool_response": gone}
    assert called("gemini", "AfterTool", **payload) == ToolCall("Edit", Outcome.FAILED, "missing.txt")
    assert FAMILIES["gemini"].signs("AfterTool", payload) == [(Sign.TOOL_USED, "edits missing.txt: failed")]
    assert FAMILIES["gemini"].signs("BeforeTool", payload) == [(Sign.TOOL_USED, "edits missing.txt")]


def opencode(**more: Any) -> ToolCall | None:  # noqa: ANN401 -- JSON
    return called("opencode", "ToolUsed", tool="bash", input={"command": TESTS, "description": "t"}, key="c1", **more)


def test_opencode_tells_how_a_command_ended_and_nothing_of_one_that_took_too_long() -> None:
    assert opencode() == bash(Outcome.BEGUN, TESTS, "c1")
    failed = opencode(failed=True, code=1, output=SUMMARY)
    assert failed == bash(Outcome.FAILED, TESTS, "c1", code=1, passed=2, failed=1)
    assert opencode(failed=False, code=0, output="3 passed in 1s") == bash(
        Outcome.OK, TESTS, "c1", code=0, passed=3, failed=0
    )
    assert opencode(failed=False, code=None, output="") == bash(Outcome.UNKNOWN, TESTS, "c1")
    edit = called("opencode", "ToolUsed", tool="edit", input={"filePath": "a.py"}, key="c2", failed=False, code=None)
    assert edit == ToolCall("Edit", Outcome.OK, "a.py", "c2")


@pytest.mark.parametrize("family", ["plain", "rehearsal"])
def test_a_program_of_one_s_own_may_tell_its_commands(family: str) -> None:
    assert called(family, "ToolUsed", text="x") is None
    assert called(family, "ToolUsed", command="make") == bash(Outcome.BEGUN, "make")
    assert called(family, "ToolUsed", command="make", code=2) == bash(Outcome.FAILED, "make", code=2)
    assert called(family, "ToolUsed", command="make", code=None) == bash(Outcome.UNKNOWN, "make")


@pytest.mark.parametrize("code", [True, -9, 256, 10**40, "0", 0.0, [0]])
def test_what_is_no_exit_status_is_not_taken_for_one(code: object) -> None:
    assert called("plain", "ToolUsed", command="make", code=code) == bash(Outcome.UNKNOWN, "make")


def test_a_long_or_hostile_command_is_cut_and_shows_its_control_characters() -> None:
    call = called("plain", "ToolUsed", command="\x1b[2J" + "x" * 5000, key="k" * 500)
    assert call is not None
    assert call.subject.startswith("\\x1b[2Jxxx")
    assert (len(call.subject), call.subject[-1], len(call.key)) == (LONGEST, "…", 80)


@pytest.mark.parametrize("payload", [{}, {"tool_name": None, "tool_input": "x", "tool_response": 3, "error": None}])
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_strange_payload_breaks_nothing(family: str, payload: dict[str, Any]) -> None:
    for event in (
        "PreToolUse",
        "PostToolUse",
        "PostToolUseFailure",
        "BeforeTool",
        "AfterTool",
        "ToolUsed",
        "CommandEnded",
    ):
        FAMILIES[family].call(event, payload)
