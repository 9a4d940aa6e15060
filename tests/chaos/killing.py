"""Runs an action in a process of its own, kills it at one of its effects, brings the project up again, and judges."""

from __future__ import annotations

import os
import random
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from orchestra.actions.work import refresh
from orchestra.actions.workspace import recover
from orchestra.drivers.tmux.driver import Tmux
from orchestra.errors import OrchestraError
from orchestra.project import Project
from tests.chaos import faults
from tests.chaos.faults import Plan
from tests.chaos.invariants import wrong
from tests.chaos.scene import Case, Scene
from tests.support.projects import HostProject, host_project

_MID_EFFECT = (0.001, 0.004, 0.015)
"""Seconds after which an effect such as a git command is in its middle."""


class End(StrEnum):
    """How a process ended."""

    DONE = "done"
    REFUSED = "refused"
    BUG = "a bug"
    KILLED = "killed"


@dataclass(frozen=True)
class Outcome:
    """How an action ended, and what it said."""

    end: End
    said: str = ""


@dataclass(frozen=True)
class Kill:
    """One kill: of which action, where, and what was wrong afterwards."""

    case: str
    plan: Plan
    effect: str
    faults: tuple[str, ...]

    def __str__(self) -> str:
        how = f", {self.plan.delay * 1000:.0f} ms into it" if self.plan.delay else ""
        with_it = ", its programs too" if self.plan.children else ""
        where = f"{self.case}: killed at effect {self.plan.at} ({self.effect}{how}{with_it})"
        return "\n".join((where, *(f"    {fault}" for fault in self.faults)))


@dataclass
class Tally:
    """What was killed, and what came of it."""

    kills: list[Kill] = field(default_factory=list)
    missed: int = 0

    @property
    def bad(self) -> list[Kill]:
        """The kills after which something was wrong."""
        return [kill for kill in self.kills if kill.faults]


def in_a_process(host: HostProject, act: Callable[[Project], object], plan: Plan | None) -> Outcome:
    """Have an action done by a process of its own, which the plan may kill."""
    host.project.store.close()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _perform(host, act, plan, writing)
    os.close(writing)
    with open(reading, "rb") as answer:  # noqa: PTH123 -- a descriptor
        said = answer.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    _forget_store(host.project)
    if os.WIFSIGNALED(status):
        return Outcome(End.KILLED if os.WTERMSIG(status) == signal.SIGKILL else End.BUG, said)
    return Outcome({0: End.DONE, 1: End.REFUSED}.get(os.WEXITSTATUS(status), End.BUG), said)


def _forget_store(project: Project) -> None:
    """Let the next use open the database anew."""
    project.__dict__.pop("store", None)


def _perform(host: HostProject, act: Callable[[Project], object], plan: Plan | None, writing: int) -> None:
    code, said = 0, ""
    try:
        project = Project.open(host.source)
        _ = project.store, project.repository
        if plan is not None:
            project.store.close()
            _forget_store(project)
            faults.arm(plan)
        said = str(act(project))
    except OrchestraError as error:
        code, said = 1, str(error)
    except BaseException:  # noqa: BLE001 -- whatever it is, it is a bug to be told
        code, said = 3, traceback.format_exc()
    os.write(writing, said.encode(errors="replace")[-4000:])
    sys.stdout.flush()
    os._exit(code)


def effects(case: Case, image: str = "") -> list[str]:
    """Return the names of the effects that an action has when nobody kills it."""
    with TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch, host_project(patch, image=image) as host:
        record = Path(place) / "effects"
        record.touch()
        scene = Scene(host)
        case.prepare(scene)
        outcome = in_a_process(host, case.act, Plan(record=str(record)))
        assert outcome.end is End.DONE, f"{case.name}: {outcome}"
        told = brought_up(case, scene, "up", done=True)
        assert not told, f"{case.name}, though nobody was killed: {told}"
        return record.read_text().splitlines()


def judged(case: Case, scene: Scene, *, done: bool) -> list[str]:
    """Return what is wrong in a project, in general and by what the action promises."""
    return wrong(scene.host, scene.kept) + case.told(scene, done)


def killed(case: Case, plan: Plan, image: str = "") -> tuple[Outcome, list[str]]:
    """Kill an action once; bring the project up, judge, ask for the same again, and judge again."""
    with pytest.MonkeyPatch.context() as patch, host_project(patch, image=image) as host:
        scene = Scene(host)
        case.prepare(scene)
        outcome = in_a_process(host, case.act, plan)
        if outcome.end is not End.KILLED:
            return outcome, [outcome.said] if outcome.end is End.BUG else []
        found = brought_up(case, scene, "up")
        if not case.again:
            return outcome, found
        again = in_a_process(host, case.act, None)
        if again.end is End.BUG:
            found.append(f"again: {again.said}")
        found += brought_up(case, scene, "up after it was asked for again", done=again.end is End.DONE)
        return outcome, found


def brought_up(case: Case, scene: Scene, when: str, *, done: bool = False) -> list[str]:
    """Bring the project up, and return what could not be, and what is wrong afterwards."""
    told = in_a_process(scene.host, bring_up, None)
    troubles = [] if told == Outcome(End.DONE, "[]") else [f"{when}: {told.end}: {told.said}"]
    return troubles + [f"{when}: {line}" for line in judged(case, scene, done=done)]


def bring_up(project: Project) -> list[str]:
    """Do what `orchestra up` does for the sessions; `down` has taken the tmux server's name away."""
    with closing(project.store):
        store = project.store
        if not store.workspace.get().tmux_socket:
            store.workspace.update(tmux_socket=Tmux.own("inner").socket)
        store.workspace.update(resting=False)
        troubles = [str(error) for error in recover.reconcile(project)]
        refresh.look(project)
        refresh.watch_specs(project)
        return troubles


def plans(count: int, number: int, chance: random.Random) -> list[Plan]:
    """Choose ``number`` kills among an action's effects, every effect once before any is chosen twice."""
    order = list(range(1, count + 1))
    chosen: list[Plan] = []
    while order and len(chosen) < number:
        chance.shuffle(order)
        for at in order:
            # The first time exactly before the effect, later in its middle, and with all it has started.
            delay = 0.0 if len(chosen) < count else chance.choice(_MID_EFFECT)
            chosen.append(Plan(at=at, delay=delay, children=bool(delay) and chance.random() < 1 / 2))
    return chosen[:number]


def kill_all(
    case: Case, number: int, chance: random.Random, say: Callable[[str], None] = lambda _: None, *, image: str = ""
) -> Tally:
    """Kill an action at ``number`` of its effects, or at all of them where that is 0; ``image`` is for containers."""
    names = effects(case, image)
    tally = Tally()
    for plan in plans(len(names), number or len(names), chance):
        outcome, told = killed(case, plan, image)
        tally.missed += outcome.end is not End.KILLED
        tally.kills.append(Kill(case.name, replace(plan), names[plan.at - 1], tuple(told)))
        if told:
            say(str(tally.kills[-1]))
    return tally
