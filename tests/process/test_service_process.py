"""When the service leaves by itself, or does not come."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestra.actions import service_process
from orchestra.actions.service_process import launch, ping
from orchestra.errors import ServiceDown
from orchestra.paths import Home
from tests.support.services import DEADLINE, eventually, make_project


def test_it_ends_when_its_project_s_state_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service whose database somebody deleted leaves: it has nothing left to look after."""
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    project = make_project(tmp_path)
    project.store.close()
    with launch(project.paths) as started:
        eventually(lambda: ping(project.paths))
        project.paths.database.unlink()
        assert started.wait(timeout=DEADLINE) == 0


@pytest.mark.parametrize(
    ("words", "told"), [(("sleep", "60"), "the machine may be busy"), (("false",), "did not start")]
)
def test_a_slow_service_is_told_from_one_that_fails(
    words: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    paths = Home(tmp_path / "home").project(tmp_path)
    with subprocess.Popen(words) as started:
        monkeypatch.setattr(service_process, "launch", lambda *_: started)
        with pytest.raises(ServiceDown, match=told):
            service_process.ensure_running(paths, deadline=0.0 if words[0] == "sleep" else 60.0)
        started.kill()
