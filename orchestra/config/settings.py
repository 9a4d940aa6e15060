"""Settings, merged from five sources, each value with its origin.

Built in < the person's file < the project's file < ``ORCHESTRA_*`` < flags.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

from orchestra import safe_files
from orchestra.config import consent, looks, schema
from orchestra.config.checks import MESSAGE, require_complete
from orchestra.config.checks import RULES as CHECKS
from orchestra.config.permission_rules import PATTERN
from orchestra.config.schema import Rule, check, from_text, known_key
from orchestra.errors import BadConfig
from orchestra.model import Permissions
from orchestra.suggestion import nearest

BUILT_IN = "built in"
"""The origin of a default value."""
_PREFIX = "ORCHESTRA_"
_NOT_SETTINGS = frozenset({"HOME", "SESSION", "ROLE", "WORKTREE", "TASK_FILE", "MCP_URL", "TOKEN_FILE", "HOOK_URL"})
"""Environment variables that are not settings: the home, and those that agents get."""

_PERMISSIONS = ("", *Permissions)
_RULES = "a list of commands such as git status*, or of tools such as Edit(docs/**)"
_UNITED = frozenset({"allow", "deny"})
"""Settings to which each source adds, so that a project cannot drop what the person denies."""

T = TypeVar("T")


def _setting(value: T, about: str, **limits: Any) -> T:  # noqa: ANN401 -- the limits are those of Rule
    """Declare a setting; its type is that of its value, so that the class below is readable."""
    rule = {"rule": Rule(type(value), about, **limits)}
    if isinstance(value, dict):
        # A dataclass wants a new one for each of its values.
        return cast("T", field(default_factory=value.copy, metadata=rule))
    made: T = field(default=value, metadata=rule)
    return made


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. ``origins`` says where each came from, ``ignored`` names those that need consent.

    ``raised`` are limits that the project's file would raise above the person's; they are ignored.
    """

    agent: str = _setting("claude", "the profile of executors")
    designer_agent: str = _setting("", "the profile of the designer; empty: the same as agent")
    sandbox: str = _setting("auto", "where agents run", choices=("auto", "docker", "host"))
    layout: str = _setting("left", "the name of the layout: where the control pane is")
    prefix_key: str = _setting(
        "O", "the key after tmux's prefix", pattern=r"\S+", shape="one tmux key, such as O or C-o"
    )
    branch_prefix: str = _setting(
        "orchestra/",
        "prefix of the names of session branches",
        pattern=r"(\w[\w.+-]*/)*(\w[\w.+-]*)?",
        shape="part of a branch name",
    )
    versions: tuple[str, ...] = _setting(
        (),
        "versions of agents' programs to install instead of those in their profiles, such as claude@2.1.197",
        pattern=r"[\w.-]+@[0-9A-Za-z][\w.+-]*",
        shape="a list of PROFILE@VERSION",
    )
    model: str = _setting("", "the model that agents use; empty: the profile's")
    permissions: str = _setting(
        "",
        "what agents do without asking; empty: the profile's, else all in a container, edits on the host",
        choices=_PERMISSIONS,
    )
    designer_permissions: str = _setting(
        "", "what the designer does without asking; empty: the same as permissions", choices=_PERMISSIONS
    )
    allow: tuple[str, ...] = _setting(
        (),
        "what agents are allowed without a question, such as git status* or Edit(docs/**)",
        pattern=PATTERN,
        shape=_RULES,
    )
    deny: tuple[str, ...] = _setting(
        (), "what agents are denied without a question; wins over allow", pattern=PATTERN, shape=_RULES
    )
    answer_timeout: int = _setting(
        0, "seconds after which a request for a permission that nobody answered is denied; 0: never", least=0
    )
    max_sessions: int = _setting(12, "how many executors may run at the same time", least=1)
    budget: float = _setting(0.0, "US dollars that one session may cost; 0: no limit", least=0)
    project_budget: float = _setting(0.0, "US dollars that all sessions together may cost; 0: no limit", least=0)
    stuck_after: int = _setting(15, "minutes that a working agent may be silent; 0: for ever", least=0)
    monitor: str = _setting(
        "", "the profile that sums up what sessions do, such as claude-monitor; empty: no model does"
    )
    monitor_every: int = _setting(10, "minutes between two such summaries of one session", least=1)
    monitor_budget: float = _setting(1.0, "US dollars that summaries may cost in a day; 0: no limit", least=0)
    monitor_calls: int = _setting(100, "how often a model is asked for summaries in a day; 0: no limit", least=0)
    resume_after_limit: bool = _setting(False, "whether an agent goes on by itself when a rate limit has ended")
    notify: tuple[str, ...] = _setting(
        (),
        "how you are notified",
        choices=("bell", "osc9", "osc777", "desktop", "urls"),
        addresses="write urls here, and each address on a line of ~/.orchestra/secrets/NOTIFY_URLS",
    )
    quiet_hours: str = _setting(
        "",
        "when you are not notified; empty: never",
        pattern=r"(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?",
        shape="two times in quotes, such as 22:00-07:00",
    )
    base_image: str = _setting(
        "debian:bookworm-slim", "the image that all images are built on", pattern=r"\S+", shape="an image name"
    )
    build_network: str = _setting("host", "the network that image builds use", pattern=r"\S+", shape="a network name")
    image: str = _setting("", "an existing image to use; empty: build one")
    setup: tuple[str, ...] = _setting((), "shell lines run as root when the project's image is built")
    network_internal: bool = _setting(False, "whether containers can reach only this machine")
    memory: str = _setting("4g", "memory per container", pattern=r"\d+[bkmg]?", shape="a size, such as 512m or 4g")
    cpus: float = _setting(0.0, "processors per container; 0: no limit", least=0)
    pids: int = _setting(512, "processes per container", least=16)
    copy: tuple[str, ...] = _setting((), "files, directories and patterns to copy into a new worktree, such as .env")
    credentials: tuple[str, ...] = _setting((), "names of further credentials that agents get")
    editor: str = _setting("", "the editor for specs; empty: $VISUAL, $EDITOR or vi")
    check: str = _setting("", "a command that must succeed on the merged tree")
    checks: tuple[str | Mapping[str, object], ...] = _setting(
        (),
        "further ones, such as {name: lint, command: ruff check, timeout: 60}",
        records=CHECKS,
        shape="a list of commands, or of {name: …, command: …, timeout: SECONDS}",
    )
    checks_at_once: int = _setting(
        0, "how many merged trees are checked at the same time; 0: one for each processor", least=0
    )
    merge_batch: int = _setting(1, "how many queued merges may be checked together, as one tree", least=1)
    merge_message: str = _setting(
        "",
        "the message of a merge, such as {title} ({session}); empty: git's usual",
        pattern=MESSAGE,
        shape="a text in which only {branch}, {session}, {target}, {title} and {agent} are in braces",
    )
    require_proof: bool = _setting(
        False, "whether nothing lands while a command fails that should show an item of its spec"
    )
    proof_timeout: int = _setting(300, "seconds that such a command may take", least=1)
    landing_hooks: bool = _setting(
        False, "whether the repository's hooks (pre-commit, commit-msg) run on merged files, in a container"
    )
    designer_merges: bool = _setting(False, "whether the designer may merge without your approval")
    theme: str = _setting("dark", "the colours of the control pane", choices=("dark", "light", "mono"))
    colours: Mapping[str, str] = _setting(
        {}, 'your own colours over those of the theme, such as {accent: "#ff8700", bad: red}'
    )
    keys: Mapping[str, tuple[str, ...]] = _setting(
        {},
        "your own keys by action, such as {merge: X, next: [n, Down]}; `orchestra keys` names the actions",
        lists=True,
    )
    merge_strategy: str = _setting("merge", "how branches are merged", choices=("merge", "squash", "rebase"))
    ignored: tuple[str, ...] = ()
    raised: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


