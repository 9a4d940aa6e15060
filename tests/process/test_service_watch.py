"""The watcher: what it notices, what it does about it, and that no session's trouble stops it."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.errors import ToolMissing
from orchestra.model import Intent, MessageKind, Session, State
from orchestra.project import Project
from orchestra.service.delivery.presence import Presence
from orchestra.service.watch.jobs import OVERTIME, Jobs
from orchestra.service.watch.watcher import Pace, Watcher
from tests.support.services import eventually, make_project

FAST = Pace(tick=0.02, look=0.1, diff=0.05, diff_busy=0.5, diff_idle=0.5, deliver=0.05)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    made = make_project(tmp_path)
    for name in ("alpha", "beta"):
        session = made.store.sessions.get(name)
        made.repository.add_worktree(session.worktree, session.branch, session.base)
        made.store.sessions.update(name, intent=Intent.RUN, state=State.WORKING, head=session.base)
    yield made
    made.store.close()


@pytest.fixture
def watcher(project: Project) -> Iterator[Watcher]:
    made = Watcher(project, Presence(), pace=FAST)
    made.start()
    yield made
    made.stop()


def commit(session: Session, text: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    (session.worktree / f"{text}.txt").write_text(text)
    for command in (("add", "-A"), ("commit", "-q", "-m", text)):
        subprocess.run(("git", *identity, *command), cwd=session.worktree, check=True, timeout=60)


@pytest.mark.usefixtures("watcher")
def test_a_commit_is_seen_by_itself(project: Project) -> None:
    session = project.store.sessions.get("alpha")
    commit(session, "one")
    eventually(lambda: project.store.sessions.get("alpha").commits == 1)
    commit(session, "two")
    eventually(lambda: project.store.sessions.get("alpha").commits == 2)


@pytest.mark.usefixtures("watcher")
def test_uncommitted_and_new_files_show_in_the_diff(project: Project) -> None:
    (project.store.sessions.get("alpha").worktree / "new.txt").write_text("a\nb\n")
    eventually(lambda: project.store.sessions.get("alpha").diff.insertions == 2)
    assert project.store.sessions.get("beta").diff.insertions == 0


@pytest.mark.usefixtures("watcher")
def test_a_saved_spec_becomes_a_version_and_a_message(project: Project) -> None:
    place = project.session_paths(project.store.sessions.get("alpha"))
    place.spec.parent.mkdir(parents=True, exist_ok=True)
    place.spec.write_text("build a bridge\n")
    eventually(lambda: project.store.specs.get("alpha"))
    (told,) = eventually(lambda: project.store.messages.select(recipient="alpha"))
    assert told.kind is MessageKind.SPEC
    assert "+build a bridge" in told.text
    place.spec.write_text("build a tunnel\n")
    eventually(lambda: len(project.store.messages.select(recipient="alpha")) == 2)


@pytest.mark.usefixtures("watcher")
def test_one_session_s_trouble_does_not_stop_the_others(project: Project) -> None:
    shutil.rmtree(project.store.sessions.get("alpha").worktree)
    project.store.sessions.update("alpha", base="0" * 40, agent="no-such-profile")
    project.store.messages.post("main", "alpha", MessageKind.MESSAGE, "hello")
    commit(project.store.sessions.get("beta"), "still")
    eventually(lambda: project.store.sessions.get("beta").commits == 1)


@pytest.fixture
def told(project: Project) -> Iterator[Watcher]:
    """A watcher that learns of files from the kernel's events alone."""
    never = 3600.0
    pace = Pace(look=0.1, sweep=never, sweep_work=never, diff_busy=never, diff_idle=never)
    made = Watcher(project, Presence(), pace=pace)
    made.start()
    eventually(lambda: project.store.notes.diff_mark(project.store.sessions.get("beta").id))
    yield made
    made.stop()


