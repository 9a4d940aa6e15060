"""The person's repository: its properties, its refs, and the worktrees of sessions."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from orchestra import safe_files
from orchestra.drivers.git import find_repository, head_file, listed_settings
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.inner_repositories import hide
from orchestra.drivers.process import Completed, failure
from orchestra.drivers.shared_looks import SharedLooks
from orchestra.errors import CommandFailed, Moved, NameTaken, NotFound, OrchestraError, Refused

REMOVED = ".removed"
"""The suffix of the names of worktrees that are being removed."""
_MOVED = ("but expected", "reference already exists", "unable to resolve reference")
_HALF_WRITTEN = re.compile(r"failed to read \S+/worktrees/[^/]+/commondir")
_TRIES, _PAUSE = 40, 0.05
"""How often that is repeated, and the seconds between two attempts."""
_T = TypeVar("_T")
_FILTER_PARTS = ("clean", "smudge", "process")
_looks: SharedLooks[Completed] = SharedLooks()


@dataclass(frozen=True, slots=True)
class Worktree:
    """One checkout that git has a record of; ``half_made`` if git was killed while filling it."""

    path: Path
    branch: str
    head: str
    half_made: bool = False


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository, seen from one checkout of it.

    ``root`` is the top of the person's checkout, ``git_dir`` that checkout's own git directory,
    ``common_dir`` the one that all checkouts share. ``object_dirs`` are the object directories: the
    repository's own first, then every alternate, all absolute. ``scratch`` is the directory for
    temporary directories.
    """

    root: Path
    git_dir: Path
    common_dir: Path
    object_dirs: tuple[Path, ...]
    object_format: str
    scratch: Path | None = None

    @classmethod
    def open(cls, start: Path, scratch: Path | None = None) -> Repository:
        """Find the repository around ``start``; raises NotARepository if sessions cannot work on it."""
        found = find_repository.find(start)
        return cls(
            root=found.root,
            git_dir=found.git_dir,
            common_dir=found.common_dir,
            object_dirs=find_repository.object_dirs(found.common_dir / "objects"),
            object_format=found.object_format,
            scratch=scratch,
        )

    def git(self, *, work_tree: bool = False) -> Git:
        """Return git pinned to this checkout; with ``work_tree`` it also sees the files, without filters."""
        if not work_tree:
            return Git(self.git_dir)
        return Git(self.git_dir, work_tree=self.root, settings=self.without_filters())

    def worktree_git(self, path: Path) -> Git:
        """Return git pinned to the worktree at ``path`` (or this checkout) by the host's own records; raises NotFound.

        The ``.git`` inside ``path`` is never read: an agent may have written it.
        """
        return Git(self.record(path), work_tree=path, settings=self.without_filters())

    def record(self, path: Path) -> Path:
        """Return the git directory that the host keeps for the worktree at ``path``; raises NotFound."""
        if real_path(path) == self.root:
            return self.git_dir
        wanted = os.fspath(real_path(path) / ".git")
        if wanted == os.fspath(self.common_dir):
            return self.common_dir
        for file in sorted((self.common_dir / "worktrees").glob("*/gitdir")):
            text = file.read_text(encoding="utf-8", errors="surrogateescape").removesuffix("\n")
            # Since git 2.48 the record may be relative to its own directory (worktree.useRelativePaths).
            if os.path.normpath(file.parent / text) == wanted:
                return file.parent
        if self.git_dir != self.common_dir and self._listed(self.common_dir) == real_path(path):
            return self.common_dir
        raise NotFound(f"git has no worktree at {path}", hint="to see its worktrees: git worktree list")

    def worktrees(self) -> dict[Path, Worktree]:
        """Return every checkout that git has a record of, including this one, by path; a bare repository is none."""
        worktrees: dict[Path, Worktree] = {}
        listing = _beside_others(lambda: self.git().run("worktree", "list", "--porcelain", "-z")).text
        for block in listing.removesuffix("\0\0").split("\0\0"):
            facts = dict(_fact(item) for item in block.split("\0"))
            if "bare" in facts:
                continue
            path = self._listed(Path(facts["worktree"]))
            branch = facts.get("branch", "").removeprefix("refs/heads/")
            worktrees[path] = Worktree(
                path, branch, facts.get("HEAD", ""), half_made=facts.get("locked") == "initializing"
            )
        return worktrees

    def _listed(self, path: Path) -> Path:
        """Return the path of the checkout that git lists under ``path``, which may be that of its git directory."""
        if real_path(path) != self.common_dir:
            return path
        if self.git_dir == self.common_dir:
            return self.root
        return Path(os.path.normpath(self.common_dir / self.settings().get("core.worktree", ".")))

    def add_worktree(
        self,
        path: Path,
        branch: str,
        base: str,
        *,
        keep: str = "",
        settings: Mapping[str, str] | None = None,
        deadline: float = 300.0,
    ) -> bool:
        """Check out ``branch`` at ``path``; a new one is created at ``base``, which the ref ``keep`` keeps.

        Does nothing and returns False if that is done already; starts again if it was interrupted.
        A branch that exists without ``keep`` belongs to somebody else. Runs no hooks, and only
        filters from ``settings``. Raises NameTaken for a branch or directory in use, NotFound for
        an unknown base.
        """
        added = partial(self._add_worktree, keep=keep, settings=settings, deadline=deadline)
        return _beside_others(lambda: added(real_path(path), branch, base))

    def _add_worktree(
        self, directory: Path, branch: str, base: str, *, keep: str, settings: Mapping[str, str] | None, deadline: float
    ) -> bool:
        known = self.worktrees().get(directory)
        if known and not known.half_made and _is_filled(directory):
            self._expect(known, branch)
            self.point(directory)
            self.hide_repositories(directory)
            return False
        if known:
            self.remove_worktree(directory)
        base = self.resolve(base)
        new = self._claim(branch, base, keep)
        if directory.is_symlink() or (directory.exists() and (not directory.is_dir() or any(directory.iterdir()))):
            raise NameTaken(f"{directory} already exists", hint="move it away, or choose another name")
        directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        git = Git(self.git_dir, settings=self.without_filters() if settings is None else settings)
        made = ("-b", branch, "--no-track", os.fspath(directory), base)
        done = git.run(
            "worktree",
            "add",
            "--quiet",
            *(made if new else (os.fspath(directory), branch)),
            check=False,
            deadline=deadline,
        )
        if done.code != 0:
            raise _not_added(done, branch)
        self.hide_repositories(directory)
        return True

    def hide_repositories(self, path: Path) -> None:
        """Keep git out of the submodules of a session's worktree, because an agent may have written them."""
        hide(Git(self.record(path)), self.object_format)

    def point(self, path: Path) -> None:
        """Point the ``.git`` of a worktree to the host's record of it, unless it does; raises NotFound.

        It is written in place, because a new file of that name would not be covered in a container.
        """
        record = self.record(path)
        pointer = path / ".git"
        if record in {self.git_dir, self.common_dir} or pointer.is_dir():
            return
        _overwrite(pointer, os.fsencode(f"gitdir: {record}\n"))

    def adopt_worktree(self, path: Path, branch: str) -> None:
        """Make a directory a worktree of ``branch`` again after git lost its record; the files stay unchanged.

        Does nothing if there is a record. Raises NotFound without such a branch, and NameTaken if
        it is checked out elsewhere.
        """
        directory = real_path(path)
        if directory not in self.worktrees():
            self.resolve(f"refs/heads/{branch}")
            elsewhere = next(
                (worktree.path for worktree in self.worktrees().values() if worktree.branch == branch), None
            )
            if elsewhere is not None:
                raise NameTaken(
                    f"{branch} is checked out in {elsewhere}", hint=f"git worktree move '{elsewhere}' '{directory}'"
                )
            self._write_record(directory, branch)
        self.point(directory)
        git = self.worktree_git(directory)
        if not (git.git_dir / "index").exists():
            git.run("read-tree", f"refs/heads/{branch}", deadline=300.0)
        self.hide_repositories(directory)

    def _write_record(self, directory: Path, branch: str) -> None:
        """Write git's record of a worktree atomically (gitrepository-layout(5), worktrees)."""
        above = self.common_dir / "worktrees"
        above.mkdir(exist_ok=True)
        staging = self.common_dir / f"orchestra-{secrets.token_hex(6)}"
        staging.mkdir()
        parts = {"HEAD": f"ref: refs/heads/{branch}", "commondir": "../..", "gitdir": os.fspath(directory / ".git")}
        for name, text in parts.items():
            (staging / name).write_text(f"{text}\n", encoding="utf-8", errors="surrogateescape")
        names = (directory.name, *(f"{directory.name}{number}" for number in range(1, 1000)))
        staging.rename(next(above / name for name in names if not (above / name).exists()))

    def remove_worktree(self, path: Path) -> None:
        """Remove a worktree and git's record of it; its branch stays. Does nothing if there is none.

        Only a directory that the host has a record of is removed, never this checkout, and no
        symlink is followed. Raises Refused for a directory that is not a worktree of ours.
        """
        directory = real_path(path)
        try:
            record = self.record(directory)
        except NotFound:
            if directory.is_symlink() or directory.exists():
                raise Refused(f"{directory} is not a worktree of this repository", hint="delete it yourself") from None
            return
        if record in {self.git_dir, self.common_dir}:
            raise Refused(f"{directory} is the checkout in use", hint="only the worktrees of sessions are removed")
        if directory.is_symlink():
            raise Refused(f"{directory} is a symlink", hint="check where it leads, then delete it yourself")
        # Renamed first: a partly removed worktree would look like one whose files were deleted on purpose.
        renamed = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}{REMOVED}")
        with contextlib.suppress(FileNotFoundError):
            directory.rename(renamed)
        safe_files.remove(record)
        safe_files.remove(renamed)

    def settings(self) -> dict[str, str]:
        """Return every effective git setting, including the person's own; the last of several wins."""
        return dict(_setting(item) for item in listed_settings.listed(self.git()))

    def without_filters(self, keys: Iterable[str] | None = None) -> dict[str, str]:
        """Return settings that switch off all filter programs of the person, such as Git LFS.

        A filter is the person's program, but the agent would choose which files it reads. ``keys``
        are the names of git's settings, if they are known already.
        """
        off: dict[str, str] = {}
        for key in self.settings() if keys is None else keys:
            driver, _, part = key.rpartition(".")
            if driver.startswith("filter.") and part in _FILTER_PARTS:
                off[key] = ""
                off[f"{driver}.required"] = "false"
        return off

    def identity(self, settings: Mapping[str, str] | None = None) -> tuple[str, str]:
        """Return the person's name and email address for commits, made from the login name if git has none.

        As in git, the environment takes precedence over settings (git-commit(1)).
        """
        name, mail = self._known_identity(self.settings() if settings is None else settings)
        login = os.environ.get("USER") or "orchestra"
        return name or login, mail or f"{login}@localhost"

    def unnamed(self) -> str:
        """Return the remark that git knows no name or address, and what to type; empty if it knows both."""
        settings = self.settings()
        if all(self._known_identity(settings)):
            return ""
        made_up = "{} <{}>".format(*self.identity(settings))
        to_type = "git config --global user.name NAME; git config --global user.email ADDRESS"
        return f"git does not know your name and address, so commits are by {made_up}; to change that: {to_type}"

    def _known_identity(self, settings: Mapping[str, str]) -> tuple[str, str]:
        variable = os.environ.get
        name = variable("GIT_AUTHOR_NAME") or variable("GIT_COMMITTER_NAME") or settings.get("user.name", "")
        mail = (
            variable("GIT_AUTHOR_EMAIL")
            or variable("GIT_COMMITTER_EMAIL")
            or settings.get("user.email")
            or variable("EMAIL", "")
        )
        return name, mail

    def head(self) -> tuple[str, str]:
        """Return the commit that is checked out, and the branch (empty when detached)."""
        if (known := head_file.head(self.git())) is not None:
            return known
        done = self.git().run("symbolic-ref", "--quiet", "HEAD", check=False)
        return self.resolve("HEAD"), done.text.strip().removeprefix("refs/heads/")

    def resolve(self, ref: str) -> str:
        """Return the id of the commit that ``ref`` names; raises NotFound."""
        done = self.git().run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", check=False)
        if done.code != 0:
            raise NotFound(f"there is no commit called {ref}", hint="to list the branches: git branch --all")
        return done.text.strip()

    def tree(self, commit: str) -> str:
        """Return the id of a commit's tree; raises CommandFailed if there is no such commit."""
        return self.git().text("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")

    def branches(self) -> dict[str, str]:
        """Return every local branch with its commit."""
        return {name.removeprefix("refs/heads/"): tip for name, tip in self.refs("refs/heads/").items()}

    def branch_tip(self, branch: str) -> str:
        """Return the commit of a local branch; empty if there is none."""
        return (head_file.tip(self.common_dir, branch) if branch else "") or self.branches().get(branch, "")

    def refs(self, *prefixes: str) -> dict[str, str]:
        """Return every ref below the prefixes with its object, sorted by name."""
        git = self.git()
        listing = ("for-each-ref", "--format=%(objectname) %(refname)", *prefixes)
        done = _looks.ask((git.git_dir, prefixes), lambda: git.run(*listing))
        pairs = (line.split(" ", 1) for line in done.text.splitlines())
        return {name: tip for tip, name in pairs}

    def containing(self, commit: str, *prefixes: str) -> list[str]:
        """Return the refs below these prefixes whose history has a commit."""
        return self.git().text("for-each-ref", "--format=%(refname)", f"--contains={commit}", *prefixes).split()

    def has(self, commit: str) -> bool:
        """Return whether the repository has a commit, reachable from a ref or not."""
        return bool(commit) and self.git().run("cat-file", "-e", f"{commit}^{{commit}}", check=False).code == 0

    def update_ref(self, ref: str, new: str, old: str | None) -> None:
        """Move ``ref`` from ``old`` to ``new``, or raise Moved and change nothing.

        ``old`` None means that the ref must not exist yet; an empty ``new`` deletes it (with
        ``old`` None whatever its value, and even if it does not exist).
        """
        done = self.git().run(*self._ref_change(ref, new, old), check=False)
        if done.code == 0:
            return
        if any(sign in done.complaint for sign in _MOVED):
            raise Moved(f"{ref} changed in the meantime", hint="find out what moved it, then try again")
        raise failure(done)

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Return whether the first commit is the second or in its history."""
        return self.git().ask("merge-base", "--is-ancestor", ancestor, descendant)

    def merge_base(self, one: str, other: str) -> str:
        """Return the newest commit in the history of both; empty if there is none."""
        return self.git().run("merge-base", one, other, check=False).text.partition("\n")[0]

    def count(self, base: str, tip: str) -> int:
        """Return how many commits ``tip`` has that ``base`` does not have."""
        return int(self.git().text("rev-list", "--count", f"{base}..{tip}", "--"))

    def subject(self, commit: str) -> str:
        """Return the first line of a commit's message, cut at 120 columns."""
        form = "--format=%<(120,trunc)%s"
        return self.git().text("rev-list", "--max-count=1", "--no-commit-header", form, commit, "--").rstrip()

    def exclude(self, pattern: str) -> None:
        """Add a pattern to the repository's own exclude file, unless it is there."""
        path = self.common_dir / "info" / "exclude"
        path.parent.mkdir(exist_ok=True)
        present = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
        if pattern in present.splitlines():
            return
        gap = "" if not present or present.endswith("\n") else "\n"
        with path.open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"{gap}{pattern}\n")

    @property
    def no_object(self) -> str:
        """The null object id: forty or sixty-four zeros."""
        return "0" * (64 if self.object_format == "sha256" else 40)

    def _claim(self, branch: str, base: str, keep: str) -> bool:
        """Create the ref that marks the branch as ours; returns whether the branch must still be created."""
        present = self.refs(f"refs/heads/{branch}", *([keep] if keep else []))
        taken = f"refs/heads/{branch}" in present
        if keep and keep not in present:
            if taken:
                raise NameTaken(
                    f"the branch {branch} already exists", hint="choose another name, or rename that branch"
                )
            self.update_ref(keep, base, None)
        return not taken

    def _expect(self, known: Worktree, branch: str) -> None:
        if known.branch != branch:
            raise NameTaken(
                f"{known.path} has {known.branch or 'no branch'} checked out, not {branch}",
                hint=f"in it: git switch {branch}",
            )

    def _ref_change(self, ref: str, new: str, old: str | None) -> tuple[str, ...]:
        if new:
            return ("update-ref", "--no-deref", "-m", "orchestra", ref, new, old or self.no_object)
        return ("update-ref", "--no-deref", "-d", ref, *([old] if old else []))


