"""What a person does to a repository while agents work on it is followed, or told; no commit of an agent is lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from orchestra.actions.landing import merge
from orchestra.actions.maintenance import gc
from orchestra.actions.session import branch_sync, manage
from orchestra.actions.session.settle import settle
from orchestra.actions.workspace.recover import reconcile
from orchestra.errors import NotARepository, Refused
from orchestra.model import BoxState, SandboxKind
from orchestra.names import PERSON
from orchestra.paths import Home
from orchestra.project import locate
from tests.support.local_sandbox import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World.make(tmp_path / "w", monkeypatch)


def take(world: World, name: str) -> bool:
    project = world.project
    return branch_sync.import_commits(project, project.store.sessions.get(name))


def told(world: World, name: str) -> str:
    """Return all that the list, the log and the person's inbox say."""
    project = world.project
    rows = [row for row in manage.list_sessions(project) if row["name"] == name]
    log = manage.log(project, name)
    inbox = project.store.messages.select(recipient=PERSON)
    return repr((rows[0]["trouble"], [one["text"] for one in log], [one.text for one in inbox]))


# A branch that is renamed, removed, left, reset, rebased.


@pytest.mark.parametrize("sandbox", list(SandboxKind))
def test_a_branch_that_the_person_renames_is_followed_on_both_sides(world: World, sandbox: SandboxKind) -> None:
    world.spawn("alpha", sandbox=sandbox)
    world.works("alpha", "first")
    take(world, "alpha")
    world.git("branch", "-m", "orchestra/alpha", "feature/login")
    second = world.works("alpha", "second")
    assert take(world, "alpha")
    session = world.project.store.sessions.get("alpha")
    assert (session.branch, session.head, session.commits, session.trouble) == ("feature/login", second, 2, "")
    assert world.git("rev-parse", "feature/login") == second
    assert "refs/heads/orchestra/alpha" not in world.git("for-each-ref")
    assert world.agent("alpha", "symbolic-ref", "HEAD") == "refs/heads/feature/login"
    assert "feature/login" in told(world, "alpha")
    assert merge.merge(world.project, "alpha")["branch"] == "feature/login"
    assert "second" in (world.root / "alpha.txt").read_text()


def test_a_branch_renamed_while_its_container_rests_is_followed_once_it_runs(world: World) -> None:
    world.spawn("alpha")
    world.works("alpha", "first")
    take(world, "alpha")
    project = world.project
    box = project.box_name(project.store.sessions.get("alpha"))
    world.sandbox(project).stop(box)
    world.git("branch", "-m", "orchestra/alpha", "feature/login")
    second = world.works("alpha", "second")
    assert take(world, "alpha"), "what its own git calls the branch is remembered"
    assert world.git("rev-parse", "feature/login") == second
    world.sandbox(project).start(box)
    third = world.works("alpha", "third")
    assert take(world, "alpha")
    assert world.git("rev-parse", "feature/login") == third
    assert world.agent("alpha", "symbolic-ref", "HEAD") == "refs/heads/feature/login"


def test_a_branch_of_that_name_in_the_agents_git_is_not_overwritten_by_following(world: World) -> None:
    world.spawn("alpha")
    first = world.works("alpha", "first")
    world.agent("alpha", "branch", "feature/login", "HEAD~1")
    take(world, "alpha")
    world.git("branch", "-m", "orchestra/alpha", "feature/login")
    second = world.works("alpha", "second")
    assert take(world, "alpha")
    assert world.git("rev-parse", "feature/login") == second
    assert world.agent("alpha", "rev-parse", "feature/login") == world.git("rev-parse", f"{first}~1")


def test_a_branch_that_the_person_removed_is_made_again_and_told(world: World) -> None:
    world.spawn("alpha")
    first = world.works("alpha")
    take(world, "alpha")
    world.git("update-ref", "-d", "refs/heads/orchestra/alpha")
    second = world.works("alpha")
    assert take(world, "alpha")
    assert world.git("rev-parse", "orchestra/alpha") == second
    assert "orchestra/alpha was deleted; it was created again" in told(world, "alpha")
    assert first in world.git("rev-list", "orchestra/alpha")


