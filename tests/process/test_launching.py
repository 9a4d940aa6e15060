"""The launcher in a terminal of its own."""

from __future__ import annotations

import os
import select
import subprocess
import termios
from dataclasses import replace
from pathlib import Path

from tests.agents.outfitting import a_session, wear


def test_nothing_is_written_before_a_window_is_there_to_show_it(tmp_path: Path) -> None:
    """A terminal without a size is one that nobody is attached to: what a program prints there is lost."""
    worktree = tmp_path / "worktree"
    worktree.mkdir()
    worn = wear(tmp_path, replace(a_session(worktree), agent="plain"), "http://127.0.0.1:9")
    window, terminal = os.openpty()
    environment = {**os.environ, "PS1": "begun> "}
    with subprocess.Popen(worn.command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as running:
        early = select.select([window], [], [], 0.5)[0]
        termios.tcsetwinsize(terminal, (24, 80))
        begun = select.select([window], [], [], 10)[0]
        running.kill()
    os.close(terminal)
    os.close(window)
    assert (early, begun) == ([], [window])
