"""Compare two trees: first which files differ, then their line counts, then each file's text on its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from orchestra.drivers.git.command import Git
from orchestra.errors import DeadlineExceeded
from orchestra.model import ChangedFile, FileStatus, LineCounts

SAFE = ("--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none", "--submodule=short")
"""The flags with which every comparison runs no program and reads no other repository."""
_TREES = ("diff-tree", "-r", "--no-commit-id", *SAFE)
FILES = 100_000
"""About the most files that are listed."""
FILE_BYTES = 64 << 20
"""The most bytes of one file's text."""
LINES_BYTES = 4 << 20
"""The most bytes of a text whose lines are followed; a look at a worktree reads no longer ones."""
_SNIFFED = 8000
"""Git takes a file for binary if there is a NUL in so many bytes (buffer_is_binary in xdiff-interface.c)."""
_LISTING = 20.0
"""Seconds that git may take with renames detected; after that it compares without."""
_DEADLINE = 60.0
_WHOLE = 600.0
_NUMBERS = re.compile(r"(\d+|-)\t(\d+|-)\t(.*)", re.DOTALL)
_PLACEHOLDER = re.compile(rb"\0(\d+) bytes, ")
_PLACEHOLDER_BYTES = 300


def changed_files(git: Git, old: str, new: str) -> tuple[list[ChangedFile], bool]:
    """Return the files that differ between two trees, in the order of their paths, and whether these are all."""
    items, whole = _listed(git, "--raw", old, new)
    return sorted(_files(iter(items)), key=lambda file: file.path), whole


def line_counts(git: Git, old: str, new: str) -> dict[str, LineCounts]:
    """Return how many lines differ in each file, by its path; a slow look counts nothing."""
    counts: dict[str, LineCounts] = {}
    items = iter(_listed(git, "--numstat", old, new)[0])
    for item in items:
        if (match := _NUMBERS.match(item)) is None:
            continue
        path = match[3]
        if not path:
            # A renamed file: its old path, then its new one, each an item of its own.
            next(items, "")
            path = next(items, "")
        binary = match[1] == "-"
        counts[path] = LineCounts(0 if binary else int(match[1]), 0 if binary else int(match[2]), binary)
    return counts


def file_patch(git: Git, old: str, new: str, file: ChangedFile) -> str:
    """Return one file's changes as a unified diff; a line in brackets at its end says what is left out.

    Bytes that are not UTF-8 come back as surrogates.
    """
    text = _Text()
    paths = [path for path in (file.old_path, file.path) if path]
    git.stream(text.take, *_TREES, "-M", "-p", "--full-index", old, new, "--", *paths, deadline=_DEADLINE)
    patch = b"".join(text.blocks).decode("utf-8", "surrogateescape")
    return f"{patch}\n[cut: the rest of this file is not shown]\n" if text.full else patch


def whole_patch(git: Git, old: str, new: str, take: Callable[[bytes], bool]) -> bool:
    """Pass on the changes of all files as one unified diff; returns False once ``take`` does."""
    return git.stream(take, *_TREES, "-M", "-p", old, new, "--", deadline=_WHOLE)


def file_sizes(git: Git, file: ChangedFile) -> tuple[int | None, int | None]:
    """Return the bytes of a file before and after; None where there is no file of its own."""
    return _size(git, file.old_mode, file.old_id), _size(git, file.new_mode, file.new_id)


@dataclass(slots=True)
class _Text:
    blocks: list[bytes] = field(default_factory=list)
    size: int = 0
    full: bool = False

    def take(self, block: bytes) -> bool:
        self.size += len(block)
        self.full = self.size > FILE_BYTES
        if not self.full:
            self.blocks.append(block)
        return not self.full


def _listed(git: Git, *words: str) -> tuple[list[str], bool]:
    # Detecting renames compares every new file with every removed one.
    for care, seconds in (("-M", _LISTING), ("--no-renames", _DEADLINE)):
        listing = _Listing()
        try:
            whole = git.stream(listing.take, *_TREES, "-z", care, *words, "--", deadline=seconds)
        except DeadlineExceeded:
            continue
        return listing.items, whole
    raise DeadlineExceeded(f"git did not list the changed files in {_DEADLINE:.0f} s", hint="try again")


@dataclass(slots=True)
class _Listing:
    items: list[str] = field(default_factory=list)
    rest: bytes = b""

    def take(self, block: bytes) -> bool:
        *items, self.rest = (self.rest + block).split(b"\0")
        self.items += [item.decode("utf-8", "surrogateescape") for item in items]
        return len(self.items) < 2 * FILES


def _files(items: Iterator[str]) -> Iterator[ChangedFile]:
    for item in items:
        if not item.startswith(":"):
            continue
        old_mode, new_mode, old_id, new_id, letter = item[1:].split(" ")
        status = FileStatus(letter[0])
        before = next(items, "") if status is FileStatus.RENAMED else ""
        if path := next(items, ""):
            yield ChangedFile(path, status, old_mode, new_mode, old_id, new_id, before)


def _size(git: Git, mode: str, name: str) -> int | None:
    if not mode.startswith("100"):
        return None
    size = int(git.text("cat-file", "-s", name))
    if size > _PLACEHOLDER_BYTES:
        return size
    # A look keeps a placeholder for a file that is too long to be read.
    known = _PLACEHOLDER.match(git.run("cat-file", "blob", name).stdout)
    return int(known[1]) if known else size


def file_lines(git: Git, name: str) -> bytes | None:
    """Return the text of a blob; None for one that is binary, or longer than `LINES_BYTES`."""
    if not name.strip("0") or int(git.text("cat-file", "-s", name)) > LINES_BYTES:
        return None
    content = git.run("cat-file", "blob", name).stdout
    return None if b"\0" in content[:_SNIFFED] else content


def blob_at(git: Git, tree: str, path: str) -> str:
    """Return the id of the file at a path of a tree or commit; empty if there is none, or it is no plain file."""
    if {"", ".", ".."} & set(path.split("/")):
        return ""
    for entry in git.lines0("ls-tree", "-z", "--full-tree", tree, "--", path):
        about, _, found = entry.partition("\t")
        mode, _, name = about.split(" ")
        if found == path and mode.startswith("100"):
            return name
    return ""


def first_commits(git: Git, base: str, tip: str, path: str, limit: int = 200) -> list[str]:
    """Return the oldest commits of a branch since ``base`` that changed a path, or, without one, anything."""
    only = ("--", path) if path else ("--",)
    listed = git.text("rev-list", "--reverse", "--first-parent", f"{base}..{tip}", *only)
    return listed.split()[:limit]