RULES: Mapping[str, Rule] = {
    setting.name: setting.metadata["rule"] for setting in fields(Settings) if "rule" in setting.metadata
}
"""The rule and the description of each setting."""

_LIMITS: Mapping[str, object] = {
    setting.name: setting.default for setting in fields(Settings) if setting.name in consent.LIMITS
}
_LARGEST = 256 * 1024

_Layer = Mapping[str, tuple[object, str]]
"""The settings of one source: value and origin by key."""


def load(
    person: Path,
    project: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
    consented: str | None = None,
) -> Settings:
    """Merge the settings; raises BadConfig, or Refused if the project's file is not a regular file.

    ``consented`` is the hash (`consent.content_hash`) that the person allowed last. As long as the
    project's file has another one, its settings are ignored and named in ``ignored``. An empty or
    None flag or variable counts as not given.
    """
    own = _own_file(project, person)
    wishes = project_wishes(own) if own else {}
    ignored = consent.asked(wishes) if consent.content_hash(wishes) != (consented or "") else ()
    mine = _read_file(person)
    raised = consent.raised(wishes, {**_LIMITS, **mine})
    layers = (
        _from_file(mine, person),
        _from_file({key: value for key, value in wishes.items() if key not in {*ignored, *raised}}, own),
        _from_environment(os.environ if environment is None else environment),
        _from_flags(flags or {}),
    )
    merged = _merged(layers)
    values: dict[str, Any] = {key: value for key, (value, _) in merged.items()}
    if "keys" in values:
        looks.check_keys(values["keys"], merged["keys"][1])
    if "colours" in values:
        looks.check_colours(values["colours"], merged["colours"][1])
    if "checks" in values:
        require_complete(values["checks"], merged["checks"][1])
    return Settings(
        **values,
        ignored=ignored,
        raised=raised,
        origins=MappingProxyType({key: merged[key][1] if key in merged else BUILT_IN for key in RULES}),
    )


