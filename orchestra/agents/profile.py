"""Profiles: how to run one kind of agent, as data."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from orchestra.config import schema
from orchestra.config.permission_rules import PATTERN
from orchestra.config.schema import Rule
from orchestra.errors import BadConfig, UnknownProfile
from orchestra.model import Permissions
from orchestra.safe_files import Snapshot
from orchestra.suggestion import did_you_mean

BUILT_IN = Path(__file__).parent / "profiles"
"""The directory of the built-in profiles, which is searched last."""
FAMILY_NAMES = ("claude", "codex", "gemini", "opencode", "plain", "rehearsal")
"""The families that a profile may name."""
_WITHOUT_PERMISSIONS = frozenset({"plain", "rehearsal"})
USES = ("cost", "tokens", "context")
"""The usage that an agent may report."""
ANSWER = ("text", "cost", "tokens_in", "tokens_out")
"""What `answer` may locate in a monitor's output."""
_ADDRESSES = ("_URL", "_MODEL")
_TAKEN = frozenset({"agent", "secrets", "objects"})


class Delivery(StrEnum):
    """How a message reaches the agent.

    HOOK: in the reply to one of its hooks, or typed while it is known to be idle. PULL: it fetches
    messages itself. TYPE: typed while it is known to be idle. Nothing is ever typed into an agent
    that pulls, because a shell would run the text.
    """

    HOOK = "hook"
    PULL = "pull"
    TYPE = "type"


_AGENT, _MONITOR = "agent", "monitor"
_PATTERNS = "a list of commands such as git status*, or of tools such as Edit(docs/**)"
_PLAIN, _WORDS, _TEXTS, _FLAG = Rule(str, numbers=True), Rule(tuple), Rule(dict), Rule(bool)
RULES: Mapping[str, Rule] = {
    "family": Rule(str, choices=FAMILY_NAMES),
    "role": Rule(str, choices=(_AGENT, _MONITOR)),
    "like": _PLAIN,
    "answer": _TEXTS,
    "network": _FLAG,
    "description": _PLAIN,
    "version": _PLAIN,
    "model": _PLAIN,
    "command": _WORDS,
    "resume": _WORDS,
    "in_container": _WORDS,
    "on_host": _WORDS,
    "install": _WORDS,
    "npm": _WORDS,
    "credentials": _WORDS,
    "files": _TEXTS,
    "env": _TEXTS,
    "hooks": _FLAG,
    "delivery": Rule(str, choices=tuple(Delivery)),
    "prompt": Rule(str, numbers=True, regular=True),
    "full_screen": _FLAG,
    "headless": _WORDS,
    "logins": _WORDS,
    "keeps_login": _WORDS,
    "tells": Rule(tuple, choices=USES),
    "resumes": _FLAG,
    "permissions": Rule(str, choices=tuple(Permissions)),
    "allow": Rule(tuple, pattern=PATTERN, shape=_PATTERNS),
    "deny": Rule(tuple, pattern=PATTERN, shape=_PATTERNS),
}
"""What each key of a profile may hold."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How to run one kind of agent.

    ``in_container`` and ``on_host`` are arguments added to the command in one kind of sandbox.
    ``npm`` are packages unpacked into the image, with ``{arch}`` for npm's name of the machine.
    ``hooks`` says that the agent itself reports what it does. ``prompt`` is a regular expression
    for the line with the cursor while nothing is typed. ``full_screen`` says that its program draws
    on the whole terminal, even if nothing is ever typed into it. ``headless`` is the command that
    answers one prompt, its last argument, and exits. Any one of ``logins`` is enough to log in;
    ``keeps_login`` are files in its home where its program stores a login that it asked for itself.
    ``tells`` is the usage that it reports (cost, tokens, context), ``resumes`` says that its conversation
    survives a restart. ``permissions`` is what it does without asking, unless a setting says so; ``allow`` and
    ``deny`` are rules that are added to those of the settings.

    One with the ``role`` monitor gets its prompt as input and prints its answer; ``like`` is the agent's profile whose
    program, image and login it uses, ``answer`` says where in the JSON that it prints the text and the usage are, and
    without ``network`` its container has none.
    """

    name: str
    family: str
    source: Path
    command: tuple[str, ...] = ()
    resume: tuple[str, ...] = ()
    in_container: tuple[str, ...] = ()
    on_host: tuple[str, ...] = ()
    install: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    files: Mapping[str, tuple[bytes, int]] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    credentials: tuple[str, ...] = ()
    model: str = ""
    version: str = ""
    description: str = ""
    hooks: bool = False
    delivery: Delivery = Delivery.PULL
    prompt: str = ""
    full_screen: bool = False
    headless: tuple[str, ...] = ()
    logins: tuple[str, ...] = ()
    keeps_login: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()
    resumes: bool = False
    permissions: str = ""
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    role: str = _AGENT
    like: str = ""
    answer: Mapping[str, str] = field(default_factory=dict)
    network: bool = True

    @property
    def is_monitor(self) -> bool:
        """Whether it sums up what sessions do, and cannot be a session's agent."""
        return self.role == _MONITOR

    @property
    def program(self) -> str:
        """The program that its command starts; empty if the command alone does not say."""
        first = next(iter(self.command), "")
        return "" if "{" in first or first.startswith("/orchestra/") else first

    @property
    def takes_typing(self) -> bool:
        """Whether its program handles pastes and focus events itself."""
        return self.full_screen or self.delivery is not Delivery.PULL


