"""The person's answers, as an action: for one open request, in words that are understood, and on record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.actions import registry
from orchestra.actions.messaging import hook_events, permission_requests
from orchestra.actions.session import manage
from orchestra.agents import tool_use
from orchestra.errors import NotFound, Refused, UsageError
from orchestra.model import PermissionRequest, Sign, State
from orchestra.project import Project
from tests.support.services import make_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    made = make_project(tmp_path)
    yield made
    made.store.close()


def opened(project: Project, command: str = "make", name: str = "alpha") -> PermissionRequest:
    session = project.store.sessions.get(name)
    asked = permission_requests.Asked(command, "d", tool_use.of_shell({"command": command}))
    return permission_requests.ask(project, session, project.profile("claude"), asked)


def test_it_is_in_the_list_as_what_the_session_wants(project: Project) -> None:
    request = opened(project, "rm -rf build")
    opened(project, "ls")
    rows = {row["name"]: row for row in manage.list_sessions(project)}
    assert rows["beta"]["wants"] is None
    wants = rows["alpha"]["wants"]
    assert (wants["id"], wants["summary"], wants["answerable"]) == (request.id, "runs: rm -rf build", True)
    shown = manage.show(project, "alpha")
    assert [one["detail"] for one in shown["permissions"]] == ["rm -rf build", "ls"]
    assert shown["wants"] == wants
    assert [one.detail for one in permission_requests.open_requests(project)] == ["rm -rf build", "ls"]


def test_an_answer_brings_the_next_request_to_the_front_and_then_the_work(project: Project) -> None:
    first, second = opened(project, "make one"), opened(project, "make two")
    registry.run(project, "answer", {"id": second.id, "decision": "allow"})
    session = project.store.sessions.get("alpha")
    assert (session.state, session.evidence.text) == (State.WAITING, "wants: make one")
    answered = registry.run(project, "answer", {"id": first.id, "decision": "deny", "reason": " not\x1b now "})
    assert (answered["decision"], answered["answered_by"], answered["reason"]) == ("deny", "person", "not\\x1b now")
    session = project.store.sessions.get("alpha")
    assert (session.state, session.evidence.sign) == (State.WORKING, Sign.TOOL_USED)
    assert [row["id"] for row in registry.run(project, "answers", {"name": "alpha"})] == [second.id, first.id]


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"id": 99, "decision": "allow"}, NotFound, "there is no request 99"),
        ({"id": 1, "decision": "yes"}, UsageError, "an answer cannot be 'yes'"),
        ({"id": 1, "decision": "allow", "reason": "fine"}, UsageError, "only a denial has a reason"),
        ({"id": 1, "decision": "deny", "reason": "x" * 2001}, UsageError, "longer than"),
    ],
)
def test_what_is_no_answer_is_refused_with_a_hint(
    project: Project, given: dict[str, object], error: type[Exception], said: str
) -> None:
    request = opened(project)
    with pytest.raises(error, match=said) as caught:
        registry.run(project, "answer", given)
    assert getattr(caught.value, "hint", "")
    assert request in project.store.permissions.open()


def test_one_that_only_its_window_answers_is_refused(project: Project) -> None:
    request = opened(project, "true # " + "x" * 300_000)
    assert not request.answerable
    with pytest.raises(Refused, match="only its window can answer request 1 of alpha: it is too long"):
        registry.run(project, "answer", {"id": request.id, "decision": "allow"})


def test_repeated_with_its_id_an_answer_is_the_same(project: Project) -> None:
    request = opened(project)
    given = {"id": request.id, "decision": "allow"}
    first = registry.run(project, "answer", given, request="one")
    assert registry.run(project, "answer", given, request="one") == first
    with pytest.raises(Refused, match="was already answered: allow"):
        registry.run(project, "answer", given, request="two")


def test_other_tools_that_go_on_do_not_hide_that_it_waits(project: Project) -> None:
    opened(project)
    session = project.store.sessions.get("alpha")
    hook_events.record_signs(project, session, [(Sign.TOOL_USED, "reads a.py")])
    assert project.store.sessions.get("alpha").evidence.text == "wants: make"
    assert "reads a.py" in [event.text for event in project.store.events.select("alpha")]


def test_unreadable_settings_allow_nothing(project: Project) -> None:
    project.paths.home.config.write_text("allow: ['make*']\n", encoding="utf-8")
    assert opened(project, "make one").answered_by is not None
    project.paths.home.config.write_text("allow: ['make*'\n", encoding="utf-8")
    assert opened(project, "make two").answered_by is None
