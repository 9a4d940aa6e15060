"""A person at a terminal: types keys, reads the screen, runs commands; everything real."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TypeVar

import pytest

from orchestra.names import MAIN
from orchestra.paths import Home
from tests.support.answer_keys import is_counted
from tests.support.tmux import UNHURRIED

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds until a person gives up waiting for something to show."""
PACE = 0.06
"""Seconds between two keys, as quick fingers leave."""
OWN = "orchestra"
"""The name of the tmux server that orchestra starts for people outside tmux."""
_POLL = 0.1
_STAYS = 5.0
"""Seconds after which a key that moves to the next session has done so, unless there is none."""
_ENDS = 30.0
"""Seconds in which a process that was told to end does so, on a busy machine too."""
_CLOCKS = re.compile(r"\s*\b(\d+[smhdw]|\d\d:\d\d)\b")
_CONTROL_WIDTH = 44
_GIT_CONFIG = """\
[user]
\tname = Test Person
\temail = person@example.invalid
[init]
\tdefaultBranch = main
"""


def eventually(look: Callable[[], T], *, within: float = PATIENCE, what: str = "") -> T:
    """Look again until there is something; fails the test with what was seen last."""
    end = time.monotonic() + within
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > end:
            pytest.fail(f"never happened within {within:.0f} s: {what or look}; seen last: {seen!r}")
        time.sleep(_POLL)


def without_clocks(shown: str) -> str:
    """Return what is shown without what changes by itself: ages of things, and tmux's clock."""
    return _CLOCKS.sub("", shown)


@contextmanager
def arriving(place: Path, **settings: str) -> Iterator[Person]:
    """Let a person come with nothing but a home and the sample repository, and see that nothing stays behind."""
    with staying(Person(place, settings)) as someone:
        yield someone


@contextmanager
def staying(someone: Person) -> Iterator[Person]:
    """Let this person come, with a repository of theirs, and see that nothing stays behind."""
    someone.unpacks()
    try:
        yield someone
    finally:
        said = someone.stands_up()
        left = someone.leftovers()
        someone.sweeps()
    assert not left, f"left behind: {left}\n{said}"


