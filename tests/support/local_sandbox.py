"""A project whose agents have a git directory of their own, as in containers, and no engine: quick, and real git."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestra.actions.session import choose_sandbox, container_spec, provision, steps
from orchestra.drivers import process
from orchestra.drivers.git import command
from orchestra.drivers.process import Completed
from orchestra.drivers.sandbox.host import HostSandbox
from orchestra.drivers.sandbox.protocol import STOP_GRACE, Box, name_of
from orchestra.model import BoxSight, BoxState, Intent, Role, SandboxKind, Session
from orchestra.paths import Home
from orchestra.project import Project, locate

PERSON = "[user]\n\tname = Ada\n\temail = ada@example.invalid\n[init]\n\tdefaultBranch = main\n"
_IMAGE = "none"
_PORT = 9
"""Where nobody listens."""


class LocalSandbox(HostSandbox):
    """Stands in for containers: each has its private git and its worktree, and is a row in a table."""

    kind = SandboxKind.DOCKER

    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self._place = state
        self.boxes: dict[str, BoxState] = {}
        self._made: dict[str, Box] = {}

    def create(self, box: Box) -> None:
        self._made[box.name] = box
        self.boxes.setdefault(box.name, BoxState.CREATED)

    def start(self, name: str) -> None:
        self.boxes[name] = BoxState.RUNNING

    def look(self, box: Box | str) -> BoxSight:
        return BoxSight(self.boxes.get(name_of(box), BoxState.ABSENT))

    def look_all(self) -> dict[str, BoxSight]:
        return {name: BoxSight(state) for name, state in self.boxes.items()}

    def made_for(self, project: str) -> dict[str, bool]:
        del project
        return dict.fromkeys(self.boxes, False)

    def stop(self, name: str, *, grace: float = STOP_GRACE) -> bool:
        del grace
        running = self.boxes.get(name) is BoxState.RUNNING
        if name in self.boxes:
            self.boxes[name] = BoxState.EXITED
        return running

    def remove(self, name: str) -> None:
        self.boxes.pop(name, None)

    def upload_pack(self, box: Box, git_dir: str) -> tuple[str, ...]:
        objects = ":".join(str(mount.source) for mount in box.mounts if mount.target.startswith("/orchestra/objects"))
        return ("env", f"GIT_ALTERNATE_OBJECT_DIRECTORIES={objects}", "git-upload-pack", git_dir)

    def execute(
        self, box: Box, args: Sequence[str], *, stdin: bytes = b"", deadline: float = 30.0, check: bool = True
    ) -> Completed:
        made = self._made[box.name]
        mounted = {mount.target: mount.source for mount in made.mounts}
        private = next(
            Path(target) for target, source in mounted.items() if str(source) == target and source.name == "git"
        )
        return process.run(
            args, cwd=box.workdir, env=inside(made, private), stdin=stdin, deadline=deadline, check=check
        )

    def run_once(self, box: Box, args: Sequence[str], *, deadline: float) -> Completed:
        here = list(args)
        for mount in box.mounts:
            here = [word.replace(mount.target, str(mount.source)) for word in here]
        return process.run(
            here, cwd=self._place, env=command.environment({"HOME": str(self._place)}), deadline=deadline, check=False
        )


def inside(box: Box, private: Path) -> dict[str, str]:
    objects = [str(mount.source) for mount in box.mounts if mount.target.startswith("/orchestra/objects")]
    pinned = {"GIT_DIR": str(private), "GIT_WORK_TREE": str(box.workdir)}
    return command.environment({**pinned, "GIT_ALTERNATE_OBJECT_DIRECTORIES": ":".join(objects)})


@dataclass(frozen=True)
class Desk:
    """Where a session's agent works: its worktree, and the environment in which git is its own."""

    worktree: Path
    env: dict[str, str]

    def git(self, *words: str) -> str:
        return process.run(("git", *words), cwd=self.worktree, env=self.env).text.strip()


