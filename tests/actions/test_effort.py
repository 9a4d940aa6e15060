"""What stopping and starting ten sessions in containers costs, counted in programs and in calls of the engine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from orchestra.actions.workspace.up import down, up
from orchestra.drivers.sandbox.docker import DockerSandbox
from orchestra.model import SandboxKind, State
from tests.support.projects import HostProject, build_git_image, host_project
from tests.support.services import eventually

_SESSIONS = 10


class _Effort:
    """Counts the programs that this process starts, and its calls of the engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.programs: list[str] = []
        self.calls: list[str] = []
        begun, send = subprocess.Popen, requests.Session.send

        def counted(words: Any, *args: Any, **settings: Any) -> Any:  # noqa: ANN401 -- passed on as it is
            self.programs.append(" ".join(map(str, words)))
            return begun(words, *args, **settings)

        def sent(session: requests.Session, request: requests.PreparedRequest, **settings: Any) -> requests.Response:  # noqa: ANN401 -- as above
            self.calls.append(f"{request.method} {request.url}")
            return send(session, request, **settings)

        monkeypatch.setattr(subprocess, "Popen", counted)
        monkeypatch.setattr(requests.Session, "send", sent)

    def taken(self) -> tuple[list[str], list[str]]:
        """Return what was counted since the last time."""
        counted = self.programs, self.calls
        self.programs, self.calls = [], []
        return counted


@pytest.fixture
def contained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HostProject]:
    with host_project(monkeypatch, image=build_git_image(tmp_path)) as found:
        _up(found)
        for number in range(_SESSIONS - 1):
            found.spawn(f"worker {number}")
        yield found


def _up(found: HostProject) -> dict[str, Any]:
    return up(
        found.project, tmux_socket=found.tmux.socket, tmux_session=found.project.store.workspace.get().tmux_session
    )


@pytest.mark.parametrize("inside", [False, True], ids=["from outside", "from one of the windows"])
def test_windows_are_closed_while_their_containers_stop(
    contained: HostProject, monkeypatch: pytest.MonkeyPatch, *, inside: bool
) -> None:
    """They would all ask the engine what became of their containers; but who types in one must not end with it."""
    stop, left = DockerSandbox.stop, []

    def stopped(sandbox: DockerSandbox, name: str) -> bool:
        if not inside:
            eventually(lambda: not contained.tmux.alive() or not contained.tmux.windows.all())
        ended = stop(sandbox, name)
        left.append(len(contained.tmux.windows.all()) if contained.tmux.alive() else 0)
        return ended

    monkeypatch.setattr(DockerSandbox, "stop", stopped)
    if inside:
        monkeypatch.setenv("TMUX", f"{contained.tmux.socket},1,0")
    assert len(down(contained.project, stop=True)["stopped"]) == _SESSIONS
    assert left == [_SESSIONS if inside else 0] * _SESSIONS
    assert not contained.tmux.alive() or contained.tmux.windows.all() == []


def test_stopping_and_starting_many_starts_few_programs(
    contained: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    effort = _Effort(monkeypatch)
    stopped = down(contained.project, stop=True)
    programs, calls = effort.taken()
    assert len(stopped["stopped"]) == _SESSIONS
    assert not contained.project.sandbox(SandboxKind.DOCKER).has_network()
    # Sessions that look at the same moment share a look; on a busy machine fewer do.
    assert len(programs) <= 35, "\n".join(sorted(programs))
    assert len(calls) <= 3 * _SESSIONS + 5, "\n".join(sorted(calls))
    contained.open_tmux()
    effort.taken()
    assert _up(contained)["troubles"] == []
    programs, calls = effort.taken()
    assert {session.state for session in contained.project.store.sessions.all()} == {State.STARTING}
    assert len(programs) <= 9 * _SESSIONS + 30, "\n".join(sorted(programs))
    assert len(calls) <= 7 * _SESSIONS + 5, "\n".join(sorted(calls))
