"""A service of another version, met by this one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestra import __version__
from orchestra.actions.service_process import launch, ping, quit_service, take_environment
from orchestra.project import Project
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
