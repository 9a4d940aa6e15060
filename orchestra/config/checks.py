"""The checks that a merge must pass, as the settings name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestra.config.schema import Rule
from orchestra.errors import BadConfig
from orchestra.model import Check

DEADLINE = 3600
"""Seconds that a check may take unless it says otherwise."""
RULES: Mapping[str, Rule] = {
    "name": Rule(str, pattern=r"[\w][\w.-]*", shape="a word"),
    "command": Rule(str, pattern=r"(?s).*\S.*", shape="a command"),
    "timeout": Rule(int, least=1),
}
"""The keys of one check."""
MESSAGE = r"(?s)([^{}]|\{(branch|session|target|title|agent)\})*"
"""The shape of a message's template."""
_ONLY = "check"
HOOKS = Check("landing-hooks", "the hooks of the repository", DEADLINE)
"""The check that the setting ``landing_hooks`` adds."""


def require_complete(records: Sequence[str | Mapping[str, object]], where: str) -> None:
    """Raise BadConfig for a check without a command, and for two with the same name."""
    names = [check.name for check in _read(records)]
    if any(not isinstance(record, str) and "command" not in record for record in records):
        raise BadConfig(
            f"{where}: each of the checks needs a command", hint="such as: {name: lint, command: ruff check}"
        )
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise BadConfig(f"{where}: two checks are called {twice!r}", hint="give each a name of its own")


def all_checks(single: str, records: Sequence[str | Mapping[str, object]]) -> tuple[Check, ...]:
    """Return the checks of the settings ``check`` and ``checks``."""
    return (*only(single), *_read(records))


def only(command: str) -> tuple[Check, ...]:
    """Return one check for a command, none for an empty one."""
    return (Check(_ONLY, command, DEADLINE),) if command else ()


def described(checks: Sequence[Check]) -> str:
    """Return the checks as text; a single one that has no name of its own is its command."""
    if [check.name for check in checks] == [_ONLY]:
        return checks[0].command
    return "\n".join(f"{check.name}: {check.command}" for check in checks)


def _read(records: Sequence[str | Mapping[str, object]]) -> tuple[Check, ...]:
    return tuple(_one(number, record) for number, record in enumerate(records, 1))


def _one(number: int, record: str | Mapping[str, object]) -> Check:
    if isinstance(record, str):
        return Check(f"{_ONLY}-{number}", record, DEADLINE)
    name, command = record.get("name", f"{_ONLY}-{number}"), record.get("command", "")
    return Check(str(name), str(command), float(str(record.get("timeout", DEADLINE))))
