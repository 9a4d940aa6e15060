"""How quickly the control pane answers keys with many sessions in its list."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from benchmarks import painting
from benchmarks.effort import Effort
from benchmarks.table import Goal, Row, of_pairs, p95
from benchmarks.terminal import FIRST, ROOT, WHOLE, Terminal, processor_times
from orchestra.model import DiffStat, Role, SandboxKind, Sign
from orchestra.store import Store

_PROGRAM = ROOT / "tests" / "support" / "control_program.py"


_REPAINT = Goal(30)


@dataclass(frozen=True)
class _Press:
    """Keys that do the same; each is timed until so many seconds pass in which nothing is painted."""

    what: str
    keys: bytes
    quiet: float = WHOLE
    goal: Goal | None = _REPAINT


_PRESSES = (
    _Press("select the next session", b"j" * 40, FIRST),
    _Press("select the next session, and read its diff", b"j" * 40, goal=None),
    _Press("select the next that needs you", b"n" * 20, FIRST),
    _Press("scroll a page of a diff", b"  \x15\x15" * 10),
    _Press("show another tab", b"\t" * 20, FIRST),
)


def keys(effort: Effort) -> Iterator[Row]:
    """A key in the control pane with 200 sessions until everything is painted."""
    number = effort.of(200, 20)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        _fill(place, number)
        with (
            Terminal(sys.executable, str(_PROGRAM), str(place)) as pane,
            painting.static_table(number) as table,
        ):
            for terminal in (pane, table):
                terminal.until("session")
                terminal.settles(1.0)
            for press in _PRESSES:
                some = press.keys[: effort.times(len(press.keys), 3)]
                yield _row(f"{number} sessions: {press.what}", pane, table, replace(press, keys=some))


def _row(what: str, pane: Terminal, table: Terminal, press: _Press) -> Row:
    pairs, spent = [], []
    for key in press.keys:
        took, processor = pane.paced(bytes((key,)), press.quiet)
        pairs.append((took, table.paced(painting.DOWN, press.quiet)[0]))
        spent.append(processor)
    return of_pairs(f"{what}, 95 of 100", pairs, press.goal, by=p95, note=processor_times(spent))


def _fill(place: Path, number: int) -> None:
    """Make a store with so many sessions, one in ten asking the person."""
    store = Store.open(place / "state.db")
    for count in range(number):
        name = f"session-{count:03}" if count else "main"
        store.sessions.add(
            name=name, title=name, role=Role.EXECUTOR if count else Role.DESIGNER, agent="claude",
            sandbox=SandboxKind.DOCKER, branch=f"orchestra/{name}", base="a" * 40, base_branch="main",
            worktree=Path("/w") / name, parent="main" if count else None,
        )  # fmt: skip
        sign = Sign.PROMPTED if count % 10 == 1 else Sign.TURN_ENDED
        store.sessions.record_sign(name, sign, f"works on part {count}")
        store.sessions.update(name, diff=DiffStat(3, 120, 4), state_since=store.now() - timedelta(hours=1))
        (place / f"diff.{name}").write_text(_diff())
    store.close()


def _diff() -> str:
    lines = "".join(f"+print('hello', {number})\n" for number in range(1000))
    return f"diff --git a/app.py b/app.py\n--- a/app.py\n+++ b/app.py\n@@ -0,0 +1,1000 @@\n{lines}"
