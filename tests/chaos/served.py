"""Kills the project's service at the effects of what it does for a command, the way a person would meet it."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestra.actions.service_process import ping
from orchestra.drivers.tmux.driver import Tmux
from orchestra.paths import Home
from orchestra.project import Project
from tests.chaos.faults import Plan
from tests.chaos.invariants import Kept, wrong
from tests.chaos.killing import Kill, Tally, plans
from tests.support.person import Person, arriving
from tests.support.projects import AGENT, PROFILE, HostProject

_INJECT = Path(__file__).resolve().parent / "inject"
_SERVICE = "orchestra.service"
_PATIENCE = 60.0
_POLL = 0.2
_ACTING = "action|hook|local|queue|checks|ThreadPool"
"""The service's threads that do what somebody asked for; the others look after everything else all the time."""


@dataclass
class Served:
    """A person whose agents run on the host, and the plan that their service dies by."""

    person: Person
    plan: Path
    kept: Kept = field(default_factory=Kept)

    @property
    def host(self) -> HostProject:
        """The project, opened here beside the service."""
        home = Home(self.person.home.root)
        project = Project(home.project(self.person.repository))
        return HostProject(self.person.place, project, Tmux(project.store.workspace.get().tmux_socket))

    def up(self) -> str:
        """Bring everything up; return what could not be."""
        self.plan.unlink(missing_ok=True)
        done = self.person.orchestra("up", "--detach", check=False)
        restored = done.returncode == 0 and "not restored" not in done.stderr
        return "" if restored else f"up ended with {done.returncode}: {done.stderr.strip()}"

    def dies(self, plan: Plan, words: Sequence[str]) -> tuple[bool, subprocess.CompletedProcess[str]]:
        """Run a command while the plan holds for the service; say whether the service died of it."""
        before = (ping(self.host.project.paths) or {}).get("pid")
        plan.written(self.plan)
        done = self.person.orchestra(*words, check=False)
        self.plan.unlink(missing_ok=True)
        return (ping(self.host.project.paths) or {}).get("pid") != before, done


@contextmanager
def served(place: Path) -> Iterator[Served]:
    """Let a person come and bring their project up."""
    plan = place / "plan"
    settings = {
        "ORCHESTRA_AGENT": AGENT,
        "ORCHESTRA_SANDBOX": "host",
        "PYTHONPATH": str(_INJECT),
        "CHAOS_PLAN": str(plan),
        "CHAOS_PROCESS": _SERVICE,
    }
    with arriving(place / "p", **settings) as someone:
        (someone.home.root / "agents").mkdir(parents=True)
        (someone.home.root / "agents" / f"{AGENT}.yaml").write_text(PROFILE)
        made = Served(someone, plan)
        assert not made.up()
        yield made


@dataclass(frozen=True)
class Command:
    """One command: what comes before it, its words, and what its having been done means."""

    name: str
    words: tuple[str, ...]
    before: Callable[[Served], None]
    told: Callable[[Served, bool], list[str]]


def _nothing(_served: Served) -> None:
    pass


def _one(made: Served) -> None:
    host = made.host
    if host.project.store.sessions.find("one") is None:
        made.person.orchestra("new", "one")
    session = host.session("one")
    made.kept.commits.append(host.commit(session, f"{len(made.kept.commits)}.txt", "committed\n"))


def _deleted(made: Served) -> None:
    _one(made)
    made.person.orchestra("delete", "one", "--force", "--worktree")


def _there(made: Served, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    return ["made, and not there"] if done and made.host.project.store.sessions.find("one") is None else []


def _gone(made: Served, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    return ["deleted, and there"] if done and made.host.project.store.sessions.find("one") else []


def _sent(made: Served, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """That it is there once only is asked of every message."""
    return ["accepted, and not there"] if done and not made.host.project.store.messages.select(recipient="one") else []


def _whole(made: Served, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    host = made.host
    newest = made.kept.commits[-1]
    merged = bool(host.git("branch", "--list", "main", "--contains", newest))
    shown = (host.source / f"{len(made.kept.commits) - 1}.txt").exists()
    agree = [] if merged == shown else [f"main {'has' if merged else 'lacks'} the work, its checkout does not agree"]
    return agree + (["merged, and main lacks the work"] if done and not merged else [])


COMMANDS = (
    Command("new", ("new", "one"), _nothing, _there),
    Command("stop", ("stop", "one"), _one, _there),
    Command("send", ("send", "one", "hello there"), _one, _sent),
    Command("merge", ("merge", "one"), _one, _whole),
    Command("delete", ("delete", "one", "--force", "--worktree"), _one, _gone),
    Command("restore", ("restore", "one"), _deleted, _there),
)


def clear(made: Served) -> None:
    """Take the session away again, and what it left."""
    if made.host.project.store.sessions.find("one") is None and "orchestra/one]" in made.person.git("worktree", "list"):
        # A restore that never got to its end put the worktree back; a person asks for it again.
        made.person.orchestra("restore", "one")
    if made.host.project.store.sessions.find("one") is not None:
        made.person.orchestra("delete", "one", "--force", "--worktree")
    if "orchestra/one" in made.person.git("branch"):
        made.person.git("branch", "-D", "orchestra/one")


def kill_service(made: Served, command: Command, number: int, chance: random.Random, record: Path) -> Tally:
    """Kill the service at ``number`` effects of one command."""
    tally = Tally()
    names = _effects(made, command, record)
    for plan in plans(len(names), number, chance):
        command.before(made)
        died, done = made.dies(replace(plan, threads=_ACTING), command.words)
        told = [trouble] if (trouble := made.up()) else []
        told += [f"a traceback: {done.stderr}"] if "a bug in Orchestra" in done.stderr else []
        told += _settled(made, command, done=done.returncode == 0)
        tally.missed += not died
        tally.kills.append(Kill(f"service, {command.name}", plan, names[plan.at - 1], tuple(told)))
        clear(made)
    return tally


def _settled(made: Served, command: Command, *, done: bool) -> list[str]:
    """Return what is wrong once the service has looked after everything."""
    end = time.monotonic() + _PATIENCE
    while (found := wrong(made.host, made.kept) + command.told(made, done)) and time.monotonic() < end:
        time.sleep(_POLL)
    return found


def _effects(made: Served, command: Command, record: Path) -> list[str]:
    command.before(made)
    record.write_text("")
    made.dies(Plan(record=str(record), threads=_ACTING), command.words)
    told = _settled(made, command, done=True)
    assert not told, f"{command.name}, though nobody was killed: {told}"
    clear(made)
    return record.read_text().splitlines()


def in_the_service(number: int, chance: random.Random, say: Callable[[str], None] = lambda _: None) -> Tally:
    """Kill the service ``number`` times in all, in the middle of every command."""
    whole = Tally()
    with TemporaryDirectory(prefix="oc-") as root, served(Path(root)) as made:
        for command in COMMANDS:
            tally = kill_service(made, command, -(-number // len(COMMANDS)), chance, Path(root) / "effects")
            whole.kills += tally.kills
            whole.missed += tally.missed
            for kill in tally.bad:
                say(str(kill))
    return whole
