"""`orchestra review` and `orchestra diff` in a real terminal, at every size, by keys and by mouse."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from orchestra.drivers.git import looked_tree
from tests.support.projects import HostProject, host_project
from tests.support.scenes import HOSTILE
from tests.support.tmux import until

SIZES = [(40, 12), (120, 40), (220, 50)]
EVIL = "evil\x1b]0;OWNED\x07\x1b[2J\u202e.txt"
DEEP = "a-rather-long-directory/" * 30 + "deep.txt"
_NUMBERS = itertools.count()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostProject]:
    """A session that changed a file of every kind."""
    code = "".join(f"value_{number} = {number}\n" for number in range(400))
    files = {"app.py": code, "tests/test_app.py": "def test(): pass\n", "old.txt": "same\n" * 20}
    with host_project(monkeypatch, files=files) as found:
        tree = found.spawn("alpha").worktree
        found.write(tree, "app.py", code.replace("value_7 = 7", "value_7 = seven").replace("value_300", "other_300"))
        (tree / "tests/test_app.py").unlink()
        (tree / "old.txt").rename(tree / "new.txt")
        (tree / "picture").write_bytes(b"\0\1\2")
        (tree / "link").symlink_to("/etc/passwd")
        found.write(tree, ".github/workflows/ci.yml", "on: push\n")
        found.write(tree, EVIL, f"{HOSTILE.strip(chr(0))}\n{'世界 👩‍💻 ' * 60}THE-END\n".replace("\udcff", ""))
        found.write(tree, DEEP, "deep\n")
        yield found


@dataclass
class Window:
    """A terminal of its own in which one command runs at a time."""

    world: HostProject
    server: str = ""

    def opens(self, words: str, size: tuple[int, int], **variables: str) -> None:
        self.closes()
        # A server that is ending may still take a new session, and lose it.
        self.server = f"reviewer-{next(_NUMBERS)}"
        command = shlex.join((sys.executable, "-m", "orchestra", *words.split()))
        given = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
        width, height = map(str, size)
        (self.world.place / "tmux.conf").write_text("set -g status off\nset -g mouse on\n")
        start = ("-f", str(self.world.place / "tmux.conf"), "new-session", "-d", "-x", width, "-y", height, *given)
        self.tmux(*start, "-c", str(self.world.source), f"{command}; echo ended $?; exec sleep 600")

    def tmux(self, *words: str) -> str:
        done = subprocess.run(("tmux", "-L", self.server, *words), check=True, capture_output=True, timeout=60)
        return done.stdout.decode()

    def closes(self) -> None:
        """Close the terminal, if one is open, and what runs in it."""
        if self.server:
            self.tmux("kill-server")
            self.server = ""

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tmux("send-keys", key)

    def click(self, column: int, row: int) -> None:
        self.tmux("send-keys", "-l", f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m")

    def wheel(self, column: int, row: int) -> None:
        self.tmux("send-keys", "-l", f"\x1b[<65;{column};{row}M")

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def sees(self, *texts: str) -> str:
        shown = ""

        def all_there() -> str:
            nonlocal shown
            shown = self.screen()
            return shown if all(text in shown for text in texts) else ""

        try:
            return until(all_there, seconds=60)
        except AssertionError:
            pytest.fail(f"{texts} is not on the screen:\n{shown}")


@pytest.fixture
def window(world: HostProject) -> Iterator[Window]:
    opened = Window(world)
    yield opened
    opened.closes()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_review_is_driven_by_keys(window: Window, size: tuple[int, int]) -> None:
    window.opens("review alpha", size)
    window.sees("8 files", "ci.yml")
    window.press("}", "}")
    window.sees("deep.txt")
    window.press("}")
    shown = window.sees("value_6", "seven")
    assert "value_7 = 7" in shown
    assert ("│" in shown) == (size[0] >= 90)
    window.press("]", "]")
    window.sees("other_300")
    window.press("/", *"the-end", "Enter")
    window.sees("世界")
    window.press("$")
    window.sees("THE-END")
    window.press("0", "v", "{")
    window.sees("▸ ✓", "\\x1b[2J")
    window.press("3")
    # Who leaves during a look has looked at nothing new.
    until(lambda: "since your last" in (shown := window.screen()) and "reading" not in shown, "what changed since")
    window.press("q")
    window.sees("ended 0")
    assert len(window.world.refs(looked_tree.PREFIX)) == 1
    assert EVIL in window.world.project.store.viewed.marks(window.world.session("alpha").id)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_review_is_driven_by_the_mouse(window: Window, size: tuple[int, int]) -> None:
    window.opens("review alpha", size)
    window.sees("8 files", "ci.yml")
    if size[0] < 90:
        window.press("t")
    rows = window.sees("app.py", "picture").splitlines()
    row = next(number for number, text in enumerate(rows, 1) if "app.py" in text[:20])
    window.click(6, row)
    until(lambda: "▾ app.py" in window.screen().splitlines()[1], "app.py on top")
    window.wheel(size[0] - 5, 6)
    until(lambda: "▾ app.py" not in window.screen(), "scrolled")
    window.press("q")
    window.sees("ended 0")


def drafts(world: HostProject) -> list[tuple[str, int, int, str]]:
    known = world.project.store.comments.of(world.session("alpha").id)
    return [(one.target.path, one.target.first, one.target.last, one.text) for one in known]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_comments_are_written_by_keys_and_sent_as_one_message(window: Window, size: tuple[int, int]) -> None:
    window.opens("review alpha", size)
    window.sees("8 files", "ci.yml")
    window.press("}", "}", "}")
    window.sees("value_6", "seven")
    # Beside each other, both sides of the line are one.
    window.press("c", *("jjj" if size[0] >= 160 else "jjjj"), "c")
    window.sees("app.py, line 8")
    window.press(*"Spell-it-out,", "Enter", *"please.", "C-s")
    window.sees("1 · draft", "please.")
    window.press("C")
    window.sees("the whole change")
    canary = window.world.place / "canary"
    nasty = f"$(touch {canary}); `touch {canary}`\nsecond line"
    subprocess.run(("tmux", "-L", window.server, "load-buffer", "-"), input=nasty.encode(), check=True, timeout=60)
    window.tmux("paste-buffer", "-p")
    window.sees("second line")
    window.press("Escape")
    window.sees("kept as a draft")
    window.press("S")
    window.sees("round 1 is sent")
    (message,) = window.world.project.store.messages.select(recipient="alpha")
    assert "Comment 1: app.py, line 8\n  8 | value_7 = seven\n\nSpell-it-out,\nplease." in message.text
    assert f"Comment 2: the whole change\n\n$(touch {canary}); `touch {canary}`\nsecond line" in message.text
    window.press("S")
    window.sees("no drafts")
    window.press("m")
    window.sees("1 · open · round 1")
    window.press("x")
    window.sees("settled")
    window.press("q", "q")
    window.sees("ended 0")
    assert len(window.world.project.store.messages.select(recipient="alpha")) == 1
    assert not canary.exists()


def test_a_draft_survives_a_killed_review_and_goes_on_in_the_next(window: Window) -> None:
    window.opens("review alpha", (100, 30))
    window.sees("8 files", "ci.yml")
    window.press("c", "f")
    window.sees("the whole file")
    window.press(*"half-a-tho")
    until(lambda: [one[3] for one in drafts(window.world)] == ["half-a-tho"], "it is stored while it is typed")
    shell = int(window.tmux("display-message", "-p", "#{pane_pid}"))
    (child,) = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
    os.kill(int(child), signal.SIGKILL)
    window.sees("ended 137")
    window.opens("review alpha", (100, 30))
    window.sees("8 files", "1 draft", "half-a-tho")
    window.press("m", "e")
    window.sees("Ctrl-s Esc keep")
    window.press(*"ught", "C-s")
    window.sees("kept as a draft", "half-a-thought")
    assert [one[3] for one in drafts(window.world)] == ["half-a-thought"]
    window.press("e")
    window.sees("Ctrl-s Esc keep")
    # The first of them may come before the text area has the keyboard.
    window.press(*("BSpace",) * 20, "C-s")
    window.sees("nothing was written")
    until(lambda: drafts(window.world) == [], "an empty draft is none")
    window.press("q")
    window.sees("ended 0")


@pytest.mark.parametrize("size", [(100, 30), (200, 50)], ids=str)
def test_sessions_are_reviewed_against_each_other(window: Window, size: tuple[int, int]) -> None:
    world = window.world
    for name in ("beta", "gamma"):
        world.write(world.spawn(name), f"only-{name}.txt", f"of {name}\n")
    assert b"type: orchestra compare alpha beta --diff" in run(world, "review", "alpha", "beta", "gamma").stderr
    window.opens("review beta gamma alpha", size)
    wide = size[0] >= 160
    shown = window.sees("2 files", "only in beta", "▎− of beta", "only in gamma", "▎+ of gamma")
    assert shown.startswith(" left − beta   right + gamma  1 of 2" if wide else " − beta   + gamma  1 of 2")
    window.press(")")
    window.sees("+ alpha  2 of 2 others", "only in beta", "only in alpha", "▎− of beta")
    window.press("c")
    window.sees("comments are on the work of one session: orchestra review alpha")
    window.press("(", "q")
    window.sees("ended 0")
    assert world.refs(looked_tree.PREFIX) == {}


def test_comments_are_in_the_pager_and_their_lines_are_followed(window: Window) -> None:
    world = window.world
    for words in (["app.py:8", "Spell it out."], ["--send"]):
        assert run(world, "comment", "alpha", *words).returncode == 0
    tree = world.session("alpha").worktree
    world.write(tree, "app.py", "first\n" + (tree / "app.py").read_text())
    (listed,) = json.loads(run(world, "comment", "alpha", "--json").stdout)
    assert (listed["state"], listed["first"], listed["now"]["first"]) == ("open", 8, 9)
    (same,) = json.loads(run(world, "diff", "alpha", "--json").stdout)["comments"]
    assert same == listed
    window.opens("diff alpha", (80, 24))
    window.sees("8 files")
    window.press("/", *"Spell", "Enter")
    window.sees("┃   Spell it out.")
    window.press("q")
    window.sees("ended 0")
    assert b"open again" in run(world, "comment", "alpha", "--reopen", "1").stdout
    for words, said in (
        (["--settle", "9"], b"no comment 9"),
        (["--list", "--send"], b"only one"),
        (["x:1", "t"], b"no file"),
    ):
        done = run(world, "comment", "alpha", *words)
        assert done.returncode in {1, 2}
        assert said in done.stderr


def test_a_window_of_another_size_is_filled_at_once(window: Window) -> None:
    window.opens("review alpha", (120, 40))
    window.sees("8 files", "ci.yml")
    for width, height in ((220, 50), (40, 12), (91, 20)):
        window.tmux("resize-window", "-x", str(width), "-y", str(height))
        until(partial(fills, window, height), f"a picture of {height} rows:\n{window.screen()}")


def fills(window: Window, height: int) -> bool:
    *rows, last = window.screen().splitlines()
    return len(rows) == height - 1 and "q leave" in last


@pytest.mark.parametrize(
    "variables", [{"NO_COLOR": "1"}, {"PYTHONIOENCODING": "ascii"}, {"TERM": "screen"}], ids=lambda one: next(iter(one))
)
def test_a_review_works_without_colours_or_unicode_and_in_any_terminal(
    window: Window, variables: dict[str, str]
) -> None:
    window.opens("review alpha", (100, 30), **variables)
    shown = window.sees("8 files", "ci.yml", "runs in CI", "on: push")
    if "PYTHONIOENCODING" in variables:
        assert shown.isascii()
        assert "! runs in CI" in shown
    if "NO_COLOR" in variables:
        assert "[38;" not in window.tmux("capture-pane", "-ep")
    window.press("}", "PgDn", "q")
    window.sees("ended 0")


def test_a_diff_opens_in_a_pager_and_nothing_of_it_is_cut(window: Window) -> None:
    window.opens("diff alpha", (60, 20))
    window.sees("8 files", "look at these first")
    window.press("/", *"THE-END", "Enter")
    window.sees("THE-END")
    window.press("q")
    window.sees("ended 0")


def run(world: HostProject, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = (sys.executable, "-m", "orchestra", *words)
    return subprocess.run(command, cwd=world.source, capture_output=True, check=False, timeout=120)


def test_a_patch_is_what_git_takes(world: HostProject, tmp_path: Path) -> None:
    patch = run(world, "diff", "alpha", "--patch").stdout
    subprocess.run(("git", "clone", "--quiet", world.source, tmp_path / "clone"), check=True)
    subprocess.run(("git", "apply", "--index"), cwd=tmp_path / "clone", input=patch, check=True, capture_output=True)
    tree = world.session("alpha").worktree
    world.git("add", "--all", cwd=tree)
    assert world.git("write-tree", cwd=tmp_path / "clone") == world.git("write-tree", cwd=tree)


def test_the_files_are_listed_as_json(world: HostProject) -> None:
    listed = json.loads(run(world, "diff", "alpha", "--json").stdout)
    files = {file["path"]: file for file in listed["files"]}
    assert [file["risk"] for file in listed["files"][:2]] == ["runs in CI", "removes a test"]
    assert (files["app.py"]["insertions"], files["app.py"]["deletions"]) == (2, 2)
    assert files["new.txt"]["old_path"] == "old.txt"
    assert files["picture"]["binary"]
    assert EVIL in files


def test_a_reader_that_leaves_early_is_no_error(world: HostProject) -> None:
    big = "".join(f"line {number}\n" for number in range(60_000))
    world.write(world.session("alpha"), "big.txt", big)
    for flags in ([], ["--patch"]):
        command = shlex.join((sys.executable, "-m", "orchestra", "diff", "alpha", *flags))
        words = ("bash", "-c", f"{command} | head -3; exit ${{PIPESTATUS[0]}}")
        done = subprocess.run(words, cwd=world.source, capture_output=True, check=False, timeout=120)
        assert (done.returncode, done.stderr) == (0, b"")
        assert len(done.stdout.splitlines()) == 3


def test_a_piped_diff_is_whole(world: HostProject) -> None:
    big = "".join(f"line {number}\n" for number in range(100_000))
    world.write(world.session("alpha"), "big.txt", big)
    assert run(world, "diff", "alpha").stdout.count(b"\n+line ") == 100_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("review alpha", b"needs a terminal"),
        ("review alpha nobody", b"nobody"),
        ("review alpha beta --last-commit", b"for one session"),
        ("review alpha alpha", b"nothing to be compared with"),
        ("diff alpha --stat --last-commit", b"the whole branch"),
        ("diff alpha --last-commit --since-last", b"exclude each other"),
        ("diff nobody", b"nobody"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_type(world: HostProject, words: str, said: bytes) -> None:
    done = run(world, *words.split())
    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert b"  \xe2\x86\x92 " in done.stderr or os.environ.get("LC_ALL") == "C"
