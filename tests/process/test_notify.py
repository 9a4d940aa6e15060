"""Notifications on real terminals, by a real tmux, and to a service on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestra.actions.maintenance.doctor import doctor
from orchestra.actions.messaging import notify
from orchestra.actions.messaging.messages import send
from orchestra.config.settings import load
from orchestra.drivers.notify import desktop, services, terminals
from orchestra.errors import BadConfig, CommandFailed, OrchestraError, UsageError
from orchestra.model import Role, Sign
from orchestra.names import PERSON
from orchestra.notifications import Notification, Occasion
from orchestra.service.notifier import Notifier
from orchestra.service.oversight import Oversight
from tests.support.projects import HostProject, host_project
from tests.support.services import add_session, eventually

EVIL = "\x1b]52;c;eA==\x07\x9d\x1b[2J;\r\nnext\u202e"
ASKS = Notification("one", Occasion.ASKS, "asks for permission: runs ls")


class Receiver:
    """A webhook on loopback; it answers with ``status`` after ``delay`` seconds."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status, self.delay = 200, 0.0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(receiver.delay)
                receiver.got.append({"path": self.path, **json.loads(body)})
                with contextlib.suppress(OSError):
                    self.send_response(receiver.status)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://user:s3cret@127.0.0.1:{self._server.server_port}/topic-s3cret"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostProject]:
    with host_project(monkeypatch) as found:
        yield found


@contextmanager
def terminal() -> Iterator[tuple[int, str]]:
    """Make a terminal; return its other end and its device."""
    master, slave = pty.openpty()
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(master)
        os.close(slave)


def shown(master: int, *, within: float = 0.5) -> bytes:
    """Return what is written to a terminal until it is silent."""
    seen = b""
    while select.select([master], [], [], within)[0]:
        seen += os.read(master, 65536)
    return seen


def settings(host: HostProject, text: str) -> None:
    path = host.place / "orchestra" / "config.yaml"
    path.write_text(f"{path.read_text()}{text}\n")


def addresses(host: HostProject, *lines: str, mode: int = 0o600) -> Path:
    path = host.project.paths.home.secrets / notify.ADDRESSES
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(mode)
    return path


class TestTerminals:
    def test_a_sequence_holds_nothing_but_its_text(self) -> None:
        for sequence in (terminals.osc9(EVIL, EVIL), terminals.osc777(EVIL, EVIL)):
            inner = sequence.removeprefix(b"\x1b]").removesuffix(b"\a").decode()
            assert inner.isprintable()
        assert terminals.osc777("a;b", "c;d") == b"\x1b]777;notify;a,b;c,d\a"
        assert len(terminals.osc9("x" * 5000, "")) < 500

    def test_only_terminals_are_written_to(self, tmp_path: Path) -> None:
        plain, pipe, link = tmp_path / "plain", tmp_path / "pipe", tmp_path / "link"
        plain.touch()
        os.mkfifo(pipe)
        with terminal() as (master, device):
            link.symlink_to(device)
            unlike = (str(plain), str(pipe), str(link), str(tmp_path / "none"), "/dev/null")
            assert terminals.write(unlike, b"x") == 0
            assert terminals.write([device, device], terminals.BELL) == 1
            assert shown(master) == b"\a"
        assert plain.read_bytes() == b""

    def test_a_terminal_that_reads_nothing_delays_nobody(self) -> None:
        with terminal() as (_, device):
            # Where there is no room for many bytes, there may be for one.
            for text in (b"x" * 4096, b"x"):
                eventually(lambda text=text: not terminals.write([device], text))  # type: ignore[misc] # mypy cannot infer a lambda with a default


