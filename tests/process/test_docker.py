"""Containers, seen through a real engine, and through a window of a real tmux."""

from __future__ import annotations

import os
import queue
import shlex
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from orchestra.drivers.sandbox import docker_networks
from orchestra.drivers.sandbox.docker import DockerSandbox
from orchestra.drivers.sandbox.docker_config import HOME, NO_GIT_SETTINGS
from orchestra.drivers.sandbox.protocol import Box, Limits, Mount
from orchestra.errors import CommandFailed, DeadlineExceeded, NotFound, Refused
from orchestra.model import BoxEnd, BoxSight, BoxState

pytestmark = pytest.mark.docker
IMAGE = "debian:bookworm-slim"
SEEN: list[str] = []
# Perl, because bash now and then forgets a trap for WINCH that comes twice at once.
SCREEN = """
open my $f, '<', 'n'; my $n = ($f ? <$f> : 0) + 1; open my $g, '>', 'n'; print $g $n; close $g;
sub draw { syswrite STDOUT, "screen of $n\\n" } $SIG{WINCH} = \\&draw; $SIG{TERM} = sub { exit 0 }; draw();
while (1) {
  my $got = sysread STDIN, my $line, 1000; next unless defined $got; last unless $got;
  chomp $line; syswrite STDOUT, "got <$line>\\n";
}
"""


def docker(*words: str, check: bool = True) -> str:
    return subprocess.run(["docker", *words], check=check, capture_output=True, text=True, timeout=120).stdout.strip()


