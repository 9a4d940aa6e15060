"""Read a branch's commits."""

from __future__ import annotations

import os
from collections.abc import Sequence

from orchestra import times
from orchestra.drivers.git.command import Git
from orchestra.drivers.git.repository import Repository
from orchestra.errors import CommandFailed, ToolMissing
from orchestra.model import Commit

_DEADLINE = 30.0
_SUBJECT = "%s"
_FIELDS = ("%H", _SUBJECT, "%an", "%ct")


def commits(repo: Repository, base: str, tip: str, limit: int = 200, *, bodies: bool = False) -> list[Commit]:
    """Return at most ``limit`` commits that ``tip`` has and ``base`` does not have, newest first.

    With ``bodies``, each one's subject is its whole message.
    Raises CommandFailed if git does not know one of the two, or does not answer in 30 seconds.
    """
    # Without this, importing it raises ImportError where git is not installed.
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import git  # noqa: PLC0415 -- takes a fifth of a second to load

    client = git.Git(os.fspath(repo.common_dir))
    # GitPython copies the process environment; these variables pin git and switch off prompts and other settings.
    client.update_environment(**Git(repo.git_dir).environment())
    form = "--format=" + "%x00".join("%B" if bodies and field == _SUBJECT else field for field in _FIELDS)
    flags = (form, "-z", f"--max-count={limit}", "--no-color", "--no-show-signature", "--no-mailmap")
    try:
        listing = client.log(*flags, f"{base}..{tip}", "--", kill_after_timeout=_DEADLINE)
    except git.GitCommandNotFound:
        raise ToolMissing("`git` is not installed", hint="install git and try again") from None
    except git.GitCommandError as error:
        reason = str(error.stderr).strip(" \n'")
        raise CommandFailed(f"git cannot list the commits of {tip[:10]}: {reason}") from None
    words = str(listing).split("\0")
    rows = zip(*[iter(words)] * len(_FIELDS), strict=False)
    return [Commit(name, subject, author, times.since_epoch(int(at))) for name, subject, author, at in rows]


def matching(repo: Repository, pattern: str, tip: str, *, without: Sequence[str]) -> list[str]:
    """Return the commits of ``tip``, but not of ``without``, with a line in their message that a pattern matches.

    The pattern is an extended regular expression; letters count the same in either case.
    """
    flags = ("--extended-regexp", "--regexp-ignore-case", f"--grep={pattern}")
    words = ("rev-list", *flags, tip, *(f"^{commit}" for commit in without), "--")
    return repo.git().text(*words, deadline=_DEADLINE).split()
