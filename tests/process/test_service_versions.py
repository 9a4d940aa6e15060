"""A service of another version, met by this one."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from orchestra import __version__
from orchestra.actions.service_process import launch, ping, quit_service, take_environment
from orchestra.errors import Refused
from orchestra.project import Project
from orchestra.store.migrations import MIGRATIONS
from tests.support.services import DEADLINE, eventually, make_project

OLDER = """
import runpy, sys
import orchestra
orchestra.__version__ = "0.0.9"
sys.argv = ["orchestra.service", sys.argv[1]]
runpy.run_module("orchestra.service", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    made = make_project(tmp_path)
    yield made
    made.store.close()


@contextmanager
def older(project: Project) -> Iterator[subprocess.Popen[bytes]]:
    """Run a service that says it is of an older version, as its own code says it."""
    command = (sys.executable, "-c", OLDER, str(project.paths.source))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: ping(project.paths))
            yield process
        finally:
            process.kill()


RELEASED = Path(__file__).parents[1] / "unit" / "released" / "0013-no-steps.sql"


@contextmanager
def answers_pings(path: Path) -> Iterator[None]:
    """Answer every request at a socket as a running service answers a ping."""

    def answer() -> None:
        with suppress(OSError):
            while True:
                link, _ = listener.accept()
                with link:
                    link.recv(65536)
                    link.sendall(json.dumps({"result": {"version": "0.0.9"}}).encode() + b"\n")

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(DEADLINE)
    path.unlink()


def steps_taken(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM migrations")}


@contextmanager
def ours(project: Project) -> Iterator[dict[str, Any]]:
    """Run a service of this version, and give what it says of itself."""
    with launch(project.paths) as process:
        yield eventually(lambda: ping(project.paths) or {})
        quit_service(project.paths)
        assert process.wait(timeout=DEADLINE) == 0


def test_up_ends_a_service_of_another_version_so_that_its_own_can_start(project: Project) -> None:
    with older(project) as process:
        answer = ping(project.paths)
        assert answer is not None
        assert answer["version"] == "0.0.9"
        take_environment(project.paths)
        assert process.wait(timeout=DEADLINE) == 0
    with ours(project) as answer:
        assert answer["version"] == __version__


def test_a_service_of_this_version_stays(project: Project) -> None:
    with ours(project) as before:
        take_environment(project.paths)
        assert ping(project.paths) == before


def test_the_database_of_an_older_service_is_upgraded_only_once_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    paths = make_project(tmp_path).paths
    paths.database.unlink()
    with closing(sqlite3.connect(paths.database)) as connection:
        connection.executescript(RELEASED.read_text(encoding="utf-8"))
    before = steps_taken(paths.database)
    assert before < MIGRATIONS.keys()
    with answers_pings(paths.socket):
        with pytest.raises(Refused, match="older version") as refusal:
            _ = Project(paths).store
        assert refusal.value.hint == "to replace it, type: orchestra up"
        assert steps_taken(paths.database) == before
    Project(paths).store.close()
    assert steps_taken(paths.database) == MIGRATIONS.keys()
