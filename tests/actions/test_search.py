"""Searching a real project: its database, its branches, and the files of agents that can write anything."""

from __future__ import annotations

import json
import os
from itertools import count
from pathlib import Path

import pytest

from orchestra.actions.messaging.messages import send
from orchestra.actions.session.branch_sync import import_commits
from orchestra.actions.session.manage import delete
from orchestra.actions.work import search_sources
from orchestra.actions.work.search import search
from orchestra.errors import NotFound, UsageError
from orchestra.model import Session, Sign
from orchestra.names import PERSON
from orchestra.service.oversight import Oversight
from orchestra.store import events
from tests.support.projects import HostProject
from tests.support.services import eventually

Found = list[tuple[str, str, str]]


def found(host: HostProject, text: str, *kinds: str, session: str = "") -> Found:
    hits = search(host.project, text, kinds=kinds, session=session)["hits"]
    return [(hit["in"], hit["session"], hit["line"]) for hit in hits]


def conversation(host: HostProject, session: Session, *texts: str, name: str = "conversation.jsonl") -> Path:
    path = host.project.session_paths(session).home / ".orchestra" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write("".join(json.dumps({"who": "user", "text": text}) + "\n" for text in texts))
    return path


def test_every_kind_is_found_with_its_session_its_time_and_its_place(host: HostProject) -> None:
    one = host.spawn("one", task="Build the walrus enclosure.")
    send(host.project, sender="one", recipient=PERSON, text="The walrus is in.\nSecond line.")
    host.project.store.sessions.record_sign("one", Sign.TOOL_USED, "edits walrus.py")
    host.commit(one, "walrus.py", "pass\n", "Add the walrus\n\nIt eats clams.")
    import_commits(host.project, one)
    conversation(host, one, "What does a walrus eat?")
    hits = search(host.project, "walrus")["hits"]
    assert [hit["in"] for hit in hits] == ["messages", "specs", "events", "commits", "conversations"]
    assert {hit["session"] for hit in hits} == {"one"}
    places = [hit["where"].split(",")[0].split(" ")[0] for hit in hits]
    assert places == ["message", "version", "tool-used", "commit", "user"]
    assert hits[0]["line"] == "The walrus is in."
    assert hits[0]["line"][slice(*hits[0]["found"][0])] == "walrus"
    assert found(host, "clams", "commits") == [("commits", "one", "It eats clams.")]


def test_what_comes_later_is_found_by_the_next_search(host: HostProject) -> None:
    one = host.spawn("one")
    assert found(host, "heron") == []
    send(host.project, sender=PERSON, recipient="one", text="A heron.")
    path = conversation(host, one, "One heron.")
    assert [hit[0] for hit in found(host, "heron")] == ["messages", "conversations"]
    with path.open("a") as file:
        file.write('{"who": "user", "text": "half a her')
    assert len(found(host, "heron", "conversations")) == 1
    with path.open("a") as file:
        file.write('on"}\n')
    assert [line for *_, line in found(host, "heron", "conversations")] == ["half a heron", "One heron."]


def test_a_deleted_session_is_found_and_so_is_its_successor(host: HostProject) -> None:
    one = host.spawn("one", task="The first otter.")
    conversation(host, one, "An otter.")
    delete(host.project, "one", force=True)
    hits = search(host.project, "otter", session="one")["hits"]
    assert [(hit["in"], hit["deleted"]) for hit in hits] == [("specs", True), ("conversations", True)]
    with pytest.raises(NotFound):
        search(host.project, "otter", session="two")


def test_a_session_is_found_in_what_it_got_and_what_it_sent(host: HostProject) -> None:
    for name in ("one", "two"):
        host.spawn(name)
    send(host.project, sender="one", recipient="two", text="ibis")
    send(host.project, sender=PERSON, recipient="two", text="ibis too")
    assert len(found(host, "ibis", "messages", session="one")) == 1
    assert len(found(host, "ibis", "messages", session="two")) == 2


def test_a_wrong_kind_is_named(host: HostProject) -> None:
    with pytest.raises(UsageError, match="'mail'"):
        search(host.project, "x", kinds=["mail"])