class TestServices:
    def test_an_address_gets_the_text(self, receiver: Receiver) -> None:
        services.send([receiver.url], "one asks", "<b>runs</b> {{ ls }} \\n")
        (got,) = receiver.got
        assert (got["title"], got["message"]) == ("one asks", "<b>runs</b> {{ ls }} \\n")

    def test_one_that_refuses_is_named_without_its_address(
        self, receiver: Receiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        receiver.status = 500
        with pytest.raises(CommandFailed, match=r"1 \(JSON\)") as failed:
            services.send([receiver.url], "one asks", "x")
        assert "s3cret" not in f"{failed.value}{failed.value.hint}{caplog.text}"

    def test_one_that_does_not_answer_has_a_deadline(self, receiver: Receiver) -> None:
        receiver.delay = 20.0
        with pytest.raises(CommandFailed):
            services.send([receiver.url], "one asks", "x", deadline=1.0)
        assert receiver.got == []

    def test_the_file_must_be_the_persons_alone(self, host: HostProject) -> None:
        path = addresses(host, "# mine", "", "json://127.0.0.1:9/a")
        assert services.read(path) == ["json://127.0.0.1:9/a"]
        with pytest.raises(BadConfig, match="others can read"):
            services.read(addresses(host, "json://127.0.0.1:9/a", mode=0o644))
        with pytest.raises(BadConfig, match="no address"):
            services.read(addresses(host, "# none"))
        with pytest.raises(BadConfig, match="cannot be read"):
            services.read(path.with_name("missing"))

    def test_a_wrong_address_is_named_by_its_line(self) -> None:
        with pytest.raises(BadConfig, match="address 2 is none") as wrong:
            services.check(["json://127.0.0.1/x", "s3cret"])
        assert "s3cret" not in f"{wrong.value}{wrong.value.hint}"


def test_the_desktop_gets_no_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / desktop.PROGRAM
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/said\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    desktop.show("-x", "<a href='x'>&")
    assert (tmp_path / "said").read_text().splitlines()[1:] == ["--", "-x", "&lt;a href='x'&gt;&amp;"]


@contextmanager
def attached(host: HostProject) -> Iterator[int]:
    """Attach a real terminal to the project's tmux; return its other end."""
    process, master = pty.fork()
    if process == 0:
        os.environ["TERM"] = "xterm-256color"
        os.environ.pop("TMUX", None)
        words = host.tmux.attach_command(host.project.store.workspace.get().tmux_session)
        os.execvp(words[0], words)  # noqa: S606 -- tmux, in a terminal of its own
    try:
        eventually(host.tmux.clients)
        yield master
    finally:
        host.tmux.server.ask(("detach-client", "-a"), check=False)
        os.close(master)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process, 0)


class TestTmux:
    def test_the_terminals_that_show_tmux_ring(self, host: HostProject) -> None:
        settings(host, "notify: [bell, osc9]")
        with attached(host) as master:
            shown(master)
            assert notify.notify(host.project, Notification("one", Occasion.ASKS, EVIL)) == []
            seen = shown(master)
        assert b"\a" in seen
        assert b"\x1b]9;one asks: " in seen
        assert b"\x1b]52" not in seen

    def test_without_a_terminal_it_says_so(self, host: HostProject) -> None:
        settings(host, "notify: [bell]")
        (error,) = notify.notify(host.project, ASKS)
        assert "no terminal is attached" in error.message

    def test_who_looks_at_a_session_is_not_notified_of_it(self, host: HostProject) -> None:
        one, two = host.spawn("one"), host.spawn("two")
        for name in ("one", "two"):
            host.project.store.sessions.record_sign(name, Sign.PROMPTED, "asks")
        one, two = host.session("one"), host.session("two")
        with attached(host) as master:
            assert one.window
            host.tmux.windows.select(one.window)
            os.write(master, b"\x1b[A")
            eventually(lambda: notify.looks_at(host.project, "one"))
            assert not notify.is_wanted(host.project, ASKS, one)
            assert notify.is_wanted(host.project, Notification("two", Occasion.ASKS, ""), two)
            assert notify.is_wanted(host.project, ASKS, one, now=lambda: time.time() + 2 * notify.LOOKS)
        eventually(lambda: not host.tmux.clients())
        assert notify.is_wanted(host.project, ASKS, host.session("one"))


