"""The repository's own hooks, run as one more check, in its container and nowhere else."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from orchestra.config.checks import HOOKS
from orchestra.errors import Refused
from orchestra.model import Check, SandboxKind, Session

if TYPE_CHECKING:
    from orchestra.project import Project

_USUAL = (".husky", ".githooks")
_SCRIPT = Path(__file__).with_name("hooks.sh")


def checks_of(project: Project, session: Session, onto: str, single: str | None = None) -> tuple[Check, ...]:
    """Return the check that runs the hooks for what comes after the commit ``onto``, if the settings want it.

    As with the checks of the settings, ``single`` replaces it. Raises Refused for a session on the host.
    """
    if not project.settings.landing_hooks or single is not None:
        return ()
    require_container(session)
    words = ("sh", "-c", _SCRIPT.read_text(encoding="utf-8"), HOOKS.name, onto, *_directories(project))
    return (replace(HOOKS, script=shlex.join(words)),)


def require_container(session: Session) -> None:
    """Raise Refused for a session on the host: the hooks are files that its agent may have written."""
    if session.sandbox is SandboxKind.HOST:
        raise Refused(
            f"hooks run only in containers, and {session.name} is on the host",
            hint=f"merge it without them: orchestra merge {session.name} --check COMMAND",
        )


def _directories(project: Project) -> tuple[str, ...]:
    """Return the directories of the repository that may hold hooks; the one that git is set up to use comes alone."""
    git = project.repository.git()
    known = PurePosixPath(git.run("config", "--local", "--get", "core.hooksPath", check=False).text.strip())
    if known.is_absolute() or not known.parts or ".." in known.parts:
        return _USUAL
    # What husky tells git to use is made at its installation, and calls the files beside it.
    return (str(known.parent if known.name == "_" else known),)
