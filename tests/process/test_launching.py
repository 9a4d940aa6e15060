"""The launcher in a terminal of its own."""

from __future__ import annotations

import os
import select
import subprocess
import sys
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


WATCHER = """
import fcntl, signal, sys, termios
from orchestra.agents.box.opencode_bridge import has_terminal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
for _ in range(2):
    print(has_terminal(), file=sys.stderr, flush=True)
    open(sys.argv[1]).read()
"""


def test_a_program_beside_an_agent_sees_that_the_terminal_is_gone(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    window, terminal = os.openpty()
    command = (sys.executable, "-c", WATCHER, str(gate))
    with subprocess.Popen(
        command, stdin=terminal, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as watching:
        assert watching.stderr is not None
        said = [watching.stderr.readline()]
        os.close(terminal)
        os.close(window)
        gate.write_text("")
        said.append(watching.stderr.readline())
        gate.write_text("")
    assert said == ["True\n", "False\n"]