def test_events_that_the_database_drops_are_dropped_here(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    host.spawn("one")
    monkeypatch.setattr(events, "KEPT", 5)
    for number in range(250):
        host.project.store.events.log("one", "note", f"gnu {number}")
        if number == 20:
            assert found(host, '"gnu 3"', "events")
    assert found(host, '"gnu 3"', "events") == []
    assert found(host, '"gnu 249"', "events")


class TestHostileFiles:
    def test_no_link_pipe_or_device_is_read(self, host: HostProject, tmp_path: Path) -> None:
        one = host.spawn("one")
        secret = conversation(host, one, "zebra", name="elsewhere")
        secret.rename(tmp_path / "secret.jsonl")
        place = host.project.session_paths(one).home / ".orchestra"
        (place / "conversation.jsonl").symlink_to(tmp_path / "secret.jsonl")
        os.mkfifo(place / "conversation-2.jsonl")
        (place / "conversation-3.jsonl").mkdir()
        assert found(host, "zebra") == []

    def test_a_linked_directory_is_not_entered(self, host: HostProject, tmp_path: Path) -> None:
        one = host.spawn("one")
        place = host.project.session_paths(one).home / ".orchestra"
        conversation(host, one, "zebra").rename(tmp_path / "conversation.jsonl")
        for file in place.iterdir():
            file.unlink()
        place.rmdir()
        place.symlink_to(tmp_path)
        assert found(host, "zebra") == []

    def test_a_line_without_end_is_left_out_and_the_next_is_found(
        self, host: HostProject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(search_sources, "_BLOCK", 1000)
        one = host.spawn("one")
        conversation(host, one, "yak", "x" * 5000, "yak again")
        assert [line for *_, line in found(host, "yak", "conversations")] == ["yak again", "yak"]

    def test_a_file_that_was_replaced_is_read_again(self, host: HostProject) -> None:
        one = host.spawn("one")
        path = conversation(host, one, "emu one", "emu two")
        assert len(found(host, "emu")) == 2
        path.unlink()
        conversation(host, one, "emu three")
        assert any(line == "emu three" for *_, line in found(host, "emu"))

    def test_no_conversation_fills_the_disk(self, host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(search_sources, "MOST", 100)
        monkeypatch.setattr(search_sources, "_BLOCK", 1000)
        one = host.spawn("one")
        conversation(host, one, *(f"lynx {number} {'x' * 50}" for number in range(500)))
        assert len(found(host, "lynx", "conversations")) < 50

    def test_a_time_in_the_future_is_not_believed(self, host: HostProject) -> None:
        one = host.spawn("one")
        path = conversation(host, one)
        path.write_text(json.dumps({"who": "x", "text": "puma", "at": "9999-01-01T00:00:00Z"}) + "\n")
        (hit,) = search(host.project, "puma", kinds=["conversations"])["hits"]
        assert hit["at"] < "9000"

    def test_what_takes_too_long_is_read_by_the_next_search(self, host: HostProject) -> None:
        one = host.spawn("one")
        conversation(host, one, "crane")
        times = iter([0.0, *[100.0] * 50])
        late = search(host.project, "crane", clock=lambda: next(times))
        assert (late["hits"], late["unread"]) == ([], ["one"])
        assert len(found(host, "crane")) == 1

    def test_one_with_more_than_can_be_read_keeps_no_other_from_being_found(self, host: HostProject) -> None:
        one, two = host.spawn("one"), host.spawn("two")
        with conversation(host, one).open("r+b") as file:
            file.truncate(200 << 30)
        conversation(host, two, "quail")
        seconds = count(step=0.5)
        result = search(host.project, "quail", kinds=["conversations"], clock=lambda: next(seconds))
        assert ([hit["session"] for hit in result["hits"]], result["unread"]) == (["two"], ["one"])


def test_at_the_end_of_a_turn_a_conversation_is_indexed(host: HostProject) -> None:
    one, store = host.spawn("one"), host.project.store
    overseer = Oversight(host.project)
    overseer.look()
    conversation(host, one, "toad")
    store.sessions.record_sign("one", Sign.TURN_ENDED, "done")
    overseer.look()
    eventually(lambda: store.search.sessions("conversations") == [one.id])
    overseer.stop()
