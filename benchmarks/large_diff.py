"""How quickly a session's large diff is shown: whole, in the control pane, and in its review."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import painting
from benchmarks.effort import Effort
from benchmarks.table import Goal, Row, of_pairs, p95
from benchmarks.team import Team, team, until
from benchmarks.terminal import Terminal, processor_times
from orchestra.model import Session, State

_FILES = 10
_PAGE_DOWN = b"\x1b[6~"
_SELECT, _BACK, _NEXT_TAB, _REVIEW, _LEAVE = b"j", b"k", b"\t", b"v", b"\x1b"
_LIST = "main"
"""What the control pane paints once another session is selected, and once the review is left."""
_FIRST_PAINT, _PAGE = Goal(150), Goal(30)


def large_diff(effort: Effort) -> Iterator[Row]:
    """A diff of 100,000 changed lines in 10 files: whole, its first page, and page after page."""
    lines = effort.of(10_000, 200)
    before, after = (_code(lines, word) for word in ("value", "other"))
    names = [f"package/file{number}.py" for number in range(_FILES)]
    with team(1, more=dict.fromkeys(names, before)) as made:
        made.waits_for(State.IDLE)
        session = made.executors[0]
        for name in names:
            (session.worktree / name).write_text(after)
        until(lambda: made.project.store.sessions.get(session.name).diff.insertions == lines * _FILES)
        what = f"diff of {lines * _FILES:,} lines"
        yield _whole(f"{what}, whole: `orchestra diff`", made, session, effort.times(7))
        with made.control_pane() as pane:
            pane.until(session.name)
            yield _first(f"{what}: first paint in the Diff tab", pane, effort.times(11, 2), _SELECT, _BACK)
            pane.writes(_SELECT)
            pane.until("value_")
            yield _pages(f"{what}: page down in the Diff tab, 95 of 100", pane, effort.times(60, 3))
            # In another tab, so that nothing but the review shows changed lines.
            pane.writes(_NEXT_TAB)
            pane.until("for ")
            yield _first(f"{what}: first paint in the review", pane, effort.times(11, 2), _REVIEW, _LEAVE)
            pane.writes(_REVIEW)
            pane.until("value_")
            yield _pages(f"{what}: page down in the review, 95 of 100", pane, effort.times(60, 3))


def _line(number: int, word: str) -> str:
    return f"def {word}_{number}(a, b={number}):  # {word}"


def _code(lines: int, word: str) -> str:
    return "".join(f"{_line(number, word)}\n" for number in range(lines))


def _whole(what: str, made: Team, session: Session, rounds: int) -> Row:
    ours, raw = made.command("diff", session.name), ("git", "diff", session.base)
    pairs = [(_run(ours, made.project.paths.source), _run(raw, session.worktree)) for _ in range(rounds)]
    return of_pairs(what, pairs, note="raw: git diff")


def _run(command: Sequence[str], place: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=place, check=True, stdout=subprocess.DEVNULL, timeout=120)
    return time.perf_counter() - began


def _first(what: str, pane: Terminal, rounds: int, there: bytes, back: bytes) -> Row:
    """Measure from the key until changed lines are painted, and go back; the first time is not counted."""
    pairs = []
    for _ in range(rounds + 1):
        # What the way back has started must not be measured.
        pane.drains(1.5)
        began = time.perf_counter()
        pane.writes(there)
        taken = pane.until("value_") - began
        pairs.append((taken, painting.page(lambda number: _line(number, "value"))))
        pane.settles()
        pane.writes(back)
        pane.until(_LIST)
    return of_pairs(what, pairs[1:], _FIRST_PAINT, note="raw: rich colours one page")


def _pages(what: str, pane: Terminal, rounds: int) -> Row:
    pane.settles()
    pairs, spent = [], []
    for _ in range(rounds):
        took, processor = pane.paced(_PAGE_DOWN)
        pairs.append((took, painting.page(lambda number: _line(number, "value"))))
        spent.append(processor)
    return of_pairs(what, pairs, _PAGE, by=p95, note=f"{processor_times(spent)}; {pane.most_memory():.0f} MB at most")
