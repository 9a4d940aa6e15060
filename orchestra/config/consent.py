"""Which of a project's own settings need the person's consent.

Anyone may have written the file, since it is part of the repository, and the designer can change it
at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from orchestra.model import Permissions
from orchestra.names import digest

LIMITS = frozenset({
    "budget", "cpus", "max_sessions", "memory", "monitor_budget", "monitor_calls", "pids", "project_budget",
})  # fmt: skip
"""The limits that a project may lower but not raise."""
_NARROWER: Mapping[str, object] = {
    "sandbox": "docker",
    "network_internal": True,
    "designer_merges": False,
    "require_proof": True,
    "permissions": Permissions.ASK.value,
    "designer_permissions": Permissions.ASK.value,
}
"""The values that a project may set without consent."""
_ENDLESS_AT_ZERO = frozenset({"budget", "cpus", "monitor_budget", "monitor_calls", "project_budget"})
_UNITS = {"": 0, "b": 0, "k": 10, "m": 20, "g": 30}


def asked(values: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of the settings that need the person's consent: all except limits and restrictions."""
    return tuple(sorted(key for key, value in values.items() if _needs_consent(key, value)))


def _needs_consent(key: str, value: object) -> bool:
    return key not in LIMITS and _NARROWER.get(key, key) != value


def raised(values: Mapping[str, object], person: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of the limits that a project would raise above the person's own."""
    return tuple(sorted(key for key in LIMITS & values.keys() if _amount(key, values[key]) > _amount(key, person[key])))


def _amount(key: str, value: object) -> float:
    if key == "memory":
        number, unit = re.fullmatch(r"(\d+)([bkmg]?)", str(value)).groups()  # type: ignore[union-attr] # checked when read
        return float(int(number) << _UNITS[unit])
    amount = float(str(value))
    return float("inf") if key in _ENDLESS_AT_ZERO and amount == 0 else amount


def content_hash(values: Mapping[str, object]) -> str:
    """Return the hash by which consent is stored; empty if nothing needs consent.

    Only the settings that need consent count; a lower limit in the same file needs none.
    """
    wishes = asked(values)
    if not wishes:
        return ""
    return digest(json.dumps({key: values[key] for key in wishes}, sort_keys=True), 32)
