"""The service as a process: MCP for agents, hooks, the local socket, one at a time, back after a kill."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestra import __version__
from orchestra.errors import NotFound, OrchestraError, UsageError
from orchestra.model import CommentState, MessageKind, MessageState, SandboxKind, Side, Sign, State, Target
from orchestra.protocol import call
from orchestra.service.app import gateway
from tests.support.services import Running, add_session, eventually, make_project, token_of

SEED_MESSAGES = {
    "ERROR: Cannot run tests - 'pytest' is not installed. Should I install it with pip, or would you prefer a "
    "different testing approach?": MessageKind.ERROR,
    "ERROR: Build failed with TypeScript errors in 3 files (user.ts, auth.ts, api.ts). These errors existed before my "
    "changes. Should I fix them first or implement my task differently?": MessageKind.ERROR,
    "QUESTION: Instructions say to extend 'UserService' but I cannot find this class in the codebase. Did you mean "
    "'AuthService' or should I create a new UserService?": MessageKind.QUESTION,
    "COMPLETE: Added rate limiting to all API endpoints. Implemented using Redis with 100 requests/minute limit. All "
    "23 existing tests pass, added 8 new tests for rate limiting behavior. Ready for review.": MessageKind.COMPLETE,
}
DESIGNERS = {
    "spawn_executor", "list_sessions", "get_session", "get_diff", "send_message_to_session", "read_messages",
    "wait_for_messages", "read_spec", "read_comments", "answer_comment", "update_spec", "review_session",
    "merge_session", "stop_session", "delete_session", "forecast", "compare_sessions", "hand_session", "fork_session",
}  # fmt: skip
EXECUTORS = {
    "send_message_to_session", "read_messages", "wait_for_messages", "read_spec", "read_comments",
    "answer_comment", "list_sessions", "report", "prove_item",
}  # fmt: skip


NEWEST = "2026-07-28"
ASKS_FOR_KINDS: dict[str, dict[str, Any]] = {
    "initialize": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}},
    "server/discover": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": NEWEST,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    },
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORCHESTRA_HOME", str(root / "home"))
        running = Running(make_project(root))
        yield running
        running.close()
        running.project.store.close()


@pytest.fixture
def service(house: Running) -> Running:
    """Return the running service, its sessions as new; it takes a second to start, so tests share one that lives."""
    store = house.project.store
    for name in ("main", "alpha", "beta"):
        store.messages.claim(name, MessageState.READ)
        base = house.project.repository.head()[0]
        store.sessions.update(name, agent="rehearsal", base=base, state=State.STARTING, state_since=store.now())
    if not house.ping():
        house.start()
    return house


def text_of(result: dict[str, Any]) -> str:
    return str(result["content"][0]["text"])


@pytest.mark.parametrize(("name", "tools"), [("main", DESIGNERS), ("alpha", EXECUTORS)])
def test_each_role_sees_exactly_its_own_tools(service: Running, name: str, tools: set[str]) -> None:
    async def listed() -> dict[str, str | None]:
        async with service.client(token_of(name)) as client:
            return {tool.name: tool.description for tool in (await client.list_tools()).tools}

    seen = asyncio.run(listed())
    assert set(seen) == tools
    assert [name for name, description in seen.items() if not description] == []


@pytest.mark.parametrize(("text", "kind"), SEED_MESSAGES.items())
def test_an_executor_reaches_the_designer_word_for_word(service: Running, text: str, kind: MessageKind) -> None:
    async def told() -> str:
        async with service.client(token_of("alpha")) as executor:
            await executor.call_tool("send_message_to_session", {"session_id": "main", "message": text})
        async with service.client(token_of("main")) as designer:
            result = await designer.call_tool("read_messages", {})
            answer = {"session_id": "alpha", "message": "Yes, go ahead and install pytest."}
            await designer.call_tool("send_message_to_session", answer)
            messages: list[dict[str, Any]] = (result.structured_content or {})["messages"]
            # Orchestra may tell the designer of the checkout's branch at any time.
            theirs = [one for one in messages if one["sender"] == "alpha"]
            return json.dumps([(one["sender"], one["kind"], one["text"]) for one in theirs])

    assert json.loads(asyncio.run(told())) == [["alpha", kind, text]]
    assert "Yes, go ahead and install pytest." in text_of(service.tool(token_of("alpha"), "read_messages"))


def test_the_older_protocol_without_a_handshake_works_too(service: Running) -> None:
    sent = service.tool(token_of("alpha"), "report", kind="progress", message="half done")
    assert json.loads(text_of(sent))["recipient"] == "main"
    assert "half done" in text_of(service.tool(token_of("main"), "read_messages"))
    # Orchestra may tell the designer of the checkout's branch at any time.
    assert "half done" not in text_of(service.tool(token_of("main"), "read_messages"))


@pytest.mark.parametrize("method", ASKS_FOR_KINDS)
def test_only_the_kinds_that_there_are_are_told(service: Running, method: str) -> None:
    """An agent asks for each kind that is told before it has its tools."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": ASKS_FOR_KINDS[method]}
    headers = {"MCP-Protocol-Version": NEWEST, "MCP-Method": method} if method == "server/discover" else {}
    answer = service.request("/mcp", json.dumps(request).encode(), token=token_of("alpha"), headers=headers)
    told = answer.data["result"]["capabilities"]
    assert "tools" in told
    assert not {"prompts", "resources"} & set(told)


