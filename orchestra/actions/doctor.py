"""Checking what a first run can trip over, and naming the command that repairs it."""

from __future__ import annotations

import locale
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra.actions.service import ping
from orchestra.actions.up import OLDEST_TMUX
from orchestra.errors import NotARepository, OrchestraError
from orchestra.paths import Home

if TYPE_CHECKING:
    from orchestra.project import Project

OLDEST_GIT = (2, 38)
"""The first git with ``merge-tree --write-tree`` (git's release notes for 2.38)."""
_ROOMY = 5 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked; ``repair`` is what to type where it is not well."""

    check: str
    well: bool
    detail: str
    repair: str = ""


def doctor(start: Path) -> list[Finding]:
    """Check this machine and, inside a repository, the project; nothing is changed."""
    findings = [_tmux(), _git(), _locale(), _engine(), _disk()]
    project = _project(start)
    if isinstance(project, Finding):
        return [*findings, project]
    return [*findings, _repository(project), _base_image(project), _login(project), _service(project)]


def _version(program: str, flag: str) -> tuple[int, int] | None:
    from orchestra.drivers.process import run  # noqa: PLC0415 -- loads when touched

    try:
        said = run((program, flag), deadline=5, check=False).text
    except OrchestraError:
        return None
    found = re.search(r"(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else None


def _program(name: str, flag: str, oldest: tuple[int, int], why: str) -> Finding:
    version = _version(name, flag)
    repair = f"sudo apt-get install {name}"
    if version is None:
        return Finding(name, well=False, detail="not installed", repair=repair)
    text = f"{version[0]}.{version[1]}"
    if version < oldest:
        return Finding(name, well=False, detail=f"{text} is too old: {why}", repair=repair)
    return Finding(name, well=True, detail=text)


def _tmux() -> Finding:
    return _program("tmux", "-V", OLDEST_TMUX, f"{OLDEST_TMUX[0]}.{OLDEST_TMUX[1]} or newer is needed")


def _git() -> Finding:
    return _program("git", "--version", OLDEST_GIT, "2.38 or newer is needed to merge without a checkout")


def _locale() -> Finding:
    encoding = locale.getencoding()
    well = encoding.lower().replace("-", "") == "utf8"
    return Finding("locale", well=well, detail=encoding, repair="" if well else "export LANG=C.UTF-8")


def _engine() -> Finding:
    from orchestra.drivers.docker import engine_version  # noqa: PLC0415 -- loads when touched

    try:
        return Finding("docker engine", well=True, detail=engine_version())
    except OrchestraError as error:
        return Finding("docker engine", well=False, detail=error.message, repair=error.hint)


def _disk() -> Finding:
    home = Home.find().root
    existing = next(place for place in (home, *home.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{free / 1024**3:.1f} GiB free at {existing}"
    return Finding("disk", well=free > _ROOMY, detail=detail, repair="" if free > _ROOMY else "orchestra gc")


def _project(start: Path) -> Project | Finding:
    from orchestra.project import Project as Opened  # noqa: PLC0415 -- loads when touched

    try:
        return Opened.open(start)
    except NotARepository as error:
        return Finding("project", well=False, detail=error.message, repair=error.hint)


def _repository(project: Project) -> Finding:
    try:
        branch = project.repository.head()[1]
    except OrchestraError as error:
        return Finding("repository", well=False, detail=error.message, repair=error.hint)
    return Finding("repository", well=True, detail=f"{project.paths.source} on {branch or 'a detached HEAD'}")


def _base_image(project: Project) -> Finding:
    from orchestra.drivers import images  # noqa: PLC0415 -- loads when touched

    try:
        name = project.settings.base_image
        if images.exists(name):
            return Finding("base image", well=True, detail=name)
    except OrchestraError as error:
        return Finding("base image", well=False, detail=error.message, repair=error.hint)
    return Finding("base image", well=True, detail=f"{name} is not here yet; the first session gets it")


def _login(project: Project) -> Finding:
    try:
        profile = project.profile(project.settings.agent)
    except OrchestraError as error:
        return Finding("agent", well=False, detail=error.message, repair=error.hint)
    secrets = project.paths.home.secrets
    logins = [name for name in profile.credentials if not name.endswith("_URL")]
    has = [name for name in logins if os.environ.get(name) or (secrets / name).is_file()]
    if has or not logins:
        return Finding(
            "agent", well=True, detail=f"{profile.name} {profile.version}, {', '.join(has) or 'no login needed'}"
        )
    detail = f"{profile.name} will ask you to log in, in its window: {secrets} and the environment hold none of "
    return Finding("agent", well=True, detail=detail + ", ".join(logins))


def _service(project: Project) -> Finding:
    answer = ping(project.paths)
    detail = f"process {answer['pid']}, port {answer['port']}" if answer else "not running; orchestra up starts it"
    return Finding("service", well=True, detail=detail)
