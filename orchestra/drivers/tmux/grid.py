"""Tile sessions in windows that they share, and give each its own window again; their programs go on."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestra.drivers.tmux.escaping import identifier, literal, quoted, title
from orchestra.drivers.tmux.server import Command, Server
from orchestra.drivers.tmux.windows import GRID, IS_AGENT, OWN_WINDOW, PROJECT, SESSION

LEAST = (56, 10)
"""The columns and rows that a tile has at least; more sessions get a further window."""
_NAME = "grid"
_UNTILED = "-"
_HOOK = "window-resized"
_LISTING = "\t".join(
    (
        "#{pane_id}", "#{window_id}", "#{session_id}", "#{window_width}", "#{window_height}", "#{pane_active}",
        "#{window_active}", "#{window_zoomed_flag}", IS_AGENT, f"#{{{GRID}}}", f"#{{{SESSION}}}", f"#{{{PROJECT}}}",
    )
)  # fmt: skip
_FIELDS = 11


@dataclass(frozen=True, slots=True)
class _Tile:
    """One agent's pane; ``grid`` is empty in a window of its own, else the panes that were tiled last."""

    pane: str
    window: str
    tmux_session: str
    room: tuple[int, int]
    focused: bool
    shown: bool
    zoomed: bool
    grid: str
    session: str


@dataclass(frozen=True, slots=True)
class _Group:
    """The panes of one grid; ``window`` is empty if there is none yet."""

    number: int
    panes: Sequence[str]
    window: str
    resized: Path

    @property
    def name(self) -> str:
        return _NAME if self.number == 0 else f"{_NAME} {self.number + 1}"


class Grid:
    """The windows that the sessions of a project share. Each step leaves every agent where it can be found."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def arrange(self, project: str, panes: Sequence[str], resized: Path) -> bool:
        """Tile these agents' panes in this order, and give the project's other agents their own windows.

        tmux empties the file ``resized`` when a grid has another size, with room for more or fewer.
        Only windows whose sessions change are tiled again, so that a person's own order and sizes stay. A zoomed pane
        stays zoomed, and what a terminal shows stays shown. Returns whether anything moved. Safe to repeat.
        """
        before = tiles = self._look(project)
        groups = _groups(tiles, [pane for pane in panes if any(tile.pane == pane for tile in tiles)])
        grids = _assigned(tiles, groups)
        places = {pane: window for group, window in zip(groups, grids, strict=True) for pane in group}
        for tile in [tile for tile in tiles if tile.grid and places.get(tile.pane) != tile.window]:
            self._take_out(project, tile, alone=sum(other.window == tile.window for other in tiles) == 1)
            tiles = self._look(project)
        for number, (group, window) in enumerate(zip(groups, grids, strict=True)):
            self._fill(project, _Group(number, group, window, resized), tiles)
        if (now := self._look(project)) == before:
            return False
        self._forget_left(project, now)
        self._show_again(before, now)
        return True

    def _look(self, project: str) -> list[_Tile]:
        seen: dict[str, _Tile] = {}
        for line in self._server.ask(("list-panes", "-a", "-F", _LISTING)).text.splitlines():
            tile = _read(line, project)
            # A window that is linked into several tmux sessions is listed for each.
            if tile is not None and not (tile.pane in seen and seen[tile.pane].shown):
                seen[tile.pane] = tile
        return list(seen.values())

    def _take_out(self, project: str, tile: _Tile, *, alone: bool) -> None:
        """Give an agent of a grid a window of its own, after the grid's."""
        pane = tile.pane
        marks = OWN_WINDOW | {PROJECT: project, SESSION: tile.session}
        self._server.ask(
            *([] if alone else [("break-pane", "-d", "-a", "-s", pane, "-t", tile.window)]),
            ("rename-window", "-t", pane, "--", literal(title(tile.session))),
            *(("set-option", "-w", "-t", pane, "--", name, value) for name, value in marks.items()),
            ("set-option", "-w", "-u", "-t", pane, GRID),
            ("set-hook", "-w", "-u", "-t", pane, _HOOK),
            *(("set-option", "-p", "-u", "-t", pane, name) for name in (SESSION, PROJECT)),
            *([] if alone else [("select-layout", "-t", tile.window, "tiled")]),
        )

    def _fill(self, project: str, wanted: _Group, tiles: Sequence[_Tile]) -> None:
        """Put these panes into one grid, an existing or a new one, unless it has exactly them."""
        by_pane, window, group = {tile.pane: tile for tile in tiles}, wanted.window, wanted.panes
        held = [tile.pane for tile in tiles if tile.window == window]
        if window and set(held) == set(group) == set(by_pane[held[0]].grid.split(",")):
            return
        if not window:
            window, held = by_pane[group[0]].window, [group[0]]
            self._found(project, by_pane[group[0]], wanted.resized)
        zoomed = next((tile.pane for tile in tiles if tile.window == window and tile.zoomed and tile.focused), None)
        self._server.ask(
            ("rename-window", "-t", window, wanted.name),
            *_gather(project, window, held, group, by_pane),
            ("select-layout", "-t", window, "tiled"),
            ("set-option", "-w", "-t", window, GRID, ",".join(group)),
            *(command for pane in group if pane == zoomed for command in _zoomed(pane)),
        )

    def _found(self, project: str, first: _Tile, resized: Path) -> None:
        """Make an agent's own window a grid with one agent."""
        told = f": > {shlex.quote(str(resized))} 2>/dev/null || :"
        self._server.ask(
            *_pane_marks(project, first),
            ("set-option", "-w", "-t", first.window, GRID, _UNTILED),
            ("set-option", "-w", "-u", "-t", first.window, SESSION),
            ("set-hook", "-w", "-t", first.window, _HOOK, quoted(("run-shell", "-b", literal(told)))),
        )

    def _forget_left(self, project: str, tiles: Sequence[_Tile]) -> None:
        """Return a grid that all agents have left to the person, whose own panes are still in it."""
        listing = f"#{{window_id}}\t#{{{GRID}}}\t#{{{PROJECT}}}"
        for line in self._server.ask(("list-windows", "-a", "-F", listing)).text.splitlines():
            window, grid, owner = line.split("\t", 2)
            if grid and owner == project and all(tile.window != window for tile in tiles):
                self._server.ask(("set-hook", "-w", "-u", "-t", identifier(window), _HOOK), check=False)
                for name in (GRID, PROJECT):
                    self._server.ask(("set-option", "-w", "-u", "-t", identifier(window), name), check=False)

    def _show_again(self, before: Iterable[_Tile], now: Iterable[_Tile]) -> None:
        """Show the agents that terminals showed before; their windows have changed, or were closed."""
        windows = {tile.pane: tile.window for tile in now}
        for tile in before:
            if tile.shown and tile.focused and windows.get(tile.pane, tile.window) != tile.window:
                self._server.ask(
                    ("select-window", "-t", tile.pane), ("select-pane", "-Z", "-t", tile.pane), check=False
                )


