"""Profiles: where they are found, and what is said about wrong ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestra.agents import BUILT_IN, Delivery, load, names
from orchestra.agents.profile import FAMILY_NAMES
from orchestra.agents.registry import FAMILIES
from orchestra.errors import BadConfig, UnknownProfile


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "agents"
    directory.mkdir()
    return directory


def written(place: Path, text: str, name: str = "mine") -> Path:
    file = place / f"{name}.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", sorted(file.stem for file in BUILT_IN.glob("*.yaml")))
def test_every_built_in_profile_can_be_read(name: str) -> None:
    profile = load(name)
    assert profile.name == name
    assert profile.description


def test_the_built_in_profiles_are_the_ones_that_are_promised() -> None:
    assert set(names([])) >= {"claude", "opencode", "plain", "rehearsal"}


def test_every_family_that_a_profile_may_name_exists() -> None:
    assert set(FAMILY_NAMES) == set(FAMILIES)


def test_claude_needs_no_node_and_its_version_is_pinned_once() -> None:
    profile = load("claude")
    assert profile.npm == (f"@anthropic-ai/claude-code-linux-{{arch}}@{profile.version}",)
    assert profile.model == ""


def test_another_version_of_a_program_is_one_setting() -> None:
    own, other = load("claude"), load("claude", versions=["gemini@0.62.0", "claude@2.2.0-beta.1"])
    assert other.version == "2.2.0-beta.1"
    assert other.npm == ("@anthropic-ai/claude-code-linux-{arch}@2.2.0-beta.1",)
    assert replace(other, version=own.version, npm=own.npm) == own
    assert load("codex", versions=["claude@2.2.0"]) == load("codex")


def test_a_version_for_nothing_is_told(place: Path) -> None:
    with pytest.raises(UnknownProfile) as caught:
        load("claude", [place], versions=["cluade@2.2.0"])
    assert caught.value.hint == "did you mean claude?"
    (place / "mine.yaml").write_text("command: [bash]\n")
    with pytest.raises(BadConfig, match="has no version, so it cannot be set"):
        load("mine", [place], versions=["mine@1"])


def test_nothing_is_typed_at_a_shell() -> None:
    """A message typed at a shell would be run by it."""
    assert load("plain").delivery is Delivery.PULL


def test_the_nearest_directory_wins(place: Path, tmp_path: Path) -> None:
    further = tmp_path / "further"
    further.mkdir()
    written(place, "command: [near]", "claude")
    written(further, "command: [far]", "claude")
    assert load("claude", [place, further]).command == ("near",)
    assert load("claude", [further]).command == ("far",)
    assert load("claude", [tmp_path / "missing"]).command == ("claude",)


def test_the_example_of_the_documentation_can_be_read(place: Path) -> None:
    (place / "agent.sh").write_text("echo hello\n")
    written(
        place,
        'family: plain\ncommand: ["bash", "/orchestra/agent.sh"]\nresume: []\ninstall: []\n'
        "files: {agent.sh: ./agent.sh}\nenv: {PORT: 80}\ncredentials: [MY_KEY]\n",
    )
    profile = load("mine", [place])
    assert profile.files["agent.sh"][0] == b"echo hello\n"
    assert profile.env == {"PORT": "80"}
    assert profile.credentials == ("MY_KEY",)


def test_an_unknown_profile_gets_a_suggestion() -> None:
    with pytest.raises(UnknownProfile, match="no profile called 'cluade'") as caught:
        load("cluade")
    assert caught.value.hint == "did you mean claude?"


@pytest.mark.parametrize("name", ["../claude", "/etc/passwd", "zzz", ""])
def test_a_name_that_is_none_leads_nowhere(name: str) -> None:
    with pytest.raises(UnknownProfile) as caught:
        load(name)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("comand: [x]", "there is no key 'comand'"),
        ("command: bash", "command must be a list of texts"),
        ("command: [1]", "command must be a list of texts"),
        ("family: gpt\ncommand: [x]", "family must be claude, "),
        ("delivery: shout\ncommand: [x]", "delivery must be hook, pull or type"),
        ("hooks: 1\ncommand: [x]", "hooks must be true or false"),
        ("model: [x]\ncommand: [x]", "model must be a text"),
        ("tells: [money]\ncommand: [x]", "tells must be a list of cost, tokens or context"),
        ("resumes: 1\ncommand: [x]", "resumes must be true or false"),
        ("headless: x -p\ncommand: [x]", "headless must be a list of texts"),
        ("env: {A: true}\ncommand: [x]", "env must be names and texts"),
        ("env: [A]\ncommand: [x]", "env must be names and texts"),
        ("files: {a: ./missing}\ncommand: [x]", "the file './missing' does not exist"),
        ("files: {../a: mine.yaml}\ncommand: [x]", "'../a' in 'files' must be a name below /orchestra"),
        ("files: {agent/x: mine.yaml}\ncommand: [x]", "is a reserved name"),
        ("family: plain", "'command' is missing"),
        ("", "is missing"),
        ("command: [", "mine.yaml, line 1: expected the node content"),
        ("- command", "must hold keys and values"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(place: Path, text: str, said: str) -> None:
    file = written(place, text)
    with pytest.raises(BadConfig) as caught:
        load("mine", [place])
    assert str(file) in caught.value.message
    assert said in caught.value.message


def test_a_misspelt_key_gets_a_suggestion(place: Path) -> None:
    written(place, "comand: [x]")
    with pytest.raises(BadConfig) as caught:
        load("mine", [place])
    assert caught.value.hint == "did you mean command?"