def poll(look: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, f"it did not happen in time; last seen: {SEEN}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def tag() -> Iterator[str]:
    """A home of its own for this module, so that nothing else on the engine is touched."""
    tag = f"t{uuid.uuid4().hex[:6]}"
    yield tag
    for name in docker("ps", "-aq", "--filter", f"label={HOME}={tag}").split():
        docker("rm", "-f", name)
    for network in docker("network", "ls", "-q", "--filter", f"label={HOME}={tag}").split():
        docker("network", "rm", network)


@pytest.fixture(scope="module")
def sandbox(tag: str) -> DockerSandbox:
    return DockerSandbox(f"orc-{tag}", home_tag=tag)


@pytest.fixture
def box(tag: str, tmp_path: Path) -> Iterator[Box]:
    for name in ("tree", "agent-home"):
        (tmp_path / name).mkdir()
    box = Box(
        name=f"orc-{tag}-{uuid.uuid4().hex[:6]}",
        image=IMAGE,
        command=("sh", "-c", "trap 'exit 0' TERM; echo started; while :; do sleep 0.1; done"),
        workdir=tmp_path / "tree",
        mounts=(Mount(tmp_path / "tree", str(tmp_path / "tree")), Mount(tmp_path / "agent-home", "/home/agent")),
        env={"HOME": "/home/agent", "TERM": "xterm-256color"},
        labels={"orchestra.project": "demo", "orchestra.session": "one"},
        uid=os.getuid(),
        gid=os.getgid(),
        hostname="one",
        limits=Limits("128m", 0.5, 64),
        home=tmp_path / "agent-home",
    )
    yield box
    docker("rm", "-f", box.name, check=False)


def test_a_box_is_made_started_stopped_and_removed_and_every_step_can_be_repeated(
    sandbox: DockerSandbox, box: Box
) -> None:
    assert sandbox.look(box) == BoxSight(BoxState.ABSENT)
    for _ in range(2):
        sandbox.create(box)
        assert sandbox.look(box).state is BoxState.CREATED
    for _ in range(2):
        sandbox.start(box.name)
        assert sandbox.look(box.name).state is BoxState.RUNNING
    assert sandbox.look(box).started_at
    assert sandbox.look_all()[box.name].state is BoxState.RUNNING
    for _ in range(2):
        sandbox.stop(box.name, grace=5)
        assert sandbox.look(box).state is BoxState.EXITED
    assert sandbox.look(box).code == sandbox.look_all()[box.name].code
    for _ in range(2):
        sandbox.remove(box.name)
        assert sandbox.look(box).state is BoxState.ABSENT
    assert box.name not in sandbox.look_all()


def test_stopping_an_absent_box_is_fine_and_starting_one_is_told(sandbox: DockerSandbox, box: Box) -> None:
    sandbox.stop(box.name)
    with pytest.raises(NotFound, match="no container"):
        sandbox.start(box.name)


def test_a_box_that_ignores_being_asked_is_killed_after_the_grace(sandbox: DockerSandbox, box: Box) -> None:
    stubborn = replace(box, command=("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"))
    sandbox.create(stubborn)
    sandbox.start(box.name)
    began = time.monotonic()
    sandbox.stop(box.name, grace=1)
    assert time.monotonic() - began > 0.9
    assert sandbox.look(box).code == 137


def test_another_definition_replaces_a_box_that_does_not_run_and_spares_one_that_does(
    sandbox: DockerSandbox, box: Box
) -> None:
    other = replace(box, env={**box.env, "COLOUR": "blue"})
    sandbox.create(box)
    first = docker("inspect", "-f", "{{.Id}}", box.name)
    sandbox.create(other)
    second = docker("inspect", "-f", "{{.Id}}", box.name)
    assert first != second
    sandbox.start(box.name)
    sandbox.create(box)
    assert docker("inspect", "-f", "{{.Id}}", box.name) == second


def test_a_container_of_somebody_else_is_never_replaced(sandbox: DockerSandbox, box: Box) -> None:
    docker("run", "-d", "--network", "none", "--name", box.name, IMAGE, "sleep", "60")
    with pytest.raises(Refused, match="does not belong to this Orchestra"):
        sandbox.create(box)
    with pytest.raises(Refused, match="does not belong to this Orchestra"):
        sandbox.remove(box.name)
    assert docker("inspect", "-f", "{{.State.Status}}", box.name) == "running"


def test_two_processes_making_the_same_network_and_box_at_once_end_with_one(tag: str, box: Box) -> None:
    name = f"orc-{tag}-race"
    failures: list[BaseException] = []
    gate = threading.Barrier(6)

    def make() -> None:
        gate.wait(timeout=60)
        try:
            DockerSandbox(name, home_tag=tag).create(box)
        except (CommandFailed, NotFound, Refused) as error:
            failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not failures
    assert docker("network", "ls", "-q", "--filter", f"name=^{name}$").count("\n") == 0
    docker("rm", "-f", box.name)
    docker("network", "rm", name)


def test_who_removes_a_box_that_another_process_is_removing_returns_once_it_is_gone(tag: str, box: Box) -> None:
    name = f"orc-{tag}-ends"
    DockerSandbox(name, home_tag=tag).create(box)
    DockerSandbox(name, home_tag=tag).start(box.name)
    gate = threading.Barrier(6)

    def remove(_: int) -> list[str]:
        gate.wait(timeout=60)
        DockerSandbox(name, home_tag=tag).remove(box.name)
        return [one for one in docker("ps", "--all", "--format", "{{.Names}}").split() if one == box.name]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(remove, range(6))) == [[]] * 6
    docker("network", "rm", name)


def test_a_box_starts_again_after_its_network_was_removed(sandbox: DockerSandbox, box: Box, tag: str) -> None:
    alone = DockerSandbox(f"orc-{tag}-gone", home_tag=tag)
    alone.create(box)
    alone.start(box.name)
    alone.stop(box.name, grace=0)
    docker("network", "rm", f"orc-{tag}-gone")
    alone.start(box.name)
    assert sandbox.look(box).state is BoxState.RUNNING
    docker("rm", "-f", box.name)
    docker("network", "rm", f"orc-{tag}-gone")


