"""Check what a first run needs, and name the command that repairs what is missing."""

from __future__ import annotations

import locale
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra.actions.maintenance.agent_report import BUILT, FINISHED, UNBUILT, image_of, login_of, login_repair, used
from orchestra.actions.maintenance.check_container import try_container
from orchestra.actions.maintenance.check_file_events import file_events
from orchestra.actions.maintenance.finding import Finding, trouble
from orchestra.actions.maintenance.gc import orphans
from orchestra.actions.messaging import notify
from orchestra.actions.service_process import ping
from orchestra.actions.session import reattach
from orchestra.agents import names
from orchestra.drivers.process import run
from orchestra.drivers.sandbox import images, proxies
from orchestra.drivers.sandbox.docker import engine_version
from orchestra.drivers.tmux.server import OLDEST as OLDEST_TMUX
from orchestra.errors import NotARepository, OrchestraError, from_system
from orchestra.paths import Home
from orchestra.project import Project as Opened
from orchestra.views.text import count

if TYPE_CHECKING:
    from orchestra.agents import Profile
    from orchestra.project import Project

OLDEST_GIT = (2, 38)
"""The first git with ``merge-tree --write-tree`` (git's release notes for 2.38)."""
OLDEST_ENGINE = (20, 10)
"""The oldest Docker engine that Orchestra is tested with."""
_SOME = 3
_PROXY_SETTING = (
    "write an address that containers can reach into ~/.docker/config.json (docs.docker.com/engine/cli/proxy)"
)
_ROOMY = 5 * 1024**3


def doctor(start: Path) -> list[Finding]:
    """Check this machine and, inside a repository, the project; nothing is changed permanently."""
    engine = _engine()
    findings = [_tmux(), _git(), _locale(), engine, _disk()]
    project = _project(start)
    if isinstance(project, Finding):
        return [*findings, project]
    findings += [_repository(project), *of_sessions(project), *_logins(project)]
    if project.settings_trouble is not None:
        findings.append(trouble("settings", project.settings_trouble))
    findings += file_events(project)
    findings += _notifications(project)
    if engine.well:
        findings += [*_proxy(), *_of_engine(project)]
    return [*findings, _service(project)]


def _notifications(project: Project) -> list[Finding]:
    """Check the ways in which the person is notified, if there are any."""
    ways = project.usable_settings.notify
    if troubles := notify.check(project):
        return [trouble("notifications", error) for error in troubles]
    return [Finding("notifications", well=True, detail=", ".join(dict.fromkeys(ways)))] if ways else []


def _of_engine(project: Project) -> Iterator[Finding]:
    """Check what needs the engine: images, leftover containers, and a test container."""
    looks = (("image", _images), ("leftovers", _leftovers), ("container", try_container))
    # Without the settings it is unknown which image is meant and what a container may reach.
    for name, look in looks if project.settings_trouble is None else looks[1:2]:
        try:
            yield from look(project)
        except OrchestraError as error:
            yield trouble(name, error)
        except OSError as error:
            if (known := from_system(error)) is None:
                raise
            yield trouble(name, known)


def _proxy() -> Iterator[Finding]:
    """Report which proxy containers use, if there is one."""
    proxy = proxies.of_containers()
    if proxy.left_out:
        detail = f"this shell's proxy is not passed on to containers: {proxy.left_out}"
        yield Finding("proxy", well=True, note=True, detail=detail, repair=_PROXY_SETTING)
    elif proxy.settings:
        detail = f"containers use {proxy.named} ({proxy.origin}), but not to reach Orchestra"
        if not proxy.on_loopback:
            yield Finding("proxy", well=True, detail=detail)
            return
        detail = f"{detail}; a container's own loopback address is not this machine's"
        yield Finding("proxy", well=False, detail=detail, repair=_PROXY_SETTING)


def _version(program: str, flag: str) -> tuple[int, int] | None:
    try:
        output = run((program, flag), deadline=5, check=False).text
    except OrchestraError:
        return None
    match = re.search(r"(\d+)\.(\d+)", output)
    return (int(match[1]), int(match[2])) if match else None


def _program(name: str, flag: str, oldest: tuple[int, int], why: str) -> Finding:
    version = _version(name, flag)
    repair = f"sudo apt-get install {name}"
    fix = f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install --yes {name}" if shutil.which("apt-get") else ""
    if version is None:
        return Finding(name, well=False, detail="not installed", repair=repair, fix=fix)
    text = f"{version[0]}.{version[1]}"
    if version < oldest:
        return Finding(name, well=False, detail=f"{text} is too old: {why}", repair=repair, fix=fix)
    return Finding(name, well=True, detail=text)


def _tmux() -> Finding:
    finding = _program("tmux", "-V", OLDEST_TMUX, f"{OLDEST_TMUX[0]}.{OLDEST_TMUX[1]} or newer is needed")
    if not finding.well or not os.environ.get("TMUX") or _shows_utf8():
        return finding
    return replace(
        finding,
        well=False,
        detail=f"{finding.detail} does not show UTF-8 in this terminal",
        repair="tmux detach; tmux -u attach",
    )


