"""Play random histories of landings, undos and kills on all processors: ``python -m tests.histories``.

They are played in parts of a few histories. The histories of a part are made from the seed and the part's first number,
so that each can be played again, and a run that was ended can go on where it was.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable

from tests.histories.machine import KINDS
from tests.histories.parts import PART, Part, played

_COUNTED = ("histories", "actions", "kills", *KINDS.values())


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.histories", description=__doc__)
    parser.add_argument("--histories", type=int, default=10_000, help="how many in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help=f"the number to begin with: 1, or {PART} more, and so on")
    parser.add_argument("--minutes", type=float, default=0, help="begin no part after so long; 0: play them all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at the same time")
    return parser.parse_args()


def _said(tally: Counter[str]) -> str:
    return ", ".join(f"{tally[kind]:,} {kind}" for kind in _COUNTED)


def _told(seed: int, parts: Iterable[Part]) -> list[Part]:
    """Say what each part did, and return those that ended; Ctrl-C ends the run."""
    ended: list[Part] = []
    try:
        for part in parts:
            print(f"from {part.first}: {_said(part.tally)}, {part.seconds:.0f} s", flush=True)
            if part.failure:
                again = f"--seed {seed} --first {part.first} --histories {part.number}"
                print(f'{part.failure}\nto play them again: make histories ARGS="{again}"', flush=True)
            ended.append(part)
    except KeyboardInterrupt:
        print("interrupted")
    return ended


def main() -> int:
    """Play, and return 1 where something was wrong."""
    asked = _asked()
    parts = played(asked.seed, asked.first, asked.histories, jobs=asked.jobs, minutes=asked.minutes)
    ended = _told(asked.seed, parts)
    total = sum((part.tally for part in ended), Counter[str]())
    bad = sum(bool(part.failure) for part in ended)
    print(f"seed {asked.seed}: {_said(total)}; {bad} of {len(ended)} parts with faults")
    done = {part.first for part in ended}
    end = asked.first + asked.histories
    if left := [first for first in range(asked.first, end, PART) if first not in done]:
        print(f'to go on: make histories ARGS="--seed {asked.seed} --first {left[0]} --histories {end - left[0]}"')
    return int(bad > 0)


sys.exit(main())
