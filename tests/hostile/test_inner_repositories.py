"""Repositories inside a checkout: an agent writes their ``.git``, and the person types a plain ``git status``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestra.actions.session import paired_git
from orchestra.actions.work import refresh
from orchestra.drivers.git import commit_import, inner_repositories
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.sandbox.protocol import Mount
from orchestra.model import Role, SandboxKind, Session
from orchestra.names import PERSON
from tests.support.projects import HostProject, host_project
from tests.support.repositories import Yard

PERSONS = (
    ("status",),
    ("status", "--porcelain=v2", "--branch"),
    ("status", "--untracked-files=all", "--ignored"),
    ("diff",),
    ("diff", "HEAD"),
    ("diff", "--submodule=diff"),
    ("log", "-p", "-2"),
    ("add", "--all"),
    ("stash",),
    ("describe", "--dirty", "--always"),
    ("commit", "--quiet", "--allow-empty", "--all", "-m", "mine"),
    ("reset", "--quiet", "--hard"),
    ("switch", "--quiet", "-c", "another"),
    ("status",),
)
"""What a person, an editor or a shell prompt does."""


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    yard = Yard.make(tmp_path, monkeypatch)
    yard.configure("protocol.file.allow", "always")
    return yard


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


def with_submodule(yard: Yard, path: str = "vendor/lib") -> None:
    yard.git("init", "--quiet", "--bare", str(yard.place / "lib.git"))
    yard.git("push", "--quiet", str(yard.place / "lib.git"), "trunk")
    yard.git("submodule", "--quiet", "add", "-b", "trunk", str(yard.place / "lib.git"), path)
    yard.commit({}, "submodule")


def evil_repository(place: Path, canary: Path) -> None:
    """A repository as an agent makes it: its settings name a program."""
    program = canary.with_name("bite")
    program.write_text(f"#!/bin/sh\ntouch {canary}\n")
    program.chmod(0o755)
    place.mkdir(parents=True, exist_ok=True)
    made = ("-c", "user.name=e", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m", "e")
    settings = (("config", "core.fsmonitor", str(program)), ("config", "diff.external", str(program)))
    for words in (("init", "-q"), made, *settings):
        subprocess.run(("git", *words), cwd=place, check=True, capture_output=True)
    canary.unlink(missing_ok=True)


def bitten(tree: Path, canary: Path, *, without: str = "") -> list[tuple[str, ...]]:
    """Type all that a person does in a tree; returns what ran the agent's program."""
    found: list[tuple[str, ...]] = []
    for words in PERSONS:
        if words[0] == without:
            continue
        subprocess.run(("git", *words), cwd=tree, capture_output=True, check=False, timeout=60)
        if canary.exists():
            found.append(words)
            canary.unlink()
    return found


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("path", ["lib", "vendor/deep/lib"])
def test_an_executors_submodule_is_not_looked_into(yard: Yard, canary: Path, path: str, sparse: bool) -> None:  # noqa: FBT001 -- parametrized
    with_submodule(yard, path)
    tree = yard.worktree("agent")
    if sparse:
        yard.git("sparse-checkout", "set", "--skip-checks", "docs", path, at=tree)
    evil_repository(tree / path, canary)
    assert bitten(tree, canary) == []


def test_such_a_submodule_does_bite_where_git_looks(yard: Yard, canary: Path) -> None:
    with_submodule(yard)
    tree = yard.worktree("agent")
    yard.git("update-index", "--no-assume-unchanged", "vendor/lib", at=tree)
    evil_repository(tree / "vendor/lib", canary)
    assert ("status",) in bitten(tree, canary)


def test_a_submodule_that_the_agents_commit_moves_is_not_looked_into_either(yard: Yard, canary: Path) -> None:
    with_submodule(yard)
    tree, base = yard.worktree("agent"), yard.tip
    index = yard.place / "agent.index"
    git = yard.repository.git().at(index)
    git.run("read-tree", base)
    git.run("update-index", "--cacheinfo", f"160000,{base},vendor/lib")
    moved = yard.git("commit-tree", "-p", base, "-m", "moved", git.text("write-tree"))
    commit_import.advance(yard.repository, tree, "orchestra/agent", base, moved)
    assert yard.git("ls-files", "-s", "vendor/lib", at=tree).split()[1] == base
    evil_repository(tree / "vendor/lib", canary)
    assert bitten(tree, canary) == []


@pytest.mark.parametrize("where", ["new", "docs/new", "new/deep"])
def test_a_repository_that_an_agent_makes_elsewhere_is_not_looked_into(yard: Yard, canary: Path, where: str) -> None:
    """Until the person adds it, or goes there: DOCKER.md says so."""
    tree = yard.worktree("agent")
    evil_repository(tree / where, canary)
    assert bitten(tree, canary, without="add") == []


