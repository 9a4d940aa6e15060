"""Settings that cannot be read: what only looks at sessions, or ends them, goes on; nothing is made or merged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestra.actions.maintenance.agent_report import list_agents
from orchestra.actions.maintenance.doctor import doctor
from orchestra.actions.registry import run
from orchestra.control.links import Links
from orchestra.errors import BadConfig, OrchestraError, Refused
from orchestra.model import SandboxKind
from orchestra.project import Project
from tests.support.projects import HostProject


def broken(host: HostProject) -> None:
    host.write(host.source, ".orchestra/config.yaml", "agent: helper\ncheck: [make\n")


def misspelt(host: HostProject) -> None:
    host.write(host.source, ".orchestra/config.yaml", "# ours\n\nchekc: make\n")


def linked(host: HostProject) -> None:
    elsewhere = host.write(host.place, "elsewhere.yaml", "check: make\n")
    host.write(host.source, ".orchestra/keep", "")
    (host.source / ".orchestra" / "config.yaml").symlink_to(elsewhere)


def linked_directory(host: HostProject) -> None:
    elsewhere = host.write(host.place, "elsewhere/config.yaml", "check: make\n").parent
    (host.source / ".orchestra").symlink_to(elsewhere)


def persons(host: HostProject) -> None:
    host.project.paths.home.config.write_text("memory: plenty\n")


WAYS = (broken, misspelt, linked, linked_directory, persons)
Ask = Callable[..., Any]


@pytest.fixture
def ask(host: HostProject) -> Ask:
    """Ask for an action as the command line does, of a project that is opened anew; notes what it says beside it."""
    said: list[str] = []

    def asked(action: str, **arguments: object) -> object:
        said.clear()
        result = run(Project(host.project.paths), action, arguments, said.append)
        assert any(line.startswith("nothing is started or merged until") for line in said), said
        return result

    return asked


@pytest.mark.parametrize("spoil", WAYS)
def test_a_person_can_look_at_everything_and_end_it(host: HostProject, ask: Ask, spoil: Callable[..., None]) -> None:
    alpha = host.spawn("alpha")
    host.commit(alpha, "work.txt", "done\n")
    spoil(host)
    assert [row["name"] for row in ask("list")] == ["alpha"]
    assert ask("show", name="alpha")["name"] == "alpha"
    assert "work.txt" in ask("diff", name="alpha")
    assert isinstance(ask("log", name="alpha"), list)
    ask("send", sender="user", recipient="alpha", text="hello", kind="message")
    assert [message["text"] for message in ask("inbox", name="alpha")] == ["hello"]
    ask("stop", name="alpha")
    assert host.session("alpha").state == "stopped"
    assert ask("down")["troubled"] == []
    ask("delete", name="alpha")
    assert host.project.store.sessions.find("alpha") is None


@pytest.mark.parametrize("spoil", WAYS)
def test_nothing_is_made_started_or_merged(host: HostProject, spoil: Callable[..., None]) -> None:
    host.commit(host.spawn("alpha"), "work.txt", "done\n")
    spoil(host)
    before = host.refs()
    fresh = Project(host.project.paths)
    for action, arguments in (("spawn", {"title": "beta"}), ("merge", {"name": "alpha"})):
        with pytest.raises((BadConfig, Refused)) as caught:
            run(fresh, action, arguments)
        assert "config.yaml" in caught.value.message or ".orchestra" in caught.value.message
        assert caught.value.hint
    assert host.refs() == before
    assert host.project.store.sessions.find("beta") is None


def test_the_file_and_its_line_are_named(host: HostProject) -> None:
    for spoil, told in ((broken, "line 3: expected"), (misspelt, "line 3: there is no setting 'chekc'")):
        spoil(host)
        trouble = Project(host.project.paths).settings_trouble
        assert trouble is not None
        assert f"config.yaml, {told}" in trouble.message


def test_what_was_read_last_counts_where_it_is_only_looked_at(host: HostProject) -> None:
    host.project.paths.home.config.write_text("prefix_key: X\nnetwork_internal: true\n")
    assert host.project.settings.network_internal
    persons(host)
    assert host.project.usable_settings.prefix_key == "X"
    with pytest.raises(BadConfig):
        host.project.sandbox(SandboxKind.DOCKER).ensure_network()  # type: ignore[attr-defined] # Docker's alone
    host.project.paths.home.config.write_text("prefix_key: Y\n")
    assert host.project.settings.prefix_key == "Y"
    assert host.project.settings_trouble is None


def test_a_variable_that_is_wrong_takes_no_file_along(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    host.project.paths.home.config.write_text("prefix_key: X\n")
    monkeypatch.setenv("ORCHESTRA_PIDS", "many")
    fresh = Project(host.project.paths)
    assert fresh.usable_settings.pids == 512
    with pytest.raises(OrchestraError, match="ORCHESTRA_PIDS"):
        _ = fresh.settings


def test_the_doctor_names_the_file_once_and_goes_on(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{host.place}/none.sock")
    host.spawn("alpha")
    broken(host)
    told = doctor(host.source)
    assert [one.check for one in told if "config.yaml" in one.detail] == ["settings"]
    assert [one.check for one in told if one.check == "agent helper"]


def test_a_profile_that_cannot_be_read_leaves_out_no_other(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{host.place}/none.sock")
    host.write(host.project.paths.home.agents, "bad.yaml", "command: [sh]\nhocks: true\n")
    said: list[str] = []
    rows = [row["name"] for row in list_agents(host.project, progress=said.append)]
    assert "helper" in rows
    assert "bad" not in rows
    assert len(said) == 1
    assert "bad.yaml, line 2: there is no key 'hocks' → did you mean hooks?" in said[0]


def test_the_control_pane_shows_it(host: HostProject) -> None:
    pane = Links(Project(host.project.paths))
    assert pane.health(False).settings is None
    broken(host)
    assert pane.health(False).settings is False
