"""Many sessions at once: stopped, started and looked after side by side, none at another's expense."""

from __future__ import annotations

from orchestra.actions.session import container_spec, manage
from orchestra.actions.workspace import up
from orchestra.actions.workspace.recover import reconcile
from orchestra.model import Intent, State
from tests.support.projects import AGENT, HostProject
from tests.support.services import eventually

NAMES = ("one", "two", "three", "four")
_TOGETHER = """
family: plain
command:
  - sh
  - -c
  - |
    trap 'touch "{place}/asked/$$"; ended=1' TERM
    touch "{place}/runs/$$"
    while [ -z "$ended" ]; do sleep 0.05; done
    while [ "$(ls "{place}/asked" | wc -l)" -lt {number} ]; do sleep 0.05; done
    touch "{place}/well/$$"
"""
"""An agent that ends only once so many have been asked to end."""


def _team(host: HostProject) -> None:
    for directory in ("asked", "runs", "well"):
        (host.place / directory).mkdir()
    profile = _TOGETHER.format(place=host.place, number=len(NAMES))
    (host.place / "orchestra" / "agents" / f"{AGENT}.yaml").write_text(profile)
    for name in NAMES:
        host.spawn(name)
    eventually(lambda: len(list((host.place / "runs").iterdir())) == len(NAMES))


def test_all_are_asked_to_end_before_any_has(host: HostProject) -> None:
    _team(host)
    done = up.down(host.project, stop=True)
    assert sorted(done["stopped"]) == sorted(NAMES)
    assert len(list((host.place / "well").iterdir())) == len(NAMES), "none was killed while another was waited for"
    assert {host.session(name).state for name in NAMES} == {State.STOPPED}


def test_windows_opened_side_by_side_are_in_the_order_of_their_sessions(host: HostProject) -> None:
    for name in NAMES:
        host.spawn(name)
    for name in NAMES:
        manage.stop(host.project, name)
        host.tmux.windows.close(host.session(name).window or "")
        host.project.store.sessions.update(name, intent=Intent.RUN, window=None)
    assert reconcile(host.project) == []
    assert [window.session for window in host.tmux.windows.all()] == list(NAMES)
    assert [host.session(name).window for name in NAMES] == [window.id for window in host.tmux.windows.all()]


def test_one_s_trouble_is_its_own(host: HostProject) -> None:
    for name in NAMES:
        host.spawn(name)
        host.project.sandbox(host.session(name).sandbox).stop(host.project.box_name(host.session(name)))
    host.project.store.sessions.update("two", agent="no-such-profile")
    troubles = reconcile(host.project)
    assert [trouble.session for trouble in troubles] == ["two"]
    assert [name for name in NAMES if container_spec.runs(host.project, host.session(name))] == ["one", "three", "four"]
