"""Measure Orchestra beside the raw work: python -m benchmarks --help."""

from __future__ import annotations

import argparse

from benchmarks import table
from benchmarks.effort import Effort
from benchmarks.sections import SECTIONS


def main() -> None:
    """Print a row for each measurement of the sections that were asked for."""
    listed = "\n".join(f"  {name:9} {section.__doc__}" for name, section in SECTIONS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"sections:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="by default all")
    parser.add_argument("--rounds", type=int, default=0, help="repetitions, instead of each section's own number")
    parser.add_argument("--quick", action="store_true", help="only show that everything works, with small numbers")
    asked = parser.parse_args()
    if unknown := set(asked.sections) - SECTIONS.keys():
        parser.error(f"no section is called {', '.join(sorted(unknown))}")
    effort = Effort(asked.quick, asked.rounds)
    print(table.heading(), flush=True)
    for name in asked.sections or SECTIONS:
        for row in SECTIONS[name](effort):
            print(row, flush=True)
    print(f"\nat the end: {table.machine()}")


if __name__ == "__main__":
    main()
