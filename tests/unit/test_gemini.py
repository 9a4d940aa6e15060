"""What Gemini CLI is given and what its events mean, without the program."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from orchestra.agents import FAMILIES, LaunchContext, Usage, launch_files, load
from orchestra.agents.families import gemini
from orchestra.agents.prompt_draft import prompt_text
from orchestra.agents.runtime.gemini import home, hook, start
from orchestra.agents.runtime.gemini.watch import CANCELLED, FAILED, Conversations
from orchestra.model import Permissions, Sign
from tests.support.launch_files import CONVERSATION, a_session, in_docker

EMPTY = "\x1b[38;5;229m> \x1b[7m\x1b[39m \x1b[0m\x1b[38;5;248m\x1b[48;5;240m Type your message or @path/to/file\x1b[39m"
ABOVE = " \x1b[38;5;248m> [from main] an older message\n\n✦ HEARD\n"


@pytest.fixture
def gemini_dir(tmp_path: Path) -> Path:
    place = tmp_path / "home" / ".gemini"
    place.mkdir(parents=True)
    return place


def plan(tmp_path: Path, *, contained: bool = True, task: str = "") -> dict[str, Any]:
    session = a_session(tmp_path, agent="gemini")
    session = in_docker(session) if contained else session
    setting = LaunchContext(session=session, mcp_url="http://h/mcp", hook_url="http://h/hooks", task=task)
    found: dict[str, Any] = json.loads(launch_files(load("gemini"), setting).agent_files["gemini.json"][0])
    return found


def chat(gemini_home: Path, name: str, *entries: dict[str, Any], age: float = 0) -> Path:
    place = gemini_home / "tmp" / "project" / "chats"
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"session-2026-11-24T12-00-{name[:8]}.jsonl"
    first = {"sessionId": name, "kind": "main"}
    given = {"$set": {"messages": [{"id": "0", "type": "user", "content": "the date"}]}}
    path.write_text("".join(json.dumps(entry) + "\n" for entry in (first, given, *entries)))
    os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return path


def said(kind: str, content: str = "words", **more: object) -> dict[str, Any]:
    return {"id": "1", "type": kind, "content": content, **more}


def test_a_container_keeps_it_in_and_on_the_machine_it_asks(tmp_path: Path) -> None:
    assert "yolo" in plan(tmp_path)["first"]
    on_host = plan(tmp_path, contained=False)
    (gate,) = on_host["settings"]["hooks"]["BeforeTool"][0]["hooks"]
    assert gate["command"].startswith("said=$(")
    assert " edits)" in gate["command"]
    assert "deny" in gate["command"]
    (free,) = plan(tmp_path)["settings"]["hooks"]["BeforeTool"][0]["hooks"]
    assert "said" not in free["command"]


def test_the_token_stays_in_the_environment(tmp_path: Path) -> None:
    settings = plan(tmp_path)["settings"]
    assert settings["mcpServers"]["orchestra"]["headers"] == {"Authorization": "Bearer ${ORCHESTRA_TOKEN}"}
    hooks = [hook for groups in settings["hooks"].values() for group in groups for hook in group["hooks"]]
    assert {hook["env"]["ORCHESTRA_TOKEN"] for hook in hooks} == {"$ORCHESTRA_TOKEN"}


def test_a_hook_is_cut_off_by_gemini_only_after_it_gave_up_itself(tmp_path: Path) -> None:
    for event, (group,) in plan(tmp_path)["settings"]["hooks"].items():
        (hook,) = group["hooks"]
        assert hook["timeout"] > 1000 * int(hook["command"].split()[-1]), event


def test_its_first_prompt_names_no_file_and_is_no_option(tmp_path: Path) -> None:
    words = list(start.words(plan(tmp_path), "", "--yolo @/etc/passwd"))
    assert words[-3:] == ["--session-id", CONVERSATION, "--prompt-interactive=--yolo \\@/etc/passwd"]
    assert list(start.words(plan(tmp_path), "other", ""))[-2:] == ["--resume", "other"]


def test_our_settings_join_those_of_its_home(gemini_dir: Path) -> None:
    (gemini_dir / "settings.json").write_text('{"ui": {"theme": "Dracula", "hideTips": false}, "mine": 1}')
    home.write_settings(gemini_dir, {"ui": {"hideTips": True}}, {"GEMINI_API_KEY": "k"})
    kept = json.loads((gemini_dir / "settings.json").read_text())
    assert kept["ui"] == {"theme": "Dracula", "hideTips": True}
    assert kept["mine"] == 1
    assert kept["security"]["auth"]["selectedType"] == "gemini-api-key"
    assert (gemini_dir / "settings.json").stat().st_mode & 0o777 == 0o600


def test_a_login_that_it_chose_stays_without_a_key(gemini_dir: Path) -> None:
    assert not home.has_login(gemini_dir)
    home.keep_login(gemini_dir, "first")
    home.keep_login(gemini_dir, "second")
    home.write_settings(gemini_dir, {}, {})
    assert (gemini_dir / "oauth_creds.json").read_text() == "first"
    assert (
        json.loads((gemini_dir / "settings.json").read_text())["security"]["auth"]["selectedType"] == "oauth-personal"
    )
    assert home.has_login(gemini_dir)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"GEMINI_API_KEY": "k", "GOOGLE_API_KEY": "k"}, "gemini-api-key"),
        ({"GOOGLE_API_KEY": "k"}, "vertex-ai"),
        ({"GOOGLE_GENAI_USE_VERTEXAI": "false"}, ""),
        ({"GEMINI_API_KEY": ""}, ""),
    ],
)
def test_the_credentials_say_how_it_logs_in(given: dict[str, str], kind: str) -> None:
    assert home.login(given) == kind


def test_broken_settings_of_its_home_are_written_anew(gemini_dir: Path) -> None:
    (gemini_dir / "settings.json").write_text("[")
    home.write_settings(gemini_dir, {"a": 1}, {"GOOGLE_GENAI_USE_VERTEXAI": "true"})
    kept = json.loads((gemini_dir / "settings.json").read_text())
    assert kept == {"a": 1, "security": {"auth": {"selectedType": "vertex-ai"}}}


def test_the_role_is_told_anew_and_its_own_memory_stays(gemini_dir: Path) -> None:
    (gemini_dir / "GEMINI.md").write_text("I like tabs.\n")
    for text in ("You are one.", "You are two. Ask @bob, a@b.c"):
        home.write_role(gemini_dir, text)
    told = (gemini_dir / "GEMINI.md").read_text()
    assert "You are one." not in told
    assert "You are two. Ask \\@bob, a@b.c" in told
    assert told.count("I like tabs.") == 1


@pytest.mark.parametrize(("chosen", "told"), [("", []), ("gemini-api-key", ["Ready"])])
def test_it_is_not_ready_before_it_knows_how_to_log_in(
    gemini_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], chosen: str, told: list[str]
) -> None:
    posted: list[str] = []
    monkeypatch.setattr(hook, "post", lambda event, _body, _deadline: posted.append(event))
    monkeypatch.setattr("sys.argv", ["hook.py", "Ready", "1"])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"{}")))
    monkeypatch.setenv("GEMINI_CLI_HOME", str(gemini_dir.parent))
    home.write_settings(gemini_dir, {"security": {"auth": {"selectedType": chosen}}}, {})
    hook.main()
    assert posted == told
    assert capsys.readouterr().out == "{}"


def test_it_goes_on_with_the_last_conversation_in_which_a_word_was_said(gemini_dir: Path) -> None:
    assert home.last_conversation(gemini_dir) == ""
    chat(gemini_dir, "11111111-old", said("user"), age=9)
    chat(gemini_dir, "22222222-new", said("gemini"), age=5)
    silent = chat(gemini_dir, CONVERSATION)
    assert home.last_conversation(gemini_dir) == "22222222-new"
    home.forget(gemini_dir, CONVERSATION)
    assert not silent.exists()
    assert home.last_conversation(gemini_dir) == "22222222-new"


def test_what_was_written_before_it_started_is_no_news(gemini_dir: Path) -> None:
    failed = said("error", f"{FAILED}no]")
    path = chat(gemini_dir, CONVERSATION, failed)
    conversations = Conversations(gemini_dir)
    assert list(conversations.news()) == []
    with path.open("a") as file:
        file.write(json.dumps(said("user", f"what is {FAILED}")) + "\n" + json.dumps(failed)[:30])
    assert list(conversations.news()) == []
    with path.open("a") as file:
        file.write(json.dumps(failed)[30:] + "\n" + json.dumps(said("info", CANCELLED)) + "\n")
    assert [event for event, _ in conversations.news()] == ["TurnFailed", "Cancelled"]
    assert list(conversations.news()) == []


def test_an_answer_that_is_written_twice_is_counted_once(gemini_dir: Path) -> None:
    conversations = Conversations(gemini_dir)
    tokens = {"total": 125, "input": 100, "output": 20, "thoughts": 5}
    answer = said("gemini", tokens=tokens, model="gemini-2.5-pro", id="one")
    chat(gemini_dir, CONVERSATION, answer, {**answer, "toolCalls": []}, {**answer, "id": "two"})
    told = [payload for _, payload in conversations.news()]
    assert [(each["used"], each["in"], each["out"]) for each in told] == [(125, 100, 25), (125, 200, 50)]
    assert told[0]["start"] != next(iter(each["start"] for each in counted(gemini_dir, answer)))


def counted(gemini_dir: Path, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what another start reports after one more answer."""
    conversations = Conversations(gemini_dir)
    chat(gemini_dir, "99999999-more", answer)
    return [payload for _, payload in conversations.news()]