@dataclass
class World:
    """A person's machine: a home for Orchestra, repositories below ``place``, and what agents and the person do."""

    place: Path
    root: Path
    sandboxes: dict[str, LocalSandbox] = field(default_factory=dict)

    @classmethod
    def make(
        cls, place: Path, monkeypatch: pytest.MonkeyPatch, *, init: Callable[[World], None] | None = None
    ) -> World:
        for name in [name for name in os.environ if name.startswith(("GIT_", "ORCHESTRA_", "XDG_", "TMUX"))]:
            monkeypatch.delenv(name)
        home = place / "person"
        home.mkdir(parents=True)
        (home / ".gitconfig").write_text(PERSON)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("ORCHESTRA_HOME", str(place / "kept"))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
        monkeypatch.setattr(steps, "build_image", lambda *_args, **_words: _IMAGE)
        monkeypatch.setattr(choose_sandbox, "_require_engine", lambda: None)
        (place / "kept" / "agents").mkdir(parents=True)
        (place / "kept" / "agents" / "quiet.yaml").write_text("family: plain\ncommand: [sleep, '600']\n")
        (place / "kept" / "config.yaml").write_text("agent: quiet\n")
        world = cls(place, place / "app")
        (init or World.begin)(world)
        return world

    def begin(self) -> None:
        """Make the usual repository."""
        self.root.mkdir()
        self.git("init", "-q")
        self.commit("begin", {"app.txt": "one\ntwo\nthree\n", "docs/guide.md": "# Guide\n"})

    def git(self, *words: str, at: Path | None = None, check: bool = True, strip: bool = True) -> str:
        """Run git as the person does."""
        done = subprocess.run(("git", *words), cwd=at or self.root, capture_output=True, check=False, timeout=60)
        assert not check or done.returncode == 0, (words, done.stderr)
        text = done.stdout.decode("utf-8", "surrogateescape")
        return text.strip() if strip else text

    def commit(self, message: str, files: dict[str, str], at: Path | None = None) -> str:
        """Commit files as the person does, in their checkout or another one."""
        for name, text in files.items():
            target = (at or self.root) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        self.git("add", "-A", at=at)
        self.git("commit", "-q", "--allow-empty", "-m", message, at=at)
        return self.git("rev-parse", "HEAD", at=at)

    @property
    def project(self) -> Project:
        """Open the project as every command does."""
        from orchestra.actions.workspace.relocate import relocate  # noqa: PLC0415 -- as the command line

        paths = locate(self.root, Home(self.place / "kept"))
        project = Project(relocate(paths) if paths.moved_from else paths)
        sandbox = self.sandboxes.setdefault(str(paths.state), LocalSandbox(paths.state))
        project._sandboxes[SandboxKind.DOCKER] = sandbox  # noqa: SLF001 -- no engine is asked here
        if project.store.workspace.get().service_port != _PORT:
            project.store.workspace.update(service_port=_PORT)
        return project

    def spawn(self, name: str, *, sandbox: SandboxKind = SandboxKind.DOCKER) -> Session:
        """Make an executor whose agent is at work."""
        project = self.project
        head, branch = project.repository.head()
        session = project.store.sessions.add(
            name=name,
            title=name,
            role=Role.EXECUTOR,
            agent="quiet",
            sandbox=sandbox,
            branch=f"orchestra/{name}",
            base=head,
            base_branch=branch,
            worktree=project.paths.worktrees / name,
            parent="main",
            head=head,
            image=_IMAGE if sandbox is SandboxKind.DOCKER else "",
            intent=Intent.RUN if sandbox is SandboxKind.DOCKER else Intent.STOP,
        )
        keep = f"refs/orchestra/base/{name}"
        project.repository.add_worktree(session.worktree, session.branch, head, keep=keep)
        provision.prepare_directories(project, session)
        if sandbox is SandboxKind.DOCKER:
            provision.private_git(project, session)
            self.sandbox(project).create(container_spec.box_for(project, session, image=_IMAGE))
            self.sandbox(project).start(project.box_name(session))
        return project.store.sessions.get(name)

    def sandbox(self, project: Project) -> LocalSandbox:
        """Return what stands in for the project's containers."""
        return self.sandboxes[str(project.paths.state)]

    def agent(self, name: str, *words: str) -> str:
        """Run git as a session's agent does: in its own git directory."""
        project = self.project
        session = project.store.sessions.get(name)
        if session.sandbox is SandboxKind.HOST:
            return self.git(*words, at=session.worktree)
        return self.desk(project, session).git(*words)

    def desk(self, project: Project, session: Session) -> Desk:
        """Return where an agent in a container works."""
        box = container_spec.box_for(project, session, image=_IMAGE)
        return Desk(session.worktree, inside(box, project.session_paths(session).git))

    def works(self, name: str, text: str = "") -> str:
        """Let a session's agent change a file and commit it; return the commit, which nobody has imported yet."""
        worktree = self.project.store.sessions.get(name).worktree
        with (worktree / f"{name}.txt").open("a") as file:
            file.write(f"{text or 'more'}\n")
        self.agent(name, "add", "-A")
        self.agent(name, "commit", "-q", "-m", f"{name} {text or 'works'}")
        return self.agent(name, "rev-parse", "HEAD")

    def clone_anew(self, *, source: Path) -> None:
        """Remove the repository and clone it at the same path."""
        shutil.rmtree(self.root)
        self.git("clone", "-q", str(source), str(self.root), at=self.place)

    def refs_with(self, commit: str) -> list[str]:
        """Return every ref of the repository that leads to a commit."""
        return self.git("for-each-ref", "--format=%(refname)", "--contains", commit, check=False).split()
