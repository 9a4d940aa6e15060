"""Profiles: how to run one kind of agent, as data."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from orchestra.errors import BadConfig, UnknownProfile

BUILT_IN = Path(__file__).parent / "profiles"
"""The directory of the profiles that come with Orchestra; searched last."""
FAMILY_NAMES = ("claude", "codex", "gemini", "opencode", "plain", "rehearsal")
"""The families that a profile may name."""
USES = ("cost", "context")
"""What an agent may tell of its use."""
_ADDRESSES = ("_URL", "_MODEL")


class Delivery(StrEnum):
    """How a message reaches the agent.

    HOOK: in the reply to one of its hooks, or typed while it is known to be idle. PULL: it asks
    for messages by itself. TYPE: typed while it is known to be idle. Nothing is ever typed at an
    agent that pulls: a shell would run the text.
    """

    HOOK = "hook"
    PULL = "pull"
    TYPE = "type"


@dataclass(frozen=True, slots=True)
class Profile:
    """How to run one kind of agent.

    ``in_container`` and ``on_host`` are words added to the command in one kind of sandbox.
    ``npm`` are packages unpacked into the image, with ``{arch}`` for npm's name of the machine.
    ``hooks`` says that the agent itself tells what it does. ``prompt`` is a regular expression for the
    line with the cursor while nothing is typed. ``full_screen`` says that its program
    draws the whole terminal, also where nothing is ever typed at it. ``headless`` is the command
    that answers one prompt, given last, and ends. Any one of ``logins`` is enough of a login;
    ``keeps_login`` are files in its home where its program keeps one that it asked for itself.
    ``tells`` is what it tells of its use (cost, context), ``resumes`` that its conversation
    survives a restart.
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
    files: Mapping[str, Path] = field(default_factory=dict)
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

    @property
    def takes_typing(self) -> bool:
        """Whether its program handles pastes and focus itself, a person's as well as ours."""
        return self.full_screen or self.delivery is not Delivery.PULL


def names(dirs: Sequence[Path]) -> list[str]:
    """Return the names of all profiles in ``dirs`` and built in, sorted."""
    return sorted({file.stem for place in (*dirs, BUILT_IN) for file in place.glob("*.yaml")})


def load(name: str, dirs: Sequence[Path] = (), *, versions: Sequence[str] = ()) -> Profile:
    """Return the profile called ``name`` from the first directory that has it, else the built-in one.

    ``versions`` (``PROFILE@VERSION``) take the place of the profiles' own. Raises UnknownProfile,
    or BadConfig for a file that cannot be understood.
    """
    wanted = dict(one.split("@", 1) for one in versions)
    for known in wanted:
        _source(known, dirs)
    return parse(name, _source(name, dirs), version=wanted.get(name, ""))


def _source(name: str, dirs: Sequence[Path]) -> Path:
    for place in (*dirs, BUILT_IN):
        source = place / f"{name}.yaml"
        if source.parent == place and source.is_file():
            return source
    known = names(dirs)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
    raise UnknownProfile(f"there is no profile called {name!r}", hint=hint)


def parse(name: str, source: Path, *, version: str = "") -> Profile:
    """Read one profile file, with another ``version`` than its own; raises BadConfig naming the file and the key."""
    data = _read(source)
    for key in data:
        if key not in _SHAPES:
            close = difflib.get_close_matches(str(key), _SHAPES, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(sorted(_SHAPES))}"
            raise BadConfig(f"{source}: unknown key {key!r}", hint=hint)
    values: dict[str, Any] = {str(key): _shaped(source, key, value) for key, value in data.items()}
    values["files"] = dict(_files(source, values.get("files", {})))
    if version and "version" not in values:
        raise BadConfig(f"{source} has no version to choose", hint=f"take {name}@{version} out of the setting versions")
    version = values["version"] = version or values.get("version", "")
    for key in ("npm", "install"):
        values[key] = tuple(line.replace("{version}", version) for line in values.get(key, ()))
    values.setdefault("logins", tuple(one for one in values.get("credentials", ()) if not one.endswith(_ADDRESSES)))
    profile = Profile(name=name, source=source, **{"family": "plain", **values})
    if profile.family == "plain" and not profile.command:
        raise BadConfig(f"{source}: 'command' is missing", hint='say what to run, such as: command: ["bash"]')
    return profile


def _read(source: Path) -> Mapping[object, object]:
    try:
        data = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).replace('in "<unicode string>", ', "").split())
        raise BadConfig(
            f"{source} cannot be read: {reason}", hint="write it as YAML: one key and value a line"
        ) from error
    if not isinstance(data, Mapping):
        raise BadConfig(f"{source} is not a list of keys and values", hint="see: orchestra agents")
    return data


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError("a text")
    return str(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false")
    return value


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError('a list of texts, such as ["bash", "-l"]')
    return tuple(value)


def _pairs(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError("names and values, such as {NAME: value}")
    return {str(key): _text(item) for key, item in value.items()}


def _family(value: object) -> str:
    if value not in FAMILY_NAMES:
        raise TypeError(f"one of: {', '.join(FAMILY_NAMES)}")
    return str(value)


def _uses(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not set(value) <= set(USES):
        raise TypeError(f"a list of some of: {', '.join(USES)}")
    return tuple(value)


def _delivery(value: object) -> Delivery:
    if value not in list(Delivery):
        raise TypeError(f"one of: {', '.join(Delivery)}")
    return Delivery(str(value))


def _pattern(value: object) -> str:
    try:
        re.compile(_text(value))
    except re.error as error:
        raise TypeError(f"a regular expression: {error}") from error
    return str(value)


_SHAPES: dict[str, Callable[[object], Any]] = {
    "family": _family,
    "description": _text,
    "version": _text,
    "model": _text,
    "command": _words,
    "resume": _words,
    "in_container": _words,
    "on_host": _words,
    "install": _words,
    "npm": _words,
    "credentials": _words,
    "files": _pairs,
    "env": _pairs,
    "hooks": _flag,
    "delivery": _delivery,
    "prompt": _pattern,
    "full_screen": _flag,
    "headless": _words,
    "logins": _words,
    "keeps_login": _words,
    "tells": _uses,
    "resumes": _flag,
}
KEYS = tuple(_SHAPES)
"""Every key of a profile."""


def _shaped(source: Path, key: object, value: object) -> object:
    try:
        return _SHAPES[str(key)](value)
    except TypeError as error:
        raise BadConfig(f"{source}: {key!r} must be {error}", hint=f"correct {key} in {source}") from error


def _files(source: Path, wanted: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    for target, origin in wanted.items():
        parts = PurePosixPath(target).parts
        if not parts or ".." in parts or target.startswith("/"):
            raise BadConfig(f"{source}: {target!r} in 'files' must be a name below /orchestra")
        path = source.parent / origin
        if not path.is_file():
            raise BadConfig(f"{source}: the file {origin!r} does not exist", hint=f"looked for {path}")
        yield target, path
