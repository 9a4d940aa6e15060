"""Layouts: where the control pane lives in tmux, as data that a person can add to."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

import yaml

from orchestra.errors import BadConfig, UsageError

_PACKAGE = Path(__file__).parent.parent
_BUILT_IN = (_PACKAGE / "_layouts", _PACKAGE.parent / "layouts")
"""Inside the wheel, and beside the package in a checkout."""
_SIZE = re.compile(r"[1-9]\d*%?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_LEAST_COLUMNS, _LEAST_ROWS = 20, 6
"""The least that the control pane can show something in."""
_SHARE = 0.4
"""The part of a window that a size in columns or rows takes at most."""


class Placement(StrEnum):
    """Which window the control pane is in: the designer's, its own, or whichever is current."""

    DESIGNER = "designer"
    WINDOW = "window"
    FOLLOW = "follow"


class Side(StrEnum):
    """Where in its window the control pane stands."""

    LEFT = "left"
    RIGHT = "right"
    TOP = "top"
    BOTTOM = "bottom"


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout; ``size`` is in columns (rows for top and bottom), or a share such as ``30%``.

    ``status`` asks for Orchestra's segment in the status line of the tmux session.
    """

    name: str
    control: Placement
    side: Side = Side.LEFT
    size: str = "44"
    status: bool = True
    description: str = ""

    @property
    def beside(self) -> bool:
        """Whether the size counts columns, not rows."""
        return self.side in {Side.LEFT, Side.RIGHT}

    def size_in(self, width: int, height: int) -> str:
        """Return the size to ask tmux for in a window of so many columns and rows: the agent keeps the larger part."""
        if self.size.endswith("%"):
            return self.size
        room, least = (width, _LEAST_COLUMNS) if self.beside else (height, _LEAST_ROWS)
        return str(max(1, min(int(self.size), room // 2, max(least, int(room * _SHARE)))))


def load(name: str, dirs: Sequence[Path] = ()) -> Layout:
    """Read the layout called ``name`` from ``dirs``, first come first served, or from the built-in ones.

    Raises UsageError for a name nobody knows, BadConfig for a file that cannot be understood.
    """
    for directory in (*dirs, *_BUILT_IN):
        path = directory / f"{name}.yaml"
        if _NAME.fullmatch(name) and path.is_file():
            return _parse(name, path)
    raise UsageError(f"there is no layout {name!r}", hint=_suggestion(name, names(dirs)))


def names(dirs: Sequence[Path] = ()) -> list[str]:
    """Return the names of all layouts, the person's own and the built-in ones, in alphabetical order."""
    return sorted({path.stem for directory in (*dirs, *_BUILT_IN) for path in directory.glob("*.yaml")})


def _parse(name: str, path: Path) -> Layout:
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}," if mark else ""
        reason = getattr(error, "problem", "") or str(error).splitlines()[0]
        raise BadConfig(f"{path}{line} is not YAML: {reason}", hint="compare it with a built-in one") from None
    if not isinstance(read, dict):
        raise BadConfig(f"{path} must hold keys and values", hint="write for example `control: window`")
    _check_keys(path, [str(key) for key in read])
    return Layout(
        name=name,
        control=Placement(_choice(path, "control", read.get("control"), tuple(Placement))),
        side=Side(_choice(path, "side", read.get("side", Side.LEFT), tuple(Side))),
        size=_size(path, read.get("size", "44")),
        status=_flag(path, "status", read.get("status", True)),
        description=str(read.get("description", "")),
    )


def _check_keys(path: Path, keys: Sequence[str]) -> None:
    known = [field.name for field in fields(Layout) if field.name != "name"]
    for key in keys:
        if key not in known:
            raise BadConfig(f"{path} has an unknown key {key!r}", hint=_suggestion(key, known))


def _choice(path: Path, key: str, value: object, allowed: Sequence[str]) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    raise BadConfig(f"{path}: {key} cannot be {value!r}", hint=f"use one of: {', '.join(allowed)}")


def _size(path: Path, value: object) -> str:
    text = str(value)
    if not isinstance(value, bool) and _SIZE.fullmatch(text):
        return text
    raise BadConfig(f"{path}: size cannot be {value!r}", hint="use columns such as 44, or a share such as 30%")


def _flag(path: Path, key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise BadConfig(f"{path}: {key} cannot be {value!r}", hint="use true or false")


def _suggestion(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known ones: {', '.join(known)}"
