"""The person's own tmux: ours to use, theirs to have back exactly as it was."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.journeys.conftest import Arrive
from tests.support.person import OWN, Person, eventually
from tests.support.tmux import UNHURRIED

_PATIENCE = 60.0
"""Seconds in which tmux gives a window the name of what runs in it again."""
CONFIGURATION = """\
set -g prefix C-a
unbind C-b
bind C-a send-prefix
bind -N "open a shell" O split-window -v \\; display-message "mine #{pane_id}"
bind -r o select-pane -t :.+
set -g status-right "#[fg=green]#(uptime | cut -c1-8) %H:%M"
set -g status-right-length 33
set -g base-index 1
set -g renumber-windows on
set-hook -g session-window-changed 'refresh-client -S'
"""


def everything(person: Person, server: str) -> dict[str, str]:
    """Return all that a tmux server has of keys, options, hooks and windows."""
    asked = {
        "keys": ("list-keys",),
        "notes": ("list-keys", "-N", "-a"),
        "server": ("show-options", "-s"),
        "global": ("show-options", "-g"),
        "window": ("show-options", "-g", "-w"),
        "session": ("show-options", "-t", "work"),
        "hooks": ("show-hooks", "-g"),
        "session hooks": ("show-hooks", "-t", "work"),
        "environment": ("show-environment", "-g"),
        "windows": ("list-windows", "-a", "-F", "#{session_name}:#{window_index} #{window_name} #{window_layout}"),
    }
    return {name: person.tmux(*words, server=server) for name, words in asked.items()}


def at_first(person: Person) -> dict[str, str]:
    """Return all that the person's own tmux has, once its window has the name of their shell.

    tmux calls a new window after itself, and then after whatever the starting shell runs.
    """
    person.sees("work")
    shell = person.tmux("show-options", "-g", "-v", "default-shell", server="mine").strip().rpartition("/")[2]
    eventually(lambda: f"work:1 {shell} " in everything(person, "mine")["windows"], what="the window has its name")
    return everything(person, "mine")


def is_given_back(person: Person, server: str, before: dict[str, str]) -> None:
    """See that a tmux server has again exactly what it had before, once its windows have their names again."""
    with suppress(pytest.fail.Exception):
        eventually(lambda: everything(person, server) == before, within=_PATIENCE)
    assert everything(person, server) == before


def up_is_over(person: Person) -> None:
    """Wait until the command has said its last word in the window it was typed in."""
    look = ("capture-pane", "-p", "-t", "work:1")
    eventually(lambda: "1 session is up" in person.tmux(*look, server="mine"), what="up has done its work")


@pytest.fixture
def bea(arrive: Arrive, tmp_path: Path) -> Person:
    """A person with a tmux configuration, whose own tmux fills the terminal; Enter closes the editor."""
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\ncat "$1"\nread -r _\n')
    editor.chmod(0o755)
    person = arrive(ORCHESTRA_SANDBOX="host", EDITOR=str(editor))
    (person.place / "home" / ".tmux.conf").write_text(f"{UNHURRIED}{CONFIGURATION}")
    return replace(person, prefix="C-a")


@pytest.mark.parametrize("layout", ["left", "window", "follow", "grid"])
def test_down_gives_the_persons_own_tmux_back_exactly(bea: Person, layout: str) -> None:
    """Keys, notes, options, hooks and windows are what they were, and up brings all of ours again."""
    bea.opens("exec tmux -L mine new-session -s work")
    before = at_first(bea)
    for _ in range(2):
        bea.types(f"clear; {shlex.join(bea.command('up', '--layout', layout))}")
        bea.press("Enter")
        up_is_over(bea)
        bea.orchestra("switch", "main")
        bea.sees("rehearsal agent: plays a story")
        bea.chord("c")
        bea.sees("Diff ─ Monitor", "stands by")
        assert everything(bea, "mine")["keys"] != before["keys"]
        bea.orchestra("down")
        is_given_back(bea, "mine", before)
    assert bea.tmux("list-sessions", server=OWN) == ""


def test_outside_tmux_the_configuration_counts_and_comes_back(bea: Person) -> None:
    """Our own server reads the person's configuration: their prefix works, and O is theirs again after down."""
    owned = (";", "set-option", "-s", "@orchestra_owner", bea.home.owner)
    bea.run("tmux", "-L", OWN, "new-session", "-d", "-s", "work", "-n", "shell", *owned)
    before = everything(bea, OWN)
    bea.sit_down("up")
    bea.sees("1 session", "stands by")
    bea.chord("?")
    bea.sees("select the next session")
    bea.press("q")
    bea.sees_no_more("select the next session")
    bea.goes_to_control()
    bea.press("q")
    bea.sees("LEFT")
    assert bea.session("main")["state"] == "idle"
    bea.orchestra("down")
    is_given_back(bea, OWN, before)


def test_a_closed_terminal_loses_nothing(bea: Person) -> None:
    """The terminal goes away; up in another one shows the same agents, one control pane, one window each."""
    bea.sit_down("up")
    bea.sees("1 session")
    bea.delegates("Stay here", "ask Ready?")
    bea.sees("◆ stay-here")
    windows = bea.tmux("list-panes", "-a", "-F", "#{pane_id} #{pane_pid}", server=OWN)
    bea.closes_the_terminal()
    bea.sit_down("up")
    bea.sees("◆ stay-here", "2 sessions")
    assert bea.tmux("list-panes", "-a", "-F", "#{pane_id} #{pane_pid}", server=OWN) == windows


def test_two_projects_share_one_tmux(bea: Person) -> None:
    """Each key works for the project in view, another prefix key too; the last project to go gives it back."""
    other = bea.place / "other"
    bea.git("clone", "-q", str(bea.repository), str(other))
    bea.home.root.mkdir()
    (bea.home.root / "config.yaml").write_text("prefix_key: P\n")
    bea.opens("exec tmux -L mine new-session -s work")
    before = at_first(bea)
    for place in (bea.repository, other):
        bea.tmux("select-window", "-t", "work:1", server="mine")
        bea.types(f"clear; cd {shlex.quote(str(place))}; {shlex.join(bea.command('up'))}")
        bea.press("Enter")
        bea.sees(place.name, "1 session", "stands by")
        made = bea.run(*bea.command("new", f"Look at {place.name}", "--task", "Say hello."), cwd=place)
        assert made.returncode == 0, made.stderr
    look = ("capture-pane", "-p", "-t", "work:1")
    eventually(lambda: "prefix, then P, then ?" in bea.tmux(*look, server="mine"), what="the last word of up")
    for place in (bea.repository, other):
        bea.run(*bea.command("switch", f"look-at-{place.name}"), cwd=place)
        bea.sees("(executor) in", f"worktrees/{place.name}")
        bea.press(bea.prefix, "P", "s")
        bea.sees(f"┌─ spec of look-at-{place.name} ─", "Say hello.")
        bea.press("Enter")
        bea.sees_no_more("spec of")
        bea.press(bea.prefix, "P", "c")
        bea.sees(f" {place.name} ", "2 sessions", f"look-at-{place.name}")
        bea.press("?")
        bea.sees("then P, then one of the keys")
        bea.press("x")
    bea.orchestra("down")
    assert "switch-client -T orchestra" in bea.tmux("list-keys", "-T", "prefix", "P", server="mine")
    bea.press(bea.prefix, "P", "c")
    bea.sees(" other ", "2 sessions")
    bea.run(*bea.command("down", "--stop"), cwd=other)
    is_given_back(bea, "mine", before)