def _is_filled(path: Path) -> bool:
    """Return whether a directory has any content, which may be the only copy of somebody's work."""
    return path.is_dir() and not path.is_symlink() and any(path.iterdir())


def _overwrite(path: Path, content: bytes) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = open(os.open(path, flags, 0o644), "r+b")  # noqa: SIM115, PTH123 -- a descriptor, no link followed
    except OSError as error:
        reason = (error.strerror or "it is not a file").lower()
        raise Refused(f"{path} cannot be written: {reason}", hint="see what is there, and move it away") from None
    with file:
        if file.read(len(content) + 1) != content:
            file.seek(0)
            file.write(content)
            file.truncate()


def _beside_others(work: Callable[[], _T], pause: Callable[[float], None] = time.sleep) -> _T:
    """Repeat what fails because another git has just begun to write the record of a new worktree (git 2.39)."""
    for _ in range(_TRIES):
        try:
            return work()
        except CommandFailed as error:
            if _HALF_WRITTEN.search(error.message) is None:
                raise
        pause(_PAUSE)
    return work()


def real_path(path: Path) -> Path:
    """Return ``path`` with the symlinks of its parents resolved, but not its own."""
    return Path(os.path.realpath(path.parent), path.name)


def _fact(item: str) -> tuple[str, str]:
    name, _, value = item.partition(" ")
    return name, value


def _not_added(done: Completed, branch: str) -> OrchestraError:
    complaint = done.complaint
    if "already checked out" in complaint or "already used by worktree" in complaint:
        return NameTaken(f"the branch {branch} is checked out elsewhere", hint="to see where: git worktree list")
    if "already exists" in complaint:
        return NameTaken(f"the branch {branch} already exists", hint="choose another name")
    return failure(done)


def _setting(item: str) -> tuple[str, str]:
    key, _, value = item.partition("\n")
    return key, value
