"""What is built from this tree works where only that is: wheel, source archive, editable install."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = ("LICENSE", "Makefile", "README.md", "layouts", "orchestra", "pyproject.toml")
BUILD = "import sys; from hatchling.build import {0} as build; print(build(sys.argv[1]))"
LOOK = """
from importlib.resources import files
from orchestra import agents
from orchestra.config import layout
from orchestra.drivers.sandbox import images
import orchestra.actions, orchestra.agents
assert files("orchestra.actions.landing").joinpath("hooks.sh").is_file()
assert "{where}" in orchestra.actions.__file__, orchestra.actions.__file__
assert layout.names() == ["follow", "grid", "left", "window"], layout.names()
assert [layout.load(name).name for name in layout.names()] == layout.names()
assert {{"claude", "plain", "rehearsal"}} <= set(agents.names(())), agents.names(())
assert [agents.load(name).name for name in agents.names(())] == list(agents.names(()))
print("all there")
"""


def run(*words: str, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        pytest.fail(f"{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git knows, as a person who downloads them has them."""
    place = tmp_path_factory.mktemp("tree")
    listed = run("git", "ls-files", "-z", cwd=ROOT).split("\0")
    for name in (one for one in listed if one and (ROOT / one).is_file()):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes((ROOT / name).read_bytes())
    return place


def build(tree: Path, kind: str, into: Path) -> Path:
    into.mkdir(exist_ok=True)
    return into / run(sys.executable, "-c", BUILD.format(kind), str(into), cwd=tree).split()[-1]


def installed(place: Path, *what: str) -> Path:
    """Install into a fresh environment that finds the libraries of this one, and return its programs' directory."""
    run(sys.executable, "-m", "venv", str(place), cwd=place.parent)
    here = Path(sysconfig.get_paths(vars={"base": str(place), "platbase": str(place)})["purelib"])
    # Before the libraries' directory, whose own editable install would be found otherwise.
    run(str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", *what, cwd=place)
    (here / "libraries.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    return place / "bin"


def check(programs: Path, where: Path, cwd: Path) -> None:
    assert run(str(programs / "orchestra"), "--version", cwd=cwd).startswith("orchestra 0.")
    assert "session's spec" in run(str(programs / "orchestra"), "keys", cwd=cwd)
    assert "Start or restore everything" in run(str(programs / "orchestra"), "--help", cwd=cwd)
    assert "all there" in run(str(programs / "python"), "-c", LOOK.format(where=where), cwd=cwd)


def test_the_wheel_holds_all_and_works_alone(tree: Path, tmp_path: Path) -> None:
    wheel = build(tree, "build_wheel", tmp_path / "dist")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {str(path.relative_to(tree)) for path in (tree / "orchestra").rglob("*") if path.is_file()} <= held
    assert {f"orchestra/_layouts/{name}.yaml" for name in ("follow", "left", "window")} <= held
    assert not {name for name in held if name.startswith(("tests/", "scripts/"))}
    programs = installed(tmp_path / "wheel", str(wheel))
    check(programs, tmp_path / "wheel", tmp_path)


def test_an_editable_install_works_from_the_tree(tree: Path, tmp_path: Path) -> None:
    wheel = build(tree, "build_editable", tmp_path / "dist")
    programs = installed(tmp_path / "editable", str(wheel))
    check(programs, tree, tmp_path)


def test_the_source_archive_makes_the_same_wheel(tree: Path, tmp_path: Path) -> None:
    archive = build(tree, "build_sdist", tmp_path / "dist")
    run("tar", "-xf", str(archive), cwd=tmp_path)
    unpacked = tmp_path / archive.name.removesuffix(".tar.gz")
    assert {name for name in BUILT if not (unpacked / name).exists()} == set()
    assert (unpacked / "tests" / "conftest.py").is_file()
    assert not (unpacked / ".git").exists()
    again = build(unpacked, "build_wheel", tmp_path / "again")
    first = build(tree, "build_wheel", tmp_path / "first")
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(first).namelist()


def test_the_lock_holds_every_dependency_by_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    entries = [line for line in lock.splitlines() if line[:1].isalnum()]
    assert len(entries) > 20
    assert lock.count("--hash=sha256:") >= len(entries)
    assert [line for line in entries if "==" not in line] == []
    assert "://" not in lock
