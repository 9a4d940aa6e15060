"""Temporary directories whose makers die."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from orchestra.drivers import temporary

HOLD = """
from orchestra.drivers import temporary
with temporary.directory() as place:
    (place / "file").write_text("half")
    print(place, flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "temporary"
    found.mkdir()
    monkeypatch.setenv("TMPDIR", str(found))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return found


def test_a_directory_goes_with_the_block_also_after_an_error(base: Path) -> None:
    with contextlib.suppress(KeyError), temporary.directory() as place:
        assert (place.parent, place.stat().st_mode & 0o777) == (base, 0o700)
        (place / "file").touch()
        raise KeyError
    assert list(base.iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_uses_is_not(base: Path) -> None:
    with subprocess.Popen(
        (sys.executable, "-c", HOLD), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        theirs = Path(process.stdout.readline().strip())
        assert theirs.parent == base
        with temporary.directory() as ours:
            temporary.sweep()
            assert (theirs / "file").read_text() == "half"
            assert ours.is_dir()
            process.kill()
            process.wait(timeout=30)
            temporary.sweep()
            assert (theirs.exists(), ours.is_dir()) == (False, True)


def test_one_that_was_just_made_is_left_alone_until_it_is_old(base: Path) -> None:
    fresh = Path(tempfile.mkdtemp(prefix=".orchestra-unheld-"))
    temporary.sweep()
    assert fresh.is_dir()
    temporary.sweep(clock=lambda: time.time() + 120)
    assert list(base.iterdir()) == []


def test_nothing_is_swept_that_is_not_ours(base: Path, tmp_path: Path) -> None:
    (base / "orchestra-demo-abc").mkdir()
    elsewhere = tmp_path / "precious"
    elsewhere.mkdir()
    (base / f"{temporary.PREFIX}link").symlink_to(elsewhere)
    temporary.sweep(clock=lambda: time.time() + 120)
    assert elsewhere.is_dir()
    assert sorted(file.name for file in base.iterdir()) == ["orchestra-demo-abc", f"{temporary.PREFIX}link"]
