"""What a kill in an awkward moment left, and what the next `orchestra up` makes of it."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestra.actions.messaging import messages
from orchestra.actions.session import branch_sync, container_spec, follow_branch, preserve, reattach
from orchestra.actions.session.settle import settle
from orchestra.actions.work import spec
from orchestra.actions.workspace import recover
from orchestra.actions.workspace.recover import reconcile
from orchestra.drivers.sandbox.docker import DockerSandbox
from orchestra.errors import RefusedCommits, StoreError
from orchestra.model import Intent, SandboxKind, State
from orchestra.names import PERSON
from orchestra.project import Project
from tests.support.projects import HostProject
from tests.support.services import eventually


def test_nobody_waits_for_an_import_that_hangs(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent can let one hang for as long as it may take; its session is looked after meanwhile, and the others."""
    monkeypatch.setattr(reattach, "IMPORT_WAIT", 0.0)
    for name in ("one", "two"):
        session = host.spawn(name)
        host.project.sandbox(session.sandbox).stop(host.project.box_name(session))
    with Project.open(host.source).lock("one.git"):
        assert reconcile(host.project) == []
    for name in ("one", "two"):
        assert container_spec.runs(host.project, host.session(name))


def test_git_is_not_asked_to_read_a_private_git_that_holds_a_pipe(
    host: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DockerSandbox, "upload_pack", lambda *_: pytest.fail("git would wait"))
    session = replace(host.spawn("one"), sandbox=SandboxKind.DOCKER)
    git = host.project.session_paths(session).git
    (git / "objects").mkdir(parents=True)
    (git / "objects" / "some").touch()
    os.mkfifo(git / "HEAD")
    with pytest.raises(RefusedCommits, match="the pipe HEAD"):
        branch_sync.fetch(host.project, session)
    assert "the pipe HEAD" in preserve.keep_git(host.project, session)


def test_git_s_record_of_a_worktree_goes_though_its_removal_was_cut_off(host: HostProject) -> None:
    session = host.spawn("one")
    host.project.store.sessions.update("one", intent=Intent.DELETE, remove_worktree=True)
    session.worktree.rename(session.worktree.with_name(".one.00000000.removed"))
    assert reconcile(host.project) == []
    assert [path.name for path in host.project.repository.worktrees()] == [host.source.name]
    assert host.project.store.sessions.find("one") is None


def test_a_session_that_another_process_deletes_meanwhile_is_no_trouble(
    host: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.spawn("one")
    host.project.store.sessions.update("one", intent=Intent.DELETE, remove_worktree=True)

    def overtaken(project: Project, name: str, **more: Any) -> None:  # noqa: ANN401 -- passed on
        settle(project, name, **more)
        if name == "one":
            settle(project, name, **more)

    monkeypatch.setattr(recover, "settle", overtaken)
    assert reconcile(host.project) == []
    assert host.project.store.sessions.find("one") is None


def test_the_window_of_an_agent_that_has_ended_goes_with_its_session(host: HostProject) -> None:
    session = host.spawn("one")
    host.project.sandbox(session.sandbox).stop(host.project.box_name(session))
    eventually(lambda: all(window.dead for window in host.tmux.windows.all() if window.session == "one"))
    assert host.windows() == ["one"]
    host.project.store.sessions.update("one", intent=Intent.DELETE)
    assert reconcile(host.project) == []
    assert host.windows() == []


def test_a_stop_that_was_cut_off_before_it_was_recorded_is_recorded(host: HostProject) -> None:
    session = host.spawn("one")
    host.project.store.sessions.update("one", intent=Intent.STOP)
    host.project.sandbox(session.sandbox).stop(host.project.box_name(session))
    assert reconcile(host.project) == []
    assert host.session("one").state is State.STOPPED


def test_a_session_is_told_of_a_new_spec_or_there_is_none(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    host.spawn("one", task="Before.")

    def dies(*_arguments: object, **_keywords: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(spec, "send", dies)
        with pytest.raises(KeyboardInterrupt):
            spec.write_spec(host.project, "one", "After.", PERSON)
    known = host.project.store.specs.get("one")
    assert known is not None
    assert known.text == "Before."


def test_a_spec_that_was_stored_and_not_written_is_written(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    session = host.spawn("one", task="Before.")
    edited = spec.ensure_file(host.project, "one")

    def dies(*_arguments: object, **_keywords: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(spec, "_write", dies)
        with pytest.raises(KeyboardInterrupt):
            spec.write_spec(host.project, "one", "After.", PERSON)
    assert edited.read_text() == "Before."
    assert spec.notice_change(host.project, "one") is None
    shown = host.project.session_paths(session).spec
    assert [Path(file).read_text() for file in (edited, shown)] == ["After.", "After."]
    notices = [one.text for one in messages.inbox(host.project, "one") if "version 2" in one.text]
    assert len(notices) == 1


def test_nobody_is_told_of_a_worktree_that_is_still_to_be_made(host: HostProject) -> None:
    """A service that was killed while it created a session looks at it before it makes the rest."""
    one = host.spawn("one")
    host.git("worktree", "remove", "--force", str(one.worktree))
    host.project.store.sessions.update("one", state=State.STARTING)
    assert follow_branch.follow(host.project, host.session("one")).trouble == ""
    assert host.project.store.messages.select(recipient=PERSON) == []
    host.project.store.sessions.update("one", state=State.WORKING)
    assert "git has no worktree" in follow_branch.follow(host.project, host.session("one")).trouble


def test_a_project_whose_state_was_removed_meanwhile_is_told(host: HostProject) -> None:
    project = host.project
    shutil.move(project.paths.state, host.place / "aside")
    with pytest.raises(StoreError, match="has been removed"), project.lock("one"):
        pass
    shutil.move(host.place / "aside", project.paths.state)
