"""`orchestra agents check`: the agent's own program, in a real container, and a model that answers from a script."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestra.actions.maintenance.agent_report import login_of
from orchestra.actions.maintenance.check_agent import PROMPT
from orchestra.agents import load
from orchestra.drivers.sandbox.docker_networks import bridge_name
from tests.support.fetched import claude_program
from tests.support.models import journeys
from tests.support.models.journeys import KEY
from tests.support.models.server import ModelServer, Rule, Say
from tests.support.person import Person, arriving, eventually
from tests.support.running import running
from tests.support.services import add_session, make_project

ANSWERS = Rule([Say("ready")])


@dataclass(frozen=True)
class Desk:
    """A person who tries agents, and the model that these ask."""

    person: Person
    model: ModelServer

    def check(
        self, name: str, *words: str, code: int, settings: Mapping[str, str] | None = None
    ) -> dict[str, dict[str, Any]]:
        """Try an agent, see that nothing of it stays, and return what was found by what was checked."""
        person = replace(self.person, settings={**self.person.settings, **(settings or {})})
        before = self.everything()
        done = person.orchestra("agents", "check", name, "--json", *words, check=False)
        assert done.returncode == code, (done.stdout, done.stderr)
        assert KEY not in done.stdout + done.stderr
        self.is_as(before)
        return {one["check"]: one for one in json.loads(done.stdout)}

    def is_as(self, before: list[str]) -> None:
        """See that all is as it was; a process has a moment to end."""
        eventually(lambda: self.everything() == before, what=f"{before} again, not {self.everything()}")

    def everything(self) -> list[str]:
        """Return all that the person's home, the engine and the machine have of theirs."""
        files = [str(file) for file in self.person.home.root.rglob("*") if not file.name.startswith("state.db-")]
        secrets = [str(file) for file in (self.person.place / "run").rglob("*/*")]
        left = [name for kind in ("container", "network") for name in self.person.engine(kind)]
        return sorted([*files, *secrets, *left, *self.person.processes().values()])

    @property
    def login(self) -> dict[str, str]:
        """A login that leads to the model."""
        return {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": self.model.url(self.model.address)}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    place = tmp_path_factory.mktemp("check") / "person"
    with journeys.near_containers(Person(place).home, []) as model, arriving(place) as person:
        person.orchestra("image", "build", "claude", deadline=900)
        yield Desk(person, model)


@pytest.fixture(autouse=True)
def answering(desk: Desk) -> None:
    desk.model.rules[:] = [ANSWERS]
    desk.model.asked.clear()


def image(desk: Desk, name: str) -> str:
    """Return the image of a profile, which is built."""
    (row,) = [one for one in desk.person.json("agents") if one["name"] == name]
    return str(row["image"]["tag"])


@pytest.mark.docker
def test_an_agent_with_a_login_and_a_model_is_ready(desk: Desk) -> None:
    found = desk.check("claude", code=0, settings=desk.login)
    assert list(found) == ["image", "program", "orchestra", "login", "model"]
    assert load("claude").version in found["program"]["detail"]
    assert "lists 9 tools" in found["orchestra"]["detail"]
    assert found["login"]["detail"] == "ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL (environment)"
    (asked,) = desk.model.conversation()
    assert PROMPT in asked.user
    assert asked.key == KEY


@pytest.mark.docker
def test_a_login_from_a_file_will_do(desk: Desk) -> None:
    file = desk.person.home.secrets / "ANTHROPIC_API_KEY"
    file.parent.mkdir()
    file.write_text(f"{KEY}\n")
    try:
        found = desk.check("claude", code=0, settings={"ANTHROPIC_BASE_URL": desk.login["ANTHROPIC_BASE_URL"]})
    finally:
        shutil.rmtree(file.parent)
    assert f"ANTHROPIC_API_KEY ({file.parent})" in found["login"]["detail"]


@pytest.mark.docker
@pytest.mark.parametrize(
    ("status", "said", "then"),
    [(401, "login was refused", "get a new login"), (529, "answered with an error", "try again")],
)
def test_what_the_model_says_no_with_is_told(desk: Desk, status: int, said: str, then: str) -> None:
    desk.model.rules[:] = [Rule(status=status)]
    model = desk.check("claude", code=1, settings=desk.login)["model"]
    assert (said in model["detail"], "scripted failure" in model["detail"], then in model["repair"]) == (
        (True, True, True)
    ), model


@pytest.mark.docker
@pytest.mark.parametrize(
    ("url", "then"),
    [
        ("http://{gateway}:1", "look at ANTHROPIC_BASE_URL (environment)"),
        ("http://127.0.0.1:1", "to {gateway} and let"),
    ],
)
def test_a_model_that_cannot_be_reached_is_told(desk: Desk, url: str, then: str) -> None:
    settings = {**desk.login, "ANTHROPIC_BASE_URL": url.format(gateway=desk.model.address)}
    model = desk.check("claude", code=1, settings=settings)["model"]
    assert "the model's service cannot be reached" in model["detail"]
    assert then.format(gateway=desk.model.address) in model["repair"]


@pytest.mark.docker
def test_without_a_login_the_model_is_not_asked(desk: Desk) -> None:
    found = desk.check("claude", code=1)
    assert (found["login"]["well"], found["model"]["well"]) == (False, False)
    assert f"{desk.person.home.secrets}/ANTHROPIC_API_KEY" in found["login"]["repair"]
    assert desk.model.asked == []


@pytest.mark.docker
def test_another_version_than_the_profile_pins_is_told(desk: Desk) -> None:
    pinned = desk.person.home.agents / "pinned.yaml"
    data = {**yaml.safe_load(load("claude").source.read_text()), "version": "9.9.9"}
    pinned.parent.mkdir()
    pinned.write_text(json.dumps(data))
    settings = {**desk.login, "ORCHESTRA_IMAGE": image(desk, "claude")}
    try:
        found = desk.check("pinned", code=1, settings=settings)
    finally:
        shutil.rmtree(pinned.parent)
    assert f"is {load('claude').version}; the profile requires 9.9.9" in found["program"]["detail"]
    assert "unset the setting image" in found["program"]["repair"]
    assert found["model"]["well"]


@pytest.mark.docker
def test_an_image_without_the_program_is_told(desk: Desk) -> None:
    settings = {**desk.login, "ORCHESTRA_IMAGE": image(desk, "plain")}
    found = desk.check("claude", code=1, settings=settings)
    assert f"there is no claude in the image {image(desk, 'plain')}" in found["program"]["detail"]
    assert (found["orchestra"]["well"], found["model"]["detail"]) == (
        True,
        "not tested, because the program is missing",
    )


@contextmanager
def walled(person: Person) -> Iterator[str]:
    """Drop what this person's containers send to this machine, as a firewall does; yields the interface."""
    interface = bridge_name(person.home.network)
    rule = ("INPUT", "-i", interface, "-p", "tcp", "-j", "DROP")
    if shutil.which("iptables") is None or subprocess.run(("iptables", "-w", "-I", *rule), check=False).returncode:
        pytest.skip("only who may change the firewall can try one")
    try:
        yield interface
    finally:
        subprocess.run(("iptables", "-w", "-D", *rule), check=True)


@pytest.mark.docker
def test_a_firewall_between_the_container_and_orchestra_is_told(desk: Desk) -> None:
    with walled(desk.person) as interface:
        orchestra = desk.check("plain", code=1)["orchestra"]
    assert "a firewall blocks them" in orchestra["detail"]
    assert orchestra["repair"].startswith("sudo ")
    assert interface in orchestra["repair"]


@pytest.mark.docker
@pytest.mark.parametrize("name", ["plain", "rehearsal"])
def test_an_agent_without_a_model_only_has_to_start(desk: Desk, name: str) -> None:
    assert list(desk.check(name, code=0)) == ["image", "program", "orchestra", "login"]


def test_without_an_engine_the_other_way_is_named_and_works(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "claude").symlink_to(claude_program())
    without = {**desk.login, "DOCKER_HOST": f"unix://{tmp_path}/none.sock", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    engine = desk.check("claude", code=1, settings=without)["docker engine"]
    assert engine["repair"].endswith("orchestra agents check claude --sandbox host")
    found = desk.check("claude", "--sandbox", "host", code=0, settings=without)
    assert list(found) == ["sandbox", "program", "orchestra", "login", "model"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [(("cluade",), 2, "did you mean claude?"), (("claude", "--sandbox", "moon"), 2, "there is no sandbox 'moon'")],
)
def test_what_is_mistyped_is_told(desk: Desk, words: tuple[str, ...], code: int, said: str) -> None:
    done = desk.person.orchestra("agents", "check", *words, check=False)
    assert (done.returncode, said in done.stderr, done.stdout) == (code, True, ""), done.stderr


@pytest.mark.docker
def test_the_list_tells_the_state_of_images_and_logins(desk: Desk, tmp_path: Path) -> None:
    def row(name: str, **settings: str) -> dict[str, Any]:
        person = replace(desk.person, settings={**desk.person.settings, **settings})
        (found,) = [one for one in person.json("agents") if one["name"] == name]
        return dict(found)

    claude = row("claude", ANTHROPIC_API_KEY=KEY)
    assert (claude["image"]["state"], claude["login"]["state"], claude["usual"]) == ("built", "found", False)
    assert claude["login"]["found"] == {"ANTHROPIC_API_KEY": "environment"}
    assert (claude["hooks"], claude["cost"], claude["context"], claude["resume"]) == (True, True, True, True)
    assert row("rehearsal")["usual"]
    assert row("claude", ORCHESTRA_SETUP="true # never built")["image"]["state"] == "not built yet"
    assert row("claude", ORCHESTRA_IMAGE=claude["image"]["tag"])["image"]["state"] == "finished image set"
    assert row("claude", ORCHESTRA_IMAGE="a/b:c")["image"]["state"] == "finished image set, not on this machine yet"
    assert row("claude", DOCKER_HOST=f"unix://{tmp_path}/none.sock")["image"]["state"] == "engine down"
    assert (row("claude")["login"]["state"], row("plain")["login"]["state"]) == ("asks", "none needed")


def test_a_login_that_an_agent_keeps_is_found_in_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    for name in load("claude").credentials:
        monkeypatch.delenv(name, raising=False)
    project = make_project(tmp_path)
    with closing(project.store):
        session = add_session(project, "asked", agent="claude")
        assert login_of(project, project.profile("claude")).state == "asks"
        kept = project.session_paths(session).home / ".claude" / ".credentials.json"
        kept.parent.mkdir(parents=True)
        kept.write_text("{}")
        login = login_of(project, project.profile("claude"))
        assert (login.state, login.kept) == ("kept", ("asked",))


@contextmanager
def begun(desk: Desk) -> Iterator[subprocess.Popen[bytes]]:
    """Begin to try an agent whose model is slow, and go on when it asks."""
    desk.model.rules[:] = [Rule([Say("ready")], hold="slow")]
    words = desk.person.command("agents", "check", "claude")
    environment = {**desk.person.environment, **desk.login}
    quiet = subprocess.DEVNULL
    with running(words, cwd=desk.person.repository, env=environment, stdout=quiet, stderr=quiet) as process:
        eventually(desk.model.conversation, what="the model is asked")
        yield process


@pytest.mark.docker
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_who_ends_it_finds_nothing_of_it(desk: Desk, number: signal.Signals) -> None:
    before = desk.everything()
    with begun(desk) as process:
        process.send_signal(number)
        assert process.wait(60) == 130
    desk.is_as(before)


@pytest.mark.docker
def test_what_a_killed_one_left_is_taken_away_by_the_next(desk: Desk) -> None:
    before = desk.everything()
    with begun(desk) as process:
        process.kill()
    assert desk.everything() != before
    desk.person.orchestra("agents", "check", "plain")
    desk.is_as(before)
