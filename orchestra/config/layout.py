"""Layouts: where the control pane and the executors are in tmux, as data that a person can add to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from orchestra.config import schema
from orchestra.config.schema import Rule
from orchestra.errors import BadConfig, UsageError
from orchestra.suggestion import did_you_mean

_PACKAGE = Path(__file__).parent.parent
_BUILT_IN = (_PACKAGE / "_layouts", _PACKAGE.parent / "layouts")
"""The directories of the built-in layouts, in a wheel and in a checkout."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_LEAST_COLUMNS, _LEAST_ROWS = 20, 6
"""The smallest usable size of the control pane."""
_SHARE = 0.4
"""The largest share of a window for a size in columns or rows."""


class Placement(StrEnum):
    """The window of the control pane: the designer's, its own, or the current one."""

    DESIGNER = "designer"
    WINDOW = "window"
    FOLLOW = "follow"


class Executors(StrEnum):
    """The windows of the executors: one for each, or a few that they share."""

    WINDOWS = "windows"
    GRID = "grid"


class Side(StrEnum):
    """The side of the window with the control pane."""

    LEFT = "left"
    RIGHT = "right"
    TOP = "top"
    BOTTOM = "bottom"


RULES: Mapping[str, Rule] = {
    "control": Rule(str, choices=tuple(Placement)),
    "executors": Rule(str, choices=tuple(Executors)),
    "side": Rule(str, choices=tuple(Side)),
    "size": Rule(str, numbers=True, pattern=r"[1-9]\d*%?", shape="columns such as 44, or a share such as 30%"),
    "status": Rule(bool),
    "borders": Rule(bool),
    "description": Rule(str, numbers=True),
}
"""The rules for the keys of a layout."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout; ``size`` is in columns (rows for top and bottom), or a share such as ``30%``.

    ``status`` asks for Orchestra's segment in the status line of the tmux session, ``borders`` for a
    line above each agent that says what is shown there. ``executors`` says whether they share windows.
    """

    name: str
    control: Placement
    side: Side = Side.LEFT
    size: str = "44"
    status: bool = True
    borders: bool = True
    description: str = ""
    executors: Executors = Executors.WINDOWS

    @property
    def beside(self) -> bool:
        """Whether the size counts columns, not rows."""
        return self.side in {Side.LEFT, Side.RIGHT}

    def size_in(self, width: int, height: int) -> str:
        """Return the size for a window of so many columns and rows, of which the agent keeps the larger part."""
        if self.size.endswith("%"):
            return self.size
        room, least = (width, _LEAST_COLUMNS) if self.beside else (height, _LEAST_ROWS)
        return str(max(1, min(int(self.size), room // 2, max(least, int(room * _SHARE)))))


def load(name: str, dirs: Sequence[Path] = ()) -> Layout:
    """Read the layout called ``name`` from the first of ``dirs`` that has it, or from the built-in ones.

    Raises UsageError for an unknown name, BadConfig for an invalid file.
    """
    for directory in (*dirs, *_BUILT_IN):
        path = directory / f"{name}.yaml"
        if _NAME.fullmatch(name) and path.is_file():
            return _parse(name, path)
    raise UsageError(f"there is no layout {name!r}", hint=did_you_mean(name, names(dirs)))


def names(dirs: Sequence[Path] = ()) -> list[str]:
    """Return the names of all layouts, the person's own and the built-in ones, in alphabetical order."""
    return sorted({path.stem for directory in (*dirs, *_BUILT_IN) for path in directory.glob("*.yaml")})


def _parse(name: str, path: Path) -> Layout:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadConfig(f"{path} cannot be read: {error}", hint="save it as UTF-8 text") from None
    values = schema.read(text, RULES, str(path), example="control: window")
    if "control" not in values:
        raise BadConfig(f"{path}: control is missing", hint="write, for example: control: window")
    kinds = {"control": Placement, "side": Side, "executors": Executors}
    chosen = {key: kind(values[key]) for key, kind in kinds.items() if key in values}
    layout = Layout(**{"name": name, **values, **chosen})
    if layout.control is Placement.FOLLOW and layout.executors is Executors.GRID:
        hint = "write, for example: control: designer"
        raise BadConfig(f"{path}: a control pane that follows has no place in a grid", hint=hint)
    return layout
