"""Keeping the record true, in this process."""

from __future__ import annotations

from orchestra.actions.work.refresh import refresh_diff
from tests.support.projects import HostProject


def test_what_others_need_to_know_of_a_diff_is_noted_when_it_changes(host: HostProject) -> None:
    one, store = host.spawn("one"), host.project.store
    refresh_diff(host.project, one)
    before, version = store.diff_mark(one.id), store.data_version()
    refresh_diff(host.project, one)
    assert store.data_version() == version
    host.write(one, "made.txt", "made\n")
    refresh_diff(host.project, one)
    assert before
    assert store.diff_mark(one.id) != before
