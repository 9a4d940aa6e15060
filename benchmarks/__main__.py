"""Measure: python -m benchmarks [ROUNDS [TEXT]]."""

from __future__ import annotations

import sys

from benchmarks.measure import main

if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9, *sys.argv[2:3])