@dataclass(frozen=True)
class Person:
    """One person with a home, a repository and a terminal, all below ``place``; ``settings`` go to orchestra."""

    place: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    prefix: str = "C-b"
    terminal: str = "terminal"
    width: int = 160
    height: int = 48

    @property
    def repository(self) -> Path:
        """The sample repository, called tempo."""
        return self.place / "tempo"

    @property
    def home(self) -> Home:
        """Where orchestra keeps what it knows."""
        return Home(self.place / "orchestra")

    @property
    def environment(self) -> dict[str, str]:
        """What the person's programs see: nothing of whoever runs the tests."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("COV", "GIT_", "ORCHESTRA_", "XDG_", "TMUX")) and name not in {"EDITOR", "VISUAL"}
        }
        own = {
            "HOME": str(self.place / "home"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "ORCHESTRA_HOME": str(self.home.root),
            "TMUX_TMPDIR": str(self.place / "tmux"),
            "TMPDIR": str(self.place / "tmp"),
            "XDG_RUNTIME_DIR": str(self.place / "run"),
            "ORCHESTRA_AGENT": "rehearsal",
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
        }
        return {**kept, **own, **self.settings}

    def unpacks(self) -> None:
        """Make the home and the repository with one commit."""
        (self.place / "home").mkdir(parents=True)
        (self.place / "home" / ".gitconfig").write_text(_GIT_CONFIG)
        (self.place / "home" / ".tmux.conf").write_text(UNHURRIED)
        for name in ("tmux", "run", "tmp"):
            (self.place / name).mkdir(mode=0o700)
        self.brings()
        for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", f"Begin {self.repository.name}")):
            self.git(*words)

    def brings(self) -> None:
        """Put the files there that the repository begins with."""
        with as_file(files("orchestra.cli.demo") / "sample") as sample:
            shutil.copytree(sample, self.repository, ignore=shutil.ignore_patterns("__pycache__"))
        (self.repository / ".gitignore").write_text("__pycache__/\n")

    # What a person does in another terminal.

    def run(self, *words: str, deadline: float = 60, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program."""
        return subprocess.run(
            words,
            cwd=cwd or self.repository,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=deadline,
            check=False,
        )

    def git(self, *words: str, cwd: Path | None = None) -> str:
        """Run git and return what it prints; fails the test when git fails."""
        done = self.run("git", *words, cwd=cwd)
        if done.returncode != 0:
            pytest.fail(f"git {' '.join(words)}: {done.stderr}")
        return done.stdout.rstrip("\n")

    def reads(self, name: str) -> str:
        """Read a file of the checkout; nothing while git is replacing it."""
        try:
            return (self.repository / name).read_text()
        except FileNotFoundError:
            return ""

    def orchestra(self, *words: str, check: bool = True, deadline: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command beside the terminal."""
        done = self.run(*self.command(*words), deadline=deadline)
        if check and done.returncode != 0:
            pytest.fail(
                f"orchestra {' '.join(words)[:80]} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr}"
            )
        return done

    @staticmethod
    def command(*words: str) -> tuple[str, ...]:
        """Return the command line of this installation."""
        return (sys.executable, "-m", "orchestra", *words)

    def json(self, *words: str) -> Any:  # noqa: ANN401 -- JSON has no narrower type
        """Run a command with --json."""
        return json.loads(self.orchestra(*words, "--json").stdout)

    def session(self, name: str) -> dict[str, Any]:
        """Return one row of the list; empty where there is no such session."""
        rows: list[dict[str, Any]] = self.json("list")
        return next((row for row in rows if row["name"] == name), {})

    def delegates(self, title: str, *story: str) -> Path:
        """Have an executor made that plays a story; return its worktree."""
        task = self.place / f"{title}.md"
        task.write_text("\n".join((f"Do {title}.", "", "```rehearsal", *story, "```", "")))
        return Path(self.json("new", title, "--task-file", str(task))["worktree"])

    def waits_for(self, name: str, *states: str, within: float = PATIENCE) -> None:
        """Wait until a session is in one of the states."""
        wait = ("wait", name, "--for", ",".join(states), "--timeout", str(within))
        done = self.orchestra(*wait, check=False, deadline=within + 30)
        if done.returncode != 0:
            pytest.fail(f"{done.stderr}\n{self.orchestra('list', '--json').stdout}\n{self.screen()}")

    def told(self, name: str, *texts: str, within: float = PATIENCE) -> dict[str, Any]:
        """Wait until a message to a session holds all the texts, and return it."""

        def look() -> dict[str, Any]:
            messages: list[dict[str, Any]] = self.json("inbox", name)
            return next((one for one in messages if all(text in one["text"] for text in texts)), {})

        return eventually(look, within=within, what=f"a message to {name} with {texts}")

    # What a person does at the terminal.

    def tmux(self, *words: str, server: str = "") -> str:
        """Talk to a tmux server, by default to the terminal that draws."""
        return self.run("tmux", "-L", server or self.terminal, *words).stdout

    def sit_down(self, *words: str) -> None:
        """Open a terminal in the repository and start orchestra in it, as one does outside tmux."""
        self.opens(f"exec {shlex.join(self.command(*words))}")

    def opens(self, line: str) -> None:
        """Open the terminal on a shell line; the tmux that draws it keeps out of the way."""
        line = f"unset TMUX TMUX_PANE; ({line}); echo LEFT; exec sleep 3600"
        self.tmux(
            *("-f", "/dev/null", "new-session", "-d", "-x", str(self.width), "-y", str(self.height)),
            *("-c", str(self.repository), "sh", "-c", line),
            *(";", "set-option", "-g", "prefix", "C-]", ";", "set-option", "-g", "status", "off"),
            *(";", "set-option", "-g", "default-terminal", "tmux-256color"),
        )

    def closes_the_terminal(self) -> None:
        """Close the terminal's window, as with its mouse."""
        self.tmux("kill-server")
        # The next one would speak to the server that is still on its way out.
        look = ("tmux", "-L", self.terminal, "list-sessions")
        eventually(lambda: "no server running" in self.run(*look).stderr, what="the terminal is gone")

    def press(self, *keys: str) -> None:
        """Press keys one after the other, named as tmux names them."""
        for key in keys:
            self.tmux("send-keys", key)
            time.sleep(PACE)

    def says_yes(self, *question: str) -> None:
        """Answer a question of the control pane."""
        self.says("y", *question)

    def says(self, key: str, *texts: str) -> None:
        """Press a key once texts are to be seen, and the key is shown as one that counts."""
        self.sees(*texts)
        self.counts(key)
        self.press(key)

    def counts(self, key: str) -> None:
        """Wait until a key is shown as one whose answer counts."""
        eventually(lambda: is_counted(self.screen(colour=True), key), what=f"{key} counts:\n{self.screen()}")

    def types(self, text: str) -> None:
        """Type a text."""
        self.tmux("send-keys", "-l", text)
        time.sleep(PACE)

    def submits(self, text: str) -> None:
        """Type a text to an agent and press Enter once it is there: read together they would count as a paste."""
        self.types(text)
        self.sees(text)
        self.press("Enter")

    def pastes(self, text: str) -> None:
        """Paste a text from the clipboard."""
        self.tmux("set-buffer", text, ";", "paste-buffer", "-p")
        time.sleep(PACE)

    def chord(self, letter: str) -> None:
        """Press tmux's prefix, then orchestra's key, then a letter."""
        self.press(self.prefix, "O", letter)

    def resizes(self, width: int, height: int) -> None:
        """Give the terminal another size."""
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def screen(self, *, colour: bool = False) -> str:
        """Read the whole screen."""
        return self.tmux("capture-pane", "-p", *(("-e",) if colour else ()))

    def control(self) -> str:
        """Read the left part of the screen, where the control pane is."""
        return "\n".join(line[:_CONTROL_WIDTH] for line in self.screen().splitlines())

    def sees(self, *texts: str, within: float = PATIENCE) -> str:
        """Wait until all texts are on the screen at once, and return it."""
        return self._reads(lambda shown: all(text in shown for text in texts), str(texts), within)

    def sees_no_more(self, text: str, within: float = PATIENCE) -> str:
        """Wait until a text is gone from the screen, and return the screen."""
        return self._reads(lambda shown: text not in shown, f"the end of {text!r}", within)

    def _reads(self, enough: Callable[[str], bool], what: str, within: float) -> str:
        end = time.monotonic() + within
        while not enough(shown := self.screen()):
            if time.monotonic() > end:
                pytest.fail(f"never saw {what} within {within:.0f} s; the screen shows:\n{shown}")
            time.sleep(_POLL)
        return shown

    def goes_to_control(self) -> None:
        """Go to the control pane by key, from wherever this is."""
        self.chord("c")
        eventually(lambda: self.focus() == "control", what="the control pane is chosen")

    def focus(self) -> str:
        """Return what the keys go to in the tmux of our own: ``control``, or ``agent`` for any other pane."""
        where = "#{pane_active}#{window_active}#{@orchestra_control}"
        panes = self.tmux("list-panes", "-a", "-F", where, server=OWN).splitlines()
        return "control" if any(pane.startswith("11/") for pane in panes) else "agent"

    def selected(self) -> str:
        """Return the name of the session that the control pane has selected."""
        rows = [line for line in self.control().splitlines() if line.startswith("▌")]
        words = rows[0].strip("▌│├└ ").split() if rows else []
        return next((word for word in words if word.isascii()), "")

    def selects(self, name: str) -> None:
        """Move to a session in the control pane, down from the first; each key is seen to work before the next."""
        self._selects_the_first()
        # The list is sorted by who needs the person, which may change meanwhile.
        eventually(lambda: self.selected() == name or self._moves_on(), what=f"{name} is selected:\n{self.screen()}")

    def _selects_the_first(self) -> None:
        self.press("1")
        eventually(lambda: self.selected() == MAIN, what="the first session is selected")

    def _moves_on(self) -> bool:
        """Select the next session, from the last one the first; return False, as it may be another one."""
        before, end = eventually(self.selected), time.monotonic() + _STAYS
        self.press("j")
        while self.selected() == before:
            if time.monotonic() > end:
                self._selects_the_first()
                break
            time.sleep(_POLL)
        return False

    # How a person leaves.

    def stands_up(self) -> str:
        """End everything this person started, politely; return what was said to that."""
        ends = (("down", "--stop"), ("gc", "--everything", "--yes"))
        said = [self.orchestra(*words, check=False) for words in ends]
        for socket in (self.place / "tmux").glob("*/*"):
            self.tmux("kill-server", server=socket.name)
        return "\n".join(f"{one.stdout}{one.stderr}" for one in said)

    def leftovers(self) -> list[str]:
        """Return what is there still: processes, containers, networks; a process has a moment to end."""
        end = time.monotonic() + _ENDS
        while (processes := self.processes()) and time.monotonic() < end:
            time.sleep(_POLL)
        names = [f"process {number}: {words}" for number, words in processes.items()]
        return names + [f"{kind} {name}" for kind in ("container", "network") for name in self.engine(kind)]

    def sweeps(self) -> None:
        """Take away by force what is left of this person, and of nobody else."""
        for number in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        for name in self.engine("container"):
            self.run("docker", "rm", "-f", name, cwd=self.place)
        for name in self.engine("network"):
            self.run("docker", "network", "rm", name, cwd=self.place)
        shutil.rmtree(self.place, ignore_errors=True)

    def processes(self, *words: str) -> dict[int, str]:
        """Return this person's processes whose command line holds all words, by number."""
        mark = os.fsencode(self.place) + b"/"
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes():
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                    if line and all(word in line for word in words):
                        found[int(entry.name)] = line
        return found

    def engine(self, kind: str) -> list[str]:
        """Return the names of this person's containers or networks; none where there is no engine."""
        listing = {
            "container": ("docker", "ps", "--all", "--format", "{{.Names}}"),
            "network": ("docker", "network", "ls", "--format", "{{.Name}}"),
        }
        mark = f"orchestra-{self.home.tag}"
        with contextlib.suppress(FileNotFoundError):
            return [name for name in self.run(*listing[kind]).stdout.split() if name.startswith(mark)]
        return []
