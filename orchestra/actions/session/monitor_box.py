"""Run a monitor: one prompt in, one answer out, in a fresh box that has nothing of any session's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra import agents, safe_files
from orchestra.actions.session import provision
from orchestra.actions.session.choose_sandbox import choose_sandbox
from orchestra.actions.session.image import build_image
from orchestra.actions.session.last_output import without_secrets
from orchestra.agents import LaunchContext, answers
from orchestra.drivers.sandbox.protocol import AGENT_FILES, AGENT_HOME, SECRETS, Box, Limits, Mount
from orchestra.errors import CommandFailed, DeadlineExceeded, UsageError
from orchestra.model import SandboxKind, Session
from orchestra.notifications import printable
from orchestra.protocol import Progress, ignore
from orchestra.summaries import INSTRUCTIONS

if TYPE_CHECKING:
    from orchestra.agents import Profile
    from orchestra.agents.answers import Answer
    from orchestra.drivers.process import Completed
    from orchestra.project import Project

DEADLINE = 120
"""Seconds for the program to start, to ask its model and to answer."""
_SLACK = 20.0
_MOST = 1 << 20
"""Bytes of an answer; what prints more is ended."""
_PRIVATE = 0o700
_TIMED_OUT = frozenset({124, 137})
"""The exit codes of timeout(1) for a program that it terminated or killed."""
# The exit code is the program's, not that of head(1), which ends a program that prints without end.
_RUN = """
exec 4>&1
code=$({ { timeout -k 5 "$2" sh "$1/launch.sh" <"$1/prompt.md" 3>&- 4>&-; echo $? >&3; } | head -c "$3" >&4; } 3>&1)
exit "$code"
"""


def monitor_of(project: Project, name: str) -> Profile:
    """Return the profile of a monitor; raises UsageError for an agent's, UnknownProfile or BadConfig."""
    profile = project.profile(name)
    if not profile.is_monitor:
        hint = "name one with `role: monitor`, such as claude-monitor: orchestra agents"
        raise UsageError(f"{name} is an agent's profile, so it cannot sum up sessions", hint=hint)
    return profile


def ask(project: Project, session: Session, profile: Profile, prompt: str, *, progress: Progress = ignore) -> Answer:
    """Let a monitor answer a prompt about a session; afterwards nothing is left of its box, files and credentials.

    The caller holds the monitor's lock. Raises CommandFailed, DeadlineExceeded, EngineDown and errors of the image.
    """
    kind = choose_sandbox(project)
    image = build_image(project, profile.name, progress=progress) if kind is SandboxKind.DOCKER else ""
    with _files(project, replace(session, sandbox=kind), profile, prompt):
        box = _box(project, kind, profile, image)
        agent_dir = AGENT_FILES if kind is SandboxKind.DOCKER else str(project.paths.monitor.agent)
        words = ("sh", "-c", _RUN, "sh", agent_dir, str(DEADLINE), str(_MOST))
        done = project.sandbox(kind).run_once(box, words, deadline=DEADLINE + _SLACK)
    return _answer(profile, done, hidden=provision.values_of(project, profile.credentials).values())


def sweep(project: Project) -> bool:
    """Remove what a killed process left of a monitor, and return whether there was something.

    The caller holds the monitor's lock. Raises EngineDown or DeadlineExceeded if a container may be left.
    """
    if not project.paths.monitor.root.exists():
        return False
    if not project.paths.monitor.home.exists():
        # Only in a container it has no home of its own here.
        project.sandbox(SandboxKind.DOCKER).end_once(project.monitor_box)
    _remove(project)
    return True


def _answer(profile: Profile, done: Completed, hidden: Iterable[str]) -> Answer:
    """Return a program's answer without any credential, because it is kept in the database."""
    hint = f"to test its login and model: orchestra agents check {profile.name}"
    if done.code in _TIMED_OUT:
        raise DeadlineExceeded(f"{profile.name} did not answer within {DEADLINE} s", hint=hint)
    found = answers.read(done.stdout[:_MOST].decode("utf-8", "replace"), profile.answer)
    answer = replace(found, text=without_secrets(found.text, hidden))
    if done.code != 0:
        lines = [line for line in (without_secrets(done.complaint, hidden) or answer.text).splitlines() if line.strip()]
        reason = printable(lines[-1]) if lines else "it said nothing"
        raise CommandFailed(f"{profile.name} ended with exit code {done.code}: {reason}", code=done.code, hint=hint)
    return answer


@contextmanager
def _files(project: Project, session: Session, profile: Profile, prompt: str) -> Iterator[None]:
    """Write what the program is started with; that its directory exists says that a box of it may exist."""
    paths = project.paths.monitor
    for directory in (paths.root, paths.agent, paths.secrets, *(() if _contained(session) else (paths.home,))):
        directory.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
    try:
        for name, value in provision.values_of(project, profile.credentials).items():
            provision.write_file(paths.secrets / name, value.encode(), 0o400)
        text = prompt.encode("utf-8", "replace")
        made = agents.monitor(profile, _context(project, session))
        for name, (content, mode) in {**made.agent_files, "prompt.md": (text, 0o444)}.items():
            provision.write_file(paths.agent / name, content, mode)
        yield
    finally:
        _remove(project)


def _contained(session: Session) -> bool:
    return session.sandbox is SandboxKind.DOCKER


def _context(project: Project, session: Session) -> LaunchContext:
    paths = project.paths.monitor
    inside, outside = (AGENT_FILES, SECRETS, AGENT_HOME), (str(paths.agent), str(paths.secrets), str(paths.home))
    agent_dir, secrets_dir, home = inside if _contained(session) else outside
    # Of the session it is told its name, and what the prompt says.
    watched = replace(session, worktree=Path(home), model="", parent=None, conversation="")
    return LaunchContext(watched, "", "", role=INSTRUCTIONS, agent_dir=agent_dir, secrets_dir=secrets_dir, home=home)


def _box(project: Project, kind: SandboxKind, profile: Profile, image: str) -> Box:
    paths, settings, contained = project.paths.monitor, project.settings, kind is SandboxKind.DOCKER
    shown = (Mount(paths.agent, AGENT_FILES, read_only=True), Mount(paths.secrets, SECRETS, read_only=True))
    home = AGENT_HOME if contained else str(paths.home)
    return Box(
        name=project.monitor_box,
        image=image,
        command=(),
        workdir=Path(home),
        mounts=shown if contained else (),
        env={"LANG": "C.UTF-8", "HOME": home},
        labels={"orchestra.project": project.paths.key},
        uid=os.getuid(),
        gid=os.getgid(),
        hostname="monitor",
        home=paths.home,
        limits=Limits(memory=settings.memory, cpus=settings.cpus, pids=settings.pids),
        bare=True,
        network=profile.network,
    )


def _remove(project: Project) -> None:
    """Remove the files, the credentials first."""
    for directory in (project.paths.monitor.secrets, project.paths.monitor.root):
        with suppress(FileNotFoundError):
            safe_files.remove(directory)