def test_a_tool_of_another_role_is_refused_in_words(service: Running) -> None:
    result = service.tool(token_of("alpha"), "spawn_executor", title="more", instructions="of me")
    assert result["isError"]
    assert text_of(result) == "spawn_executor is a tool of the designer; you are an executor"
    result = service.tool(token_of("main"), "report", kind="complete", message="done")
    assert "report is a tool of executors" in text_of(result)


def test_our_errors_reach_the_model_as_message_and_hint(service: Running) -> None:
    result = service.tool(token_of("main"), "get_session", session_id="nobody")
    assert result["isError"]
    with pytest.raises(NotFound) as known:
        service.project.store.sessions.get("nobody")
    assert text_of(result) == str(known.value)


def test_a_bug_is_logged_and_told_without_its_details(service: Running) -> None:
    # A worktree that cannot even be a path makes an action fail in a way no error of ours describes.
    service.project.store.sessions.update("alpha", base="not-a-commit\0")
    result = service.tool(token_of("main"), "get_session", session_id="alpha")
    assert result["isError"]
    assert text_of(result) == f"internal error, see the log: {service.project.paths.log}"
    assert "ValueError" in service.project.paths.log.read_text()


def test_a_spec_can_be_written_and_read(service: Running) -> None:
    saved = service.tool(token_of("main"), "update_spec", session_id="alpha", text="build a bridge")
    assert json.loads(text_of(saved)) == {"session": "alpha", "version": 1}
    assert json.loads(text_of(service.tool(token_of("alpha"), "read_spec")))["text"] == "build a bridge"


def test_an_agent_reads_and_answers_the_comments_that_it_was_sent_and_no_others(service: Running) -> None:
    store, alpha = service.project.store, service.project.store.sessions.get("alpha")
    for text in ("Rename it.", "A draft."):
        store.comments.add(alpha.id, Target("app.py", Side.NEW, 7, 7, "b"), text, quoted="x = 1")
    store.comments.update(alpha.id, 1, state=CommentState.OPEN, round=1)
    (seen,) = json.loads(text_of(service.tool(token_of("alpha"), "read_comments")))
    assert (seen["number"], seen["about"], seen["comment"]) == (1, "app.py, line 7", "Rename it.")
    service.tool(token_of("alpha"), "answer_comment", number=1, message="Renamed.")
    assert store.comments.get(alpha.id, 1).reply == "Renamed."
    assert text_of(service.tool(token_of("alpha"), "read_comments")) == "No comment is open."
    for number in (2, 3):
        assert f"no comment {number}" in text_of(
            service.tool(token_of("alpha"), "answer_comment", number=number, message="x")
        )
    assert "no comment 1" in text_of(service.tool(token_of("main"), "answer_comment", number=1, message="x"))


