"""Worktrees that are too large to be watched, or to be counted at all: what that costs, and that the row says so."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from orchestra.actions.session import manage
from orchestra.drivers.file_events import MOST
from orchestra.drivers.git import worktree_diff, worktree_snapshot
from orchestra.model import Intent, State
from orchestra.project import Project
from orchestra.service.delivery.presence import Presence
from orchestra.service.watch.count_pace import CountPace
from orchestra.service.watch.watcher import Pace, Watcher
from orchestra.views.session_list import Row
from orchestra.views.session_table import SessionTable
from tests.support.services import eventually, make_project

FAST = Pace(tick=0.02, look=0.1, diff=0.05, diff_busy=0.5, diff_idle=0.5, deliver=0.05)
MANY = 250_000
"""More than a look reads."""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory in memory."""
    made = Path(tempfile.mkdtemp(prefix="oh-", dir="/dev/shm"))
    monkeypatch.setenv("ORCHESTRA_HOME", str(made / "home"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def project(place: Path) -> Iterator[Project]:
    made = make_project(place)
    session = made.store.sessions.get("alpha")
    made.repository.add_worktree(session.worktree, session.branch, session.base)
    made.store.sessions.update("alpha", intent=Intent.RUN, state=State.WORKING, head=session.base)
    yield made
    made.store.close()


@pytest.fixture
def watcher(project: Project) -> Iterator[Watcher]:
    made = Watcher(project, Presence(), pace=FAST)
    yield made
    made.stop()


def counting(project: Project) -> str:
    return project.store.sessions.get("alpha").counting


def listed(project: Project) -> str:
    console = Console(width=200, record=True, file=StringIO())
    console.print(SessionTable([Row(project.store.sessions.get("alpha"))], datetime.now(UTC)))
    return console.export_text()


def test_more_directories_than_are_watched_are_counted_now_and_then_and_said(
    project: Project, watcher: Watcher
) -> None:
    tree = project.store.sessions.get("alpha").worktree
    for number in range(MOST):
        (tree / f"d{number}").mkdir()
        (tree / f"d{number}" / "f").touch()
    watcher.start()
    said = eventually(lambda: counting(project))
    assert said.startswith("counted every ")
    assert said.endswith(f" s: its {MOST + 1:,} directories are more than the {MOST:,} that are watched")
    assert said.partition(":")[0] in listed(project)
    assert manage.show(project, "alpha")["counting"] == said
    assert next(row for row in manage.list_sessions(project) if row["name"] == "alpha")["counting"] == said
    shutil.rmtree(tree / "d0")
    # Unprompted, a count that took a second on a busy machine is followed by a pause of fifty.
    eventually(lambda: counting(project) == "", deadline=180)
    assert "counted" not in listed(project)


def test_a_stopped_agent_s_worktree_is_not_said_to_be_counted(project: Project, watcher: Watcher) -> None:
    project.store.sessions.update("alpha", counting="counted every 60 s: for a test", intent=Intent.STOP)
    watcher.start()
    eventually(lambda: counting(project) == "")


def test_a_scan_that_takes_too_long_is_given_up_and_said(
    project: Project, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.store.sessions.update("alpha", diff=replace(project.store.sessions.get("alpha").diff, files=3))
    monkeypatch.setattr(worktree_snapshot, "LOOK", replace(worktree_snapshot.LOOK, seconds=-1.0))
    watcher.start()
    said = eventually(lambda: counting(project))
    assert said.startswith("not counted: the worktree could not be scanned in ")
    assert "not counted" in listed(project)
    monkeypatch.undo()
    eventually(lambda: counting(project) == "")


def test_a_count_in_vain_is_not_repeated_for_each_change() -> None:
    now = [100.0]
    pace = CountPace(FAST, clock=lambda: now[0])
    began, now[0] = now[0], now[0] + 20
    pace.counted(1, began, in_vain=True)
    assert pace.due(1, changed=True, busy=True, watched=False) == 600
    assert pace.unprompted(1, busy=True) == 600
    began, now[0] = now[0], now[0] + 0.1
    pace.counted(1, began)
    assert pace.due(1, changed=True, busy=True, watched=False) < 10


def bytes_read() -> int:
    """Return how much this process, and those it waited for, have read in all (proc(5))."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


def test_a_file_of_fifty_gigabytes_costs_no_more_than_a_short_one(project: Project) -> None:
    session = project.store.sessions.get("alpha")
    with (session.worktree / "core.dump").open("wb") as file:
        file.truncate(50 << 30)
    before, read = resource.getrusage(resource.RUSAGE_SELF), bytes_read()
    stat = worktree_diff.stat(project.repository, session.worktree, session.base)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert stat.files == 1
    assert bytes_read() - read < 64 << 20
    assert after.ru_maxrss - before.ru_maxrss < 100_000


def test_hundreds_of_thousands_of_files_are_read_within_bounds_and_the_row_says_that_there_are_more(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine may need longer; another test shows what happens then.
    monkeypatch.setattr(worktree_snapshot, "LOOK", replace(worktree_snapshot.LOOK, seconds=300.0))
    session = project.store.sessions.get("alpha")
    for folder in range(MANY // 1_000):
        heap = session.worktree / f"heap{folder}"
        heap.mkdir()
        directory = os.open(heap, os.O_RDONLY)
        for number in range(1_000):
            os.mknod(f"{number}", dir_fd=directory)
        os.close(directory)
    before = resource.getrusage(resource.RUSAGE_SELF)
    stat = worktree_diff.stat(project.repository, session.worktree, session.base)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert stat.uncounted > 0
    assert stat.files >= 100_000
    assert after.ru_maxrss - before.ru_maxrss < 500_000
    project.store.sessions.update("alpha", diff=stat)
    assert "≥" in listed(project)
