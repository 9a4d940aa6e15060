"""A team of three real programs: Claude Code designs, Codex and opencode execute; only their models are scripted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.secrets import hiding_places
from tests.support import team
from tests.support.models import journeys
from tests.support.models.server import Asked, ModelServer
from tests.support.person import Person, arriving, eventually

pytestmark = pytest.mark.docker

SLOW = 90
"""Seconds that a turn of a real agent program may take on a busy machine, beside two others."""
KEYS = {"designer": journeys.KEY, "codex": "sk-journey-0123456789-codex", "opencode": "key-journey-0123456789-open"}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The images of the three profiles, built on first use, and kept."""
    with arriving(tmp_path_factory.mktemp("image") / "person") as builder:
        for profile in ("claude", "codex", "opencode"):
            builder.orchestra("image", "build", profile, deadline=900)


@pytest.fixture
def model(tmp_path: Path, images: None) -> Iterator[ModelServer]:
    """One server for the models of all three."""
    assert images is None
    home = Person(tmp_path / "person").home
    rules = [*team.designs(), *team.codes(), *team.writes(home.root / "worktrees" / "tempo" / team.WRITER)]
    with journeys.near_containers(home, rules) as served:
        yield served


@pytest.fixture
def person(tmp_path: Path, model: ModelServer) -> Iterator[Person]:
    """A person with a login for each of them."""
    address = model.url(model.address)
    settings = {
        "ORCHESTRA_AGENT": "claude",
        "ANTHROPIC_BASE_URL": address,
        "ANTHROPIC_API_KEY": KEYS["designer"],
        "OPENAI_BASE_URL": f"{address}/v1",
        "OPENAI_API_KEY": KEYS["codex"],
        "OPENAI_COMPATIBLE_BASE_URL": f"{address}/v1",
        "OPENAI_COMPATIBLE_API_KEY": KEYS["opencode"],
        "OPENAI_COMPATIBLE_MODEL": "scripted",
    }
    with arriving(tmp_path / "person", **settings) as someone:
        yield someone


def asked_by(model: ModelServer, words: str) -> list[Asked]:
    """Return what the agent with these words in its instructions asked its model."""
    return [one for one in model.conversation() if words in one.system]


def test_three_programs_work_side_by_side_and_both_branches_land(person: Person, model: ModelServer) -> None:
    """A typed wish, two executors at once, an edit each, a question, its answer, two reports, two merges."""
    person.sit_down("up")
    person.sees("❯", "1 session", within=SLOW)
    person.waits_for("main", "idle", within=SLOW)
    person.press("g")
    eventually(lambda: person.focus() == "agent", what="the designer has the keys")
    person.submits(team.WISH)
    for name in (team.CODER, team.WRITER):
        model.wait_for(lambda one, name=name: f"**{name}**" in one.system, deadline=SLOW)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    model.release(team.BOTH_BEGAN)

    person.sees(f"✓ {team.CODER}", within=SLOW)
    person.goes_to_control()
    person.sees("merge into main?", within=SLOW)
    person.orchestra("merge", team.WRITER)
    eventually(lambda: team.LINE in person.git("show", "HEAD:README.md"), within=SLOW, what="one is merged")
    person.selects(team.CODER)
    person.press("M")
    person.says_yes(f"Merge {team.CODER} into main?")
    coded = "tempo/convert.py"
    eventually(lambda: "raise ValueError" in person.reads(coded), what="the person has merged the other")
    wanted = [f"orchestra/{name}" for name in (team.CODER, team.WRITER)]
    eventually(lambda: merged(person) == wanted, what=f"both are in {merged(person)}")
    assert {"First half", "Second half", "Name the scales"} <= {*person.git("log", "--format=%s", "main").splitlines()}
    eventually(lambda: person.git("status", "--porcelain") == "", what="the checkout is clean")
    assert_everybody_spoke_for_themselves(person, model)


def merged(person: Person) -> list[str]:
    """Return the branches that were merged into main."""
    log = person.git("log", "--format=%s", "main").splitlines()
    return sorted(line.split()[1].rstrip(":,") for line in log if line.startswith("Merge "))


def assert_everybody_spoke_for_themselves(person: Person, model: ModelServer) -> None:
    """See that each had its own key and our tools, and each message arrived once."""
    parts = {
        journeys.DESIGNER: (KEYS["designer"], "mcp__orchestra__merge_session"),
        f"**{team.CODER}**": (KEYS["codex"], "mcp__orchestra__report"),
        f"**{team.WRITER}**": (KEYS["opencode"], "orchestra_report"),
    }
    for words, (key, tool) in parts.items():
        first = asked_by(model, words)[0]
        assert first.key == key
        assert tool in first.tools
    heads = {
        journeys.DESIGNER: (
            f"from {team.CODER}, question]",
            f"from {team.CODER}, complete]",
            f"from {team.WRITER}, com",
        ),
        f"**{team.CODER}**": ("from main]",),
    }
    for words, texts in heads.items():
        # What was told last may reach the designer only after its merge.
        eventually(lambda: all(text in asked_by(model, words)[-1].everything for text in texts), within=SLOW)  # noqa: B023 -- asked at once
        whole = asked_by(model, words)[-1].everything
        assert {text: whole.count(text) for text in texts} == dict.fromkeys(texts, 1)
    assert hiding_places(person, [*KEYS.values()]) == []
