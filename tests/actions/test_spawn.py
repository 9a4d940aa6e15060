"""Creating sessions, in this process: what is there afterwards, what is refused, and what a failure leaves."""

from __future__ import annotations

from typing import Any

import pytest

from orchestra.actions.session.spawn import spawn
from orchestra.errors import BadName, NameTaken, NotFound, OrchestraError, Refused, UnknownProfile
from orchestra.model import BoxState, Intent
from tests.support.projects import HostProject


def test_a_session_has_a_worktree_a_branch_a_window_and_a_running_agent(host: HostProject) -> None:
    session = host.spawn("Fix login", task="Make it work.")
    assert (session.name, session.branch, session.base_branch) == ("fix-login", "orchestra/fix-login", "main")
    assert host.git("rev-parse", "--abbrev-ref", "HEAD", cwd=session.worktree) == "orchestra/fix-login"
    assert (session.worktree / "README.md").read_text() == "hello\n"
    assert host.windows() == ["fix-login"]
    assert host.project.sandbox(session.sandbox).look(host.project.box_name(session)).state is BoxState.RUNNING
    spec = host.project.store.specs.get("fix-login", 1)
    assert spec is not None
    assert spec.text == "Make it work."
    assert host.refs("refs/orchestra/base/") == {"refs/orchestra/base/fix-login": session.base}


def test_a_session_starts_from_the_base_it_is_given(host: HostProject) -> None:
    first = host.git("rev-parse", "HEAD")
    host.commit(host.source, "later.txt", "later")
    session = host.spawn("old", base=first)
    assert (session.base, session.base_branch) == (first, "")
    assert not (session.worktree / "later.txt").exists()


def test_what_a_session_does_not_see_is_said(host: HostProject) -> None:
    host.write(host.source, "README.md", "changed\n")
    said: list[str] = []
    session = spawn(host.project, title="one", progress=said.append)
    assert said == [f"one starts from commit {session.base[:12]}, without your checkout's 1 uncommitted change"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"title": "x", "name": "Not a name"}, BadName),
        ({"title": "main"}, NameTaken),
        ({"title": "x", "base": "no-such-branch"}, NotFound),
        ({"title": "x", "agent": "nobody"}, UnknownProfile),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_made(
    host: HostProject, words: dict[str, Any], error: type[OrchestraError]
) -> None:
    before = host.refs()
    with pytest.raises(error):
        spawn(host.project, **words)
    assert host.project.store.sessions.all() == []
    assert (host.refs(), host.windows()) == (before, [])
    assert not host.project.paths.worktrees.exists()


def test_a_name_is_taken_by_a_session_a_branch_or_a_directory(host: HostProject) -> None:
    host.spawn("one")
    host.git("branch", "orchestra/two")
    (host.project.paths.worktrees / "three").mkdir()
    for name in ("one", "two", "three"):
        with pytest.raises(NameTaken):
            host.spawn(name)
    assert [session.name for session in host.project.store.sessions.all()] == ["one"]


def test_no_more_executors_run_than_the_settings_allow(host: HostProject) -> None:
    with (host.project.paths.home.config).open("a") as config:
        config.write("max_sessions: 1\n")
    host.spawn("one")
    with pytest.raises(Refused, match="max_sessions"):
        host.spawn("two")


def test_a_session_whose_window_cannot_be_opened_leaves_nothing_behind(host: HostProject) -> None:
    before = host.refs()
    host.project.store.workspace.update(tmux_session="$999")
    with pytest.raises(OrchestraError):
        host.spawn("one")
    assert host.project.store.sessions.all() == []
    gone = host.project.store.sessions.deleted("one")
    assert gone is not None
    assert gone.intent is Intent.DELETE
    trash = {name: at for name, at in host.refs().items() if not name.startswith("refs/orchestra/trash/")}
    assert trash == before
    assert list(host.project.paths.worktrees.iterdir()) == []