def _shows_utf8() -> bool:
    """Return whether the terminal around this tmux shows UTF-8; True if tmux does not say."""
    try:
        return run(("tmux", "display-message", "-p", "#{client_utf8}"), deadline=5, check=False).text.strip() != "0"
    except OrchestraError:
        return True


def _git() -> Finding:
    return _program("git", "--version", OLDEST_GIT, "2.38 or newer is needed to merge without a checkout")


def _locale() -> Finding:
    encoding = locale.getencoding()
    well = encoding.lower().replace("-", "") == "utf8"
    return Finding("locale", well=well, detail=encoding, repair="" if well else "export LANG=C.UTF-8")


def _engine() -> Finding:
    try:
        version = engine_version()
    except OrchestraError as error:
        without = "or without containers: orchestra up --sandbox host"
        return Finding("docker engine", well=False, detail=error.message, repair=f"{error.hint}; {without}")
    known = re.match(r"(\d+)\.(\d+)", version)
    if known and (int(known[1]), int(known[2])) < OLDEST_ENGINE:
        detail = f"{version} is too old: {OLDEST_ENGINE[0]}.{OLDEST_ENGINE[1]} or newer is needed"
        return Finding("docker engine", well=False, detail=detail, repair="install a newer one: docs.docker.com/engine")
    return Finding("docker engine", well=True, detail=version)


def _disk() -> Finding:
    home = Home.find().root
    existing = next(directory for directory in (home, *home.parents) if directory.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{free / 1024**3:.1f} GiB free at {existing}"
    if free > _ROOMY:
        return Finding("disk", well=True, detail=detail)
    return Finding("disk", well=False, detail=detail, repair="orchestra gc", fix="orchestra gc --yes")


def _project(start: Path) -> Project | Finding:
    try:
        return Opened.open(start)
    except NotARepository as error:
        return trouble("project", error)


def _repository(project: Project) -> Finding:
    try:
        project.check_source()
        branch = project.repository.head()[1]
    except OrchestraError as error:
        return trouble("repository", error)
    return Finding("repository", well=True, detail=f"{project.paths.source} on {branch or 'a detached HEAD'}")


def of_sessions(project: Project) -> Iterator[Finding]:
    """Report sessions whose branch or worktree is missing or elsewhere."""
    for session in project.store.sessions.all():
        try:
            trouble = session.trouble or reattach.what_is_lost(project, session)
        except OrchestraError:
            return
        if trouble:
            detail, _, repair = trouble.partition(" → ")
            fix = repair if repair == "orchestra up" else ""
            yield Finding(f"session {session.name}", well=False, detail=detail, repair=repair, fix=fix)


def _images(project: Project) -> Iterator[Finding]:
    base, agent = project.settings.base_image, project.settings.agent
    state, tag = image_of(project, project.profile(agent))
    if images.exists(base):
        yield Finding("base image", well=True, detail=base)
    elif state == UNBUILT:
        yield Finding(
            "base image", well=True, detail=f"{base} is not on this machine yet; the first build gets it", note=True
        )
    if state in {BUILT, FINISHED}:
        yield Finding("image", well=True, detail=f"{agent}: {state}, {tag}")
        return
    first = "gets" if project.settings.image else "builds"
    detail = f"{agent}: {state}; the first session {first} it, which takes minutes"
    build = "orchestra image build"
    yield Finding("image", well=True, detail=detail, repair=f"to do that now: {build}", fix=build)


def _leftovers(project: Project) -> Iterator[Finding]:
    left = orphans(project)
    if not left:
        yield Finding("leftovers", well=True, detail="no containers of deleted sessions")
        return
    names = f"{', '.join(left[:_SOME])}{' …' if len(left) > _SOME else ''}"
    detail = f"{count(len(left), 'container')} of deleted sessions: {names}"
    collect = "orchestra gc --yes"
    yield Finding("leftovers", well=True, detail=detail, repair=collect, fix=collect)


def _logins(project: Project) -> Iterator[Finding]:
    """Check each profile's login; only the default agent must have one."""
    in_use = used(project)
    for name in dict.fromkeys((*in_use, *names(project.profile_dirs()))):
        try:
            profile = project.profile(name)
        except OrchestraError as error:
            yield trouble(f"agent {name}", error)
            continue
        if profile.logins or name in in_use:
            yield _login(project, profile, in_use)


def _login(project: Project, profile: Profile, in_use: Sequence[str]) -> Finding:
    login = login_of(project, profile)
    check, detail = f"agent {profile.name}", f"{profile.version}  login: {login.text}".strip()
    if login.state in {"found", "kept", "none needed"}:
        return Finding(check, well=True, detail=detail)
    if profile.name not in in_use:
        return Finding(check, well=True, detail=f"{detail} (not used in this project)", note=True)
    repair = login_repair(project, profile)
    return Finding(check, well=profile.name != in_use[0], detail=detail, repair=repair)


def _service(project: Project) -> Finding:
    answer = ping(project.paths)
    detail = f"process {answer['pid']}, port {answer['port']}" if answer else "not running; orchestra up starts it"
    return Finding("service", well=True, detail=detail)