def test_what_was_made_just_now_starts_though_its_network_or_itself_is_gone(
    sandbox: DockerSandbox, box: Box, tag: str
) -> None:
    """A start right after the making asks nothing first; what it did not expect is still told, or put right."""
    name = f"orc-{tag}-fresh"
    alone = DockerSandbox(name, home_tag=tag)
    alone.create(box)
    docker("network", "rm", name)
    alone.start(box.name)
    assert sandbox.look(box).state is BoxState.RUNNING
    docker("rm", "-f", box.name)
    alone.create(box)
    docker("rm", "-f", box.name)
    with pytest.raises(NotFound, match="no container"):
        alone.start(box.name)
    docker("network", "rm", name)


def test_an_open_network_becomes_a_closed_one_only_while_nobody_uses_it(box: Box, tag: str) -> None:
    name = f"orc-{tag}-kind"
    DockerSandbox(name, home_tag=tag).create(box)
    DockerSandbox(name, home_tag=tag).start(box.name)
    closed = DockerSandbox(name, home_tag=tag, internal=lambda: True)
    with pytest.raises(Refused, match="in use"):
        closed.ensure_network()
    docker("rm", "-f", box.name)
    assert closed.ensure_network()["Internal"] is True
    assert closed.gateway() == docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", name)
    for _ in range(2):
        closed.remove_network()
    assert not docker("network", "ls", "-q", "--filter", f"name=^{name}$")


def test_long_network_names_get_an_interface_name_that_fits() -> None:
    assert docker_networks.bridge_name("orchestra") == "orchestra"
    assert len(docker_networks.bridge_name("orchestra-0123456789")) <= 15
    assert docker_networks.bridge_name("orchestra-0123456789") != docker_networks.bridge_name("orchestra-0123456788")


def test_a_program_in_the_box_gets_input_and_gives_output_and_exit_code(sandbox: DockerSandbox, box: Box) -> None:
    sandbox.create(box)
    sandbox.start(box.name)
    done = sandbox.execute(box, ("sh", "-c", "cat; pwd; echo bad >&2; exit 4"), stdin=b"in ", check=False)
    assert (done.code, done.text, done.complaint) == (4, f"in {box.workdir}\n", "bad")
    with pytest.raises(CommandFailed, match="bad"):
        sandbox.execute(box, ("sh", "-c", "echo bad >&2; exit 4"))
    sandbox.stop(box.name, grace=0)
    with pytest.raises(CommandFailed, match="not running"):
        sandbox.execute(box, ("true",), check=False)


def test_a_fresh_box_runs_one_program_and_leaves_nothing(sandbox: DockerSandbox, box: Box) -> None:
    done = sandbox.run_once(box, ("sh", "-c", "echo out; echo err >&2; id -u; exit 3"), deadline=60)
    assert (done.code, done.text, done.complaint) == (3, f"out\n{os.getuid()}\n", "err")
    with pytest.raises(DeadlineExceeded):
        sandbox.run_once(box, ("sleep", "3600"), deadline=1)
    assert not [name for name in sandbox.look_all() if name.startswith(box.name)]


def test_a_killed_process_s_fresh_box_is_removed_by_the_next_run(sandbox: DockerSandbox, box: Box, tag: str) -> None:
    labels = ("--label", f"{HOME}={tag}", "--label", f"orchestra.once={box.name}")
    docker("run", "--name", f"{box.name}-left", *labels, "--network", "none", IMAGE, "true")
    sandbox.run_once(box, ("true",), deadline=60)
    assert f"{box.name}-left" not in sandbox.look_all()


