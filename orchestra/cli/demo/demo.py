"""The demo: Orchestra with the offline agent on a sample repository, and a report of what happened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from orchestra.cli.dispatch import say
from orchestra.drivers.sandbox.docker import engine_version
from orchestra.errors import DeadlineExceeded, OrchestraError, Refused

PATIENCE = 300.0
"""Seconds that the demo may take; it takes about fifteen once the image exists."""
CHECK = "python3 -m unittest -q"
"""What must pass on each merged tree."""
EXECUTORS = ("add-kelvin", "command-line")
"""The sessions that the designer's script creates."""
_POLL = 0.2


@dataclass(frozen=True, slots=True)
class Stage:
    """The demo's own directory, so that nothing of the person's is touched."""

    root: Path
    sandbox: str

    @property
    def repository(self) -> Path:
        """The sample repository."""
        return self.root / "tempo"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every command of the demo."""
        mine = {"ORCHESTRA_HOME": str(self.root / "home"), "ORCHESTRA_AGENT": "rehearsal"}
        return {**os.environ, **mine}

    def command(self, *words: str) -> tuple[str, ...]:
        """Return a command of this installation on the sample repository."""
        return (sys.executable, "-m", "orchestra", "--project", str(self.repository), *words)

    def run(self, *words: str) -> str:
        """Run a command as the person would; raises Refused with what it said when it fails."""
        done = subprocess.run(
            self.command(*words), env=self.environment, stdout=subprocess.PIPE, text=True, check=False, timeout=1800
        )
        if done.returncode != 0:
            raise Refused(f"orchestra {' '.join(words)} ended with {done.returncode}", hint="its output above says why")
        return done.stdout

    def json(self, *words: str) -> Any:  # noqa: ANN401 -- JSON has no narrower type
        """Run a command that prints JSON."""
        return json.loads(self.run(*words, "--json"))


def run_demo(*, play: bool, sandbox: str, keep: bool) -> None:
    """Run the demo; on a terminal the person watches and merges by key."""
    stage = set_stage(choose_sandbox(sandbox))
    try:
        if play or not sys.stdout.isatty():
            perform(stage)
        else:
            _watch(stage)
    finally:
        if keep or (os.environ.get("TMUX") and not play):
            say(f"the sample repository is kept: {stage.repository}")
            say(f"to end it: ORCHESTRA_HOME={stage.root}/home orchestra --project {stage.repository} down --stop")
        else:
            strike(stage)
            say("everything the demo made has been removed")


def choose_sandbox(wanted: str) -> str:
    """Return where the demo's agents run, and print it."""
    if wanted != "auto":
        return wanted
    try:
        say(f"Docker engine {engine_version()} answers: every agent runs in a container")
    except OrchestraError as error:
        say(f"no Docker engine: {error.message}")
        say("so the agents run directly on this machine (sandbox: host), without any isolation")
        return "host"
    return "docker"


def set_stage(sandbox: str) -> Stage:
    """Make the sample repository, with one commit."""
    stage = Stage(Path(tempfile.mkdtemp(prefix="orchestra-demo-")), sandbox)
    with as_file(files("orchestra.cli.demo") / "sample") as sample:
        shutil.copytree(sample, stage.repository, ignore=shutil.ignore_patterns("__pycache__"))
    (stage.repository / ".gitignore").write_text("__pycache__/\n")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "Begin tempo")):
        _git(stage, *words)
    return stage


