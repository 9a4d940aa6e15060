"""What Codex is given and what its events mean, without the program."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from orchestra.agents import FAMILIES, LaunchContext, launch_files, load
from orchestra.agents.families.codex import settings, toml
from orchestra.agents.runtime.codex import start
from orchestra.agents.runtime.codex.watch import Conversations
from orchestra.model import Sign
from tests.support.launch_files import a_session, in_docker


@pytest.fixture
def codex_home(tmp_path: Path) -> Path:
    place = tmp_path / "codex"
    place.mkdir()
    return place


def rollout(home: Path, name: str, *, source: object = "cli", lines: tuple[dict[str, Any], ...] = ()) -> Path:
    place = home / "sessions" / "2026" / "11" / "22"
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"rollout-{name}.jsonl"
    entries = [{"type": "session_meta", "payload": {"id": name, "source": source}}, *lines]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def event(kind: str, **values: object) -> dict[str, Any]:
    return {"type": "event_msg", "payload": {"type": kind, **values}}


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        'quo"te \\ back',
        "line\nline\ttab",
        "del\x7f bell\x07",
        "ümlaut 🎻",
        7,
        True,
        ["a", "b"],
        {"a.b": {"c": 1}},
    ],
)
def test_settings_survive_being_written_as_toml(value: object) -> None:
    assert tomllib.loads(f"x = {toml(value)}") == {"x": value}


def test_every_setting_can_be_read_back(tmp_path: Path) -> None:
    setting = LaunchContext(
        session=a_session(tmp_path, agent="codex"), mcp_url="http://h/mcp", hook_url="http://h/hooks"
    )
    wanted = settings(load("codex"), setting)
    for value in wanted.values():
        assert tomllib.loads(f"x = {toml(value)}") == {"x": value}


def test_it_reads_the_token_from_its_environment(tmp_path: Path) -> None:
    setting = LaunchContext(
        session=a_session(tmp_path, agent="codex"), mcp_url="http://h/mcp", hook_url="http://h/hooks"
    )
    plan = json.loads(launch_files(load("codex"), setting).agent_files["codex.json"][0])
    server = tomllib.loads(f"x = {plan['settings']['mcp_servers.orchestra']}")["x"]
    assert server["bearer_token_env_var"] == "ORCHESTRA_TOKEN"


def test_a_container_keeps_it_in_and_on_the_machine_it_asks(tmp_path: Path) -> None:
    session = a_session(tmp_path, agent="codex")
    plans = []
    for one in (session, in_docker(session)):
        made = launch_files(
            load("codex"), LaunchContext(session=one, mcp_url="http://h/mcp", hook_url="http://h/hooks")
        )
        plans.append(json.loads(made.agent_files["codex.json"][0])["first"])
    assert not any("dangerously" in word for word in plans[0])
    assert "--dangerously-bypass-approvals-and-sandbox" in plans[1]


def test_it_goes_on_with_the_last_conversation_that_was_its_persons(codex_home: Path) -> None:
    assert start.last_conversation(codex_home) == ""
    rollout(codex_home, "old")
    (rollout(codex_home, "broken")).write_text("{")
    rollout(codex_home, "inner", source={"subagent": "review"})
    assert start.last_conversation(codex_home) == "old"


def test_a_login_that_is_handed_over_never_replaces_the_one_it_renewed(codex_home: Path) -> None:
    start.keep_login(codex_home, "")
    assert not (codex_home / "auth.json").exists()
    start.keep_login(codex_home, "first")
    start.keep_login(codex_home, "second")
    assert (codex_home / "auth.json").read_text() == "first"
    assert (codex_home / "auth.json").stat().st_mode & 0o777 == 0o600


def test_only_a_key_makes_a_provider_of_ours() -> None:
    assert start.provider("", "") == {}
    assert start.provider("", "http://h/v1") == {"openai_base_url": '"http://h/v1"'}
    given = start.provider("k", "http://h/v1")
    table = tomllib.loads(f"x = {given['model_providers.orchestra']}")["x"]
    assert table["base_url"] == "http://h/v1"
    assert "k" not in table.values()


def test_what_was_written_before_it_started_is_no_news(codex_home: Path) -> None:
    failed = event("task_complete", error={"message": "no"})
    path = rollout(codex_home, "one", lines=(failed,))
    conversations = Conversations(codex_home)
    assert list(conversations.news()) == []
    with path.open("a") as file:
        file.write(json.dumps(event("task_complete", error=None)) + "\n" + json.dumps(failed)[:30])
    assert list(conversations.news()) == []
    with path.open("a") as file:
        file.write(json.dumps(failed)[30:] + "\n")
    assert list(conversations.news()) == [("TurnFailed", {"error": "no"})]
    assert list(conversations.news()) == []


def test_what_the_agents_of_an_agent_do_is_no_news(codex_home: Path) -> None:
    conversations = Conversations(codex_home)
    rollout(codex_home, "inner", source={"subagent": "x"}, lines=(event("task_complete", error={"message": "no"}),))
    assert list(conversations.news()) == []


@pytest.mark.parametrize(
    ("name", "payload", "sign", "text"),
    [
        ("PreToolUse", {"tool_name": "Bash", "tool_input": {"command": "ls"}}, Sign.TOOL_USED, "runs ls"),
        ("PreToolUse", {"tool_name": "mcp__orchestra__report"}, Sign.TOOL_USED, "report "),
        ("PreToolUse", {"tool_name": "apply_patch", "tool_input": "odd"}, Sign.TOOL_USED, "edits"),
        ("Interrupt", {}, Sign.TURN_ENDED, "interrupted"),
        ("SessionEnd", {"reason": "exit"}, Sign.ENDED, "ended (exit)"),
    ],
)
def test_events_become_evidence(name: str, payload: dict[str, Any], sign: Sign, text: str) -> None:
    assert [(one, said.strip()) for one, said in FAMILIES["codex"].signs(name, payload)] == [(sign, text.strip())]


def test_an_unknown_event_says_nothing() -> None:
    assert FAMILIES["codex"].signs("SessionStart", {"source": "compact"}) == []


def test_it_tells_the_tokens_of_each_conversation_and_of_its_subagents_only_those(codex_home: Path) -> None:
    conversations = Conversations(codex_home)
    info = {
        "total_token_usage": {"input_tokens": 300, "output_tokens": 40, "total_tokens": 340},
        "last_token_usage": {"total_tokens": 120},
        "model_context_window": 1000,
    }
    counted = event("token_count", info=info, rate_limits={"primary": {"used_percent": 3.0}})
    rollout(codex_home, "mine", lines=(counted,))
    rollout(codex_home, "inner", source={"subagent": "review"}, lines=(counted, event("task_complete", error={})))
    told = {payload["conversation"]: payload for _, payload in conversations.news()}
    assert told["mine"]["used"], told["mine"]["limits"] == (120, {"primary": {"used_percent": 3.0}})
    assert told["inner"] == {"conversation": "inner", "total": info["total_token_usage"]}
