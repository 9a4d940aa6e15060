"""When the service leaves by itself, or does not come."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from orchestra.actions import registry, service_process
from orchestra.actions.service_process import launch, ping
from orchestra.errors import Refused, ServiceDown
from orchestra.paths import Home
from orchestra.service.action_socket import ActionSocket
from orchestra.service.context import ServiceContext
from tests.support.services import DEADLINE, Running, eventually, make_project, resting_service, token_of


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


def test_the_tools_are_loaded_before_an_agent_asks_for_them(tmp_path: Path) -> None:
    service = Running(make_project(tmp_path))
    try:
        maps = Path(f"/proc/{service.start()['pid']}/maps")
        eventually(lambda: "pydantic_core" in maps.read_text())
    finally:
        service.close()


def test_without_the_libraries_of_the_tools_all_else_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "mcp.py").write_text("raise ImportError('broken on purpose')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    service = Running(make_project(tmp_path))
    try:
        service.start()
        refusals = [service.request("/mcp", token=token_of("alpha")) for _ in range(2)]
        assert {refusal.status for refusal in refusals} == {500}
        assert "the MCP tools cannot be loaded, see the log: " in refusals[0].data["error"]
        assert "broken on purpose" in service.project.paths.log.read_text()
        assert service.request("/hooks/Stop", token=token_of("alpha")).status == 200
        assert service.process is not None
        service.process.terminate()
        assert service.process.wait(timeout=DEADLINE) == 0
    finally:
        service.close()


def test_what_the_service_does_a_command_does_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    with resting_service(tmp_path) as service:
        program = (
            "import atexit, sys; atexit.register(lambda: print(*sys.modules));"
            f"sys.argv = ['orchestra', '--project', {str(service.project.paths.source)!r}, 'down', '--stop'];"
            "from orchestra.cli.app import main; main()"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
        assert service.process is not None
        assert service.process.wait(timeout=DEADLINE) == 0
    assert "closed; to open it again" in done.stderr
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "typer" in loaded
    assert loaded & {"asyncio", "concurrent", "docker", "git", "libtmux", "requests", "sqlite3", "yaml"} == set()


@pytest.mark.parametrize("succeeds", [True, False])
def test_it_waits_for_an_action_in_progress_and_learns_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, succeeds: bool
) -> None:
    """A service that was started for `up` settles the sessions itself only if `up` has not, then or before."""
    begun, may_end = threading.Event(), threading.Event()

    def run(*_: object) -> None:
        begun.set()
        assert may_end.wait(DEADLINE)
        if not succeeds:
            raise Refused("as the test wants")

    async def learned() -> tuple[bool, bool, bool]:
        local = ActionSocket(ServiceContext(make_project(tmp_path)), lambda: 0, lambda: None)
        async with await local.open(tmp_path / "socket"):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
            writer.write(json.dumps({"action": "up", "arguments": {}}).encode() + b"\n")
            assert await asyncio.to_thread(begun.wait, DEADLINE)
            other = await local.has_done("down")
            waiting = asyncio.create_task(local.has_done("up"))
            asyncio.get_running_loop().call_soon(may_end.set)
            done = await waiting
            await reader.readline()
            writer.close()
            return other, done, await local.has_done("down", "up")

    monkeypatch.setattr(registry, "run", run)
    assert asyncio.run(learned()) == (False, succeeds, succeeds)
