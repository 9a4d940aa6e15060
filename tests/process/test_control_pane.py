"""The control pane in a real terminal: tmux, a real store, real keys, real signals."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from orchestra.control.diff_looks import PERIOD
from orchestra.drivers.tmux.driver import Tmux
from orchestra.model import DiffStat, MessageKind, Role, SandboxKind, Sign, ToolUse
from orchestra.store import Store
from tests.support.answer_keys import is_counted
from tests.support.tmux import tmux_place, until

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tests" / "support" / "control_program.py"
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x1b[31m[red]x[/red]\u202e"


@dataclass
class Pane:
    """The control pane, and what it reads and does."""

    tmux: Tmux
    id: str
    place: Path
    store: Store

    def press(self, *keys: str) -> None:
        self.tmux.server.ask(("send-keys", "-t", self.id, *keys))

    def says_yes(self) -> None:
        """Answer a question once its key is shown as one that counts."""
        self.answers("y")

    def answers(self, key: str) -> None:
        """Press a key that answers, once it is shown as one that counts."""
        until(lambda: is_counted(self.screen(colour=True), key), f"that {key} counts")
        self.press(key)

    def clicks(self, text: str, *, times: int = 1) -> None:
        """Click on a text with the mouse: what a terminal sends, one report for each press and each release."""
        row, line = next((row, line) for row, line in enumerate(self.shows(text).splitlines(), 1) if text in line)
        at = f"0;{line.index(text) + 1};{row}"
        self._sends(f"\x1b[<{at}M\x1b[<{at}m" * times)

    def drags(self, row: int, to: int) -> None:
        """Drag the mouse from a row to another one."""
        for report in (f"0;40;{row}M", f"32;40;{(row + to) // 2}M", f"32;40;{to}M", f"0;40;{to}m"):
            self._sends(f"\x1b[<{report}")

    def wheel(self, row: int) -> None:
        """Turn the mouse's wheel down once, with the pointer in a row."""
        self._sends(f"\x1b[<65;5;{row}M")

    def _sends(self, text: str) -> None:
        self.tmux.server.ask(("send-keys", "-t", self.id, "-H", *(f"{byte:x}" for byte in text.encode())))

    def screen(self, *, colour: bool = False) -> str:
        return self.tmux.panes.capture(self.id, colour=colour)

    def shows(self, *texts: str) -> str:
        """Wait until all texts are on the screen at the same time, and return it."""
        shown = ""

        def all_there() -> bool:
            nonlocal shown
            shown = self.screen()
            return all(text in shown for text in texts)

        try:
            until(all_there)
        except AssertionError:
            pytest.fail(f"never saw {texts}; the screen shows:\n{shown}")
        return shown

    def hides(self, text: str) -> None:
        until(lambda: text not in self.screen(), f"the screen without {text!r}")

    def actions(self) -> list[list[object]]:
        file = self.place / "actions"
        return [json.loads(one) for one in file.read_text().splitlines()] if file.exists() else []

    def did(self, *action: object) -> None:
        until(lambda: list(action) in self.actions(), f"{action} among {self.actions()}")

    def ask(self, format_: str) -> str:
        return self.tmux.server.line(("display-message", "-p", "-t", self.id, format_))

    @property
    def pid(self) -> int:
        """The control pane's own process: the shell's only child."""
        shell = self.ask("#{pane_pid}")
        return int(Path(f"/proc/{shell}/task/{shell}/children").read_text().split()[0])

    def resize(self, width: int, height: int) -> None:
        self.tmux.server.ask(("resize-window", "-t", self.id, "-x", str(width), "-y", str(height)))


def _add(store: Store, name: str, **values: object) -> None:
    usual: dict[str, object] = {
        "name": name,
        "title": name,
        "role": Role.EXECUTOR,
        "agent": "claude",
        "sandbox": SandboxKind.DOCKER,
        "branch": f"orchestra/{name}",
        "base": "a" * 40,
        "base_branch": "trunk",
        "worktree": Path("/w") / name,
        "parent": "main",
    }
    store.sessions.add(**(usual | values))


def _fill(store: Store) -> None:
    _add(store, "main", role=Role.DESIGNER, parent=None)
    _add(store, "login", sandbox=SandboxKind.HOST)
    _add(store, "docs")
    store.sessions.record_sign("main", Sign.READY, "ready")
    store.sessions.record_sign("login", Sign.ASKED, "which login?")
    store.sessions.record_sign("docs", Sign.TURN_STARTED, "writes the guide")
    store.sessions.update("login", diff=DiffStat(1, 2, 0))
    store.messages.post("login", "main", MessageKind.QUESTION, "QUESTION: which login?")


