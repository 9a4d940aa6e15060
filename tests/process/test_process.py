"""Running other programs: deadlines, process groups, typed errors."""

from __future__ import annotations

import os
import re
import resource
import signal
import time
from pathlib import Path

import pytest

from orchestra.drivers.process import first_line, run, stream
from orchestra.errors import CommandFailed, DeadlineExceeded, NotFound, ToolMissing
from tests.support.services import eventually


def test_output_and_input_pass_through_unchanged() -> None:
    done = run(("cat",), stdin=b"a\xff\0b")
    assert (done.code, done.stdout) == (0, b"a\xff\0b")
    assert done.text.encode("utf-8", "surrogateescape") == done.stdout


def test_a_program_without_input_reads_an_end_of_file_and_not_our_terminal() -> None:
    assert run(("cat",), deadline=60).stdout == b""


def test_a_missing_program_is_named_with_what_to_do() -> None:
    with pytest.raises(ToolMissing, match="no-such-program") as caught:
        run(("no-such-program",))
    assert "install" in caught.value.hint


def test_a_program_that_may_not_be_run_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("text")
    with pytest.raises(ToolMissing, match="may not run"):
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


def is_late(script: str, begun: Path) -> None:
    """Run a script until its deadline; on a busy machine the first ones may be over before it has begun."""
    for deadline in (0.3, 3, 30):
        with pytest.raises(DeadlineExceeded, match=rf"within {re.escape(str(deadline))} seconds"):
            run(("sh", "-c", script), deadline=deadline)
        if begun.exists():
            return
    pytest.fail("the script never began")


def test_the_deadline_ends_the_whole_group(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    is_late(f"(while :; do date +%s%N > {alive}; sleep 0.02; done) & wait", alive)
    seen = alive.read_text()
    limit = time.monotonic() + 0.3
    while time.monotonic() < limit:
        assert alive.read_text() == seen


def test_a_grandchild_that_left_the_group_cannot_hold_us(tmp_path: Path) -> None:
    number = tmp_path / "number"
    is_late(f"setsid sh -c 'echo $$ > {number}; exec sleep 60' & wait", number)
    # It still runs.
    os.kill(int(eventually(number.read_text)), signal.SIGKILL)


def test_a_complaint_without_end_is_kept_at_both_its_ends() -> None:
    script = "echo 'fatal: first' >&2; head -c 50000000 /dev/zero | tr '\\0' 'x' >&2; echo last >&2; exit 3"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = run(("sh", "-c", script), check=False)
    assert done.complaint.startswith("fatal: first")
    assert done.complaint.endswith("last")
    assert len(done.stderr) == 64 << 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_more_output_than_was_asked_for_is_an_error_and_ends_the_program() -> None:
    with pytest.raises(CommandFailed, match="printed more than 1,000,000 bytes"):
        run(("yes",), most=1_000_000)


def test_a_stream_ends_when_there_is_enough() -> None:
    blocks: list[bytes] = []

    def take(block: bytes) -> bool:
        blocks.append(block)
        return sum(map(len, blocks)) < 100_000

    assert not stream(("yes",), take)
    assert sum(map(len, blocks)) < 200_000
    assert stream(("echo", "all"), lambda block: block == b"all\n")
    with pytest.raises(CommandFailed, match="exit code 3"):
        stream(("sh", "-c", "exit 3"), take)


def test_input_that_nobody_reads_and_output_at_the_same_time_do_not_lock_up() -> None:
    text = b"line\n" * 400_000
    assert run(("cat",), stdin=text).stdout == text
    assert run(("true",), stdin=text).code == 0


def test_a_program_that_is_late_may_tidy_up_before_it_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    script = f"trap 'rm {lock}; exit' TERM; touch {lock}; while :; do sleep 0.01; done"
    with pytest.raises(DeadlineExceeded):
        run(("sh", "-c", script), deadline=0.5)
    assert not lock.exists()


def test_one_that_hears_no_signal_is_killed_all_the_same() -> None:
    with pytest.raises(DeadlineExceeded):
        run(("sh", "-c", "trap '' TERM; while :; do sleep 0.01; done"), deadline=0.2)
