"""`orchestra doctor` on real machines: with an engine and without, behind a firewall, with and without a login."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestra.drivers.sandbox.docker_config import HOME
from orchestra.drivers.sandbox.docker_networks import bridge_name
from tests.support.person import Person, arriving, eventually

BASE = "debian:bookworm-slim"
LOGIN = "CLAUDE_CODE_OAUTH_TOKEN"


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with arriving(tmp_path_factory.mktemp("doctor") / "person") as someone:
        someone.orchestra("image", "build", "rehearsal", deadline=900)
        yield someone


def told(person: Person, *, code: int, **settings: str) -> dict[str, dict[str, Any]]:
    """Ask the doctor, see that nothing stays of that, and return the findings by what was checked."""
    asking = replace(person, settings={**person.settings, **settings})
    before = everything(person)
    done = asking.orchestra("doctor", "--json", check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert everything(person) - before == set()
    return {one["check"]: one for one in json.loads(done.stdout)}


def everything(person: Person) -> set[str]:
    """Return all that the person's home, repository and engine have of theirs; a service at work has lock files."""
    places = (person.home.root, person.place / "run", person.repository)
    files = [
        str(file)
        for place in places
        for file in place.rglob("*")
        if "state.db-" not in file.name and file.suffix != ".lock"
    ]
    return {*files, *(name for kind in ("container", "network") for name in person.engine(kind))}


@pytest.mark.docker
def test_where_all_is_well_it_has_tried_all(person: Person) -> None:
    found = told(person, code=0)
    wanted = ("tmux", "git", "locale", "docker engine", "disk", "repository", "agent rehearsal", "image", "leftovers")
    assert [one for one in (*wanted, "way to Orchestra", "commit", "service") if one not in found] == []
    assert "containers can reach this machine at" in found["way to Orchestra"]["detail"]
    assert "arrived in the repository" in found["commit"]["detail"]
    assert not any(one["repair"] for one in found.values())


@pytest.mark.docker
def test_a_service_that_runs_is_what_the_container_tries_to_reach(person: Person) -> None:
    person.orchestra("up", "--detach")
    person.waits_for("main", "idle")
    try:
        found = {one["check"]: one for one in person.json("doctor")}
    finally:
        person.orchestra("down", "--stop")
    port = found["service"]["detail"].rpartition(" ")[2]
    assert found["way to Orchestra"]["detail"].endswith(f":{port}")
    assert found["leftovers"]["repair"] == ""


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
def test_a_firewall_is_told_with_the_command_that_opens_it(person: Person) -> None:
    with walled(person) as interface:
        found = told(person, code=1)
    way = found["way to Orchestra"]
    assert (way["well"], "a firewall blocks them" in way["detail"], interface in way["repair"]) == (False, True, True)
    assert found["commit"]["well"]


def behind_a_proxy(person: Person, place: Path, address: str) -> Person:
    """Return the person with a proxy in Docker's configuration, as its manual says."""
    place.mkdir()
    proxy = {"httpProxy": address, "httpsProxy": address, "noProxy": "localhost,127.0.0.1"}
    (place / "config.json").write_text(json.dumps({"proxies": {"default": proxy}}))
    return replace(person, settings={**person.settings, "DOCKER_CONFIG": str(place)})


@pytest.mark.docker
def test_behind_a_proxy_an_agent_reaches_orchestra_without_it(person: Person, tmp_path: Path) -> None:
    asking = behind_a_proxy(person, tmp_path / "docker", "http://192.0.2.1:3128")
    found = told(asking, code=0)
    assert "containers use http://192.0.2.1:3128" in found["proxy"]["detail"]
    assert found["way to Orchestra"]["well"]
    checked = json.loads(asking.orchestra("agents", "check", "rehearsal", "--json").stdout)
    assert next(one for one in checked if one["check"] == "orchestra")["well"]


@pytest.mark.docker
def test_a_proxy_at_a_container_s_own_address_is_told(person: Person, tmp_path: Path) -> None:
    found = told(behind_a_proxy(person, tmp_path / "docker", "http://127.0.0.1:9"), code=1)
    assert not found["proxy"]["well"]
    assert "config.json" in found["proxy"]["repair"]


@pytest.mark.docker
def test_an_image_in_which_no_agent_could_work_is_told(person: Person) -> None:
    found = told(person, code=1, ORCHESTRA_IMAGE=BASE)
    assert found["container"]["detail"] == f"the image {BASE} lacks git or python3"


@pytest.mark.docker
def test_before_the_first_build_it_names_the_command_and_is_content(person: Person) -> None:
    found = told(person, code=0, ORCHESTRA_SETUP="true # never built")
    assert "orchestra image build" in found["image"]["repair"]
    assert found["commit"]["well"], "the layer below it is there to try"


