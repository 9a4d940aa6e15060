"""A landing that was cut off, and the lock that a killed process left on the index."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from orchestra.drivers.git import index_lock, update_branch
from orchestra.drivers.git.update_branch import Landed
from orchestra.errors import CommandFailed, Refused
from tests.support.repositories import Yard


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    return Yard.make(tmp_path, monkeypatch)


HOLD = """
import sys, time
from pathlib import Path
from orchestra.drivers.git import index_lock
with index_lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def _killed_with_the_lock(yard: Yard) -> None:
    with subprocess.Popen((sys.executable, "-c", HOLD, str(yard.root / ".git")), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(Refused, match="another git is running"), index_lock.held(yard.root / ".git"):
            pass
        process.send_signal(signal.SIGKILL)


def test_a_lock_of_a_killed_process_is_taken_over_and_one_of_gits_own_is_not(yard: Yard) -> None:
    new, old = yard.ahead({"login.py": "login\n"})
    _killed_with_the_lock(yard)
    assert (yard.root / ".git/index.lock").exists()
    yard.git("update-ref", "refs/heads/trunk", new)
    assert update_branch.finish_landing(yard.repository, "trunk", new, old, ours=yard.ours) == Landed(done=True)
    assert yard.git("status", "--porcelain") == ""
    (yard.root / ".git/index.lock").touch()
    with pytest.raises(Refused, match="another git is running") as caught:
        update_branch.finish_landing(yard.repository, "trunk", new, old, ours=yard.ours)
    assert "index.lock" in caught.value.hint


def test_a_git_of_ours_takes_over_the_lock_of_a_killed_process(yard: Yard) -> None:
    lock = yard.root / ".git/index.lock"
    _killed_with_the_lock(yard)
    waits: list[float] = []
    git = replace(yard.repository.git(), sleep=waits.append)
    git.run("read-tree", "HEAD")
    assert (lock.exists(), waits) == (False, [])
    lock.touch()
    with pytest.raises(CommandFailed, match="File exists"):
        git.run("read-tree", "HEAD")
    assert lock.exists()


def test_a_lock_of_a_killed_process_is_swept_and_one_of_gits_own_is_not(yard: Yard) -> None:
    lock = yard.root / ".git/index.lock"
    _killed_with_the_lock(yard)
    index_lock.sweep(yard.repository.common_dir)
    assert not lock.exists()
    lock.touch()
    index_lock.sweep(yard.repository.common_dir)
    assert lock.exists()
    lock.unlink()
    with index_lock.held(yard.root / ".git"):
        index_lock.sweep(yard.repository.common_dir)
        assert lock.exists()


def test_after_a_crash_the_persons_next_commit_takes_nothing_back(yard: Yard) -> None:
    new, old = yard.ahead({"app.py": "one\ntwo\nthree\nfour\n", "login.py": "login\n", "docs/guide.md": None})
    yard.git("update-ref", "refs/heads/trunk", new)
    yard.write({"app.py": "mine\ntwo\nthree\n"})
    done = update_branch.finish_landing(yard.repository, "trunk", new, old, ours=yard.ours)
    assert done == Landed(done=True, kept=("app.py",))
    assert (yard.root / "app.py").read_text() == "mine\ntwo\nthree\n"
    yard.git("commit", "--quiet", "--allow-empty", "-m", "mine")
    assert yard.git("diff", "--name-only", new, "HEAD") == ""


def test_what_the_person_staged_after_a_crash_stays_staged(yard: Yard) -> None:
    new, old = yard.ahead({"app.py": "theirs\n", "login.py": "login\n"})
    yard.git("update-ref", "refs/heads/trunk", new)
    yard.write({"app.py": "mine\n"})
    yard.git("add", "app.py")
    update_branch.finish_landing(yard.repository, "trunk", new, old, ours=yard.ours)
    assert yard.git("status", "--porcelain") == "M  app.py"
    assert (yard.root / "login.py").read_text() == "login\n"


def test_a_commit_that_took_back_what_had_landed_is_told(yard: Yard) -> None:
    """The person committed all, after the branch had moved and before the checkout did."""
    new, old = yard.ahead({"app.py": "theirs\n", "login.py": "login\n"})
    yard.git("update-ref", "refs/heads/trunk", new)
    yard.write({"docs/guide.md": "# Mine\n"})
    yard.git("commit", "--quiet", "--all", "-m", "mine")
    done = update_branch.finish_landing(yard.repository, "trunk", new, old, ours=yard.ours)
    assert done == Landed(done=True, undone=("app.py", "login.py"))
