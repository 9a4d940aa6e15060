"""Attacks on what the service has to give: connections, waits, mailboxes, memory; nobody else may notice them."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from orchestra.actions.messaging import messages
from orchestra.errors import UsageError
from orchestra.model import MessageState
from orchestra.protocol import call
from orchestra.service import limits
from tests.support.services import Answer, Running, eventually, make_project, token_of

PATIENCE = 60.0
"""Seconds that a call may take on a busy machine."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("limits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORCHESTRA_HOME", str(root / "home"))
        running = Running(make_project(root))
        running.start()
        yield running
        running.close()
        running.project.store.close()


@pytest.fixture(autouse=True)
def _read(service: Running) -> Iterator[None]:
    yield
    for name in ("main", "alpha", "beta"):
        service.project.store.messages.claim(name, MessageState.READ)


def refused(result: dict[str, Any]) -> str:
    assert result["isError"], result
    return str(result["content"][0]["text"])


def files(service: Running) -> int:
    assert service.process is not None
    return len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))


def send_tool(service: Running, sender: str, recipient: str, text: str) -> dict[str, Any]:
    return service.tool(token_of(sender), "send_message_to_session", session_id=recipient, message=text)


def innocent(service: Running) -> None:
    """Do what anybody may want to do meanwhile: a hook, a tool, a person's command."""
    assert service.request("/hooks/Notification", token=token_of("beta")).status == 200
    assert not service.tool(token_of("beta"), "list_sessions").get("isError")
    call(service.project.paths.socket, "send", {"sender": "user", "recipient": "beta", "text": "hi"}, silence=PATIENCE)


def ended(link: socket.socket) -> bool:
    link.setblocking(False)
    try:
        while link.recv(4096):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_half_sent_requests_take_no_room_from_others(service: Running) -> None:
    before = files(service)
    with ExitStack() as stack:
        held = []
        for _ in range(1000):
            link = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE))
            link.sendall(b"GET /mcp HTTP/1.1\r\nHost: x\r\nX-a: ")
            held.append(link)
        innocent(service)
        eventually(lambda: files(service) - before <= limits.STRANGERS_PER_ADDRESS + 20)
        eventually(lambda: sum(ended(link) for link in held) >= 1000 - limits.STRANGERS_PER_ADDRESS - 5)


def test_a_head_that_trickles_is_cut_off(service: Running) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=limits.HEAD_DEADLINE + PATIENCE) as link:
        began = time.monotonic()
        link.sendall(b"GET /mcp HTTP/1.1\r\nX-a: ")

        def is_cut_off() -> bool:
            try:
                link.sendall(b"a")
            except OSError:
                return True
            return False

        eventually(is_cut_off, deadline=limits.HEAD_DEADLINE + PATIENCE)
        assert time.monotonic() - began > limits.HEAD_DEADLINE - 1


def test_so_is_the_second_head_of_a_connection(service: Running) -> None:
    request = f"POST /hooks/Notification HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Length: 2\r\n"
    request += f"Authorization: Bearer {token_of('alpha')}\r\n\r\n{{}}"
    with socket.create_connection(("127.0.0.1", service.port), timeout=limits.HEAD_DEADLINE + PATIENCE) as link:
        link.sendall(request.encode())
        assert b" 200 " in link.recv(4096)
        link.sendall(b"POST /hooks/Notif")
        began = time.monotonic()
        while link.recv(4096):
            pass
        assert time.monotonic() - began > limits.HEAD_DEADLINE - 1


def test_a_head_has_a_size(service: Running) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as link:
        link.sendall(b"GET /mcp HTTP/1.1\r\nX-a: " + b"a" * 70_000)
        assert b" 400 " in link.recv(100)


def test_many_connections_with_a_token_end_its_own_oldest(service: Running) -> None:
    request = f"POST /hooks/Notification HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Length: 2\r\n"
    request += f"Authorization: Bearer {token_of('alpha')}\r\n\r\n{{}}"
    with ExitStack() as stack:
        held = []
        for _ in range(limits.CONNECTIONS_PER_SESSION + 10):
            link = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE))
            link.sendall(request.encode())
            assert b" 200 " in link.recv(4096)
            held.append(link)
        eventually(lambda: ended(held[0]))
        assert not ended(held[-1])
        innocent(service)


@pytest.mark.parametrize("seconds", ["NaN", "Infinity", "-Infinity", "-1", "1e999", "3601", '"9"', "[]", "true"])
def test_a_wait_of_no_length_is_refused(service: Running, seconds: str) -> None:
    body = f'{{"seconds": {seconds}}}'.encode()
    answer = service.request("/hooks/AwaitMessages", body, token=token_of("alpha"))
    assert answer.status == 400


@pytest.mark.parametrize("seconds", [-1, 4000, 1e308])
def test_so_is_one_of_the_tool(service: Running, seconds: float) -> None:
    assert "not a number of seconds" in refused(service.tool(token_of("alpha"), "wait_for_messages", timeout=seconds))


def test_a_new_question_ends_the_session_s_earlier_one(service: Running) -> None:
    """Four hundred of them would take a processor."""

    def ask(_: int) -> Answer:
        return service.request("/hooks/AwaitMessages", b'{"seconds": 50}', token=token_of("alpha"))

    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask, number) for number in range(20)]
        eventually(lambda: sum(one.done() for one in asked) == 19, deadline=45)
        innocent(service)
        messages.send(service.project, sender="main", recipient="alpha", text="hello")
        assert sum(one.result().data["waiting"] for one in asked) == 1