# --- the person's checkout, which designers and paired executors write -----------------------------

TRIES = (
    "echo 'gitdir: ../../evil/.git' > {path}/.git",
    "rm -f {path}/.git && cp -r evil/.git {path}/.git",
    "rm -rf {path}; cp -r evil {path}",
    "mv {path} away; cp -r evil {path}",
    "mv {path}/.git {path}/x; cp -r evil/.git {path}/.git",
    "ln -sfn ../evil/.git {path}/.git",
    "top={path}; top=${{top%%/*}}; mv $top away2; mkdir -p {path}; cp -r evil/. {path}",
    "cp -r evil/. {path}",
    "cat evil/.git/config >> {path}/.git/config",
    "umount {path}/.git {path}; cp -r evil/.git {path}/",
)
INTO_SUBMODULES = (
    ("submodule", "status", "--recursive"),
    ("grep", "--recurse-submodules", "e"),
    ("ls-files", "--recurse-submodules"),
    ("-c", "submodule.recurse=true", "diff", "--submodule=log"),
    ("submodule", "summary"),
    ("submodule", "foreach", "git status"),
)
"""What goes into a submodule by a person's own words, or by their settings."""


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostProject]:
    with host_project(monkeypatch) as found:
        yield found


def inhabited(project: HostProject) -> list[str]:
    """Give the checkout every kind of repository inside it; returns where the ``.git`` of each is."""
    lib, deep = project.place / "lib", project.place / "deep"
    allow = ("-c", "protocol.file.allow=always")
    for place in (deep, lib):
        project.git("init", "--quiet", str(place))
        project.commit(place, "code", "code\n")
    project.git(*allow, "submodule", "--quiet", "add", str(deep), "inner", cwd=lib)
    project.git("commit", "--quiet", "-m", "inner", cwd=lib)
    for name in ("vendor/lib", "lib", "empty/sub"):
        project.git(*allow, "submodule", "--quiet", "add", "--name", name, str(lib), name)
    project.git(*allow, "submodule", "--quiet", "update", "--init", "--recursive")
    own = project.source / "own"
    project.git("clone", "--quiet", str(deep), str(own))
    project.git("add", "own")
    project.git("commit", "--quiet", "-m", "submodules")
    project.git("submodule", "--quiet", "deinit", "--force", "empty/sub")
    project.git("worktree", "add", "--quiet", "trees/side")
    return ["vendor/lib", "vendor/lib/inner", "lib", "lib/inner", "empty/sub", "own", "trees/side"]


def session(project: HostProject, role: Role) -> Session:
    made = replace(project.spawn("paired"), sandbox=SandboxKind.DOCKER, paired=role is Role.EXECUTOR)
    return replace(made, role=role, worktree=project.source if role is Role.DESIGNER else made.worktree)


def test_every_repository_inside_a_checkout_is_found(project: HostProject) -> None:
    paths = inhabited(project)
    assert inner_repositories.inside(Repository.open(project.source)) == sorted(paths)


def test_what_an_agent_wrote_there_is_read_with_care(project: HostProject) -> None:
    inhabited(project)
    (project.source / "lib/.git").unlink()
    os.mkfifo(project.source / "lib/.git")
    (project.source / "vendor/lib/.git").write_text("gitdir: /etc\n")
    (project.source / "own/.git/index").write_bytes(b"DIRC\0\0\0\4\0\0\xff\xff\0\0\xe0\0")
    assert inner_repositories.inside(Repository.open(project.source)) == [
        "empty/sub", "lib", "own", "trees/side", "vendor/lib",
    ]  # fmt: skip


def add_submodule(project: HostProject) -> None:
    lib = project.place / "late"
    project.git("init", "--quiet", str(lib))
    project.commit(lib, "code", "code\n")
    project.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(lib), "vendor/late")
    project.git("commit", "--quiet", "-m", "late")


def test_a_submodule_that_the_person_merges_into_a_worktree_is_not_looked_into(project: HostProject) -> None:
    canary = project.place / "canary"
    one = project.spawn("one")
    add_submodule(project)
    project.git("merge", "--quiet", "main", cwd=one.worktree)
    refresh.refresh_diff(project.project, one)
    evil_repository(one.worktree / "vendor/late", canary)
    assert bitten(one.worktree, canary) == []


