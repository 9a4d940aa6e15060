"""What the commands print: in every encoding, and with hostile text in everything they show."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestra.actions.work.accounts import Accounts
from orchestra.cli import live_monitor
from orchestra.cli.app import command_line
from orchestra.cli.dispatch import say
from orchestra.cli.error_handler import guarded
from orchestra.events import Outcome, ToolCall
from orchestra.model import MessageKind, Role, Sign
from tests.support.projects import HostProject, host_project

EVIL = "\x1b]0;OWNED\x07\x1b[2J\x9b31m"
SHOWING = (
    "list", "show alpha", "log alpha", "monitor", "monitor alpha", "diff alpha", "diff alpha --stat", "inbox", "agents",
    "gc", "config show", "config path", "keys", "allow", "--help", "new --help", "merge --help", "show nobody",
    "merge alpha",
)  # fmt: skip
IN_JSON = ("list --json", "show alpha --json", "log alpha --json", "inbox --json", "config show --json")


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostProject]:
    """A project in which everything that can be shown holds text from an agent."""
    with host_project(monkeypatch) as found:
        session = found.spawn("alpha", task=f"Größe → 世界 {EVIL}")
        store = found.project.store
        found.write(session, "größe.txt", f"→ 世界 {EVIL}\r\n")
        found.write(session, f"x{EVIL}.txt", "named\n")
        store.events.log("alpha", "trouble", f"→ 世界 {EVIL}")
        ran = ToolCall("Bash", Outcome.FAILED, f"pytest → 世界 {EVIL}", code=1)
        store.sessions.record_sign("alpha", Sign.TOOL_USED, f"→ 世界 {EVIL}", call=ran)
        store.specs.save("alpha", f"- [ ] → 世界 {EVIL}", "user")
        store.messages.post("alpha", "alpha", MessageKind.MESSAGE, f"→ 世界 {EVIL}")
        store.sessions.update("alpha", summary=f"→ 世界 {EVIL}")
        found.git("config", "core.quotepath", "false")
        yield found


class Printed:
    """What one command printed, and how it ended."""

    def __init__(self, project: HostProject, words: str, encoding: str) -> None:
        out, err = io.BytesIO(), io.BytesIO()
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = (io.TextIOWrapper(one, encoding=encoding) for one in (out, err))
        try:
            asked = ["--project", str(project.source), *words.split()]
            self.code = guarded(lambda: command_line()(asked, prog_name="orchestra"))
            sys.stderr.flush()
            self.out, self.err = out.getvalue(), err.getvalue()
        finally:
            sys.stdout, sys.stderr = before


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_every_command_prints_in_every_encoding_and_nothing_of_it_steers(busy: HostProject, encoding: str) -> None:
    for words in SHOWING:
        done = Printed(busy, words, encoding)
        said = done.out + done.err
        assert done.code in {0, 1}, (words, said)
        assert said != b"", words
        assert [one for one in said if one < ord(" ") and one not in b"\n\t\r"] == [], words
        assert said.count(b"\r") == said.count(b"\r\n"), words


def test_json_loses_nothing_in_an_encoding_that_lacks_characters(busy: HostProject) -> None:
    for words in IN_JSON:
        told: list[Any] = [json.loads(Printed(busy, words, one).out.decode(one)) for one in ("ascii", "utf-8")]
        assert told[0] == told[1], words
        assert words == "config show --json" or "世界" in json.dumps(told[0], ensure_ascii=False), words


def test_the_monitor_gives_scripts_the_whole_account(busy: HostProject) -> None:
    (told,) = json.loads(Printed(busy, "monitor alpha --json", "ascii").out)
    assert (told["name"], told["state"], told["now"]["state"]) == ("alpha", "working", "working")
    assert told["so_far"]["tests"][0] | {"began": "", "ended": ""} == {
        "command": f"pytest → 世界 {EVIL}",
        "began": "",
        "ended": "",
        "outcome": "failed",
        "code": 1,
        "tests": True,
        "tests_passed": None,
        "passed": None,
        "failed": None,
    }
    assert told["next"]["items"] == [{"text": f"→ 世界 {EVIL}", "state": "open", "command": "", "ended": ""}]
    (logged,) = (one for one in json.loads(Printed(busy, "log alpha --json", "ascii").out) if one["call"])
    assert (logged["state"], logged["call"]["outcome"], logged["call"]["code"]) == ("working", "failed", 1)
    # An agent may ask for this, and its model reads every word.
    shown = json.loads(Printed(busy, "show alpha --json", "ascii").out)
    assert {*shown["events"][-1]} == {"id", "session", "at", "kind", "text"}


def test_a_piped_diff_says_when_it_is_not_exact_and_can_be_had_as_it_is(busy: HostProject, tmp_path: Path) -> None:
    shown = Printed(busy, "diff alpha", "ascii")
    assert b"\\x1b]0;OWNED" in shown.out
    assert b"--patch" in shown.err
    exact = Printed(busy, "diff alpha --patch", "ascii")
    assert exact.err == b""
    subprocess.run(("git", "clone", "-q", busy.source, tmp_path / "c"), check=True)
    subprocess.run(("git", "apply"), cwd=tmp_path / "c", input=exact.out, check=True)
    assert (tmp_path / "c" / "größe.txt").read_bytes() == f"→ 世界 {EVIL}\r\n".encode()


def test_paths_in_a_piped_diff_are_written_as_the_person_s_git_would(busy: HostProject) -> None:
    assert "größe.txt".encode() in Printed(busy, "diff alpha", "utf-8").out
    busy.git("config", "core.quotepath", "true")
    try:
        assert b"gr\\303\\266" in Printed(busy, "diff alpha", "utf-8").out
    finally:
        busy.git("config", "core.quotepath", "false")


def test_a_spec_that_nobody_would_see_is_not_opened(busy: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "cat")
    before = _windows(busy)
    said = Printed(busy, "spec alpha", "utf-8")
    assert said.code == 1
    assert b"not a terminal" in said.err
    assert str(busy.project.session_paths(busy.session("alpha")).spec_copy).encode() in said.err
    assert _windows(busy) == before


def _windows(busy: HostProject) -> str:
    # By number: what a window is called is its program's, which may have just begun.
    return busy.tmux.server.ask(("list-windows", "-a", "-F", "#{window_id}")).text


def test_a_build_s_lines_do_not_reach_the_terminal_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{EVIL}Step 1 \x1b[31mred\x1b[0m\rover")
    assert capsys.readouterr().err == "  Step 1 red\\x0dover\n"


def test_an_error_in_a_popup_says_how_it_is_closed(busy: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    assert b"Escape" not in Printed(busy, "show nobody", "utf-8").err
    monkeypatch.setenv("ORCHESTRA_POPUP", "1")
    assert Printed(busy, "show nobody", "utf-8").err.endswith(b"(press Escape to close this)\n")


def test_nothing_is_asked_about_the_designer_and_an_end_of_input_is_a_no(
    busy: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    refused = Printed(busy, "new --ask", "utf-8")
    assert (refused.code, refused.err.splitlines()[-1]) == (130, b"  nothing was done")
    monkeypatch.setenv("ORCHESTRA_POPUP", "1")
    assert Printed(busy, "delete alpha --ask", "utf-8").code == 0
    busy.project.store.sessions.update("alpha", role=Role.DESIGNER)
    said = Printed(busy, "delete alpha --ask", "utf-8").err
    assert b"the designer cannot be deleted" in said
    assert b"[y/N]" not in said


def test_the_monitor_that_stays_says_which_key_closes_it(busy: HostProject) -> None:
    screen = Console(width=60, height=12, file=io.StringIO(), force_terminal=True)
    lines = screen.render_lines(live_monitor._with_foot(Accounts(busy.project.store), busy.project, ["alpha"]))  # noqa: SLF001 -- the rest needs a terminal
    assert "".join(part.text for part in lines[-1]).rstrip() == "q closes this"
