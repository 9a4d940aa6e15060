"""Running other programs: deadlines, process groups, typed errors."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestra.drivers.process import first_line, run
from orchestra.errors import CommandFailed, DeadlineExceeded, NotFound, ToolMissing


def test_output_and_input_pass_through_unchanged() -> None:
    done = run(("cat",), stdin=b"a\xff\0b")
    assert (done.code, done.stdout) == (0, b"a\xff\0b")
    assert done.text.encode("utf-8", "surrogateescape") == done.stdout


def test_a_program_without_input_reads_an_end_of_file_and_not_our_terminal() -> None:
    assert run(("cat",), deadline=5).stdout == b""


def test_a_missing_program_is_named_with_what_to_do() -> None:
    with pytest.raises(ToolMissing, match="no-such-program") as caught:
        run(("no-such-program",))
    assert "install" in caught.value.hint


def test_a_program_that_may_not_be_run_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("text")
    with pytest.raises(ToolMissing, match="may not be run"):
        run((tmp_path / "tool",))


def test_a_missing_directory_is_not_mistaken_for_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no directory"):
        run(("true",), cwd=tmp_path / "gone")


def test_failure_carries_code_and_the_fatal_line() -> None:
    with pytest.raises(CommandFailed, match="fatal: it broke") as caught:
        run(("sh", "-c", "echo chatter >&2; echo 'fatal: it broke' >&2; exit 7"))
    assert caught.value.code == 7
    assert "chatter" in caught.value.stderr


def test_failure_without_words_tells_the_signal() -> None:
    with pytest.raises(CommandFailed, match="SIGTERM"):
        run(("sh", "-c", "kill -TERM $$"))


def test_unchecked_failure_is_an_answer() -> None:
    assert run(("false",), check=False).code == 1


def test_control_characters_of_a_program_reach_no_terminal() -> None:
    assert first_line("fatal: \x1b]52;c;aGk=\x07oops\r") == "fatal: ?]52;c;aGk=?oops"


def test_the_deadline_ends_the_whole_group(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    script = f"(while :; do date +%s%N > {alive}; sleep 0.02; done) & wait"
    with pytest.raises(DeadlineExceeded, match=r"within 0\.3 seconds"):
        run(("sh", "-c", script), deadline=0.3)
    seen = alive.read_text()
    limit = time.monotonic() + 0.3
    while time.monotonic() < limit:
        assert alive.read_text() == seen


def test_a_grandchild_that_left_the_group_cannot_hold_us(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        run(("sh", "-c", "setsid sleep 8 & wait"), cwd=tmp_path, deadline=0.2)
    assert time.monotonic() - started < 5