def _merged(layers: Iterable[_Layer]) -> dict[str, tuple[object, str]]:
    """Return the last value of each setting, or all of them together, with where they came from."""
    merged: dict[str, tuple[object, str]] = {}
    for key, (value, origin) in (item for layer in layers for item in layer.items()):
        before, origins = merged.get(key, ((), ""))
        if key in _UNITED and isinstance(before, tuple) and isinstance(value, tuple):
            merged[key] = (*before, *value), ", ".join(filter(None, (origins, origin)))
        else:
            merged[key] = value, origin
    return merged


def load_usable(person: Path, flags: Mapping[str, object] | None = None) -> Settings:
    """Return the settings without the project's file and without invalid sources."""
    nowhere = Path(os.devnull)
    for file, variables, given in ((person, None, flags), (nowhere, None, flags), (nowhere, {}, flags)):
        with contextlib.suppress(BadConfig):
            return load(file, environment=variables, flags=given)
    return load(nowhere, environment={})


def project_wishes(file: Path) -> Mapping[str, object]:
    """Return the settings in a project's own file, ``.orchestra/config.yaml``; raises like `load`."""
    source = file.parent.parent
    content = safe_files.read(source, str(file.relative_to(source)), most=_LARGEST)
    if content is None:
        return {}
    if len(content) > _LARGEST:
        raise BadConfig(f"{file} holds more than {_LARGEST:,} bytes", hint="settings need only a few lines")
    try:
        return _parse(content.decode("utf-8"), str(file))
    except UnicodeError as error:
        raise BadConfig(f"{file} cannot be read: {error}", hint="save it as UTF-8 text") from error


def _own_file(project: Path | None, person: Path) -> Path | None:
    # The project is the home directory itself, so its file is the person's own.
    return project if project is not None and project != Path(os.path.realpath(person)) else None


def _read_file(path: Path) -> Mapping[str, object]:
    if not path.is_file():
        return {}
    try:
        return _parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeError) as error:
        raise BadConfig(f"{path} cannot be read: {error}", hint="save it as UTF-8 text that you may read") from error


def _parse(text: str, where: str) -> Mapping[str, object]:
    return schema.read(text, RULES, where, example="sandbox: docker", noun="setting")


def _from_file(values: Mapping[str, object], path: Path | None) -> _Layer:
    return {key: (value, str(path)) for key, value in values.items()}


def _from_environment(environment: Mapping[str, str]) -> _Layer:
    values = {}
    for name in sorted(name for name in environment if name.startswith(_PREFIX)):
        key = _key_of_variable(name)
        if key and environment[name]:
            values[key] = (from_text(key, environment[name], RULES[key], name), name)
    return values


def _key_of_variable(name: str) -> str:
    """Return the setting of a variable, or an empty text if it is not ours; a similar name is an error."""
    tail = name.removeprefix(_PREFIX)
    key = tail.lower()
    if tail in _NOT_SETTINGS or key in RULES:
        return "" if tail in _NOT_SETTINGS else key
    if near := nearest(key, RULES, likeness=0.8):
        raise BadConfig(f"{name} is not a setting", hint=f"did you mean {_PREFIX}{near.upper()}?")
    return ""


def _from_flags(flags: Mapping[str, object]) -> _Layer:
    given = {
        known_key(key, RULES, "the flags", noun="setting"): value
        for key, value in flags.items()
        if value not in (None, "")
    }
    origins = {key: f"--{key.replace('_', '-')}" for key in given}
    return {key: (check(key, value, RULES[key], origins[key]), origins[key]) for key, value in given.items()}
