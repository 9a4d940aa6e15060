"""A git directory of our own with the person's objects, in which git finds no program to run.

Attributes that an agent writes can only name a filter, diff or merge program; the program itself
comes from the person's settings. Those settings do not exist here: git gets a short list of
harmless ones and reads nothing else, so that new kinds of programs in a future git are off as well.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

from orchestra import files
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.head_file import commit_at
from orchestra.drivers.git.listed_settings import listed, standard_files
from orchestra.drivers.git.repository import Repository

_OBEYED = frozenset(
    {
        "core.attributesfile",
        "core.autocrlf",
        "core.eol",
        "core.excludesfile",
        "core.filemode",
        "core.ignorecase",
        "core.precomposeunicode",
        "core.quotepath",
        "core.sparsecheckout",
        "core.sparsecheckoutcone",
        "core.symlinks",
        "diff.algorithm",
        "diff.renamelimit",
        "index.sparse",
        "merge.conflictstyle",
        "merge.directoryrenames",
        "merge.renamelimit",
        "merge.renames",
    }
)
_SETTINGS = {
    # A name that only Windows or macOS mistakes for .git is no reason to lose an agent's file.
    "core.protectHFS": "false",
    "core.protectNTFS": "false",
    # A diff keeps both sides in memory; above this size git treats a file as binary and streams it.
    "core.bigFileThreshold": "4m",
}
_VARIABLES = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    # Only we use this index, so git may record what it learned about unchanged files.
    "GIT_OPTIONAL_LOCKS": "1",
}
# With this attribute git fails on a file that is not in the encoding that the agent named.
_ATTRIBUTES = "* !working-tree-encoding\n"
_FORMAT = "[core]\n\trepositoryformatversion = 1\n\tbare = false\n[extensions]\n\tobjectformat = {}\n"


def build(directory: Path, repo: Repository, *, own_objects: bool = False) -> Git:
    """Create or update an isolated git directory at ``directory``, and return git pinned to it.

    New objects go to the repository or, with ``own_objects``, stay in the isolated directory.
    """
    for part in ("objects/info", "refs", "info"):
        (directory / part).mkdir(parents=True, exist_ok=True)
    files.replace(directory / "HEAD", "ref: refs/heads/none\n")
    files.replace(directory / "config", _FORMAT.format(repo.object_format))
    files.replace(directory / "objects/info/alternates", "".join(f"{os.fspath(path)}\n" for path in repo.object_dirs))
    files.replace(directory / "info/attributes", _text(repo.common_dir / "info/attributes") + "\n" + _ATTRIBUTES)
    _link(directory / "info/exclude", repo.common_dir / "info/exclude")
    _link(directory / "shallow", repo.common_dir / "shallow")
    objects = directory / "objects" if own_objects else repo.object_dirs[0]
    return Git(directory, settings=_SETTINGS, variables=_VARIABLES | {"GIT_OBJECT_DIRECTORY": os.fspath(objects)})


def obeyed(source: Git) -> dict[str, str]:
    """Return those of the person's settings for ``source`` that an isolated git directory uses."""
    pairs = (item.partition("\n") for item in listed(source))
    return {key: value for key, _, value in pairs if key in _OBEYED}


def furnish(git: Git, source: Git, work_tree: Path) -> Git:
    """Return the isolated git for a work tree, with the settings, sparse patterns and commit of ``source``."""
    _link(git.git_dir / "info/sparse-checkout", source.git_dir / "info/sparse-checkout")
    files.replace(git.git_dir / "HEAD", commit_at(source) + "\n")
    return Git(
        git.git_dir,
        work_tree=work_tree,
        index=git.git_dir / "index",
        settings={**obeyed(source), **git.settings},
        variables=git.variables,
    )


def reading(git: Git, other: Git) -> Git:
    """Return the same git, which also reads the objects that another git directory has of its own."""
    path = os.fspath(other.git_dir / "objects")
    # Only a path in quotes may contain a colon: git(1), GIT_ALTERNATE_OBJECT_DIRECTORIES.
    quoted = path.replace("\\", "\\\\").replace('"', '\\"')
    return replace(git, variables={**git.variables, "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{quoted}"'})


def has_attributes(git: Git) -> bool:
    """Return whether attributes may come from anywhere but the files that are tracked (gitattributes(5))."""
    own = _text(git.git_dir / "info/attributes").strip() != _ATTRIBUTES.strip()
    named = "core.attributesfile" in git.settings
    return own or named or any(path.exists() for path in standard_files("attributes"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""


def _link(path: Path, target: Path) -> None:
    with contextlib.suppress(FileExistsError):
        path.symlink_to(target)
