"""Ask GitHub by its own command line, `gh`, as the person is logged in there.

Everything that comes back may be written by anybody.
Sources: gh's manual (cli.github.com/manual), `gh help exit-codes`.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestra.drivers import process, temporary
from orchestra.drivers.git import filter_programs
from orchestra.drivers.git.command import environment
from orchestra.drivers.process import first_line
from orchestra.errors import CommandFailed, Refused, ToolMissing

DEADLINE = 60.0
"""Seconds for one request."""
_NOT_LOGGED_IN = 4
_MOST = 16 << 20
_QUIET = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "GH_PAGER": "cat", "NO_COLOR": "1", "CLICOLOR": "0"}
_FAILED = frozenset({"FAILURE", "ERROR", "TIMED_OUT", "CANCELLED", "ACTION_REQUIRED", "STARTUP_FAILURE"})
_RUNNING = frozenset({"", "PENDING", "EXPECTED", "QUEUED", "IN_PROGRESS", "WAITING", "REQUESTED"})
_NUMBER = re.compile(r"/pull/(\d+)")


@dataclass(frozen=True, slots=True)
class Remark:
    """What somebody wrote about a pull request; ``key`` names it for ever, ``where`` is the file and line, if any."""

    key: str
    author: str
    text: str
    where: str = ""
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class RemoteCheck:
    """One check of a pull request; ``passed`` is None while it runs."""

    name: str
    passed: bool | None
    url: str


@dataclass(frozen=True, slots=True)
class PullState:
    """A pull request as it is now; ``state`` is ``OPEN``, ``MERGED`` or ``CLOSED``."""

    state: str
    head: str
    checks: tuple[RemoteCheck, ...]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue with its comments, each with its author."""

    number: int
    title: str
    url: str
    author: str
    text: str
    comments: tuple[Remark, ...]


