"""Deleted sessions: those that can be brought back are named."""

from __future__ import annotations

import pytest

from orchestra.actions.session import manage
from orchestra.errors import NotFound
from tests.support.projects import HostProject


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
