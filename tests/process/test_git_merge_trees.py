"""Merging without a checkout, and moving the person's branch with what shows it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from orchestra import safe_files
from orchestra.drivers.git import history, merge_trees, update_branch
from orchestra.errors import CommandFailed, MergeConflict, Moved, Refused
from tests.support.repositories import Yard


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    return Yard.make(tmp_path, monkeypatch)


def landed(yard: Yard, new: str, old: str) -> None:
    merge_trees.land(yard.repository, "trunk", new, old, ours=yard.ours)


# --- merging -----------------------------------------------------------------------------------


def test_two_branches_with_different_files_merge_cleanly(yard: Yard) -> None:
    theirs, _ = yard.ahead({"login.py": "login\n"})
    ours = yard.commit({"docs/guide.md": "# Better\n"}, "docs")
    merged = merge_trees.preview(yard.repository, ours, theirs)
    assert merged.conflicts == ()
    assert yard.git("ls-tree", "-r", "--name-only", merged.tree).split() == [
        "app.py", "docs/guide.md", "login.py", "run.sh",
    ]  # fmt: skip
    assert yard.tip == ours
    assert yard.git("status", "--porcelain") == ""


def test_conflicts_name_their_paths_in_any_characters(yard: Yard) -> None:
    yard.commit({"odd \x1b\n name": "1\n", "gone": "1\n"}, "odd")
    theirs, _ = yard.ahead({"app.py": "one\nTHEIRS\nthree\n", "odd \x1b\n name": "2\n", "gone": "2\n"})
    ours = yard.commit({"app.py": "one\nOURS\nthree\n", "odd \x1b\n name": "3\n", "gone": None}, "ours")
    merged = merge_trees.preview(yard.repository, ours, theirs)
    assert sorted(merged.conflicts) == ["app.py", "gone", "odd \x1b\n name"]
    assert any("gone deleted in" in note for note in merged.notes)
    with pytest.raises(MergeConflict, match=r"the merge conflicts in app.py, gone, 'odd \\x1b\\n name'") as caught:
        merged.require_clean("the merge")
    assert caught.value.paths == merged.conflicts


def test_branches_without_common_history_are_refused(yard: Yard) -> None:
    stranger = yard.git("commit-tree", "-m", "stranger", "HEAD^{tree}")
    with pytest.raises(Refused, match="share no history"):
        merge_trees.preview(yard.repository, yard.tip, stranger)


@pytest.mark.parametrize(
    ("lost", "merged"), [("ours", "ours"), ("theirs", "ours"), ("theirs", "base"), ("base", "ours")]
)
def test_a_tree_that_cannot_be_read_is_never_taken_for_an_empty_one(yard: Yard, lost: str, merged: str) -> None:
    theirs, _ = yard.ahead({"login.py": "login\n"})
    commits = {"base": yard.tip, "theirs": theirs, "ours": yard.commit({"docs/guide.md": "# Better\n"}, "docs")}
    tree = yard.git("rev-parse", f"{commits[lost]}^{{tree}}").strip()
    yard.repository.common_dir.joinpath("objects", tree[:2], tree[2:]).unlink()
    with pytest.raises(CommandFailed, match=f"Could not read {tree}"):
        merge_trees.preview(yard.repository, commits[merged], theirs)


def test_a_merge_commit_is_the_persons_and_has_both_parents(yard: Yard) -> None:
    theirs, ours = yard.ahead({"login.py": "login\n"})
    tree = merge_trees.preview(yard.repository, ours, theirs).tree
    commit = merge_trees.merge_commit(yard.repository, tree, (ours, theirs), "Merge login\n\nwith a body")
    assert yard.git("show", "-s", "--format=%an %cn %P", commit) == f"Ada Ada {ours} {theirs}"
    assert yard.git("show", "-s", "--format=%B", commit) == "Merge login\n\nwith a body"
    squashed = merge_trees.squash_commit(yard.repository, tree, ours, "login")
    assert yard.git("show", "-s", "--format=%P", squashed) == ours


# --- rebasing ----------------------------------------------------------------------------------


def test_a_rebase_writes_each_commit_anew_with_its_author_and_date(yard: Yard) -> None:
    base, tree = yard.tip, yard.worktree("login")
    yard.configure("user.name", "Agent Smith")
    yard.commit({"a.py": "a\n"}, "first\n\nbody of it", at=tree)
    tip = yard.commit({"b.py": "b\n"}, "second", at=tree)
    yard.configure("user.name", "Ada")
    onto = yard.commit({"docs/guide.md": "# Better\n"}, "docs")
    rebased = merge_trees.rebase_commits(yard.repository, onto, base, tip)
    form = "--format=%an %ad|%B"
    assert yard.git("log", form, f"{onto}..{rebased}") == yard.git("log", form, f"{base}..{tip}")
    assert yard.git("log", "--format=%cn", f"{onto}..{rebased}").split() == ["Ada", "Ada"]
    assert yard.git("rev-parse", f"{rebased}~2") == onto
    assert yard.git("diff", "--name-only", onto, rebased).split() == ["a.py", "b.py"]


def test_a_rebase_onto_its_own_base_changes_no_commit(yard: Yard) -> None:
    base, tree = yard.tip, yard.worktree("login")
    yard.commit({"a.py": "a\n"}, "first", at=tree)
    tip = yard.commit({"b.py": "b\n"}, "second", at=tree)
    assert merge_trees.rebase_commits(yard.repository, base, base, tip) == tip


def test_a_rebase_drops_what_the_target_has_and_keeps_what_began_empty(yard: Yard) -> None:
    base, tree = yard.tip, yard.worktree("login")
    yard.commit({"a.py": "a\n"}, "same", at=tree)
    yard.commit({}, "empty on purpose", at=tree)
    tip = yard.commit({"b.py": "b\n"}, "other", at=tree)
    onto = yard.commit({"a.py": "a\n"}, "same, in other words")
    rebased = merge_trees.rebase_commits(yard.repository, onto, base, tip)
    assert yard.git("log", "--format=%s", f"{onto}..{rebased}").splitlines() == ["other", "empty on purpose"]


def test_a_rebase_names_the_commit_that_does_not_apply(yard: Yard) -> None:
    base, tree = yard.tip, yard.worktree("login")
    yard.commit({"a.py": "a\n"}, "fine", at=tree)
    tip = yard.commit({"app.py": "one\nTHEIRS\nthree\n"}, "clash", at=tree)
    onto = yard.commit({"app.py": "one\nOURS\nthree\n"}, "ours")
    with pytest.raises(MergeConflict, match=r"commit [0-9a-f]{10} \(clash\) conflicts in app.py"):
        merge_trees.rebase_commits(yard.repository, onto, base, tip)


def test_a_rebase_that_would_lose_what_a_merge_resolved_is_refused(yard: Yard) -> None:
    base, tree = yard.tip, yard.worktree("login")
    yard.commit({"a.py": "a\n"}, "work", at=tree)
    onto = yard.commit({"docs/guide.md": "# Better\n"}, "docs")
    yard.git("merge", "--quiet", "--no-commit", "trunk", at=tree)
    tip = yard.commit({"only-in-merge.py": "x\n"}, "merge with more in it", at=tree)
    with pytest.raises(Refused, match="merge commits, and a rebase would lose"):
        merge_trees.rebase_commits(yard.repository, onto, base, tip)


def test_a_plain_merge_of_the_target_does_not_hinder_a_rebase(yard: Yard) -> None:
    base, tree = yard.tip, yard.worktree("login")
    yard.commit({"a.py": "a\n"}, "work", at=tree)
    onto = yard.commit({"docs/guide.md": "# Better\n"}, "docs")
    yard.git("merge", "--quiet", "--no-edit", "trunk", at=tree)
    rebased = merge_trees.rebase_commits(yard.repository, onto, base, yard.git("rev-parse", "HEAD", at=tree))
    assert yard.git("log", "--format=%s", f"{onto}..{rebased}").splitlines() == ["work"]


# --- landing -----------------------------------------------------------------------------------


def test_landing_moves_the_branch_and_the_clean_checkout_of_it(yard: Yard) -> None:
    new, old = yard.ahead({"login.py": "login\n", "app.py": "changed\n", "docs/guide.md": None})
    landed(yard, new, old)
    assert yard.tip == new
    assert yard.git("status", "--porcelain") == ""
    assert (yard.root / "app.py").read_text() == "changed\n"
    assert not (yard.root / "docs").exists()


def test_landing_keeps_uncommitted_staged_and_untracked_work_it_does_not_touch(yard: Yard) -> None:
    new, old = yard.ahead({"login.py": "login\n"})
    yard.write({"app.py": "mine\n", "staged.py": "mine\n", "untracked.py": "mine\n"})
    yard.git("add", "staged.py")
    before = yard.git("status", "--porcelain")
    landed(yard, new, old)
    assert yard.git("status", "--porcelain") == before
    assert (yard.root / "login.py").exists()


@pytest.mark.parametrize("kind", ["uncommitted", "staged", "untracked", "ignored", "directory"])
def test_landing_refuses_to_overwrite_work_and_changes_nothing(yard: Yard, kind: str) -> None:
    new, old = yard.ahead({"login.py": "login\n", "app.py": "theirs\n"})
    (yard.root / ".git/info/exclude").write_text("login.py\n" if kind == "ignored" else "")
    path = {"uncommitted": "app.py", "staged": "app.py", "directory": "login.py/mine"}.get(kind, "login.py")
    yard.write({path: "mine\n"})
    if kind == "staged":
        yard.git("add", path)
    before = yard.git("status", "--porcelain", "--ignored")
    with pytest.raises(Refused, match=f"in the way of trunk: {path}") as caught:
        landed(yard, new, old)
    assert caught.value.hint
    assert (yard.tip, yard.git("status", "--porcelain", "--ignored")) == (old, before)
    assert (yard.root / path).read_text() == "mine\n"


def test_landing_follows_in_every_checkout_of_the_persons_and_in_none_of_ours(yard: Yard) -> None:
    new, old = yard.ahead({"login.py": "login\n"})
    yard.git("switch", "--quiet", "--detach")
    elsewhere = yard.place / "elsewhere"
    yard.git("worktree", "add", "--quiet", str(elsewhere), "trunk")
    landed(yard, new, old)
    assert (elsewhere / "login.py").exists()
    assert yard.git("status", "--porcelain", at=elsewhere) == ""
    assert not (yard.root / "login.py").exists()
    yard.git("worktree", "remove", str(elsewhere))
    yard.git("worktree", "add", "--quiet", str(yard.ours / "theirs"), "trunk")
    newer = yard.git("commit-tree", "-p", new, "-m", "newer", f"{old}^{{tree}}")
    landed(yard, newer, new)
    assert (yard.ours / "theirs/login.py").exists()


def test_landing_on_a_branch_nobody_shows_moves_the_branch_alone(yard: Yard) -> None:
    new, old = yard.ahead({"login.py": "login\n"})
    yard.git("branch", "release")
    merge_trees.land(yard.repository, "release", new, old, ours=yard.ours)
    assert yard.git("rev-parse", "release") == new
    assert (yard.tip, yard.git("status", "--porcelain")) == (old, "")


def test_landing_refuses_a_branch_that_moved_or_would_lose_commits(yard: Yard) -> None:
    new, old = yard.ahead({"login.py": "login\n"})
    moved = yard.commit({"docs/guide.md": "# Better\n"}, "docs")
    with pytest.raises(Moved):
        landed(yard, new, old)
    with pytest.raises(Refused, match="would lose commits"):
        landed(yard, new, moved)
    assert (yard.tip, yard.git("status", "--porcelain")) == (moved, "")


def test_landing_refuses_a_branch_in_mid_rebase(yard: Yard) -> None:
    new, old = yard.ahead({"login.py": "login\n"})
    note = yard.root / ".git/rebase-merge/head-name"
    note.parent.mkdir()
    note.write_text("refs/heads/trunk\n")
    with pytest.raises(Refused, match="being rebased"):
        landed(yard, new, old)


def test_landing_runs_the_persons_filters_and_no_hook(yard: Yard) -> None:
    yard.configure("filter.store.clean", "tr a-z A-Z")
    yard.configure("filter.store.smudge", "tr A-Z a-z")
    hook = yard.root / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch hooked\n")
    hook.chmod(0o755)
    new, old = yard.ahead({".gitattributes": "*.big filter=store\n", "a.big": "ONE\n"})
    landed(yard, new, old)
    assert (yard.root / "a.big").read_text() == "one\n"
    assert yard.git("status", "--porcelain") == ""


def test_a_landing_cut_off_after_the_branch_moved_is_finished(yard: Yard) -> None:
    new, old = yard.ahead({"login.py": "login\n", "app.py": "changed\n", "docs/guide.md": None})
    yard.git("update-ref", "refs/heads/trunk", new)
    assert merge_trees.finish_landing(yard.repository, "trunk", new, old, ours=yard.ours) == update_branch.Landed(
        done=True
    )
    assert yard.git("status", "--porcelain") == ""
    assert (yard.root / "login.py").exists()


def test_a_landing_cut_off_amid_the_checkout_is_finished(yard: Yard) -> None:
    new, old = yard.ahead({"login.py": "login\n", "app.py": "changed\n", "docs/guide.md": None, "run.sh": "more\n"})
    yard.git("update-ref", "refs/heads/trunk", new)
    yard.write({"login.py": "login\n", "app.py": "changed\n", "docs/guide.md": None, "mine.txt": "mine\n"})
    for _ in range(2):
        assert merge_trees.finish_landing(yard.repository, "trunk", new, old, ours=yard.ours).done
        assert yard.git("status", "--porcelain") == "?? mine.txt"
    assert (yard.root / "run.sh").read_text() == "more\n"


@pytest.mark.parametrize("cut", range(1, 8))
@pytest.mark.parametrize("back", [False, True])
def test_a_landing_cut_off_between_a_file_and_a_directory_is_finished(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, cut: int, *, back: bool
) -> None:
    directory = yard.commit({"way/a": "a\n", "way/deep/b": "b\n"}, "a directory")
    shutil.rmtree(yard.root / "way")
    file = yard.commit({"way": "file\n", "app.py": "changed\n"}, "a file")
    old, tree = (file, directory) if back else (directory, file)
    new = yard.git("commit-tree", "-p", old, "-m", "the other", f"{tree}^{{tree}}")
    yard.git("reset", "--quiet", "--hard", old)
    effects = iter(range(1, cut))

    def mortal(call: Callable[..., object]) -> Callable[..., object]:
        def called(*words: object, **more: object) -> object:
            if next(effects, None) is None:
                raise KeyboardInterrupt
            return call(*words, **more)

        return called

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        for name in ("move_in", "remove_file", "remove_directory"):
            patch.setattr(safe_files, name, mortal(getattr(safe_files, name)))
        landed(yard, new, old)
    assert yard.tip == new
    for _ in range(2):
        done = update_branch.finish_landing(yard.repository, "trunk", new, old, ours=yard.ours)
        assert done == update_branch.Landed(done=True)
        assert yard.git("status", "--porcelain") == ""


def test_an_empty_directory_is_not_in_the_way_of_a_file(yard: Yard) -> None:
    new, old = yard.ahead({"login.py": "login\n"})
    (yard.root / "login.py").mkdir()
    landed(yard, new, old)
    assert yard.git("status", "--porcelain") == ""


def test_a_directory_of_the_persons_in_place_of_a_file_stays_where_nothing_needs_one(yard: Yard) -> None:
    new, old = yard.ahead({"app.py": None})
    yard.write({"app.py": None, "app.py/mine": "mine\n"})
    with pytest.raises(Refused, match=r"in the way of trunk: app.py "):
        landed(yard, new, old)
    assert (yard.root / "app.py/mine").read_text() == "mine\n"


def test_finishing_a_landing_keeps_what_the_person_did_since(yard: Yard) -> None:
    new, old = yard.ahead({"app.py": "changed\n"})
    yard.git("update-ref", "refs/heads/trunk", new)
    yard.write({"app.py": "mine\n"})
    done = merge_trees.finish_landing(yard.repository, "trunk", new, old, ours=yard.ours)
    assert (done.done, done.kept) == (True, ("app.py",))
    assert (yard.root / "app.py").read_text() == "mine\n"


def test_there_is_nothing_to_finish_where_the_branch_did_not_move(yard: Yard) -> None:
    new, old = yard.ahead({"app.py": "changed\n"})
    assert not merge_trees.finish_landing(yard.repository, "trunk", new, old, ours=yard.ours).done


def test_a_landing_that_died_before_its_branch_moved_leaves_the_index_free(yard: Yard) -> None:
    old = yard.tip
    new = yard.commit({"x.txt": "x\n"}, "later")
    yard.git("reset", "--quiet", "--hard", old)
    (yard.root / ".git" / "index.lock").write_bytes(b"orchestra\n")
    (yard.root / ".git" / "orchestra-landing" / "files").mkdir(parents=True)
    assert not merge_trees.finish_landing(yard.repository, "trunk", new, old, ours=yard.ours).done
    assert [file.name for file in (yard.root / ".git").glob("*") if file.name.startswith(("index.", "orchestra"))] == []
    (yard.root / ".git" / "index.lock").write_bytes(b"")
    assert not merge_trees.finish_landing(yard.repository, "trunk", new, old, ours=yard.ours).done
    assert (yard.root / ".git" / "index.lock").exists(), "another git's lock is not ours to take"
    assert (yard.root / "app.py").read_text() == "one\ntwo\nthree\n"


def test_a_list_of_paths_is_cut_to_its_first_few() -> None:
    assert update_branch.named(["a", "b\x1b"]) == "a, 'b\\x1b'"
    assert update_branch.named(list("abcdefg")) == "a, b, c, d, e and 2 more"


# --- reading commits ---------------------------------------------------------------------------


def test_commits_are_listed_newest_first_with_subject_author_and_time(yard: Yard) -> None:
    base, tree = yard.tip, yard.worktree("login")
    yard.commit({"a.py": "a\n"}, "first: \x1b[31mred\n\nbody", at=tree)
    yard.commit({"b.py": "b\n"}, "second", at=tree)
    tip = yard.git("rev-parse", "HEAD", at=tree)
    found = history.commits(yard.repository, base, tip)
    assert [(one.subject, one.author) for one in found] == [("second", "Ada"), ("first: \x1b[31mred", "Ada")]
    assert found[0].id == tip
    assert int(found[0].at.timestamp()) == int(yard.git("show", "-s", "--format=%ct", tip))
    assert len(history.commits(yard.repository, base, tip, limit=1)) == 1
    assert history.commits(yard.repository, tip, tip) == []


def test_an_unknown_commit_is_an_error_of_ours(yard: Yard) -> None:
    with pytest.raises(CommandFailed, match="cannot list the commits"):
        history.commits(yard.repository, yard.tip, "0" * 39 + "1")
