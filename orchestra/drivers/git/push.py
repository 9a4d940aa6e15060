"""Push a branch as the person's own git would, with no program or setting that an agent can change."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestra.drivers import process, temporary
from orchestra.drivers.git import filter_programs
from orchestra.drivers.git.command import as_variables, environment
from orchestra.drivers.git.filter_programs import Setting
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.process import Completed, first_line
from orchestra.errors import NotFound, Refused

DEADLINE = 300.0
"""Seconds for one push, the person's own hook included."""
_PROTOCOLS = "file:git:http:https:ssh"
_USED = ("core.sshcommand", "core.askpass", "core.gitproxy", "core.hookspath", "ssh.", "http.", "https.", "credential.")
_NAMES = ("remote.", "branch.", "url.", "push.")
"""What settings begin with that decide where a push goes, or which programs it runs (git-config(1))."""
_COMMANDS = re.compile(r"core\.sshcommand|core\.askpass|core\.gitproxy|credential\.(.*\.)?helper")
_ADDRESS = re.compile(
    r"(?:[a-z+]+://(?:[^@/]*@)?(?P<host>[^:/]+)(?::\d+)?/|(?:[^@/:]+@)?(?P<short>[^:/]+):)(?P<path>.+)"
)
_LOG_IN = re.compile(
    r"authentication failed|permission denied|could not read (user|pass)|terminal prompts disabled", re.IGNORECASE
)
_AWAY = re.compile(
    r"could not resolve host|timed out|connection refused|unable to access|not appear to be a git", re.IGNORECASE
)
_PROTECTED = re.compile(r"protected branch|hook declined|GH\d{3}|remote rejected", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Remote:
    """One of the person's remotes; ``web`` is its host and path, as in ``github.com/owner/name``, or empty."""

    name: str
    url: str
    web: str


def remote_of(repo: Repository, branch: str, wanted: str = "") -> Remote:
    """Return the remote that git pushes ``branch`` to, or the ``wanted`` one; raises NotFound."""
    known = {setting.key: setting.value for setting in filter_programs.settings_of(repo.git())}
    names = [key.removeprefix("remote.").removesuffix(".url") for key in known if re.fullmatch(r"remote\..+\.url", key)]
    usual = (f"branch.{branch}.pushremote", "remote.pushdefault", f"branch.{branch}.remote")
    chosen = [wanted] if wanted else [*(known.get(key, "") for key in usual), "origin", *names[:1]]
    name = next((name for name in chosen if name in names), "")
    if not name:
        what = f" called {wanted!r}" if wanted else ""
        raise NotFound(f"this repository has no remote{what}", hint="add one: git remote add origin URL")
    url = known[f"remote.{name}.url"]
    return Remote(name, url, _web(url))


def push(
    repo: Repository, remote: Remote, commit: str, branch: str, *, writable: Sequence[Path], hooks: bool = True,
    lease: str | None = None, deadline: float = DEADLINE,
) -> str:  # fmt: skip
    """Push a commit to a branch of a remote, forwards only; returns a remark, often empty.

    ``writable`` are the directories that agents can write. The person's hook ``pre-push`` runs, in an empty directory,
    unless an agent can change it. With ``lease`` the branch may be rewritten if the remote has it at that commit.
    Raises Refused, with what to do.
    """
    # The others are Orchestra's own.
    settings = [setting for setting in filter_programs.settings_of(repo.git()) if setting.origin is not None]
    _require_safe(settings, writable, repo.common_dir)
    _require_far(repo, remote, writable)
    hook, remark = _hooks(repo, settings, writable) if hooks else ("/dev/null", "")
    forced = [f"--force-with-lease=refs/heads/{branch}:{lease}"] if lease is not None else []
    with temporary.directory(repo.scratch) as directory:
        room = directory / "room"
        room.mkdir()
        words = ("git", "push", "--porcelain", *forced, "--", remote.name, f"{commit}:refs/heads/{branch}")
        variables = _environment(repo, room, hook, filter_programs.trusted_path(writable))
        done = process.run(words, cwd=room, env=variables, deadline=deadline, check=False)
    if done.code != 0:
        raise _failure(done, remote, branch)
    return remark


def _environment(repo: Repository, room: Path, hooks: str, path: str) -> dict[str, str]:
    settings = {
        "core.hooksPath": hooks,
        "core.fsmonitor": "false",
        "gc.auto": "0",
        "maintenance.auto": "false",
        "push.gpgSign": "false",
        "push.followTags": "false",
        "push.recurseSubmodules": "no",
    }
    pinned = {"GIT_DIR": os.fspath(repo.common_dir), "GIT_WORK_TREE": os.fspath(room), "PATH": path}
    named = environment({**pinned, **as_variables(settings), "GIT_ALLOW_PROTOCOL": _PROTOCOLS})
    return named | {"GIT_SSH_COMMAND": ssh} if (ssh := os.environ.get("GIT_SSH_COMMAND", "")) else named


def _require_safe(settings: Sequence[Setting], writable: Sequence[Path], own: Path) -> None:
    for setting in settings:
        key = setting.key.lower()
        if not key.startswith((*_USED, *_NAMES)):
            continue
        if setting.origin is not None and filter_programs.is_agents(setting.origin, writable, own):
            raise Refused(
                f"the git setting {setting.key} is from {setting.origin}, which an agent can change",
                hint="move it to your own settings: git config --global",
            )
        if _COMMANDS.fullmatch(key) and (word := _unsafe(key, setting.value, writable)):
            raise Refused(
                f"the git setting {setting.key} runs {word!r}, which is not found or which an agent can change",
                hint=f"see: git config --show-origin --get-all {setting.key}",
            )
        if key.endswith((".receivepack", ".vcs")):
            raise Refused(
                f"Orchestra does not push with the git setting {setting.key}", hint="push it yourself: git push"
            )


def _unsafe(key: str, value: str, writable: Sequence[Path]) -> str:
    """Return the part of a program's setting that is not safe; a helper may have only a name (gitcredentials(7))."""
    if not value:
        return ""
    if key.endswith(".helper"):
        if value.startswith("!"):
            value = value[1:]
        elif not value.startswith(("/", "~")):
            name, _, rest = value.partition(" ")
            return "" if not filter_programs.unsafe_word(f"true {rest}", writable) and "/" not in name else value
    return filter_programs.unsafe_word(value, writable)


def _require_far(repo: Repository, remote: Remote, writable: Sequence[Path]) -> None:
    """Refuse a repository that an agent can write: its hooks would run on this machine."""
    address = repo.git().text("remote", "get-url", "--push", remote.name).removeprefix("file://")
    if "::" in address.partition("/")[0]:
        raise Refused(f"Orchestra does not push to {remote.url}", hint="push it yourself: git push")
    if _ADDRESS.fullmatch(address) is None or address.startswith("/"):
        path = Path(address).expanduser()
        if not path.is_absolute():
            whole = shlex.quote(os.path.normpath(repo.root / path))
            hint = f"name the whole path: git remote set-url {remote.name} {whole}"
            raise Refused(f"the remote {remote.name} is the relative path {address}", hint=hint)
        if filter_programs.is_inside(path, writable):
            raise Refused(f"the remote {remote.name} is in {path}, which an agent can change", hint="move it elsewhere")


def _hooks(repo: Repository, settings: Sequence[Setting], writable: Sequence[Path]) -> tuple[str, str]:
    """Return the directory of the person's hooks, and a remark if they do not run."""
    named = next((one.value for one in reversed(settings) if one.key.lower() == "core.hookspath"), "")
    directory = Path(named).expanduser() if named else repo.common_dir / "hooks"
    hook = (directory if directory.is_absolute() else repo.root / directory) / "pre-push"
    if not os.path.lexists(hook):
        return os.devnull, ""
    if not directory.is_absolute() or filter_programs.is_agents(hook, writable, repo.common_dir):
        return os.devnull, f"your hook {hook} did not run, because an agent can change it"
    return os.fspath(directory), ""


def _failure(done: Completed, remote: Remote, branch: str) -> Refused:
    rejected = next((line for line in done.text.splitlines() if line.startswith("!")), "")
    said = f"{rejected}\n{done.complaint}"
    if "non-fast-forward" in said or "fetch first" in said or "stale info" in said:
        return Refused(
            f"{remote.name} has commits on {branch} that this branch does not have",
            hint=f"look at them: git fetch {remote.name} {branch}; to replace them: orchestra pr NAME --force",
        )
    if _PROTECTED.search(said):
        reason = first_line(_remote_words(done.complaint)) or rejected
        return Refused(f"{remote.name} does not accept {branch}: {reason}", hint="see the rules of that branch there")
    if _LOG_IN.search(said):
        return Refused(
            f"{remote.name} does not let you in: {first_line(done.complaint)}",
            hint=f"log in: gh auth login; or find out with: git push --dry-run {remote.name}",
        )
    if _AWAY.search(said):
        return Refused(
            f"{remote.name} cannot be reached: {first_line(done.complaint)}",
            hint=f"see: git remote get-url {remote.name}",
        )
    reason = first_line(done.complaint) or rejected
    return Refused(
        f"the push to {remote.name} failed: {reason}", hint="without your hook pre-push: orchestra pr NAME --no-verify"
    )


def _remote_words(complaint: str) -> str:
    """Return the lines that the other side said."""
    words = (line.removeprefix("remote:").strip() for line in complaint.splitlines() if line.startswith("remote:"))
    return "\n".join(line for line in words if line)


def _web(url: str) -> str:
    found = _ADDRESS.fullmatch(url)
    if found is None or url.startswith("file:"):
        return ""
    path = found["path"].strip("/").removesuffix(".git")
    return f"{found['host'] or found['short']}/{path}"
