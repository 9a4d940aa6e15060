"""Taking back a landing, in this process on a real repository."""

from __future__ import annotations

import pytest

from orchestra.actions.landing.merge import merge
from orchestra.actions.landing.move import finish_landings
from orchestra.actions.landing.process import process
from orchestra.actions.landing.undo import undo
from orchestra.errors import CheckFailed, NotFound, Refused
from orchestra.model import EntryState, Landing
from tests.support.projects import AGENT, HostProject


def landed(host: HostProject, name: str, content: str = "theirs\n", file: str = "") -> str:
    """Merge a new session with one commit; return what the branch was before."""
    before = host.git("rev-parse", "main")
    host.commit(host.spawn(name), file or f"{name}.txt", content)
    merge(host.project, name)
    return before


def test_the_branch_and_its_checkout_are_as_before(host: HostProject) -> None:
    before = landed(host, "one")
    done = undo(host.project)
    assert (done["way"], done["commit"], done["names"]) == ("moved", before, ["one"])
    assert host.git("rev-parse", "main") == before
    assert not (host.source / "one.txt").exists()
    assert host.git("status", "--porcelain") == ""
    assert host.git("show", "orchestra/one:one.txt") == "theirs"
    merge(host.project, "one")
    assert (host.source / "one.txt").exists()


def test_the_last_one_goes_first_and_a_name_chooses(host: HostProject) -> None:
    landed(host, "one")
    landed(host, "two")
    assert undo(host.project)["names"] == ["two"]
    assert undo(host.project, "one")["names"] == ["one"]
    with pytest.raises(NotFound, match="nothing has landed"):
        undo(host.project)


def test_what_somebody_has_built_on_is_reverted(host: HostProject) -> None:
    landed(host, "one")
    mine = host.commit(host.source, "mine.txt", "mine\n")
    done = undo(host.project)
    assert done["way"] == "reverted"
    assert host.git("log", "-1", "--format=%s %P", "main") == f'Revert "Merge orchestra/one: one" {mine}'
    assert sorted(path.name for path in host.source.iterdir() if path.name != ".git") == ["README.md", "mine.txt"]
    assert host.project.store.queue.landed() == []


@pytest.mark.parametrize("built", ["a branch", "a tag", "what was pushed", "a session"])
def test_nothing_that_refers_to_it_loses_it(host: HostProject, built: str) -> None:
    landed(host, "one")
    tip = host.git("rev-parse", "main")
    ref = {"a branch": "refs/heads/mine", "a tag": "refs/tags/v1", "what was pushed": "refs/remotes/origin/main"}
    if built in ref:
        host.git("update-ref", ref[built], tip)
    else:
        host.spawn("two")
    assert undo(host.project)["way"] == "reverted"


def test_several_that_landed_as_one_are_taken_back_as_one(host: HostProject) -> None:
    host.project.paths.home.config.write_text(f"agent: {AGENT}\nsandbox: host\nmerge_batch: 4\n")
    before = host.git("rev-parse", "main")
    for name in ("one", "two"):
        host.commit(host.spawn(name), f"{name}.txt", "theirs\n")
        merge(host.project, name, wait=False)
    process(host.project, "main")
    assert undo(host.project, "two")["names"] == ["one", "two"]
    assert host.git("rev-parse", "main") == before


def test_changes_of_the_persons_in_the_way_are_not_touched(host: HostProject) -> None:
    landed(host, "one")
    tip = host.git("rev-parse", "main")
    host.write(host.source, "one.txt", "mine\n")
    with pytest.raises(Refused, match=r"in the way of main: one\.txt"):
        undo(host.project)
    assert host.git("rev-parse", "main") == tip
    assert (host.source / "one.txt").read_text() == "mine\n"
    assert host.project.store.queue.landed()[0].undo == ""


def test_what_later_commits_need_is_not_taken_away(host: HostProject) -> None:
    landed(host, "one")
    host.commit(host.source, "one.txt", "changed by me\n")
    with pytest.raises(Refused, match=r"later commits on main change what one changed: one\.txt"):
        undo(host.project)


def test_a_branch_that_would_be_red_without_it_stays(host: HostProject) -> None:
    landed(host, "one")
    tip = host.commit(host.source, "mine.txt", "mine\n")
    with pytest.raises(CheckFailed) as caught:
        undo(host.project, check="test -f one.txt")
    assert "--check ''" in caught.value.hint
    assert host.git("rev-parse", "main") == tip
    assert undo(host.project, check="")["way"] == "reverted"


def test_a_branch_that_no_longer_has_it_says_so(host: HostProject) -> None:
    before = landed(host, "one")
    host.git("reset", "--quiet", "--hard", before)
    with pytest.raises(Refused, match="no longer has"):
        undo(host.project)


def test_an_undo_that_a_crash_cut_off_is_finished(host: HostProject) -> None:
    before = landed(host, "one")
    entry = host.project.store.queue.landed()[0]
    host.project.store.queue.update(entry.id, undo_id=before)
    host.project.store.workspace.update(landing=Landing("one", "main", before, entry.commit))
    host.git("update-ref", "refs/heads/main", before)
    finish_landings(host.project)
    assert not (host.source / "one.txt").exists()
    assert host.project.store.queue.get(entry.id).state is EntryState.UNDONE
    assert host.git("status", "--porcelain") == ""


@pytest.mark.parametrize("built", [False, True])
def test_an_undo_that_was_cut_off_before_the_branch_moved_is_forgotten(host: HostProject, built: bool) -> None:  # noqa: FBT001 -- one of two cases
    before = landed(host, "one")
    if built:
        host.commit(host.source, "mine.txt", "mine\n")
    entry = host.project.store.queue.landed()[0]
    host.project.store.queue.update(entry.id, undo_id=before)
    host.project.store.workspace.update(landing=Landing("one", "main", before, entry.commit))
    finish_landings(host.project)
    assert (host.source / "one.txt").exists()
    known = host.project.store.queue.get(entry.id)
    assert (known.state, known.undo) == (EntryState.LANDED, "")
