"""Rules about what agents may do: which of the person's patterns fits what an agent wants.

A pattern is a shell command, word by word, such as ``git status*``, or a tool with a pattern in parentheses, such as
``Edit(src/**)``, ``Read(*)`` or ``WebFetch(https://docs.python.org/*)``. In a word ``*`` and ``?`` stand for any text
of that word, and a ``*`` that ends the pattern also for any further words.
"""

from __future__ import annotations

import fnmatch
import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from orchestra.config.shell_words import parts_of, words_of
from orchestra.model import ToolUse

SHELL = "Bash"
"""The tool that runs shell commands."""
PATTERN = r"[^\x00-\x1f\x7f]{1,500}"
"""What a rule looks like: one line."""
_WITH_TOOL = re.compile(r"([A-Za-z_][\w-]*)\((.+)\)")
_OURS = re.compile(r"\borchestra\b")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of a request: the text of the rule that decides it; empty if they leave it open."""

    allowed_by: str = ""
    denied_by: str = ""


def verdict(use: ToolUse, allow: Sequence[str], deny: Sequence[str], worktree: Path) -> Verdict:
    """Return what the rules say; a rule that denies wins, and what is in doubt is left open."""
    for rule in deny:
        if denies(rule, use, worktree):
            return Verdict(denied_by=rule)
    return Verdict(allowed_by=next((rule for rule in allow if allows(rule, use, worktree)), ""))


def allows(rule: str, use: ToolUse, worktree: Path) -> bool:
    """Return whether a rule certainly covers the whole request."""
    tool, pattern = _split(rule)
    if not use.plain or tool != use.tool:
        return False
    if use.tool == SHELL:
        words = words_of(use.command)
        # An agent must not get to answer its own requests.
        return words is not None and not _OURS.search(use.command) and _fits(pattern.split(), words)
    if use.paths:
        return all(_path_fits(pattern, path, worktree) for path in use.paths)
    if use.url:
        return _url_fits(pattern, use.url)
    return pattern == "*"


def denies(rule: str, use: ToolUse, worktree: Path) -> bool:
    """Return whether a rule covers any part of the request."""
    tool, pattern = _split(rule)
    if tool != use.tool:
        return False
    if use.tool == SHELL:
        wanted = pattern.split()
        return any(_fits(wanted, part[start:]) for part in parts_of(use.command) for start in range(len(part)))
    if use.paths:
        return any(_path_touched(pattern, path, worktree) for path in use.paths)
    if use.url:
        return _url_touched(pattern, use.url)
    return pattern == "*"


def _split(rule: str) -> tuple[str, str]:
    """Return the tool that a rule is about, and its pattern."""
    found = _WITH_TOOL.fullmatch(rule.strip())
    return (found[1], found[2].strip()) if found else (SHELL, rule.strip())


def _fits(pattern: Sequence[str], words: Sequence[str]) -> bool:
    if not pattern:
        return False
    longer = pattern[-1].endswith("*") and len(words) > len(pattern)
    same = len(words) == len(pattern) or longer or (pattern[-1] == "*" and len(words) == len(pattern) - 1)
    return same and all(fnmatch.fnmatchcase(word, part) for word, part in zip(words, pattern, strict=False))


def _path_fits(pattern: str, path: str, worktree: Path) -> bool:
    """Return whether a path, with all links followed, is in the worktree and fits a pattern there."""
    full = posixpath.join(worktree, path)
    real, root = os.path.realpath(full), os.path.realpath(worktree)
    given = posixpath.relpath(posixpath.normpath(full), worktree)
    within = posixpath.relpath(real, root)
    return not within.startswith("..") and all(_glob_fits(pattern, name) for name in {given, within})


def _path_touched(pattern: str, path: str, worktree: Path) -> bool:
    full = posixpath.normpath(posixpath.join(worktree, path))
    real = os.path.realpath(full)
    names = {full, real, posixpath.relpath(full, worktree), posixpath.relpath(real, os.path.realpath(worktree))}
    return any(_glob_fits(pattern, name) for name in names)


def _glob_fits(pattern: str, name: str) -> bool:
    return re.fullmatch("".join(_translated(pattern)), name, re.DOTALL) is not None


def _translated(pattern: str) -> Iterator[str]:
    """Yield a pattern for paths as a regular expression: ``**`` crosses directories, ``*`` and ``?`` do not."""
    if pattern == "*":
        pattern = "**"
    for piece in re.split(r"(\*\*/?|\*|\?)", pattern.removeprefix("./")):
        yield {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(piece, re.escape(piece))


def _url_fits(pattern: str, url: str) -> bool:
    """Return whether an address fits, host and the rest apart, so that no longer host name does."""
    wanted, given = urlsplit(pattern), urlsplit(url)
    if pattern == "*":
        return True
    if not wanted.scheme or not wanted.netloc or wanted.scheme != given.scheme or "@" in given.netloc:
        return False
    host = fnmatch.fnmatchcase(given.netloc.lower(), wanted.netloc.lower())
    return host and url.isascii() and url.isprintable() and "\\" not in url and _rest_fits(wanted.path, url)


def _rest_fits(wanted: str, url: str) -> bool:
    given = urlsplit(url)
    rest = (given.path or "/") + (f"?{given.query}" if given.query else "")
    return ".." not in given.path and fnmatch.fnmatchcase(rest, wanted or "/*")


def _url_touched(pattern: str, url: str) -> bool:
    wanted, given = urlsplit(pattern), urlsplit(url.strip())
    host = given.hostname or ""
    if fnmatch.fnmatchcase(url, pattern) or not wanted.netloc:
        return fnmatch.fnmatchcase(url, pattern)
    named = (wanted.hostname or "").lower()
    return fnmatch.fnmatchcase(host, named) and (wanted.path in {"", "/", "/*"} or _rest_fits(wanted.path, url))
