"""What can be wrong before anything is up: the place, the settings, the machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.journeys.conftest import Arrive
from tests.support.person import OWN, Person, eventually
from tests.support.refusals import REFUSED, USAGE, made, settle_in, told

pytestmark = pytest.mark.docker


@pytest.fixture
def newcomer(arrive: Arrive) -> Person:
    """A person who has not started anything yet."""
    return settle_in(arrive(ORCHESTRA_AGENT="quiet"))


def no_trace(person: Person) -> None:
    """See that a refused start left no session, window, container, branch or worktree."""
    left = made(person)
    assert left["refs"] == [f"refs/heads/main {person.git('rev-parse', 'main')}"]
    assert [left[part] for part in ("directories", "containers", "windows", "files")] == [[], [], [], []]
    assert len(left["worktrees"]) == 1
    assert person.json("list") == []


def test_a_question_that_nobody_answers_is_a_no(newcomer: Person) -> None:
    own = newcomer.repository / ".orchestra" / "config.yaml"
    own.parent.mkdir()
    own.write_text("check: make evil\n")
    message, hint = told(newcomer.orchestra("allow", check=False), REFUSED)
    assert message == "nothing was allowed"
    assert "until you allow them" in hint


def test_an_empty_list_says_how_to_begin(newcomer: Person) -> None:
    assert newcomer.orchestra("list").stdout == "there are no sessions yet; to begin, type: orchestra up\n"


def test_where_there_is_no_repository(newcomer: Person) -> None:
    empty = newcomer.place / "empty"
    newcomer.run("git", "init", "-q", str(empty))
    newcomer.run("git", "init", "-q", "--bare", str(newcomer.place / "bare"))
    for where, said, then in (
        (newcomer.place, "is not inside a git repository", "git init"),
        (newcomer.place / "bare", "is a bare repository", "clone it"),
        (empty, "has no commit yet", "git commit --allow-empty"),
    ):
        for words in (("up", "--detach"), ("new", "x"), ("list",)):
            if words == ("list",) and where == empty:
                continue
            message, hint = told(newcomer.run(*newcomer.command(*words), cwd=where), REFUSED)
            assert (said in message, then in hint) == (True, True), (message, hint)
    assert newcomer.tmux("list-sessions", server=OWN) == ""
    typed = told(newcomer.run(*newcomer.command("up", "--detach"), cwd=empty), REFUSED)[1].partition(": ")[2]
    assert newcomer.run("sh", "-c", typed, cwd=empty).returncode == 0
    assert newcomer.run(*newcomer.command("up", "--detach"), cwd=empty).returncode == 0
    newcomer.run(*newcomer.command("down", "--stop"), cwd=empty)


BROKEN = (
    ("sandbx: host", "there is no setting 'sandbx'", "did you mean sandbox?"),
    ("sandbox: [a", "line 1: expected", "one key on each line"),
    ("max_sessions: many", "max_sessions must be a whole number", "correct max_sessions"),
    ("sandbox: moon", "sandbox must be", "correct sandbox"),
    ("- a", "must hold keys and values", "one key on each line"),
    ("\udcff\udcfe", "cannot be read", "UTF-8"),
)


def test_broken_settings_are_named_with_their_file(newcomer: Person) -> None:
    own = newcomer.repository / ".orchestra" / "config.yaml"
    own.parent.mkdir()
    for file in (newcomer.home.config, own):
        for text, said, then in BROKEN:
            file.write_bytes(text.encode("utf-8", "surrogateescape"))
            message, hint = told(newcomer.orchestra("up", "--detach", check=False), USAGE)
            assert (str(file) in message, said in message, then in hint) == (True, True, True), (message, hint)
            # What only shows goes on, with the same words as a warning.
            shown = newcomer.orchestra("config", "show")
            assert (str(file) in shown.stderr, said in shown.stderr) == (True, True), shown.stderr
        file.unlink()
    own.parent.rmdir()
    no_trace(newcomer)


def test_broken_profiles_are_named_with_their_file(newcomer: Person) -> None:
    file = newcomer.home.agents / "mine.yaml"
    for text, said in (("comand: [a]", "no key 'comand'"), ("command: 5", "must be a list"), ("{", "line 1: expected")):
        file.write_text(text)
        for words in (("up", "--detach", "--agent", "mine"), ("new", "x", "--agent", "mine")):
            message, _ = told(newcomer.orchestra(*words, check=False), USAGE)
            assert (str(file) in message, said in message) == (True, True), message
    no_trace(newcomer)


def test_wrong_variables_are_named(newcomer: Person) -> None:
    for name, value, said in (("ORCHESTRA_SANDBOX", "moon", "moon"), ("ORCHESTRA_SANDBX", "host", "not a setting")):
        odd = replace(newcomer, settings={**newcomer.settings, name: value})
        message, _ = told(odd.orchestra("up", "--detach", check=False), USAGE)
        assert (name in message, said in message) == (True, True), message
    no_trace(newcomer)


def dead(person: Person) -> str:
    """Return the address of a socket that nobody answers any more."""
    place = person.place / "run" / "dead.sock"
    with socket.socket(socket.AF_UNIX) as link:
        link.bind(str(place))
    return f"unix://{place}"


def unprivileged(*words: str) -> tuple[str, ...]:
    """Take root's right to ignore permissions away, where root runs the tests."""
    if os.getuid() != 0:
        return words
    return ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", *words)