def _git(stage: Stage, *words: str) -> str:
    person = ("-c", "user.name=You", "-c", "user.email=you@example.invalid", "-c", "core.hooksPath=/dev/null")
    if words[0] == "commit":
        words = ("commit", "--no-gpg-sign", *words[1:])
    elif words[0] == "init":
        subprocess.run(("git", *words), cwd=stage.repository, check=True, timeout=60)
        for key, value in (("user.name", "You"), ("user.email", "you@example.invalid")):
            subprocess.run(("git", "config", key, value), cwd=stage.repository, check=True, timeout=60)
        return ""
    done = subprocess.run(
        ("git", *person, *words), cwd=stage.repository, check=True, timeout=60, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def _task() -> str:
    return (files("orchestra.cli.demo") / "sample.md").read_text(encoding="utf-8")


def up_command(stage: Stage, *words: str) -> tuple[str, ...]:
    """Return the command that starts Orchestra on the stage."""
    return stage.command("up", "--sandbox", stage.sandbox, "--task", _task(), *words)


def _watch(stage: Stage) -> None:
    say("the designer follows its script; merge finished work with M in the control pane, leave with q")
    done = subprocess.run(up_command(stage), env=stage.environment, check=False)
    if done.returncode != 0:
        raise Refused(f"orchestra up ended with {done.returncode}", hint="its output above says why")


def perform(
    stage: Stage, *, clock: Callable[[], float] = time.monotonic, pause: Callable[[float], None] = time.sleep
) -> None:
    """Run the demo to its end without a terminal and print what happened.

    Raises DeadlineExceeded, or Refused with the parts that did not happen.
    """
    begun = clock()
    stage.run(*up_command(stage, "--detach")[5:])
    for name in EXECUTORS:
        _await_done(stage, name, begun + PATIENCE, clock, pause)
    say("both executors report COMPLETE; next, their work is reviewed and merged")
    for name in EXECUTORS:
        sys.stdout.write(f"\n$ orchestra diff {name} --stat\n{stage.run('diff', name, '--stat')}")
        sys.stdout.write(f"$ orchestra merge {name} --check '{CHECK}'\n{stage.run('merge', name, '--check', CHECK)}")
    account(stage)
    say(f"the demo took {clock() - begun:.0f} s")


def _await_done(
    stage: Stage, name: str, end: float, clock: Callable[[], float], pause: Callable[[float], None]
) -> None:
    while True:
        states = {row["name"]: row["state"] for row in stage.json("list")}
        if states.get(name) == "done":
            return
        if "failed" in states.values() or clock() > end:
            raise DeadlineExceeded(
                f"{name} is not done; the sessions are {states}",
                hint="to keep the sample repository and look: orchestra demo --keep",
            )
        pause(_POLL)


def account(stage: Stage) -> None:
    """Print sessions, messages, commits and merges; raises Refused if one of them did not happen."""
    messages = stage.json("inbox")
    kinds = [message["kind"] for message in messages]
    log = _git(stage, "log", "--graph", "--format=%h %an: %s")
    tree = _git(stage, "ls-tree", "-r", "--name-only", "HEAD").split()
    happened = {
        "an executor reported a missing dependency": "error" in kinds,
        "the designer answered it": any(
            message["sender"] == "main" and message["recipient"] == EXECUTORS[0] for message in messages
        ),
        "both executors reported COMPLETE": kinds.count("complete") == len(EXECUTORS),
        "both branches are merged": {"tempo/kelvin.py", "tempo/__main__.py"} <= set(tree),
        "the checkout was updated": (stage.repository / "tempo" / "kelvin.py").is_file(),
        "the checkout is clean": not _git(stage, "status", "--porcelain").strip(),
    }
    letters = "\n".join(_letter(message) for message in messages)
    sys.stdout.write(f"\nSessions\n{_sessions(stage)}\n\nMessages\n{letters}\n\nCommits\n{log}\n")
    for part, true in happened.items():
        sys.stdout.write(f"  {'✓' if true else '✗'} {part}\n")
    sys.stdout.flush()
    if missing := [part for part, true in happened.items() if not true]:
        raise Refused(
            f"the demo did not finish. Missing: {'; '.join(missing)}",
            hint="to keep the sample repository and look: orchestra demo --keep",
        )


def _sessions(stage: Stage) -> str:
    rows = stage.json("list")
    return "\n".join(f"  {row['name']:<14} {row['role']:<9} {row['state']:<8} {row['branch']}" for row in rows)


def _letter(message: dict[str, Any]) -> str:
    head = f"  {message['id']}  {message['sender']} → {message['recipient']}  ({message['kind']}, {message['state']})"
    return "\n".join([head, textwrap.indent(textwrap.fill(message["text"], 90), "       ")])


def strike(stage: Stage) -> None:
    """End everything the demo started, and remove its directory."""
    for words in (("down", "--stop"), ("gc", "--everything", "--yes")):
        subprocess.run(stage.command(*words), env=stage.environment, capture_output=True, timeout=120, check=False)
    shutil.rmtree(stage.root, ignore_errors=True)
