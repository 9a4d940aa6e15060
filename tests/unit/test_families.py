"""What each family gives its agent, and what it makes of the agent's hooks."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestra.agents import LaunchContext, Usage, headless, launch_files, load
from orchestra.agents.launch_files import first_prompt
from orchestra.agents.registry import FAMILIES
from orchestra.agents.runtime import post_event
from orchestra.agents.runtime.claude import first_questions
from orchestra.model import Role, Session, Sign
from tests.support.launch_files import CONVERSATION, a_session, in_docker, lay_out_for

BOX = Path(post_event.__file__).parent
KEY = "sk-ant-0123456789-abcdefghijklmnopqrst"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    worktree = tmp_path / "it's a worktree"
    worktree.mkdir()
    return a_session(worktree)


def setting(session: Session, **values: Any) -> LaunchContext:  # noqa: ANN401 -- fields of several types
    return LaunchContext(
        session=session, mcp_url="http://10.0.0.1:7000/mcp", hook_url="http://10.0.0.1:7000/hooks", **values
    )


def texts(session: Session, profile: str = "claude", **values: str) -> dict[str, str]:
    made = launch_files(load(profile), setting(session, **values))
    return {name: content.decode() for name, (content, _) in made.agent_files.items()}


@pytest.mark.parametrize("profile", ["claude", "plain", "rehearsal"])
@pytest.mark.parametrize("role", list(Role))
def test_every_agent_gets_the_promised_environment_and_files(session: Session, profile: str, role: Role) -> None:
    made = launch_files(load(profile), setting(in_docker(replace(session, role=role)), task="Do it."))
    assert {
        "ORCHESTRA_SESSION": "fix-login",
        "ORCHESTRA_ROLE": role.value,
        "ORCHESTRA_WORKTREE": str(session.worktree),
        "ORCHESTRA_TASK_FILE": "/orchestra/agent/task.md",
        "ORCHESTRA_MCP_URL": "http://10.0.0.1:7000/mcp",
        "ORCHESTRA_HOOK_URL": "http://10.0.0.1:7000/hooks",
        "ORCHESTRA_TOKEN_FILE": "/orchestra/secrets/token",
        "HOME": "/home/agent",
    }.items() <= made.env.items()
    assert made.command == ("sh", "/orchestra/agent/launch.sh")
    assert made.agent_files["task.md"][0] == b"Do it."
    assert "**fix-login**" in made.agent_files["instructions.md"][0].decode()


@pytest.mark.parametrize("role", list(Role))
def test_no_placeholder_is_left_in_the_instructions(session: Session, role: Role) -> None:
    told = texts(replace(session, role=role), instructions="Added by the person.")["instructions.md"]
    assert "{" not in told
    assert told.endswith("Added by the person.\n")


def test_on_the_machine_itself_the_home_stays_the_persons(session: Session) -> None:
    made = launch_files(load("claude"), setting(session, home="/state/home"))
    assert "HOME" not in made.env
    assert made.env["CLAUDE_CONFIG_DIR"] == "/state/home/.claude"
    assert "IS_SANDBOX" not in made.env


def test_claude_works_without_asking_in_a_container_only(session: Session) -> None:
    contained, on_host = texts(in_docker(session))["launch.sh"], texts(session)["launch.sh"]
    assert "--dangerously-skip-permissions" in contained
    assert "--dangerously-skip-permissions" not in on_host
    assert "skipDangerousModePermissionPrompt" not in texts(session)["settings.json"]


def test_claude_gets_our_tools_our_hooks_and_no_secret_in_a_file(session: Session) -> None:
    files = texts(session)
    settings = json.loads(files["settings.json"])
    stop = settings["hooks"]["Stop"][0]["hooks"][0]
    assert stop["url"] == "http://10.0.0.1:7000/hooks/Stop"
    assert stop["headers"] == {"Authorization": "Bearer $ORCHESTRA_TOKEN"}
    assert settings["hooks"]["SessionStart"][0]["hooks"][0]["type"] == "command"
    assert settings["permissions"]["allow"] == ["mcp__orchestra"]
    server = json.loads(files["mcp.json"])["mcpServers"]["orchestra"]
    assert server["headers"] == {"Authorization": "Bearer ${ORCHESTRA_TOKEN}"}


def test_claude_is_asked_for_a_model_only_when_one_is_wanted(session: Session) -> None:
    assert "--model" not in texts(session)["launch.sh"]
    assert "--model opus" in texts(replace(session, model="opus"))["launch.sh"]


def test_a_designer_without_a_task_begins_with_no_prompt(session: Session) -> None:
    assert texts(replace(session, role=Role.DESIGNER), task=" ")["first.md"] == ""


def test_a_long_task_is_begun_and_pointed_to(session: Session) -> None:
    prompt = texts(session, task="x" * 100_000)["first.md"]
    assert len(prompt) < 10_000
    assert "/orchestra/agent/task.md" in prompt


def test_the_first_prompt_cannot_be_taken_for_a_command(session: Session) -> None:
    """A leading ``!`` runs a shell command in Claude Code, a leading ``/`` or ``-`` something else."""
    for task in ("!rm -rf x", "/clear", "--help"):
        assert texts(session, task=task)["first.md"].startswith("Your task")


def fake_claude(tmp_path: Path) -> Path:
    """Return a directory with a program called claude that prints its arguments and two variables."""
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "key=$ANTHROPIC_API_KEY" "token=$ORCHESTRA_TOKEN" "in=$PWD"\n')
    program.chmod(0o755)
    return program.parent


def launched(place: Path, session: Session, programs: Path, key: str = KEY, **values: str) -> list[str]:
    made = lay_out_for(place, session, "http://127.0.0.1:9", token="t0ken", **values)
    launcher = place / "agent" / "launch.sh"
    launcher.write_text(launcher.read_text().replace("seconds=10", "seconds=0"))
    (place / "secrets" / "ANTHROPIC_API_KEY").write_text(key)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(made.command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_launcher_starts_first_and_resumes_later(tmp_path: Path, session: Session) -> None:
    programs = fake_claude(tmp_path)
    first = launched(tmp_path / "s", session, programs, task="It's a $(task)", nudge="Go on.")
    assert first[first.index("--session-id") + 1] == CONVERSATION
    assert "It's a $(task)" in first
    assert "Go on." not in first
    log = tmp_path / "s" / "home" / ".claude" / "projects" / "x" / f"{CONVERSATION}.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text('{"type":"user"}\n')
    again = launched(tmp_path / "s", session, programs, task="It's a $(task)", nudge="Go on.")
    assert again[again.index("--resume") + 1 :][:2] == [CONVERSATION, "Go on."]
    assert "It's a $(task)" not in again


def test_the_launcher_brings_secrets_from_files_into_the_environment(tmp_path: Path, session: Session) -> None:
    said = launched(tmp_path / "s", session, fake_claude(tmp_path))
    assert said[-3:] == [f"key={KEY}", "token=t0ken", f"in={session.worktree}"]
    assert KEY not in (tmp_path / "s" / "agent" / "launch.sh").read_text()


@pytest.mark.parametrize("key", [KEY, "", "short", 'a "quoted" \\key', "x" * 20], ids=repr)
def test_the_first_questions_are_answered_in_the_box(tmp_path: Path, session: Session, key: str) -> None:
    """At its first start by the shell alone, where the key allows it; then by a program, with the same result."""
    programs, file = fake_claude(tmp_path), tmp_path / "s" / "home" / ".claude" / ".claude.json"
    for _ in range(2):
        launched(tmp_path / "s", session, programs, key)
        answers = json.loads(file.read_text())
        assert answers["hasCompletedOnboarding"] is True
        assert answers["projects"][str(session.worktree)]["hasTrustDialogAccepted"] is True
        assert answers == first_questions.answered({}, str(session.worktree), key)
        assert file.stat().st_mode & 0o777 == 0o600


def test_answering_keeps_what_the_agent_wrote_itself() -> None:
    before = {"theme": "dark", "projects": {"/w": {"cost": 3}, "/x": {}}, "customApiKeyResponses": {"approved": ["a"]}}
    after = first_questions.answered(before, "/w", KEY)
    assert after["theme"] == "dark"
    assert after["projects"] == {"/w": {"cost": 3, "hasTrustDialogAccepted": True}, "/x": {}}
    assert after["customApiKeyResponses"]["approved"] == ["a", KEY[-20:]]
    assert first_questions.answered(after, "/w", KEY) == after


def test_telling_a_service_that_is_not_there_is_bounded_and_fails_nobody(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "ORCHESTRA_HOOK_URL": "http://127.0.0.1:9/hooks",
        "ORCHESTRA_TOKEN": "t",
        "ORCHESTRA_AGENT_HOME": str(tmp_path),
    }
    command = [sys.executable, str(BOX / "post_event.py"), "SessionStart", "0.3"]
    done = subprocess.run(command, env=environment, input=b"{}", capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_status_line_is_told_only_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRA_AGENT_HOME", str(tmp_path))
    (tmp_path / ".orchestra").mkdir()
    body = json.dumps({"cost": {"total_cost_usd": 1.5}, "context_window": {"used_percentage": 12}}).encode()
    assert post_event.changed(body)
    assert not post_event.changed(body)
    assert post_event.changed(body.replace(b"12", b"13"))
    assert "context 12%" in post_event.status_line(body)


def claude_signs() -> list[tuple[str, dict[str, Any], list[tuple[Sign, str]]]]:
    edit = {"tool_name": "Edit", "tool_input": {"file_path": "/w/src/app.py"}}
    shell = {"tool_name": "Bash", "tool_input": {"command": "pytest -q\nmore"}}
    ours = {"tool_name": "mcp__orchestra__spawn_executor", "tool_input": {"title": "Fix it", "instructions": "x"}}
    return [
        ("SessionStart", {"source": "resume"}, [(Sign.READY, "ready (resume)")]),
        ("UserPromptSubmit", {"prompt": "\n Do it\nnow"}, [(Sign.TURN_STARTED, "Do it")]),
        ("PreToolUse", edit, [(Sign.TOOL_USED, "edits app.py")]),
        ("PostToolUse", shell, [(Sign.TOOL_USED, "runs pytest -q")]),
        ("PostToolUse", ours, [(Sign.TOOL_USED, "spawn executor Fix it")]),
        ("PostToolUseFailure", shell, [(Sign.TOOL_USED, "runs pytest -q: failed")]),
        ("PermissionRequest", shell, [(Sign.PROMPTED, "asks for permission: runs pytest -q")]),
        ("Notification", {"notification_type": "permission_prompt", "message": "may I"}, [(Sign.PROMPTED, "may I")]),
        ("Notification", {"notification_type": "idle_prompt", "message": "waits"}, [(Sign.TURN_ENDED, "waits")]),
        ("Notification", {"notification_type": "other"}, []),
        ("Stop", {"last_assistant_message": "All \x1b[31mdone."}, [(Sign.TURN_ENDED, "All [31mdone.")]),
        ("StopFailure", {"error": "rate_limit"}, [(Sign.TURN_FAILED, "the model's service failed: rate_limit")]),
        ("SessionEnd", {"reason": "other"}, [(Sign.ENDED, "ended (other)")]),
        ("StatusLine", {}, []),
        ("Unheard", {}, []),
    ]


@pytest.mark.parametrize(("event", "payload", "expected"), claude_signs())
def test_claudes_hooks_are_evidence(event: str, payload: dict[str, Any], expected: list[tuple[Sign, str]]) -> None:
    assert FAMILIES["claude"].signs(event, payload) == expected


@pytest.mark.parametrize("payload", [{}, {"tool_name": None, "tool_input": "x", "prompt": 3, "cost": None}])
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_strange_payload_breaks_nothing(family: str, payload: dict[str, Any]) -> None:
    for event in ("PreToolUse", "PermissionRequest", "Notification", "Stop", "StatusLine", "TurnStarted", ""):
        FAMILIES[family].signs(event, payload)
        FAMILIES[family].usage(event, payload)


def test_text_for_people_is_one_short_line() -> None:
    ((_, text),) = FAMILIES["claude"].signs("UserPromptSubmit", {"prompt": "x" * 500})
    assert len(text) == 120


def test_at_the_end_of_a_turn_claude_goes_on_with_its_messages() -> None:
    assert FAMILIES["claude"].hook_reply("Stop", "[from a] hi") == {"decision": "block", "reason": "[from a] hi"}
    assert FAMILIES["claude"].hook_reply("Stop", "") == {}


@pytest.mark.parametrize("role", [Role.DESIGNER, Role.EXECUTOR])
@pytest.mark.parametrize(
    ("family", "event"),
    [
        ("claude", "UserPromptSubmit"),
        ("codex", "UserPromptSubmit"),
        ("gemini", "BeforeAgent"),
        ("opencode", "TurnStarted"),
    ],
)
@pytest.mark.parametrize("more", ["", "word " * 5000])
def test_a_first_turn_is_described_by_the_task_and_not_by_our_heading(
    session: Session, family: str, event: str, role: Role, more: str
) -> None:
    prompt = first_prompt(setting(replace(session, role=role), task=f"# Clamp the speed\n\nFully. {more}"))
    told = FAMILIES[family].signs(event, {"text" if family == "opencode" else "prompt": prompt})
    assert told == [(Sign.TURN_STARTED, "begins its task: # Clamp the speed")]


@pytest.mark.parametrize("event", ["UserPromptSubmit", "PostToolUse"])
def test_a_busy_claude_is_handed_its_messages_as_context(event: str) -> None:
    output = {"hookEventName": event, "additionalContext": "[from a] hi"}
    assert FAMILIES["claude"].hook_reply(event, "[from a] hi") == {"hookSpecificOutput": output}


def test_nothing_is_handed_over_where_no_turn_need_follow() -> None:
    """What SessionStart brings is not read before the next prompt, and would be typed as well until then."""
    assert FAMILIES["claude"].hook_reply("SessionStart", "[from a] hi") == {}


def test_only_claude_s_prompts_are_held_for_its_tools() -> None:
    """Codex begins with its tools or not at all; a hold would only keep it waiting."""
    assert [family for family in sorted(FAMILIES) if FAMILIES[family].TOOLS_LATE] == ["claude"]


def test_a_prompt_is_told_whole() -> None:
    assert FAMILIES["claude"].prompt("UserPromptSubmit", {"prompt": "x" * 5000}) == "x" * 5000
    assert FAMILIES["claude"].prompt("Stop", {"prompt": "x"}) == ""


def test_a_reply_exists_exactly_where_it_is_said_to_hand_over() -> None:
    for family in FAMILIES:
        for event in ("SessionStart", "PreToolUse", "PostToolUse", "Stop", "Notification", "SessionEnd", "TurnEnded"):
            assert bool(FAMILIES[family].hook_reply(event, "hi")) == (event in FAMILIES[family].HANDS_OVER)


def test_claudes_status_line_tells_cost_and_context() -> None:
    payload = {"cost": {"total_cost_usd": 0.5}, "context_window": {"used_percentage": 7}, "model": {"id": "opus"}}
    assert FAMILIES["claude"].usage("StatusLine", payload) == Usage(cost=0.5, context=7.0, model="opus")
    assert FAMILIES["claude"].usage("Stop", payload) is None


NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ENDS = NOW + timedelta(hours=2)


@pytest.mark.parametrize(
    ("family", "event", "payload", "expected"),
    [
        (
            "claude",
            "StatusLine",
            {"cost": {"total_cost_usd": 1.5}, "orchestra_tokens": {"in": 100, "out": 20}, "rate_limits": {}},
            Usage(cost=1.5, tokens_in=100, tokens_out=20),
        ),
        (
            "codex",
            "TokenCount",
            {
                "used": 120,
                "window": 1000,
                "total": {"input_tokens": 300, "output_tokens": 40},
                "conversation": "t-1",
                "model": "gpt-5",
            },
            Usage(tokens_in=300, tokens_out=40, context=12.0, model="gpt-5", counter="t-1"),
        ),
        (
            "opencode",
            "Usage",
            {
                "conversation": "ses_1",
                "cost": 0.25,
                "tokens": {"input": 10, "output": 5, "reasoning": 2, "cache": {"read": 80, "write": 3}},
            },
            Usage(cost=0.25, tokens_in=93, tokens_out=7, counter="ses_1"),
        ),
        ("opencode", "Usage", {"cost": 0, "context": 12.5, "model": "a/b"}, Usage(context=12.5, model="a/b")),
        (
            "gemini",
            "Tokens",
            {"used": 524_288, "in": 100, "out": 20, "model": "gemini-2.5-pro", "start": "7"},
            Usage(tokens_in=100, tokens_out=20, context=50.0, model="gemini-2.5-pro", counter="7"),
        ),
        ("gemini", "TurnFailed", {"error": "[API Error: no such model]"}, None),
        (
            "plain",
            "Usage",
            {"cost": 1, "tokens_in": 2, "context": 3},
            Usage(cost=1.0, tokens_in=2, context=3.0),
        ),
    ],
)
def test_what_an_agent_does_not_tell_of_its_usage_is_unknown(
    family: str, event: str, payload: dict[str, Any], expected: Usage | None
) -> None:
    assert FAMILIES[family].usage(event, payload) == expected


@pytest.mark.parametrize(
    ("family", "event", "payload", "until"),
    [
        ("claude", "StatusLine", {"rate_limits": {"five_hour": {"used_percentage": 100, "resets_at": ENDS.timestamp()},
          "seven_day": {"used_percentage": 10, "resets_at": ENDS.timestamp() + 9}}}, ENDS),
        ("claude", "StatusLine", {"rate_limits": {"five_hour": {"used_percentage": 99.0, "resets_at": 5}}}, None),
        ("codex", "TokenCount", {"limits": {"primary": {"used_percent": 100.0, "resets_at": ENDS.timestamp()},
          "secondary": None, "plan_type": "plus"}}, ENDS),
        ("opencode", "Retried", {"text": "Rate limit exceeded", "next": ENDS.timestamp()}, ENDS),
        ("opencode", "Retried", {"text": "Overloaded", "next": ENDS.timestamp()}, None),
        ("gemini", "TurnFailed", {"error": "[API Error: Your quota will reset after 1h59m60s.]"}, ENDS),
        ("plain", "Usage", {"limited_until": ENDS.timestamp()}, ENDS),
        ("plain", "Usage", {"limited_until": 1e11}, None),
    ],
)  # fmt: skip
def test_a_limit_ends_when_the_agent_says_so(
    family: str, event: str, payload: dict[str, Any], until: datetime | None
) -> None:
    used = FAMILIES[family].usage(event, payload)
    assert used is not None
    assert used.limit is not None
    assert used.limit.until(NOW) == until


@pytest.mark.parametrize("wrong", [-1, 1e300, float("inf"), "7", True, None, [1], {"a": 1}])
def test_a_number_that_cannot_be_one_is_no_number(wrong: object) -> None:
    told = {"cost": wrong, "tokens_in": wrong, "tokens_out": wrong, "context": wrong, "limited_until": wrong}
    assert FAMILIES["plain"].usage("Usage", told) == Usage()
    nested = {
        "cost": {"total_cost_usd": wrong},
        "context_window": wrong,
        "rate_limits": {"a": {"used_percentage": wrong}},
    }
    assert FAMILIES["claude"].usage("StatusLine", nested) == Usage()


def plain_agent(place: Path, text: str) -> Any:  # noqa: ANN401 -- the profile, read from a file
    (place / "agent.sh").write_text("#!/bin/sh\n")
    (place / "agent.sh").chmod(0o755)
    (place / "mine.yaml").write_text(text)
    return load("mine", [place])


def test_a_plain_profile_finds_its_files_where_it_expects_them(tmp_path: Path, session: Session) -> None:
    profile = plain_agent(
        tmp_path, 'command: [bash, /orchestra/agent.sh, "{session}", "${x}"]\nfiles: {agent.sh: agent.sh}'
    )
    made = launch_files(profile, setting(in_docker(session)))
    assert made.agent_files["files/agent.sh"][1] == 0o555
    assert made.agent_files["launch.sh"][0].endswith(b"exec bash /orchestra/agent/files/agent.sh fix-login '${x}'\n")


def test_a_plain_profile_resumes_the_second_time(tmp_path: Path, session: Session) -> None:
    text = 'command: [echo, "{role}", "{model}", first]\nresume: [echo, again]\nmodel: small'
    made = launch_files(plain_agent(tmp_path, text), setting(session, home=str(tmp_path / "home")))
    launcher = tmp_path / "launch.sh"
    launcher.write_bytes(made.agent_files["launch.sh"][0])
    said = [subprocess.check_output(["sh", launcher], text=True) for _ in range(3)]
    assert said == ["executor small first\n", "again\n", "again\n"]


def test_what_runs_in_the_box_needs_pythons_standard_library_alone() -> None:
    for file in BOX.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            modules += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            assert {one.partition(".")[0] for one in modules} <= sys.stdlib_module_names, file.name


def test_a_plain_program_that_is_asked_once_gets_the_prompt_as_its_last_argument(session: Session) -> None:
    profile = replace(load("plain"), headless=("ask", "--model", "{model}"), model="small")
    launch = headless(profile, setting(in_docker(session), task="Say OK.")).agent_files["launch.sh"][0].decode()
    assert launch.endswith('exec ask --model small "$(cat "$agent_dir/task.md")"\n')
