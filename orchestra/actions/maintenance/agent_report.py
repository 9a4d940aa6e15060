"""A report on the profiles: is the image built, is there a login, what does the agent report."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestra.actions.session import container_spec, provision
from orchestra.agents import Delivery, family_of
from orchestra.agents import names as all_names
from orchestra.drivers.sandbox import images
from orchestra.errors import BadConfig, DeadlineExceeded, EngineDown, Refused, UsageError
from orchestra.protocol import ignore

if TYPE_CHECKING:
    from orchestra.agents import Profile
    from orchestra.project import Project

ENVIRONMENT = "environment"
"""Where a credential was found if it is an environment variable."""
_SOME = 3
BUILT, UNBUILT, FINISHED, NO_ENGINE = "built", "not built yet", "finished image set", "engine down"


@dataclass(frozen=True, slots=True)
class Login:
    """A profile's login: which credentials were found where; any one of ``wanted`` is enough.

    ``kept`` are the sessions whose agent stores its own login; ``asks`` says that its program asks
    for one.
    """

    wanted: tuple[str, ...]
    found: Mapping[str, str]
    kept: tuple[str, ...]
    asks: bool

    @property
    def state(self) -> str:
        """One of: none needed, found, kept, asks, missing."""
        if not self.wanted:
            return "none needed"
        if any(name in self.found for name in self.wanted):
            return "found"
        if self.kept:
            return "kept"
        return "asks" if self.asks else "missing"

    @property
    def text(self) -> str:
        """The login in words for people."""
        names_by_source: dict[str, list[str]] = {}
        for name, where in self.found.items():
            names_by_source.setdefault(where, []).append(name)
        text = "; ".join(f"{', '.join(names)} ({where})" for where, names in names_by_source.items())
        words = {
            "none needed": text or "none needed",
            "found": text,
            "kept": f"logged in by itself in {', '.join(self.kept)}; other sessions will ask",
            "asks": "will ask in its window",
            "missing": f"not set: {some(self.wanted)}",
        }[self.state]
        return words if self.state in {"found", "none needed"} or not text else f"{words}; {text}"


def login_of(project: Project, profile: Profile) -> Login:
    """Return what new sessions of a profile would log in with, without any credential's value."""
    secrets = short(project.paths.home.secrets)
    names = provision.credentials(project, profile)
    return Login(
        wanted=profile.logins,
        found={name: ENVIRONMENT if os.environ.get(name) else secrets for name in names},
        kept=_kept(project, profile),
        asks=bool(profile.keeps_login),
    )


def _kept(project: Project, profile: Profile) -> tuple[str, ...]:
    homes = {
        session.name: project.session_paths(session).home
        for session in project.store.sessions.all()
        if session.agent == profile.name
    }
    return tuple(name for name, home in homes.items() if any((home / file).is_file() for file in profile.keeps_login))


def login_repair(project: Project, profile: Profile) -> str:
    """Return what to do for a profile that has no login."""
    secrets = project.paths.home.secrets
    where = short(secrets)
    make = "" if secrets.is_dir() else f"mkdir -p -m 700 {where} && "
    file = f"{make}nano {where}/{profile.logins[0]}"
    return f"set {some(profile.logins)}, or put the value into a file of the same name: {file}"


def some(names: Sequence[str]) -> str:
    """Return the first few of several names, joined with "or"."""
    return " or ".join(names[:_SOME]) + (" …" if len(names) > _SOME else "")


def short(path: Path) -> str:
    """Return a path as people type it."""
    inside = path.is_relative_to(Path.home())
    return f"~/{path.relative_to(Path.home())}" if inside else str(path)


def image_of(project: Project, profile: Profile) -> tuple[str, str]:
    """Return the state of a profile's image and its name; raises BadConfig where it cannot be built."""
    recipe = container_spec.recipe_for(project, profile.name)
    tag = recipe.image or images.tag_for(recipe, "project")
    try:
        here = images.exists(tag)
    except (EngineDown, DeadlineExceeded):
        return NO_ENGINE, tag
    if recipe.image:
        return FINISHED if here else f"{FINISHED}, not on this machine yet", tag
    return BUILT if here else UNBUILT, tag


def used(project: Project) -> list[str]:
    """Return the profiles that the project uses, the default one first."""
    settings = project.usable_settings
    agents = (settings.agent, settings.designer_agent, *(session.agent for session in project.store.sessions.all()))
    return [agent for agent in dict.fromkeys(agents) if agent]


def list_agents(
    project: Project, names: Sequence[str] = (), *, progress: Callable[[str], None] = ignore
) -> list[dict[str, Any]]:
    """Return every profile as plain data: description, image, login and what it reports.

    A profile that cannot be read is left out, and ``progress`` is told.
    """
    chosen = names or all_names(project.profile_dirs())
    in_use = used(project)
    rows = []
    for name in chosen:
        try:
            rows.append(_row(project, project.profile(name), in_use))
        except UsageError as error:
            progress(f"{name} is left out: {error.message} → {error.hint}")
    return rows


def _row(project: Project, profile: Profile, in_use: Sequence[str]) -> dict[str, Any]:
    try:
        state, tag = image_of(project, profile)
    except (BadConfig, Refused) as error:
        state, tag = f"cannot be built: {error.message}", ""
    login = login_of(project, profile)
    return {
        "name": profile.name,
        "family": profile.family,
        "version": profile.version,
        "description": profile.description,
        "source": str(profile.source),
        "usual": profile.name == in_use[0],
        "used": profile.name in in_use,
        "image": {"state": state, "tag": tag},
        "login": {
            "state": login.state,
            "text": login.text,
            "any_of": list(login.wanted),
            "found": dict(login.found),
            "kept": list(login.kept),
        },
        "hooks": profile.hooks,
        "cost": "cost" in profile.tells,
        "context": "context" in profile.tells,
        "resume": profile.resumes or bool(profile.resume),
        "permissions": family_of(profile).TAKES_ANSWERS,
        "delivery": profile.delivery.value,
        "messages": reach(profile),
    }


def reach(profile: Profile) -> str:
    """Say how a message reaches an agent."""
    if profile.delivery is Delivery.TYPE:
        return "typed when idle"
    if profile.delivery is Delivery.PULL:
        return "handed over at once" if family_of(profile).HANDS_OVER else "the agent fetches them"
    return "handed over at once" if family_of(profile).LISTENS else "handed over; typed if idle"
