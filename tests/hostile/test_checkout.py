"""A designer, then a paired executor, that attacks through the checkout while the person uses every command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.person import Person, arriving, eventually

pytestmark = pytest.mark.docker

ATTACK = Path(__file__).with_name("attack_checkout.py")
SECRET = "hunter2-of-the-person"
THIEF = (
    "mkdir ~/stolen; cp -rL .env conf keys ~/stolen/; grep -rE 'hunter2|ghp_' . ~/stolen >/tmp/found; "
    "cp /tmp/found ~/stolen/; touch ~/ready; exec sleep 3600"
)
USES: tuple[tuple[str, ...], ...] = (
    ("list",), ("show", "bystander"), ("config", "show"), ("agents",), ("spec", "bystander", "--path"),
    ("spec", "main", "--path"), ("diff", "main"), ("doctor",), ("image", "build", "quiet"),
    ("new", "later", "--agent", "thief"), ("merge", "bystander"), ("gc",),
)  # fmt: skip
"""What the person goes on doing; most of it is refused in words, and none of it may run or give away anything."""


@dataclass(frozen=True)
class Scene:
    """A person whose designer or paired executor, as ``role`` says, has done all it can."""

    person: Person
    role: str

    @property
    def canary(self) -> Path:
        """The file that anything of the attacker's makes when it runs on the host."""
        return self.person.place / "canary"

    @property
    def dotfiles(self) -> Path:
        """The person's home, where their secrets are."""
        return self.person.place / "home"

    def outcome(self) -> dict[str, str]:
        """Return what the attacker says it did."""
        found = next(self.person.home.root.glob("projects/tempo/sessions/*/home/report.json"))
        said: dict[str, str] = json.loads(found.read_text())
        return said

    def unharmed(self) -> None:
        """See that nothing ran, that the person's files are as they were, and that no agent holds their secrets."""
        assert not self.canary.exists()
        for name in (".bashrc", ".ssh/id_rsa"):
            assert (self.dotfiles / name).read_text() == f"# {SECRET}\n"
        assert "ghp_TOKEN" in (self.person.repository / ".git" / "config").read_text()
        assert not (self.person.repository / ".git" / "commondir").exists()
        assert self.given_away() == []

    def given_away(self) -> list[str]:
        """Return the files that hold the person's secret, or the host's own git settings, where an agent can read."""
        places = (*self.person.home.root.glob("projects/tempo/sessions/*"), self.person.home.root / "worktrees")
        marks = ("-e", SECRET, "-e", "ghp_TOKEN")
        # Symlinks are not followed: what one leads to on the host, a container has not got.
        words = ("grep", "-rlI", "-D", "skip", "--exclude-dir=agent", *marks, *map(str, places))
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False).stdout.split()


@pytest.fixture(scope="module", params=["designer", "executor"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    place = tmp_path_factory.mktemp("checkout") / "person"
    with arriving(place, ORCHESTRA_AGENT="quiet", EDITOR="true") as person:
        made = Scene(person, request.param)
        prepare(made)
        if made.role == "designer":
            person.orchestra("up", "--detach", "--agent", "evil")
        else:
            person.orchestra("up", "--detach")
            person.orchestra("new", "bystander")
            person.orchestra("new", "evil", "--agent", "evil", "--paired")
        report = "projects/tempo/sessions/*/home/report.json"
        eventually(lambda: list(person.home.root.glob(report)), within=240, what="the attacker is done")
        yield made


def prepare(scene: Scene) -> None:
    """Give the person secrets, and the profiles that the attack is played by."""
    person, agents = scene.person, scene.person.home.agents
    agents.mkdir(parents=True)
    (agents / "attack.py").write_bytes(ATTACK.read_bytes())
    words = ("python3", "/orchestra/attack.py", scene.role, person.repository, scene.dotfiles, scene.canary)
    command = json.dumps([str(word) for word in words])
    (agents / "evil.yaml").write_text(f"command: {command}\nfiles: {{attack.py: attack.py}}\n")
    (agents / "quiet.yaml").write_text("command: [sleep, '3600']\n")
    (agents / "thief.yaml").write_text(f"command: [sh, -c, {json.dumps(THIEF)}]\n")
    person.home.config.write_text("copy: [.env, conf, keys, 'conf/*']\n")
    for name in (".bashrc", ".ssh/id_rsa"):
        (scene.dotfiles / name).parent.mkdir(exist_ok=True)
        (scene.dotfiles / name).write_text(f"# {SECRET}\n")
    person.git("remote", "add", "origin", "https://me:ghp_TOKEN@example.invalid/x.git")


def test_every_attack_was_tried(scene: Scene) -> None:
    assert len(scene.outcome()) >= (7 if scene.role == "designer" else 5)
    assert not [came for came in scene.outcome().values() if "NameError" in came or "TypeError" in came]


@pytest.mark.parametrize("words", USES, ids=" ".join)
def test_the_person_goes_on_and_is_not_harmed(scene: Scene, words: tuple[str, ...]) -> None:
    """Each command answers in words and in time; then the person looks around in their checkout."""
    person = scene.person
    done = person.run(*person.command(*words), deadline=180)
    assert done.returncode in {0, 1, 2}, done.stderr
    # Where it stands in a diff or a question it was not run.
    assert "EVIL-LAYER" not in (done.stdout + done.stderr).splitlines()
    person.git("status")
    person.git("diff", "--stat")
    assert person.run("sh", "-ic", "ls -la . .orchestra >/dev/null").returncode == 0
    scene.unharmed()


def test_the_thief_got_nothing(scene: Scene) -> None:
    """A session that is there to look at what was copied finds none of it, and the person was told."""
    person = scene.person
    done = person.orchestra("new", "burglar", "--agent", "thief")
    for name in (
        ".env is in git's own directory",
        "conf leads out of the project",
        "keys/key leads out of the project",
    ):
        assert f"not copied: {name}" in done.stdout + done.stderr
    homes = "projects/tempo/sessions/*-burglar/home"
    eventually(lambda: list(person.home.root.glob(f"{homes}/ready")), what="the thief has looked")
    assert next(person.home.root.glob(f"{homes}/stolen/found")).read_text() == ""
    scene.unharmed()


def test_limits_and_images_are_the_person_s(scene: Scene) -> None:
    name = f"orchestra-{scene.person.home.tag}-tempo-bystander"
    form = "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}"
    assert scene.person.run("docker", "inspect", "-f", form, name).stdout.split() == [str(4 << 30), "512"]


def test_what_is_asked_for_is_shown_and_not_allowed_by_itself(scene: Scene) -> None:
    """A pipe or an endless file among it is told in words; without it, every value is shown."""
    person = scene.person
    stuck = person.run(*person.command("allow"), deadline=120)
    assert (stuck.returncode, "pipe" in stuck.stderr or "holds more than" in stuck.stderr) == (1, True), stuck
    for name in ("instructions/instead/pipe", "agents/pipe", "agents/sparse"):
        (person.repository / ".orchestra" / name).unlink()
    shown = person.run(*person.command("allow"), deadline=120)
    assert shown.returncode == 1
    for part in (
        str(scene.canary),
        'prefix_key: "d"',
        "RUN echo EVIL-LAYER; sh /x.sh",
        "quiet.yaml",
        f"{scene.dotfiles}/.bashrc",
    ):
        assert part in shown.stdout
    scene.unharmed()
