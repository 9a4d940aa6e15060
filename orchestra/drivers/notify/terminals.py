"""Ring and show notifications in the terminals that are attached to tmux, beside what tmux draws there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

BELL = b"\a"
_LONGEST = 400


def osc9(title: str, body: str) -> bytes:
    """Return the sequence of iTerm2, kitty, WezTerm and others that shows one text; the texts must be printable."""
    return _sequence(f"9;{title}: {body}" if body else f"9;{title}")


def osc777(title: str, body: str) -> bytes:
    """Return the sequence of rxvt-unicode, foot, Ghostty and others that shows a title and a text; as above."""
    return _sequence(f"777;notify;{title.replace(';', ',')};{body.replace(';', ',')}")


def _sequence(text: str) -> bytes:
    # Whatever a caller forgot: nothing in a text may end the sequence or begin another one.
    safe = "".join(character for character in text if character.isprintable())[:_LONGEST]
    return b"\x1b]" + safe.encode("utf-8", "replace") + b"\a"


def write(terminals: Iterable[str], content: bytes) -> int:
    """Write to terminals of this user in one piece each, without waiting; return how many took it.

    A terminal that is not ours, or that reads nothing at the moment, is left out.
    """
    return sum(_write(Path(terminal), content) for terminal in set(terminals))


def _write(terminal: Path, content: bytes) -> bool:
    try:
        descriptor = os.open(terminal, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        info = os.fstat(descriptor)
        ours = stat.S_ISCHR(info.st_mode) and info.st_uid == os.getuid() and os.isatty(descriptor)
        return ours and os.write(descriptor, content) == len(content)
    except OSError:
        return False
    finally:
        os.close(descriptor)
