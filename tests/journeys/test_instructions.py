"""What real agents' models are told: their role, the project's and the person's own words, each once, and our tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.model import Role
from orchestra.service.mcp.tools import TOOLS
from tests.support.models import journeys
from tests.support.models.server import Asked, ModelServer, Rule, Say
from tests.support.person import Person, arriving

pytestmark = pytest.mark.docker

SLOW = 90
"""Seconds that a turn of a real agent program may take on a busy machine."""
EXECUTORS = {"claude": "mcp__orchestra__", "codex": "mcp__orchestra__", "opencode": "orchestra_"}
"""The profiles that execute, and what each puts before our tools' names."""
ROLES = {Role.DESIGNER: "# You are the designer in Orchestra", Role.EXECUTOR: "# You are an executor in Orchestra"}


def words(whose: str, name: str) -> str:
    """Return what one file of instructions says."""
    return f"The words of the {whose} for <{name}>."


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ModelServer]:
    """One server for the models of all of them."""
    with journeys.near_containers(Person(tmp_path / "person").home, [Rule([Say("I have heard.")])]) as served:
        yield served


@pytest.fixture
def person(tmp_path: Path, model: ModelServer) -> Iterator[Person]:
    """A person with a login for each of them, and with words of their own and of the project for each role."""
    address = model.url(model.address)
    settings = {
        "ORCHESTRA_AGENT": "claude",
        "ANTHROPIC_BASE_URL": address,
        "ANTHROPIC_API_KEY": journeys.KEY,
        "OPENAI_BASE_URL": f"{address}/v1",
        "OPENAI_API_KEY": "sk-journey-0123456789-codex",
        "OPENAI_COMPATIBLE_BASE_URL": f"{address}/v1",
        "OPENAI_COMPATIBLE_API_KEY": "key-journey-0123456789-open",
        "OPENAI_COMPATIBLE_MODEL": "scripted",
    }
    with arriving(tmp_path / "person", **settings) as someone:
        for profile in EXECUTORS:
            someone.orchestra("image", "build", profile, deadline=900)
        for whose, place in (("project", someone.repository / ".orchestra"), ("person", someone.home.root)):
            (place / "instructions").mkdir(parents=True)
            for name in [f"{role}{after}" for role in Role for after in ("", *(f".{one}" for one in EXECUTORS))]:
                (place / "instructions" / f"{name}.md").write_text(words(whose, name))
        yield someone


def test_every_agent_is_told_its_role_and_whatever_is_added_for_it_once(person: Person, model: ModelServer) -> None:
    """Claude Code designs; Claude Code, Codex and opencode execute."""
    person.orchestra("up", "--detach", "--task", "Design something.")
    designer = model.wait_for(lambda one: "You are the session **main**" in one.system, deadline=SLOW)
    assert_told(designer, Role.DESIGNER, "claude", "mcp__orchestra__")
    assert "Design something." in designer.everything
    for profile, before in EXECUTORS.items():
        name = f"by-{profile}"
        person.orchestra("new", name, "--agent", profile, "--task", "Do something.")
        first = model.wait_for(lambda one, name=name: f"You are the session **{name}**" in one.system, deadline=SLOW)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        assert_told(first, Role.EXECUTOR, profile, before)
        assert "Do something." in first.everything
        # One program after the other: many that start at once on a small machine are another test's matter.
        person.orchestra("stop", name)


def assert_told(asked: Asked, role: Role, profile: str, before: str) -> None:
    """See that a request holds what is for this role and profile, each once and in order, and nothing for others."""
    wanted = [
        ROLES[role],
        *(words(who, f"{role}{end}") for who in ("project", "person") for end in ("", f".{profile}")),
    ]
    assert {text: asked.system.count(text) for text in wanted} == dict.fromkeys(wanted, 1)
    places = [asked.system.index(text) for text in wanted]
    assert places == sorted(places)
    assert asked.system.count("The words of the ") == len(wanted) - 1
    assert not [text for other, text in ROLES.items() if other is not role and text in asked.system]
    ours = sorted(tool for tool in asked.tools if tool.startswith(before))
    assert ours == sorted(f"{before}{tool.__name__}" for tool in TOOLS[role])


def test_words_in_place_of_ours_need_the_persons_consent_where_they_are_the_projects(
    person: Person, model: ModelServer
) -> None:
    """Without it the model is told Orchestra's own."""
    place = person.repository / ".orchestra" / "instructions" / "instead"
    place.mkdir()
    (place / "executor.md").write_text("OTHER WORDS for {session}.")
    person.orchestra("up", "--detach")
    person.orchestra("new", "before", "--task", "Do something.")
    model.wait_for(lambda one: "You are the session **before**" in one.system, deadline=SLOW)
    allowed = person.run("sh", "-c", f"yes | {' '.join(person.command('allow'))}")
    assert "replace Orchestra's own instructions" in allowed.stdout
    assert "| OTHER WORDS for {session}." in allowed.stdout
    person.orchestra("new", "after", "--task", "Do something.")
    asked = model.wait_for(lambda one: "OTHER WORDS for after." in one.system, deadline=SLOW)
    assert ROLES[Role.EXECUTOR] not in asked.system
    assert words("project", "executor") in asked.system
