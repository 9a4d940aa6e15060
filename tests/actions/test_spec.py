"""Specs in this process: what they may hold."""

from __future__ import annotations

import pytest

from orchestra.actions.work.spec import write_spec
from orchestra.errors import UsageError
from orchestra.names import PERSON
from tests.support.projects import HostProject

TOO_LONG = "x" * (1 << 20) + "é"


def test_neither_a_task_nor_a_spec_may_be_longer_than_a_person_reads(host: HostProject) -> None:
    with pytest.raises(UsageError, match="at most 1 MiB"):
        host.spawn("long", task=TOO_LONG)
    assert host.project.store.sessions.find("long") is None
    host.spawn("one", task="short")
    with pytest.raises(UsageError, match="at most 1 MiB"):
        write_spec(host.project, "one", TOO_LONG, PERSON)
    found = host.project.store.specs.get("one")
    assert found is not None
    assert found.text == "short"
