"""What a designer, who writes the person's checkout, cannot reach through the specs.

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

from orchestra.actions.work import spec
from orchestra.actions.workspace.windows import editor_command
from orchestra.errors import OrchestraError, Refused
from orchestra.names import MAIN
from tests.conftest import MakeRepository
from tests.hostile.test_safe_files import swapping
from tests.support.designer_world import EVIL, Attack, Attacks, World, made_world


@pytest.fixture
def world(make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    yield from made_world(make_repository, monkeypatch, tmp_path)


attack = Attacks()


@attack
def the_old_temporary_name_is_a_link(world: World) -> None:
    (world.specs / ".alpha.md.new").symlink_to(world.home / ".bashrc")
    world.updates()
    world.opens()


@attack
def the_spec_is_a_link(world: World) -> None:
    (world.specs / "alpha.md").symlink_to(world.home / ".bashrc")
    world.updates()
    world.opens()
    with pytest.raises(Refused, match="is a symlink"):
        spec.ensure_file(world.project, "alpha")


@attack
def the_directory_of_the_specs_is_a_link(world: World) -> None:
    place = world.specs
    place.rmdir()
    place.symlink_to(world.home / "private")
    world.updates()
    world.opens()
    spec.read_spec(world.project, "alpha", reader="alpha")
    with pytest.raises(Refused, match="is a symlink"):
        spec.notice_change(world.project, "alpha")


@attack
def all_of_orchestra_s_directory_is_a_link(world: World) -> None:
    (world.home / "specs").mkdir()
    (world.source / ".orchestra").symlink_to(world.home)
    world.updates()
    world.opens()
    assert list((world.home / "specs").iterdir()) == []
    (world.home / "specs").rmdir()


@attack
def a_link_replaces_the_spec_while_the_editor_is_open(world: World) -> None:
    """The editor writes where it opened; that is nowhere an agent can write."""
    file = Path(editor_command(world.project, "alpha")[-1])
    (world.specs / "alpha.md").unlink()
    (world.specs / "alpha.md").symlink_to(world.home / ".bashrc")
    file.write_text("what the person typed\n")
    with pytest.raises(Refused):
        spec.notice_change(world.project, "alpha")
    found = world.project.store.specs.get("alpha")
    assert found is not None
    assert found.text == "what the person typed\n"


@attack
def the_editor_s_own_files_lie_beside_the_spec(world: World) -> None:
    """No settings, swap file or directory variables of the agent's are where the editor looks."""
    for name in (".exrc", ".alpha.md.swp", ".dir-locals.el", ".editorconfig", ".vimrc", ".nvim.lua"):
        (world.specs / name).write_text("x")
    file = Path(editor_command(world.project, "alpha")[-1])
    assert {one.name for one in file.parent.iterdir()} == {"alpha.md", "synced"}
    assert world.source not in file.parents


@attack
def the_spec_is_swapped_as_fast_as_can_be(world: World) -> None:
    spec.ensure_file(world.project, "alpha")
    (world.specs / "bait").symlink_to(world.home / ".bashrc")
    with swapping(world.specs / "alpha.md", world.specs / "bait"):
        for number in range(60):
            world.updates(f"{EVIL} {number}")
            with suppress(OrchestraError):
                spec.read_spec(world.project, "alpha")


@attack
def the_directory_is_swapped_as_fast_as_can_be(world: World) -> None:
    spec.ensure_file(world.project, "alpha")
    (world.source / ".orchestra" / "bait").symlink_to(world.home / "private")
    with swapping(world.specs, world.source / ".orchestra" / "bait"):
        for number in range(60):
            world.updates(f"{EVIL} {number}")
            with suppress(OrchestraError):
                spec.read_spec(world.project, "alpha")


@attack
def the_spec_is_endless(world: World) -> None:
    with (world.specs / "alpha.md").open("wb") as file:
        file.truncate(1 << 40)
    world.updates()
    world.opens()
    with pytest.raises(Refused, match="more than 1 MiB"):
        spec.notice_change(world.project, "alpha")


@attack
def the_spec_is_a_pipe_nobody_writes_into(world: World) -> None:
    os.mkfifo(world.specs / "alpha.md")
    world.updates()
    world.opens()


@pytest.mark.parametrize("function", attack, ids=lambda one: one.__name__)
def test_the_person_s_files_are_safe_though(world: World, function: Attack) -> None:
    function(world)
    world.unharmed()


def test_an_edit_in_either_place_is_a_new_version_in_both(world: World) -> None:
    file = spec.ensure_file(world.project, "alpha")
    shared = world.specs / "alpha.md"
    assert (file.read_text(), shared.read_text()) == ("the task", "the task")
    for edited, text in ((file, "from the editor"), (shared, "from another editor"), (file, "again")):
        edited.write_text(text)
        saved = spec.notice_change(world.project, "alpha")
        assert saved is not None
        assert (saved.text, file.read_text(), shared.read_text()) == (text, text, text)
    assert spec.notice_change(world.project, "alpha") is None
    shared.write_text("first")
    file.write_text("last")
    saved = spec.notice_change(world.project, "alpha")
    assert saved is not None
    assert (saved.text, saved.version) == ("last", 6)


def test_a_crash_between_saving_and_writing_takes_nothing_back(world: World) -> None:
    spec.ensure_file(world.project, "alpha")
    world.project.store.specs.save("alpha", "newer", MAIN)
    assert spec.notice_change(world.project, "alpha") is None
    file = spec.ensure_file(world.project, "alpha")
    found = world.project.store.specs.get("alpha")
    assert found is not None
    assert (found.text, file.read_text()) == ("newer", "newer")
