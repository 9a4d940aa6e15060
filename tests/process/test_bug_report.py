"""The log of a bug, ready to paste."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

from orchestra import __version__
from orchestra.cli import error_handler
from orchestra.drivers import bug_report


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bug_report.versions.cache_clear()


def breaks() -> None:
    raise ZeroDivisionError("never \x1b[2J")


def test_a_bug_is_one_line_and_a_file_to_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/orchestra", "send", "two words"])
    assert error_handler.guarded(breaks) == error_handler.BUG
    told = capsys.readouterr().err
    (file,) = tmp_path.glob("orchestra-bug-*.md")
    assert told.splitlines()[1] == f"  → please report it with {file}"
    assert "\x1b" not in told
    text = file.read_text(encoding="utf-8")
    assert "orchestra send 'two words'" in text
    assert 'raise ZeroDivisionError("never' in text
    assert "\x1b" not in text
    rows = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", text, flags=re.MULTILINE))
    assert rows["Orchestra"] == __version__
    assert rows["Python"] == platform.python_version()
    assert rows["system"] == platform.platform()
    assert rows["git"].startswith("git version ")
    assert rows["tmux"].startswith("tmux ")
    assert rows["Docker engine"]


def test_a_program_that_is_missing_does_not_stand_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = bug_report.versions()
    assert "git" in found["git"]
    assert found["Orchestra"] == __version__
