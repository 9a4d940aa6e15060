"""A person does to a repository what people do, in any order, while agents commit: nothing is lost, all is told.

`make wild` plays longer; ORCHESTRA_TEST_WILD is the number of stories.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from orchestra.actions import registry
from orchestra.actions.maintenance import doctor
from orchestra.errors import OrchestraError
from orchestra.model import BoxState, Session
from orchestra.project import Project
from tests.support.local_sandbox import World

STORIES = int(os.environ.get("ORCHESTRA_TEST_WILD", "8"))
STEPS = 12
NAMES = ("alpha", "beta")


def usual(world: World) -> None:
    world.begin()


def behind_a_link(world: World) -> None:
    (world.place / "disk").mkdir()
    (world.place / "link").symlink_to(world.place / "disk")
    world.root = world.place / "link" / "app"
    world.begin()


def separate(world: World) -> None:
    world.root.mkdir()
    world.git("init", "-q", "--separate-git-dir", str(world.place / "elsewhere.git"))
    world.commit("begin", {"app.txt": "one\n"})


def bare_with_worktrees(world: World) -> None:
    world.begin()
    world.git("clone", "-q", "--bare", str(world.root), str(world.place / "bare" / ".bare"), at=world.place)
    shutil.rmtree(world.root)
    world.root = world.place / "bare" / "main"
    world.git("worktree", "add", "-q", "../main", "main", at=world.place / "bare" / ".bare")


def with_a_submodule(world: World) -> None:
    world.begin()
    world.git("clone", "-q", str(world.root), str(world.place / "lib"), at=world.place)
    world.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(world.place / "lib"), "vendor/lib")
    world.commit("a submodule", {})


LAYOUTS: tuple[Callable[[World], None], ...] = (usual, behind_a_link, separate, bare_with_worktrees, with_a_submodule)


class Wild(RuleBasedStateMachine):
    """The world, what agents have committed, and what lies uncommitted in their worktrees."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.place = Path(tempfile.mkdtemp(prefix="orchestra-wild-"))
        self.commits: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.count = 0

    def teardown(self) -> None:
        self.patch.undo()
        shutil.rmtree(self.place, ignore_errors=True)

    @initialize(layout=st.sampled_from(LAYOUTS))
    def begin(self, layout: Callable[[World], None]) -> None:
        self.world = World.make(self.place / "w", self.patch, init=layout)
        self.world.git("clone", "-q", "--bare", str(self.world.root), str(self.seed), at=self.place)
        self.spawn("alpha")

    # What is there.

    @property
    def seed(self) -> Path:
        return self.place / "seed.git"

    def live(self, name: str) -> Session | None:
        return self.world.project.store.sessions.find(name)

    def number(self) -> str:
        self.count += 1
        return str(self.count)

    def ask(self, action: str, **arguments: object) -> Any:  # noqa: ANN401 -- as the action's
        """Have an action done as the command line does; a refusal is an answer, and anything else a bug."""
        try:
            return registry.run(self.world.project, action, arguments)
        except OrchestraError as error:
            return error

    def tree(self, name: str) -> Path | None:
        """Return a live session's worktree where there is one with its files and git's record."""
        session = self.live(name)
        if session is None or not (session.worktree / ".git").is_file():
            return None
        return session.worktree if self.world.git("rev-parse", "HEAD", at=session.worktree, check=False) else None

    def person(self, name: str, *words: str) -> None:
        """Let the person run git in a session's worktree; git may refuse."""
        if (tree := self.tree(name)) is not None:
            self.world.git(*words, at=tree, check=False)

    # Agents, and the service.

    @rule(name=st.sampled_from(NAMES))
    def spawn(self, name: str) -> None:
        project = self.world.project
        taken = {one.branch for one in project.store.sessions.all(include_deleted=True)} | {
            *project.repository.branches()
        }
        free = project.store.sessions.find(name) is None and f"orchestra/{name}" not in taken
        if free and not os.path.lexists(project.paths.worktrees / name):
            self.world.spawn(name)

    @rule(name=st.sampled_from(NAMES))
    def an_agent_commits(self, name: str) -> None:
        project, session = self.world.project, self.live(name)
        box = project.box_name(session) if session else ""
        runs = self.world.sandbox(project).boxes.get(box) is BoxState.RUNNING
        if session is not None and runs and session.worktree.is_dir():
            with suppress(OrchestraError):  # a git whose objects went with the repository cannot commit
                self.commits[self.world.works(name, self.number())] = name

    @rule(name=st.sampled_from(NAMES))
    def an_agent_leaves_a_file(self, name: str) -> None:
        session = self.live(name)
        if session is not None and self.tree(name) is not None:
            (session.worktree / "wip.txt").write_text(text := self.number())
            self.files[name] = text

    @rule(name=st.sampled_from(NAMES))
    def the_watcher_imports(self, name: str) -> None:
        from orchestra.actions.session.branch_sync import import_commits  # noqa: PLC0415 -- as the watcher

        with suppress(OrchestraError):
            if (session := self.live(name)) is not None:
                import_commits(self.world.project, session)

    # Commands.

    @rule()
    def up(self) -> None:
        """After it a session's branch holds all that its agent has committed to it, or something is told."""
        from orchestra.actions.session.branch_sync import import_commits  # noqa: PLC0415 -- as the watcher

        troubled = {one["session"] for one in self.ask("reconcile")}
        project = self.world.project
        for session in project.store.sessions.all():
            running = self.world.sandbox(project).boxes.get(project.box_name(session)) is BoxState.RUNNING
            if session.trouble or session.name in troubled or not running:
                continue
            agreed = import_commits(project, session)
            now = project.store.sessions.get(session.name)
            assert agreed, (now, project.store.events.select(session.name))
            tip = self.world.git("rev-parse", f"refs/heads/{now.branch}")
            assert tip == self.world.agent(now.name, "rev-parse", f"refs/heads/{now.branch}")

    @rule(name=st.sampled_from(NAMES), action=st.sampled_from(("show", "log", "diff", "review", "inbox")))
    def looks(self, name: str, action: str) -> None:
        self.ask(action, name=name)

    @rule(name=st.sampled_from(NAMES))
    def merge(self, name: str) -> None:
        done = self.ask("merge", name=name)
        session = self.live(name)
        if isinstance(done, dict) and session is not None:
            tip = self.world.agent(name, "rev-parse", "HEAD")
            self.world.git("merge-base", "--is-ancestor", tip, done["into"])

    @rule(name=st.sampled_from(NAMES), force=st.booleans(), worktree=st.booleans())
    def delete(self, name: str, force: bool, worktree: bool) -> None:  # noqa: FBT001 -- hypothesis gives them by name
        self.ask("delete", name=name, force=force, remove_worktree=worktree)

    @rule(name=st.sampled_from(NAMES))
    def restore(self, name: str) -> None:
        self.ask("restore", name=name)

    @rule(name=st.sampled_from(NAMES))
    def stop(self, name: str) -> None:
        self.ask("stop", name=name)

    @rule(name=st.sampled_from(NAMES))
    def resume(self, name: str) -> None:
        self.ask("resume", name=name)

    @rule()
    def gc(self) -> None:
        self.patch.setattr("orchestra.actions.maintenance.gc.sweep", lambda _project: None)
        self.ask("gc", remove=True)

    # The person.

    @rule(name=st.sampled_from(NAMES))
    def renames_a_branch(self, name: str) -> None:
        if (session := self.live(name)) is not None:
            self.world.git("branch", "-m", session.branch, f"mine/{self.number()}", check=False)

    @rule(name=st.sampled_from(NAMES), flags=st.sampled_from([("-c", "own-{}"), ("--detach",), ("-",)]))
    def switches(self, name: str, flags: tuple[str, ...]) -> None:
        self.person(name, "switch", "-q", *(flag.format(self.number()) for flag in flags))

    @rule(name=st.sampled_from(NAMES))
    def switches_back(self, name: str) -> None:
        if (session := self.live(name)) is not None:
            self.person(name, "switch", "-q", session.branch)

    @rule(name=st.sampled_from(NAMES))
    def resets(self, name: str) -> None:
        self.person(name, "reset", "-q", "--hard", "HEAD~1")

    @rule(name=st.sampled_from(NAMES))
    def rebases(self, name: str) -> None:
        self.person(name, "rebase", "-q", "main")

    @rule(name=st.sampled_from(NAMES))
    def aborts_a_rebase(self, name: str) -> None:
        self.person(name, "rebase", "--abort")

    @rule(name=st.sampled_from(NAMES))
    def amends(self, name: str) -> None:
        self.person(name, "commit", "-q", "--amend", "--allow-empty", "-m", self.number())

    @rule(name=st.sampled_from(NAMES))
    def removes_a_worktree(self, name: str) -> None:
        if self.tree(name) is not None and (session := self.live(name)) is not None:
            self.world.git("worktree", "remove", "--force", str(session.worktree), check=False)
            if not session.worktree.exists():
                self.files.pop(name, None)

    @rule(name=st.sampled_from(NAMES))
    def removes_a_branch(self, name: str) -> None:
        if (session := self.live(name)) is not None:
            self.world.git("branch", "-q", "-D", session.branch, check=False)

    @rule(name=st.sampled_from(NAMES))
    def removes_a_ref(self, name: str) -> None:
        if (session := self.live(name)) is not None:
            self.world.git("update-ref", "-d", f"refs/heads/{session.branch}")

    @rule()
    def forgets_the_worktrees(self) -> None:
        common = Path(self.world.git("rev-parse", "--path-format=absolute", "--git-common-dir"))
        for name in NAMES:
            shutil.rmtree(common / "worktrees" / name, ignore_errors=True)

    @rule()
    def collects_garbage(self) -> None:
        self.world.git("worktree", "prune")
        self.world.git("reflog", "expire", "--expire-unreachable=now", "--all", check=False)
        self.world.git("gc", "-q", "--prune=now", check=False)

    @rule()
    def commits_on_main(self) -> None:
        self.world.commit("on main", {"app.txt": f"{self.number()}\n"})
        self.world.git("push", "-q", "--force", str(self.seed), "HEAD:refs/heads/main")

    @precondition(lambda self: (self.world.root / ".git").is_dir())
    @rule()
    def clones_anew(self) -> None:
        kept = self.in_private_gits()
        self.world.clone_anew(source=self.seed)
        # What was in the repository alone is gone with it.
        self.commits = {commit: name for commit, name in self.commits.items() if commit in kept}
        for name in [name for name in self.files if self.live(name) is None]:
            del self.files[name]

    @rule()
    def moves_the_project(self) -> None:
        self.world.root = self.world.root.rename(self.world.root.with_name(f"app-{self.number()}"))

    @rule(name=st.sampled_from(NAMES))
    def moves_a_worktree_and_back(self, name: str) -> None:
        if self.tree(name) is not None and (session := self.live(name)) is not None:
            away = self.place / f"away-{self.number()}"
            self.world.git("worktree", "move", str(session.worktree), str(away), check=False)
            self.the_watcher_imports(name)
            if away.exists():
                self.world.git("worktree", "move", str(away), str(session.worktree))

    # What holds after every step.

    @invariant()
    def every_command_answers(self) -> None:
        if not hasattr(self, "world"):
            return
        rows = self.ask("list")
        assert {row["name"] for row in rows} <= {*NAMES}
        assert [one for one in doctor.of_sessions(self.world.project) if not one.detail] == []

    @invariant()
    def no_commit_of_an_agent_is_lost(self) -> None:
        if not hasattr(self, "world"):
            return
        known = {*self.world.git("rev-list", "--all").split(), *self.in_private_gits()}
        missing = {name for commit, name in self.commits.items() if commit not in known}
        assert not missing, "commits that are nowhere"

    @invariant()
    def no_file_of_an_agent_is_lost(self) -> None:
        for name, text in self.files.items():
            assert text in set(self.seen_of(name)), f"wip.txt of {name} is nowhere"

    def seen_of(self, name: str) -> Iterator[str]:
        project = self.world.project
        for session in project.store.sessions.all(include_deleted=True):
            if session.name == name:
                with suppress(OSError):
                    yield (session.worktree / "wip.txt").read_text()
        for ref in self.world.git("for-each-ref", "--format=%(refname)", f"refs/orchestra/trash/{name}").split():
            yield self.world.git("show", f"{ref}:wip.txt", check=False)

    def in_private_gits(self) -> set[str]:
        project: Project = self.world.project
        objects = os.pathsep.join(map(str, project.repository.object_dirs))
        found: set[str] = set()
        for session in project.store.sessions.all(include_deleted=True):
            git = project.session_paths(session).git
            if (git / "HEAD").is_file():
                found |= set(self.private(git, objects))
        return found

    def private(self, git: Path, objects: str) -> Iterator[str]:
        """Yield the commits that a private git has of its own, reachable from its refs or its logs."""
        self.patch.setenv("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects)
        try:
            wanted = ("--git-dir", str(git), "rev-list", "--ignore-missing", "--all", "--reflog", "HEAD")
            yield from self.world.git(*wanted, at=self.place, check=False).split()
        finally:
            self.patch.delenv("GIT_ALTERNATE_OBJECT_DIRECTORIES")


@pytest.mark.timeout(3600)
def test_whatever_a_person_does_no_work_is_lost_and_every_command_answers() -> None:
    run_state_machine_as_test(
        Wild,
        settings=settings(
            max_examples=STORIES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize="ORCHESTRA_TEST_WILD" not in os.environ,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