def test_git_upload_pack_comes_from_a_stopped_box_without_network_and_read_only(
    sandbox: DockerSandbox, box: Box, tmp_path: Path
) -> None:
    private = tmp_path / "pri,vate"
    private.mkdir()
    shown = replace(box, mounts=(*box.mounts, Mount(private, str(private))))
    sandbox.create(shown)
    words = sandbox.upload_pack(shown, str(private))
    look = (
        f"ls -d {shlex.quote(str(private))}; touch {shlex.quote(str(private))}/x; ls /sys/class/net; ls {box.workdir}"
    )
    place = words.index("git-upload-pack")
    done = subprocess.run(
        [*words[:place], "sh", *words[place + 1 : -1], "-c", look],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == [str(private), "lo"]
    assert "Read-only file system" in done.stderr
    assert str(box.workdir) in done.stderr
    sandbox.start(box.name)
    container = docker("inspect", "-f", "{{.Id}}", box.name)
    words = sandbox.upload_pack(shown, "/g")
    assert words[-3:] == (container, "git-upload-pack", "/g")
    assert words[-3 - len(NO_GIT_SETTINGS) : -3] == NO_GIT_SETTINGS


def test_a_missing_image_is_told(sandbox: DockerSandbox, box: Box) -> None:
    with pytest.raises(NotFound, match="No such image"):
        sandbox.create(replace(box, image="orchestra/none:never"))


class Terminal:
    """A private tmux with one window that runs a command."""

    def __init__(self, place: Path, command: tuple[str, ...]) -> None:
        self._socket = str(place / "tmux.sock")
        self("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", shlex.join(command))
        self("set-option", "-g", "remain-on-exit", "on")

    def __call__(self, *words: str) -> str:
        argv = ["tmux", "-S", self._socket, *words]
        return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60).stdout

    def shows(self, text: str) -> bool:
        SEEN[:] = [self("capture-pane", "-p", "-J")]
        return text in SEEN[0]

    def pid(self) -> int:
        return int(self("display-message", "-p", "#{pid}"))


@pytest.fixture
def screen(box: Box) -> Box:
    """A box whose program draws a screen anew at each start and each change of size, and echoes lines."""
    return replace(box, command=("perl", "-e", SCREEN), modes=False)


def test_a_window_stays_attached_through_stops_and_ends_when_the_box_is_gone(
    sandbox: DockerSandbox, screen: Box, tmp_path: Path
) -> None:
    sandbox.create(screen)
    terminal = Terminal(tmp_path, sandbox.window_command(screen))
    try:
        poll(lambda: terminal.shows("one has stopped. To start it again: orchestra resume one"))
        sandbox.start(screen.name)
        poll(lambda: terminal.shows("screen of 1"))
        terminal("send-keys", "hello", "Enter")
        poll(lambda: terminal.shows("got <hello>"))
        sandbox.stop(screen.name, grace=1)
        poll(lambda: terminal.shows("one has stopped"))
        terminal("send-keys", "C-c")
        sandbox.start(screen.name)
        poll(lambda: terminal.shows("screen of 2"))
        sandbox.remove(screen.name)
        poll(lambda: terminal.shows("one no longer has a container"))
    finally:
        terminal("kill-server")


def test_a_window_whose_agent_has_ended_leaves_the_engine_alone(
    sandbox: DockerSandbox, screen: Box, tmp_path: Path
) -> None:
    """When many agents end at once, all their windows look at the same moment."""
    looks, counting = tmp_path / "looks", tmp_path / "docker"
    words = sandbox.window_command(screen)
    counting.write_text(
        f'#!/bin/sh\n[ "$1" != inspect ] || date +%s.%N >> {looks}\nexec {shlex.join(words[5:])} "$@"\n'
    )
    counting.chmod(0o755)
    sandbox.create(screen)
    sandbox.start(screen.name)
    terminal = Terminal(tmp_path, (*words[:5], str(counting)))
    try:
        poll(lambda: terminal.shows("screen of 1"))
        sandbox.stop(screen.name, grace=1)
        poll(lambda: terminal.shows("one has stopped"))
        known = len(looks.read_text().split())
        poll(lambda: len(looks.read_text().split()) >= known + 3)
    finally:
        terminal("kill-server")
    times = [float(each) for each in looks.read_text().split()[known - 1 :]]
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.45


