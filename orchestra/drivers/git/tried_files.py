"""Show other files in a checkout of the person's, and put back exactly what was there.

Only files change: HEAD, the branch, the index and the stash stay as they are. Everything that is
needed to put the files back is in one commit, the anchor, so that nothing depends on this process.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from orchestra import safe_files
from orchestra.drivers import temporary
from orchestra.drivers.git import index_lock, index_table, isolated, update_checkout, worktree_diff, worktree_snapshot
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.merge_trees import merge_commit, preview
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.git.tree_changes import ABSENT, REPOSITORY, Change, changes_between
from orchestra.drivers.git.update_branch import named
from orchestra.drivers.git.update_checkout import Checkout
from orchestra.errors import MergeConflict, OrchestraError, Refused

PREFIX = "refs/orchestra/try/"
KEPT = "refs/orchestra/try-kept/"
"""Where the person's later changes are kept that were in the way of putting back the files."""
_LINK = "120000"
_DEADLINE = 300.0
TWO_HANDS = "put back what was there, and try it again: orchestra try --off"
"""What to do once the person has changed files that are tried."""
_LARGEST = 2 << 30
"""The most bytes of one file that is kept."""
_IN_PROGRESS = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
}


@dataclass(frozen=True, slots=True)
class Anchor:
    """What is shown in a checkout, and what was there.

    ``commit`` holds all of it. ``head`` is the commit that was checked out, ``base`` one with everything that the
    checkout showed. ``was`` and ``now`` are trees of the files that differ, byte for byte; ``permissions`` are those of
    the files in ``was``.
    """

    commit: str
    head: str
    base: str
    was: str
    now: str
    permissions: Mapping[str, int] = field(default_factory=dict)


