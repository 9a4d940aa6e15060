"""What dies beside an action, in its middle, while the action itself goes on: the tmux server, or the engine."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest

from orchestra.drivers.git import commit_import
from orchestra.drivers.sandbox import docker, docker_client
from orchestra.project import Project
from tests.chaos.faults import Plan
from tests.chaos.killing import End, Kill, Tally, brought_up, effects, in_a_process, plans
from tests.chaos.scene import Act, Case, Scene
from tests.support.projects import HostProject, host_project
from tests.support.services import eventually

_BETWEEN = Path(__file__).with_name("between.py")
_ENGINE = "/var/run/docker.sock"
_SILENCE = 3
"""Seconds after which a call counts as not answered."""


@dataclass(frozen=True)
class Blow:
    """The process that is struck, with which signal, and how what died is brought back."""

    victim: int
    number: int
    mend: Callable[[], object]


Strike: TypeAlias = "Callable[[HostProject], Blow]"


def tmux_dies(host: HostProject) -> Blow:
    """Kill the tmux server, and with it every window."""
    pid = int(host.tmux.server.ask(("display-message", "-p", "#{pid}")).text)
    return Blow(pid, signal.SIGKILL, host.open_tmux)


@contextmanager
def engine_fails(patch: pytest.MonkeyPatch, *, hangs: bool) -> Iterator[Strike]:
    """Put something between Orchestra and the engine that can be gone for a while, or take calls and not answer."""
    with TemporaryDirectory(prefix="oe-") as place:
        where = Path(place) / "d.sock"
        real = (docker_client.address() or _ENGINE).removeprefix("unix://")
        between = subprocess.Popen((sys.executable, str(_BETWEEN), str(where), real))
        blow, mend = (signal.SIGSTOP, signal.SIGCONT) if hangs else (signal.SIGUSR1, signal.SIGUSR2)
        try:
            eventually(where.exists)
            patch.setenv("DOCKER_HOST", f"unix://{where}")
            yield lambda _host: Blow(between.pid, blow, lambda: os.kill(between.pid, mend))
        finally:
            between.kill()
            between.wait()


def _hurried(act: Act) -> Act:
    """Let an action, in a process of its own, wait for a silent engine for seconds only."""

    def hurries(project: Project) -> object:
        docker_client.connect.__defaults__ = (_SILENCE,)
        commit_import.fetch.__kwdefaults__ = {**(commit_import.fetch.__kwdefaults__ or {}), "deadline": 3.0 * _SILENCE}
        for module, name in ((docker_client, "_ASK_DEADLINE"), (docker, "LOOK_DEADLINE")):
            setattr(module, name, _SILENCE)
        return act(project)

    return hurries


def struck(case: Case, plan: Plan, image: str = "") -> list[str]:
    """Let the engine, where there is an image, or else tmux die in an action's middle; return what is wrong later.

    At every second effect the engine hangs instead, and does later what it was asked for meanwhile.
    """
    with pytest.MonkeyPatch.context() as patch:
        if not image:
            return _struck(case, plan, tmux_dies, patch, image)
        with engine_fails(patch, hangs=plan.at % 2 == 0) as strike:
            return _struck(case, plan, strike, patch, image)


def _struck(case: Case, plan: Plan, strike: Strike, patch: pytest.MonkeyPatch, image: str) -> list[str]:
    with host_project(patch, image=image) as host:
        scene = Scene(host)
        case.prepare(scene)
        blow = strike(host)
        outcome = in_a_process(host, _hurried(case.act), replace(plan, victim=blow.victim, signal=blow.number))
        blow.mend()
        found = [f"{outcome.end}: {outcome.said}"] if outcome.end not in {End.DONE, End.REFUSED} else []
        found += brought_up(case, scene, "up")
        if not case.again or outcome.end is End.DONE:
            return found
        again = in_a_process(host, case.act, None)
        found += [f"again: {again.said}"] if again.end is End.BUG else []
        return found + brought_up(case, scene, "up after it was asked for again", done=again.end is End.DONE)


def strike_all(
    case: Case, number: int, chance: random.Random, say: Callable[[str], None] = lambda _: None, *, image: str = ""
) -> Tally:
    """Let the engine, or tmux, die at ``number`` effects of an action, or at all where that is 0."""
    names = effects(case, image)
    tally = Tally()
    for plan in plans(len(names), number or len(names), chance):
        kill = Kill(case.name, replace(plan), names[plan.at - 1], tuple(struck(case, plan, image)))
        tally.kills.append(kill)
        if kill.faults:
            say(str(kill))
    return tally
