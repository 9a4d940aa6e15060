"""Executors, the person and the queue do what they do, in any order, cut off anywhere: main is never red."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from orchestra.actions.landing.merge import merge
from orchestra.actions.landing.move import finish_landings
from orchestra.actions.landing.process import process
from orchestra.actions.landing.queue import withdraw
from orchestra.actions.landing.undo import undo
from orchestra.actions.messaging.messages import send
from orchestra.actions.work import checks, refresh
from orchestra.errors import OrchestraError
from orchestra.merge_queue import WAITING
from orchestra.model import EntryState
from orchestra.names import PERSON
from orchestra.project import Project
from tests.chaos import faults
from tests.chaos.faults import Plan
from tests.support.local_sandbox import World

STEPS = 10
NAMES = ("alpha", "beta")
FILES = ("app.txt", "docs/guide.md", "new.txt", "docs/more.md", "new.txt/inside")
"""Paths that meet: what is a file for one may be a directory for another."""
RED = "broken"
CHECK = f"! grep -rqs {RED} . --exclude-dir=.git"
DONE, BUG, REFUSED = range(3)
"""How a process that was not killed ends."""
KINDS = {"merged": "landings", "undone": "undos", "conflict": "conflicts", checks.FAILED: "red checks"}
"""What is counted, by the kind of event that tells of it."""
names = st.sampled_from(NAMES)
files = st.sampled_from(FILES)
words = st.sampled_from(("fine", "fine", "good", RED))
LIVES = Plan()
"""An action that is not cut off."""
LANDING = "mkdir orchestra-landing"
"""The effect with which the branch and its checkout begin to change; with what follows there are about eighty."""
anywhere = st.builds(Plan, at=st.integers(1, 400))
"""An import has about a hundred effects, and a whole merge four hundred."""
moved = st.integers(25, 40)
"""Those around which the branch has moved and its checkout has not."""
amid_landing = st.builds(Plan, at=st.one_of(st.integers(1, 80), moved), since=st.just(LANDING))
plans = st.one_of(st.just(LIVES), anywhere, amid_landing)
"""Where an action dies."""


class Ground:
    """A world with two executors, made once and laid out anew, at the same place, for each history."""

    def __init__(self, place: Path, patch: pytest.MonkeyPatch) -> None:
        self._template = place / "template"
        self._world = World.make(place / "w", patch)
        with (self._world.place / "kept" / "config.yaml").open("a") as config:
            config.write(f"check: '{CHECK}'\nchecks_at_once: 2\n")
        with (self._world.place / "person" / ".gitconfig").open("a") as config:
            # Nothing happens after a commit, and nothing is waited for that only a failing machine would lose.
            config.write("[maintenance]\n\tauto = false\n[core]\n\tfsync = none\n")
        shutil.rmtree(self._world.root / ".git" / "hooks")
        sessions = [self._world.spawn(name) for name in NAMES]
        with closing_project(self._world) as project:
            self.desks = {session.name: self._world.desk(project, session) for session in sessions}
        shutil.copytree(self._world.place, self._template, symlinks=True)

    def anew(self) -> World:
        """Return the world as it was at first."""
        shutil.rmtree(self._world.place)
        shutil.copytree(self._template, self._world.place, symlinks=True)
        return self._world


class Landings(RuleBasedStateMachine):
    """A branch, two executors whose work meets, and what has to be found again."""

    ground: ClassVar[Ground]
    tally: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.world = self.ground.anew()
        self.desks = self.ground.desks
        self.commits: set[str] = set()
        self.green: set[str] = set()
        self.seen = ""
        self.mine: dict[str, str] = {}
        self.new: set[str] = set()
        self.count = 0
        self.begun = self.landing = False

    @initialize(batch=st.sampled_from((1, 3)))
    def begin(self, batch: int) -> None:
        with (self.world.place / "kept" / "config.yaml").open("a") as config:
            config.write(f"merge_batch: {batch}\n")
        with closing_project(self.world) as project:
            project.repository.settings()  # listed here, so that not every process lists them
        self.begun = True

    def teardown(self) -> None:
        if self.begun:
            self.judge()

    # What executors do.

    @rule(name=names, file=files, word=words)
    def write(self, name: str, file: str, word: str) -> None:
        self.put(name, file, word)

    def put(self, name: str, file: str, word: str) -> None:
        self.count += 1
        target = self.desks[name].worktree / file
        make_room(target)
        target.write_text(f"{word} {self.count}\n")
        self.commit(name)

    @rule(name=names, file=files, how=st.sampled_from(("delete", "move", "mode", "link")))
    def rearrange(self, name: str, file: str, how: str) -> None:
        target = self.desks[name].worktree / file
        if not target.is_file() or target.is_symlink():
            return
        self.count += 1
        if how == "mode":
            target.chmod(0o755)
        elif how == "move":
            target.rename(target.with_name(f"moved-{self.count}.txt"))
        else:
            target.unlink()
            if how == "link":
                target.symlink_to("elsewhere")
        self.commit(name)

    def commit(self, name: str) -> None:
        desk = self.desks[name]
        desk.git("add", "-A")
        desk.git("commit", "-q", "--allow-empty", "-m", f"{name} {self.count}")
        self.commits.add(tip(Path(desk.env["GIT_DIR"]), f"orchestra/{name}"))
        self.new.add(name)

    @rule(name=names)
    def complete(self, name: str) -> None:
        with closing_project(self.world) as project:
            send(project, sender=name, recipient=PERSON, text="COMPLETE: done")

    # What the person does.

    @rule(file=files, staged=st.booleans())
    def change(self, file: str, staged: bool) -> None:  # noqa: FBT001 -- one of two cases
        self.count += 1
        target = self.world.root / file
        if target.is_symlink() or target.is_dir() or not target.parent.is_dir():
            return
        target.write_text(f"mine {self.count}\n")
        self.mine[file] = target.read_text()
        if staged:
            self.world.git("add", "--", file)

    @rule()
    def save(self) -> None:
        self.world.git("add", "-A")
        self.world.git("commit", "-q", "--allow-empty", "-m", "mine")
        self.commits.add(tip(self.world.root / ".git", "main"))
        self.mine.clear()

    @rule(how=st.sampled_from(("gc --quiet --prune=now", "prune --expire=now", "pack-refs --all")))
    def tidy(self, how: str) -> None:
        self.world.git(*how.split(), check=False)

    @rule(name=names, strategy=st.sampled_from(("merge", "squash", "rebase")), file=files, word=words)
    def queue(self, name: str, strategy: str, file: str, word: str) -> None:
        self.have_new(name, file, word)
        self.do(lambda project: merge(project, name, strategy=strategy, wait=False), LIVES)

    @rule(name=names, plan=plans, file=files, word=words)
    def merge(self, name: str, plan: Plan, file: str, word: str) -> None:
        self.have_new(name, file, word)
        self.do(lambda project: merge(project, name), plan)

    @rule(plan=plans)
    def work(self, plan: Plan) -> None:
        self.do(lambda project: process(project, "main"), plan)

    @rule(plan=plans, file=files, word=words)
    def both(self, plan: Plan, file: str, word: str) -> None:
        for name in NAMES:
            self.have_new(name, file, word)
        one = self.start(lambda project: merge(project, NAMES[0]), plan)
        other = self.start(lambda project: merge(project, NAMES[1]), LIVES)
        for child in (one, other):
            self.end(child)

    @rule(plan=plans, name=names, file=files)
    def undo(self, plan: Plan, name: str, file: str) -> None:
        if not self.landing:
            self.merge(name, LIVES, file, "fine")
        self.do(undo, plan)

    @rule(name=names)
    def withdraw(self, name: str) -> None:
        self.do(lambda project: withdraw(project, name), LIVES)

    def have_new(self, name: str, file: str, word: str) -> None:
        """Let an executor have something that is not merged yet."""
        if name not in self.new:
            self.put(name, file, word)
        self.new.discard(name)
        self.landing = True

    # How it is done: in a process that may die.

    def do(self, act: Callable[[Project], object], plan: Plan) -> None:
        self.end(self.start(act, plan))

    def start(self, act: Callable[[Project], object], plan: Plan) -> int:
        self.tally["actions"] += 1
        child = os.fork()
        if child:
            return child
        gc.disable()  # A collection would touch, and so copy, all that the parent has.
        code = BUG
        try:
            faults.arm(plan)
            code = REFUSED
            with suppress(OrchestraError):
                act(self.world.project)
                code = DONE
        except BaseException:
            code = BUG
            raise
        finally:
            os._exit(code)

    def end(self, child: int) -> None:
        _, status = os.waitpid(child, 0)
        ended = os.waitstatus_to_exitcode(status)
        assert ended in {DONE, REFUSED, -signal.SIGKILL}, "an action ended with a bug"
        if ended == -signal.SIGKILL:
            self.tally["kills"] += 1
        with closing_project(self.world) as project:
            for path in sorted(self.world.root.joinpath(".git").glob("*.lock")):
                path.unlink()
            with suppress(OrchestraError):
                finish_landings(project)
        self.never_red()
        self.person_keeps_theirs()

    # What has to be true.

    def never_red(self) -> None:
        """Look at the tree of every commit that was not looked at before; a commit's tree does not change."""
        main = self.world.root / ".git" / "refs" / "heads" / "main"
        if main.exists() and main.read_text().strip() == self.seen:
            return
        found = self.world.git("rev-list", "--first-parent", "main").split()
        self.seen = found[0]
        if fresh := sorted(set(found) - self.green):
            assert not self.world.git("grep", "-l", RED, *fresh, "--", check=False), "main is red"
            self.green.update(fresh)

    def person_keeps_theirs(self) -> None:
        for file, text in self.mine.items():
            assert (self.world.root / file).read_text() == text, f"{file} was the person's"
        listing = self.world.git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", strip=False)
        assert {item[3:] for item in listing.split("\0")[:-1]} <= set(self.mine), "the checkout shows what nobody did"

    def judge(self) -> None:
        with closing_project(self.world) as project:
            for name in NAMES:
                refresh.import_commits(project, project.store.sessions.get(name))
            assert project.store.workspace.get().landing is None
            self.judge_queue(project)
            self.tell(project)
        kept = set(self.world.git("rev-list", "--all").split())
        assert self.commits <= kept, "a commit was lost"
        assert self.world.git("fsck", "--full", "--no-dangling", "--no-progress") == ""
        self.never_red()

    def judge_queue(self, project: Project) -> None:
        queue = project.store.queue
        assert not [entry for entry in queue.open() if entry.commit and entry.state in WAITING]
        landed = queue.landed(1000)
        assert {entry.state for entry in landed} <= {EntryState.LANDED}
        in_main = set(self.world.git("rev-list", "main").split())
        assert {entry.commit for entry in landed} <= in_main, "what has landed is not in main"

    def tell(self, project: Project) -> None:
        self.tally["histories"] += 1
        self.tally.update(KINDS[event.kind] for event in project.store.events.select(limit=1000) if event.kind in KINDS)


