"""kill -9 of anything at any moment: `orchestra up` brings everything back, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.support.person import OWN, Person, eventually

pytestmark = pytest.mark.docker

TASK = (
    (files("orchestra.cli.demo") / "sample.md").read_text(encoding="utf-8").replace("answer No", "pause 4\nanswer No")
)
"""The demo's story, with a moment in its middle in which everything can die."""
STORY = "write work.txt <<END\nwork\nEND\ncommit Some work\nreport complete worked"


def kill(numbers: dict[int, str]) -> None:
    """Kill processes as a failing machine does."""
    assert numbers, "there was something to kill"
    for number in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def kill_service(person: Person) -> None:
    """Kill the project's service."""
    kill(person.processes("orchestra.service"))


def kill_control(person: Person) -> None:
    """Kill the control pane."""
    kill(person.processes("-m orchestra", " control"))


def kill_tmux(person: Person) -> None:
    """Kill the tmux server that shows the sessions, and with it every window."""
    number = int(person.tmux("display-message", "-p", "#{pid}", server=OWN))
    kill({number: "tmux"})


def kill_containers(person: Person) -> None:
    """Kill the containers of the designer and of the executor that waits for its answer."""
    containers = [name for name in person.engine("container") if not name.endswith("command-line")]
    assert person.run("docker", "kill", *containers).returncode == 0
    assert len(containers) == 2


def test_the_story_survives_the_death_of_everything(person: Person) -> None:
    """Service, control pane, tmux and a container die in its middle; it ends as if nothing had happened."""
    person.orchestra("up", "--detach", "--task", TASK)
    eventually(lambda: person.session("add-kelvin").get("state") == "waiting", what="the story is in its middle")
    for die in (kill_service, kill_control, kill_containers, kill_tmux):
        die(person)
    person.sit_down("up")
    person.sees("3 sessions", "add-kelvin", "command-line")
    for name in ("add-kelvin", "command-line"):
        person.waits_for(name, "done", within=120)
    told = sorted((one["sender"], one["kind"]) for one in person.json("inbox") if one["kind"] != "spec")
    assert told == [
        ("add-kelvin", "complete"),
        ("add-kelvin", "error"),
        ("command-line", "complete"),
        ("main", "message"),
    ]
    for name, commits in (("add-kelvin", 1), ("command-line", 2)):
        eventually(lambda: person.session(name)["commits"] == commits, what=f"{commits} commits of {name}")  # noqa: B023
        person.orchestra("merge", name, "--check", "python3 -m unittest -q")
    assert person.git("log", "--no-merges", "--format=%s", "main").splitlines().count("Add Kelvin, both ways") == 1
    assert person.git("status", "--porcelain") == ""


class Storm:
    """Sessions made, deleted and merged while the service dies at random moments."""

    def __init__(self, person: Person, seed: int) -> None:
        self.person = person
        self.random = random.Random(seed)  # noqa: S311 -- moments, not secrets
        self.hits = 0
        self.task = person.place / "task.md"
        self.task.write_text(f"Work.\n\n```rehearsal\n{STORY}\n```\n")

    def blows(self, *words: str) -> None:
        """Run a command, and kill the service some moment after it began."""
        asked = subprocess.Popen(
            self.person.command(*words),
            cwd=self.person.repository,
            env=self.person.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            asked.wait(0.4 + self.random.random() * 0.8)
        self.hits += asked.poll() is None
        for number in self.person.processes("orchestra.service"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        asked.wait(120)

    def passes(self) -> list[dict[str, Any]]:
        """Bring everything up again and return the sessions."""
        self.person.orchestra("up", "--detach")
        rows: list[dict[str, Any]] = self.person.json("list")
        return rows


def orphans(person: Person, rows: list[dict[str, Any]]) -> list[str]:
    """Return what belongs to no session, and what a session lacks; a deleted session keeps worktree and branch."""
    executors = {str(row["name"]) for row in rows if row["role"] == "executor"}
    key = f"orchestra-{person.home.tag}-tempo-"
    boxes = {name.removeprefix(key) for name in person.engine("container")} - {"main"}
    windows = person.tmux("list-windows", "-a", "-F", "#{@orchestra_session}", server=OWN).split()
    held = person.git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/heads/orchestra").split()
    trees = [
        Path(one).name for one in person.git("worktree", "list", "--porcelain").split("\n\n") if "worktrees" in one
    ]
    wrong = [f"container of {name}" for name in boxes ^ executors]
    wrong += [f"window of {name}" for name in {*windows} ^ {*executors, "main"}]
    wrong += [f"two windows of {name}" for name in {*windows} if windows.count(name) > 1]
    wrong += [f"branch of {name}" for name in executors - {*held}]
    return wrong + [f"worktree of {name}" for name in executors if not any(tree.startswith(name) for tree in trees)]


@pytest.mark.parametrize("seed", [1])
def test_a_service_killed_at_random_leaves_whole_sessions_or_none(person: Person, seed: int) -> None:
    """After each storm, up and list agree with containers, windows, worktrees and branches; merged is merged whole."""
    storm = Storm(person, seed)
    person.orchestra("up", "--detach")
    for name in ("one", "two"):
        storm.blows("new", name, "--task-file", str(storm.task))
    rows = storm.passes()
    assert orphans(person, rows) == []
    for row in rows[1:]:
        person.waits_for(row["name"], "done", "idle")
    for row in rows[1:]:
        storm.blows(*storm.random.choice([("delete", row["name"], "--force"), ("merge", row["name"])]))
    assert orphans(person, storm.passes()) == []
    assert storm.hits, "the service died in the middle of something"
    eventually(lambda: person.git("status", "--porcelain") == "", what="the checkout is clean")
    assert person.git("fsck", "--no-dangling") == ""
