"""Agents on the machine itself whose program tells nothing: what is said of them, and how they end."""

from __future__ import annotations

import re

import pytest

from orchestra.actions.work import refresh
from orchestra.actions.workspace import up
from orchestra.errors import EngineDown
from orchestra.model import State
from tests.support.projects import HostProject
from tests.support.services import eventually


def test_one_at_rest_is_said_to_run_and_since_when_it_is_silent(
    host: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.spawn("alpha")
    monkeypatch.setattr(refresh, "_QUIET", 600.0)
    refresh.look(host.project)
    assert host.session("alpha").state is State.WORKING
    monkeypatch.setattr(refresh, "_QUIET", -1.0)
    refresh.look(host.project)
    alpha = host.session("alpha")
    assert alpha.state is State.UNKNOWN
    assert re.fullmatch(r"pane-quiet: running; no output since \d\d:\d\d UTC", str(alpha.evidence))


def test_one_that_no_window_shows_is_not_said_to_work(host: HostProject) -> None:
    host.spawn("alpha")
    refresh.look(host.project)
    host.tmux.windows.close(str(host.session("alpha").window))
    refresh.look_at_panes(host.project)
    alpha = host.session("alpha")
    assert (alpha.state, str(alpha.evidence)) == (State.UNKNOWN, "pane-quiet: running; no window shows its output")


def test_nothing_is_said_of_what_could_not_be_looked_at(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    before = host.spawn("alpha")

    def hang(*_: object) -> None:
        raise EngineDown("it does not answer")

    monkeypatch.setattr("orchestra.drivers.sandbox.host.HostSandbox.look_all", hang)
    monkeypatch.setattr(refresh, "_QUIET", -1.0)
    with pytest.raises(EngineDown):
        refresh.look(host.project)
    assert host.session("alpha").evidence == before.evidence


def test_closing_the_windows_stops_it_and_does_not_make_it_fail(host: HostProject) -> None:
    host.spawn("alpha")
    assert up.down(host.project)["ended"] == ["alpha"]
    eventually(lambda: "sleep 3600" not in host.processes().values())
    refresh.look(host.project)
    alpha = host.session("alpha")
    assert (alpha.state, alpha.intent) == (State.STOPPED, "run")
    assert "ended with its window" in alpha.evidence.text
    assert up.down(host.project)["ended"] == []
