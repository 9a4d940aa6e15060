"""Every project and session has places of its own."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestra import paths
from orchestra.errors import Refused
from orchestra.paths import Home


@pytest.fixture
def kept(tmp_path: Path) -> Home:
    return Home(tmp_path / "kept")


def test_the_home_is_the_one_the_environment_names(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRA_HOME", "~/here")
    assert Home.find().root == home / "here"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORCHESTRA_HOME", "there")
    assert Home.find().root == tmp_path / "there"
    monkeypatch.delenv("ORCHESTRA_HOME")
    assert Home.find().root == home / ".orchestra"


def test_two_homes_have_two_tags() -> None:
    assert len({Home(Path("/a")).tag, Home(Path("/b")).tag, Home.find().tag}) == 3


def test_a_home_has_one_tag_by_whatever_path_it_is_reached(kept: Home, tmp_path: Path) -> None:
    kept.root.mkdir()
    (tmp_path / "link").symlink_to(kept.root)
    assert Home(tmp_path / "link").tag == kept.tag


def test_a_home_has_a_random_id_of_its_own_that_stays(kept: Home, tmp_path: Path) -> None:
    owner = kept.owner
    assert owner == Home(kept.root).owner
    assert owner.startswith(f"{os.getuid()}-")
    assert stat.S_IMODE((kept.root / "id").stat().st_mode) == 0o600
    assert Home(tmp_path / "other").owner != owner
    (kept.root / "id").unlink()
    assert kept.owner != owner, "a home that was removed and made anew at its place is another one"


def test_a_homes_id_is_made_once_whoever_asks_first(kept: Home) -> None:
    with ThreadPoolExecutor(8) as pool:
        owners = set(pool.map(lambda _: Home(kept.root).owner, range(32)))
    assert len(owners) == 1
    assert [file.name for file in kept.root.iterdir()] == ["id"]


@pytest.mark.parametrize("text", ["", "short", "../../../etc/passwd/x", "0" * 200])
def test_a_damaged_id_is_told_and_not_used(kept: Home, text: str) -> None:
    kept.root.mkdir()
    (kept.root / "id").write_text(text)
    with pytest.raises(Refused, match="does not contain this home's id") as told:
        _ = kept.owner
    assert str(kept.root / "id") in told.value.hint


def test_the_credentials_of_a_home_that_is_gone_are_not_those_of_the_next_at_its_place(kept: Home) -> None:
    before = kept.project(Path("/src/app")).session(1, "fix").secrets
    (kept.root / "id").unlink()
    assert kept.project(Path("/src/app")).session(1, "fix").secrets != before


def test_a_project_keeps_its_places(kept: Home) -> None:
    first = kept.project(Path("/src/app"))
    assert kept.project(Path("/src/app")) == first
    assert first.key == "app"
    assert first.database == kept.root / "projects" / "app" / "state.db"
    assert stat.S_IMODE(first.state.stat().st_mode) == 0o700


def test_projects_of_one_name_are_kept_apart(kept: Home) -> None:
    roots = [Path("/src/app"), Path("/other/app"), Path("/src/App"), Path(os.fsdecode(b"/caf\xe9/app"))]
    states = [kept.project(root).state for root in roots]
    assert len(set(states)) == len(roots)
    assert [kept.project(root).state for root in roots] == states


@pytest.mark.parametrize("root", ["/", "/修复", "/a b/c'd"])
def test_a_project_may_be_called_anything(kept: Home, root: str) -> None:
    assert kept.project(Path(root)).state.is_dir()


def test_the_socket_path_always_fits_an_address(tmp_path: Path) -> None:
    near = Home(Path("/h"))
    deep = Home(tmp_path / ("x" * 120))
    project = deep.project(Path("/src/app"))
    assert len(os.fsencode(project.socket)) < 104
    assert project.socket != deep.project(Path("/src/other")).socket
    assert paths.ProjectPaths(near, "app", Path("/src"), Path("/h/app")).socket == Path("/h/app/service.sock")


def test_sessions_of_one_name_have_places_of_their_own(kept: Home) -> None:
    project = kept.project(Path("/src/app"))
    first, second = project.session(1, "fix"), project.session(2, "fix")
    assert first.root != second.root
    assert first.token != second.token
    assert not first.token.is_relative_to(kept.root), "secrets do not outlive the machine's uptime"


def test_the_runtime_directory_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stat.S_IMODE(paths.runtime().stat().st_mode) == 0o700
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert paths.runtime() == tmp_path / "orchestra"
    assert stat.S_IMODE(paths.runtime().stat().st_mode) == 0o700


def test_a_long_runtime_directory_does_not_make_the_socket_path_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = tmp_path / ("long-" * 20)
    far.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(far))
    deep = paths.ProjectPaths(paths.Home(far), "app", Path("/src"), far / "app")
    assert len(os.fsencode(deep.socket)) < 104
