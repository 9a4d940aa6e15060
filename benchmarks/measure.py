"""The measurements: each round does Orchestra's way and the raw way, in turn, so that a slow moment hits both."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.types import Mount

from benchmarks.first_prompt import first_prompt
from benchmarks.ground import Ground, ground
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
    at_most: float


def main(rounds: int, wanted: str = "") -> None:
    """Run all pairs, or those whose names hold a text, and print medians and ratios."""
    with ground() as place, first_prompt(place) as claude:
        pairs = (*_pairs(place), Pair("a real agent's first prompt", claude.ours, claude.raw, 1.2))
        print(f"{'what':34} {'ours ms':>9} {'raw ms':>9} {'ratio':>7} {'aim':>6}")
        for pair in (one for one in pairs if wanted in one.name):
            _measure(pair, rounds)


def _measure(pair: Pair, rounds: int) -> None:
    pair.ours(1000)
    pair.raw(1000)
    taken = [(pair.ours(number), pair.raw(number)) for number in range(rounds)]
    ours, raw = (statistics.median(side) * 1000 for side in zip(*taken, strict=True))
    ratio = statistics.median(mine / theirs for mine, theirs in taken)
    print(f"{pair.name:34} {ours:9.0f} {raw:9.0f} {ratio:7.2f} {pair.at_most:6.2f}", flush=True)


def _pairs(place: Ground) -> tuple[Pair, ...]:
    app = place.root / "empty.py"
    app.write_text(EMPTY_APP)
    return (
        Pair("spawn: action to running agent", lambda n: _spawn(place, n), lambda n: _raw(place, n, "a"), 1.3),
        Pair("orchestra new", lambda n: _new(place, n), lambda n: _raw(place, n, "b") + _empty(app), 1.3),
        Pair("a key: orchestra switch", lambda _: _switch(place), lambda _: _empty(app), 1.3),
        Pair("orchestra list --json", lambda _: _list(place), lambda _: _empty(app), 1.3),
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
