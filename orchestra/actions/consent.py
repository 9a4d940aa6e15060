"""What a project's own files may change only with the person's word, given once for their exact content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra.actions.told import INSTEAD
from orchestra.project import stamp

if TYPE_CHECKING:
    from pathlib import Path

    from orchestra.project import Project


def asked(project: Project) -> list[str]:
    """Return one line for each thing the project's files ask for and the person has not allowed."""
    directory = project.paths.config.parent
    lines = [f"{directory}: {wish}" for wish in project.settings.ignored]
    for key, directory, wish in _directories(project):
        if stamp(directory) and project.store.get(key) != stamp(directory):
            lines += [f"{file}: {wish}" for file in sorted(directory.iterdir()) if file.is_file()]
    return lines


def _directories(project: Project) -> tuple[tuple[str, Path, str], ...]:
    instead = project.paths.instructions / INSTEAD
    return (
        ("consent.agents", project.paths.agents, "says what agents install and run"),
        ("consent.instructions", instead, "stands in place of Orchestra's own instructions"),
    )


def grant(project: Project) -> None:
    """Allow what the project's files ask for now; a later change of them asks again."""
    project.store.set("consent.config", project.settings.consent)
    for key, directory, _ in _directories(project):
        project.store.set(key, stamp(directory))
