"""Merging into a checkout that an agent writes, and that the person set up with programs of their own."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestra.drivers.git import filter_programs, merge_trees
from orchestra.drivers.git.repository import Repository
from orchestra.drivers.git.update_branch import Landed
from orchestra.errors import NotARepository, Refused
from tests.support.repositories import Yard

BITE = "#!/bin/sh\ntouch {canary}\ncat\n"


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    return Yard.make(tmp_path, monkeypatch)


@pytest.fixture
def canary(yard: Yard) -> Path:
    return yard.place / "canary"


def land(yard: Yard, new: str, old: str) -> Landed:
    return merge_trees.land(yard.repository, "trunk", new, old, ours=yard.ours)


def bite(place: Path, canary: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(BITE.format(canary=canary))
    place.chmod(0o755)
    return place


# --- the person's filters ----------------------------------------------------------------------


@pytest.mark.parametrize("part", ["clean", "smudge", "process"])
def test_a_filter_program_of_the_checkout_is_not_run_when_other_files_are_merged(
    yard: Yard, canary: Path, part: str
) -> None:
    """The designer changes that program, and touches a file that goes through it."""
    yard.commit({".gitattributes": "*.nb filter=nb\n", "x.nb": "nb\n", "tools/nb.sh": "#!/bin/sh\ncat\n"}, "nb")
    new, old = yard.ahead({"w.txt": "w\n"})
    yard.git("config", f"filter.nb.{part}", "./tools/nb.sh")
    bite(yard.root / "tools/nb.sh", canary)
    os.utime(yard.root / "x.nb")
    land(yard, new, old)
    assert (yard.root / "w.txt").read_text() == "w\n"
    assert not canary.exists()


@pytest.mark.parametrize("part", ["smudge", "process"])
def test_files_that_need_such_a_program_are_not_merged_and_nothing_changes(yard: Yard, canary: Path, part: str) -> None:
    yard.commit({".gitattributes": "*.nb filter=nb\n", "tools/nb.sh": "#!/bin/sh\ncat\n"}, "nb")
    new, old = yard.ahead({"x.nb": "nb\n"})
    yard.git("config", f"filter.nb.{part}", "./tools/nb.sh")
    bite(yard.root / "tools/nb.sh", canary)
    with pytest.raises(Refused, match=r"x\.nb needs the filter 'nb', but its .* an agent can change"):
        land(yard, new, old)
    assert yard.tip == old
    assert not (yard.root / "x.nb").exists()
    assert not canary.exists()


UNSAFE = (
    "./tools/nb.sh",
    "tools/nb.sh %f",
    "cat | ./nb.sh",
    "cat; {root}/nb.sh",
    "python3 {root}/nb.py",
    "sh -c 'exec {root}/nb.sh'",
    "PYTHONPATH={root}/lib python3 -m nb",
    "env LD_PRELOAD={root}/x.so cat",
    "$(git rev-parse --show-toplevel)/nb.sh",
    "`git rev-parse --show-toplevel`/nb.sh",
    "$UNKNOWN/nb.sh",
    "~/alias/nb.sh",
    "python3 --lib=~/alias/nb.py",
    "nb-of-the-checkout",
    "nb-that-is-nowhere",
    "if true; then ./nb.sh; fi",
    "cat >/dev/null; ./nb.sh",
    "cat 2>&1 | ./nb.sh",
    ">/dev/null ./nb.sh",
    "cat <(./nb.sh)",
    "cat >>{root}/nb.sh",
    "'unclosed",
)


@pytest.mark.parametrize("command", UNSAFE)
def test_a_command_through_which_an_agent_could_be_what_runs_is_told(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (yard.place / "alias").symlink_to(yard.root)
    monkeypatch.setenv("PATH", f"{yard.root}/bin{os.pathsep}{os.environ['PATH']}")
    bite(yard.root / "bin/nb-of-the-checkout", yard.place / "canary")
    assert filter_programs.unsafe_word(command.format(root=yard.root), (yard.root,))


@pytest.mark.parametrize(
    "command",
    [
        "cat",
        "tr a-z A-Z",
        "sleep 1; cat",
        "X='/some where' '/bin/cat'",
        "git cat-file -p -- %f",
        "sed -e 's/$/x/'",
        "",
        "cat 2>>/var/log/nowhere; tr a-z A-Z",
        "cat </dev/null 2>&1 | tr a b",
    ],
)
def test_an_everyday_command_is_no_danger(yard: Yard, command: str) -> None:
    assert filter_programs.unsafe_word(command, (yard.root,)) == ""


def test_a_program_that_looks_around_where_it_runs_finds_nothing_of_an_agents(yard: Yard, canary: Path) -> None:
    yard.commit({".gitattributes": "*.nb filter=nb\n"}, "nb")
    bites = f"open({str(canary)!r}, 'w')\n"
    new, old = yard.ahead({"x.nb": "nb\n", "nb.py": bites})
    yard.git("config", "filter.nb.smudge", f"{sys.executable} -m nb")
    (yard.root / "nb").mkdir()
    (yard.root / "nb/__main__.py").write_text(bites)
    land(yard, new, old)
    assert (yard.root / "x.nb").read_text() == "nb\n"
    assert not canary.exists()


EVIL = """\
[core]
\tfsmonitor = {program}
\thooksPath = {root}/hooks
\tpager = {program}
\teditor = {program}
\tsshCommand = {program}
\taskPass = {program}
\tgitProxy = {program}
\talternateRefsCommand = {program}
\tattributesFile = {root}/attributes
\texcludesFile = {root}/pipe
[credential]
\thelper = !{program}
[gpg]
\tprogram = {program}
[commit]
\tgpgSign = true
[log]
\tshowSignature = true
[diff]
\texternal = {program}
[diff "nb"]
\ttextconv = {program}
\tcommand = {program}
[merge "nb"]
\tdriver = {program}
[merge]
\tdefault = nb
[filter "nb"]
\tclean = touch {canary}
\tsmudge = touch {canary}
[filter "own"]
\tsmudge = {program}
[uploadpack]
\tpackObjectsHook = {program}
[pager]
\tlog = {program}
[sequence]
\teditor = {program}
[interactive]
\tdiffFilter = {program}
[trailer "x"]
\tcommand = {program}
[alias]
\tread-tree = "!{program}"
"""


@pytest.mark.parametrize("how", ["include", "includeIf", "the person's own file is a link into the checkout"])
def test_settings_in_the_checkout_decide_nothing(yard: Yard, canary: Path, how: str) -> None:
    """Teams do set include.path to a file of the repository, which the designer then writes."""
    names = "* filter=nb diff=nb merge=nb\n"
    yard.commit({".gitattributes": names, "team.gitconfig": "[user]\n\tname = Team\n"}, "team")
    new, old = yard.ahead({"x.nb": "nb\n", "app.py": "changed\n"})
    yard.git("config", "filter.own.smudge", "cat")
    if how == "include":
        yard.git("config", "include.path", "../team.gitconfig")
    elif how == "includeIf":
        yard.git("config", f"includeIf.gitdir:{yard.place}/.path", f"{yard.root}/team.gitconfig")
    else:
        (yard.place / "gitconfig").unlink()
        (yard.place / "gitconfig").symlink_to(yard.root / "team.gitconfig")
    program = bite(yard.root / "program", canary)
    for hook in ("reference-transaction", "post-checkout", "post-index-change", "post-merge"):
        bite(yard.root / "hooks" / hook, canary)
    (yard.root / "attributes").write_text(names)
    os.mkfifo(yard.root / "pipe")
    (yard.root / "team.gitconfig").write_text(EVIL.format(program=program, root=yard.root, canary=canary))
    repo = yard.repository
    tree = merge_trees.preview(repo, old, new).tree
    commit = merge_trees.signed_commit(repo, tree, (old, new), "merge")
    assert "gpgsig" not in yard.git("-c", "core.fsmonitor=", "cat-file", "commit", commit)
    with pytest.raises(Refused, match="which an agent can change"):
        land(yard, commit, old)
    assert not canary.exists()
    assert yard.git("-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null", "rev-parse", "trunk") == old


# --- a checkout that changes while it is written -------------------------------------------------


def _symlink_out(yard: Yard, outside: Path) -> None:
    (yard.root / "docs").rename(yard.place / "moved")
    (yard.root / "docs").symlink_to(outside)


def _symlink_new(yard: Yard, outside: Path) -> None:
    (yard.root / "new").symlink_to(outside)


def _dangling_file(yard: Yard, outside: Path) -> None:
    (yard.root / "new").mkdir()
    (yard.root / "new/file").symlink_to(outside / "authorized_keys")


@pytest.mark.parametrize("trap", [_symlink_out, _symlink_new, _dangling_file])
def test_nothing_is_written_through_a_symlink(yard: Yard, trap: Callable[[Yard, Path], None]) -> None:
    new, old = yard.ahead({"docs/guide.md": "evil\n", "docs/authorized_keys": "evil\n", "new/file": "evil\n"})
    outside = yard.place / "outside"
    outside.mkdir()
    trap(yard, outside)
    with pytest.raises(Refused, match="in the way of trunk"):
        land(yard, new, old)
    assert list(outside.iterdir()) == []
    assert yard.tip == old


def test_a_directory_that_becomes_a_symlink_meanwhile_leads_nowhere(yard: Yard) -> None:
    outside, real, link = yard.place / "outside", yard.root / "docs", yard.place / "link"
    outside.mkdir()
    link.symlink_to(outside)
    over = threading.Event()

    def swap() -> None:
        aside = yard.place / "aside"
        while not over.is_set():
            # Whoever makes the directory in between gets in the way, too.
            with contextlib.suppress(OSError):
                real.rename(aside)
                link.rename(real)
            with contextlib.suppress(OSError):
                real.rename(link)
                aside.rename(real)

    new, old = yard.ahead({f"docs/{number}": "evil\n" for number in range(50)})
    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for _ in range(5):
            try:
                land(yard, new, old)
            except Refused:
                continue
            break
    finally:
        over.set()
        swapping.join()
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name", [".gitattributes", ".gitignore", "docs/.gitattributes", "docs/.gitignore"])
def test_a_named_pipe_called_like_gits_own_files_holds_no_merge_up(yard: Yard, name: str) -> None:
    new, old = yard.ahead({"docs/new.md": "new\n", "app.py": "changed\n"})
    os.mkfifo(yard.root / name)
    land(yard, new, old)
    assert (yard.root / "docs/new.md").read_text() == "new\n"
    assert (yard.root / "app.py").read_text() == "changed\n"


def test_what_is_written_in_the_last_moment_is_kept_and_named(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = yard.ahead({"app.py": "theirs\n", "login.py": "login\n"})
    moved = Repository.update_ref

    def move(self: Repository, ref: str, new: str, old: str | None) -> None:
        moved(self, ref, new, old)
        (yard.root / "app.py").write_text("mine, just now\n")

    monkeypatch.setattr(Repository, "update_ref", move)
    assert land(yard, new, old) == Landed(done=True, kept=("app.py",))
    assert (yard.root / "app.py").read_text() == "mine, just now\n"
    assert yard.git("status", "--porcelain") == "M app.py"


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_git_finds_the_merged_files_as_its_index_says_without_reading_them(yard: Yard, version: str) -> None:
    yard.commit({".gitattributes": "*.nb filter=nb\n", "a/long/path/one": "1\n", "a/long/path/two": "2\n"}, "more")
    new, old = yard.ahead({"a/long/path/one": "changed\n", "a/long/x.nb": "nb\n", "zoo": "new\n"})
    yard.git("update-index", "--index-version", version)
    if version == "3":
        yard.git("update-index", "--skip-worktree", "run.sh")
    ran = yard.place / "ran"
    yard.configure("filter.nb.smudge", "cat")
    yard.configure("filter.nb.clean", f"tee -a '{ran}'")
    land(yard, new, old)
    os.utime(yard.root / ".git/index", (2_000_000_000, 2_000_000_000))
    assert yard.git("diff-files") == ""
    assert not ran.exists()


# --- modes, encodings, and checkouts in other shapes -----------------------------------------------


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_merged_files_have_the_modes_that_the_persons_own_git_gives(yard: Yard, mask: int) -> None:
    before = os.umask(mask)
    try:
        new, old = yard.ahead({"app.py": "changed\n", "public/made.html": "made\n", "go.sh": "#!/bin/sh\n"})
        by_hand = yard.place / "by-hand"
        yard.git("clone", "--quiet", str(yard.root), str(by_hand))
        yard.git("fetch", "--quiet", "origin", "orchestra/agent", at=by_hand)
        yard.git("merge", "--quiet", "FETCH_HEAD", at=by_hand)
        land(yard, new, old)
    finally:
        os.umask(before)
    for name in ("app.py", "public", "public/made.html", "go.sh", ".git/index"):
        assert stat.S_IMODE((yard.root / name).stat().st_mode) == stat.S_IMODE((by_hand / name).stat().st_mode)


def test_a_repository_shared_by_a_group_stays_so(yard: Yard) -> None:
    yard.git("config", "core.sharedRepository", "group")
    new, old = yard.ahead({"app.py": "changed\n"})
    before = os.umask(0o077)
    try:
        land(yard, new, old)
    finally:
        os.umask(before)
    assert (yard.root / ".git/index").stat().st_mode & stat.S_IWGRP


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write files of others")
def test_what_root_merges_into_anothers_checkout_is_theirs(yard: Yard) -> None:
    new, old = yard.ahead({"app.py": "changed\n", "public/deep/made.html": "made\n"})
    subprocess.run(("chown", "-R", "1234:1234", str(yard.root)), check=True)
    yard.configure("safe.directory", "*")
    land(yard, new, old)
    for name in ("app.py", "public", "public/deep", "public/deep/made.html", ".git/index"):
        assert (yard.root / name).stat().st_uid == 1234


def test_line_ends_and_encodings_are_the_persons(yard: Yard) -> None:
    yard.configure("core.autocrlf", "true")
    yard.commit({".gitattributes": "*.u16 working-tree-encoding=UTF-16LE\n"}, "encodings")
    new, old = yard.ahead({"a.txt": "a\r\nb\r\n", "b.u16": "täxt".encode("utf-16-le")})
    land(yard, new, old)
    assert (yard.root / "a.txt").read_bytes() == b"a\r\nb\r\n"
    assert (yard.root / "b.u16").read_bytes() == "täxt".encode("utf-16-le")
    assert yard.git("status", "--porcelain") == ""


def test_a_sparse_checkout_stays_sparse(yard: Yard) -> None:
    yard.commit({"in/a": "a\n", "out/b": "b\n"}, "two")
    new, old = yard.ahead({"in/a": "changed\n", "out/b": "changed\n", "out/c": "new\n"})
    yard.git("sparse-checkout", "set", "in")
    land(yard, new, old)
    assert (yard.root / "in/a").read_text() == "changed\n"
    assert not (yard.root / "out").exists()
    assert yard.git("status", "--porcelain") == ""


def test_a_submodule_that_a_branch_moves_is_noted_and_not_touched(yard: Yard) -> None:
    yard.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(yard.root), "sub")
    yard.commit({}, "sub")
    tree = yard.worktree("agent")
    yard.git("update-index", "--cacheinfo", f"160000,{yard.tip},sub", at=tree)
    yard.git("commit", "--quiet", "-m", "moved", at=tree)
    new, old = yard.git("rev-parse", "HEAD", at=tree), yard.tip
    land(yard, new, old)
    assert (yard.root / "sub/app.py").exists()
    assert yard.git("ls-files", "-s", "sub").split()[1] == old


def _bare(yard: Yard) -> Path:
    yard.git("clone", "--quiet", "--bare", str(yard.root), str(yard.place / "layout/.bare"))
    (yard.place / "layout/.git").write_text("gitdir: ./.bare\n")
    yard.git("worktree", "add", "--quiet", "trunk", "trunk", at=yard.place / "layout")
    return yard.place / "layout/trunk"


def _separate(yard: Yard) -> Path:
    yard.git(
        "clone", "--quiet", f"--separate-git-dir={yard.place}/elsewhere.git", str(yard.root), str(yard.place / "apart")
    )
    return yard.place / "apart"


def _submodule(yard: Yard) -> Path:
    yard.git("init", "--quiet", str(yard.place / "super"))
    allow = ("-c", "protocol.file.allow=always")
    yard.git(*allow, "submodule", "--quiet", "add", "-b", "trunk", str(yard.root), "sub", at=yard.place / "super")
    return yard.place / "super/sub"


def _linked_of_a_submodule(yard: Yard) -> Path:
    sub = _submodule(yard)
    yard.git("worktree", "add", "--quiet", "-b", "side", str(yard.place / "linked"), at=sub)
    return yard.place / "linked"


@pytest.mark.parametrize("shape", [_bare, _separate, _submodule, _linked_of_a_submodule])
def test_checkouts_in_every_shape_follow(yard: Yard, shape: Callable[[Yard], Path]) -> None:
    root = shape(yard)
    repo = Repository.open(root)
    assert root in repo.worktrees()
    assert yard.place / "layout/.bare" not in repo.worktrees()
    base = yard.git("rev-parse", "trunk", at=root)
    repo.add_worktree(yard.ours / "agent", "orchestra/agent", base)
    new = yard.commit({"login.py": "login\n"}, "work", at=yard.ours / "agent")
    merge_trees.land(repo, "trunk", new, base, ours=yard.ours)
    shown = next(path for path, one in repo.worktrees().items() if one.branch == "trunk")
    assert (shown / "login.py").read_text() == "login\n"
    assert yard.git("status", "--porcelain", "--untracked-files=no", at=shown) == ""


def test_a_bare_repository_with_checkouts_beside_it_says_where_they_are(yard: Yard) -> None:
    root = _bare(yard)
    with pytest.raises(NotARepository, match="is a bare repository") as caught:
        Repository.open(yard.place / "layout")
    assert str(root) in caught.value.hint


# --- signing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("gpg.program", "{root}/program"),
        ("gpg.program", "./program"),
        ("gpg.ssh.program", "{place}/link"),
        ("gpg.ssh.defaultKeyCommand", "sh {root}/program"),
        ("user.signingkey", "{root}/key.pub"),
    ],
)
def test_no_program_or_key_that_an_agent_can_change_signs(yard: Yard, canary: Path, setting: str, value: str) -> None:
    program = bite(yard.root / "program", canary)
    (yard.place / "link").symlink_to(program)
    (yard.root / "key.pub").write_text("ssh-ed25519 AAAA\n")
    new, old = yard.ahead({"app.py": "changed\n"})
    yard.git("config", "commit.gpgsign", "true")
    yard.git("config", "gpg.format", "ssh" if "program" not in setting or "ssh" in setting else "openpgp")
    yard.git("config", setting, value.format(root=yard.root, place=yard.place))
    tree = merge_trees.preview(yard.repository, old, new).tree
    with pytest.raises(Refused, match=r"an agent can change|is not found"):
        merge_trees.signed_commit(yard.repository, tree, (old, new), "merge")
    assert not canary.exists()
