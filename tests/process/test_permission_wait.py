"""Hooks that wait at the real service for the answer to a permission request, through kills, and side by side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from orchestra.actions import registry
from orchestra.agents.families import codex
from orchestra.agents.launch_files import ASK, runtime_files
from orchestra.agents.runtime.gemini import hook as gemini_hook
from orchestra.errors import Refused
from orchestra.model import AnsweredBy, Decision, PermissionRequest, Sign, State
from orchestra.protocol import call
from orchestra.service.permission_wait import LONGEST_WAIT
from tests.support.services import Running, eventually, resting_service, token_of

ALLOW = {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": {"behavior": "allow"}}}


Asks: TypeAlias = "Callable[..., Hook]"


def denied(reason: str) -> dict[str, Any]:
    decision = {"behavior": "deny", "message": reason}
    return {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}}


class Hook:
    """The program that Claude Code's hook runs, for one request to run a command."""

    def __init__(
        self, service: Running, place: Path, command: str, name: str, *, shown: bool, silence: float = 0
    ) -> None:
        home = place / f"claude-{command.replace('/', '-')}"
        (home / "sessions").mkdir(parents=True, exist_ok=True)
        self.state = home / "sessions" / f"{os.getpid()}.json"
        if shown:
            self.is_shown(waiting=True)
        environment = {
            "ORCHESTRA_HOOK_URL": f"http://127.0.0.1:{service.port}/hooks",
            "ORCHESTRA_TOKEN": token_of(name),
            "CLAUDE_CONFIG_DIR": str(home),
        }
        words = [sys.executable, "-E", "-s", "-S", str(place / "ask.py"), "PermissionRequest"]
        words += [str(silence)] if silence else []
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        payload = {"tool_name": "Bash", "tool_input": {"command": command}}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(payload).encode())
        self.process.stdin.close()
        self.process.stdin = None

    def said(self) -> Any:  # noqa: ANN401 -- JSON has no narrower type
        """Wait until the hook has ended, and return what it printed; None for nothing."""
        text, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return json.loads(text) if text else None

    def close(self) -> None:
        """Kill the hook, if it still runs."""
        self.process.kill()
        self.process.communicate(timeout=60)

    def is_shown(self, *, waiting: bool, then: str = "busy") -> None:
        """Write what Claude Code writes about its dialog."""
        self.state.write_text(json.dumps({"status": "waiting" if waiting else then}))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    with resting_service(tmp_path) as running:
        yield running


@pytest.fixture
def asks(service: Running, tmp_path: Path) -> Iterator[Asks]:
    """Starts hooks, and ends what is left of them."""
    place = tmp_path / "agent"
    program = runtime_files("__init__.py", "post_event.py", "ask_permission.py")
    for name, (content, _) in {"ask.py": (ASK.encode(), 0o444), **program}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    made: list[Hook] = []

    def one(command: str, *, name: str = "alpha", shown: bool = False, silence: float = 0) -> Hook:
        made.append(Hook(service, place, command, name, shown=shown, silence=silence))
        return made[-1]

    yield one
    for hook in made:
        hook.close()


def requests(service: Running, count: int = 1) -> list[PermissionRequest]:
    """Wait until so many requests are open, and return them."""
    opened = service.project.store.permissions.open
    return list(eventually(lambda: opened() if len(opened()) == count else ()))


def answer(service: Running, request: PermissionRequest, decision: str, **more: str) -> dict[str, Any]:
    """Answer as the command does."""
    given = {"id": request.id, "decision": decision, **more}
    found: dict[str, Any] = call(service.project.paths.socket, "answer", given, silence=60)
    return found


def closed(service: Running, request: PermissionRequest) -> PermissionRequest:
    """Wait until a request is closed, and return it."""

    def look() -> PermissionRequest | None:
        found = service.project.store.permissions.get(request.id)
        return found if found is not None and found.answered_by is not None else None

    found = eventually(look)
    assert found is not None
    return found