class GitHub:
    """One repository on GitHub, named as ``host/owner/name``; empty means the one that gh finds in ``directory``."""

    def __init__(self, web: str, writable: Sequence[Path], scratch: Path | None = None) -> None:
        self._web = web
        self._path = filter_programs.trusted_path(writable)
        self._writable = writable
        self._scratch = scratch

    @property
    def is_there(self) -> bool:
        """Whether gh is installed where no agent can change it."""
        program = shutil.which("gh", path=self._path)
        return program is not None and not filter_programs.is_inside(Path(program), self._writable)

    def find(self, branch: str) -> tuple[int, str] | None:
        """Return number and address of the open pull request of a branch, or None."""
        fields = ("--state", "open", "--json", "number,url")
        found = self._json("pr", "list", "--repo", self._web, "--head", branch, *fields)
        return (int(found[0]["number"]), str(found[0]["url"])) if found else None

    def open(self, branch: str, base: str, title: str, body: str, *, draft: bool = False) -> tuple[int, str]:
        """Open a pull request, unless the branch has one; returns its number and address."""
        if (known := self.find(branch)) is not None:
            return known
        words = ("pr", "create", "--repo", self._web, "--head", branch, "--base", base, "--title", title)
        said = self._run(*words, "--body-file", "-", *(["--draft"] if draft else []), stdin=body)
        url = next((line.strip() for line in reversed(said.splitlines()) if _NUMBER.search(line)), "")
        number = _NUMBER.search(url)
        if number is None:
            raise Refused(f"gh did not say which pull request it opened: {first_line(said)}", hint="see: gh pr list")
        return int(number[1]), url

    def look(self, number: int) -> PullState:
        """Return a pull request with its checks, reviews and comments."""
        fields = "state,headRefOid,statusCheckRollup,reviews,comments"
        seen = self._json("pr", "view", str(number), "--repo", self._web, "--json", fields)
        host, _, name = self._web.partition("/")
        lines = self._pages("api", "--hostname", host, "--paginate", f"repos/{name}/pulls/{number}/comments")
        remarks = (*map(_review, seen["reviews"]), *map(_comment, seen["comments"]), *map(_line_comment, lines))
        checks = tuple(map(_check, seen["statusCheckRollup"] or ()))
        return PullState(seen["state"], seen["headRefOid"], checks, tuple(one for one in remarks if one is not None))

    def issue(self, number: str) -> Issue:
        """Return an issue, by its number or its address."""
        where = () if number.startswith("https://") else ("--repo", self._web)
        fields = "number,title,url,author,body,comments"
        seen = self._json("issue", "view", number, *where, "--json", fields)
        comments = tuple(one for one in map(_comment, seen["comments"]) if one is not None)
        return Issue(
            int(seen["number"]), str(seen["title"]), str(seen["url"]), _login(seen), str(seen["body"] or ""), comments
        )

    def _pages(self, *words: str) -> list[Any]:
        """Return the items of all pages, which an older gh prints as one list after the other."""
        said, decoder, items = self._run(*words).strip(), json.JSONDecoder(), []
        while said:
            try:
                page, end = decoder.raw_decode(said)
            except ValueError:
                raise _no_json(words[0]) from None
            items += page
            said = said[end:].lstrip()
        return items

    def _json(self, *words: str) -> Any:  # noqa: ANN401 -- JSON has no narrower type
        said = self._run(*words)
        try:
            return json.loads(said)
        except ValueError:
            raise _no_json(words[0]) from None

    def _run(self, *words: str, stdin: str = "") -> str:
        if not self.is_there:
            raise ToolMissing("`gh` is not installed", hint="install it: https://cli.github.com, then: gh auth login")
        with temporary.directory(self._scratch) as room:
            env = environment({**_QUIET, "PATH": self._path})
            text = stdin.encode("utf-8", "replace")
            done = process.run(
                ("gh", *words), cwd=room, env=env, stdin=text, deadline=DEADLINE, check=False, most=_MOST
            )
        if done.code == 0:
            return done.text
        if done.code == _NOT_LOGGED_IN or "gh auth login" in done.complaint:
            raise Refused("you are not logged in to GitHub on this machine", hint="type: gh auth login")
        raise CommandFailed(
            f"`gh {' '.join(words[:2])}` failed: {first_line(done.complaint)}",
            code=done.code,
            hint="see: gh auth status",
        )


def _no_json(word: str) -> CommandFailed:
    return CommandFailed(f"`gh {word}` did not answer in JSON", hint="update gh")


def _login(seen: dict[str, Any]) -> str:
    return str((seen.get("author") or seen.get("user") or {}).get("login") or "somebody")


def _review(seen: dict[str, Any]) -> Remark | None:
    verdict = {"APPROVED": "approves", "CHANGES_REQUESTED": "asks for changes"}.get(seen["state"], "")
    text = str(seen.get("body") or "")
    return Remark(f"review-{seen['id']}", _login(seen), text, verdict=verdict) if text or verdict else None


def _comment(seen: dict[str, Any]) -> Remark | None:
    text = str(seen.get("body") or "")
    return Remark(f"comment-{seen['id']}", _login(seen), text) if text else None


def _line_comment(seen: dict[str, Any]) -> Remark | None:
    line = seen.get("line") or seen.get("original_line")
    where = f"{seen.get('path') or ''}:{line}" if line else str(seen.get("path") or "")
    return Remark(f"line-{seen['id']}", _login(seen), str(seen.get("body") or ""), where)


def _check(seen: dict[str, Any]) -> RemoteCheck:
    name = str(seen.get("name") or seen.get("context") or "check")
    workflow = str(seen.get("workflowName") or "")
    result = str(seen.get("conclusion") or seen.get("state") or "").upper()
    ended = str(seen.get("status") or "COMPLETED").upper() == "COMPLETED" and result not in _RUNNING
    passed = None if not ended else result not in _FAILED
    where = str(seen.get("detailsUrl") or seen.get("targetUrl") or "")
    return RemoteCheck(f"{workflow} / {name}" if workflow else name, passed, where)
