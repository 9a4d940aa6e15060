"""Random histories: what was in a checkout before a try is there after it, whatever the person and the session have."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestra import safe_files
from orchestra.actions.landing import tryout
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.git.tried_files import KEPT, TriedFiles
from orchestra.errors import NotFound, Refused
from orchestra.model import Session
from orchestra.store.tryout import Tryouts
from tests.support.checkouts import contents, differences
from tests.support.projects import HostProject, host_project

FILES = {
    "a.txt": "1\n2\n3\n4\n5\n",
    "b.crlf": "x\ny\n",
    "dir/c": "c\n",
    "dir/deep/d": "d\n",
    "e.ident": "$Id$\n",
    ".gitattributes": "*.crlf text eol=crlf\n*.ident ident\n",
    ".gitignore": "*.ign\n",
}
PATHS = ("a.txt", "b.crlf", "dir/c", "dir/deep/d", "e.ident", "new", "new.ign", "dir", "dir/deep", "new/in", "ä\n*")
TEXTS = (b"", b"other\n", b"1\n2\n3\n4\nfive\n", b"one\n2\n3\n4\n5\n", b"x\r\ny\nz\r\n", b"\0\xff", b"$Id: mine $\n")


@dataclass(frozen=True)
class Step:
    """One thing that a person or an agent does to a path."""

    what: str
    path: str
    text: bytes


def steps(*kinds: str, most: int, least: int = 0) -> st.SearchStrategy[list[Step]]:
    one = st.builds(Step, st.sampled_from(kinds), st.sampled_from(PATHS), st.sampled_from(TEXTS))
    return st.lists(one, min_size=least, max_size=most)


OF_FILES = ("write", "write", "remove", "link", "execute", "private", "directory")
OF_PERSON = (*OF_FILES, "stage", "intend", "unstage", "stash", "stage all")
OF_SESSION = (*OF_FILES, "commit")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HostProject, Session]]:
    tmp_path_factory.getbasetemp()  # made before the directory for temporary files is another
    with pytest.MonkeyPatch.context() as patch, host_project(patch, files=FILES) as host:
        yield host, host.spawn("one")


EFFECTS = (
    (safe_files, "move_in"),
    (safe_files, "remove_file"),
    (Repository, "update_ref"),
    (Tryouts, "begin"),
    (Tryouts, "update"),
    (Tryouts, "end"),
    (TriedFiles, "put_back_index"),
)
"""What changes anything that another process could see."""

WRITE_INSIDE, REPLACE_DIRECTORY = Step("write", "dir/c", b""), Step("write", "dir", b"")
EMPTY, EXECUTABLE = Step("write", "a.txt", b""), Step("execute", "a.txt", b"")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    mine=steps(*OF_PERSON, most=8),
    theirs=steps(*OF_SESSION, least=2, most=6),
    later=steps(*OF_SESSION, most=4),
    ends=st.tuples(*[st.integers(0, 14)] * 3),
)
@example(mine=[], theirs=[WRITE_INSIDE, REPLACE_DIRECTORY], later=[], ends=(0, 0, 4))
@example(mine=[], theirs=[WRITE_INSIDE, REPLACE_DIRECTORY], later=[], ends=(6, 0, 0))
@example(mine=[EMPTY], theirs=[EMPTY, EXECUTABLE], later=[EMPTY], ends=(0, 0, 0))
def test_what_was_there_before_a_try_is_there_after_it(
    place: tuple[HostProject, Session], mine: list[Step], theirs: list[Step], later: list[Step], ends: tuple[int, ...]
) -> None:
    host, session = place
    _anew(host, session)
    for step in mine:
        _do(host, host.source, step)
    for step in theirs:
        _do(host, session.worktree, step)
    before = contents(host.source)
    try:
        _until(host, ends[0], lambda: tryout.try_out(host.project, "one"))
    except Refused:
        assert differences(before, contents(host.source)) == {}
        return
    changed = differences(before, contents(host.source)).keys()
    assert changed <= {"files", "status", "intended"}
    for step in later:
        _do(host, session.worktree, step)
    with contextlib.suppress(Refused):
        _until(host, ends[1], lambda: tryout.try_out(host.project, "one"))
    _until(host, ends[2], lambda: tryout.put_back(host.project))
    assert differences(before, contents(host.source)) == {}
    assert host.refs("refs/orchestra/") == host.refs("refs/orchestra/base/")
    assert host.session("one").tried == ""


def _until(host: HostProject, number: int, act: Callable[[], object]) -> None:
    """Do something and die before its effect of that number, if it has so many; then start anew, and ask again."""
    left = number

    def mortal(call: Callable[..., object]) -> Callable[..., object]:
        def called(*words: object, **more: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return call(*words, **more)

        return called

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in EFFECTS:
            patch.setattr(owner, name, mortal(getattr(owner, name)))
        with contextlib.suppress(KeyboardInterrupt):
            act()
            return
    tryout.finish(host.project)
    with contextlib.suppress(NotFound):
        act()


def _anew(host: HostProject, session: Session) -> None:
    with contextlib.suppress(Exception):
        tryout.put_back(host.project, force=True)
    for root, tip in ((host.source, "main"), (session.worktree, session.base)):
        host.git("reset", "--quiet", "--hard", tip, cwd=root)
        host.git("clean", "-ffdxq", cwd=root)
    host.git("stash", "clear")
    for ref, commit in host.refs(KEPT).items():
        host.git("update-ref", "-d", ref, commit)


def _do(host: HostProject, root: Path, step: Step) -> None:
    path = root / step.path
    with contextlib.suppress(OSError):
        _file_step(path, step)
    git = ("--literal-pathspecs", "-c", "core.safecrlf=false")
    words = {
        "stage": ("add", "--force", "--", step.path),
        "intend": ("add", "--force", "--intent-to-add", "--", step.path),
        "unstage": ("reset", "--quiet", "--", step.path),
        "stage all": ("add", "--all"),
        "stash": ("stash", "push", "--quiet", "--include-untracked"),
    }
    if step.what in words:
        host.git(*git, *words[step.what], cwd=root, check=False)
    if step.what == "commit":
        host.git(*git, "add", "--all", cwd=root)
        host.git("commit", "--quiet", "--allow-empty", "--message", "work", cwd=root)


def _file_step(path: Path, step: Step) -> None:
    if step.what in {"write", "link", "directory", "remove"} and os.path.lexists(path):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if step.what == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(step.text)
    if step.what == "link":
        path.symlink_to("../outside/ä" if step.text else "a.txt")
    if step.what == "directory":
        path.mkdir()
    if step.what in {"execute", "private"} and path.is_file() and not path.is_symlink():
        path.chmod(0o755 if step.what == "execute" else 0o600)
