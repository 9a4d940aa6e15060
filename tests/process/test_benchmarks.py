"""Every section of the benchmark still runs; the numbers themselves need a quiet machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.terminal import ROOT

ROWS = {
    "commands": ["spawn", "`orchestra new`", "`orchestra switch`", "`orchestra list --json`"],
    "keys": ["select the next session, 95", "read its diff", "needs you", "scroll a page", "another tab"],
    "diff": ["whole", "first paint in the Diff tab", "page down in the Diff tab", "in the review", "in the review"],
    "seen": ["a file written", "an agent's hook", "a container's death"],
    "rest": ["sessions at rest", "of them writing"],
    "files": ["500 files"],
    "many": ["stop 3 agents", "start 3 agents"],
    "landing": ["land 2 executors"],
    "forecast": ["one has changed", "look at its worktree", "all are new", "nothing has changed"],
    "search": ["index", "a rare word", "two words", "a common word"],
}


def measured(*words: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "benchmarks", *words)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)


@pytest.mark.docker
@pytest.mark.parametrize("section", ROWS)
def test_a_section_prints_its_rows_with_the_raw_work_beside_them(section: str) -> None:
    done = measured(section, "--quick")
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    for told, (what, ours, raw, _, _, met, *_) in zip(ROWS[section], rows, strict=True):
        assert told in what
        assert float(ours.split()[0]) > 0
        assert float(raw.split()[0]) >= 0
        assert met.strip() in {"", "met", "missed"}


def test_every_section_is_known_by_its_name() -> None:
    listed = {line.split()[0] for line in measured("--help").stdout.partition("sections:\n")[2].splitlines()}
    assert listed == {*ROWS, "prompt"}
    refused = measured("nothing")
    assert refused.returncode == 2
    assert "nothing" in refused.stderr
