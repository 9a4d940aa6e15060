"""Canary secrets are handed to agents, and then looked for everywhere else that a person or a program can read."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.person import OWN, Person, arriving, eventually

pytestmark = pytest.mark.docker

VARIABLE, FROM_FILE, EXTRA = "canary-7f3a-variable", "canary-7f3a-file", "canary-7f3a-extra"
EMPTY = b"(an empty file)"
PROFILE = """
family: plain
install: ["echo secrets-test > /secrets-test"]
credentials: [SOME_API_KEY, OTHER_API_KEY]
command: [sh, -c, "printenv SOME_API_KEY OTHER_API_KEY EXTRA_KEY >$HOME/seen; echo ready; exec sleep 3600"]
"""
AGENTS = ("main", "worker")


@dataclass(frozen=True)
class Handed:
    """A person whose agents have been given secrets; ``secrets`` holds each by what it is."""

    person: Person
    secrets: dict[str, bytes]

    def found_in(self, *texts: bytes) -> list[str]:
        """Return which secrets are in any of the texts; there must be something to look at."""
        assert any(texts)
        return [name for name, secret in self.secrets.items() if any(secret in text for text in texts)]

    def said(self, *words: str) -> bytes:
        """Return all that a program prints."""
        done = subprocess.run(words, capture_output=True, timeout=60, check=True, env=self.person.environment)
        return done.stdout + done.stderr

    @property
    def boxes(self) -> list[str]:
        """The names of the containers."""
        return [self.person.json("show", name)["container"] for name in AGENTS]


def place(person: Person, name: str) -> Path:
    """Return where a session's things are."""
    return next((person.home.root / "projects" / "tempo" / "sessions").glob(f"*-{name}"))


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    given = {"ORCHESTRA_AGENT": "keyed", "SOME_API_KEY": VARIABLE, "EXTRA_KEY": EXTRA}
    with arriving(tmp_path_factory.mktemp("secrets") / "person", **given) as person:
        person.home.agents.mkdir(parents=True)
        (person.home.agents / "keyed.yaml").write_text(PROFILE)
        person.home.config.write_text("credentials: [EXTRA_KEY]\n")
        person.home.secrets.mkdir()
        (person.home.secrets / "OTHER_API_KEY").write_text(f"{FROM_FILE}\n")
        person.orchestra("up", "--detach")
        person.orchestra("new", "worker", "--task", "do nothing")
        eventually(lambda: all((place(person, name) / "home" / "seen").exists() for name in AGENTS), within=60)
        for words in (("list",), ("show", "worker"), ("log", "worker"), ("stop", "worker")):
            person.orchestra(*words)
        # What it was given is gone with it; it gets a token of its own when it starts again.
        assert [path.parent.name for path in (person.place / "run").rglob("token")] == ["1-main"]
        person.orchestra("resume", "worker")
        tokens = {f"token of {path.parent.name}": path.read_bytes() for path in (person.place / "run").rglob("token")}
        assert len(tokens) == len(AGENTS)
        keys = {"variable": VARIABLE.encode(), "file": FROM_FILE.encode(), "extra": EXTRA.encode()}
        handed = Handed(person, keys | tokens)
        (place(person, "worker") / "home" / "other").write_text("the agent's own")
        tags = [row["tag"] for row in person.json("image", "list") if "profile-keyed" in row["tag"]]
        yield handed
    subprocess.run(("docker", "rmi", "--force", *tags), capture_output=True, timeout=60, check=True)


def test_the_agents_have_them(handed: Handed) -> None:
    """Else every other test here would pass for nothing."""
    for name in AGENTS:
        seen = place(handed.person, name) / "home" / "seen"
        assert eventually(seen.read_text).split() == [VARIABLE, FROM_FILE, EXTRA]


def test_the_engine_shows_none(handed: Handed) -> None:
    shown = [handed.said("docker", "inspect", box) for box in handed.boxes]
    shown += [handed.said("docker", "top", box, "-eo", "pid,args") for box in handed.boxes]
    shown += [handed.said("docker", "ps", "--all", "--no-trunc"), handed.said("docker", "container", "ls", "--all")]
    assert handed.found_in(*shown) == []


def test_no_image_holds_one(handed: Handed, tmp_path: Path) -> None:
    """Neither its history, nor its description, nor the layer that the profile added, nor what a container wrote."""
    image = json.loads(handed.said("docker", "inspect", "--format", "{{json .Config.Image}}", handed.boxes[0]))
    assert "keyed" in image
    described = handed.said("docker", "inspect", image) + handed.said("docker", "history", "--no-trunc", image)
    saved = tmp_path / "image.tar"
    handed.said("docker", "save", "--output", str(saved), image)
    with tarfile.open(saved) as whole:
        layers = json.load(whole.extractfile("manifest.json") or pytest.fail("no manifest"))[0]["Layers"]
        last = (whole.extractfile(layers[-1]) or pytest.fail("no layer")).read()
        files = [
            (whole.extractfile(one) or pytest.fail("no file")).read()
            for one in whole.getnames()
            if one.endswith(".json")
        ]
    assert b"secrets-test" in last
    changed = b"".join(handed.said("docker", "diff", box) for box in handed.boxes)
    assert handed.found_in(described, last, changed, *files) == []


