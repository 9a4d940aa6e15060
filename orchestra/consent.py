"""Which wishes of a project's own files reach further than a project may decide by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping

from orchestra.names import digest

DOCKERFILE = "Dockerfile"
"""The wish of a project that brings its own image recipe; it is a file, not a setting."""

_ALWAYS = frozenset(
    {
        "base_image",
        "build_network",
        "check",
        "copy",
        "credentials",
        # It is run on the machine itself, by the person's own key press.
        "editor",
        "image",
        "setup",
        # They are installed as root, and run.
        "versions",
    }
)


def asked(values: Mapping[str, object], dockerfile: str = "") -> tuple[str, ...]:
    """Return the wishes that need the person's consent: names of settings, and ``Dockerfile``."""
    wishes = sorted(key for key, value in values.items() if _reaches_further(key, value))
    return (*wishes, DOCKERFILE) if dockerfile else tuple(wishes)


def _reaches_further(key: str, value: object) -> bool:
    if key == "sandbox":
        return value == "host"
    if key == "network_internal":
        return value is False
    return key in _ALWAYS


def content_hash(values: Mapping[str, object], dockerfile: str = "") -> str:
    """Return the hash that consent is remembered by, or nothing where there is nothing to consent to.

    Only the wishes count: a new layout in the same file does not ask again.
    """
    wishes = asked(values, dockerfile)
    if not wishes:
        return ""
    content = {key: dockerfile if key == DOCKERFILE else values[key] for key in wishes}
    return digest(json.dumps(content, sort_keys=True), 32)