def most(room: tuple[int, int]) -> int:
    """Return how many panes of a readable size tmux can tile in a window of so many columns and rows.

    tmux adds rows and columns by turns, rows first (``layout_set_tiled`` in layout-set.c); each tile
    has a line above it.
    """
    rows = columns = number = 1
    while _fits(rows, columns, room):
        number = rows * columns
        rows, columns = (rows + 1, columns) if rows == columns else (rows, columns + 1)
    return number


def _fits(rows: int, columns: int, room: tuple[int, int]) -> bool:
    return (room[0] - columns + 1) // columns >= LEAST[0] and (room[1] - rows) // rows >= LEAST[1]


def _groups(tiles: Sequence[_Tile], wanted: Sequence[str]) -> list[Sequence[str]]:
    if not wanted:
        return []
    # tmux resizes a window only once it is shown; the one in view has the size that all will have.
    known = sorted(tiles, key=lambda tile: (not tile.shown, not tile.grid))
    size = most(known[0].room)
    return [wanted[start : start + size] for start in range(0, len(wanted), size)]


def _assigned(tiles: Sequence[_Tile], groups: Sequence[Sequence[str]]) -> list[str]:
    """Return for each group the grid that has most of its panes; empty for those that need a new one."""
    held = [(tile.window, tile.pane) for tile in tiles if tile.grid]
    assigned: list[str] = []
    for group in groups:
        common = Counter(window for window, pane in held if pane in group and window not in assigned)
        assigned.append(common.most_common(1)[0][0] if common else "")
    return assigned


def _gather(
    project: str, window: str, held: Sequence[str], group: Sequence[str], by_pane: Mapping[str, _Tile]
) -> list[Command]:
    """Return the commands that put the panes of a group in order into a window, which holds some of them."""
    order = [pane for pane in group if pane in held]
    steps: list[Command] = list(_sorted(held, order))
    for place, pane in enumerate(group):
        if pane in order:
            continue
        beside = ("-t", group[place - 1]) if place else ("-b", "-t", order[0])
        # Tiled first, because a pane of two rows cannot be divided.
        steps += [
            ("select-layout", "-t", window, "tiled"),
            *_pane_marks(project, by_pane[pane]),
            ("join-pane", "-d", "-s", pane, *beside),
        ]
        order.insert(place, pane)
    return steps


def _zoomed(pane: str) -> list[Command]:
    return [("select-pane", "-t", pane), ("resize-pane", "-Z", "-t", pane)]


def _sorted(held: Sequence[str], order: Sequence[str]) -> Iterable[Command]:
    now = list(held)
    for place, pane in enumerate(order):
        if (other := now[place]) != pane:
            yield ("swap-pane", "-d", "-s", pane, "-t", other)
            now[now.index(pane)], now[place] = other, pane


def _pane_marks(project: str, tile: _Tile) -> list[Command]:
    """Return the commands that say on a pane itself whose it is, because its window is another's too."""
    marks = {PROJECT: project, SESSION: tile.session}
    return [("set-option", "-p", "-t", tile.pane, "--", name, value) for name, value in marks.items()]


def _read(line: str, project: str) -> _Tile | None:
    fields = line.split("\t", _FIELDS)
    if len(fields) <= _FIELDS or fields[8] != "1" or not fields[10] or fields[11] != project:
        return None
    pane, window, tmux_session, width, height, focused, shown, zoomed, _, grid, session, _ = fields
    room = (int(width), int(height))
    return _Tile(pane, window, tmux_session, room, focused == "1", shown == "1", zoomed == "1", grid, session)
