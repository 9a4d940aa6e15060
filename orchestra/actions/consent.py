"""What a project's own files may change only with the person's word, given once for their exact content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra.project import stamp

if TYPE_CHECKING:
    from orchestra.project import Project


def asked(project: Project) -> list[str]:
    """Return one line for each thing the project's files ask for and the person has not allowed."""
    directory = project.paths.config.parent
    lines = [f"{directory}: {wish}" for wish in project.settings.ignored]
    agents = project.paths.agents
    if stamp(agents) and project.store.get("consent.agents") != stamp(agents):
        lines += [f"{file}: says what agents install and run" for file in sorted(agents.iterdir()) if file.is_file()]
    return lines


def grant(project: Project) -> None:
    """Allow what the project's files ask for now; a later change of them asks again."""
    project.store.set("consent.config", project.settings.consent)
    project.store.set("consent.agents", stamp(project.paths.agents))