def test_a_waiting_agent_gets_a_message_as_soon_as_it_comes(service: Running) -> None:
    async def waited() -> str:
        async with service.client(token_of("alpha")) as executor, service.client(token_of("main")) as designer:
            wait = asyncio.create_task(executor.call_tool("wait_for_messages", {"timeout": 200}))
            # Other calls are answered while one waits.
            await designer.list_tools()
            await designer.call_tool("send_message_to_session", {"session_id": "alpha", "message": "look up"})
            result = await asyncio.wait_for(wait, 60)
            return str(result.structured_content)

    assert "look up" in asyncio.run(waited())


def test_a_wait_without_messages_ends_at_its_timeout(service: Running) -> None:
    assert text_of(service.tool(token_of("alpha"), "wait_for_messages", timeout=0.2)) == "No new messages."


def test_a_caller_that_hangs_up_while_waiting_loses_no_message(service: Running) -> None:
    async def hang_up() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        params = {"name": "wait_for_messages", "arguments": {"timeout": 200}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        head = f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Type: application/json\r\n"
        more = "Accept: application/json, text/event-stream\r\n"
        auth = f"Authorization: Bearer {token_of('alpha')}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        writer.write((head + auth + body).encode())
        await writer.drain()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.5)
        writer.close()
        await writer.wait_closed()

    asyncio.run(hang_up())
    service.tool(token_of("main"), "send_message_to_session", session_id="alpha", message="still there?")

    def taken() -> bool:
        read = service.project.store.messages.select(recipient="alpha", states=[MessageState.READ])
        return any(one.text == "still there?" for one in read)

    with pytest.raises(AssertionError):
        eventually(taken, deadline=0.5)
    assert "still there?" in text_of(service.tool(token_of("alpha"), "read_messages"))


def test_a_hook_is_answered_and_recorded(service: Running) -> None:
    body = json.dumps({"kind": "turn-started", "hook_event_name": "UserPromptSubmit", "prompt": "go"}).encode()
    answer = service.request("/hooks/UserPromptSubmit", body, token=token_of("alpha"))
    assert (answer.status, answer.data) == (200, {})
    assert service.request("/hooks/UserPromptSubmit", b"[]", token=token_of("alpha")).status == 400
    assert service.request("/hooks/../etc", b"{}", token=token_of("alpha")).status == 404


def test_a_bug_behind_a_hook_does_not_fail_the_agent(service: Running) -> None:
    service.project.store.sessions.update("alpha", agent="no-such-profile")
    answer = service.request("/hooks/Stop", b"{}", token=token_of("alpha"))
    assert (answer.status, answer.data) == (200, {})


def test_two_calls_at_the_same_moment_do_not_read_the_same_message(service: Running) -> None:
    def read(_: int) -> str:
        return text_of(service.tool(token_of("main"), "read_messages"))

    with ThreadPoolExecutor(4) as calls:
        for number in range(5):
            service.tool(token_of("alpha"), "report", kind="progress", message=f"part {number}")
            told = list(calls.map(read, range(4)))
            assert sum(f"part {number}" in one for one in told) == 1


@pytest.mark.parametrize("event", ["SessionStart", "UserPromptSubmit"])
def test_the_start_of_an_agent_is_held_back_until_it_has_its_tools(service: Running, event: str) -> None:
    service.project.store.sessions.record_sign("alpha", Sign.LAUNCHED, "starts")

    async def started() -> list[str]:
        # The first client of a process and of a service takes seconds on a busy machine, and the hook is held for five.
        async with service.client(token_of("beta")) as other:
            await other.list_tools()
        order: list[str] = []

        async def hook() -> None:
            answer = await asyncio.to_thread(service.request, f"/hooks/{event}", b"{}", token=token_of("alpha"))
            assert answer.status == 200
            order.append("hook")

        waiting = asyncio.create_task(hook())
        await asyncio.to_thread(service.request, "/hooks/Notification", b"{}", token=token_of("alpha"))
        async with service.client(token_of("alpha")) as client:
            order.append("tools")
            await client.list_tools()
        await waiting
        return order

    assert asyncio.run(started()) == ["tools", "hook"]


def test_ping_tells_who_serves_and_quit_ends_it(service: Running) -> None:
    assert service.process is not None
    told = service.ping()
    assert (told["pid"], told["port"]) == (service.process.pid, service.port)
    call(service.project.paths.socket, "quit", {})
    assert service.process.wait(timeout=60) == 0
    assert not service.project.paths.socket.exists()


