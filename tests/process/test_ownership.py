"""Containers, networks and directories belong to one home; what is another's is never looked into, used or removed."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestra.drivers.git.repository import Repository
from orchestra.drivers.sandbox import protected_paths
from orchestra.drivers.sandbox.docker import DockerSandbox
from orchestra.drivers.sandbox.docker_config import HOME, OWNER, PROJECT, Installation
from orchestra.drivers.sandbox.protocol import Box, Mount
from orchestra.errors import NotARepository, NotFound, OrchestraError, Refused
from orchestra.model import BoxState
from orchestra.paths import Home
from tests.conftest import GitCall, MakeRepository

IMAGE = "debian:bookworm-slim"


def docker(*words: str, check: bool = True) -> str:
    return subprocess.run(["docker", *words], check=check, capture_output=True, text=True, timeout=60).stdout.strip()


@dataclass(frozen=True)
class Someone:
    """A home, and how its containers are made: all that are compared here have the same names."""

    home: Home
    name: str

    @property
    def sandbox(self) -> DockerSandbox:
        home = self.home
        return DockerSandbox(self.name, home_tag=home.tag, owner=home.owner, home=home.root)

    @property
    def box(self) -> Box:
        return Box(
            name=self.name,
            image=IMAGE,
            command=("sleep", "300"),
            workdir=self.home.root,
            mounts=(Mount(self.home.root / "projects", "/kept"),),
            env={},
            labels={PROJECT: "app"},
            uid=os.getuid(),
            gid=os.getgid(),
            hostname="one",
            home=self.home.root / "projects",
        )


@pytest.fixture
def people(tmp_path: Path) -> Iterator[tuple[Someone, Someone]]:
    """Two homes, on one engine, whose containers and networks would have the same name."""
    name = f"orc-{uuid.uuid4().hex[:6]}"
    homes = [Home(tmp_path / who / ".orchestra") for who in ("alice", "bob")]
    for home in homes:
        (home.root / "projects").mkdir(parents=True)
    yield Someone(homes[0], name), Someone(homes[1], name)
    docker("rm", "-f", *docker("ps", "-aq", "--filter", f"name={name}").split(), check=False)
    docker("network", "rm", name, check=False)


def state(name: str) -> str:
    return docker("inspect", "-f", "{{.State.Status}}", name)


@pytest.mark.docker
def test_what_one_home_runs_is_nothing_to_another_with_the_same_names(people: tuple[Someone, Someone]) -> None:
    alice, bob = people
    alice.sandbox.create(alice.box)
    alice.sandbox.start(alice.name)
    assert alice.sandbox.look(alice.box).state is BoxState.RUNNING
    assert alice.sandbox.made_for("app") == {alice.name: False}
    assert bob.sandbox.look(bob.box).state is BoxState.ABSENT
    assert bob.name not in bob.sandbox.look_all()
    assert bob.sandbox.made_for("app") == {}
    for attempt in (
        lambda: bob.sandbox.create(bob.box),
        lambda: bob.sandbox.start(bob.name),
        lambda: bob.sandbox.stop(bob.name),
        lambda: bob.sandbox.remove(bob.name),
        bob.sandbox.ensure_network,
        bob.sandbox.gateway,
    ):
        with pytest.raises(Refused, match="does not belong to this Orchestra") as told:
            attempt()
        assert told.value.hint
    with pytest.raises(NotFound):
        bob.sandbox.upload_pack(replace(bob.box, image=""), "/kept")
    assert not bob.sandbox.has_network()
    bob.sandbox.remove_network()
    assert state(alice.name) == "running"
    assert docker("network", "inspect", "-f", f'{{{{index .Labels "{OWNER}"}}}}', alice.name) == alice.home.owner


@pytest.mark.docker
def test_a_name_or_a_label_alone_makes_nothing_ours(people: tuple[Someone, Someone]) -> None:
    _, bob = people
    foreign = ("--label", f"{OWNER}=0-{'0' * 24}", "--label", f"{HOME}={bob.home.tag}", "--label", f"{PROJECT}=app")
    docker("run", "-d", "--name", bob.name, *foreign, "--network", "none", IMAGE, "sleep", "60")
    left = ("--label", f"orchestra.once={bob.name}")
    docker("run", "--name", f"{bob.name}-left", *foreign, *left, "--network", "none", IMAGE, "true")
    assert bob.sandbox.look_all() == {}
    with pytest.raises(Refused, match="a home of user 0"):
        bob.sandbox.create(bob.box)
    bob.sandbox.run_once(replace(bob.box, mounts=()), ("true",), deadline=60)
    assert state(bob.name) == "running"
    assert state(f"{bob.name}-left") == "exited", "what another left of a run is the other's to remove"


@pytest.mark.docker
def test_what_an_older_version_made_is_its_homes_by_its_mounts_and_is_made_anew(
    people: tuple[Someone, Someone],
) -> None:
    """They wrote `default` for every usual home, whoever's it was."""
    alice, bob = people
    kept = ("-v", f"{alice.home.root}/projects:/kept", "--label", f"{HOME}=default", "--label", f"{PROJECT}=app")
    docker("create", "--name", alice.name, *kept, "--network", "none", IMAGE, "sleep", "60")
    assert bob.sandbox.look_all() == {}
    assert bob.sandbox.look(bob.box).state is BoxState.ABSENT
    assert alice.sandbox.made_for("app") == {alice.name: True}
    alice.sandbox.create(alice.box)
    assert docker("inspect", "-f", f'{{{{index .Config.Labels "{OWNER}"}}}}', alice.name) == alice.home.owner