ProfileDirectory: TypeAlias = "Path | Snapshot"
"""A directory of profiles: the person's own, or a project's as far as the person has allowed it."""


def names(dirs: Sequence[ProfileDirectory]) -> list[str]:
    """Return the names of all profiles in ``dirs`` and of the built-in ones, sorted."""
    return sorted({name for directory in (*dirs, BUILT_IN) for name in _names(directory)})


def _names(directory: ProfileDirectory) -> list[str]:
    files = (
        directory.glob("*.yaml") if isinstance(directory, Path) else (PurePosixPath(name) for name in directory.files)
    )
    return [file.stem for file in files if file.suffix == ".yaml" and (isinstance(file, Path) or len(file.parts) == 1)]


def load(name: str, dirs: Sequence[ProfileDirectory] = (), *, versions: Sequence[str] = ()) -> Profile:
    """Return the profile called ``name`` from the first directory that has it, else the built-in one.

    ``versions`` (``PROFILE@VERSION``) override the profiles' own. Raises UnknownProfile, or
    BadConfig for an invalid file.
    """
    wanted = dict(text.split("@", 1) for text in versions)
    for known in wanted:
        _directory_of(known, dirs)
    profile = parse(name, _directory_of(name, dirs), version=wanted.get(name, ""))
    return _completed(profile, load(profile.like, dirs, versions=versions)) if profile.like else profile


_INHERITED = ("version", "npm", "install", "credentials", "logins", "keeps_login", "headless", "model")
"""What a profile that is like another has from it, unless it says something else itself."""


def _completed(profile: Profile, base: Profile) -> Profile:
    """Return a monitor's profile with what it has from the agent's profile that it names."""
    if base.is_monitor:
        raise BadConfig(f"{profile.source}: 'like' names a monitor", hint="name an agent's profile, such as claude")
    inherited = {name: getattr(profile, name) or getattr(base, name) for name in _INHERITED}
    return replace(profile, family=base.family, env={**base.env, **profile.env}, **inherited)


def _directory_of(name: str, dirs: Sequence[ProfileDirectory]) -> ProfileDirectory:
    for directory in (*dirs, BUILT_IN):
        if "/" not in name and _has(directory, f"{name}.yaml"):
            return directory
    known = names(dirs)
    raise UnknownProfile(f"there is no profile called {name!r}", hint=did_you_mean(name, known))


def _has(directory: ProfileDirectory, file: str) -> bool:
    return (directory / file).is_file() if isinstance(directory, Path) else file in directory.files


