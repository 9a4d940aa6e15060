"""Where the measurements run: a repository, a home and a tmux server that nobody else uses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker

from orchestra.paths import Home, ProjectPaths

PROFILE = """\
family: plain
command: ["sleep", "infinity"]
"""
"""An agent that costs nothing, so that what is measured is Orchestra."""


@dataclass(frozen=True)
class Ground:
    """One repository with Orchestra up on it."""

    root: Path
    repository: Path
    paths: ProjectPaths
    socket: str
    tmux_session: str
    image: str
    network: str

    def orchestra(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a person does."""
        command = (sys.executable, "-m", "orchestra", "--project", str(self.repository), *words)
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)

    def tmux(self, *words: str) -> str:
        """Run a raw tmux command on the same server."""
        done = subprocess.run(
            ("tmux", "-S", self.socket, *words), check=True, capture_output=True, text=True, timeout=30
        )
        return done.stdout


@contextmanager
def ground() -> Iterator[Ground]:
    """Bring Orchestra up on a small repository, and take everything away afterwards."""
    root = Path(tempfile.mkdtemp(prefix="orchestra-bench-"))
    settle(root)
    repository = repository_at(root)
    try:
        yield _up(root, repository)
    finally:
        for words in (("down", "--stop"), ("gc", "--everything", "--yes")):
            command = (sys.executable, "-m", "orchestra", "--project", str(repository), *words)
            subprocess.run(command, check=False, capture_output=True, timeout=300)
        subprocess.run(("tmux", "-L", "orchestra", "kill-server"), check=False, capture_output=True, timeout=30)
        shutil.rmtree(root, ignore_errors=True)


def settle(root: Path) -> None:
    """Give this process a home and a tmux directory below ``root``, and the agent that costs nothing."""
    for name in [name for name in os.environ if name.startswith(("TMUX", "ORCHESTRA_"))]:
        del os.environ[name]
    # Without it Python compiles every module at every start, which takes longer than all else that a command does.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    (root / "tmux").mkdir()
    (root / "home" / "agents").mkdir(parents=True)
    (root / "home" / "agents" / "still.yaml").write_text(PROFILE)
    os.environ.update(
        {"ORCHESTRA_HOME": str(root / "home"), "TMUX_TMPDIR": str(root / "tmux"), "ORCHESTRA_AGENT": "still"}
    )
    os.environ["ORCHESTRA_MAX_SESSIONS"] = "1000"


def repository_at(root: Path, files: int = 1, more: Mapping[str, str] = {}) -> Path:
    """Make a repository with one commit of so many files, fifty in a directory, and ``more`` with their texts."""
    repository = root / "project"
    repository.mkdir()
    for number in range(files - 1):
        directory = repository / f"part-{number // 50 // 50}" / f"{number // 50 % 50}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{number}.txt").write_text(f"{number}\n")
    for name, text in {"README.md": "hello\n", **more}.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text)
    for words in (
        ("init", "-q", "-b", "main"),
        ("config", "user.name", "Bench"),
        ("config", "user.email", "bench@example.invalid"),
        ("add", "-A"),
        ("commit", "-q", "-m", "First"),
    ):
        subprocess.run(("git", *words), cwd=repository, check=True, timeout=60)
    return repository


def _up(root: Path, repository: Path) -> Ground:
    command = (sys.executable, "-m", "orchestra", "--project", str(repository))
    subprocess.run((*command, "up", "--detach"), check=True, capture_output=True, timeout=1800)
    rows = json.loads(subprocess.run((*command, "list", "--json"), check=True, capture_output=True, timeout=60).stdout)
    paths = Home.find().project(repository)
    window = rows[0]["window"]
    socket = str(root / "tmux" / f"tmux-{os.getuid()}" / "orchestra")
    told = subprocess.run(
        ("tmux", "-S", socket, "display-message", "-p", "-t", window, "#{session_id}"),
        check=True, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    client = docker.from_env()
    mine = client.containers.list(filters={"label": f"orchestra.project={paths.key}"})
    box = next(one for one in mine if one.labels.get("orchestra.session") == "main")
    settings = box.attrs["Config"]["Image"], box.attrs["HostConfig"]["NetworkMode"]
    return Ground(root, repository, paths, socket, told.stdout.strip(), *settings)