def test_whose_a_thing_is_is_read_from_its_labels_and_mounts(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    place = Installation("net", "abc123", "7-f00", tmp_path / "link" / "home")
    inside = [{"Source": f"{tmp_path}/home/projects/x"}]
    beside = [{"Source": f"{tmp_path}/home-of-bob/projects"}, {"Destination": "/only"}]
    assert place.owns(place.labels)
    assert place.owns({HOME: "abc123"}), "an older version's, at the same place"
    assert place.owns({HOME: "default"}, inside)
    for labels, mounts in (
        ({HOME: "abc123", OWNER: "8-f00"}, inside),
        ({HOME: "abc123", OWNER: ""}, inside),
        ({HOME: "default"}, beside),
        ({HOME: "default"}, []),
        ({HOME: "fedcba"}, inside),
        ({}, inside),
        (None, inside),
    ):
        assert not place.owns(labels, mounts), labels


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home directory, with Orchestra's own in it; returns what both are below."""
    for name in ("person/.orchestra/secrets", "person/app", "person/link-to", "elsewhere/kept"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    monkeypatch.delenv("ORCHESTRA_HOME", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", ["", "person", "person/.", "person/app/..", "/"])
def test_no_agent_gets_a_directory_that_is_or_holds_the_persons_home(layout: Path, name: str) -> None:
    with pytest.raises(Refused, match="agents would see all of it") as told:
        protected_paths.refuse(layout / name, start=layout / "person" / "app")
    assert told.value.hint == f"give the project its own repository: cd '{layout}/person/app' && git init"


def test_nor_by_a_link_to_it_nor_where_orchestra_keeps_what_it_knows(layout: Path) -> None:
    (layout / "link").symlink_to(layout / "person")
    with pytest.raises(Refused, match="is your home directory"):
        protected_paths.refuse(layout / "link")
    (layout / "moved").symlink_to(layout / "elsewhere" / "kept")
    for home in (layout / "moved", layout / "elsewhere" / "kept" / "deep"):
        with pytest.raises(Refused, match="Orchestra's own"):
            protected_paths.refuse(layout / "elsewhere", home=home)
        protected_paths.refuse(layout / "person" / "app", home=home)


@pytest.mark.parametrize("name", ["person/app", "person/link-to", "elsewhere", "not/there"])
def test_other_directories_are_fine(layout: Path, name: str) -> None:
    protected_paths.refuse(layout / name)


@pytest.mark.parametrize("how", ["separate", "link"])
def test_a_git_directory_among_the_files_of_the_checkout_is_refused(
    make_repository: MakeRepository, git: GitCall, how: str
) -> None:
    """It would be in the designer's container, writable, with its hooks and settings."""
    root = make_repository()
    if how == "separate":
        git(root, "init", "-q", "--separate-git-dir", str(root / "inner"))
    else:
        (root / ".git").rename(root / "git")
        (root / ".git").symlink_to("git")
    with pytest.raises(NotARepository, match="where agents write") as refused:
        Repository.open(root)
    subprocess.run(refused.value.hint.partition(": ")[2], shell=True, check=True, cwd=root, timeout=60)  # noqa: S602 -- as typed
    if how == "separate":
        assert Repository.open(root).git_dir == Path(f"{root}.git")


@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts")
def test_a_mount_of_the_home_under_another_name_is_seen_too(layout: Path) -> None:
    project = layout / "elsewhere" / "a pro\\ject"
    (project / "inner").mkdir(parents=True)
    (layout / "twin").mkdir()
    for source, target in ((layout / "person", layout / "twin"), (layout / "person", project / "inner")):
        done = subprocess.run(("mount", "--bind", source, target), check=False, capture_output=True)
        if done.returncode:
            pytest.skip("mounts are not allowed here")
    try:
        for name in (layout / "twin", project):
            with pytest.raises(Refused):
                protected_paths.refuse(name)
    finally:
        subprocess.run(("umount", layout / "twin", project / "inner"), check=True)


@pytest.mark.docker
def test_a_container_with_such_a_mount_is_never_made(people: tuple[Someone, Someone], layout: Path) -> None:
    alice, _ = people
    for source in (layout / "person", alice.home.root, alice.home.root.parent):
        with pytest.raises(OrchestraError, match="agents would see all of it"):
            alice.sandbox.create(replace(alice.box, mounts=(Mount(source, "/x", read_only=True),)))
    assert alice.sandbox.look_all() == {}
