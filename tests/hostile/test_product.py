"""An executor that attacks with all it has from inside its container, while the person uses every command."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from orchestra import safe_files
from tests.support.person import OWN, Person, arriving, eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ATTACK = Path(__file__).with_name("attack.py")
PATIENCE = 120.0
"""Seconds that a command may take on what the attacker left."""
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_OURS = ("orchestra-id", "refs/orchestra/", "refs/heads/orchestra/", "logs/refs/heads/orchestra/",
         "logs/refs/orchestra/", "objects/", "worktrees/", "info/exclude", "packed-refs")  # fmt: skip


def contents(directory: Path) -> dict[str, str]:
    """Return what every file below a directory holds, as a hash, and where every link leads."""
    found = {}
    for base, _, names in os.walk(directory):
        for name in names:
            path = Path(base, name)
            told = str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(directory))] = told
    return found


@dataclass(frozen=True)
class Scene:
    """A person whose executor ``evil`` has finished setting its traps, and ``bystander`` who listens on a port."""

    person: Person
    before: dict[str, str]

    @property
    def canary(self) -> Path:
        """The file that anything of the attacker's makes when it runs on the host."""
        return self.person.place / "canary"

    @property
    def victim(self) -> Path:
        """A directory of the person's that the attacker's links lead to."""
        return self.person.place / "victim"

    @property
    def git(self) -> Path:
        """The host's own git directory."""
        return self.person.repository / ".git"

    @cached_property
    def report(self) -> dict[str, Any]:
        """What the attacker says about its attempts."""
        homes = self.person.home.root.glob("projects/tempo/sessions/*-evil/home/report.json")
        found: dict[str, Any] = json.loads(next(homes).read_text())
        return found

    def unharmed(self) -> None:
        """See that nothing ran, and that everything of the person's is as it was."""
        assert not self.canary.exists()
        assert contents(self.victim) == {"precious.txt": hashlib.sha256(b"precious\n").hexdigest()}
        after = contents(self.git)
        foreign = {path for path in after | self.before if not path.startswith(_OURS)}
        changed = {path for path in foreign if after.get(path) != self.before.get(path)}
        assert not changed
        lost = {path for path in self.before if path.startswith("objects/") and after.get(path) != self.before[path]}
        assert not lost


def set_up(person: Person) -> Scene:
    """Give the person the attacker's profile and all that the attack is aimed at."""
    agents = person.home.agents
    agents.mkdir(parents=True)
    scene = Scene(person, {})
    shutil.copy(ATTACK, agents / "attack.py")
    words = ["python3", "/orchestra/attack.py", str(scene.canary), str(person.repository), str(scene.victim)]
    (agents / "evil.yaml").write_text(f"family: plain\nfiles: {{attack.py: attack.py}}\ncommand: {json.dumps(words)}\n")
    (agents / "listening.yaml").write_text("family: plain\ncommand: [python3, -m, http.server, '8000']\n")
    (agents / "quiet.yaml").write_text("family: plain\ncommand: [sleep, '3600']\n")
    scene.victim.mkdir()
    (scene.victim / "precious.txt").write_text("precious\n")
    bite = person.place / "bite"
    bite.write_text(f"#!/bin/sh\ntouch {scene.canary}; cat\n")
    bite.chmod(0o755)
    for kind, part in (("filter", "clean"), ("filter", "smudge"), ("diff", "textconv"), ("merge", "driver")):
        person.git("config", "--global", f"{kind}.evil.{part}", str(bite))
    return scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with arriving(tmp_path_factory.mktemp("hostile") / "person", ORCHESTRA_AGENT="quiet") as person:
        set_up(person)
        before = contents(person.repository / ".git")
        person.orchestra("up", "--detach")
        person.orchestra("new", "bystander", "--agent", "listening")
        person.orchestra("new", "evil", "--agent", "evil")
        report = "projects/tempo/sessions/*-evil/home/report.json"
        eventually(lambda: list(person.home.root.glob(report)), within=180, what="the attacker is done")
        yield Scene(person, before)