def _start(monkeypatch: pytest.MonkeyPatch, place: Path, terminal: str, **variables: str) -> Iterator[Pane]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with tmux_place(monkeypatch, config=f"set -g default-terminal {terminal}\n") as server:
        store = Store.open(place / "state.db")
        _fill(store)
        (place / "diff.login").write_text(_diff("print('hello')"))
        shell = f"'{sys.executable}' '{PROGRAM}' '{place}' 2> '{place}/err'; echo code $?; stty -a; exec cat"
        window = server.tmux.windows.open_agent(
            server.session,
            "c",
            ("sh", "-c", shell),
            session="c",
            project="p",
            cwd=place,
            env={"PYTHONPATH": str(ROOT), **variables},
        )
        pane = Pane(server.tmux, window.pane, place, store)
        pane.resize(44, 36)
        pane.shows("login", "service")
        yield pane
        store.close()


def _diff(line: str) -> str:
    return f"diff --git a/app.py b/app.py\n--- /dev/null\n+++ b/app.py\n@@ -0,0 +1 @@\n+{line}\n"


@pytest.fixture
def pane(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Pane]:
    yield from _start(monkeypatch, tmp_path, "tmux-256color")


@pytest.mark.parametrize("terminal", ["tmux-256color", "screen-256color"])
def test_it_shows_the_sessions_on_the_alternate_screen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, terminal: str
) -> None:
    for pane in _start(monkeypatch, tmp_path, terminal):
        pane.shows("1 working · 3 sessions", "◆ login", "HOST", "which login?", "● docs")
        assert pane.ask("#{alternate_on} #{cursor_flag}") == "1 0"
        assert "38;5;" in pane.screen(colour=True)


def test_a_change_by_another_process_is_on_the_screen(pane: Pane) -> None:
    _add(pane.store, "fresh-one")
    pane.shows("fresh-one")


def test_keys_move_turn_tabs_and_have_actions_done(pane: Pane) -> None:
    pane.press("Down")
    pane.shows("print('hello')")
    pane.press("m")
    pane.shows("waiting for", "so far")
    pane.press("Tab")
    pane.shows("main", "login → main question", "no answer yet")
    pane.press("Enter", "t")
    pane.did("switch", {"name": "login"})
    pane.did("terminal", {"name": "login"})
    pane.press("s")
    pane.did("edit_spec", {"name": "login"})


def test_the_diff_on_the_screen_is_the_live_one(pane: Pane) -> None:
    pane.press("j")
    pane.shows("print('hello')")
    (pane.place / "diff.login").write_text(_diff("print('changed')"))
    pane.store.notes.note_diff(pane.store.sessions.get("login").id, "another")
    pane.shows("print('changed')")
    pane.store.sessions.update("login", diff=DiffStat(1, 3, 0))
    (pane.place / "diff.login").write_text(_diff("print('again')"))
    pane.shows("print('again')")


def test_a_diff_is_asked_for_only_where_another_one_is_recorded(pane: Pane) -> None:
    """However much happens: a diff costs a look at the whole worktree."""
    pane.press("j")
    pane.shows("print('hello')")
    pane.store.sessions.record_sign("login", Sign.TURN_STARTED, "works")
    asked = (pane.place / "asked").read_text().count("login")
    began = time.monotonic()
    for number in count():
        pane.store.events.log("login", "tool", f"step {number}")
        if time.monotonic() - began > 3 * PERIOD:
            break
    pane.press("m")
    pane.shows(f"step {number}")
    assert (pane.place / "asked").read_text().count("login") == asked


def test_an_error_is_told_with_what_to_type_next_and_stays_text(pane: Pane) -> None:
    pane.press("j", "M")
    pane.shows("Merge login into trunk?", ".envrc", "y yes")
    pane.says_yes()
    pane.did("merge", {"name": "login", "head": "a1"})
    pane.shows("✗ app.py \\x1b[31mis not", "→ orchestra send it [red]please")
    pane.press("Escape")
    pane.hides("is not")


def test_delete_asks_and_says_what_is_kept(pane: Pane) -> None:
    pane.press("j", "D")
    pane.shows("Delete login?", "Its branch orchestra/login")
    pane.press("n")
    pane.shows("nothing was done")
    assert pane.actions() == []
    pane.press("D")
    pane.shows("Delete login?")
    pane.says_yes()
    pane.did("delete", {"name": "login"})