def test_no_list_of_processes_shows_one(handed: Handed) -> None:
    """On the whole host, where a container's processes are seen too."""
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                lines.append((entry / "cmdline").read_bytes())
            except OSError:
                continue
    assert handed.found_in(*lines) == []


def test_no_file_that_outlives_the_machine_s_uptime_holds_one(handed: Handed) -> None:
    """The database, the log, the worktree, the private git: all but the person's own files and the agent's home."""
    allowed = {
        handed.person.home.secrets / "OTHER_API_KEY",
        *(place(handed.person, name) / "home" / "seen" for name in AGENTS),
    }
    roots = (handed.person.home.root, handed.person.repository, handed.person.place / "tmp")
    found = {}
    for root in roots:
        for path in root.rglob("*"):
            if path.is_file() and path not in allowed and (held := handed.found_in(path.read_bytes() or EMPTY)):
                found[str(path)] = held
    assert found == {}
    assert list(handed.person.home.root.rglob("state.db"))
    assert list(handed.person.home.root.rglob("service.log"))


def test_what_holds_them_is_for_this_user_and_this_container_alone(handed: Handed) -> None:
    holders = [path for path in (handed.person.place / "run").rglob("*") if path.is_file() and not path.is_socket()]
    kept = [path for path in holders if handed.found_in(path.read_bytes() or EMPTY)]
    assert len(kept) == len(handed.secrets) - 2 + 3 * len(AGENTS) - 1
    assert {path.stat().st_mode & 0o077 for path in (*kept, *(path.parent for path in kept))} == {0}
    for box, other in zip(handed.boxes, reversed(AGENTS), strict=True):
        seen = handed.said("docker", "exec", box, "sh", "-c", "cat /orchestra/secrets/*; env")
        assert handed.secrets.keys() & set(handed.found_in(seen)) >= {"variable", "file", "extra"}
        assert not [name for name in handed.found_in(seen) if name.startswith("token") and name.endswith(other)]


def test_tmux_shows_none(handed: Handed) -> None:
    tmux = ("tmux", "-L", OWN)
    panes = handed.said(*tmux, "list-panes", "-a", "-F", "#{pane_id}").decode().split()
    shown = [handed.said(*tmux, "capture-pane", "-p", "-S", "-", "-t", pane) for pane in panes]
    shown += [handed.said(*tmux, "show-options", scope) for scope in ("-g", "-s", "-gw")]
    shown += [handed.said(*tmux, "show-options", flag, "-t", pane) for pane in panes for flag in ("-p", "-w")]
    commands = "#{pane_start_command} #{pane_current_command} #{pane_title} #{window_name}"
    shown += [handed.said(*tmux, "list-panes", "-a", "-F", commands), handed.said(*tmux, "list-keys")]
    shown += [handed.said(*tmux, "show-environment", "-t", pane) for pane in panes]
    assert handed.found_in(*shown) == []


def test_no_answer_of_ours_shows_one(handed: Handed) -> None:
    person = handed.person
    commands = (
        ("list", "--json"), ("show", "worker"), ("show", "worker", "--json"), ("log", "worker"), ("monitor", "--json"),
        ("config", "show"), ("doctor",), ("agents", "--json"), ("diff", "worker"), ("image", "list", "--json"),
    )  # fmt: skip
    shown = [
        (done.stdout + done.stderr).encode() for words in commands if (done := person.orchestra(*words, check=False))
    ]
    made = person.orchestra("new", "another", "--json")
    person.orchestra("delete", "another", "--force", "--worktree")
    assert handed.found_in(*shown, made.stdout.encode()) == []
    assert [key for key in json.loads(made.stdout) if "token" in key] == ["tokens_in", "tokens_out"]


def test_a_key_put_into_the_environment_later_reaches_the_next_agent(handed: Handed) -> None:
    """The service that runs since the first up learns of it with the next."""
    later = replace(handed.person, settings={**handed.person.settings, "SOME_API_KEY": "canary-7f3a-later"})
    later.orchestra("up", "--detach")
    later.orchestra("new", "later")
    seen = eventually(lambda: found.read_text() if (found := place(later, "later") / "home" / "seen").exists() else "")
    assert seen.split()[0] == "canary-7f3a-later"
    later.orchestra("delete", "later", "--force", "--worktree")
