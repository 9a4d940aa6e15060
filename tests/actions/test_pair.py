"""Who sees the person's checkout: the record and the containers agree, whatever was cut off between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestra.actions.session import pair
from orchestra.actions.workspace.recover import reconcile
from orchestra.drivers.sandbox.docker import DockerSandbox
from orchestra.errors import EngineSilent
from orchestra.model import BoxState
from tests.support.projects import HostProject, host_project

pytestmark = pytest.mark.docker


@pytest.fixture
def contained(monkeypatch: pytest.MonkeyPatch, git_image: str) -> Iterator[HostProject]:
    with host_project(monkeypatch, image=git_image) as made:
        yield made


def shows_checkout(host: HostProject) -> bool:
    """Say whether the container of the session ``one`` shows the checkout; it runs."""
    session = host.session("one")
    sight = host.project.sandbox(session.sandbox).look(host.project.box_name(session))
    assert sight.state is BoxState.RUNNING
    return str(host.source) in (sight.mounts or ())


def test_a_container_shows_the_checkout_while_its_session_is_paired_and_no_longer(
    contained: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = contained.project
    contained.spawn("one")
    assert not shows_checkout(contained)
    # Cut off after the record: the next start makes the container anew.
    project.store.sessions.update("one", paired=True)
    assert reconcile(project) == []
    assert shows_checkout(contained)
    with monkeypatch.context() as patch:
        patch.setattr(DockerSandbox, "stop", silent)
        with pytest.raises(EngineSilent):
            pair.unpair(project)
        assert contained.session("one").paired, "as long as its container shows the checkout"
    pair.unpair(project)
    assert not shows_checkout(contained)
    assert not contained.session("one").paired
    with monkeypatch.context() as patch:
        patch.setattr(DockerSandbox, "remove", silent)
        with pytest.raises(EngineSilent):
            pair.pair(project, "one")
    assert pair.pair(project, "one").paired
    assert shows_checkout(contained)


def silent(*_arguments: object, **_keywords: object) -> None:
    raise EngineSilent("nothing")