class TriedFiles:
    """Other files in one checkout."""

    def __init__(self, repo: Repository, writable: Sequence[Path]) -> None:
        self._repo = repo
        self._git = repo.git()
        self._checkout = Checkout(repo, repo.root, repo.git_dir, tuple(writable))

    def begin(self, theirs: str, who: str) -> Anchor:
        """Keep what the checkout shows, and return it with the files to show: those of commit ``theirs``, merged in.

        Nothing is shown yet. Raises Refused, and MergeConflict, if it could not be shown or put back.
        """
        self.require_calm()
        head = self._repo.head()[0]
        base = worktree_diff.snapshot(self._repo, self._repo.root, f"What the checkout showed before trying {who}")
        target = self._merged(base, theirs, who, head)
        blank = Anchor("", head, base, self._empty, self._empty)
        made, _ = self._show(blank, target, fresh=True)
        if made.was == made.now:
            raise Refused(
                f"your checkout shows all of {who} already", hint=f"to see what it changed: orchestra diff {who}"
            )
        return self._anchored(made, who)

    def update(self, before: Anchor, theirs: str, who: str) -> tuple[Anchor, str]:
        """Return the anchor for newer files of a session, and the tree of its paths that is shown; nothing changes yet.

        Raises MergeConflict, and Refused if the person has meanwhile changed a file that would be written.
        """
        made, shown = self._show(before, self._merged(before.base, theirs, who, before.head), fresh=False)
        if made.now == before.now:
            return before, before.now
        if mine := self.edited(shown, made.now):
            raise Refused(f"you have changed {named(mine)}", hint=TWO_HANDS)
        return self._anchored(made, who), shown

    def move(self, anchor: Anchor, old: str, new: str) -> list[str]:
        """Change the files from tree ``old`` to ``new``; returns the paths that have something else and stay.

        Repeated after a crash, it does the rest.
        """
        with update_checkout.exactly(self._checkout, old, new, self._permissions(anchor, new)) as ready:
            return ready.show(index=False)

    def edited(self, old: str, new: str) -> list[str]:
        """Return the paths on the way from tree ``old`` to ``new`` that have neither content."""
        with update_checkout.exactly(self._checkout, old, new) as ready:
            return list(ready.in_the_way)

    def staged(self, anchor: Anchor) -> bool:
        """Return whether the index has other entries than it had."""
        with temporary.directory(self._repo.scratch) as directory:
            kept = directory / "index"
            kept.write_bytes(self._index_of(anchor))
            return index_table.entries(self._git.at(kept)) != index_table.entries(self._git)

    def put_back_index(self, anchor: Anchor) -> None:
        """Put back the index as it was."""
        with index_lock.held(self._checkout.record):
            fresh, index = self._checkout.record / "orchestra-index", self._checkout.record / "index"
            fresh.write_bytes(self._index_of(anchor))
            info = (index if index.exists() else self._checkout.record).stat()
            fresh.chmod(stat.S_IMODE(info.st_mode) & 0o666)
            if os.geteuid() == 0:
                os.chown(fresh, info.st_uid, info.st_gid)
            fresh.replace(index)

    def keep_edits(self, anchor: Anchor, shown: str, paths: Collection[str], ref: str, who: str) -> str:
        """Keep everything that the checkout shows now under ``ref``; returns the tree of what is at these paths.

        That is ``shown`` with what the person has made of ``paths``. Raises Refused for what cannot be kept.
        """
        message = f"What you changed while {who} was tried in your checkout"
        with temporary.directory(self._repo.scratch) as directory:
            room = self._room(directory)
            room.run("read-tree", shown)
            there = _Raw(self._repo.root, room, directory / "copies").take(paths)
            tree = self._changed(room, {path: there.get(path, (ABSENT, "")) for path in paths})
        index = merge_commit(self._repo, self._index_tree(), (anchor.head,), f"{message}: the index")
        exact = merge_commit(self._repo, tree, (anchor.commit,), f"{message}: byte for byte")
        commit = worktree_diff.snapshot(self._repo, self._repo.root, message, also=(index, exact))
        self._repo.update_ref(ref, commit, None)
        return tree

    def read(self, commit: str) -> Anchor:
        """Return the anchor that a commit holds."""
        facts = json.loads(self._git.run("cat-file", "blob", f"{commit}:facts").stdout)
        was, now = (self._git.text("rev-parse", "--verify", f"{commit}:{name}") for name in ("was", "now"))
        return Anchor(commit, facts["head"], facts["base"], was, now, facts["permissions"])

    def differences(self, anchor: Anchor) -> list[str]:
        """Return the paths that the checkout shows differently from before."""
        return [change.path for change in changes_between(self._git, anchor.was, anchor.now)]

    def tidy(self) -> None:
        """Remove what a killed process of ours left beside the index."""
        if update_checkout.is_untidy(self._checkout):
            update_checkout.tidy(self._checkout)

    @cached_property
    def _empty(self) -> str:
        return self._git.run("hash-object", "-t", "tree", "-w", "--stdin", stdin=b"").text.strip()

    def require_calm(self) -> None:
        """Raise Refused while git is in the middle of something in the checkout, such as a merge."""
        for name, what in _IN_PROGRESS.items():
            if (self._checkout.record / name).exists():
                raise Refused(f"a {what} is in progress in your checkout", hint=f"finish or abort that {what} first")
        unmerged = sorted({entry[3] for entry in index_table.entries(self._git) if entry[2] != "0"})
        if unmerged:
            raise Refused(
                f"files in your checkout have conflicts: {named(unmerged)}", hint="resolve them, then: git add PATH"
            )

    def _merged(self, base: str, theirs: str, who: str, head: str) -> str:
        """Return a commit with what the checkout shows and what a session has."""
        merged = preview(self._repo, base, theirs)
        if merged.conflicts:
            mine = set(merged.conflicts) - set(preview(self._repo, head, theirs).conflicts)
            whose = "your uncommitted changes" if mine else "your branch"
            raise MergeConflict(
                f"{who} and {whose} change the same lines in {named(merged.conflicts)}",
                paths=merged.conflicts,
                hint="commit or stash yours first" if mine else f"ask it to merge your branch: orchestra send {who}",
            )
        return merge_commit(self._repo, merged.tree, (base,), "What to show")

    def _show(self, before: Anchor, target: str, *, fresh: bool) -> tuple[Anchor, str]:
        """Return an anchor of what was there and of what ``target`` has, and the tree that the same paths show now."""
        with update_checkout.rendered(self._checkout, before.base, target) as (files, changes):
            self._require_writable(changes, files)
            with temporary.directory(self._repo.scratch) as directory:
                room = self._room(directory)
                known = set(_paths(self._git, before.was) + _paths(self._git, before.now))
                added = [change for change in changes if change.path not in known]
                self._require_as_was(before, added, fresh=fresh)
                here = _Raw(self._repo.root, room, directory / "here")
                kept = here.take([change.path for change in added])
                was, then = (self._with(room, tree, kept) for tree in (before.was, before.now))
                shown = _Raw(files, room, directory / "shown").take([change.path for change in changes])
                now = self._with(room, was, {change.path: shown.get(change.path, (ABSENT, "")) for change in changes})
        return replace(before, was=was, now=now, permissions={**before.permissions, **here.permissions}), then

    def _require_writable(self, changes: Sequence[Change], files: Path) -> None:
        if inner := [change.path for change in changes if REPOSITORY in {change.old_mode, change.new_mode}]:
            raise Refused(f"submodules would change: {named(inner)}", hint="try it after merging: orchestra merge")
        paths = {change.path for change in changes}
        unseen = {entry[3] for entry in index_table.entries(self._git) if index_table.is_unseen(entry)} & paths
        missing = {change.path for change in changes if change.new_mode != ABSENT and not _there(files, change.path)}
        if left_out := sorted(unseen | missing):
            raise Refused(
                f"git does not look at these files in your checkout: {named(left_out)}",
                hint="they are outside its sparse checkout, or marked: git update-index --no-assume-unchanged PATH",
            )

    def _require_as_was(self, before: Anchor, added: Sequence[Change], *, fresh: bool) -> None:
        """Refuse to overwrite a file that is not in the snapshot, or that was changed after it."""
        made = [
            change.path
            for change in added
            if change.old_mode == ABSENT and self._is_in_the_way(change.path, {one.path for one in added})
        ]
        if made:
            raise Refused(
                f"files of yours that are new, or that git ignores, are in the way: {named(made)}",
                hint="move them away",
            )
        if fresh or not added:
            return
        with worktree_snapshot.look(self._repo, self._repo.root, None) as frozen:
            tree = worktree_diff.write_tree(frozen)
            there = {change.path for change in changes_between(frozen.git, before.base, tree)}
        if mine := sorted(there & {change.path for change in added}):
            raise Refused(f"you have changed {named(mine)}", hint=TWO_HANDS)

    def _is_in_the_way(self, path: str, paths: Collection[str]) -> bool:
        """Return whether something else is where a new file is to be; ``paths`` are all that change."""
        for above in [str(parent) for parent in PurePosixPath(path).parents][-2::-1]:
            entry = safe_files.look(self._repo.root, above)
            if entry is not None and not entry.is_directory:
                return above not in paths
        entry = safe_files.look(self._repo.root, path)
        goes = any(other.startswith(f"{path}/") for other in paths)
        return entry is not None and not (entry.is_directory and goes)

    def _room(self, directory: Path) -> Git:
        git = isolated.build(directory / "room", self._repo)
        return replace(git, work_tree=directory, index=directory / "room" / "index")

    def _with(self, room: Git, tree: str, entries: Mapping[str, tuple[str, str]]) -> str:
        room.run("read-tree", tree)
        return self._changed(room, entries)

    def _changed(self, room: Git, entries: Mapping[str, tuple[str, str]]) -> str:
        """Return the tree of the room's index after a change."""
        # What goes is removed first, because a directory may replace a file.
        ordered = sorted(entries.items(), key=lambda item: (item[1][0] != ABSENT, item[0]))
        none = self._repo.no_object
        lines = "".join(f"{mode} {name or none}\t{path}\0" for path, (mode, name) in ordered)
        room.run("update-index", "-z", "--index-info", stdin=_bytes(lines), deadline=_DEADLINE)
        return room.text("write-tree")

    def _anchored(self, made: Anchor, who: str) -> Anchor:
        """Return the anchor with the commit that holds all of it; no ref keeps it yet."""
        facts = {"head": made.head, "base": made.base, "permissions": made.permissions}
        staged, index = self._kept_index(made.commit) if made.commit else self._index()
        lines = [
            f"040000 tree {made.was}\twas",
            f"040000 tree {made.now}\tnow",
            f"040000 tree {staged}\tstaged",
            f"100644 blob {index}\tindex",
            f"100644 blob {self._blob(json.dumps(facts).encode('utf-8', 'surrogatepass'))}\tfacts",
        ]
        tree = self._git.run("mktree", stdin="".join(f"{line}\n" for line in sorted(lines)).encode()).text.strip()
        parents = (made.base, made.commit) if made.commit else (made.base,)
        return replace(made, commit=merge_commit(self._repo, tree, parents, f"What was there before trying {who}"))

    def _kept_index(self, commit: str) -> tuple[str, str]:
        staged, index = (self._git.text("rev-parse", "--verify", f"{commit}:{name}") for name in ("staged", "index"))
        return staged, index

    def _index(self) -> tuple[str, str]:
        """Write the index as a file, and as a tree, which keeps what is staged; return both ids."""
        with temporary.directory(self._repo.scratch) as directory:
            worktree_snapshot.take_index(self._checkout.record, directory)
            room = replace(self._room(directory), index=directory / "index")
            # The part of a split index that it shares may be gone by the time it is put back.
            room.run("update-index", "--no-split-index")
            index = self._blob((directory / "index").read_bytes())
            return room.text("write-tree", "--missing-ok"), index

    def _index_tree(self) -> str:
        with temporary.directory(self._repo.scratch) as directory:
            worktree_snapshot.take_index(self._checkout.record, directory)
            room = replace(self._room(directory), index=directory / "index")
            done = room.run("write-tree", "--missing-ok", check=False)
        if done.code != 0:
            raise Refused("your index has conflicts", hint="resolve them, then: git add PATH")
        return done.text.strip()

    def _index_of(self, anchor: Anchor) -> bytes:
        return self._git.run("cat-file", "blob", f"{anchor.commit}:index").stdout

    def _blob(self, content: bytes) -> str:
        return self._git.run("hash-object", "-w", "--stdin", stdin=content).text.strip()

    def _permissions(self, anchor: Anchor, new: str) -> dict[str, int]:
        """Return the permissions of the files that are as they were."""
        changed = {change.path for change in changes_between(self._git, anchor.was, new)}
        return {path: mode for path, mode in anchor.permissions.items() if path not in changed}


