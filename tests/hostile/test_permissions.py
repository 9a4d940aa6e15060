"""Attacks on permission requests by agents: none answers its own, another's, or changes what is shown of one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestra.model import AnsweredBy, PermissionRequest, Role
from orchestra.store.permissions import MOST_OPEN
from tests.support.services import Answer, Running, eventually, resting_service, token_of

PAYLOAD = {"tool_name": "Bash", "tool_input": {"command": "rm -rf build"}}


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    with resting_service(tmp_path) as running:
        yield running


def question(key: str = "the key", payload: object = PAYLOAD, **more: object) -> bytes:
    return json.dumps({"key": key, "event": "PermissionRequest", "payload": payload, **more}).encode()


def asked(service: Running, body: bytes, name: str = "alpha") -> Answer:
    return service.request("/hooks/AskPermission", body, token=token_of(name))


def waits(service: Running, body: bytes, name: str = "alpha") -> Answer:
    """Ask as a hook does, again and again until there is an answer."""
    while not (answer := asked(service, body, name)).data:
        continue
    return answer


@pytest.fixture
def waiting(service: Running) -> Iterator[PermissionRequest]:
    """A request of alpha, for whose answer its hook waits; it ends once the request is closed."""
    said: list[Answer] = []
    hook = threading.Thread(target=lambda: said.append(waits(service, question())))
    hook.start()
    opened = service.project.store.permissions.open
    (request,) = eventually(opened)
    yield request
    service.project.store.permissions.answer(request.id, AnsweredBy.ENDED)
    hook.join(60)
    assert said
    assert said[0].data == {"reply": {}}


def is_open(service: Running, request: PermissionRequest) -> bool:
    return request in service.project.store.permissions.open()


@pytest.mark.parametrize("name", ["main", "alpha", "beta"])
def test_no_tool_of_an_agent_answers(service: Running, waiting: PermissionRequest, name: str) -> None:
    listing = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).encode()
    tools = [tool["name"] for tool in service.request("/mcp", listing, token=token_of(name)).data["result"]["tools"]]
    # A comment in a review asks for no permission.
    tools = [tool for tool in tools if tool != "answer_comment"]
    assert not [tool for tool in tools if "answer" in tool or "permi" in tool or "allow" in tool]
    for tool in ("answer", "open_requests", "answers", "permission"):
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {"id": 1}}}
        reply = service.request("/mcp", json.dumps(request).encode(), token=token_of(name))
        assert "error" in reply.data or reply.data["result"]["isError"]
    assert is_open(service, waiting)


@pytest.mark.parametrize("event", ["Answer", "answer", "PermissionReply", "Decision"])
def test_no_hook_of_an_agent_answers(service: Running, waiting: PermissionRequest, event: str) -> None:
    body = json.dumps(
        {"id": waiting.id, "decision": "allow", "key": "the key", "reply": {"decision": "allow"}}
    ).encode()
    assert service.request(f"/hooks/{event}", body, token=token_of("alpha")).data == {}
    assert is_open(service, waiting)


def test_another_session_s_token_reaches_no_request(service: Running, waiting: PermissionRequest) -> None:
    """Neither with its key, nor by taking it back: a key is the session's own."""
    for over in ("window", "ended"):
        assert asked(service, question(over=over), "beta").data == {"reply": {}}
    assert is_open(service, waiting)
    for path in ("/hooks/AskPermission",):
        assert service.request(path, question(), token="token-of-nobody").status == 401
    assert is_open(service, waiting)


def test_a_key_shows_one_request_for_ever(service: Running, waiting: PermissionRequest) -> None:
    """Else something harmless could be shown, and the answer be used for something else."""
    for payload in ({**PAYLOAD, "tool_input": {"command": "ls"}}, {**PAYLOAD, "tool_name": "Read"}, {}):
        assert asked(service, question(payload=payload)).data == {"reply": {}}
    assert [one.detail for one in service.project.store.permissions.open()] == ["rm -rf build"]
    assert is_open(service, waiting)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"key": "k"}',
        question(key=""),
        question(key="k" * 65),
        question(payload="text"),
        question(payload=None),
        json.dumps({"key": "k", "event": ["PermissionRequest"], "payload": PAYLOAD}).encode(),
        json.dumps({"key": {"a": 1}, "event": "Stop", "payload": PAYLOAD}).encode(),
    ],
)
def test_what_is_no_question_is_never_allowed(service: Running, body: bytes) -> None:
    answer = asked(service, body)
    assert answer.status in {200, 400}
    assert "allow" not in answer.body
    assert not service.project.store.permissions.open()