@pytest.mark.parametrize(
    "words", [("switch", "-q", "-c", "mine"), ("switch", "-q", "--detach"), ("checkout", "-q", "other")]
)
def test_a_worktree_in_which_the_person_switches_is_told_and_its_commits_stay_on_the_branch(
    world: World, words: tuple[str, ...]
) -> None:
    world.git("branch", "other")
    world.spawn("alpha")
    world.works("alpha")
    take(world, "alpha")
    worktree = world.project.store.sessions.get("alpha").worktree
    world.git(*words, at=worktree)
    second = world.works("alpha", "again")
    take(world, "alpha")
    assert world.git("rev-parse", "orchestra/alpha") == second
    said = told(world, "alpha")
    assert "switch 'orchestra/alpha'" in said
    assert "not orchestra/alpha" in said
    with pytest.raises(Refused, match="not orchestra/alpha") as refused:
        merge.merge(world.project, "alpha")
    assert "uncommitted" not in str(refused.value)
    world.git("switch", "-q", "-f", "orchestra/alpha", at=worktree)
    take(world, "alpha")
    assert world.project.store.sessions.get("alpha").trouble == ""
    assert merge.merge(world.project, "alpha")


def test_what_is_wrong_is_told_once_and_forgotten_when_it_is_right_again(world: World) -> None:
    world.spawn("alpha")
    worktree = world.project.store.sessions.get("alpha").worktree
    world.git("switch", "-q", "-c", "mine", at=worktree)
    for _ in range(3):
        take(world, "alpha")
    assert len(world.project.store.messages.select(recipient=PERSON)) == 1
    world.git("switch", "-q", "orchestra/alpha", at=worktree)
    take(world, "alpha")
    assert manage.list_sessions(world.project)[0]["trouble"] == ""


def test_a_reset_by_the_person_counts_and_the_agents_commits_are_kept(world: World) -> None:
    world.spawn("alpha")
    base, first = world.git("rev-parse", "HEAD"), world.works("alpha", "first")
    take(world, "alpha")
    world.git("reset", "-q", "--hard", base, at=world.project.store.sessions.get("alpha").worktree)
    second = world.works("alpha", "second")
    take(world, "alpha")
    assert world.git("rev-parse", "orchestra/alpha") == base
    for commit in (first, second):
        assert world.refs_with(commit), "a ref leads to it"


def test_a_rebase_by_the_person_is_not_counted_as_the_agents_work(world: World) -> None:
    world.spawn("alpha")
    world.works("alpha")
    take(world, "alpha")
    world.commit("on main", {"main.txt": "x\n" * 50})
    worktree = world.project.store.sessions.get("alpha").worktree
    world.git("rebase", "-q", "main", at=worktree)
    take(world, "alpha")
    session = world.project.store.sessions.get("alpha")
    assert (session.head, session.commits) == (world.git("rev-parse", "orchestra/alpha"), 1)
    assert session.base == world.git("rev-parse", "main")
    assert merge.merge(world.project, "alpha")


def test_while_the_person_rebases_the_branch_does_not_move_below_them(world: World) -> None:
    world.spawn("alpha")
    first = world.works("alpha", "first")
    take(world, "alpha")
    world.commit("on main", {"alpha.txt": "other\n"})
    worktree = world.project.store.sessions.get("alpha").worktree
    world.git("rebase", "main", at=worktree, check=False)
    world.agent("alpha", "commit", "-q", "--allow-empty", "-m", "meanwhile")
    meanwhile = world.agent("alpha", "rev-parse", "HEAD")
    take(world, "alpha")
    assert world.git("rev-parse", "orchestra/alpha") == first
    assert world.refs_with(meanwhile) == ["refs/orchestra/sessions/alpha"]
    assert "being rebased" in told(world, "alpha")
    world.git("rebase", "--abort", at=worktree)
    assert take(world, "alpha")
    assert world.git("rev-parse", "orchestra/alpha") == meanwhile


def test_a_target_that_was_renamed_is_told_with_what_to_type(world: World) -> None:
    world.spawn("alpha")
    world.works("alpha")
    world.git("branch", "-m", "main", "trunk")
    with pytest.raises(Refused, match="no longer a branch main") as refused:
        merge.merge(world.project, "alpha")
    assert refused.value.hint == "name another branch: orchestra merge alpha --into BRANCH"
    assert merge.merge(world.project, "alpha", into="trunk")


