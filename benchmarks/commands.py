"""What a person types, beside the raw commands that do the same work."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import docker
from docker.types import Mount

from benchmarks.effort import Effort
from benchmarks.first_prompt import first_prompt
from benchmarks.ground import Ground, ground
from benchmarks.table import Goal, Row, of_pairs
from orchestra.protocol import call

EMPTY_APP = """\
import typer
app = typer.Typer()
@app.command()
def main(name: str) -> None: ...
app()
"""


@dataclass(frozen=True)
class Pair:
    """One comparison; both callables take the round's number and return seconds."""

    name: str
    ours: Callable[[int], float]
    raw: Callable[[int], float]

    def row(self, rounds: int, goal: Goal, note: str) -> Row:
        """Do both in turn, so that a slow moment hits both; the first round is not counted."""
        taken = [(self.ours(number), self.raw(number)) for number in range(rounds + 1)]
        return of_pairs(self.name, taken[1:], goal, note=note)


def commands(effort: Effort) -> Iterator[Row]:
    """What a person types: a new session, a key of tmux, the list."""
    with ground() as place:
        for pair, note in _pairs(place):
            yield pair.row(effort.times(9), Goal(1.3, of_ratio=True), f"raw: {note}")


def prompt(effort: Effort) -> Iterator[Row]:
    """The first prompt of a real agent, in a session and in a bare container."""
    with ground() as place, first_prompt(place) as agent:
        pair = Pair("a real agent's first prompt", agent.ours, agent.raw)
        yield pair.row(effort.times(9), Goal(1.2, of_ratio=True), "raw: docker run of the same image")


def _pairs(place: Ground) -> tuple[tuple[Pair, str], ...]:
    app = place.root / "empty.py"
    app.write_text(EMPTY_APP)
    started = "an empty typer program"
    by_hand = "git worktree add, a container, a tmux window"
    return (
        (Pair("spawn: action to running agent", partial(_spawn, place), lambda at: _raw(place, at, "spawn")), by_hand),
        (
            Pair("`orchestra new`", partial(_new, place), lambda at: _empty(app) + _raw(place, at, "new")),
            f"{started}, and {by_hand}",
        ),
        (Pair("a key: `orchestra switch`", lambda _: _switch(place), lambda _: _empty(app)), started),
        (Pair("`orchestra list --json`", lambda _: _list(place), lambda _: _empty(app)), started),
    )


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _spawn(place: Ground, number: int) -> float:
    arguments = {"title": f"spawn {number}", "task": "nothing"}
    taken = _timed(lambda: call(place.paths.socket, "spawn", arguments))
    place.orchestra("delete", f"spawn-{number}", "--force", "--worktree")
    return taken


def _new(place: Ground, number: int) -> float:
    taken = _timed(lambda: place.orchestra("new", f"new {number}"))
    place.orchestra("delete", f"new-{number}", "--force", "--worktree")
    return taken


def _switch(place: Ground) -> float:
    return _timed(lambda: place.orchestra("switch", "main"))


def _list(place: Ground) -> float:
    return _timed(lambda: place.orchestra("list", "--json"))


def _empty(app: Path) -> float:
    return _timed(lambda: subprocess.run((sys.executable, str(app), "x"), check=True, timeout=60))


def _raw(place: Ground, number: int, series: str) -> float:
    """Do by hand what a session needs: a worktree, a container as hardened as ours, a window on it."""
    client = docker.APIClient()
    name = f"orchestra-raw-{series}-{number}"
    worktree = place.root / "raw" / name

    def work() -> None:
        add = ("git", "worktree", "add", "-q", "-b", name, str(worktree), "HEAD")
        subprocess.run(add, cwd=place.repository, check=True, timeout=60)
        made = client.create_container(
            place.image,
            ["sleep", "infinity"],
            name=name,
            tty=True,
            stdin_open=True,
            working_dir=str(worktree),
            host_config=_hardened(client, place, worktree),
        )
        client.start(made["Id"])
        place.tmux("new-window", "-d", "-t", place.tmux_session, "-n", name, "docker", "attach", name)

    taken = _timed(work)
    client.remove_container(name, force=True)
    subprocess.run(
        ("git", "worktree", "remove", "--force", str(worktree)), cwd=place.repository, check=True, timeout=60
    )
    subprocess.run(("git", "branch", "-q", "-D", name), cwd=place.repository, check=True, timeout=60)
    return taken


def _hardened(client: docker.APIClient, place: Ground, worktree: Path) -> dict[str, object]:
    config: dict[str, object] = client.create_host_config(
        init=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        pids_limit=512,
        mem_limit="4g",
        network_mode=place.network,
        mounts=[Mount(target=str(worktree), source=str(worktree), type="bind")],
    )
    return config