def test_sigterm_ends_it_gracefully(service: Running) -> None:
    assert service.process is not None
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(timeout=60) == 0


def test_actions_run_through_the_local_socket_and_their_errors_come_back_whole(service: Running) -> None:
    address = service.project.paths.socket
    assert [one["name"] for one in call(address, "list", {})] == ["main", "alpha", "beta"]
    with pytest.raises(NotFound, match="nobody"):
        call(address, "show", {"name": "nobody"})
    with pytest.raises(UsageError, match="no action"):
        call(address, "no-such-action", {})


def test_a_bug_in_an_action_is_told_apart_from_a_refusal(service: Running) -> None:
    service.project.store.sessions.update("alpha", base="not-a-commit\0")
    with pytest.raises(OrchestraError, match=r"a bug in Orchestra: ") as told:
        call(service.project.paths.socket, "show", {"name": "alpha"})
    assert vars(told.value)["exit"] == 3
    report = Path(told.value.hint.removeprefix("please report it with "))
    text = report.read_text(encoding="utf-8")
    report.unlink()
    assert "show, in Orchestra's service" in text
    assert f"| Orchestra | {__version__} |" in text
    assert "Traceback (most recent call last):" in text


def test_the_local_socket_is_for_this_user_alone(service: Running) -> None:
    assert stat.S_IMODE(service.project.paths.socket.stat().st_mode) == 0o600


def test_a_line_that_is_no_request_gets_an_error(service: Running) -> None:
    async def answer() -> str:
        reader, writer = await asyncio.open_unix_connection(service.project.paths.socket)
        writer.write(b"what?\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return str(json.loads(line)["error"]["type"])

    assert asyncio.run(answer()) == "UsageError"


def test_after_a_kill_the_next_one_has_the_same_port_and_nothing_is_lost(service: Running) -> None:
    port = service.port
    service.tool(token_of("alpha"), "send_message_to_session", session_id="main", message="before the crash")
    service.kill()
    assert service.start()["port"] == port
    assert "before the crash" in text_of(service.tool(token_of("main"), "read_messages"))


def test_two_starts_at_once_leave_one(service: Running) -> None:
    service.kill()
    both = [service.launch(), service.launch()]
    try:
        pid = eventually(service.ping)["pid"]
        (other,) = [one for one in both if one.pid != pid]
        assert other.wait(timeout=60) == 0
        assert service.ping()["pid"] == pid
    finally:
        for one in both:
            one.kill()
            one.wait(timeout=60)


def test_its_log_has_neither_tokens_nor_messages(service: Running) -> None:
    service.tool(token_of("alpha"), "report", kind="progress", message="canary-in-a-message")
    service.request("/mcp", b"{}", token="canary-in-a-token")
    call(service.project.paths.socket, "quit", {})
    assert service.process is not None
    service.process.wait(timeout=60)
    written = service.project.paths.log.read_text() + (service.project.paths.state / "output").read_text()
    assert "started" in written
    assert "canary" not in written
    assert token_of("alpha") not in written


def test_a_project_without_containers_leaves_the_engine_alone(service: Running) -> None:
    assert gateway(service.project) == ""
    told = [line for line in service.project.paths.log.read_text().splitlines() if "listening" in line]
    assert told
    assert [line for line in told if " on 127.0.0.1:" not in line] == []


@pytest.mark.docker
def test_containers_reach_it_at_the_gateway_once_a_session_has_one(service: Running) -> None:
    before = service.project.paths.log.read_text().count("listening")
    add_session(service.project, "gamma", sandbox=SandboxKind.DOCKER)
    network = service.project.paths.home.network
    try:
        eventually(lambda: service.project.paths.log.read_text().count("listening") > before)
        address = gateway(service.project)
        assert address != "127.0.0.1"
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).encode()
        token = token_of("gamma")
        assert service.request("/mcp", body, token=token, address=address).status == 200
        elsewhere = {"Host": f"{address}:1"}
        assert service.request("/mcp", body, token=token, address=address, headers=elsewhere).status == 421
    finally:
        service.close()
        subprocess.run(("docker", "network", "rm", network), check=True, capture_output=True, timeout=60)