def test_a_session_has_only_so_many_open_requests(service: Running) -> None:
    """Requests whose body does not come are open too."""
    head = f"POST /hooks/Notification HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Length: 9\r\n"
    head += f"Authorization: Bearer {token_of('alpha')}\r\n\r\n{{"
    with ExitStack() as stack:
        links = []
        for _ in range(limits.OPEN_REQUESTS + 1):
            links.append(stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE)))
            links[-1].sendall(head.encode())
        answered, _, _ = select.select(links, [], [], PATIENCE)
        (answer,) = [link.recv(4096) for link in answered]
        assert b" 429 " in answer.splitlines()[0]
        innocent(service)


def test_one_session_fills_its_share_of_a_mailbox_alone(service: Running) -> None:
    for _ in range(messages.MAILBOX_SHARE):
        assert not send_tool(service, "alpha", "main", "m").get("isError")
    assert "100 of your messages to main are still queued" in refused(send_tool(service, "alpha", "main", "m"))
    assert "wait until it has read" in refused(service.tool(token_of("alpha"), "report", kind="progress", message="m"))
    assert not send_tool(service, "beta", "main", "m").get("isError")
    assert not send_tool(service, "alpha", "beta", "m").get("isError")
    # The person is never kept out.
    call(service.project.paths.socket, "send", {"sender": "user", "recipient": "main", "text": "hi"}, silence=PATIENCE)
    service.project.store.messages.claim("main", MessageState.READ)
    assert not send_tool(service, "alpha", "main", "m").get("isError")


def test_a_session_has_a_quota(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "QUOTA", service.project.store.messages.sent_bytes("alpha") + 10)
    messages.send(service.project, sender="alpha", recipient="main", text="m" * 10)
    with pytest.raises(Exception, match="MiB of messages"):
        messages.send(service.project, sender="alpha", recipient="main", text="m")
    messages.send(service.project, sender="beta", recipient="main", text="m")


def test_a_full_mailbox_is_read_in_pieces(service: Running) -> None:
    for number in range(30):
        messages.send(service.project, sender="main", recipient="alpha", text=f"number {number}. " + "m" * 15_000)
    seen, sizes = "", list[int]()
    while "There are more messages" in (
        text := str(service.tool(token_of("alpha"), "read_messages")["content"][0]["text"])
    ):
        seen, sizes = seen + text, [*sizes, len(text)]
    seen += text
    assert max(sizes) < 150_000
    assert [number for number in range(30) if seen.count(f"number {number}. ") != 1] == []


def test_the_inbox_is_shown_in_pages(service: Running) -> None:
    for number in range(30):
        messages.send(service.project, sender="user", recipient="alpha", text=f"number {number}.")
    newest = messages.inbox(service.project, "alpha", limit=10)
    assert [one.text for one in newest] == [f"number {number}." for number in range(20, 30)]
    earlier = messages.inbox(service.project, "alpha", limit=10, before=newest[0].id)
    assert [one.text for one in earlier] == [f"number {number}." for number in range(10, 20)]
    for limit in (0, -1, 1001):
        with pytest.raises(UsageError, match="from 1 to 1000"):
            messages.inbox(service.project, limit=limit)


def test_a_call_that_comes_again_before_its_answer_left_is_the_same(service: Running) -> None:
    arguments = {"session_id": "beta", "message": "only once"}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "send_message_to_session"}}
    request["params"]["arguments"] = arguments  # type: ignore[index]  # JSON
    body = json.dumps(request).encode()
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: Bearer {token_of('main')}\r\n\r\n"
    )
    store = service.project.store

    def copies() -> int:
        return sum(one.text == "only once" for one in store.messages.select(recipient="beta"))

    def hangs_up() -> bool:
        """Call while the store is busy, and leave before there is an answer; a call not yet begun is dropped."""
        with store.together(), socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as link:
            link.sendall(head.encode() + body)
            assert select.select([link], [], [], 0.5)[0] == []
        with suppress(AssertionError):
            return eventually(copies, deadline=5) > 0
        return False

    assert eventually(hangs_up)
    send_tool(service, "main", "beta", "only once")
    assert copies() == 1
    # One whose answer it had means a second message.
    eventually(lambda: send_tool(service, "main", "beta", "only once") and copies() >= 2)


def test_an_agent_s_events_do_not_fill_the_disk(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestra.store import events  # noqa: PLC0415 -- the one test that needs it

    monkeypatch.setattr(events, "KEPT", 50)
    store = service.project.store
    first = store.events.log("alpha", "update", "first")
    for _ in range(300):
        store.events.log("alpha", "update", "more")
    assert len(store.events.select("alpha", limit=1000)) <= 150
    assert first not in store.events.select("alpha", limit=1000)
    assert store.events.select("alpha", limit=1)


def test_the_service_asks_for_more_files_than_shells_give(service: Running) -> None:
    assert service.process is not None
    lines = Path(f"/proc/{service.process.pid}/limits").read_text().splitlines()
    (soft, hard) = next(line.split()[3:5] for line in lines if line.startswith("Max open files"))
    assert int(soft) >= min(limits.FILES, int(hard))


def test_the_local_socket_ends_what_it_has_no_room_for(service: Running) -> None:
    with ExitStack() as stack:
        held = []
        for _ in range(limits.LOCAL_CONNECTIONS + 10):
            link = stack.enter_context(socket.socket(socket.AF_UNIX))
            link.connect(str(service.project.paths.socket))
            held.append(link)
        eventually(lambda: sum(ended(link) for link in held) >= 10)
    assert eventually(service.ping)