@pytest.mark.parametrize(
    ("last", "cut"),
    [
        (said("info", CANCELLED), True),
        (said("error", f"{FAILED}no]"), True),
        (said("gemini"), False),
        (said("error", "a command that nobody knows"), False),
    ],
)
def test_a_turn_that_was_cut_off_takes_no_message(gemini_dir: Path, last: dict[str, Any], cut: bool) -> None:  # noqa: FBT001 -- given
    older = (said("info", CANCELLED), said("user"))
    path = chat(gemini_dir, CONVERSATION, *older, last, said("info", "more about it"))
    assert hook.was_cut_off(json.dumps({"transcript_path": str(path)}).encode()) is cut


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"transcript_path": "/nowhere"}'])
def test_a_hook_without_a_conversation_is_passed_on(body: bytes) -> None:
    assert not hook.was_cut_off(body)


@pytest.mark.parametrize(
    ("name", "payload", "sign", "text"),
    [
        ("BeforeTool", {"tool_name": "run_shell_command", "tool_input": {"command": "ls"}}, Sign.TOOL_USED, "runs ls"),
        ("AfterTool", {"tool_name": "mcp_orchestra_report"}, Sign.TOOL_USED, "report"),
        ("AfterTool", {"tool_name": "replace", "tool_input": {"file_path": "a/b.py"}}, Sign.TOOL_USED, "edits b.py"),
        (
            "Notification",
            {"details": {"type": "edit", "fileName": "b.py"}},
            Sign.PROMPTED,
            "asks for permission: edits b.py",
        ),
        ("Notification", {"details": {"type": "mcp", "toolName": "x"}}, Sign.PROMPTED, "asks for permission: x"),
        ("Notification", {"message": "m"}, Sign.PROMPTED, "asks for permission: m"),
        ("TurnFailed", {"error": f"{FAILED}no]"}, Sign.TURN_FAILED, "the model's service failed: no"),
        ("Cancelled", {}, Sign.TURN_ENDED, "interrupted"),
        ("Ready", {"source": "clear"}, Sign.READY, "ready (clear)"),
        ("SessionEnd", {"reason": "exit"}, Sign.ENDED, "ended (exit)"),
    ],
)
def test_events_become_evidence(name: str, payload: dict[str, Any], sign: Sign, text: str) -> None:
    assert [(one, words.strip()) for one, words in FAMILIES["gemini"].signs(name, payload)] == [(sign, text)]