class TestWanted:
    def test_a_question_to_the_designer_is_not_the_persons(self, host: HostProject) -> None:
        add_session(host.project, "main", Role.DESIGNER)
        host.spawn("one")
        send(host.project, sender="one", recipient="main", text="QUESTION: which?")
        assert not notify.is_wanted(host.project, ASKS, host.session("one"))
        send(host.project, sender="main", recipient="one", text="That one.")
        send(host.project, sender="one", recipient=PERSON, text="QUESTION: which?")
        assert notify.is_wanted(host.project, ASKS, host.session("one"))

    def test_what_is_over_is_not_told(self, host: HostProject) -> None:
        one = host.spawn("one")
        assert not notify.is_wanted(host.project, ASKS, one)
        assert notify.is_wanted(host.project, Notification("main", Occasion.BUDGET, "x"), None)

    def test_quiet_hours_are_quiet(self, host: HostProject) -> None:
        now = host.project.store.now().astimezone()
        settings(host, f'quiet_hours: "{(now.hour - 1) % 24:02}:00-{(now.hour + 2) % 24:02}:00"')
        assert not notify.is_wanted(host.project, Notification("main", Occasion.BUDGET, "x"), None)


class TestNotifier:
    def test_an_event_becomes_a_webhook_and_a_failure_is_logged_once(
        self, host: HostProject, receiver: Receiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings(host, "notify: [urls]")
        addresses(host, receiver.url)
        host.spawn("one")
        store = host.project.store
        overseer = Oversight(host.project, beat=0.05, notifier=Notifier(host.project, settled=0.1))
        overseer.start()
        try:
            eventually(lambda: overseer.has_looked)
            store.sessions.record_sign("one", Sign.PROMPTED, f"asks for permission: {EVIL}")
            eventually(lambda: receiver.got)
            assert receiver.got[0]["title"] == "one asks"
            assert receiver.got[0]["message"].isprintable()
            receiver.status = 500
            for text in ("first", "second"):
                store.sessions.record_sign("one", Sign.TOOL_USED, "runs ls")
                store.sessions.record_sign("one", Sign.PROMPTED, text)
                eventually(lambda text=text: receiver.got[-1]["message"] == text)  # type: ignore[misc] # mypy cannot infer a lambda with a default
            # They are sent one after another: with the next, the second failure has been noted or not.
            receiver.status = 200
            store.sessions.record_sign("one", Sign.TURN_FAILED, "third")
            eventually(lambda: receiver.got[-1]["message"] == "third")
        finally:
            overseer.stop()
        assert len([event for event in store.events.select("main") if event.kind == "trouble"]) == 1
        assert "s3cret" not in caplog.text

    def test_what_is_settled_at_once_is_not_told(self, host: HostProject, receiver: Receiver) -> None:
        settings(host, "notify: [urls]")
        addresses(host, receiver.url)
        for name in ("one", "two"):
            host.spawn(name)
        store = host.project.store
        overseer = Oversight(host.project, beat=0.05, notifier=Notifier(host.project, settled=0.5))
        overseer.start()
        try:
            eventually(lambda: overseer.has_looked)
            with store.together():  # so that nothing comes between them on a busy machine
                store.sessions.record_sign("one", Sign.PROMPTED, "asks")
                store.sessions.record_sign("one", Sign.TOOL_USED, "got an answer")
            store.sessions.record_sign("two", Sign.PROMPTED, "asks")
            eventually(lambda: receiver.got)
        finally:
            overseer.stop()
        assert [got["title"] for got in receiver.got] == ["two asks"]


class TestTry:
    def test_each_way_is_tried(self, host: HostProject, receiver: Receiver) -> None:
        with pytest.raises(UsageError):
            notify.test(host.project)
        settings(host, "notify: [urls, bell]")
        addresses(host, receiver.url)
        tried = {each["way"]: each for each in notify.test(host.project)}
        assert (tried["urls"]["well"], tried["bell"]["well"]) == (True, False)
        assert "s3cret" not in json.dumps(tried)

    def test_doctor_says_what_is_wrong(self, host: HostProject) -> None:
        def found() -> list[tuple[bool, str]]:
            return [(each.well, each.detail) for each in doctor(host.source) if each.check == "notifications"]

        assert found() == []
        settings(host, "notify: [bell, urls]")
        addresses(host, "json://127.0.0.1/x")
        assert found() == [(True, "bell, urls")]
        addresses(host, "s3cret")
        assert found() == [(False, "address 1 is none that apprise knows")]

    def test_an_unknown_way_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "config.yaml"
        for text in ("notify: [ntfy://x]", 'quiet_hours: "24:00-07:00"', "quiet_hours: late"):
            path.write_text(text)
            with pytest.raises(OrchestraError):
                load(path, environment={})
