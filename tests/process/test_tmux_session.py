"""The tmux server that is started for people outside tmux: the usual name, unless that server is somebody else's."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.actions.workspace.tmux_session import OWN_SERVER, find_tmux
from orchestra.paths import Home
from orchestra.project import Project
from tests.conftest import MakeRepository


def tmux(*words: str, server: str = OWN_SERVER, check: bool = True) -> str:
    command = ("tmux", "-L", server, "-f", "/dev/null", *words)
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.fixture
def project(make_repository: MakeRepository, tmp_path: Path) -> Iterator[Project]:
    yield Project(Home(tmp_path / "orchestra").project(make_repository()))
    for socket in (tmp_path / "tmux").glob("*/*"):
        tmux("kill-server", server=socket.name, check=False)


def name_of(project: Project) -> str:
    return Path(find_tmux(project)[0]).name


def test_the_server_has_the_usual_name_and_is_found_again(project: Project) -> None:
    socket, session, inside = find_tmux(project)
    assert (Path(socket).name, inside) == (OWN_SERVER, False)
    assert find_tmux(project) == (socket, session, False)
    assert tmux("show-options", "-s", "-v", "@orchestra_owner") == project.paths.home.owner


def test_another_programs_server_of_that_name_is_left_alone(project: Project) -> None:
    tmux("new-session", "-d", "-s", "theirs")
    assert name_of(project) == f"{OWN_SERVER}-{project.paths.home.tag}"
    assert name_of(project) == f"{OWN_SERVER}-{project.paths.home.tag}"
    assert tmux("list-sessions", "-F", "#{session_name}") == "theirs"
    assert tmux("show-options", "-s", "-q", "-v", "@orchestra_owner") == ""


def test_another_homes_server_is_left_alone_as_well(project: Project, tmp_path: Path) -> None:
    find_tmux(project)
    second = Project(Home(tmp_path / "second").project(project.paths.source))
    assert name_of(second) == f"{OWN_SERVER}-{second.paths.home.tag}"
    assert name_of(project) == OWN_SERVER


def test_a_server_from_an_older_version_that_shows_one_of_our_projects_is_ours(project: Project) -> None:
    tmux("new-session", "-d", "-s", "older")
    marks = (("-w", "@orchestra_session", "main"), ("-w", "@orchestra_project", str(project.paths.source)))
    for mark in (*marks, ("-p", "@orchestra_agent", "1")):
        tmux("set-option", *mark)
    assert name_of(project) == OWN_SERVER