def test_killing_tmux_leaves_the_agent_running_and_a_new_window_shows_its_screen(
    sandbox: DockerSandbox, screen: Box, tmp_path: Path
) -> None:
    sandbox.create(screen)
    sandbox.start(screen.name)
    command = sandbox.window_command(screen)
    first = Terminal(tmp_path, command)
    poll(lambda: first.shows("screen of 1"))
    os.kill(first.pid(), 9)
    poll(lambda: not _attached(screen.name))
    (tmp_path / "again").mkdir()
    second = Terminal(tmp_path / "again", command)
    try:
        poll(lambda: second.shows("screen of 1"))
        terminal_client = _attached(screen.name)
        assert len(terminal_client) == 1
        os.kill(terminal_client[0], 9)
        poll(lambda: _attached(screen.name) not in ([], terminal_client))
        poll(lambda: second.shows("screen of 1"))
        second("send-keys", "still there", "Enter")
        poll(lambda: second.shows("got <still there>"))
    finally:
        second("kill-server")


def test_a_window_waits_while_no_engine_answers(box: Box, sandbox: DockerSandbox, tmp_path: Path) -> None:
    words = sandbox.window_command(box)
    terminal = Terminal(tmp_path, (*words[:5], "docker", "--host", "unix:///nonexistent/docker.sock"))
    try:
        poll(lambda: terminal.shows("The Docker engine does not answer"))
        assert terminal("display-message", "-p", "#{pane_dead}").strip() == "0"
    finally:
        terminal("kill-server")


def test_an_attached_window_knows_bracketed_paste_where_the_agent_does(
    sandbox: DockerSandbox, screen: Box, tmp_path: Path
) -> None:
    knowing = replace(screen, modes=True)
    sandbox.create(knowing)
    sandbox.start(screen.name)
    words = sandbox.window_command(knowing)
    terminal = Terminal(tmp_path, (*words[:4], "0", *words[5:]))
    try:
        poll(lambda: terminal.shows("screen of 1"))
        terminal("set-buffer", "a text")
        terminal("paste-buffer", "-p")
        poll(lambda: terminal.shows("[200~a text"))
    finally:
        terminal("kill-server")


def _attached(name: str) -> list[int]:
    found = subprocess.run(["pgrep", "-f", f"docker.* attach .*{name}"], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def test_a_terminal_opens_in_the_worktree(sandbox: DockerSandbox, box: Box, tmp_path: Path) -> None:
    sandbox.create(box)
    sandbox.start(box.name)
    for on_host, mark in ((False, "/home/agent"), (True, str(Path.home()))):
        place = tmp_path / f"{on_host}"
        place.mkdir()
        terminal = Terminal(place, sandbox.terminal_command(box, on_host=on_host))
        try:
            poll(lambda: bool(terminal("capture-pane", "-p").strip()))  # noqa: B023 -- polled inside the loop
            terminal("send-keys", 'echo "$PWD|$HOME|"; test $(hostname) = one; echo in=$?', "Enter")
            poll(lambda: terminal.shows(f"in={int(on_host)}"))  # noqa: B023 -- as above
            assert f"{box.workdir}|{mark}|" in terminal("capture-pane", "-p", "-J")
        finally:
            terminal("kill-server")


_ABORTS = "until [ -e /tmp/now ]; do sleep 0.05; done; kill -ABRT $$"
"""A program that aborts itself when it is told to; the first process of a container ignores that signal."""


@pytest.mark.parametrize(
    ("command", "ending", "code"),
    [((), ("kill", "{}"), 137), (("sh", "-c", _ABORTS), ("exec", "{}", "touch", "/tmp/now"), 134)],
    ids=["killed", "aborted"],
)
def test_an_end_is_told_with_its_code_before_it_is_looked_at(
    sandbox: DockerSandbox, box: Box, command: tuple[str, ...], ending: tuple[str, ...], code: int
) -> None:
    sandbox.create(replace(box, command=command or box.command))
    sandbox.start(box.name)
    told, ended = queue.Queue[BoxEnd | None](), threading.Event()
    threading.Thread(target=sandbox.watch, args=(told.put, ended), daemon=True).start()
    assert told.get(timeout=60) is None
    before = datetime.now(UTC)
    docker(*(word.format(box.name) for word in ending))
    while (end := told.get(timeout=60)) is None or end.name != box.name:
        pass
    ended.set()
    assert end.code == code
    assert before <= end.at <= datetime.now(UTC)
