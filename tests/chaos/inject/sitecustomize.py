"""Python loads this first in every process that finds it on its path: the product's own processes get a plan to die by.

Only the test's environment puts it there (``PYTHONPATH``); ``CHAOS_PLAN`` names the plan's file, ``CHAOS_PROCESS`` a
word of the command line of those processes that it is for.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

if "CHAOS_PLAN" in os.environ and os.environ["CHAOS_PROCESS"] in sys.orig_argv:
    source = Path(__file__).resolve().parent.parent / "faults.py"
    found = importlib.util.spec_from_file_location("chaos_faults", source)
    assert found is not None
    assert found.loader is not None
    faults = importlib.util.module_from_spec(found)
    sys.modules["chaos_faults"] = faults
    found.loader.exec_module(faults)
    faults.arm_when_there(Path(os.environ["CHAOS_PLAN"]))
