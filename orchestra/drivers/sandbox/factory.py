"""Create the driver for a kind of sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestra.drivers.sandbox.host import HostSandbox
from orchestra.model import SandboxKind

if TYPE_CHECKING:
    from orchestra.drivers.sandbox.protocol import Sandbox
    from orchestra.paths import ProjectPaths


def make_sandbox(kind: SandboxKind, paths: ProjectPaths, *, internal: Callable[[], bool]) -> Sandbox:
    """Return the driver of a project's sandboxes of one kind; ``internal`` says whether their network is closed."""
    if kind is SandboxKind.HOST:
        return HostSandbox(paths.state)
    from orchestra.drivers.sandbox.docker import DockerSandbox  # noqa: PLC0415 -- loads docker

    home = paths.home
    return DockerSandbox(home.network, internal=internal, home_tag=home.tag, owner=home.owner, home=home.root)
