"""Build and list images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra.actions.session import container_spec
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project


def build_image(
    project: Project, agent: str = "", *, progress: Progress = ignore, look: bool = True, verbose: bool = False
) -> str:
    """Build a profile's image if necessary, and return its tag.

    Without ``look``, an image that existed before is assumed to exist. With ``verbose``, the build's whole
    output is passed on.
    """
    from orchestra.drivers.sandbox.images import ensure  # noqa: PLC0415 -- loads docker

    recipe = container_spec.recipe_for(project, agent or project.settings.agent)
    settings, cache = project.settings, project.paths.home.cache
    return ensure(recipe, progress=progress, network=settings.build_network, cache=cache, look=look, verbose=verbose)


def images(project: Project) -> list[object]:
    """Return the images that Orchestra built on this machine."""
    from orchestra.drivers.sandbox.images import list_images  # noqa: PLC0415 -- loads docker

    _ = project
    return list(list_images())