def test_a_permission_request_is_seen_exactly_and_answered_by_its_number(pane: Pane) -> None:
    session = pane.store.sessions.get("docs")
    use = ToolUse("Bash", command="rm -rf build", summary="runs: rm -rf build", detail="rm -rf build\n  && rm -rf dist")
    asked = pane.store.permissions.ask(session.id, "key", "digest", use)
    other = pane.store.permissions.ask(pane.store.sessions.get("login").id, "key", "digest", use)
    pane.shows("2 need you", "wants: rm -rf build")
    pane.press("w")
    pane.shows("▏   && rm -rf dist", "a allow  A always  x deny")
    pane.press("k")
    pane.shows("▌◆ docs wants")
    pane.answers("a")
    pane.did("answer", {"id": asked.id, "decision": "allow", "reason": ""})
    pane.press("j")
    pane.shows("▌◆ login wants")
    pane.answers("x")
    pane.shows("why login may not")
    pane.press("-l", "not now")
    pane.press("Enter")
    pane.did("answer", {"id": other.id, "decision": "deny", "reason": "not now"})
    assert len(pane.actions()) == 2


def test_a_word_typed_over_a_permission_request_answers_nothing(pane: Pane) -> None:
    use = ToolUse("Bash", command="rm", summary="runs: rm", detail="rm")
    pane.store.permissions.ask(pane.store.sessions.get("docs").id, "key", "digest", use)
    pane.press("w")
    pane.shows("a allow  A always  x deny")
    for text in ("always do that\r", "xanadu", "and x"):
        until(lambda: is_counted(pane.screen(colour=True), "a"), "that a counts")
        pane.press("-l", text)
        pane.shows("looks like text")
        pane.press("Escape")
        pane.hides("looks like text")
    assert pane.actions() == []


def test_a_question_is_answered_in_its_place(pane: Pane) -> None:
    asked = pane.store.messages.post("docs", "user", MessageKind.QUESTION, "QUESTION: which title?\nA or B?")
    pane.store.sessions.record_sign("docs", Sign.ASKED, "which title?", waits_for=asked.id)
    pane.shows("1 needs you", "asks: which title?")
    pane.press("n", "w")
    pane.shows("A or B?", "r answer")
    pane.press("r")
    pane.shows("answer to docs")
    pane.press("-l", "Take B")
    pane.press("Enter")
    pane.press("-l", "please")
    pane.shows(" Take B", " please")
    pane.press("C-s")
    text = {"text": "Take B\nplease", "answers": asked.id}
    pane.did("send", {"sender": "user", "recipient": "docs", "kind": "message"} | text)


def test_the_mouse_selects_goes_shows_scrolls_and_drags(pane: Pane) -> None:
    pane.store.sessions.update("login", diff=DiffStat(1, 99, 0))
    lines = "".join(f"+row {number}\n" for number in range(99))
    (pane.place / "diff.login").write_text(f"diff --git a/a b/a\n--- /dev/null\n+++ b/a\n@@ -0,0 +1,99 @@\n{lines}")
    pane.clicks("login")
    pane.shows("row 3")
    pane.wheel(30)
    until(lambda: "row 0" not in pane.screen(), "the diff is scrolled")
    bar = next(row for row, line in enumerate(pane.screen().splitlines(), 1) if "Monitor" in line)
    pane.drags(bar, bar + 9)
    until(lambda: "Monitor" in pane.screen().splitlines()[bar + 8], "the border is where it was dragged to")
    pane.clicks("Messages")
    pane.shows("login → main question")
    pane.clicks("docs", times=2)
    pane.did("switch", {"name": "docs"})


@pytest.mark.parametrize(("width", "height"), [(40, 24), (250, 40)])
def test_everything_works_in_narrow_and_in_wide_terminals(pane: Pane, width: int, height: int) -> None:
    pane.resize(width, height)
    pane.press("j")
    pane.shows("print('hello')", "which login?", "? help")
    assert max(len(line) for line in pane.screen().splitlines()) <= width
    pane.press("m")
    pane.shows("so far")
    pane.press("?")
    pane.shows("create a session")
    pane.press("Escape")
    pane.hides("create a session")
    pane.press("D")
    pane.shows("Delete login?", "y yes")


def test_without_unicode_everything_has_a_letter_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for pane in _start(monkeypatch, tmp_path, "screen", LC_ALL="C", NO_COLOR="1"):
        pane.press("j")
        screen = pane.shows("* service", "print('hello')", "which login?")
        assert screen.isascii()
        assert "|` " not in screen
        assert "38;5" not in pane.screen(colour=True)
        assert "\x1b[7m" in pane.screen(colour=True)


