"""Agents as processes of the machine itself, in windows of a real tmux."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestra.drivers.sandbox.host import HostSandbox
from orchestra.drivers.sandbox.protocol import Box
from orchestra.errors import CommandFailed, Refused
from orchestra.model import BoxSight, BoxState


def poll(look: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def sandbox(tmp_path: Path) -> HostSandbox:
    return HostSandbox(tmp_path / "state")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    tree = tmp_path / "a tree"
    tree.mkdir()
    return Box(
        name="demo-one",
        image="",
        command=("sh", "-c", "pwd >seen; echo $HOME >>seen; sleep 301 & exec sleep 300"),
        workdir=tree,
        mounts=(),
        env={"HOME": str(tmp_path / "agent home")},
        labels={},
        uid=os.getuid(),
        gid=os.getgid(),
        hostname="one",
        home=tmp_path / "agent home",
    )


Launch = Callable[[Box], subprocess.Popen[bytes]]


@pytest.fixture
def launch(sandbox: HostSandbox) -> Iterator[Launch]:
    """Start what a window would run, as the leader of a session of its own, as tmux does."""
    started: list[subprocess.Popen[bytes]] = []

    def start(box: Box) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(sandbox.window_command(box), start_new_session=True))
        poll(lambda: sandbox.look(box).state is BoxState.RUNNING)
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait(timeout=60)


def test_the_window_runs_the_agent_in_its_worktree_and_the_process_is_known(
    sandbox: HostSandbox, box: Box, launch: Launch
) -> None:
    sandbox.create(box)
    assert sandbox.look(box) == BoxSight(BoxState.ABSENT)
    process = launch(box)
    assert sandbox.look_all() == {"demo-one": sandbox.look("demo-one")}
    poll(lambda: (box.workdir / "seen").exists() and (box.workdir / "seen").read_text().count("\n") == 2)
    assert (box.workdir / "seen").read_text().splitlines() == [str(box.workdir), str(box.home)]
    process.kill()
    poll(lambda: sandbox.look(box).state is BoxState.EXITED)
    sandbox.stop(box.name)
    sandbox.remove(box.name)
    sandbox.remove(box.name)
    assert sandbox.look_all() == {}


def test_stopping_ends_the_agent_and_everything_it_started(sandbox: HostSandbox, box: Box, launch: Launch) -> None:
    process = launch(box)
    poll(lambda: len(_children(process.pid)) == 2)
    sandbox.stop(box.name, grace=5)
    poll(lambda: not _children(process.pid) - {process.pid})
    assert process.wait(timeout=60) == -15
    assert sandbox.look(box).state is BoxState.EXITED


def test_an_agent_that_was_launched_a_moment_ago_is_found_running(
    sandbox: HostSandbox, box: Box, launch: Launch
) -> None:
    first = launch(box)
    sandbox.stop(box.name)
    first.wait(timeout=60)
    slow = ("sh", "-c", 'sleep 0.3; exec "$@"', "sh", *sandbox.window_command(box))
    with subprocess.Popen(slow, start_new_session=True) as second:
        try:
            sandbox.await_launch(box.name)
            assert sandbox.look(box).state is BoxState.RUNNING
        finally:
            second.kill()


def test_an_agent_that_ignores_being_asked_is_killed(sandbox: HostSandbox, box: Box, launch: Launch) -> None:
    ready = box.workdir / "ready"
    process = launch(replace(box, command=("sh", "-c", "trap '' TERM; : >ready; while :; do sleep 0.1; done")))
    poll(ready.exists)
    sandbox.stop(box.name, grace=0.2)
    assert process.wait(timeout=60) == -9


@pytest.mark.parametrize("field", [1, 2])
def test_a_process_that_was_given_the_same_number_is_not_mistaken_for_the_agent(
    sandbox: HostSandbox, box: Box, launch: Launch, tmp_path: Path, field: int
) -> None:
    process = launch(box)
    record = tmp_path / "state" / "processes" / box.name
    words = record.read_text().split()
    words[field] = "1"
    record.write_text(" ".join(words))
    assert sandbox.look(box).state is BoxState.EXITED
    sandbox.stop(box.name)
    assert process.poll() is None


def test_programs_run_in_the_worktree_with_the_agent_s_environment(sandbox: HostSandbox, box: Box) -> None:
    done = sandbox.execute(box, ("sh", "-c", "cat; pwd; echo $HOME"), stdin=b"in ")
    assert done.text.splitlines() == [f"in {box.workdir}", str(box.home)]
    assert sandbox.run_once(box, ("sh", "-c", "exit 3"), deadline=60).code == 3
    with pytest.raises(CommandFailed):
        sandbox.execute(box, ("false",))


def test_a_session_on_the_host_has_no_git_of_its_own_to_fetch_from(sandbox: HostSandbox, box: Box) -> None:
    with pytest.raises(Refused):
        sandbox.upload_pack(box, "/nowhere")
    assert sandbox.gateway() == "127.0.0.1"


def _children(session: int) -> set[int]:
    found = subprocess.run(["pgrep", "-s", str(session)], capture_output=True, text=True, check=False)
    return {int(line) for line in found.stdout.split()}