def test_the_usual_agent_needs_a_login_and_the_others_do_not(person: Person, tmp_path: Path) -> None:
    none = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    usual = told(person, code=1, ORCHESTRA_AGENT="claude", **none)["agent claude"]
    assert (usual["well"], f"{person.home.secrets}/ANTHROPIC_API_KEY" in usual["repair"]) == (False, True)
    with_one = told(person, code=1, ORCHESTRA_AGENT="claude", CLAUDE_CODE_OAUTH_TOKEN="a-token", **none)
    assert with_one["agent claude"]["detail"].endswith(f"login: {LOGIN} (environment)")
    assert with_one["agent claude"]["well"]
    other = told(person, code=1, **none)["agent claude"]
    assert (other["well"], other["note"], other["repair"]) == (True, True, "")


def test_without_an_engine_only_the_engine_is_wrong(person: Person, tmp_path: Path) -> None:
    found = told(person, code=1, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert [name for name, one in found.items() if not one["well"]] == ["docker engine"]
    assert found["docker engine"]["repair"].endswith("orchestra up --sandbox host")


def test_an_engine_that_never_answers_does_not_hold_it_up(person: Person, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        found = told(person, code=1, DOCKER_HOST=f"unix://{tmp_path}/s")
    assert "did not answer in time" in found["docker engine"]["detail"]


@pytest.mark.docker
def test_a_container_whose_session_is_gone_is_named_and_gc_takes_it(person: Person) -> None:
    tag = person.home.tag
    name = f"orchestra-{tag}-gone-a-session"
    person.run("docker", "run", "-d", "--name", name, "--label", f"{HOME}={tag}", BASE, "sleep", "300")
    found = told(person, code=0)["leftovers"]
    assert (found["well"], name in found["detail"], found["repair"]) == (True, True, "orchestra gc --yes")
    person.orchestra("gc", "--yes")
    assert name not in person.engine("container")


def answering(person: Person, answer: str) -> str:
    """Let the doctor repair what it finds, give each question the same answer, and return what it printed."""
    words = person.command("doctor", "--fix")
    done = subprocess.run(
        words, cwd=person.repository, env=person.environment, input=answer * 9, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    return f"{done.stdout}{done.stderr}"


@pytest.mark.docker
def test_the_doctor_repairs_what_a_command_can_and_only_after_a_yes(person: Person) -> None:
    tag = person.home.tag
    name = f"orchestra-{tag}-gone-a-session"
    person.run("docker", "run", "-d", "--name", name, "--label", f"{HOME}={tag}", BASE, "sleep", "300")
    assert "Run: orchestra gc --yes" in answering(person, "n\n")
    assert name in person.engine("container")
    assert "Run: orchestra gc --yes" in answering(person, "")
    assert name in person.engine("container")
    shown = answering(person, "y\n")
    assert name not in person.engine("container")
    assert "no containers of deleted sessions" in shown
    assert "there is nothing that a command could repair" in answering(person, "y\n")


@pytest.mark.docker
def test_what_another_project_of_the_home_runs_is_no_leftover(person: Person) -> None:
    other = person.place / "other"
    person.git("clone", "-q", str(person.repository), str(other))
    up = person.run(*person.command("up", "--detach"), cwd=other, deadline=120)
    try:
        assert up.returncode == 0, up.stderr
        eventually(lambda: person.run("docker", "ps", "-q", "--filter", "name=other-main").stdout, what="it runs")
        (left,) = [one for one in person.json("doctor") if one["check"] == "leftovers"]
        assert (left["well"], left["repair"]) == (True, "")
    finally:
        person.run(*person.command("down", "--stop"), cwd=other, deadline=120)


def test_a_terminal_that_shows_no_utf8_inside_tmux_is_told(person: Person, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ask = f"DOCKER_HOST=unix://{tmp_path}/none.sock {' '.join(person.command('doctor', '--json'))} >{out}; sleep 60"
    person.opens(f"LC_ALL=C LANG=C exec tmux -L plain -f /dev/null new-session 'export LC_ALL=C.UTF-8; {ask}'")
    try:
        found = eventually(read(out), what="the doctor has spoken")
    finally:
        person.tmux("kill-server", server="plain")
        person.closes_the_terminal()
    (tmux,) = [one for one in found if one["check"] == "tmux"]
    assert (tmux["well"], "tmux -u attach" in tmux["repair"]) == (False, True)


def read(file: Path) -> Callable[[], list[dict[str, Any]]]:
    """Return a look at JSON that is being written."""

    def look() -> list[dict[str, Any]]:
        with suppress(OSError, ValueError):
            found: list[dict[str, Any]] = json.loads(file.read_text())
            return found
        return []

    return look


def test_outside_a_repository_it_checks_the_machine(person: Person) -> None:
    done = person.run(*person.command("doctor"), cwd=person.place)
    assert done.returncode == 1
    assert "✓ tmux" in done.stdout
    assert "is not inside a git repository" in " ".join(done.stdout.split())