def test_without_an_engine_it_says_what_else_there_is(newcomer: Person) -> None:
    """The hint for agents without containers works as it stands, and so does the engine once it is back."""
    for address in (dead(newcomer), "tcp://127.0.0.1:1", f"unix://{newcomer.place}/none.sock"):
        without = replace(newcomer, settings={**newcomer.settings, "DOCKER_HOST": address})
        message, hint = told(without.orchestra("up", "--detach", check=False), REFUSED)
        assert "no Docker engine is running" in message
        assert hint.endswith("orchestra up --sandbox host")
        assert newcomer.tmux("list-sessions", server=OWN) == ""
    no_trace(newcomer)
    newcomer.orchestra("up", "--detach")
    assert newcomer.session("main")["sandbox"] == "docker"


def test_an_engine_that_may_not_be_used_is_told_from_one_that_is_down(newcomer: Person) -> None:
    address = dead(newcomer)
    Path(address.removeprefix("unix://")).chmod(0)
    without = replace(newcomer, settings={**newcomer.settings, "DOCKER_HOST": address})
    done = without.run(*unprivileged(*without.command("up", "--detach")))
    message, hint = told(done, REFUSED)
    assert ("no permission to use the Docker engine" in message, "usermod -aG docker" in hint) == (True, True)
    no_trace(newcomer)


def programs(person: Person, *, without: str = "", old: str = "", version: str = "") -> Person:
    """Return the person with a PATH that lacks a program, or has an old one first."""
    place = person.place / f"bin-{without}-{old}"
    place.mkdir()
    for name in ("git", "tmux", "sh", "env", "docker", "sleep", "cat"):
        if name != without:
            (place / name).symlink_to(shutil.which(name) or name)
    if old:
        (place / old).unlink()
        (place / old).write_text(
            f'#!/bin/sh\ncase "$1" in -V|--version) echo "{version}"; exit;; esac\nexec {shutil.which(old)} "$@"\n'
        )
        (place / old).chmod(0o755)
    return replace(person, settings={**person.settings, "PATH": str(place)})


@pytest.mark.parametrize("name", ["git", "tmux"])
def test_a_missing_or_old_program_is_named(newcomer: Person, name: str) -> None:
    lacking = programs(newcomer, without=name)
    message, hint = told(lacking.orchestra("up", "--detach", check=False), REFUSED)
    assert (f"`{name}` is not installed" in message, "install" in hint) == (True, True)
    dated = programs(newcomer, old=name, version={"git": "git version 2.30.2", "tmux": "tmux 2.9a"}[name])
    message, hint = told(dated.orchestra("up", "--detach", check=False), REFUSED)
    assert ("is too old" in message, "or newer" in hint) == (True, True), (message, hint)
    findings = {row["check"]: row["well"] for row in dated_findings(dated)}
    assert (findings[name], findings["disk"]) == (False, True)
    no_trace(newcomer)


def dated_findings(person: Person) -> list[dict[str, object]]:
    """Return what doctor says; it ends with 1 where something is wrong."""
    found: list[dict[str, object]] = json.loads(person.orchestra("doctor", "--json", check=False).stdout)
    return found


