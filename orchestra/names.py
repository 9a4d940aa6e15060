"""Names that git, tmux, Docker and the file system all accept, made from any title."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from orchestra.errors import BadName

MAIN = "main"
"""The designer's name; ``session_id="main"`` always means it."""
PERSON = "user"
"""The sender name of the person at the terminal."""
SYSTEM = "orchestra"
"""The sender name of Orchestra itself."""
RESERVED = frozenset({MAIN, PERSON, SYSTEM})

_LONGEST = 40
_VALID = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


def slug(title: str) -> str:
    """Turn a title with any characters into a session name: ``a-z``, ``0-9`` and single dashes, at most 40 long.

    A title without any usable character gets a name from its hash, so that every non-blank title
    has a name. Raises BadName for a blank title.
    """
    if not title.strip():
        raise BadName("a session needs a title", hint='for example: orchestra new "Fix the login page"')
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:_LONGEST].strip("-") or f"session-{digest(title, 6)}"


def is_valid(name: str) -> bool:
    """Return whether ``name`` could be a result of `slug`."""
    return _VALID.fullmatch(name) is not None and "--" not in name


def numbered(name: str, number: int) -> str:
    """Return ``name`` with a number at its end, within the maximum length of `slug`."""
    return suffixed(name, str(number))


def suffixed(name: str, word: str) -> str:
    """Return ``name`` with a word at its end, within the maximum length of `slug`."""
    tail = f"-{word}"[: _LONGEST - 1]
    return (name[: _LONGEST - len(tail)].rstrip("-") + tail).strip("-")


def digest(text: str, length: int) -> str:
    """Return the first ``length`` hexadecimal digits of the text's SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:length]