class _Raw:
    """Files below a root as git blobs, byte for byte."""

    def __init__(self, root: Path, room: Git, copies: Path) -> None:
        self._root, self._room, self._copies = root, room, copies
        self.permissions: dict[str, int] = {}
        copies.mkdir()

    def take(self, paths: Collection[str]) -> dict[str, tuple[str, str]]:
        """Return mode and id of each path that is a file or a symlink; raises Refused for what cannot be read."""
        copied = {path: mode for number, path in enumerate(paths) if (mode := self._copy(path, str(number)))}
        numbers = {path: str(number) for number, path in enumerate(paths)}
        asked = "".join(f"{numbers[path]}\n" for path in copied).encode()
        git = replace(self._room, work_tree=self._copies)
        done = git.run("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=asked, deadline=_DEADLINE)
        return {path: (mode, name) for (path, mode), name in zip(copied.items(), done.text.split(), strict=True)}

    def _copy(self, path: str, number: str) -> str:
        """Copy a file to a number; return its mode, empty if there is none."""
        entry = safe_files.look(self._root, path)
        if entry is None or entry.is_directory:
            return ""
        if entry.is_link:
            (self._copies / number).write_bytes(_bytes(safe_files.read_link(self._root, path) or ""))
            return _LINK
        try:
            safe_files.copy_file(self._root, path, self._copies, number, most=_LARGEST)
        except (OrchestraError, FileNotFoundError) as error:
            raise Refused(f"{path} cannot be kept: {error}", hint="move it away, or make it readable") from error
        self.permissions[path] = entry.permissions
        return "100755" if entry.mode & stat.S_IXUSR else "100644"


def _paths(git: Git, tree: str) -> list[str]:
    return git.lines0("ls-tree", "-r", "-z", "--name-only", "--full-tree", tree)


def _there(files: Path, path: str) -> bool:
    return (files / path).is_symlink() or (files / path).exists()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