def test_what_is_shown_holds_no_control_characters_and_is_bounded(service: Running) -> None:
    """A request too long to be shown whole is left to the agent's window."""
    evil = "echo \x1b]0;x\x07\u202e\x1b[2J\r\x00 # \u200bfine\nrm -rf /"
    long = "true # " + "x" * 300_000
    for key, command in (("evil", evil), ("long", long)):
        hook = threading.Thread(
            target=waits, args=(service, question(key, {"tool_name": "Bash", "tool_input": {"command": command}}))
        )
        hook.start()
        found = eventually(lambda: list(service.project.store.permissions.open()))[-1]
        shown = f"{found.summary}\n{found.detail}"
        assert not [character for character in shown if not character.isprintable() and character not in "\n\t"]
        assert "rm -rf /" in shown or not found.answerable
        assert len(shown) < 300_000
        service.project.store.permissions.answer(found.id, AnsweredBy.ENDED)
        hook.join(60)
    assert [bool(one.note) for one in service.project.store.permissions.answers()] == [False, True]


def test_one_session_cannot_fill_the_list(service: Running) -> None:
    hooks = [
        threading.Thread(target=waits, args=(service, question(f"k{number}", {**PAYLOAD, "number": number})))
        for number in range(MOST_OPEN + 4)
    ]
    for hook in hooks:
        hook.start()
    # The others are answered at once.
    eventually(lambda: sum(hook.is_alive() for hook in hooks) == MOST_OPEN)
    assert len(service.project.store.permissions.open()) == MOST_OPEN
    # Others still get through.
    (mine,) = [threading.Thread(target=waits, args=(service, question(), "beta"))]
    mine.start()
    eventually(lambda: [one for one in service.project.store.permissions.open() if one.session == "beta"])
    for request in service.project.store.permissions.open():
        service.project.store.permissions.answer(request.id, AnsweredBy.ENDED)
    for hook in (*hooks, mine):
        hook.join(60)


def test_an_agent_on_the_machine_is_refused_as_the_person(service: Running, waiting: PermissionRequest) -> None:
    """What is started by an agent's process has the agent's environment, or a parent that has it."""
    project = service.project
    ours = (sys.executable, "-m", "orchestra", "--project", str(project.paths.source))
    words = (*ours, "answer", str(waiting.id), "allow")
    marked = {**os.environ, "ORCHESTRA_SESSION": "alpha", "ORCHESTRA_TOKEN_FILE": "/nowhere"}
    for script in (
        'exec "$@"',
        'env -u ORCHESTRA_SESSION -u ORCHESTRA_TOKEN_FILE "$@"; exit $?',
        'env -i PATH="$PATH" ORCHESTRA_HOME="$ORCHESTRA_HOME" "$@"; exit $?',
    ):
        command = ("sh", "-c", script, "sh", *words)
        done = subprocess.run(command, env=marked, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 1, done
        assert "an agent may not answer" in done.stderr
        assert is_open(service, waiting)


def test_nor_does_it_get_through_with_a_program_of_its_own(service: Running, waiting: PermissionRequest) -> None:
    """The service looks at who is at the other end itself."""
    line = json.dumps({"action": "answer", "arguments": {"id": waiting.id, "decision": "allow"}})
    program = (
        f"import socket; link = socket.socket(socket.AF_UNIX); link.connect({str(service.project.paths.socket)!r}); "
    )
    program += f"link.sendall({line!r}.encode() + b'\\n'); print(link.makefile().readline())"
    marked = {**os.environ, "ORCHESTRA_SESSION": "alpha", "ORCHESTRA_TOKEN_FILE": "/nowhere"}
    done = subprocess.run(
        (sys.executable, "-c", program), env=marked, capture_output=True, text=True, check=True, timeout=120
    )
    assert json.loads(done.stdout)["error"]["type"] == "NotAllowed"
    assert is_open(service, waiting)


def raw(service: Running, action: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON
    """Send one line to the person's socket without any of our code."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(service.project.paths.socket))
        link.sendall(json.dumps({"action": action, "arguments": arguments}).encode() + b"\n")
        found: dict[str, Any] = json.loads(link.makefile().readline())
    return found


@pytest.mark.parametrize("decision", ["yes", "ALLOW", "", "allow ", "__class__"])
def test_another_word_is_no_answer(service: Running, waiting: PermissionRequest, decision: str) -> None:
    assert raw(service, "answer", id=waiting.id, decision=decision)["error"]["type"] == "UsageError"
    assert is_open(service, waiting)


def test_the_designer_is_an_agent_too(service: Running, waiting: PermissionRequest) -> None:
    main = service.project.store.sessions.get("main")
    assert main.role is Role.DESIGNER
    assert asked(service, question(over="window"), "main").data == {"reply": {}}
    assert is_open(service, waiting)
