"""Which Docker engine is talked to, and what is said of one that cannot be."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest

from orchestra.drivers.sandbox import docker, docker_client
from orchestra.errors import EngineDown


@pytest.fixture(autouse=True)
def nothing_chosen(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 -- without the person's contexts
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def add_context(name: str, host: str) -> None:
    """Make a context with the docker command itself, which asks no engine for that."""
    subprocess.run(("docker", "context", "create", name, "--docker", f"host={host}"), check=True, capture_output=True)


def refusal() -> EngineDown:
    with pytest.raises(EngineDown) as caught:
        docker_client.require_engine()
    return caught.value


@pytest.mark.docker
def test_the_engine_is_the_one_that_the_docker_command_would_use(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("current", "named"):
        add_context(name, f"unix:///tmp/{name}.sock")
    assert docker_client.command() == ("docker",)
    (home / ".docker" / "config.json").write_text(json.dumps({"currentContext": "current"}))
    assert docker_client.address() == "unix:///tmp/current.sock"
    monkeypatch.setenv("DOCKER_CONTEXT", "named")
    assert docker_client.command() == ("docker", "--host", "unix:///tmp/named.sock")
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    assert docker_client.address() == ""
    monkeypatch.setenv("DOCKER_HOST", "unix:///tmp/host.sock")
    assert docker_client.address() == "unix:///tmp/host.sock"


@pytest.mark.docker
def test_a_context_needs_no_other_configuration(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    add_context("alone", "unix:///tmp/alone.sock")
    (home / ".docker" / "config.json").unlink(missing_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONTEXT", "alone")
    assert docker_client.address() == "unix:///tmp/alone.sock"


def test_a_context_that_is_not_there_is_named_with_the_way_back(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    error = refusal()
    assert "'gone'" in error.message
    assert "unset DOCKER_CONTEXT" in error.hint
    monkeypatch.delenv("DOCKER_CONTEXT")
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json").write_text(json.dumps({"currentContext": "lost"}))
    error = refusal()
    assert "'lost'" in error.message
    assert "docker context use default" in error.hint


def test_an_engine_on_another_machine_is_refused_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://nobody@192.0.2.1")
    error = refusal()
    assert "ssh://nobody@192.0.2.1" in error.message
    assert "on another machine" in error.message
    assert error.hint == "unset DOCKER_HOST"


def test_an_engine_that_is_not_there_is_told_with_what_chose_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{taken.getsockname()[1]}")
        error = refusal()
    assert "DOCKER_HOST" in error.message
    assert "tcp://127.0.0.1:" in error.message
    assert "systemctl" not in error.hint
    assert "unset DOCKER_HOST" in error.hint


@pytest.mark.parametrize("address", ["nonsense://x", "unix:///nowhere/docker.sock", "127.0.0.1:99999999"])
def test_an_address_that_leads_nowhere_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    error = refusal()
    assert address in error.message
    assert "DOCKER_HOST" in error.message


@pytest.mark.docker
@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("unix:///nonexistent/docker.sock", "unset DOCKER_HOST"),
        ("tcp://127.0.0.1:1", "unset DOCKER_HOST"),
        ("", "docker context use default"),
    ],
)
def test_an_engine_that_is_not_there_is_told_with_what_to_do(
    home: Path, monkeypatch: pytest.MonkeyPatch, address: str, hint: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    add_context("elsewhere", "unix:///nonexistent/docker.sock")
    (home / ".docker" / "config.json").write_text('{"currentContext": "elsewhere"}')
    with pytest.raises(EngineDown) as told:
        docker.engine_version()
    assert hint in told.value.hint


@pytest.mark.docker
def test_the_engine_s_version_is_told() -> None:
    assert docker.engine_version()[0].isdigit()
    assert docker_client.connect() is docker_client.connect()