def parse(name: str, directory: ProfileDirectory, *, version: str = "") -> Profile:
    """Read one profile of a directory, optionally with another ``version``; raises BadConfig with file and key."""
    source = (directory if isinstance(directory, Path) else directory.path) / f"{name}.yaml"
    values = schema.read(_text(source, directory), RULES, str(source), example='command: ["bash"]')
    values["files"] = dict(_files(source, directory, values.get("files", {})))
    if version and "version" not in values:
        raise BadConfig(
            f"{source} has no version, so it cannot be set", hint=f"remove {name}@{version} from the setting versions"
        )
    version = values["version"] = version or values.get("version", "")
    for key in ("npm", "install"):
        values[key] = tuple(line.replace("{version}", version) for line in values.get(key, ()))
    values.setdefault("logins", tuple(name for name in values.get("credentials", ()) if not name.endswith(_ADDRESSES)))
    values["delivery"] = Delivery(values.get("delivery", Delivery.PULL))
    _check_monitor(source, values)
    if values.get("permissions") and values.get("family", "plain") in _WITHOUT_PERMISSIONS:
        message = f"{source}: 'permissions' do nothing for a profile without one of the families that ask"
        raise BadConfig(message, hint=f"choose a family: {', '.join(sorted({*FAMILY_NAMES} - _WITHOUT_PERMISSIONS))}")
    profile = Profile(name=name, source=source, **{"family": "plain", **values})
    if profile.family == "plain" and not profile.command:
        raise BadConfig(f"{source}: 'command' is missing", hint='say what to run, for example: command: ["bash"]')
    return profile


def _check_monitor(source: Path, values: Mapping[str, Any]) -> None:
    """Raise BadConfig for keys that only a monitor may have, or none of which it can be made."""
    monitors = values.get("role") == _MONITOR
    if (alone := sorted({"like", "answer", "network"} & values.keys())) and not monitors:
        raise BadConfig(f"{source}: {alone[0]!r} is only for monitors", hint="add: role: monitor")
    if monitors and not values.get("command"):
        raise BadConfig(f"{source}: 'command' is missing", hint="say what reads the prompt and prints the answer")
    if wrong := sorted(set(values.get("answer") or ()) - {*ANSWER}):
        raise BadConfig(f"{source}: there is no {wrong[0]!r} in 'answer'", hint=f"it may have: {', '.join(ANSWER)}")


def _text(source: Path, directory: ProfileDirectory) -> str:
    try:
        content = source.read_bytes() if isinstance(directory, Path) else directory.files[source.name][0]
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{source} cannot be read: {error}", hint="save it as UTF-8 text that you may read") from error


def _files(
    source: Path, directory: ProfileDirectory, wanted: Mapping[str, str]
) -> Iterator[tuple[str, tuple[bytes, int]]]:
    for target, origin in wanted.items():
        names = PurePosixPath(target).parts
        if not names or ".." in names or target.startswith("/"):
            raise BadConfig(f"{source}: {target!r} in 'files' must be a name below /orchestra")
        if names[0] in _TAKEN:
            raise BadConfig(f"{source}: {target!r} in 'files' is a reserved name", hint="choose another")
        yield (
            target,
            _file_of_person(source, origin) if isinstance(directory, Path) else _allowed(source, directory, origin),
        )


def _file_of_person(source: Path, origin: str) -> tuple[bytes, int]:
    path = source.parent / origin
    try:
        return path.read_bytes(), path.stat().st_mode
    except OSError:
        raise BadConfig(f"{source}: the file {origin!r} does not exist", hint=f"it should be {path}") from None


def _allowed(source: Path, directory: Snapshot, origin: str) -> tuple[bytes, int]:
    """Return a file of a project's profile, which must be one of those that the person has seen with it."""
    name = posixpath.normpath(origin)
    if name.startswith(("/", "..")) or name in directory.links:
        raise BadConfig(
            f"{source}: {origin!r} in 'files' is outside {source.parent}",
            hint="a project's profile may only name files below its own directory, and no symlinks",
        )
    if name not in directory.files:
        raise BadConfig(f"{source}: the file {origin!r} does not exist", hint=f"it should be {source.parent / name}")
    return directory.files[name]