def make_room(target: Path) -> None:
    """Remove what keeps a file from being where it is to be."""
    if target.is_dir():
        shutil.rmtree(target)
    if target.parent.is_symlink() or target.parent.is_file():
        target.parent.unlink()
    target.parent.mkdir(exist_ok=True)


def tip(git_dir: Path, branch: str) -> str:
    """Return the commit of a branch that was just committed to."""
    return (git_dir / "refs" / "heads" / branch).read_text().strip()


@contextmanager
def closing_project(world: World) -> Iterator[Project]:
    """Open the project, and close it, so that no connection is open in a process that is forked."""
    project = world.project
    try:
        yield project
    finally:
        project.store.close()


@contextmanager
def playground() -> Iterator[type[Landings]]:
    """Yield histories on a ground of their own, in memory where that can be: what is killed is not the machine."""
    memory = Path("/dev/shm")
    where = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where, prefix="histories-") as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Landings, "ground", Ground(Path(place), patch), raising=False)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setattr(Landings, "tally", Counter())
        yield Landings


def play(number: int, chance: str = "") -> Counter[str]:
    """Play a number of histories and return what was done in them; the same ones for the same ``chance``."""
    with playground() as histories:
        run_state_machine_as_test(
            seed(chance)(histories) if chance else histories,
            settings=settings(
                max_examples=number,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                # A history has few steps, and making it shorter takes longer than reading it.
                phases=(Phase.explicit, Phase.generate),
            ),
        )
        return histories.tally