def test_an_unknown_event_says_nothing() -> None:
    assert FAMILIES["gemini"].signs("PreCompress", {"trigger": "auto"}) == []
    assert FAMILIES["gemini"].usage("AfterAgent", {}) is None


def test_how_full_it_is_depends_on_the_model() -> None:
    told = FAMILIES["gemini"].usage("Tokens", {"used": 128_000, "model": "gemma-4-31b-it"})
    assert told == Usage(context=50.0, model="gemma-4-31b-it")


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        (f" {EMPTY}", False),
        (" \x1b[38;5;229m* \x1b[7m\x1b[39m \x1b[0m", False),
        (" \x1b[38;5;229m> \x1b[38;5;231ma half\x1b[7m\x1b[39m \x1b[0m", True),
        (" \x1b[38;5;229m! \x1b[38;5;231mls", True),
        ("│ ● 1. Allow once │", True),
    ],
)
def test_its_prompt_is_read_and_where_none_is_nothing_is_typed(prompt: str, found: bool) -> None:  # noqa: FBT001 -- given
    assert bool(prompt_text("gemini", f"{ABOVE}{prompt}\n\n workspace (/directory)\n")) is found
    assert prompt_text("gemini", "starting") is None


@pytest.mark.parametrize(
    ("said", "denied"),
    [('{"decision": "deny", "reason": "a rule"}', True), ('{"decision": "allow"}', False), ("{}", False), ("", False),
     ("[]", False), ("deny", False)],
)  # fmt: skip
def test_what_a_rule_denies_is_not_asked_as_well(said: str, *, denied: bool) -> None:
    assert hook.is_denial(said) is denied


