"""Keeping the record true, in this process."""

from __future__ import annotations

from orchestra.actions.work.refresh import refresh_diff
from tests.support.projects import HostProject
from tests.support.services import eventually


def test_what_others_need_to_know_of_a_diff_is_noted_when_it_changes(host: HostProject) -> None:
    one, store = host.spawn("one"), host.project.store

    def changes_nothing() -> bool:
        version = store.data_version()
        refresh_diff(host.project, one)
        return store.data_version() == version

    # A file as young as git's index is looked at once more: it may have changed since, within the same tick.
    eventually(changes_nothing)
    before = store.notes.diff_mark(one.id)
    host.write(one, "made.txt", "made\n")
    refresh_diff(host.project, one)
    assert before
    assert store.notes.diff_mark(one.id) != before
