"""Building images ahead of the first session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra.actions import places
from orchestra.wire import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project


def build_image(project: Project, agent: str = "", *, progress: Progress = ignore) -> str:
    """Build a profile's image where it is not built yet, and return its tag."""
    from orchestra.drivers import images as driver  # noqa: PLC0415 -- loads when touched

    recipe = places.recipe_for(project, agent or project.settings.agent)
    return driver.ensure(
        recipe, progress=progress, network=project.settings.build_network, cache=project.paths.home.cache
    )


def images(project: Project) -> list[object]:
    """Return the images that Orchestra built on this machine."""
    from orchestra.drivers import images as driver  # noqa: PLC0415 -- loads when touched

    _ = project
    return list(driver.list_images())
