"""What a designer, who writes the person's checkout, cannot reach through what is copied into a worktree.

Each attack changes the checkout as the designer's container can, then the person (or the designer's own tool) does
what they always do. Afterwards the person's files are as they were, and none of their words are anywhere they should
not be. Add an attack to the list: a function that takes a `World`, named as a sentence.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import MakeRepository
from tests.hostile.test_safe_files import OBSTACLES, dig, swapping
from tests.support.designer_world import Attack, Attacks, World, made_world


@pytest.fixture
def world(make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    yield from made_world(make_repository, monkeypatch, tmp_path)


attack = Attacks()


@attack
def the_copied_file_is_git_s_configuration(world: World) -> None:
    (world.source / ".env").symlink_to(".git/config")
    assert world.copies(".env") == ["not copied: .env is in git's own directory"]


@attack
def the_copied_file_lies_below_git(world: World) -> None:
    assert len(world.copies(".git/config", ".git", ".GIT/config", "vendor/.git")) == 4
    assert world.copies(".git/*")
    (world.source / "dot").symlink_to(".")
    assert len(world.copies("dot", "dot/.git/config", "dot/dot/.git")) == 3


@attack
def a_copied_directory_is_git_s(world: World) -> None:
    (world.source / "config").symlink_to(".git")
    assert world.copies("config", "config/config", "config/*") != []
    (world.source / "inner").mkdir()
    (world.source / "inner" / "link").symlink_to("../.git/config")
    (world.source / "inner" / "git").symlink_to("../.git")
    assert len(world.copies("inner")) == 2


@attack
def the_copied_file_leads_to_the_person_s_key(world: World) -> None:
    (world.source / ".env").symlink_to(world.home / ".ssh" / "id_rsa")
    (world.source / ".env.local").symlink_to(os.path.relpath(world.home / ".ssh" / "id_rsa", world.source))
    assert len(world.copies(".env", ".env.local", ".env*")) == 4


@attack
def a_directory_on_the_way_leads_out(world: World) -> None:
    (world.source / "config").symlink_to(world.home)
    assert len(world.copies("config/.bashrc", "config", "config/.ssh/id_rsa")) == 3


@attack
def links_lead_out_by_links(world: World) -> None:
    (world.source / "a").symlink_to("b/../../home")
    (world.source / "b").symlink_to(".")
    (world.source / "c").symlink_to("a/.bashrc")
    (world.source / "loop").symlink_to("loop2")
    (world.source / "loop2").symlink_to("loop")
    assert len(world.copies("c", "a/.bashrc", "b/b/b/c", "loop")) == 4


@attack
def a_link_deep_in_a_copied_directory_leads_out(world: World) -> None:
    deep = world.source / "secrets" / "deep"
    deep.mkdir(parents=True)
    (deep / "key").symlink_to(world.home / ".ssh" / "id_rsa")
    (deep / "ssh").symlink_to(world.home / ".ssh")
    (deep / "own").write_text("own")
    assert len(world.copies("secrets")) == 2
    assert (world.worktree / "secrets" / "deep" / "own").read_text() == "own"


@attack
def the_copied_file_is_swapped_as_fast_as_can_be(world: World) -> None:
    (world.source / ".env").write_text("A=1\n")
    (world.source / ".bait").symlink_to(world.home / ".ssh" / "id_rsa")
    with swapping(world.source / ".env", world.source / ".bait"):
        for _ in range(60):
            world.copies(".env")
            (world.worktree / ".env").unlink(missing_ok=True)


@attack
def a_copied_directory_is_swapped_as_fast_as_can_be(world: World) -> None:
    (world.source / "config").mkdir()
    for number in range(20):
        (world.source / "config" / f"id_rsa{number}").write_text("own")
    (world.source / "config" / "id_rsa").write_text("own")
    (world.source / "bait").symlink_to(world.home / ".ssh")
    with swapping(world.source / "config", world.source / "bait"):
        for number in range(40):
            world.copies("config", "config/*", "config/id_rsa")
            with suppress(FileNotFoundError):
                (world.worktree / "config").rename(world.worktree / f"config{number}")


@attack
def the_worktree_s_commit_holds_links_of_that_name(world: World) -> None:
    (world.source / ".env").write_text("A=1\n")
    (world.source / "config").mkdir()
    (world.source / "config" / "x").write_text("own")
    (world.worktree / ".env").symlink_to(world.home / ".bashrc")
    (world.worktree / "config").symlink_to(world.home / "private")
    assert len(world.copies(".env", "config")) == 2


@attack
def nothing_that_is_copied_is_waited_for(world: World) -> None:
    (world.source / "all").mkdir()
    for number, obstacle in enumerate(OBSTACLES.values()):
        obstacle(world.source / "all" / str(number))
        obstacle(world.source / f"one{number}")
    dig(world.source / "all" / "deep" if (world.source / "all" / "deep").is_dir() else world.source / "all", 400)
    with (world.source / "huge").open("wb") as huge:
        huge.truncate(1 << 40)
    assert len(world.copies("all", "huge", *(f"one{number}" for number in range(len(OBSTACLES))))) > len(OBSTACLES)


@attack
def names_that_lead_out(world: World) -> None:
    assert len(world.copies("../home/.bashrc", str(world.home / ".bashrc"), "..", "/", "*/../../home/*")) >= 4


@attack
def names_that_steer_a_terminal(world: World) -> None:
    (world.source / "odd").mkdir()
    (world.source / "odd" / "\x1b]0;owned\x07").symlink_to("/etc/passwd")
    assert world.copies("odd") == ["not copied: odd/�]0;owned� leads out of the project"]


@pytest.mark.parametrize("function", attack, ids=lambda one: one.__name__)
def test_the_person_s_files_are_safe_though(world: World, function: Attack) -> None:
    function(world)
    world.unharmed()


def test_what_the_person_asked_for_is_copied(world: World) -> None:
    """Files, directories, patterns, and symlinks that stay in the project; the rest is said."""
    for name in ("secrets/deep/key", "node_modules/a/index.js", "one.pem", "two.pem", "config/dev.env", ".hidden.pem"):
        (world.source / name).parent.mkdir(parents=True, exist_ok=True)
        (world.source / name).write_text(name)
    (world.source / "secrets/deep/key").chmod(0o600)
    (world.source / ".env").symlink_to("config/dev.env")
    (world.source / "absolute").symlink_to(world.source / "config" / "dev.env")
    (world.source / "node_modules" / "link").symlink_to("a/index.js")
    lines = world.copies(".env", "absolute", "secrets", "node_modules", "*.pem", ".env.missing", "config/**/*.env")
    copied = {str(one.relative_to(world.worktree)) for one in world.worktree.rglob("*") if not one.is_dir()}
    assert copied == {
        ".env", "absolute", "secrets/deep/key", "node_modules/a/index.js", "node_modules/link", "one.pem", "two.pem",
        "config/dev.env",
    }  # fmt: skip
    assert (world.worktree / ".env").read_text() == "config/dev.env"
    assert not (world.worktree / ".env").is_symlink()
    assert (world.worktree / "node_modules/link").readlink() == Path("a/index.js")
    assert (world.worktree / "secrets/deep/key").stat().st_mode & 0o777 == 0o600
    assert lines == ["not copied: .env.missing is not there"]
    logged = [event.text for event in world.project.store.events.select("alpha") if event.kind == "not-copied"]
    assert logged == [".env.missing is not there"]