@pytest.mark.usefixtures("told")
def test_files_directories_commits_and_specs_are_seen_by_events_alone(project: Project) -> None:
    session = project.store.sessions.get("alpha")
    for number, directory in enumerate(("", "new", "new/deep"), 1):
        (session.worktree / directory).mkdir(exist_ok=True)
        (session.worktree / directory / "file").write_text("one\n")
        eventually(lambda number=number: project.store.sessions.get("alpha").diff.insertions == number)  # type: ignore[misc]
    (session.worktree / "new/deep/file").write_text("one\ntwo\n")
    eventually(lambda: project.store.sessions.get("alpha").diff.insertions == 4)
    commit(session, "done")
    eventually(lambda: project.store.sessions.get("alpha").commits == 1)
    place = project.session_paths(session)
    place.spec.parent.mkdir(parents=True, exist_ok=True)
    place.spec.write_text("build a bridge\n")
    eventually(lambda: project.store.specs.get("alpha"))


def test_a_missed_event_is_found_by_the_next_sweep(project: Project) -> None:
    watcher = Watcher(project, Presence(), pace=Pace(sweep=0.3, sweep_work=0.3))
    # Its events are never read.
    thread = threading.Thread(target=watcher._run)  # noqa: SLF001 -- its loop without its events
    thread.start()
    try:
        eventually(lambda: project.store.notes.diff_mark(project.store.sessions.get("alpha").id))
        commit(project.store.sessions.get("alpha"), "one")
        eventually(lambda: project.store.sessions.get("alpha").commits == 1)
        (project.store.sessions.get("alpha").worktree / "new.txt").write_text("a\nb\n")
        eventually(lambda: project.store.sessions.get("alpha").diff.insertions == 3)
    finally:
        watcher._stop.set()  # noqa: SLF001 -- as above
        thread.join()
        watcher._jobs.close()  # noqa: SLF001 -- as above


def test_a_job_never_runs_twice_at_once() -> None:
    jobs = Jobs()
    started, done = threading.Event(), threading.Event()

    def long() -> None:
        started.set()
        done.wait(60)

    assert jobs.offer("key", long, pause=0)
    assert started.wait(60)
    assert not jobs.offer("key", long, pause=0)
    assert jobs.offer("other", int, pause=0)
    done.set()
    assert eventually(lambda: jobs.offer("key", long, pause=0))
    jobs.close()


@pytest.mark.parametrize(("share", "rest"), [(4.0, 12.0), (0.0, 1.0)])
def test_a_long_job_rests_as_its_kind_allows(share: float, rest: float) -> None:
    now, ended = [0.0], threading.Event()
    jobs = Jobs(clock=lambda: now[0], ended=ended.set)

    def long() -> None:
        now[0] += 3

    def again() -> bool:
        return jobs.offer("key", int, pause=1, share=share)

    assert jobs.offer("key", long, pause=1, share=share)
    assert ended.wait(60)
    now[0] = 3 + rest - 0.1
    assert not again()
    now[0] = 3 + rest
    assert again()
    jobs.close()


def test_a_failing_job_is_tried_again_later_and_later() -> None:
    now, ended = [0.0], threading.Event()
    jobs = Jobs(clock=lambda: now[0], ended=ended.set)
    runs: list[float] = []

    def fail() -> None:
        runs.append(now[0])
        raise ToolMissing("there is no hammer")

    for _ in range(4):
        while not jobs.offer("key", fail, pause=1, slowest=6):
            now[0] += 1
        assert ended.wait(60)
        ended.clear()
    assert runs == [0, 2, 6, 12]
    jobs.close()


def test_jobs_that_hang_keep_nobody_else_waiting() -> None:
    now = [0.0]
    jobs, end = Jobs(2, clock=lambda: now[0]), threading.Event()
    for name in "ab":
        assert jobs.offer(name, lambda: end.wait(60), pause=0)
    assert not jobs.offer("innocent", int, pause=0), "two are at work"
    assert jobs.offer("delivery", int, pause=0, urgent=True)
    now[0] = OVERTIME
    assert jobs.offer("innocent", int, pause=0)
    assert not jobs.offer("a", int, pause=0), "it still hangs"
    end.set()
    jobs.close()


def test_a_long_look_rests_longer_than_a_failing_job() -> None:
    now, ended = [0.0], threading.Event()
    jobs = Jobs(clock=lambda: now[0], ended=ended.set)

    def long() -> None:
        now[0] += 40

    assert jobs.offer("look", long, pause=1, slowest=600)
    assert ended.wait(60)
    now[0] = 40 + 4 * 40 - 1
    assert not jobs.offer("look", int, pause=1, slowest=600)
    now[0] += 2
    assert jobs.offer("look", int, pause=1, slowest=600)
    jobs.close()
