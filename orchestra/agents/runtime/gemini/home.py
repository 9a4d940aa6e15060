"""The files in Gemini CLI's home: its settings merged with ours, the role, the login, the conversations."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .watch import conversations, parsed

_BEGIN, _END = "<!-- the role in Orchestra: written at every start -->", "<!-- end of the role in Orchestra -->"
_ROLE = re.compile(re.escape(_BEGIN) + ".*?" + re.escape(_END) + r"\n*", re.DOTALL)
_IMPORT = re.compile(r"(?<!\S)@(?=[./A-Za-z])")
"""Text that would be taken for the name of another file to read."""


def login(environment: Mapping[str, str]) -> str:
    """Return the kind of login for the person's credentials; empty keeps the earlier choice."""
    if environment.get("GEMINI_API_KEY"):
        return "gemini-api-key"
    vertex = environment.get("GOOGLE_API_KEY") or environment.get("GOOGLE_GENAI_USE_VERTEXAI", "").lower() == "true"
    return "vertex-ai" if vertex else ""


def merged(before: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings merged with ours; all others stay."""
    after = dict(before)
    for name, value in ours.items():
        old = after.get(name)
        after[name] = merged(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return after


def write_settings(home: Path, settings: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Merge our settings into those in the home."""
    path = home / "settings.json"
    after = merged(_read(path), settings)
    if kind := login(environment):
        after = merged(after, {"security": {"auth": {"selectedType": kind}}})
    _write(path, json.dumps(after, indent=2))


def keep_login(home: Path, given: str) -> None:
    """Write the login that the person provided, unless there is one already, because Gemini CLI renews its own."""
    path = home / "oauth_creds.json"
    if given and not path.exists():
        _write(path, given)
        auth = {"security": {"auth": {"selectedType": "oauth-personal"}}}
        _write(home / "settings.json", json.dumps(merged(_read(home / "settings.json"), auth)))


def has_login(home: Path) -> bool:
    """Return whether the kind of login is known; without it Gemini CLI asks first."""
    security = _read(home / "settings.json").get("security")
    auth = security.get("auth") if isinstance(security, dict) else None
    return isinstance(auth, dict) and bool(auth.get("selectedType"))


def write_role(home: Path, text: str) -> None:
    """Write the role into the agent's own memory file, which is part of its system prompt; the rest of the file stays.

    Gemini CLI reads a file with this name even if a project names others.
    """
    path = home / "GEMINI.md"
    rest = _ROLE.sub("", _text(path)).strip()
    role = f"{_BEGIN}\n{_IMPORT.sub(chr(92) * 2 + '@', text.strip())}\n{_END}"
    _write(path, "\n\n".join(part for part in (role, rest) if part) + "\n")


def last_conversation(home: Path) -> str:
    """Return the conversation to resume: the last one written that has a message; empty if there is none."""
    known: list[tuple[float, str]] = []
    for path in conversations(home):
        try:
            lines, changed = path.read_bytes().splitlines(), path.stat().st_mtime
        except FileNotFoundError:  # it was tidying up
            continue
        if any(parsed(line).get("type") in {"user", "gemini"} for line in lines):
            known.append((changed, str(parsed(lines[0]).get("sessionId", ""))))
    return max(known, default=(0.0, ""))[1]


def forget(home: Path, conversation: str) -> None:
    """Remove a conversation without messages, which can neither be resumed nor started again."""
    for path in home.glob(f"tmp/*/chats/session-*-{conversation[:8]}.jsonl"):
        path.unlink(missing_ok=True)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(_text(path))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _write(path: Path, text: str) -> None:
    """Write a file atomically, readable only by its owner."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(path)
