"""Kill every action at its effects and say what was wrong afterwards: ``python -m tests.chaos --kills 1000``."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.blows import strike_all
from tests.chaos.cases import CASES, IN_CONTAINERS
from tests.chaos.killing import Tally, effects, kill_all
from tests.chaos.served import in_the_service
from tests.support.projects import build_git_image

_SHARES = {"host": 0.7, "tmux": 0.1, "containers": 0.07, "engine": 0.05, "service": 0.08}
"""How the kills are shared out: where agents run on the host a kill takes two seconds, elsewhere it takes five."""


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=0, help="how many in all; 0: every effect of every action once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="the name of one action")
    parser.add_argument("--containers", action="store_true", help="kill where agents run in containers, too")
    parser.add_argument("--list", action="store_true", help="only say which effects each action has")
    return parser.parse_args()


def _rounds(asked: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Tally]]]:
    """Name each round of kills, and what makes them."""

    def share(of: str, among: int) -> int:
        return -(-round(asked.kills * _SHARES[of]) // among) if asked.kills else 0

    def chance() -> random.Random:
        return random.Random(asked.seed)  # noqa: S311 -- where to kill, the same for the same seed

    for case in CASES:
        yield case.name, partial(kill_all, case, share("host", len(CASES)), chance(), print)
    for case in CASES:
        yield f"{case.name}, tmux dies", partial(strike_all, case, share("tmux", len(CASES)), chance(), print)
    with TemporaryDirectory() as context:
        image = build_git_image(Path(context)) if asked.containers else ""
    for case in IN_CONTAINERS if image else ():
        number = share("containers", len(IN_CONTAINERS))
        yield f"{case.name}, container", partial(kill_all, case, number, chance(), print, image=image)
        number = share("engine", len(IN_CONTAINERS))
        yield f"{case.name}, the engine goes", partial(strike_all, case, number, chance(), print, image=image)
    yield "service", partial(in_the_service, share("service", 1) or 60, chance(), print)


def main() -> int:
    """Kill, and return 1 where something was wrong."""
    asked = _asked()
    if asked.list:
        for case in CASES:
            print(f"{case.name}:", *effects(case), sep="\n  ")
        return 0
    bad = kills = 0
    for name, kill in _rounds(asked):
        if asked.only and not name.startswith(asked.only):
            continue
        begun = time.monotonic()
        tally = kill()
        hit, wrong = len(tally.kills) - tally.missed, len(tally.bad)
        kills, bad = kills + hit, bad + wrong
        print(f"{name}: {hit} kills, {wrong} with faults, {time.monotonic() - begun:.0f} s", flush=True)
    print(f"{kills} kills with seed {asked.seed}: {bad} with faults")
    return int(bad > 0)


sys.exit(main())
