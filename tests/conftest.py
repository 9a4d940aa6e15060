"""What every test may use: a home of its own, and real repositories made with real git."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import hypothesis
import pytest

from tests.support.projects import HostProject, build_git_image, host_project

_GIT_CONFIG = """\
[user]
\tname = Test Person
\temail = person@example.invalid
[init]
\tdefaultBranch = main
[protocol "file"]
\tallow = always
"""


def pytest_configure() -> None:
    """Take Ctrl-C as usual, which a run started in the background ignores, and so would every program it starts.

    No example is timed: what one takes depends on what else the machine does.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hypothesis.settings.register_profile(
        "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory of the test's own, with an identity for git in it and nothing else."""
    place = tmp_path / "home"
    place.mkdir()
    (place / ".gitconfig").write_text(_GIT_CONFIG)
    sockets = tmp_path / "tmux"
    sockets.mkdir(mode=0o700)
    for name in list(os.environ):
        if name.startswith(("GIT_", "ORCHESTRA_", "XDG_")) or name in {"TMUX", "TMUX_PANE"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "orchestra"))
    monkeypatch.setenv("TMUX_TMPDIR", str(sockets))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return place


class GitCall(Protocol):
    """Run git in a directory the way a person would, and return its output without the last line's end."""

    def __call__(self, where: Path, *args: str, stdin: str | None = None) -> str: ...


@pytest.fixture(scope="session")
def git() -> GitCall:
    """The plain git of a person at a terminal; fails the test when git fails."""

    def call(where: Path, *args: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            ("git", *args),
            cwd=where,
            input=None if stdin is None else stdin.encode("utf-8", "surrogateescape"),
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            check=False,
            timeout=120,
        )
        if done.returncode != 0:
            pytest.fail(f"git {' '.join(args)}: {done.stderr.decode()}")
        return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    return call


MakeRepository = Callable[..., Path]


@pytest.fixture
def make_repository(tmp_path: Path, git: GitCall) -> MakeRepository:
    """Make a repository with one commit; keywords: ``name``, ``files`` (path to text), ``init`` (more arguments)."""

    def make(name: str = "project", files: dict[str, str] | None = None, init: tuple[str, ...] = ()) -> Path:
        place = tmp_path / name
        place.mkdir(parents=True)
        git(place, "init", "--quiet", *init)
        for path, text in (files or {"README.md": "hello\n"}).items():
            target = place / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        git(place, "add", "--all")
        git(place, "commit", "--quiet", "--message", "First commit")
        return place

    return make


@pytest.fixture(scope="session")
def git_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a local image that has git in it, built on first use and kept."""
    return build_git_image(tmp_path_factory.mktemp("image"))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostProject]:
    """A project with agents on the host, opened in this process."""
    with host_project(monkeypatch) as found:
        yield found


@pytest.fixture
def contained(monkeypatch: pytest.MonkeyPatch, git_image: str) -> Iterator[HostProject]:
    """A project with agents in containers, opened in this process."""
    with host_project(monkeypatch, image=git_image) as found:
        yield found
