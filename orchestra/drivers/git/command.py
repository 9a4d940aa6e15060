"""The only way to call git: pinned to a directory of the host, isolated from the environment, without hooks."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestra.drivers import process
from orchestra.drivers.git import index_lock
from orchestra.drivers.process import Completed
from orchestra.errors import CommandFailed

# The person decides where their own settings are; every other GIT_* variable could redirect a call.
_KEPT = frozenset({"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"})
_FIXED = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_EDITOR": "false",
    "GIT_PAGER": "cat",
    "LC_ALL": "C.UTF-8",
    "LANGUAGE": "",
}
_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "submodule.recurse": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "commit.gpgSign": "false",
    "log.showSignature": "false",
    "advice.detachedHead": "false",
    "protocol.allow": "never",
}
_FIRST_WAIT = 0.02
_LAST_WAIT = 0.64
_LOCKED = re.compile(r"'(.+\.lock)': File exists")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the process environment without any variable that could redirect git, plus ``extra``."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    return clean | _FIXED | dict(extra or {})


@dataclass(frozen=True, slots=True)
class Git:
    """Git, pinned to one git directory and optionally to one work tree and index.

    A pinned call never looks for a repository, so a ``.git`` that an agent wrote is not read.
    ``settings`` are added to those that switch off hooks, monitors and background work.
    """

    git_dir: Path
    work_tree: Path | None = None
    index: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep

    def run(self, *args: str, stdin: bytes | None = None, check: bool = True, deadline: float = 30.0) -> Completed:
        """Run one git command; ``deadline`` is in seconds.

        If another git holds a lock, retries for about a second; a lock that a killed process of ours left is removed.
        Raises what `process.run` raises.
        """
        wait = _FIRST_WAIT
        while True:
            done = self._once(args, stdin, deadline)
            lock = _lock_met(done)
            if lock is None or wait > _LAST_WAIT:
                break
            if not index_lock.clear(lock):
                self.sleep(wait)
            wait *= 2
        if check and done.code != 0:
            raise _failure(done)
        return done

    def stream(self, take: Callable[[bytes], bool], *args: str, deadline: float = 30.0) -> bool:
        """Run one git command and pass on its output, as `process.stream` does."""
        directory = self.work_tree or self.git_dir
        return process.stream(self.command(*args), take, cwd=directory, env=self.environment(), deadline=deadline)

    def text(self, *args: str, deadline: float = 30.0) -> str:
        """Run one git command and return its output without the final newline."""
        return self.run(*args, deadline=deadline).text.rstrip("\n")

    def lines0(self, *args: str, deadline: float = 30.0) -> list[str]:
        """Run a git command that ends each item with NUL (``-z``) and return the items."""
        return self.run(*args, deadline=deadline).text.split("\0")[:-1]

    def ask(self, *args: str, deadline: float = 30.0) -> bool:
        """Run a git command that answers with exit code 0 or 1; raises CommandFailed for any other."""
        done = self.run(*args, check=False, deadline=deadline)
        if done.code not in {0, 1}:
            raise _failure(done)
        return done.code == 0

    def at(self, index: Path) -> Git:
        """Return the same git with another index file."""
        return replace(self, index=index)

    def command(self, *args: str) -> tuple[str, ...]:
        """Return the argument vector that `run` starts."""
        return ("git", *args)

    def environment(self) -> dict[str, str]:
        """Return the environment that `run` passes to git; it contains the settings, so that no argument list does."""
        pinned = {"GIT_DIR": os.fspath(self.git_dir)}
        if self.work_tree is not None:
            pinned["GIT_WORK_TREE"] = os.fspath(self.work_tree)
        if self.index is not None:
            pinned["GIT_INDEX_FILE"] = os.fspath(self.index)
        return environment({**pinned, **as_variables({**_SETTINGS, **self.settings}), **self.variables})

    def _once(self, args: tuple[str, ...], stdin: bytes | None, deadline: float) -> Completed:
        return process.run(
            self.command(*args),
            cwd=self.work_tree or self.git_dir,
            env=self.environment(),
            stdin=stdin,
            deadline=deadline,
            check=False,
        )


def as_variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Return git settings as environment variables; unlike with ``-c``, a name may then contain any character.

    Source: git-config(1), GIT_CONFIG_COUNT.
    """
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables


def _lock_met(done: Completed) -> Path | None:
    """Return the lock of another git that a command failed at."""
    met = _LOCKED.search(done.complaint) if done.code != 0 else None
    return Path(met.group(1)) if met else None


def _failure(done: Completed) -> CommandFailed:
    hint = (
        "another git is running here, or one was killed: if none is running, delete that lock file"
        if _lock_met(done)
        else ""
    )
    return process.failure(done, hint=hint)
