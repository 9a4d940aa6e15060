"""The launcher in a terminal of its own."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

from orchestra.actions.session import container_spec
from orchestra.agents.launch_files import runtime_text
from tests.support.launch_files import a_session, lay_out_for


def test_nothing_is_written_before_a_window_is_there_to_show_it(tmp_path: Path) -> None:
    """A terminal without a size is one that nobody is attached to: what a program prints there is lost."""
    worktree = tmp_path / "worktree"
    worktree.mkdir()
    made = lay_out_for(tmp_path, replace(a_session(worktree), agent="plain"), "http://127.0.0.1:9")
    window, terminal = os.openpty()
    environment = {**os.environ, "PS1": "begun> "}
    with subprocess.Popen(made.command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as running:
        early = select.select([window], [], [], 0.5)[0]
        termios.tcsetwinsize(terminal, (24, 80))
        begun = select.select([window], [], [], 60)[0]
        running.kill()
    os.close(terminal)
    os.close(window)
    assert (early, begun) == ([], [window])


def test_a_container_s_program_waits_for_what_is_written_while_it_starts(tmp_path: Path) -> None:
    agent, private = tmp_path / "agent", tmp_path / "git"
    for place in (agent, private):
        place.mkdir()
    command = ("sh", "-c", container_spec.WHEN_READY, str(agent), str(private))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for file, text in ((agent / "launch.sh", "echo begun"), (private / "HEAD", "")):
            assert not select.select([running.stdout], [], [], 0.2)[0]
            aside = tmp_path / "aside"
            aside.write_text(text)
            aside.rename(file)
        assert running.stdout.read() == "begun\n"
    assert running.returncode == 0


def test_secrets_of_every_shape_reach_the_program(tmp_path: Path) -> None:
    worktree = tmp_path / "worktree"
    worktree.mkdir()
    made = lay_out_for(tmp_path, replace(a_session(worktree), agent="plain"), "http://127.0.0.1:9", token="the-token")
    shapes = {
        "ONE": "a\\b c",
        "ENDED": "a\n",
        "MANY": "a\n\nb\n",
        "OPEN": "a\nb",
        "NONE": "",
        "BLANK": "\n\n",
        "0NO": "x",
    }
    for name, text in shapes.items():
        (tmp_path / "secrets" / name).write_text(text)
    launcher = Path(made.command[-1])
    launcher.chmod(0o755)
    lines = launcher.read_text().splitlines()
    before = lines[: lines.index(runtime_text("window.sh").splitlines()[0])]
    shown = "for name in ORCHESTRA_TOKEN ONE ENDED MANY OPEN NONE BLANK; do eval 'printf \"%s|\" \"$'$name'\"'; done"
    launcher.write_text("\n".join([*before, shown, "env | grep -c ^0NO"]))
    done = subprocess.run(made.command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "the-token|a\\b c|a|a\n\nb|a\nb|||0\n"


WATCHER = """
import fcntl, signal, sys, termios
from orchestra.agents.runtime.opencode.bridge import has_terminal
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
