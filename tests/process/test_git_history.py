"""Reading a branch's commits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from orchestra.drivers.git.history import commits
from orchestra.drivers.git.repository import Repository
from orchestra.errors import ToolMissing
place = Path(sys.argv[1])
try:
    commits(Repository(place, place, place, (), "sha1"), "a", "b")
except ToolMissing as error:
    print(error.message)
"""


def test_without_git_it_says_so_instead_of_failing_to_import_its_library(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_PYTHON")}
    done = subprocess.run(
        (sys.executable, "-c", SCRIPT, str(tmp_path)),
        env={**environment, "PATH": "/nowhere"},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("`git` is not installed\n", "")
