"""When the service leaves by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.actions.service import launch, ping
from tests.process.services import DEADLINE, eventually, make_project


def test_it_ends_when_its_project_s_state_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service whose database somebody deleted leaves: it has nothing left to look after."""
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    project = make_project(tmp_path)
    project.store.close()
    with launch(project.paths) as started:
        eventually(lambda: ping(project.paths))
        project.paths.database.unlink()
        assert started.wait(timeout=DEADLINE) == 0
