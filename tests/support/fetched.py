"""Programs and packages that tests take from the usual registries, through their own clients, and keep."""

from __future__ import annotations

import fcntl
import os
import platform
import pwd
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestra.agents import load

DEADLINE = 600
"""Seconds that a download may take."""
PACKAGE = "more-itertools==10.5.0"
"""A package nobody here wrote, small, without dependencies, and with tests that the standard library runs."""
_HASH = "sha256:5482bfef7849c25dc3c6dd53a6173ae4795da2a41a80faea6700d9f5846c5da6"


def claude_program() -> Path:
    """Return the Claude Code that the built-in profile names, fetched with npm on first use."""
    return _npm_package("claude") / "claude"


def codex_program() -> Path:
    """Return the Codex that the built-in profile names, fetched with npm on first use."""
    (program,) = _npm_package("codex").glob("vendor/*/bin/codex")
    return program


def gemini_program() -> tuple[Path, Path]:
    """Return the Gemini CLI that the built-in profile names, after the Node.js that runs it; fetched on first use."""
    return _npm_package("gemini", 1) / "bin" / "node", _npm_package("gemini") / "bundle" / "gemini.js"


def opencode_program() -> Path:
    """Return the opencode that the built-in profile names, fetched with npm on first use."""
    return _npm_package("opencode") / "bin" / "opencode"


def _npm_package(profile: str, number: int = 0) -> Path:
    arch = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}[platform.machine().lower()]
    spec = load(profile).npm[number].replace("{arch}", arch)

    def fetch(place: Path) -> None:
        if shutil.which("npm") is None:
            pytest.fail(f"npm is missing, so {spec} cannot be fetched; install it with: bash scripts/setup.sh")
        _run(place, "npm", "pack", "--silent", "--ignore-scripts", spec)
        _unpack(place)

    return _kept(spec, fetch) / "package"


def package_source() -> Path:
    """Return the unpacked source distribution of `PACKAGE`, fetched with pip on first use."""

    def fetch(place: Path) -> None:
        (place / "wanted.txt").write_text(f"{PACKAGE} --hash={_HASH}\n")
        words = ("download", "--quiet", "--no-binary", ":all:", "--no-deps", "--require-hashes", "-r", "wanted.txt")
        _run(place, sys.executable, "-m", "pip", *words)
        _unpack(place)

    return _kept(PACKAGE, fetch) / PACKAGE.replace("==", "-")


def _kept(name: str, fetch: Callable[[Path], None]) -> Path:
    """Return a directory that is filled once, whole or not at all, also by tests side by side."""
    cache = Path(os.environ.get("ORCHESTRA_TEST_CACHE") or Path(pwd.getpwuid(os.getuid()).pw_dir, ".cache"))
    cache = cache / "orchestra-tests"
    place = cache / name.strip("@").replace("/", "-")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            with tempfile.TemporaryDirectory(dir=cache) as aside:
                whole = Path(aside, "whole")
                whole.mkdir()
                fetch(whole)
                whole.rename(place)
    return place


def _run(place: Path, *words: str) -> None:
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, timeout=DEADLINE, check=False)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")


def _unpack(place: Path) -> None:
    for archive in (*place.glob("*.tgz"), *place.glob("*.tar.gz")):
        with tarfile.open(archive) as file:
            file.extractall(place, filter="data")
        archive.unlink()
