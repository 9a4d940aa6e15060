"""Which editor opens a spec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestra.actions.workspace.windows import editor_command
from orchestra.errors import ToolMissing
from orchestra.project import Project
from tests.support.stores import add


@pytest.fixture
def project(make_repository: Callable[..., Path]) -> Project:
    made = Project.open(make_repository())
    add(made.store, "main")
    return made


def test_visual_comes_before_editor_and_may_have_arguments(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.setenv("VISUAL", "sh -c ':' --")
    spec = project.session_paths(project.store.sessions.get("main")).spec_copy
    assert editor_command(project, "main") == ("sh", "-c", ":", "--", str(spec))
    assert spec.is_file()
    assert (project.paths.specs / "main.md").is_file()


def test_an_editor_that_is_not_there_is_said_before_a_popup_opens(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "no-such-editor --wait")
    with pytest.raises(ToolMissing, match="no-such-editor") as caught:
        editor_command(project, "main")
    assert "set EDITOR" in caught.value.hint
