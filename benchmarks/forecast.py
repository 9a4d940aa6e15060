"""How quickly the conflicts of many sessions are foreseen after one has changed a file, beside git's own merges."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.ground import repository_at, settle
from benchmarks.table import Goal, Row, of_pairs
from orchestra.actions.landing.forecast import Forecaster
from orchestra.actions.work import refresh
from orchestra.model import Intent, Role, SandboxKind, Session, State
from orchestra.project import Project

_GOAL = Goal(1000)
_SHARED = "shared.txt"
_LINES = 400


def forecast(effort: Effort) -> Iterator[Row]:
    """The forecast of 20 sessions' conflicts after one of them, or their branch, has changed."""
    sessions, files = effort.of(20, 3), effort.of(10_000, 200)
    root = Path(tempfile.mkdtemp(prefix="orchestra-bench-"))
    before = dict(os.environ)
    try:
        settle(root)
        text = "".join(f"{number}\n" for number in range(_LINES))
        project = Project.open(repository_at(root, files, {_SHARED: text}))
        team = [_session(project, number, text) for number in range(sessions)]
        yield from _rows(project, team, text, files, effort.times(9))
        project.store.close()
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(root, ignore_errors=True)


def _rows(project: Project, team: list[Session], text: str, files: int, rounds: int) -> Iterator[Row]:
    forecaster = Forecaster(project)
    of_all = [(_timed(forecaster.bring_up_to_date), _timed(lambda: _raw(project, team)))]
    one, one_and_look, quiet = [], [], []
    for number in range(rounds):
        _write(team[0], text, 100 + number)
        looked = _timed(lambda: refresh.refresh_diff(project, team[0]))
        ours, theirs = _timed(forecaster.bring_up_to_date), _timed(lambda: _raw(project, team[:1], team))
        one.append((ours, theirs))
        one_and_look.append((looked + ours, theirs))
        quiet.append(_timed(forecaster.bring_up_to_date))
    pairs = f"{len(team)} sessions, {files:,} files"
    own = "raw: git merge-tree of the same pairs, each a process"
    yield of_pairs(f"forecast of {pairs}: one has changed", one, _GOAL, note=own)
    yield of_pairs(f"the same with the look at its worktree: {pairs}", one_and_look, _GOAL, note=own)
    yield of_pairs(f"forecast of {pairs}: all are new", of_all, _GOAL, note=own)
    yield of_pairs("the same while nothing has changed", [(took, took) for took in quiet], note="raw: itself")


def _session(project: Project, number: int, text: str) -> Session:
    name, base = f"session-{number}", project.repository.head()[0]
    session = project.store.sessions.add(
        name=name, title=name, role=Role.EXECUTOR, agent="still", sandbox=SandboxKind.HOST, parent="main",
        branch=f"orchestra/{name}", base=base, base_branch="main", worktree=project.paths.worktrees / name,
    )  # fmt: skip
    project.repository.add_worktree(session.worktree, session.branch, base)
    project.store.sessions.update(name, intent=Intent.RUN, state=State.WORKING)
    _write(session, text, number * 10)
    (session.worktree / f"new-{number}.txt").write_text(f"{number}\n")
    refresh.refresh_diff(project, session)
    _commit(session)
    return project.store.sessions.get(name)


def _commit(session: Session) -> None:
    """Commit the worktree as another branch, for git's own merges; the session's branch and index stay."""
    index = {**os.environ, "GIT_INDEX_FILE": f"{session.worktree}.index"}

    def git(*words: str) -> str:
        command = ("git", *words)
        done = subprocess.run(command, cwd=session.worktree, env=index, check=True, capture_output=True, timeout=60)
        return done.stdout.decode().strip()

    git("add", "--all")
    commit = git("commit-tree", git("write-tree"), "-p", "HEAD", "-m", "work")
    git("branch", f"raw-{session.name}", commit)


def _write(session: Session, text: str, line: int) -> None:
    """Change a line of the file that all change; close ones conflict."""
    lines = text.splitlines()
    lines[line % _LINES] = session.name
    (session.worktree / _SHARED).write_text("".join(f"{each}\n" for each in lines))
    os.utime(session.worktree / _SHARED)


def _raw(project: Project, some: list[Session], team: list[Session] | None = None) -> None:
    """Merge the branches of each of some sessions with the target and with all others, a process for each."""
    everyone = team or some
    pairs = itertools.combinations(everyone, 2)
    wanted = [(f"raw-{one.name}", f"raw-{other.name}") for one, other in pairs if one in some or other in some]
    for one, other in [*(("main", f"raw-{session.name}") for session in some), *wanted]:
        words = ("git", "merge-tree", "--write-tree", one, other)
        subprocess.run(words, cwd=project.paths.source, check=False, stdout=subprocess.DEVNULL, timeout=60)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
