"""Traps that an agent can set in its worktree for the host's git, and a canary that tells when one was sprung."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.repositories import Yard

HOOKS = (
    "applypatch-msg pre-applypatch post-applypatch pre-commit pre-merge-commit prepare-commit-msg commit-msg "
    "post-commit pre-rebase post-checkout post-merge pre-push pre-receive update proc-receive post-receive "
    "post-update reference-transaction push-to-checkout pre-auto-gc post-rewrite sendemail-validate "
    "fsmonitor-watchman post-index-change"
)


@dataclass(frozen=True)
class Scene:
    """A worktree that an agent has worked in, and a canary that dies when anything the agent chose is run."""

    yard: Yard
    tree: Path
    base: str

    @property
    def canary(self) -> Path:
        return self.yard.place / "canary"

    @property
    def bite(self) -> str:
        """A shell command that kills the canary, and otherwise does what a filter, driver or hook is to do."""
        return f"touch {self.canary}; cat 2>/dev/null; true"

    @property
    def program(self) -> Path:
        """The same as a program."""
        place = self.yard.place / "bite"
        place.write_text(f"#!/bin/sh\n{self.bite}\n")
        place.chmod(0o755)
        return place

    def hooks(self, place: Path) -> None:
        place.mkdir(parents=True, exist_ok=True)
        for name in HOOKS.split():
            shutil.copy(self.program, place / name)

    def evil_settings(self) -> str:
        keys = "clean smudge process textconv command driver"
        lines = [f"[core]\n\tfsmonitor = {self.program}\n\thooksPath = {self.yard.place / 'evil-hooks'}"]
        lines += [f"\tpager = {self.program}\n\teditor = {self.program}\n\tsshCommand = {self.program}"]
        lines += [f"[diff]\n\texternal = {self.program}", "[include]\n\tpath = evil"]
        for kind in ("filter", "diff", "merge"):
            lines += [f'[{kind} "evil"]'] + [f"\t{key} = {self.program}" for key in keys.split()]
        return "\n".join([*lines, "[core]", "\trepositoryformatversion = 0", ""])

    def evil_git_directory(self, place: Path) -> Path:
        """A whole git directory written by the agent, with every trap at once."""
        subprocess.run(("git", "clone", "--quiet", "--bare", str(self.yard.root), str(place)), check=True)
        self.hooks(self.yard.place / "evil-hooks")
        self.hooks(place / "hooks")
        (place / "info").mkdir(exist_ok=True)
        (place / "info/attributes").write_text("* filter=evil diff=evil merge=evil\n")
        (place / "config").write_text(self.evil_settings())
        (place / "config.worktree").write_text(self.evil_settings())
        (place / "index").unlink(missing_ok=True)
        subprocess.run(("git", "--git-dir", str(place), "read-tree", self.base), check=True, capture_output=True)
        self.canary.unlink(missing_ok=True)
        return place


def pointer_to_a_directory(scene: Scene) -> None:
    (scene.tree / ".git").unlink()
    scene.evil_git_directory(scene.tree / ".git")


def pointer_to_another_place(scene: Scene) -> None:
    evil = scene.evil_git_directory(scene.tree / "evil.git")
    (scene.tree / ".git").write_text(f"gitdir: {evil}\n")


def pointer_made_a_symlink(scene: Scene) -> None:
    evil = scene.evil_git_directory(scene.tree / "evil.git")
    (scene.tree / ".git").unlink()
    (scene.tree / ".git").symlink_to(evil)


def pointer_to_a_common_directory_of_the_agents(scene: Scene) -> None:
    evil = scene.evil_git_directory(scene.tree / "evil.git")
    own = scene.tree / "own"
    own.mkdir()
    (own / "commondir").write_text(f"{evil}\n")
    (own / "HEAD").write_text(f"{scene.base}\n")
    shutil.copy(evil / "index", own / "index")
    (own / "config.worktree").write_text(scene.evil_settings())
    (scene.tree / ".git").write_text(f"gitdir: {own}\n")


def pointer_removed_and_a_bare_repository_in_its_place(scene: Scene) -> None:
    (scene.tree / ".git").unlink()
    evil = scene.evil_git_directory(scene.yard.place / "evil.git")
    shutil.copytree(evil, scene.tree, dirs_exist_ok=True)


def nested_repository(scene: Scene) -> None:
    evil = scene.evil_git_directory(scene.yard.place / "evil.git")
    nested = scene.tree / "nested"
    nested.mkdir()
    shutil.move(evil, nested / ".git")
    (nested / "app.py").write_text("changed\n")
    (nested / ".gitattributes").write_text("* filter=evil diff=evil\n")


def gitlink(scene: Scene) -> None:
    """A nested repository that the branch and the host's own index name as a submodule."""
    nested_repository(scene)
    entry = f"160000 {scene.base}\tnested\0"
    done = subprocess.run(
        ("git", "update-index", "-z", "--index-info"), cwd=scene.tree, input=entry.encode(), check=True
    )
    assert done.returncode == 0
    (scene.tree / ".gitmodules").write_text('[submodule "nested"]\n\tpath = nested\n\turl = ./x\n\tignore = none\n')
    (scene.tree / "nested/app.py").write_text("changed again\n")


def attributes_that_name_programs_of_the_persons(scene: Scene) -> None:
    for part in ("clean", "smudge", "process"):
        scene.yard.configure(f"filter.evil.{part}", str(scene.program))
    scene.yard.configure("filter.evil.required", "true")
    for part in ("textconv", "command"):
        scene.yard.configure(f"diff.evil.{part}", str(scene.program))
    scene.yard.configure("merge.evil.driver", f"{scene.program} %A")
    scene.yard.configure("merge.default", "evil")
    scene.yard.configure("diff.external", str(scene.program))
    (scene.tree / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    os.utime(scene.tree / "run.sh", (1, 1))


def monitor_and_pager_of_the_persons(scene: Scene) -> None:
    scene.yard.configure("core.fsmonitor", str(scene.program))
    scene.yard.configure("core.pager", str(scene.program))
    scene.yard.configure("pager.diff", str(scene.program))
    scene.yard.configure("commit.gpgSign", "true")
    scene.yard.configure("gpg.program", str(scene.program))


def tracked_hooks_directory(scene: Scene) -> None:
    scene.yard.configure("core.hooksPath", ".githooks")
    scene.hooks(scene.tree / ".githooks")
    scene.hooks(scene.yard.root / ".githooks")
    (scene.yard.root / ".git/info/exclude").write_text("/.githooks/\n")


TRAPS = (
    pointer_to_a_directory,
    pointer_to_another_place,
    pointer_made_a_symlink,
    pointer_to_a_common_directory_of_the_agents,
    pointer_removed_and_a_bare_repository_in_its_place,
    nested_repository,
    gitlink,
    attributes_that_name_programs_of_the_persons,
    monitor_and_pager_of_the_persons,
    tracked_hooks_directory,
)
Trap = Callable[[Scene], None]