def test_inside_nothing_of_orchestra_s_or_of_the_host_s_can_be_changed_or_seen(scene: Scene) -> None:
    refused = {name: came for name, came in scene.report.items() if name.startswith(("pointer", "write", "read"))}
    assert len(refused) == 17
    assert scene.report["own file"] is True
    assert {name: came for name, came in refused.items() if not str(came).startswith("stopped")} == {}


def test_inside_no_call_beyond_an_executor_s_own_is_answered(scene: Scene) -> None:
    calls = {name: came for name, came in scene.report.items() if name.startswith("call")}
    assert {calls.pop(f"call: token {name}") for name in ("none", "garbage", "long")} <= {"http 401", "http 431"}
    assert set(calls.values()) == {"refused"}, calls
    assert scene.report["flood: too large"] != "done"
    names = {row["name"]: row["state"] for row in scene.person.json("list")}
    assert names.keys() == {"main", "bystander", "evil"}
    assert "stopped" not in names.values()


def test_inside_no_engine_and_no_other_container_is_reached(scene: Scene) -> None:
    """The listener can be reached: from the host."""
    box = scene.person.json("show", "bystander")["container"]
    address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    found = scene.person.run("docker", "inspect", "--format", address, box).stdout.strip()
    with urllib.request.urlopen(f"http://{found}:8000/", timeout=60) as answer:
        assert answer.status == 200
    told = {name: scene.report[name] for name in ("engine sockets", "others reached", "doors of the engine")}
    assert told == {name: [] for name in told}


def test_a_flood_is_kept_within_bounds_and_named_after_its_sender(scene: Scene) -> None:
    letters = [one for one in scene.person.json("inbox", "main") if one["sender"] == "evil"]
    assert len(letters) == scene.report["flood"] > 0
    assert not any(_STEERING.search(one["text"]) for one in letters)


LOOKS: tuple[tuple[str, ...], ...] = (
    ("list",), ("list", "--json"), ("show", "evil"), ("show", "evil", "--json"), ("log", "evil"), ("monitor",),
    ("monitor", "evil"), ("monitor", "--json"), ("diff", "evil", "--stat"), ("diff", "main", "--stat"), ("inbox",),
    ("inbox", "main"), ("inbox", "--json"), ("spec", "evil", "--path"), ("gc",), ("agents",), ("doctor",),
    ("wait", "evil", "--for", "done", "--timeout", "1"), ("send", "evil", "stop that"), ("terminal", "evil", "--host"),
    ("merge", "evil"),
)  # fmt: skip


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_every_look_answers_as_text_and_runs_nothing(scene: Scene, words: tuple[str, ...]) -> None:
    done = scene.person.run(*scene.person.command(*words), deadline=PATIENCE)
    assert done.returncode in {0, 1}, done.stderr
    shown = done.stdout + done.stderr
    assert "Traceback" not in shown
    assert not _STEERING.search(shown), _STEERING.findall(shown)
    scene.unharmed()


def test_the_diff_shows_what_is_hostile_without_reading_where_links_lead(scene: Scene) -> None:
    command = scene.person.command("diff", "evil")
    done = subprocess.run(
        command,
        cwd=scene.person.repository,
        env=scene.person.environment,
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    assert b"+/etc/passwd" in done.stdout
    assert b"root:" not in done.stdout
    assert b"precious\n" not in done.stdout
    assert b".claude/settings.json" in done.stdout
    scene.unharmed()


def test_the_diff_is_text_where_somebody_looks(scene: Scene) -> None:
    """On a terminal no byte of the attacker's steers it; rich's own colours are all there is."""
    line = f"PAGER=cat {' '.join(scene.person.command('diff', 'evil'))}"
    done = scene.person.run("script", "-qec", line, "/dev/null", deadline=PATIENCE)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).replace("\r\n", "\n")
    assert "passwd" in plain
    assert not _STEERING.search(plain), _STEERING.findall(plain)


