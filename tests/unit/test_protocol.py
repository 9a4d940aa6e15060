"""What is said over the service's socket arrives as it was, errors too."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra import errors, protocol
from orchestra.model import DiffStat, State

Reply = Callable[[bytes], bytes]


@pytest.fixture
def answer(tmp_path: Path) -> Iterator[Callable[[Reply], Path]]:
    """Serve one connection with a function from the request line to the bytes sent back."""
    listener = socket.socket(socket.AF_UNIX)
    address = tmp_path / "s"
    threads: list[threading.Thread] = []

    def serve(reply: Reply) -> None:
        link, _ = listener.accept()
        with link, link.makefile("rwb") as stream:
            stream.write(reply(stream.readline()))
            stream.flush()

    def begin(reply: Reply) -> Path:
        listener.bind(str(address))
        listener.listen()
        threads.append(threading.Thread(target=serve, args=(reply,)))
        threads[0].start()
        return address

    yield begin
    for thread in threads:
        thread.join(10)
    listener.close()


def lines(*replies: object) -> bytes:
    return b"".join(json.dumps(reply).encode() + b"\n" for reply in replies)


def test_a_result_comes_after_its_progress(answer: Callable[[Reply], Path]) -> None:
    heard: list[str] = []
    requests: list[object] = []

    def reply(request: bytes) -> bytes:
        requests.append(json.loads(request))
        return lines({"progress": "one"}, {"progress": "two"}, {"result": [1]})

    assert protocol.call(answer(reply), "show", {"name": Path("/a")}, progress=heard.append) == [1]
    assert heard == ["one", "two"]
    assert requests == [{"action": "show", "arguments": {"name": "/a"}}]


def test_an_error_of_the_action_is_raised_here(answer: Callable[[Reply], Path]) -> None:
    told = errors.MergeConflict("both changed it", paths=("a", "b"), hint="look")
    address = answer(lambda _: lines({"error": protocol.encode_error(told)}))
    with pytest.raises(errors.MergeConflict, match="both changed it") as caught:
        protocol.call(address, "merge", {})
    assert caught.value.paths == ("a", "b")


@pytest.mark.parametrize("said", [b"", lines({"progress": "one"})])
def test_a_service_that_goes_away_is_down(answer: Callable[[Reply], Path], said: bytes) -> None:
    with pytest.raises(errors.ServiceDown):
        protocol.call(answer(lambda _: said), "show", {})


def test_a_service_that_is_not_there_is_down(tmp_path: Path) -> None:
    with pytest.raises(errors.ServiceDown, match="orchestra up"):
        protocol.call(tmp_path / "nobody", "show", {})


def test_a_service_that_leaves_as_one_comes_is_down(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It takes the connection and is gone before the request: a broken pipe must not be all that is told."""
    ours, theirs = socket.socketpair()
    theirs.close()
    monkeypatch.setattr(protocol, "_connect", lambda _address: ours)
    with pytest.raises(errors.ServiceDown):
        protocol.call(tmp_path / "s", "ping", {}, silence=5)


def test_silence_has_a_deadline(answer: Callable[[Reply], Path]) -> None:
    over = threading.Event()

    def reply(_: bytes) -> bytes:
        over.wait(10)
        return b""

    with pytest.raises(errors.DeadlineExceeded, match="show"):
        protocol.call(answer(reply), "show", {}, silence=0.05)
    over.set()


def every_error() -> list[type[errors.OrchestraError]]:
    return [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.OrchestraError)
    ]


@given(st.sampled_from(every_error()), st.text(), st.text())
def test_every_error_comes_back_as_it_was(kind: type[errors.OrchestraError], message: str, hint: str) -> None:
    sent = kind(message, hint=hint)
    back = protocol.decode_error(json.loads(json.dumps(protocol.encode_error(sent))))
    assert type(back) is kind
    assert vars(back) == vars(sent)
    assert str(back) == str(sent)


@pytest.mark.parametrize("name", ["KeyError", "annotations", "nothing", "by_name"])
def test_an_error_of_an_unknown_kind_is_still_one_of_ours(name: str) -> None:
    assert errors.by_name(name) is errors.OrchestraError


def test_model_values_become_plain_data() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))
    value = {"stat": DiffStat(1, 2, 3), "state": State.DONE, "at": at, "paths": (Path("/a"),), 1: None}
    assert protocol.plain(value) == {
        "stat": {"files": 1, "insertions": 2, "deletions": 3, "uncounted": 0},
        "state": "done",
        "at": "2026-01-02T01:04:05.678Z",
        "paths": ["/a"],
        "1": None,
    }
