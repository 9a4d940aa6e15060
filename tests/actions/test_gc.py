"""What is said of the containers' network when everything is cleaned up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from orchestra.actions.maintenance import gc
from orchestra.drivers.sandbox.protocol import Sandbox
from orchestra.errors import CommandFailed
from orchestra.project import Project
from tests.support.projects import HostProject

IN_USE = "error while removing network: it has active endpoints"


@dataclass
class Engine:
    """An engine with a network and nothing else; removing it fails a number of times."""

    fails: int
    there: bool = True

    def look_all(self) -> dict[str, Any]:
        """There is no container."""
        return {}

    def has_network(self) -> bool:
        """Say whether the network is there."""
        return self.there

    def remove_network(self) -> None:
        """Remove it, or refuse."""
        if self.fails > 0:
            self.fails -= 1
            raise CommandFailed("the engine refuses", code=403, stderr=IN_USE)
        self.there = False


def cleans_up(host: HostProject, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Clean everything up; return what was found, with why it stays."""
    monkeypatch.setattr(Project, "sandbox", lambda *_: cast("Sandbox", engine))
    monkeypatch.setattr(gc, "_PAUSE", 0.0)
    return {one.kind: one.kept for one in gc.gc(host.project, remove=True, everything=True)}


def test_a_network_goes_once_its_removed_containers_are_disconnected(
    host: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(fails=3)
    assert cleans_up(host, engine, monkeypatch) == {"network": ""}
    assert not engine.there


def test_a_network_that_somebody_else_uses_stays_with_the_reason(
    host: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(fails=1000)
    assert cleans_up(host, engine, monkeypatch) == {"network": IN_USE}
    assert engine.there
    assert cleans_up(host, Engine(fails=0, there=False), monkeypatch) == {}
