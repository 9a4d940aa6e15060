"""A request asked again under its id gets the first answer, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.actions import registry
from orchestra.actions.requests import ONCE, Notebook, perform
from orchestra.errors import NotFound, UsageError
from orchestra.model import Intent
from orchestra.project import Project
from orchestra.store import requests
from tests.support.services import make_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    made = make_project(tmp_path)
    yield made
    made.store.close()


def send(project: Project, text: str, request: str, recipient: str = "alpha") -> int:
    arguments = {"sender": "user", "recipient": recipient, "text": text}
    return int(registry.run(project, "send", arguments, request=request)["id"])


def test_a_message_sent_again_under_its_id_is_the_first_one(project: Project) -> None:
    first = send(project, "hello", "r1")
    assert send(project, "hello", "r1") == first
    assert send(project, "hello", "r2") != first
    assert len(project.store.messages.select(recipient="alpha")) == 2


def test_a_refusal_is_given_again(project: Project) -> None:
    for _ in range(2):
        with pytest.raises(NotFound, match="gamma"):
            send(project, "hello", "r1", recipient="gamma")


def test_an_id_used_for_something_else_is_refused(project: Project) -> None:
    send(project, "hello", "r1")
    with pytest.raises(UsageError, match="another request"):
        send(project, "good bye", "r1")
    assert len(project.store.messages.select(recipient="alpha")) == 1


def test_a_message_and_its_answer_become_true_together(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between the two would leave a message that nobody knows to be sent."""

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(requests.Requests, "answer", dies)
        with pytest.raises(KeyboardInterrupt):
            send(project, "hello", "r1")
    assert project.store.messages.select(recipient="alpha") == []
    send(project, "hello", "r1")
    assert len(project.store.messages.select(recipient="alpha")) == 1


def test_an_action_cut_off_finds_what_it_noted(project: Project) -> None:
    def cut_off(notebook: Notebook) -> None:
        notebook.note("half way")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        perform(project, "r1", "delete", {"name": "alpha"}, cut_off)
    assert perform(project, "r1", "delete", {"name": "alpha"}, lambda notebook: notebook.before) == "half way"
    assert perform(project, "r1", "delete", {"name": "alpha"}, lambda _: "not asked again") == "half way"


def test_a_deletion_whose_answer_was_lost_is_answered(project: Project) -> None:
    number = project.store.sessions.get("alpha").id
    project.store.requests.begin("r1", "delete", "")
    project.store.requests.note("r1", str(number))
    gone = project.store.sessions.update(number, deleted_at=project.store.now(), intent=Intent.DELETE)
    from orchestra.actions.session.manage import delete  # noqa: PLC0415 -- the one test that needs it

    answer = delete(project, "alpha", notebook=Notebook(project, "r1", str(gone.id)))
    assert answer["name"] == "alpha"


def test_only_the_newest_requests_are_kept(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "KEPT", 3)
    for number in range(6):
        send(project, "hello", f"r{number}")
    assert project.store.requests.get("r2") is None
    assert project.store.requests.get("r3") is not None


def test_what_only_looks_is_not_remembered(project: Project) -> None:
    registry.run(project, "list", {}, request="r1")
    assert project.store.requests.get("r1") is None
    assert set(registry.ACTIONS) >= ONCE


@pytest.mark.parametrize("ours", ["project", "progress", "notebook"])
def test_no_caller_says_what_is_given_from_here(project: Project, ours: str) -> None:
    with pytest.raises(UsageError, match=f"does not take {ours}"):
        registry.run(project, "delete", {"name": "alpha", ours: "mine"})


@pytest.mark.parametrize("name", registry.ACTIONS)
def test_every_action_is_where_the_table_says(name: str) -> None:
    assert callable(registry.find(name))
