"""Forking a session."""

from __future__ import annotations

import pytest

from orchestra.actions.requests import Notebook
from orchestra.actions.session import manage
from orchestra.actions.session.group import members
from orchestra.actions.work import fork as forking
from orchestra.actions.work.fork import fork
from orchestra.errors import NameTaken, Refused, UnknownProfile
from orchestra.model import Intent, Session
from orchestra.names import PERSON
from tests.support.projects import AGENT, PROFILE, HostProject


@pytest.fixture
def worked(host: HostProject) -> HostProject:
    """A session with a commit, a staged, an unstaged, an untracked and an ignored file."""
    one = host.spawn("one", task="Build it.")
    host.commit(one, ".gitignore", "*.env\n")
    host.commit(one, "one.txt", "committed\n")
    host.write(one, "one.txt", "changed\n")
    host.write(one, "staged.txt", "staged\n")
    host.git("add", "staged.txt", cwd=one.worktree)
    host.write(one, "deep/new.txt", "untracked\n")
    host.write(one, "local.env", "ignored\n")
    host.write(one, "node_modules/made.env", "made anew\n")
    return host


def files(session: Session) -> dict[str, str]:
    """Return the files of a worktree by path."""
    found = (path for path in session.worktree.rglob("*") if path.is_file() and path.name != ".git")
    return {str(path.relative_to(session.worktree)): path.read_text() for path in found}


def test_a_fork_has_the_same_state_and_a_branch_of_its_own(worked: HostProject) -> None:
    one = worked.session("one")
    before = worked.git("status", "--porcelain", cwd=one.worktree)
    made = fork(worked.project, "one", new_name="two")
    assert (made.name, made.agent, made.base, made.base_branch) == ("two", AGENT, one.base, "main")
    assert worked.git("rev-parse", made.branch) == worked.git("rev-parse", one.branch)
    assert made.head == worked.session("one").head
    expected = files(one)
    del expected["node_modules/made.env"]
    assert files(made) == expected
    assert worked.git("status", "--porcelain", cwd=one.worktree) == before, "the first one is as it was"
    assert worked.windows() == ["one", "two"]
    assert [session.name for session in members(worked.project, "one")] == ["one", "two"]
    worked.commit(made, "two.txt", "two\n")
    assert worked.git("log", "--format=%s", f"{one.branch}..{made.branch}") == "Change two.txt"


def test_a_fork_is_told_what_it_is_and_has_the_newest_spec(worked: HostProject) -> None:
    worked.project.store.specs.save("one", "Build it better.", PERSON)
    made = fork(worked.project, "one")
    text = worked.project.session_paths(made).task.read_text()
    assert made.name == "one-fork"
    assert text.startswith("Build it better.")
    assert "This session, one-fork, is a fork of one" in text
    assert "> commits, newest first:" in text
    assert fork(worked.project, "one").name == "one-fork-2"


def test_a_fork_can_have_another_agent(worked: HostProject) -> None:
    (worked.place / "orchestra" / "agents" / "other.yaml").write_text(PROFILE)
    worked.project.store.sessions.update("one", model="small")
    made = fork(worked.project, "one", agent="other")
    assert (made.agent, made.model) == ("other", "")
    assert fork(worked.project, "one").model == "small"


def test_both_can_be_deleted_and_restored(worked: HostProject) -> None:
    made = fork(worked.project, "one", new_name="two")
    worked.write(made, "later.txt", "later\n")
    manage.delete(worked.project, "two", force=True, remove_worktree=True)
    back = manage.restore(worked.project, "two")
    assert files(back)["later.txt"] == "later\n"
    assert files(back)["one.txt"] == "changed\n"
    assert worked.session("one").intent is Intent.RUN


@pytest.mark.parametrize(("wanted", "error"), [({"new_name": "one"}, NameTaken), ({"agent": "nobody"}, UnknownProfile)])
def test_what_cannot_be_creates_nothing(worked: HostProject, wanted: dict[str, str], error: type[Exception]) -> None:
    before = worked.refs()
    with pytest.raises(error):
        fork(worked.project, "one", **wanted)  # type: ignore[arg-type]  # each is a text
    assert worked.refs() == before
    assert len(worked.project.store.sessions.all(include_deleted=True)) == 1


def test_a_request_that_was_cut_off_goes_on(worked: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as cut:
        cut.setattr(forking, "_begin", lambda *_: None)
        fork(worked.project, "one", new_name="two")
    recorded = worked.project.store.sessions.deleted("two")
    assert recorded is not None
    made = fork(worked.project, "one", new_name="two", notebook=Notebook(before=str(recorded.id)))
    assert files(made)["deep/new.txt"] == "untracked\n"
    assert files(made)["local.env"] == "ignored\n"
    assert fork(worked.project, "one", notebook=Notebook(before=str(recorded.id))).id == made.id


def test_too_many_ignored_files_are_left_out_and_told_of(worked: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestra.drivers.git.ignored_files.MOST_FILES", 0)
    told: list[str] = []
    made = fork(worked.project, "one", progress=told.append)
    assert "local.env" not in files(made)
    assert any("does not get the ignored files of one" in line for line in told)


def test_no_more_executors_than_the_limit(worked: HostProject) -> None:
    (worked.place / "orchestra" / "config.yaml").write_text(f"agent: {AGENT}\nsandbox: host\nmax_sessions: 1\n")
    with pytest.raises(Refused, match="limit"):
        fork(worked.project, "one")
