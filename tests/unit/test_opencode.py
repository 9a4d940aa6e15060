"""What opencode is given, and what is made of its events and of its bridge's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestra.agents import FAMILIES, LaunchContext, launch_files, load
from orchestra.agents.runtime.opencode.configure import completed, keep_login, spare_download
from orchestra.agents.runtime.opencode.events import EventReporter
from orchestra.model import Sign
from tests.support.launch_files import a_session, in_docker, lay_out_for
from tests.support.mcp_stub import until
from tests.support.running import running

OURS = {"OPENAI_COMPATIBLE_BASE_URL": "http://model/v1", "OPENAI_COMPATIBLE_MODEL": "small"}


def configured(worktree: Path, *, contained: bool = False, model: str = "") -> dict[str, Any]:
    session = replace(a_session(worktree, agent="opencode"), model=model)
    setting = LaunchContext(
        session=in_docker(session) if contained else session,
        mcp_url="http://10.0.0.1:7000/mcp",
        hook_url="http://10.0.0.1:7000/hooks",
    )
    found: dict[str, Any] = json.loads(launch_files(load("opencode"), setting).agent_files["opencode.json"][0])
    return found


def test_it_works_without_asking_in_a_container_only(tmp_path: Path) -> None:
    assert configured(tmp_path, contained=True)["permission"] == {"*": "allow"}
    assert configured(tmp_path)["permission"]["bash"] == "ask"


def test_the_token_stays_in_the_environment_and_a_tool_may_take_long(tmp_path: Path) -> None:
    server = configured(tmp_path)["mcp"]["orchestra"]
    assert server["headers"] == {"Authorization": "Bearer {env:ORCHESTRA_TOKEN}"}
    assert server["timeout"] >= 600_000


def test_it_is_asked_for_a_model_only_when_one_is_wanted(tmp_path: Path) -> None:
    assert "model" not in configured(tmp_path)
    assert configured(tmp_path, model="openai/gpt-5")["model"] == "openai/gpt-5"


def test_a_server_of_the_persons_own_becomes_the_usual_one() -> None:
    found = completed({}, OURS, {})
    assert found["model"] == "compatible/small"
    assert found["provider"]["compatible"]["options"]["apiKey"] == "{env:OPENAI_COMPATIBLE_API_KEY}"
    assert completed({"model": "openai/gpt-5"}, OURS, {})["model"] == "openai/gpt-5"


@pytest.mark.parametrize(
    ("env", "logins", "left_out"),
    [({}, {}, True), ({"OPENCODE_API_KEY": "k"}, {}, False), ({}, {"opencode": {"type": "api"}}, False)],
)
def test_no_code_goes_to_a_server_that_the_person_has_no_login_for(
    env: dict[str, str], logins: dict[str, Any], *, left_out: bool
) -> None:
    assert ("opencode" in completed({}, env, logins).get("disabled_providers", [])) is left_out


def test_a_login_that_was_handed_over_is_kept_until_opencode_has_one_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "opencode" / "auth.json"
    keep_login(path, "")
    assert not path.exists()
    keep_login(path, "handed over")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("handed over", 0o600)
    path.write_text("renewed")
    keep_login(path, "handed over")
    assert path.read_text() == "renewed"


def test_what_opencode_installed_itself_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    spare_download(tmp_path)
    assert not (tmp_path / "package-lock.json").exists()


@pytest.mark.parametrize(
    ("event", "payload", "expected"),
    [
        ("Launched", {}, (Sign.LAUNCHED, "starting")),
        ("Ready", {"text": "resume"}, (Sign.READY, "ready (resume)")),
        ("TurnStarted", {"text": "Do it\nnow"}, (Sign.TURN_STARTED, "Do it")),
        ("ToolUsed", {"tool": "edit", "input": {"filePath": "/w/a.py"}}, (Sign.TOOL_USED, "edits a.py")),
        ("ToolUsed", {"tool": "bash", "input": {"command": "x"}, "failed": True}, (Sign.TOOL_USED, "runs x: failed")),
        ("ToolUsed", {"tool": "orchestra_read_spec", "input": {}}, (Sign.TOOL_USED, "read spec ")),
        ("Prompted", {"tool": "bash", "input": {"command": "x"}}, (Sign.PROMPTED, "asks for permission: runs x")),
        ("Prompted", {"text": "Which?"}, (Sign.PROMPTED, "asks: Which?")),
        ("PromptAnswered", {}, (Sign.TOOL_USED, "got an answer")),
        ("Retried", {"text": "busy"}, (Sign.TOOL_USED, "is trying the model again: busy")),
        ("TurnEnded", {"text": "Done."}, (Sign.TURN_ENDED, "Done.")),
        ("TurnFailed", {}, (Sign.TURN_FAILED, "the model's service failed: unknown")),
        ("SessionEnd", {}, (Sign.ENDED, "ended")),
    ],
)
def test_the_bridges_events_are_evidence(event: str, payload: dict[str, Any], expected: tuple[Sign, str]) -> None:
    ((sign, text),) = FAMILIES["opencode"].signs(event, payload)
    assert (sign, text.strip()) == (expected[0], expected[1].strip())


def test_only_the_bridges_question_is_answered_with_messages() -> None:
    assert FAMILIES["opencode"].hook_reply("Inbox", "hi") == {"text": "hi"}
    assert FAMILIES["opencode"].hook_reply("TurnEnded", "hi") == {}
    assert FAMILIES["opencode"].prompt("Inbox", {"prompt": "[message 7 from main]"}) == "[message 7 from main]"
    assert FAMILIES["opencode"].usage("TurnEnded", {}) is None


@pytest.fixture
def told() -> list[tuple[str, dict[str, Any]]]:
    return []


@pytest.fixture
def teller(told: list[tuple[str, dict[str, Any]]]) -> EventReporter:
    one = EventReporter(lambda event, payload: told.append((event, payload)), lambda _provider, _model: 1000.0, "ses_1")
    one.know({"id": "ses_1"})
    return one


def say(teller: EventReporter, session: str, text: str) -> None:
    message = {"id": f"msg_{text}", "role": "user", "sessionID": session}
    teller.take("message.updated", {"info": message})
    part = {"type": "text", "text": text, "messageID": message["id"], "sessionID": session}
    teller.take("message.part.updated", {"part": part})


def status(teller: EventReporter, kind: str, session: str = "ses_1") -> None:
    teller.take("session.status", {"sessionID": session, "status": {"type": kind}})


def test_a_conversation_its_agent_started_is_no_turn_of_its_own(
    teller: EventReporter, told: list[tuple[str, dict[str, Any]]]
) -> None:
    say(teller, "ses_1", "a task")
    teller.take("session.created", {"info": {"id": "ses_2", "parentID": "ses_1"}})
    say(teller, "ses_2", "a part of it")
    status(teller, "idle", "ses_2")
    assert teller.busy
    assert told == [("TurnStarted", {"text": "a task"})]


def test_it_follows_the_person_to_another_conversation(
    teller: EventReporter, told: list[tuple[str, dict[str, Any]]]
) -> None:
    say(teller, "ses_9", "something else")
    assert teller.session == "ses_9"
    status(teller, "idle", "ses_9")
    assert [event for event, _ in told] == ["TurnStarted", "TurnEnded"]


def test_an_interrupted_turn_is_no_failure(teller: EventReporter, told: list[tuple[str, dict[str, Any]]]) -> None:
    say(teller, "ses_1", "a task")
    teller.take("session.error", {"sessionID": "ses_1", "error": {"name": "MessageAbortedError"}})
    status(teller, "idle")
    assert told[-1][0] == "TurnEnded"


def test_two_open_dialogs_are_answered_when_both_are(
    teller: EventReporter, told: list[tuple[str, dict[str, Any]]]
) -> None:
    for number in ("per_1", "per_2"):
        teller.take("permission.asked", {"id": number, "permission": "bash", "patterns": ["ls"]})
    teller.take("permission.replied", {"requestID": "per_1"})
    assert [event for event, _ in told] == ["Prompted", "Prompted"]
    teller.take("permission.replied", {"requestID": "per_2"})
    assert told[-1][0] == "PromptAnswered"


def test_while_it_asks_no_tool_makes_it_look_at_work(
    teller: EventReporter, told: list[tuple[str, dict[str, Any]]]
) -> None:
    """Its own tool runs, for opencode, from before the question on; another one may end beside it."""

    def tool(number: str, status: str) -> None:
        part = {"type": "tool", "id": number, "tool": "bash", "state": {"status": status}}
        teller.take("message.part.updated", {"part": part})

    tool("other", "running")
    teller.take("permission.asked", {"id": "per_1", "permission": "bash", "patterns": ["ls"]})
    tool("asker", "running")
    tool("other", "completed")
    assert [event for event, _ in told] == ["ToolUsed", "Prompted"]
    teller.take("permission.replied", {"requestID": "per_1"})
    tool("asker", "completed")
    assert [event for event, _ in told] == ["ToolUsed", "Prompted", "PromptAnswered", "ToolUsed"]


def test_an_agent_that_goes_on_without_a_terminal_is_ended(tmp_path: Path) -> None:
    lay_out_for(tmp_path, a_session(tmp_path, agent="opencode"), "http://127.0.0.1:9")
    environment = {
        "PATH": os.environ["PATH"],
        "ORCHESTRA_OPENCODE_PORT": "9",
        "OPENCODE_SERVER_PASSWORD": "x",
        "ORCHESTRA_AGENT_HOME": str(tmp_path / "home"),
        "ORCHESTRA_HOOK_URL": "http://127.0.0.1:9/hooks",
        "ORCHESTRA_TOKEN": "t",
    }
    deaf = "import signal, time; signal.signal(signal.SIGHUP, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with running([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        agent.stdout.readline()
        words = [sys.executable, str(tmp_path / "agent" / "bridge.py"), str(agent.pid)]
        with running(words, env=environment) as bridge:
            until(lambda: _catches(bridge.pid))
            bridge.send_signal(signal.SIGHUP)
            assert agent.wait(60) == -signal.SIGTERM
            assert bridge.wait(60) == 0


def _catches(process: int) -> bool:
    """Say whether a process catches SIGHUP, from what the kernel tells (proc(5))."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    caught = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt"))
    return bool(caught >> (signal.SIGHUP - 1) & 1)


def test_it_tells_what_each_conversation_used_when_that_has_changed(
    teller: EventReporter, told: list[tuple[str, dict[str, Any]]]
) -> None:
    used = {"cost": 0.5, "tokens": {"input": 10}}
    for info in ({"id": "ses_1", **used}, {"id": "ses_1", **used}, {"id": "ses_2", "parentID": "ses_1", **used}):
        teller.take("session.updated", {"info": info})
    teller.take("session.updated", {"info": {"id": "ses_3", "cost": 0}})
    assert told == [("Usage", {"conversation": number, **used}) for number in ("ses_1", "ses_2")]


def test_it_tells_when_a_model_is_tried_again(teller: EventReporter, told: list[tuple[str, dict[str, Any]]]) -> None:
    status = {"type": "retry", "message": "Rate limit", "next": 1_700_000_000_500}
    teller.take("session.status", {"sessionID": "ses_1", "status": status})
    assert told == [("Retried", {"text": "Rate limit", "next": 1_700_000_000.5})]
