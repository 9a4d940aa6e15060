"""What the person answers, and what they have seen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestra.actions.messaging.messages import mark_seen, send
from orchestra.actions.session.manage import mark_reviewed
from orchestra.actions.workspace.open_needs import list_needs
from orchestra.attention import NeedKind
from orchestra.errors import Refused
from orchestra.model import MessageKind
from orchestra.names import MAIN, PERSON, SYSTEM
from tests.support.projects import HostProject


def asks(host: HostProject, text: str) -> int:
    return send(host.project, sender="one", recipient=PERSON, text=text, kind=MessageKind.QUESTION).id


def test_an_answer_counts_for_its_question_and_no_other(host: HostProject) -> None:
    host.spawn("one", task="short")
    first = asks(host, "which?")
    second = asks(host, "and now?")
    with pytest.raises(Refused, match=f"question {first} of one is no longer open"):
        send(host.project, sender=PERSON, recipient="one", text="that", answers=first)
    assert host.project.store.messages.select(recipient="one", sender=PERSON) == []
    assert host.project.store.sessions.get("one").waits_for == second
    answer = send(host.project, sender=PERSON, recipient="one", text="this", answers=second)
    assert answer.answers == second
    assert host.project.store.sessions.get("one").waits_for is None


def test_a_result_was_seen_when_the_person_says_so(host: HostProject) -> None:
    session = host.spawn("one", task="short")
    store = host.project.store
    assert store.notes.reviewed() == {}
    mark_reviewed(host.project, "one")
    assert abs(store.notes.reviewed()[session.id] - store.now()) < timedelta(minutes=1)


def written(host: HostProject) -> list[tuple[str, str]]:
    return [(need.session, need.detail) for need in list_needs(host.project) if need.kind is NeedKind.MESSAGE]


def test_a_message_to_the_person_waits_until_they_have_seen_it_or_written_back(host: HostProject) -> None:
    for name in ("one", "two"):
        host.spawn(name, task="short")
        send(host.project, sender=name, recipient=PERSON, text=f"from {name}")
    assert written(host) == [("one", "from one"), ("two", "from two")]
    send(host.project, sender=PERSON, recipient="one", text="thanks")
    assert written(host) == [("two", "from two")]
    mark_seen(host.project, "two")
    assert written(host) == []


def test_what_orchestra_wrote_waits_with_the_designer(host: HostProject) -> None:
    host.spawn("one", task="short")
    send(host.project, sender=SYSTEM, recipient=PERSON, text="80 % is used", kind=MessageKind.NOTICE)
    assert written(host) == [("main", "80 % is used")]
    mark_seen(host.project, "one")
    assert written(host) == [("main", "80 % is used")]
    mark_seen(host.project, MAIN)
    assert written(host) == []