# A worktree that is removed, moved, pruned.


def test_a_worktree_that_the_person_moved_is_told_and_its_commits_arrive(world: World) -> None:
    world.spawn("alpha")
    world.works("alpha")
    take(world, "alpha")
    session = world.project.store.sessions.get("alpha")
    world.git("worktree", "move", str(session.worktree), str(world.place / "mine"))
    with pytest.raises(Refused, match="was moved to") as refused:
        settle(world.project, "alpha")
    assert refused.value.hint == f"git worktree move '{world.place}/mine' '{session.worktree}'"
    take(world, "alpha")
    assert "was moved to" in told(world, "alpha")
    world.git("worktree", "move", str(world.place / "mine"), str(session.worktree))
    settle(world.project, "alpha")
    assert world.project.store.sessions.get("alpha").trouble == ""


def test_a_worktree_and_a_branch_that_the_person_removed_come_back_with_the_agents_commits(world: World) -> None:
    world.spawn("alpha")
    first = world.works("alpha")
    take(world, "alpha")
    session = world.project.store.sessions.get("alpha")
    world.git("worktree", "remove", "--force", str(session.worktree))
    world.git("branch", "-D", "orchestra/alpha")
    settle(world.project, "alpha")
    assert world.git("rev-parse", "orchestra/alpha") == first
    assert (session.worktree / "alpha.txt").is_file()
    assert world.agent("alpha", "rev-parse", "HEAD") == first


def test_a_worktree_whose_record_was_pruned_is_adopted_with_all_that_is_in_it(world: World) -> None:
    world.spawn("alpha")
    world.works("alpha")
    take(world, "alpha")
    session = world.project.store.sessions.get("alpha")
    (session.worktree / "new.txt").write_text("nobody has this\n")
    (session.worktree / "app.txt").write_text("changed\n")
    shutil.rmtree(world.root / ".git" / "worktrees")
    settle(world.project, "alpha")
    assert (session.worktree / "new.txt").read_text() == "nobody has this\n"
    assert world.git("status", "--porcelain", at=session.worktree).split("\n") == ["M app.txt", "?? new.txt"]
    gone = manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    assert world.git("show", f"{gone['anchor']}:new.txt") == "nobody has this"


def test_a_pointer_that_was_removed_is_written_again_and_nothing_else_is_touched(world: World) -> None:
    world.spawn("alpha", sandbox=SandboxKind.HOST)
    session = world.project.store.sessions.get("alpha")
    (session.worktree / "mine.txt").write_text("mine\n")
    (session.worktree / ".git").unlink()
    world.project.repository.add_worktree(session.worktree, session.branch, session.base)
    assert world.git("status", "--porcelain", at=session.worktree) == "?? mine.txt"


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_pointer_that_is_no_file_is_neither_followed_nor_waited_for(world: World, kind: str) -> None:
    world.spawn("alpha", sandbox=SandboxKind.HOST)
    session = world.project.store.sessions.get("alpha")
    pointer, canary = session.worktree / ".git", world.place / "canary"
    canary.write_text("mine\n")
    pointer.unlink()
    pointer.symlink_to(canary) if kind == "link" else os.mkfifo(pointer)
    with pytest.raises(Refused, match="cannot be written"):
        world.project.repository.point(session.worktree)
    assert canary.read_text() == "mine\n"


# The repository cloned anew at its place.


@pytest.fixture
def seed(world: World) -> Path:
    """A clone that stands for the remote."""
    world.git("clone", "-q", "--bare", str(world.root), str(world.place / "seed.git"), at=world.place)
    return world.place / "seed.git"


