"""The layout that a project is shown with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra.config.layout import load

if TYPE_CHECKING:
    from orchestra.config.layout import Layout
    from orchestra.project import Project


def load_layout(project: Project, name: str) -> Layout:
    """Return a layout of the person's own or a built-in one; raises UsageError or BadConfig."""
    return load(name, (project.paths.home.root / "layouts",))


def layout_of(project: Project) -> Layout:
    """Return the layout that the project was brought up with; raises UsageError if its file is gone."""
    return load_layout(project, project.store.workspace.get().layout or project.settings.layout)
