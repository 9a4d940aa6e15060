"""What a session's steps do where something that was there is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from orchestra import safe_files
from orchestra.actions.session import provision, steps
from orchestra.errors import NotFound
from orchestra.lifecycle import Step
from orchestra.model import Session
from orchestra.project import Project
from orchestra.protocol import ignore
from tests.support.services import make_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    made = make_project(tmp_path)
    yield made
    made.store.close()


def test_an_image_that_was_removed_since_it_was_seen_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bool] = []

    def make(*_: object) -> None:
        if True not in looked:
            raise NotFound("No such image")

    def choose(*_: object, look: bool) -> None:
        looked.append(look)

    monkeypatch.setattr(steps, "_make_box", make)
    monkeypatch.setattr(steps, "_choose_image", choose)
    for step in (Step.IMAGE, Step.BOX):
        steps.PERFORM[step](cast("Project", None), cast("Session", None), ignore)
    assert looked == [False, True]


def test_a_container_that_starts_meanwhile_does_not_find_the_launcher_from_before(project: Project) -> None:
    alpha = project.store.sessions.get("alpha")
    provision.prepare_directories(project, alpha)
    launcher = project.session_paths(alpha).agent / "launch.sh"
    launcher.write_text("from before")
    provision.prepare_directories(project, alpha)
    assert not launcher.exists()


def test_directories_are_made_where_an_agent_could_write_and_nowhere_else(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "agent", tmp_path / "elsewhere"
    for place in (home, elsewhere):
        place.mkdir()
    for _ in range(2):
        safe_files.make_directory(home, "a/b")
    (home / "c").symlink_to(elsewhere)
    safe_files.make_directory(home, "c/d")
    (home / "e").write_text("")
    safe_files.make_directory(home, "e/f")
    assert (home / "a/b").is_dir()
    assert list(elsewhere.iterdir()) == []