def test_a_repository_cloned_anew_gets_its_sessions_work_back(world: World, seed: Path) -> None:
    world.spawn("alpha")
    first = world.works("alpha", "first")
    take(world, "alpha")
    second = world.works("alpha", "second")
    session = world.project.store.sessions.get("alpha")
    (session.worktree / "wip.txt").write_text("wip\n")
    world.clone_anew(source=seed)
    settle(world.project, "alpha")
    assert world.git("rev-parse", "orchestra/alpha") == second
    assert first in world.git("rev-list", "orchestra/alpha")
    assert world.git("status", "--porcelain", at=session.worktree) == "?? wip.txt"
    assert world.project.store.sessions.get("alpha").commits == 2
    assert "on orchestra/alpha with 2 commits" in told(world, "alpha")
    gone = manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    assert world.git("show", f"{gone['anchor']}:wip.txt") == "wip"
    assert manage.restore(world.project, "alpha").head == second


def test_deleting_right_after_cloning_anew_anchors_what_there_is(world: World, seed: Path) -> None:
    world.spawn("alpha")
    world.works("alpha")
    take(world, "alpha")
    session = world.project.store.sessions.get("alpha")
    (session.worktree / "wip.txt").write_text("wip\n")
    world.clone_anew(source=seed)
    gone = manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    assert world.git("show", f"{gone['anchor']}:wip.txt") == "wip"
    assert world.git("show", f"{gone['anchor']}:alpha.txt") == "more"


def test_a_session_deleted_before_is_restored_from_its_own_git(world: World, seed: Path) -> None:
    world.spawn("alpha")
    first = world.works("alpha")
    take(world, "alpha")
    manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    world.clone_anew(source=seed)
    kept = gc.gc(world.project, remove=False)
    assert [one.kind for one in kept] == ["agent's home"]
    assert manage.restore(world.project, "alpha").branch == "orchestra/alpha"
    assert world.git("rev-parse", "orchestra/alpha") == first


def test_gc_keeps_the_commits_that_only_a_sessions_own_git_has(world: World) -> None:
    world.spawn("alpha")
    first = world.works("alpha")
    take(world, "alpha")
    manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    shutil.rmtree(world.root)
    world.begin()
    place = world.project.session_paths(world.project.store.sessions.deleted("alpha")).git  # type: ignore[arg-type]
    world.commit("another history", {"x": "y"})
    found = gc.gc(world.project, remove=True)
    assert any(one.kept for one in found) or world.refs_with(first)
    assert place.is_dir() or world.refs_with(first)


def test_another_repository_without_the_base_is_told_and_nothing_is_touched(world: World) -> None:
    session = world.spawn("alpha")
    world.works("alpha")
    take(world, "alpha")
    before = sorted(session.worktree.rglob("*"))
    shutil.rmtree(world.root)
    world.root.mkdir()
    world.git("init", "-q")
    world.commit("something else", {"other.txt": "x\n"})
    for attempt in (lambda: settle(world.project, "alpha"), lambda: manage.delete(world.project, "alpha")):
        with pytest.raises(Refused, match=f"lacks the commit {session.base[:12]} that alpha was started from") as told:
            attempt()
        assert str(session.worktree) in told.value.hint
    assert [one.session for one in reconcile(world.project)] == ["alpha"]
    manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    assert sorted(session.worktree.rglob("*")) == before, "by force it is forgotten, and its work stays"
    (left, home) = gc.gc(world.project, remove=True)
    assert (left.kind, bool(left.kept), home.kind, bool(home.kept)) == ("worktree", True, "agent's home", True)
    assert sorted(session.worktree.rglob("*")) == before


def test_a_host_session_in_a_repository_cloned_anew_keeps_its_files(world: World, seed: Path) -> None:
    session = world.spawn("alpha", sandbox=SandboxKind.HOST)
    world.works("alpha")
    world.clone_anew(source=seed)
    settle(world.project, "alpha")
    assert world.git("status", "--porcelain", at=session.worktree) == "?? alpha.txt"
    assert world.project.store.sessions.get("alpha").head == session.base


# A project that is moved, copied, named otherwise.


def test_a_project_that_is_moved_has_its_sessions_with_it(world: World) -> None:
    session = world.spawn("alpha")
    world.works("alpha", "first")
    take(world, "alpha")
    world.root = world.root.rename(world.place / "renamed")
    second = world.works("alpha", "second")
    project = world.project
    assert project.paths.source == world.place / "renamed"
    assert [row["name"] for row in manage.list_sessions(project)] == ["alpha"]
    assert f"moved from {world.place}/app" in told(world, "alpha")
    settle(project, "alpha")
    assert take(world, "alpha")
    assert world.git("rev-parse", "orchestra/alpha") == second
    assert world.git("status", "--porcelain", at=session.worktree) == "", "git in its worktree finds the way"
    manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    assert manage.restore(world.project, "alpha").head == second