def test_hiding_what_is_hidden_starts_no_git(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    with_submodule(yard)
    tree, repository = yard.worktree("agent"), yard.repository
    monkeypatch.setenv("PATH", "")
    repository.hide_repositories(tree)


@pytest.mark.parametrize("role", [Role.DESIGNER, Role.EXECUTOR])
def test_a_submodule_that_comes_to_the_checkout_after_its_container_is_told_once(
    project: HostProject, role: Role
) -> None:
    inhabited(project)
    one = session(project, role)
    paired_git.note_covers(project.project, one)
    refresh.refresh_diff(project.project, one)
    add_submodule(project)
    for _ in range(2):
        refresh.refresh_diff(project.project, one)
    told = [
        text.text for text in project.project.store.messages.select(recipient=PERSON) if "git settings" in text.text
    ]
    assert len(told) == 1
    assert "vendor/late" in told[0]
    assert "own" not in told[0].split(" settings of ")[1].split(",")[0]
    assert f"orchestra resume {one.name}" in told[0]


def test_an_unpaired_executor_sees_its_own_submodules_covered_and_no_others(project: HostProject) -> None:
    inhabited(project)
    one = replace(session(project, Role.EXECUTOR), paired=False)
    covers = paired_git.inner_covers(project.project, one)
    shown = {os.path.relpath(mount.target, one.worktree): mount.read_only for mount in covers}
    assert shown == {"empty": False, "vendor": False, "empty/sub": True, "vendor/lib": True, "lib": True, "own": True}


def test_an_executor_that_started_from_a_lost_commit_can_still_be_looked_at(project: HostProject) -> None:
    one = replace(session(project, Role.EXECUTOR), paired=False, base="0123" * 10)
    assert paired_git.inner_covers(project.project, one) == ()


def in_container(tree: Path, image: str, mounts: Iterable[Mount], script: str) -> None:
    """Run a script where a container of that session would run it."""
    given = [
        f"type=bind,src={mount.source},dst={mount.target}" + (",readonly" if mount.read_only else "")
        for mount in sorted(mounts, key=lambda mount: len(Path(mount.target).parts))
    ]
    words = ["docker", "run", "--rm", "-i", "--cap-drop=ALL", "--network=none", f"--user={os.getuid()}:{os.getgid()}",
             f"--mount=type=bind,src={tree},dst={tree}", *(f"--mount={one}" for one in given),
             "-w", str(tree), image, "sh", "-s"]  # fmt: skip
    subprocess.run(words, input=script.encode(), check=False, capture_output=True, timeout=120)


def lazy(repository: Path, program: Path) -> None:
    """Let git fetch what a repository lacks, by a program that its settings name."""
    for name, value in (("repositoryformatversion", "1"), ("fsmonitor", str(program)), ("bare", "false")):
        subprocess.run(("git", "config", f"core.{name}", value), cwd=repository, check=True)
    for name, value in (("promisor", "true"), ("url", "."), ("uploadpack", str(program))):
        subprocess.run(("git", "config", f"remote.origin.{name}", value), cwd=repository, check=True)


def into_submodules(tree: Path, canary: Path) -> list[tuple[str, ...]]:
    """Type what goes into submodules; returns what ran the agent's program."""
    found: list[tuple[str, ...]] = []
    for words in INTO_SUBMODULES:
        subprocess.run(("git", *words), cwd=tree, capture_output=True, check=False, timeout=60)
        if canary.exists():
            found.append(words)
            canary.unlink()
    return found


@pytest.mark.docker
@pytest.mark.parametrize("covered", [True, False])
def test_no_git_goes_into_the_submodules_of_an_executor_s_worktree(
    project: HostProject,
    git_image: str,
    covered: bool,  # noqa: FBT001 -- parametrized
) -> None:
    inhabited(project)
    canary, one = project.place / "canary", replace(session(project, Role.EXECUTOR), paired=False)
    evil_repository(one.worktree / "evil", canary)
    lazy(one.worktree / "evil", canary.with_name("bite"))
    paired_git.prepare(project.project, one)
    mounts = paired_git.inner_covers(project.project, one) if covered else ()
    script = [f"({line.format(path=path)}) 2>/dev/null" for path in ("lib", "vendor/lib") for line in TRIES]
    in_container(one.worktree, git_image, mounts, "\n".join([*script, "touch vendor/worked"]))
    assert (one.worktree / "vendor/worked").exists()
    assert bool(into_submodules(one.worktree, canary)) is not covered


@pytest.mark.docker
@pytest.mark.parametrize("role", [Role.DESIGNER, Role.EXECUTOR])
def test_no_git_of_a_repository_inside_the_checkout_can_be_replaced(
    project: HostProject, role: Role, git_image: str
) -> None:
    paths, canary = inhabited(project), project.place / "canary"
    evil_repository(project.source / "evil", canary)
    one = session(project, role)
    paired_git.prepare(project.project, one)
    mounts = paired_git.inner_covers(project.project, one)
    script = "\n".join(f"({line.format(path=path)}) 2>/dev/null" for path in paths for line in TRIES)
    in_container(project.source, git_image, mounts, f"{script}\nrm -rf evil; touch vendor/worked\n")
    assert (project.source / "vendor/worked").exists()
    for place in (project.source, project.source / "trees/side"):
        # What an agent made anew counts once the person adds it.
        assert bitten(place, canary, without="add") == []
