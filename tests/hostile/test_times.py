"""Times that an agent writes and that no calendar has: in its commits, its conversation, and its files."""

from __future__ import annotations

import json
import os

import pytest

from orchestra.actions.session.branch_sync import import_commits
from orchestra.actions.work.review import review
from orchestra.actions.work.search import search
from tests.support.projects import HostProject

OFF_THE_CALENDAR = ("@99999999999999 +0000", "@9223372036854775807 +0000")


@pytest.mark.parametrize("date", OFF_THE_CALENDAR)
def test_commits_of_another_age_are_listed_and_found(
    host: HostProject, monkeypatch: pytest.MonkeyPatch, date: str
) -> None:
    one = host.spawn("one")
    with monkeypatch.context() as patch:
        patch.setenv("GIT_COMMITTER_DATE", date)
        host.commit(one, "one.txt", "one\n", "Add the walrus")
    import_commits(host.project, one)
    assert [commit["subject"] for commit in review(host.project, "one")["commits"]] == ["Add the walrus"]
    assert len(search(host.project, "walrus")["hits"]) == 1


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_conversation_of_another_age_is_found(host: HostProject, at: str) -> None:
    one = host.spawn("one")
    path = host.project.session_paths(one).home / ".orchestra" / "conversation.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"who": "user", "text": "A walrus.", "at": at}) + "\n")
    assert len(search(host.project, "walrus")["hits"]) == 1


@pytest.mark.parametrize("seconds", [-(1 << 36), 1 << 40])
def test_a_file_of_another_age_is_read(host: HostProject, seconds: int) -> None:
    one = host.spawn("one")
    path = host.project.session_paths(one).home / ".orchestra" / "conversation.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"who": "user", "text": "A walrus."}) + "\n")
    os.utime(path, (seconds, seconds))
    assert len(search(host.project, "walrus")["hits"]) == 1
