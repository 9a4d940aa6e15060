"""Deleted sessions: those that can be brought back are named."""

from __future__ import annotations

import pytest

from orchestra.actions.session import container_spec, manage
from orchestra.actions.workspace import recover
from orchestra.drivers.git import ignored_files
from orchestra.errors import NotFound, Refused
from orchestra.model import Intent, Role, State
from tests.support.projects import HostProject
from tests.support.services import add_session


def test_a_name_that_was_not_deleted_is_answered_with_those_that_were(host: HostProject) -> None:
    with pytest.raises(NotFound) as caught:
        manage.restore(host.project, "nobody")
    assert caught.value.hint == "no session of this project was deleted"
    for name in ("alpha", "beta"):
        host.spawn(name)
        manage.delete(host.project, name, force=True)
    with pytest.raises(NotFound) as caught:
        manage.restore(host.project, "nobody")
    assert caught.value.hint == "deleted sessions: beta, alpha"


class TestCutOff:
    """The process dies once the worktree is back, before the session is."""

    @pytest.fixture
    def half(self, host: HostProject, monkeypatch: pytest.MonkeyPatch) -> HostProject:
        session = host.spawn("alpha")
        host.write(session, "draft.txt", "not committed\n")
        manage.delete(host.project, "alpha", force=True, remove_worktree=True)
        with monkeypatch.context() as patched:
            patched.setattr(ignored_files, "put_back", _die)
            with pytest.raises(SystemExit):
                manage.restore(host.project, "alpha")
        assert host.project.store.sessions.find("alpha") is None
        return host

    def test_the_next_start_finishes_it(self, half: HostProject) -> None:
        said: list[str] = []
        assert recover.reconcile(half.project, progress=said.append) == []
        assert said[0] == "alpha was being restored; that is finished now"
        assert container_spec.runs(half.project, half.session("alpha"))
        assert (half.session("alpha").worktree / "draft.txt").read_text() == "not committed\n"
        assert manage.unfinished_restorations(half.project) == []

    def test_what_keeps_it_from_that_is_said_with_what_to_type(
        self, half: HostProject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*_: object) -> None:
            raise Refused("the disk is full", hint="free some space")

        with monkeypatch.context() as patched:
            patched.setattr(ignored_files, "put_back", refused)
            (trouble,) = recover.reconcile(half.project)
        told = "alpha: was being restored: the disk is full (to finish that: orchestra restore alpha)"
        assert str(trouble) == told
        manage.restore(half.project, "alpha")
        assert recover.reconcile(half.project) == []

    def test_a_project_that_rests_is_not_started_by_it(self, half: HostProject) -> None:
        half.project.store.workspace.update(resting=True)
        assert recover.reconcile(half.project) == []
        assert half.project.store.sessions.find("alpha") is None

    def test_a_new_session_that_took_the_name_is_left_alone(self, half: HostProject) -> None:
        add_session(half.project, "alpha", Role.EXECUTOR)
        half.project.store.sessions.update("alpha", intent=Intent.STOP, state=State.STOPPED)
        assert manage.unfinished_restorations(half.project) == []


def _die(*_: object) -> None:
    raise SystemExit
