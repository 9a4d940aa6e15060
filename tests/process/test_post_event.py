"""The two programs that tell the service of an event, with the same answers, and the status line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import orchestra.agents

BOX = Path(orchestra.agents.__file__).parent / "runtime"
PROGRAMS = {
    "bash": ("bash", str(BOX / "post_event.sh")),
    "python": (sys.executable, "-I", "-S", str(BOX / "post_event.py")),
}
BODY = '{"prompt": "ä\\n\\"quoted\\" \\\\ back"}'


class Listener:
    """A service that answers every connection with the next of some texts."""

    def __init__(self, answers: list[bytes]) -> None:
        self.heard: list[bytes] = []
        self._answers = answers
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for answer in self._answers:
            link, _ = self._socket.accept()
            with link:
                heard = b""
                while not heard.endswith(BODY.encode()):
                    heard += link.recv(65536)
                self.heard.append(heard)
                link.sendall(answer)

    def close(self) -> None:
        self._thread.join(60)
        self._socket.close()


@contextmanager
def listening(*answers: bytes) -> Iterator[Listener]:
    listener = Listener(list(answers))
    try:
        yield listener
    finally:
        listener.close()


def answer(text: str, *, status: str = "200 OK", length: int | None = None) -> bytes:
    body = text.encode()
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nserver: x\r\nContent-Length: {size}\r\n\r\n".encode() + body


def tell(program: str, port: int, seconds: str = "60") -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "ORCHESTRA_HOOK_URL": f"http://127.0.0.1:{port}/hooks",
        "ORCHESTRA_TOKEN": "the-token",
    }
    command = (*PROGRAMS[program], "UserPromptSubmit", seconds)
    done = subprocess.run(
        command, input=BODY, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_event_is_posted_whole_and_its_answer_printed(program: str) -> None:
    said = '{"text": "grün\\n"}'
    with listening(answer(said)) as listener:
        assert tell(program, listener.port) == said
    head, _, body = listener.heard[0].decode().partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    assert first.startswith("POST /hooks/UserPromptSubmit HTTP/1.")
    assert "Authorization: Bearer the-token" in fields
    assert f"Content-Length: {len(BODY.encode())}" in fields
    assert body == BODY


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_refusal_is_neither_shown_nor_asked_for_again(program: str) -> None:
    with listening(answer('{"error": "no"}', status="401 Unauthorized")) as listener:
        assert tell(program, listener.port) == ""
    assert len(listener.heard) == 1


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("cut", [answer("{}", length=3), b"HTTP/1.1 200 OK\r\n\r\n{}", b"HTTP/1.1 2", b""])
def test_an_answer_that_was_cut_off_is_asked_for_again(program: str, cut: bytes) -> None:
    with listening(cut, answer('{"a": 1}')) as listener:
        assert tell(program, listener.port) == '{"a": 1}'


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_service_that_nobody_reaches_is_given_up(program: str) -> None:
    assert tell(program, 9, "1") == ""


FIRST = '{"cost":{"total_cost_usd":0,"x":1},"context_window":{"current_usage":null,"used_percentage":null}}'
LATER = '{"cost":{"total_cost_usd":0.5,"x":1},"context_window":{"current_usage":{},"used_percentage":3}}'
FREE = '{"cost":{"total_cost_usd":0,"x":1},"context_window":{"current_usage":{},"used_percentage":3}}'


@pytest.mark.parametrize(("told", "shown"), [(FIRST, "alpha\n"), (LATER, f"told {LATER}\n"), (FREE, f"told {FREE}\n")])
def test_a_status_line_is_told_once_there_is_something_to_tell(told: str, shown: str) -> None:
    """Before the first turn a program for it would only take the processor from Claude Code's start."""
    command = ("sh", str(BOX / "claude" / "status_line.sh"), "sed", "s/^/told /")
    environment = {"PATH": os.environ["PATH"], "ORCHESTRA_SESSION": "alpha"}
    done = subprocess.run(
        command, input=f"{told}\n", env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == shown