FREE = {"read_file": {"file_path": "a"}, "glob": {"pattern": "*"}, "mcp_orchestra_report": {}}
EDITED = {"replace": {"file_path": "/w/src/a.py"}, "write_file": {"file_path": "src/b.py", "content": "x"}}
ASKED = {
    "run_shell_command": {"command": "ls"},
    "web_fetch": {"prompt": "https://x"},
    "mcp_other_tool": {},
    "save_memory": {"fact": "x"},
}


def gated(tool: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"tool_name": tool, "tool_input": given, "cwd": "/w"}


@pytest.mark.parametrize("permissions", [Permissions.EDITS, Permissions.ASK])
def test_the_gate_asks_for_what_the_permissions_do_not_give(permissions: Permissions) -> None:
    for tool, given in FREE.items():
        assert gemini.is_free("BeforeTool", gated(tool, given), permissions)
        assert gemini.asked("BeforeTool", gated(tool, given), permissions) is None
    for tool, given in EDITED.items():
        assert gemini.is_free("BeforeTool", gated(tool, given), permissions) is (permissions is Permissions.EDITS)
    for tool, given in ASKED.items():
        assert not gemini.is_free("BeforeTool", gated(tool, given), permissions)
        assert gemini.asked("BeforeTool", gated(tool, given), permissions) is not None


@pytest.mark.parametrize(
    "path",
    ["../x", "/etc/passwd", "", ".gemini/settings.json", "src/../.git/config", "a/.CLAUDE/x", ".mcp.json", "/w/../x"],
)
def test_edits_outside_or_of_what_decides_are_asked(path: str) -> None:
    assert not gemini.is_free("BeforeTool", gated("replace", {"file_path": path}), Permissions.EDITS)


def test_without_an_answer_the_gate_leaves_it_to_the_dialog() -> None:
    assert gemini.permission_reply("BeforeTool", allowed=None, reason="") == {"decision": "ask"}
    assert gemini.permission_reply("BeforeTool", allowed=False, reason="no") == {"decision": "deny", "reason": "no"}
