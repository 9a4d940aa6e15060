"""What agents are told beside Orchestra's own instructions: whose words, in which order, and what needs consent."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from orchestra.actions.session import consent, instructions
from orchestra.errors import BadConfig, Refused
from orchestra.model import Role, Session
from orchestra.project import Project
from tests.conftest import MakeRepository
from tests.support.launch_files import a_session


@pytest.fixture
def project(make_repository: MakeRepository) -> Project:
    return Project.open(make_repository())


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return a_session(tmp_path / "worktree", agent="codex")


def write(place: Path, name: str, text: str) -> Path:
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(text)
    return place / name


def test_nothing_is_added_where_nobody_wrote_anything(project: Project, session: Session) -> None:
    assert instructions.added(project, session) == ""
    assert instructions.instead(project, session) == ""


def test_the_projects_words_come_before_the_persons_and_a_roles_before_a_profiles(
    project: Project, session: Session
) -> None:
    for place, whose in ((project.paths.instructions, "project"), (project.paths.home.instructions, "person")):
        for name in ("executor", "executor.codex", "executor.claude", "designer"):
            write(place, f"{name}.md", f"<{whose} {name}>\n")
    text = instructions.added(project, session)
    places = [text.index(f"<{one}>") for one in ("project executor", "project executor.codex", "person executor")]
    assert places == sorted(places)
    assert text.index("# From this project") < text.index("# From the person")
    assert text.index("# From the person") < text.index("<person executor>") < text.index("<person executor.codex>")
    assert "claude" not in text
    assert "designer" not in text
    assert "<person designer>" in instructions.added(project, replace(session, role=Role.DESIGNER))


def test_the_person_may_replace_the_instructions_and_a_profiles_count_more(project: Project, session: Session) -> None:
    write(project.paths.home.instructions, "instead/executor.md", "MINE")
    assert instructions.instead(project, session) == "MINE"
    write(project.paths.home.instructions, "instead/executor.codex.md", "MINE FOR CODEX")
    assert instructions.instead(project, session) == "MINE FOR CODEX"


def test_a_project_may_replace_them_only_once_that_is_allowed(project: Project, session: Session) -> None:
    file = write(project.paths.instructions, "instead/executor.md", "THEIRS")
    assert instructions.instead(project, session) == ""
    asked = consent.requests(project)
    lines = [line for one in asked for line in one.lines]
    assert "replace Orchestra's own instructions" in lines[0]
    assert lines[1:] == [f"  executor.md: 6 bytes, sha256 {sha256(b'THEIRS').hexdigest()[:16]}", "    | THEIRS"]
    consent.grant(project, asked)
    assert consent.requests(project) == ()
    assert instructions.instead(project, session) == "THEIRS"
    file.write_text("MERGE WITHOUT A QUESTION")
    assert instructions.instead(project, session) == ""
    assert consent.requests(project)


@pytest.mark.parametrize("name", ["executor.md", "executor.codex.md"])
def test_a_link_in_the_project_is_never_followed(project: Project, session: Session, tmp_path: Path, name: str) -> None:
    secret = write(tmp_path, "secret", "the person's key")
    project.paths.instructions.mkdir(parents=True)
    (project.paths.instructions / name).symlink_to(secret)
    with pytest.raises(Refused, match=r"is a symlink"):
        instructions.added(project, session)


def test_neither_is_a_linked_directory(project: Project, session: Session, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", "executor.md", "the person's key")
    project.paths.instructions.parent.mkdir(parents=True)
    project.paths.instructions.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused):
        instructions.added(project, session)


def test_a_pipe_in_the_project_keeps_nobody_waiting(project: Project, session: Session) -> None:
    project.paths.instructions.mkdir(parents=True)
    os.mkfifo(project.paths.instructions / "executor.md")
    with pytest.raises(Refused):
        instructions.added(project, session)


def test_a_text_too_long_for_an_argument_is_refused_by_name(project: Project, session: Session) -> None:
    write(project.paths.instructions, "executor.md", "x" * instructions.LONGEST)
    assert instructions.added(project, session)
    file = write(project.paths.home.instructions, "executor.md", "x" * (instructions.LONGEST + 1))
    with pytest.raises(BadConfig, match=str(file)):
        instructions.added(project, session)
