"""The running service foresees conflicts by itself, and no more once they are resolved."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.model import Intent, State
from orchestra.protocol import call
from orchestra.service.forecaster import ForecastKeeper
from tests.support.services import Running, eventually, make_project, token_of

LINES = "".join(f"{number}\n" for number in range(30))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    project = make_project(tmp_path)
    for name in ("alpha", "beta"):
        session = project.store.sessions.get(name)
        project.repository.add_worktree(session.worktree, session.branch, session.base)
        project.store.sessions.update(name, intent=Intent.RUN, state=State.WORKING, head=session.base)
    made = Running(project)
    made.start()
    yield made
    made.close()
    project.store.close()


def write(service: Running, name: str, text: str) -> None:
    (service.project.store.sessions.get(name).worktree / "new.txt").write_text(text)


def listed(service: Running) -> dict[str, list[str]]:
    """Return with whom each session will conflict, as a script sees it."""
    rows = call(service.project.paths.socket, "list", {})
    return {row["name"]: [one["with"] for one in row["conflicts"]] for row in rows if row["conflicts"]}


def test_a_row_shows_a_conflict_and_shows_it_no_more_when_it_is_resolved(service: Running) -> None:
    write(service, "alpha", LINES)
    write(service, "beta", f"{LINES}beta\n")
    eventually(lambda: listed(service) == {"alpha": ["beta"], "beta": ["alpha"]})
    seen = service.tool(token_of("main"), "forecast")
    assert "new.txt" in str(seen)
    write(service, "beta", LINES)
    eventually(lambda: listed(service) == {})


def test_a_service_that_was_killed_foresees_what_happened_meanwhile(service: Running) -> None:
    write(service, "alpha", LINES)
    write(service, "beta", f"{LINES}beta\n")
    eventually(lambda: listed(service) == {"alpha": ["beta"], "beta": ["alpha"]})
    assert service.process is not None
    service.process.send_signal(signal.SIGKILL)
    service.process.wait()
    write(service, "beta", LINES)
    service.start()
    eventually(lambda: listed(service) == {})


def test_nothing_is_compared_or_written_while_nothing_changes(service: Running) -> None:
    write(service, "alpha", LINES)
    write(service, "beta", f"{LINES}beta\n")
    eventually(lambda: listed(service) != {})
    service.kill()
    keeper = ForecastKeeper(service.project)
    assert keeper.look()
    version = service.project.store.data_version()
    assert [keeper.look() for _ in range(3)] == [False] * 3
    assert service.project.store.data_version() == version
