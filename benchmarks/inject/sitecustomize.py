"""Python loads this first in every process that finds it on its path: it counts the programs that the service starts.

Only a benchmark's environment puts it there (``PYTHONPATH``); ``BENCH_PROGRAMS`` names the file that gets one line for
each program.
"""

from __future__ import annotations

import os
import sys
from pathlib import PurePath

if "BENCH_PROGRAMS" in os.environ and "orchestra.service" in sys.orig_argv:
    target = os.open(os.environ["BENCH_PROGRAMS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def count(event: str, arguments: tuple[object, ...]) -> None:
        """Write down the program and its first argument."""
        if event == "subprocess.Popen" and isinstance(words := arguments[1], list | tuple):
            plain = [os.fsdecode(word) for word in words[:2]]
            os.write(target, " ".join([PurePath(plain[0]).name, *plain[1:]]).encode() + b"\n")

    sys.addaudithook(count)
