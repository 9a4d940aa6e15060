"""A small storm in every run; `make storm` makes a great one."""

from __future__ import annotations

import pytest

from tests.storm.storm import Storm, world


# Who starts a service does not wait for its end.
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_no_message_is_lost_or_doubled_while_the_service_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRA_HOME", "")
    with world(4) as project:
        tally = Storm(project, sessions=4, messages=400, kills=3).run()
    assert tally.is_good, tally
    assert tally.kills == 3
    assert tally.sent == 400
