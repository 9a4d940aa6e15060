"""An agent that ends at once: why is in sight, and a program that is not there is told before anything is made."""

from __future__ import annotations

import pytest

from orchestra.actions.session.spawn import spawn
from orchestra.actions.work import refresh
from orchestra.errors import ToolMissing
from orchestra.model import State
from orchestra.terminal_text import clean
from tests.support.projects import HostProject
from tests.support.tmux import until

SECRET = "sk-canary-123456"


def profile(host: HostProject, name: str, command: str, *more: str) -> None:
    file = host.project.paths.home.agents / f"{name}.yaml"
    file.write_text("\n".join(("family: plain", f"command: {command}", *more)) + "\n")


def failed(host: HostProject, name: str) -> str:
    """Return the evidence of a session once it has failed."""

    def look() -> bool:
        refresh.look(host.project)
        return host.session(name).state is State.FAILED

    until(look, f"{name} fails", seconds=60)
    return host.session(name).evidence.text


def test_what_an_agent_said_last_is_where_people_look(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", SECRET)
    said = f"echo begin; printf 'FATAL \\\\033[31mcannot\\\\033[0m read line 12 with {SECRET}'; exit 3"
    profile(host, "dies", f'[sh, -c, "{said}"]', "credentials: [CANARY_KEY]")
    spawn(host.project, title="dies", agent="dies")
    evidence = failed(host, "dies")
    assert "FATAL cannot read line 12" in evidence
    assert SECRET not in evidence
    assert clean(evidence) == evidence
    assert [event.text for event in host.project.store.events.select("dies") if "line 12" in event.text]
    assert "line 12" in refresh.summary(host.session("dies"), [])


def test_a_program_that_is_not_there_is_told_before_anything_is_made(host: HostProject) -> None:
    profile(host, "typo", "[no-such-program, --flag]")
    with pytest.raises(ToolMissing, match="no-such-program") as caught:
        spawn(host.project, title="typo", agent="typo")
    assert "typo.yaml" in caught.value.hint
    assert host.project.store.sessions.find("typo") is None
    assert "orchestra/typo" not in host.project.repository.branches()