def test_back_and_forth_and_named_by_a_link_it_is_the_same_project(world: World) -> None:
    world.spawn("alpha")
    states = {world.project.paths.state}
    for name in ("one", "two/deep", "app"):
        (world.place / name).parent.mkdir(exist_ok=True)
        world.root = world.root.rename(world.place / name)
        states.add(world.project.paths.state)
    (world.place / "link").symlink_to(world.root)
    states.add(locate(world.place / "link", Home(world.place / "kept")).state)
    assert len(states) == 1
    assert world.project.paths.moved_from is None


def test_a_copy_is_another_project_and_the_original_keeps_its_sessions(world: World) -> None:
    world.spawn("alpha")
    copy = world.place / "copy"
    shutil.copytree(world.root, copy, symlinks=True)
    home = Home(world.place / "kept")
    first, second = locate(copy, home), locate(world.root, home)
    assert first.state != second.state
    assert (first.moved_from, second.moved_from) == (None, None)
    assert locate(copy, home) == first
    assert [row["name"] for row in manage.list_sessions(world.project)] == ["alpha"]


def test_a_copy_whose_original_is_gone_is_the_project(world: World) -> None:
    world.spawn("alpha")
    shutil.copytree(world.root, world.place / "copy", symlinks=True)
    shutil.rmtree(world.root)
    world.root = world.place / "copy"
    assert [row["name"] for row in manage.list_sessions(world.project)] == ["alpha"]


def test_a_new_repository_where_a_moved_one_was_is_a_project_of_its_own(world: World, seed: Path) -> None:
    world.spawn("alpha")
    old = world.root
    world.root = world.root.rename(world.place / "renamed")
    assert manage.list_sessions(world.project)
    world.git("clone", "-q", str(seed), str(old), at=world.place)
    home = Home(world.place / "kept")
    assert locate(old, home).state != locate(world.root, home).state
    assert len({locate(place, home).key for place in (old, world.root, old)}) == 2


def test_a_checkout_that_is_a_linked_worktree_is_followed_as_well(world: World) -> None:
    main = world.root
    world.git("worktree", "add", "-q", str(world.place / "linked"))
    world.root = world.place / "linked"
    world.spawn("alpha")
    world.git("worktree", "move", str(world.root), str(world.place / "by-git"), at=main)
    world.root = world.place / "by-git"
    assert [row["name"] for row in manage.list_sessions(world.project)] == ["alpha"]
    world.root = world.root.rename(world.place / "by-hand")
    assert [row["name"] for row in manage.list_sessions(world.project)] == ["alpha"]
    assert str(world.root) in world.git("worktree", "list", at=main), "git knows where it is, too"
    assert locate(main, Home(world.place / "kept")).state != world.project.paths.state


def test_containers_of_a_moved_project_are_made_anew_at_the_next_up(world: World) -> None:
    world.spawn("alpha")
    world.root = world.root.rename(world.place / "renamed")
    project = world.project
    sandbox = world.sandbox(project)
    box = project.box_name(project.store.sessions.get("alpha"))
    assert sandbox.boxes == {box: BoxState.RUNNING}, "nothing is stopped before"
    project.store.workspace.update(resting=True)
    reconcile(project)
    assert sandbox.boxes == {}
    sandbox.boxes[box] = BoxState.RUNNING
    reconcile(project)
    assert sandbox.boxes, "once"


def test_in_a_worktree_of_a_project_that_was_moved_it_says_so(world: World) -> None:
    session = world.spawn("alpha")
    world.root = world.root.rename(world.place / "renamed")
    with pytest.raises(NotARepository, match="no longer exists") as refused:
        locate(session.worktree, Home(world.place / "kept"))
    assert "if you moved it" in refused.value.hint
    assert world.project
    assert locate(session.worktree, Home(world.place / "kept")).source == world.root
