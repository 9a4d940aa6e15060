"""The output of an image build, with time that passes as the test says."""

from __future__ import annotations

from pathlib import Path

from orchestra.drivers.sandbox.build_log import HEARTBEAT, build_log


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_person_is_told_at_times_that_it_goes_on_and_the_file_has_all(tmp_path: Path) -> None:
    said: list[str] = []
    time = Time()
    with build_log(tmp_path / "log", said.append, clock=time) as log:
        for _ in range(5):
            log.write("a line")
            time.now += 0.4 * HEARTBEAT
        assert said == ["still building after 36 s"]
        time.now = 125
        assert log.took == "2 min 5 s"
    assert (tmp_path / "log").read_text() == "a line\n" * 5


def test_verbose_passes_every_line_on(tmp_path: Path) -> None:
    said: list[str] = []
    with build_log(tmp_path / "log", said.append, verbose=True) as log:
        assert log.take([{"stream": "one\ntw"}, {"stream": "o\n\n"}, {"error": "it failed"}]) == "it failed"
    assert said == list(log.last) == ["one", "two"]


def test_a_link_where_the_log_belongs_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to(tmp_path / "mine")
    with build_log(tmp_path / "log", lambda _: None) as log:
        log.write("x")
    assert not (tmp_path / "mine").exists()