def test_the_control_pane_goes_on(scene: Scene) -> None:
    """It shows the attacker, its diff and its monitor, and nobody's title or clipboard is touched."""
    person = scene.person
    panes = person.tmux("list-panes", "-a", "-F", "#{pane_id} #{@orchestra_control}", server=OWN).splitlines()
    pane = next(line.split()[0] for line in panes if " /" in line)
    shown = eventually(lambda: told if "evil" in (told := person.tmux("capture-pane", "-pt", pane, server=OWN)) else "")
    assert "main" in shown
    for key in ("j", "j", "d", "q", "m", "q", "k"):
        person.tmux("send-keys", "-t", pane, key, server=OWN)
        eventually(lambda: person.tmux("capture-pane", "-pt", pane, server=OWN).strip())
    eventually(lambda: "evil" in person.tmux("capture-pane", "-pt", pane, server=OWN))
    titles = person.tmux("list-windows", "-a", "-F", "#{window_name}", server=OWN)
    assert "owned" not in titles
    assert "content" not in person.tmux("show-buffer", server=OWN)
    scene.unharmed()


def test_the_record_of_the_worktree_is_the_host_s(scene: Scene) -> None:
    record = next((scene.git / "worktrees").iterdir()).parent
    known = {"HEAD", "ORIG_HEAD", "commondir", "gitdir", "index", "logs", "refs", "locked"}
    assert {one.name for each in record.iterdir() for one in each.iterdir()} <= known
    assert (record / "evil" / "commondir").read_text() == "../..\n"


def test_its_life_can_be_ended_and_begun_again(scene: Scene) -> None:
    """Stop, resume, delete with the worktree, restore, gc, down and up: all answer, and nothing is harmed."""
    person = scene.person
    tree = Path(person.session("evil")["worktree"])
    person.orchestra("stop", "evil")
    done = person.run(*person.command("delete", "evil"), deadline=PATIENCE)
    # Its branch is where it was imported; what else its broken git may hold cannot be read, is named, and stays.
    assert (done.returncode, "other work in its private git directory stays in" in done.stderr) == (0, True), done
    person.orchestra("restore", "evil")
    for words in (
        ("stop", "evil"), ("diff", "evil", "--stat"), ("resume", "evil"), ("stop", "evil"),
        ("delete", "evil", "--force"), ("gc",), ("restore", "evil"), ("stop", "evil"),
        ("delete", "evil", "--force", "--worktree"),
    ):  # fmt: skip
        done = person.run(*person.command(*words), deadline=PATIENCE)
        assert done.returncode == 0, (words, done.stderr)
        assert not _STEERING.search(done.stdout + done.stderr)
        scene.unharmed()
    assert not tree.exists()
    for words in (("restore", "evil"), ("stop", "evil"), ("down",), ("up", "--detach"), ("list",)):
        done = person.run(*person.command(*words), deadline=PATIENCE)
        assert done.returncode == 0, (words, done.stderr)
        scene.unharmed()
    assert (tree / "to-victim").is_symlink()
    for words in (("delete", "evil", "--force"), ("gc", "--yes"), ("down", "--stop"), ("up", "--detach")):
        done = person.run(*person.command(*words), deadline=PATIENCE)
        assert done.returncode == 0, (words, done.stderr)
        scene.unharmed()
    assert not tree.exists()


def test_settings_seeded_into_an_agent_s_home_follow_no_link_of_its_own(tmp_path: Path) -> None:
    home, victim = tmp_path / "agent", tmp_path / "victim"
    home.mkdir()
    victim.mkdir()
    (home / ".claude").symlink_to(victim)
    (home / "settings.json").symlink_to(victim / "made")
    assert not safe_files.plant(home, ".claude/settings.json", b"x", 0o600)
    assert not safe_files.plant(home, "settings.json", b"x", 0o600)
    assert safe_files.plant(home, "own/deep/settings.json", b"x", 0o600)
    assert list(victim.iterdir()) == []
    assert (home / "own" / "deep" / "settings.json").read_bytes() == b"x"