def test_a_sentence_meant_for_elsewhere_sets_nothing_off(pane: Pane) -> None:
    pane.press("j")
    pane.shows("writes", "login")
    for text in ("please fix the tests\r", "python says yes\r", "stop\r"):
        pane.press("-l", text)
        pane.shows("looks like text", "g goes to the session")
        assert pane.actions() == []
        pane.press("Escape")
        pane.hides("looks like text")


def test_a_new_session_is_typed_in_the_pane(pane: Pane) -> None:
    pane.press("N")
    pane.shows("new session: its title")
    pane.press("-l", "Größe 日本")
    pane.shows("Größe 日本")
    pane.press("Enter")
    pane.shows("new session: Größe 日本: its task")
    pane.press("-l", "do it")
    pane.press("Enter")
    pane.press("-l", "well")
    pane.shows(" do it", " well")
    pane.press("C-s")
    pane.did("spawn", {"title": "Größe 日本", "task": "do it\nwell", "parent": "main"})
    pane.shows("◌ groe", "✓ Größe 日本 is created")


def test_keys_work_while_an_action_takes_long(pane: Pane) -> None:
    (pane.place / "slow").touch()
    pane.press("j", "t")
    pane.shows("opening a terminal for login…")
    pane.press("j", "m")
    pane.shows("writes the guide", "so far")
    (pane.place / "slow").unlink()
    pane.hides("opening a terminal")


def test_help_shows_every_key(pane: Pane) -> None:
    pane.press("?")
    pane.shows("then O", "open the session's spec")
    pane.press("End")
    pane.shows("put the text away")
    pane.press("Escape")
    pane.hides("put the text away")


def test_hostile_text_is_shown_as_text(pane: Pane) -> None:
    pane.store.sessions.record_sign("login", Sign.ASKED, HOSTILE)
    pane.store.messages.post("login", "main", MessageKind.ERROR, HOSTILE)
    pane.store.sessions.update("login", branch=f"orchestra/{HOSTILE}")
    (pane.place / "diff.login").write_text(_diff(HOSTILE))
    pane.press("j")
    pane.shows("\\x1b]0;owned\\x07", "◆ login")
    for key in ("m", "Tab"):
        pane.press(key)
        pane.shows("[red]x[/r", "\\x1b]0;owned\\x07", "◆ login")
    assert pane.ask("#{pane_title}") != "owned"


def test_a_new_size_is_painted_whole(pane: Pane) -> None:
    for width, height in ((100, 30), (28, 20), (60, 12)):
        pane.resize(width, height)
        until(partial(_fills, pane, width, height), f"a picture of {width} columns and {height} rows")
    pane.resize(18, 5)
    pane.shows("orchestra", "needs more room")
    pane.resize(44, 30)
    pane.shows("◆ login")


def test_what_others_wrote_on_the_terminal_is_painted_over(pane: Pane) -> None:
    # On every line: those with an age on them are painted anew by themselves.
    Path(pane.ask("#{pane_tty}")).write_text("".join(f"\x1b[{row};1HGARBAGE" for row in range(1, 37)))
    pane.shows("GARBAGE")
    os.kill(pane.pid, signal.SIGWINCH)
    pane.hides("GARBAGE")
    pane.shows("◆ login", "which login?")


def _fills(pane: Pane, width: int, height: int) -> bool:
    lines = pane.screen().splitlines()
    rules = [len(one) for one in lines if one.endswith("─")]
    return rules[:1] == [width] and len(lines) == height and lines[-1].lstrip().startswith("? help")


def _restored(pane: Pane) -> None:
    text = pane.shows("code 0", "left in good order", "icanon", "extproc")
    assert "-icanon" not in text
    assert "-echo " not in text
    assert pane.ask("#{alternate_on} #{cursor_flag}") == "0 1"


def test_leaving_gives_the_terminal_back(pane: Pane) -> None:
    pane.press("q")
    _restored(pane)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(pane: Pane, number: signal.Signals) -> None:
    os.kill(pane.pid, number)
    _restored(pane)


def test_a_bug_gives_the_terminal_back_too(pane: Pane) -> None:
    (pane.place / "diff.docs").mkdir()
    pane.press("j", "j")
    pane.shows("code 1")
    assert "IsADirectoryError" in (pane.place / "err").read_text()
    assert pane.ask("#{alternate_on} #{cursor_flag}") == "0 1"


def test_a_killed_terminal_leaves_no_process(pane: Pane) -> None:
    pid = pane.pid
    pane.tmux.server.ask(("kill-pane", "-t", pane.id), check=False)
    until(lambda: not Path(f"/proc/{pid}").exists(), "the end of the process")