def test_each_hook_gets_the_answer_to_its_own_request(service: Running, asks: Asks) -> None:
    hooks = {}
    for command in ("make one", "make two", "make three"):
        hooks[command] = asks(command)
        requests(service, len(hooks))
    one, two, three = requests(service, 3)
    assert [request.detail for request in (one, two, three)] == ["make one", "make two", "make three"]
    session = service.project.store.sessions.get("alpha")
    assert (session.state, session.evidence.text) == (State.WAITING, "wants: make three")
    answer(service, two, "deny", reason="not that one")
    assert hooks["make two"].said() == denied("not that one")
    assert [request.id for request in requests(service, 2)] == [one.id, three.id]
    assert service.project.store.sessions.get("alpha").state is State.WAITING
    answer(service, three, "allow")
    assert hooks["make three"].said() == ALLOW
    answer(service, one, "always")
    assert hooks["make one"].said() == ALLOW
    assert service.project.store.sessions.get("alpha").state is State.WORKING
    # The same again needs no answer; anything else does.
    assert asks("make one").said() == ALLOW
    other = asks("make one more")
    (left,) = requests(service)
    answer(service, left, "deny")
    assert other.said() == denied("The person has denied this.")


def test_answered_twice_only_the_first_counts(service: Running, asks: Asks) -> None:
    hook = asks("make")
    (request,) = requests(service)
    answer(service, request, "deny")
    with pytest.raises(Refused, match="was already answered: deny"):
        answer(service, request, "allow")
    assert hook.said() == denied("The person has denied this.")


def test_the_service_is_killed_while_hooks_wait(service: Running, asks: Asks) -> None:
    """They ask again with their keys: what was answered meanwhile is theirs, and the rest waits on."""
    hooks = {command: asks(command) for command in ("make one", "make two")}
    by_detail = {request.detail: request for request in requests(service, 2)}
    service.kill()
    registry.run(
        service.project, "answer", {"id": by_detail["make one"].id, "decision": "deny", "reason": "while away"}
    )
    service.project.store.sessions.update("alpha", state=State.STOPPED)
    service.start()
    assert hooks["make one"].said() == denied("while away")
    (left,) = requests(service)
    assert left == by_detail["make two"]
    answer(service, left, "allow")
    assert hooks["make two"].said() == ALLOW
    assert len(service.project.store.permissions.answers()) == 2


def test_a_service_that_waits_for_the_person_is_not_silent(service: Running, asks: Asks) -> None:
    """Otherwise an agent asks in its own window as soon as the person has not answered for that long."""
    assert min(codex.SERVICE_SILENCE, gemini_hook.SERVICE_SILENCE) > 3 * LONGEST_WAIT
    hook = asks("make", silence=2 * LONGEST_WAIT)
    (request,) = requests(service)
    with pytest.raises(subprocess.TimeoutExpired):
        hook.process.wait(timeout=2 * LONGEST_WAIT + 2)
    answer(service, request, "deny")
    assert hook.said() == denied("The person has denied this.")


def test_a_hook_that_is_ended_takes_its_request_with_it(service: Running, asks: Asks) -> None:
    """Escape in Claude Code and Codex ends their hooks."""
    hook = asks("make")
    (request,) = requests(service)
    hook.process.send_signal(signal.SIGTERM)
    found = closed(service, request)
    assert (found.answered_by, found.decision) == (AnsweredBy.WINDOW, None)
    with pytest.raises(Refused, match="was already answered in its window"):
        answer(service, request, "allow")
    hook.process.wait(timeout=60)


def test_a_hook_that_died_with_the_service_leaves_no_open_request(service: Running, asks: Asks) -> None:
    hook = asks("make")
    (request,) = requests(service)
    service.kill()
    hook.process.kill()
    hook.process.wait(timeout=60)
    service.project.store.sessions.update("alpha", state=State.STOPPED)
    service.start()
    assert closed(service, request).answered_by is AnsweredBy.WINDOW


def test_a_dialog_that_closes_takes_its_request_with_it(service: Running, asks: Asks) -> None:
    hook = asks("make", shown=True)
    (request,) = requests(service)
    hook.is_shown(waiting=False)
    assert closed(service, request).answered_by is AnsweredBy.WINDOW
    assert hook.said() is None
    with pytest.raises(Refused, match="in its window"):
        answer(service, request, "allow")


@pytest.mark.parametrize("key", ["Escape", "3"])
def test_a_turn_that_is_interrupted_in_its_dialog_is_over(service: Running, asks: Asks, key: str) -> None:
    """Claude Code ends the hook for Escape, and leaves it for a no in its dialog; it tells neither with a hook."""
    hook = asks("make", shown=True)
    (request,) = requests(service)
    if key == "Escape":
        hook.process.send_signal(signal.SIGTERM)
    hook.is_shown(waiting=False, then="idle")
    assert closed(service, request).answered_by is AnsweredBy.WINDOW
    assert hook.said() is None
    session = service.project.store.sessions.get("alpha")
    assert (session.state, session.evidence.text) == (State.IDLE, "interrupted")


