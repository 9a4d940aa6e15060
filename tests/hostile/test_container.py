"""What an agent that means harm can reach from inside its container."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestra.drivers.sandbox.docker import DockerSandbox
from orchestra.drivers.sandbox.docker_config import HOME, refuse_engine_sockets
from orchestra.drivers.sandbox.protocol import Box, Limits, Mount
from orchestra.errors import Refused
from orchestra.model import BoxState
from tests.support.services import eventually

IMAGE = "debian:bookworm-slim"
CANARY = "canary-4f1d"
LISTEN = """
use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 5, ReuseAddr => 1) or die;
while (my $c = $s->accept) { print $c "reached\\n"; close $c }
"""
CALL = """
use IO::Socket::INET; my $s = IO::Socket::INET->new(PeerAddr => $ARGV[0], Timeout => 2);
print $s ? scalar(<$s>) : "blocked\\n";
"""
FORK_BOMB = "for i in $(seq 200); do sleep 120 & done 2>/dev/null; wait"


def docker(*words: str, check: bool = True) -> str:
    return subprocess.run(["docker", *words], check=check, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.fixture(scope="module")
def tag() -> Iterator[str]:
    """A home of its own for this module, so that nothing else on the engine is touched."""
    tag = f"h{uuid.uuid4().hex[:6]}"
    yield tag
    for name in docker("ps", "-aq", "--filter", f"label={HOME}={tag}").split():
        docker("rm", "-f", name)
    for network in docker("network", "ls", "-q", "--filter", f"label={HOME}={tag}").split():
        docker("network", "rm", network)


@pytest.fixture(scope="module")
def sandbox(tag: str) -> DockerSandbox:
    return DockerSandbox(f"orc-{tag}", home_tag=tag)


@pytest.fixture
def box(tag: str, tmp_path: Path, sandbox: DockerSandbox) -> Iterator[Box]:
    for name in ("tree", "secrets"):
        (tmp_path / name).mkdir()
    (tmp_path / "secrets" / "token").write_text(CANARY)
    (tmp_path / "dotgit").write_text("gitdir: /orchestra/git\n")
    (tmp_path / "tree" / ".git").touch()
    tree = tmp_path / "tree"
    box = Box(
        name=f"orc-{tag}-{uuid.uuid4().hex[:6]}",
        image=IMAGE,
        command=("sleep", "300"),
        workdir=tree,
        mounts=(
            Mount(tree, str(tree)),
            Mount(tmp_path / "dotgit", f"{tree}/.git", read_only=True),
            Mount(tmp_path / "secrets", "/orchestra/secrets", read_only=True),
        ),
        env={"HOME": "/tmp"},
        labels={"orchestra.session": "one"},
        uid=os.getuid(),
        gid=os.getgid(),
        hostname="one",
        limits=Limits("64m", 0.5, 40),
        home=tmp_path,
    )
    yield box
    sandbox.remove(box.name)


def run(sandbox: DockerSandbox, box: Box) -> None:
    sandbox.create(box)
    sandbox.start(box.name)


@pytest.mark.docker
def test_an_agent_has_no_capability_gains_none_and_is_bounded(sandbox: DockerSandbox, box: Box) -> None:
    run(sandbox, box)
    status = sandbox.execute(box, ("cat", "/proc/self/status", "/proc/1/status")).text
    fields = [line.split() for line in status.splitlines()]
    assert {row[1] for row in fields if row[0].startswith("Cap")} == {"0" * 16}
    assert {row[1] for row in fields if row[0] == "NoNewPrivs:"} == {"1"}
    host = json.loads(docker("inspect", box.name))[0]["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"], host["NanoCpus"]) == (
        1 << 26,
        1 << 26,
        40,
        5 * 10**8,
    )
    assert (host["Privileged"], host["RestartPolicy"]["Name"] or "no", host["Init"]) == (False, "no", True)
    assert host["LogConfig"]["Type"] == "none"
    assert host["Devices"] in (None, [])


@pytest.mark.docker
def test_the_git_pointer_cannot_be_removed_moved_rewritten_or_uncovered(sandbox: DockerSandbox, box: Box) -> None:
    run(sandbox, box)
    for attack in ("rm -f .git", "mv .git x", "echo x >.git", "umount .git", "ln -sf /x .git"):
        assert sandbox.execute(box, ("sh", "-c", attack), check=False).code != 0, attack
    assert sandbox.execute(box, ("cat", ".git")).text == "gitdir: /orchestra/git\n"


@pytest.mark.docker
def test_a_container_sees_what_it_was_given_and_no_more(sandbox: DockerSandbox, box: Box) -> None:
    run(sandbox, box)
    mounts = json.loads(docker("inspect", "-f", "{{json .Mounts}}", box.name))
    assert {(one["Source"], one["Destination"], one["RW"]) for one in mounts} == {
        (str(one.source), one.target, not one.read_only) for one in box.mounts
    }
    assert sandbox.execute(box, ("sh", "-c", "ls /run/docker.sock /var/run/docker.sock"), check=False).code != 0


@pytest.mark.docker
def test_a_secret_is_readable_inside_and_shown_nowhere_else(sandbox: DockerSandbox, box: Box) -> None:
    run(sandbox, box)
    assert sandbox.execute(box, ("cat", "/orchestra/secrets/token")).text == CANARY
    shown = [docker("inspect", box.name), docker("ps", "-a", "--no-trunc"), docker("history", "--no-trunc", IMAGE)]
    assert not [text for text in shown if CANARY in text]
    assert CANARY not in docker("top", box.name, "-eo", "pid,args")


@pytest.mark.docker
def test_a_memory_hog_is_ended_and_the_container_lives_on(sandbox: DockerSandbox, box: Box) -> None:
    run(sandbox, box)
    done = sandbox.execute(box, ("perl", "-e", "my $x = 'x' x (200 << 20); print 'got it'"), check=False)
    assert (done.code, done.text) == (137, "")
    assert sandbox.look(box).state is BoxState.RUNNING


@pytest.mark.docker
def test_a_fork_bomb_ends_at_the_limit(sandbox: DockerSandbox, box: Box) -> None:
    run(sandbox, replace(box, command=("bash", "-c", FORK_BOMB)))
    most = max(len(docker("top", box.name, "-eo", "pid").splitlines()) - 1 for _ in range(5))
    assert most <= 40


@pytest.mark.docker
def test_one_container_cannot_reach_another(sandbox: DockerSandbox, box: Box) -> None:
    listening = replace(box, command=("perl", "-e", LISTEN))
    other = replace(box, name=f"{box.name}-b", command=("sleep", "300"))
    run(sandbox, listening)
    try:
        run(sandbox, other)
        address = docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", box.name)
        call = ("perl", "-e", CALL, f"{address}:8000")
        eventually(lambda: sandbox.execute(listening, call).text == "reached\n")
        assert sandbox.execute(other, ("perl", "-e", CALL, f"{address}:8000")).text == "blocked\n"
    finally:
        sandbox.remove(other.name)


@pytest.mark.docker
def test_a_container_reaches_the_host_at_the_gateway_on_a_closed_network_too(box: Box, tag: str) -> None:
    closed = DockerSandbox(f"orc-{tag}-in", home_tag=tag, internal=lambda: True)
    with socket.create_server((closed.gateway(), 0)) as server:
        run(closed, box)
        server.settimeout(60)
        address = f"{closed.gateway()}:{server.getsockname()[1]}"
        words = ["docker", "exec", box.name, "perl", "-e", CALL, address]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as call:
            link, _ = server.accept()
            with link:
                link.sendall(b"reached\n")
            assert call.communicate(timeout=60)[0] == b"reached\n"
    assert closed.execute(box, ("perl", "-e", CALL, "192.0.2.1:80")).text == "blocked\n"
    closed.remove(box.name)


def test_the_engine_s_socket_is_refused_by_itself_through_parents_and_through_links(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/var/run")
    (tmp_path / "socket").symlink_to("/var/run/docker.sock")
    for source in (
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/var/run",
        "/run",
        "/",
        tmp_path / "link",
        tmp_path / "socket",
    ):
        with pytest.raises(Refused, match="control the Docker engine"):
            refuse_engine_sockets([Mount(tmp_path, "/a"), Mount(Path(source), "/b")])
    refuse_engine_sockets([Mount(tmp_path, "/a")])


def test_an_engine_at_a_place_of_its_own_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine/here.sock")
    with pytest.raises(Refused):
        refuse_engine_sockets([Mount(tmp_path, "/a")])
    (tmp_path / "any").mkdir()
    refuse_engine_sockets([Mount(tmp_path / "any", "/a")])
    with socket.socket(socket.AF_UNIX) as link:
        link.bind(str(tmp_path / "any" / "s"))
        with pytest.raises(Refused):
            refuse_engine_sockets([Mount(tmp_path / "any" / "s", "/s")])
