"""Restoring and giving back disk: cut off anywhere, the next call does the rest; neither takes from the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestra import safe_files
from orchestra.actions.maintenance import gc
from orchestra.actions.session import manage, preserve, steps
from orchestra.drivers.git import anchors, ignored_files
from orchestra.drivers.git.repository import Repository
from orchestra.errors import NameTaken, NotFound, Refused
from orchestra.lifecycle import Step
from orchestra.model import Intent, Session
from orchestra.project import Project
from orchestra.store.sessions import Sessions
from tests.support.living import Crash, World, living

HELD = {"u.txt": "uncommitted", "out/model.bin": "weights", ".gitignore": "out/\n"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with living(tmp_path, monkeypatch) as made:
        yield made


def gone(world: World, name: str = "alpha", *, worktree: bool = True) -> Session:
    session = world.lives(name, HELD)
    manage.delete(world.project, name, force=True, remove_worktree=worktree)
    return session


def has_all(session: Session) -> bool:
    return all((session.worktree / name).read_text() == text for name, text in HELD.items())


def test_ignored_files_and_uncommitted_ones_come_back(world: World) -> None:
    alpha = gone(world)
    assert not alpha.worktree.exists()
    manage.restore(world.project, "alpha")
    assert has_all(alpha)
    assert not preserve.kept_files(world.project, alpha).exists()


PLACES: tuple[tuple[object, str], ...] = (
    (Repository, "add_worktree"), (anchors, "put_back"), (ignored_files, "put_back"), (preserve, "drop_kept_files"),
    (Sessions, "update"), (manage, "settle"),
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=lambda one: str(one[1]))
@pytest.mark.parametrize("after", [False, True])
def test_a_restoration_that_is_cut_off_anywhere_is_finished_by_the_next(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[object, str],
    after: bool,  # noqa: FBT001 -- before or after
) -> None:
    alpha = gone(world)
    usual: Callable[..., object] = getattr(*place)

    def die(*arguments: object, **named: object) -> None:
        if after:
            usual(*arguments, **named)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(*place, die)
        with pytest.raises(Crash):
            manage.restore(world.project, "alpha")
    manage.restore(world.project, "alpha")
    assert has_all(alpha)
    assert world.project.store.sessions.get("alpha").intent is Intent.RUN
    manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    manage.restore(world.project, "alpha")
    assert has_all(alpha)


def test_restoring_what_is_back_already_changes_nothing(world: World) -> None:
    alpha = gone(world)
    manage.restore(world.project, "alpha")
    (alpha.worktree / "u.txt").write_text("newer")
    manage.restore(world.project, "alpha")
    assert (alpha.worktree / "u.txt").read_text() == "newer"


def test_a_session_of_another_name_s_past_is_not_replaced(world: World) -> None:
    gone(world)
    world.git("branch", "-D", "orchestra/alpha") if world.git("branch", "--list", "orchestra/alpha") else None
    world.lives("alpha")
    with pytest.raises(NameTaken):
        manage.restore(world.project, "alpha")
    with pytest.raises(NotFound):
        manage.restore(world.project, "nobody")


def test_the_anchor_of_an_earlier_session_of_the_name_is_not_another_s(world: World) -> None:
    gone(world)
    beta = world.lives("alpha")
    safe_files.remove(beta.worktree)
    manage.delete(world.project, "alpha", force=True)
    manage.restore(world.project, "alpha")
    assert not (beta.worktree / "u.txt").exists()


def test_a_worktree_that_was_removed_in_part_is_never_anchored_in_that_state(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha = world.lives("alpha", HELD)
    usual = safe_files.remove

    def die(place: Path, **_: object) -> None:
        if place.name.startswith(".alpha"):
            (place / "u.txt").unlink()
            raise Crash
        usual(place)

    with monkeypatch.context() as patch:
        patch.setattr(safe_files, "remove", die)
        with pytest.raises(Crash):
            manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    manage.delete(world.project, "alpha", force=True)
    assert "worktree" in [one.kind for one in gc.gc(world.project, remove=True)]
    assert list(world.project.paths.worktrees.iterdir()) == []
    manage.restore(world.project, "alpha")
    assert has_all(alpha)


def test_what_cannot_be_kept_keeps_its_worktree_and_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = world.lives("alpha", HELD)
    monkeypatch.setattr(ignored_files, "MOST_BYTES", 3)
    with pytest.raises(Refused, match="out"):
        manage.delete(world.project, "alpha", remove_worktree=True)
    lines: list[str] = []
    answer = manage.delete(world.project, "alpha", force=True, remove_worktree=True, progress=lines.append)
    assert answer["worktree"] == str(alpha.worktree)
    assert any("its worktree stays" in line and "out" in line for line in lines)
    (left,) = (one for one in gc.gc(world.project, remove=True) if one.kind == "worktree")
    assert "more than can be kept" in left.kept
    assert has_all(alpha)


@pytest.mark.parametrize("error", [Refused("no"), RecursionError()])
def test_a_worktree_that_cannot_be_anchored_stays_and_the_session_goes(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    alpha = world.lives("alpha", HELD)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(anchors, "anchor", fail)
    answer = manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    assert answer["worktree"] == str(alpha.worktree)
    assert has_all(alpha)


def test_gc_keeps_what_a_person_put_into_a_worktree_that_stayed(world: World) -> None:
    alpha = gone(world, worktree=False)
    (alpha.worktree / "out/mine.txt").write_text("mine")
    gc.gc(world.project, remove=True)
    assert not alpha.worktree.exists()
    manage.restore(world.project, "alpha")
    assert has_all(alpha)
    assert (alpha.worktree / "out/mine.txt").read_text() == "mine"


def test_gc_leaves_a_worktree_behind_a_symlink_and_goes_on_with_the_others(world: World, tmp_path: Path) -> None:
    alpha, beta = gone(world, worktree=False), gone(world, "beta", worktree=False)
    alpha.worktree.rename(tmp_path / "elsewhere")
    alpha.worktree.symlink_to(tmp_path / "elsewhere")
    found = {one.what: one.kept for one in gc.gc(world.project, remove=True)}
    assert found[str(alpha.worktree)]
    assert found[str(beta.worktree)] == ""
    assert (tmp_path / "elsewhere/u.txt").exists()
    assert not beta.worktree.exists()


def test_gc_leaves_a_directory_that_is_none_of_git_s(world: World) -> None:
    alpha = gone(world)
    alpha.worktree.mkdir()
    (alpha.worktree / "mine.txt").write_text("mine")
    (left,) = (one for one in gc.gc(world.project, remove=True) if one.kind == "worktree")
    assert "rm -rf" in left.kept
    assert (alpha.worktree / "mine.txt").exists()


def test_gc_takes_nothing_of_a_session_that_was_restored_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha = gone(world, worktree=False)
    home = world.project.session_paths(alpha).home
    home.mkdir(parents=True)
    secrets = world.project.session_paths(alpha).secrets
    usual = Project.lock

    def restored_first(project: Project, name: str, **named: float) -> object:
        if name == "alpha" and project.store.sessions.find("alpha") is None:
            project.store.sessions.update(alpha.id, deleted_at=None)
            secrets.mkdir(parents=True)
            world.agents.running.add(project.box_name(alpha))
        return usual(project, name, **named)

    monkeypatch.setattr(Project, "lock", restored_first)
    assert gc.gc(world.project, remove=True) == []
    assert home.exists()
    assert secrets.exists()
    assert has_all(alpha)


def test_gc_takes_no_credential_of_a_session_that_was_restored_since_it_looked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha = gone(world)
    secrets = world.project.session_paths(alpha).secrets
    locked: list[str] = []
    usual = Project.lock

    def restored_at_last(project: Project, name: str, **named: float) -> object:
        locked.append(name)
        if locked.count("alpha") == 2:
            project.store.sessions.update(alpha.id, deleted_at=None)
            secrets.mkdir(parents=True)
            world.agents.running.add(project.box_name(alpha))
        return usual(project, name, **named)

    monkeypatch.setattr(Project, "lock", restored_at_last)
    gc.gc(world.project, remove=True)
    assert locked.count("alpha") == 2
    assert secrets.exists()


def test_gc_and_restore_wait_for_each_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gone(world, worktree=False)
    held: list[str] = []
    usual = preserve.anchor

    def looked_at(project: Project, session: Session) -> str:
        with pytest.raises(Exception, match="has been changing 'alpha'"), project.lock("alpha", deadline=0.05):
            held.append("free")
        held.append("held")
        return usual(project, session)

    monkeypatch.setattr(preserve, "anchor", looked_at)
    gc.gc(world.project, remove=True)
    assert held == ["held"]


def test_gc_goes_on_where_one_session_meets_a_bug(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, beta = gone(world, worktree=False), gone(world, "beta", worktree=False)
    usual = preserve.anchor

    def fail(project: Project, session: Session) -> str:
        if session.name == "alpha":
            raise RecursionError
        return usual(project, session)

    monkeypatch.setattr(preserve, "anchor", fail)
    found = {one.what: one.kept for one in gc.gc(world.project, remove=True)}
    assert "RecursionError" in found[str(alpha.worktree)]
    assert alpha.worktree.exists()
    assert not beta.worktree.exists()


def test_gc_leaves_no_credential_of_what_is_gone_or_rests(world: World) -> None:
    alpha, beta = gone(world), world.lives("beta")
    places = {one.name: world.project.session_paths(one).secrets for one in (alpha, beta)}
    for place in places.values():
        place.mkdir(parents=True)
        (place / "KEY").write_text("secret")
    gc.gc(world.project, remove=True)
    assert not places["alpha"].exists()
    assert places["beta"].exists()
    world.agents.running.clear()
    gc.gc(world.project, remove=True)
    assert not places["beta"].exists()


def test_a_deletion_keeps_ignored_files_before_anything_is_removed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha = world.lives("alpha", HELD)

    def die(*_: object) -> None:
        raise Crash

    monkeypatch.setitem(steps.PERFORM, Step.REMOVE_WORKTREE, die)
    with pytest.raises(Crash):
        manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    assert (preserve.kept_files(world.project, alpha) / "out/model.bin").read_text() == "weights"
    assert has_all(alpha)