def test_what_has_been_done_had_been_allowed(service: Running, asks: Asks) -> None:
    hook = asks("make")
    (request,) = requests(service)
    other = {"tool_name": "Bash", "tool_input": {"command": "make other"}}
    same = {"tool_name": "Bash", "tool_input": {"command": "make"}}
    for payload, count in ((other, 1), (same, 0)):
        assert (
            service.request("/hooks/PostToolUse", json.dumps(payload).encode(), token=token_of("alpha")).status == 200
        )
        assert len(service.project.store.permissions.open()) == count
    assert closed(service, request).answered_by is AnsweredBy.WINDOW
    assert hook.said() is None


def test_what_is_known_of_a_request_is_not_replaced_by_a_notice_of_its_dialog(service: Running, asks: Asks) -> None:
    asks("make")
    requests(service)
    notice = {"notification_type": "permission_prompt", "message": "Claude needs your permission"}
    body = json.dumps(notice).encode()
    assert service.request("/hooks/Notification", body, token=token_of("alpha")).status == 200
    session = service.project.store.sessions.get("alpha")
    assert (session.state, session.evidence.text) == (State.WAITING, "wants: make")


@pytest.mark.parametrize("sign", [Sign.EXITED, Sign.STOPPED, Sign.LAUNCHED])
def test_an_agent_that_ends_asks_no_more(service: Running, asks: Asks, sign: Sign) -> None:
    hook = asks("make")
    (request,) = requests(service)
    service.project.store.sessions.record_sign("alpha", sign, "")
    assert closed(service, request).answered_by is AnsweredBy.ENDED
    assert hook.said() is None
    with pytest.raises(Refused, match="no longer waits"):
        answer(service, request, "allow")


def test_rules_answer_at_once_and_nobody_in_time_is_a_no(service: Running, asks: Asks) -> None:
    service.project.paths.home.config.write_text(
        "allow: ['make test*']\ndeny: ['make clean*']\nanswer_timeout: 1\n", encoding="utf-8"
    )
    assert asks("make test").said() == ALLOW
    assert asks("make test; make clean").said() == denied("The rule 'make clean*' denies this.")
    assert asks("make test; id").said() == denied("Nobody answered within 1 s.")
    told = [(one.detail, one.decision, one.answered_by) for one in service.project.store.permissions.answers("alpha")]
    assert told == [
        ("make test", Decision.ALLOW, AnsweredBy.RULE),
        ("make test; make clean", Decision.DENY, AnsweredBy.RULE),
        ("make test; id", Decision.DENY, AnsweredBy.TIMEOUT),
    ]


def test_a_project_s_rules_count_once_they_are_allowed(service: Running, asks: Asks) -> None:
    project = service.project
    project.paths.config.parent.mkdir(exist_ok=True)
    project.paths.config.write_text("allow: ['make*']\n", encoding="utf-8")
    project.paths.home.config.write_text("deny: ['make clean*']\n", encoding="utf-8")
    hook = asks("make")
    (request,) = requests(service)
    answer(service, request, "deny")
    hook.said()
    subprocess.run(
        (sys.executable, "-m", "orchestra", "--project", str(project.paths.source), "allow", "--yes"),
        check=True, capture_output=True,
    )  # fmt: skip
    assert asks("make").said() == ALLOW
    assert asks("make clean").said() == denied("The rule 'make clean*' denies this.")


def test_a_deleted_session_loses_what_it_was_allowed(service: Running, asks: Asks) -> None:
    hook = asks("make", name="beta")
    (request,) = requests(service)
    answer(service, request, "always")
    assert hook.said() == ALLOW
    number = service.project.store.sessions.get("beta").id
    assert service.project.store.permissions.granted(number) == [("Bash", "make")]
    call(service.project.paths.socket, "delete", {"name": "beta", "force": True}, silence=60)
    assert service.project.store.permissions.granted(number) == []
    assert [one.decision for one in service.project.store.permissions.answers("beta")] == [Decision.ALWAYS]
    assert service.project.store.sessions.find("beta") is None