@pytest.mark.parametrize("size", ["16k", "8m"])
def test_a_full_disk_refuses_before_anything_is_made(arrive: Arrive, size: str) -> None:
    person = arrive()
    person.home.root.mkdir()
    space = ("unshare", "--mount", *(() if os.getuid() == 0 else ("--map-root-user",)))
    mount = f'mount -t tmpfs -o size={size} tmpfs "$0" && "$@"; code=$?; "$1" -m orchestra down --stop >/dev/null 2>&1'
    words = (*space, "sh", "-c", f"{mount}; exit $code", str(person.home.root), *person.command("up", "--detach"))
    message, hint = told(person.run(*words), REFUSED)
    assert ("disk" in message, "free some space" in hint) == (True, True), (message, hint)
    no_trace(person)


def test_a_home_that_cannot_be_written_is_told(newcomer: Person) -> None:
    shutil.rmtree(newcomer.home.root)
    newcomer.home.root.mkdir(mode=0o555)
    done = newcomer.run(*unprivileged(*newcomer.command("up", "--detach")))
    newcomer.home.root.chmod(0o755)
    message, hint = told(done, REFUSED)
    assert (str(newcomer.home.root) in message, "permission" in hint) == (True, True), (message, hint)
    no_trace(newcomer)


def test_a_home_that_is_a_file_is_told(newcomer: Person) -> None:
    shutil.rmtree(newcomer.home.root)
    newcomer.home.root.write_text("")
    message, _ = told(newcomer.orchestra("up", "--detach", check=False), REFUSED)
    newcomer.home.root.unlink()
    assert str(newcomer.home.root) in message


ODD = "odd $(touch x) `id` 'q' \"d\" #{pid} #(id) ünï ☃ %s , = ; &"


def test_names_of_directories_may_hold_anything(arrive: Arrive) -> None:
    """Project and home with spaces, quotes, shell and tmux syntax: up, new, commit, merge, delete, restore."""
    usual = settle_in(arrive(ORCHESTRA_AGENT="quiet"))
    source = usual.place / ODD
    home = usual.place / "orchestra home ünï '$(touch y)'"
    usual.git("clone", "--quiet", str(usual.repository), str(source))
    shutil.copytree(usual.home.root, home)
    person = replace(usual, settings={**usual.settings, "ORCHESTRA_HOME": str(home)})

    def say(*words: str) -> str:
        done = person.run(*person.command(*words), cwd=source)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    try:
        say("up", "--detach")
        tree = Path(json.loads(say("new", "Odd place", "--json"))["worktree"])
        say("terminal", "odd-place", "--host")
        say("terminal", "odd-place")
        box = json.loads(say("show", "odd-place", "--json"))["container"]
        script = "echo 1 >one && git add one && git commit -qm one"
        done = person.run("docker", "exec", "-w", str(tree), box, "sh", "-c", script)
        assert done.returncode == 0, done.stderr
        say("merge", "odd-place")
        assert (source / "one").is_file()
        say("delete", "odd-place", "--force", "--worktree")
        say("restore", "odd-place")
        eventually(lambda: "main" in person.tmux("capture-pane", "-p", "-t", control(person), server=OWN))
        # Walked this way, for the service may take its own temporary directories away meanwhile.
        walked = (names for root in (source, home) for _, *both in os.walk(root) for names in both)
        assert not {"x", "y"} & {name for names in walked for name in names}
    finally:
        say("down", "--stop")
        say("gc", "--everything", "--yes")


def control(person: Person) -> str:
    """Return the id of the control pane."""
    panes = person.tmux("list-panes", "-a", "-F", "#{pane_id}#{@orchestra_control}", server=OWN).splitlines()
    return next(line.partition("/")[0] for line in panes if "/" in line)


def test_two_that_start_at_once_make_one(newcomer: Person) -> None:
    words = newcomer.command("up", "--detach")
    begun = [
        subprocess.Popen(words, cwd=newcomer.repository, env=newcomer.environment, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    ends = [(one.communicate(timeout=90)[1], one.returncode) for one in begun]
    assert [code for _, code in ends] == [0, 0, 0], ends
    assert [row["name"] for row in newcomer.json("list")] == ["main"]
    assert len(newcomer.engine("container")) == 1
    # What it is about to run has its command line for a moment.
    eventually(lambda: len(newcomer.processes("orchestra.service")) == 1, what="there is one service")
    eventually(lambda: newcomer.processes("orchestra", "control"), what="a control pane")
    panes = newcomer.tmux("list-panes", "-a", "-F", "#{@orchestra_session}#{@orchestra_control}", server=OWN)
    assert len(panes.split()) == 2, panes
