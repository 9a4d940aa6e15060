"""Trying a session's files in the person's own checkout, in this process on a real repository."""

from __future__ import annotations

import os
import re

import pytest

from orchestra.actions.landing import tryout
from orchestra.actions.landing.merge import merge
from orchestra.actions.messaging.messages import inbox
from orchestra.actions.session import manage
from orchestra.actions.session.preserve import TRASH
from orchestra.actions.work import refresh
from orchestra.errors import MergeConflict, NotFound, Refused
from orchestra.model import Session
from orchestra.model.sessions import LIVE
from orchestra.names import PERSON
from tests.support.checkouts import contents, differences
from tests.support.projects import HostProject


def tried(host: HostProject, files: dict[str, str], name: str = "one") -> Session:
    """Try a new session that has these files, in no commit."""
    session = host.spawn(name)
    for path, text in files.items():
        host.write(session, path, text)
    tryout.try_out(host.project, name)
    return session


def follow(host: HostProject) -> None:
    """Count the session's changes, as the watcher does, and let the checkout follow."""
    for session in host.project.store.sessions.all():
        refresh.refresh_diff(host.project, session)
    tryout.follow(host.project)


def test_the_files_are_merged_into_what_the_checkout_shows(host: HostProject) -> None:
    host.commit(host.source, "poem", "one\ntwo\nthree\nfour\n")
    session = host.spawn("one")
    host.commit(session, "poem", "one\ntwo\nthree\nFOUR\n")
    host.write(session, "draft", "in no commit\n")
    host.write(host.source, "poem", "ONE\ntwo\nthree\nfour\n")
    host.git("add", "poem")
    before = contents(host.source)
    done = tryout.try_out(host.project, "one")
    assert done == {"name": "one", "files": ["draft", "poem"], "stopped": ""}
    assert (host.source / "poem").read_text() == "ONE\ntwo\nthree\nFOUR\n"
    assert host.git("status", "--porcelain").splitlines() == ["MM poem", "?? draft"]
    assert [row["tried"] for row in manage.list_sessions(host.project)] == [LIVE]
    tryout.put_back(host.project)
    assert differences(before, contents(host.source)) == {}
    assert [row["tried"] for row in manage.list_sessions(host.project)] == [None]
    with pytest.raises(NotFound, match="no session is being tried"):
        tryout.put_back(host.project)


def test_what_the_session_changes_later_appears(host: HostProject) -> None:
    host.commit(host.source, "old", "old\n")
    before = contents(host.source)
    session = tried(host, {"a": "1\n"})
    host.write(session, "a", "2\n")
    host.write(session, "b/c", "new\n")
    (session.worktree / "old").unlink()
    follow(host)
    assert sorted(path.name for path in host.source.iterdir() if path.name != ".git") == ["README.md", "a", "b"]
    assert (host.source / "a").read_text() == "2\n"
    (session.worktree / "a").unlink()
    host.commit(session, "old", "back\n")
    follow(host)
    assert not (host.source / "a").exists()
    assert (host.source / "old").read_text() == "back\n"
    tryout.put_back(host.project)
    assert differences(before, contents(host.source)) == {}


ACTING = [
    ".claude/settings.json",
    "sub/.mcp.json",
    ".githooks/pre-commit",
    ".envrc",
    ".vscode/tasks.json",
    ".gitattributes",
    "CLAUDE.md",
]


@pytest.mark.parametrize("path", ACTING)
def test_a_file_that_programs_obey_at_once_is_shown_only_if_the_person_says_so(host: HostProject, path: str) -> None:
    before = contents(host.source)
    session = host.spawn("one")
    host.write(session, "a", "1\n")
    host.write(session, path, "evil\n")
    with pytest.raises(Refused, match=re.escape(path)) as caught:
        tryout.try_out(host.project, "one")
    assert "orchestra try one --risky" in caught.value.hint
    assert differences(before, contents(host.source)) == {}
    assert host.project.store.tryout.get() is None
    tryout.try_out(host.project, "one", risky=True)
    assert (host.source / path).read_text() == "evil\n"
    tryout.put_back(host.project)
    assert differences(before, contents(host.source)) == {}


def test_a_link_or_a_renamed_file_in_the_place_of_such_a_file_is_one(host: HostProject) -> None:
    host.commit(host.source, "harmless", "one\n" * 20)
    session = host.spawn("one")
    (session.worktree / ".claude").symlink_to("harmless")
    with pytest.raises(Refused, match=r"\.claude"):
        tryout.try_out(host.project, "one")
    (session.worktree / ".claude").unlink()
    (session.worktree / "harmless").rename(session.worktree / ".envrc")
    with pytest.raises(Refused, match=r"\.envrc"):
        tryout.try_out(host.project, "one")


def test_such_a_file_that_comes_or_changes_later_is_not_followed(host: HostProject) -> None:
    session = tried(host, {"a": "1\n"})
    host.write(session, ".envrc", "evil\n")
    host.write(session, "a", "2\n")
    follow(host)
    assert not (host.source / ".envrc").exists()
    assert (host.source / "a").read_text() == "1\n"
    told = inbox(host.project, PERSON)[-1].text
    assert ".envrc" in told
    assert told.endswith("orchestra try one --risky")
    tryout.try_out(host.project, "one", risky=True)
    assert (host.source / ".envrc").read_text() == "evil\n"
    host.write(session, "a", "3\n")
    follow(host)
    assert (host.source / "a").read_text() == "3\n"
    host.write(session, ".envrc", "more evil\n")
    follow(host)
    assert (host.source / ".envrc").read_text() == "evil\n"


def test_a_session_that_changes_everything_back_is_followed_on(host: HostProject) -> None:
    session = tried(host, {"a": "1\n"})
    (session.worktree / "a").unlink()
    assert tryout.try_out(host.project, "one")["files"] == []
    assert not (host.source / "a").exists()
    host.write(session, "b", "new\n")
    follow(host)
    assert (host.source / "b").read_text() == "new\n"
    tryout.put_back(host.project)
    assert not (host.source / "b").exists()


def test_nothing_is_written_over_what_the_person_edits_meanwhile(host: HostProject) -> None:
    host.write(host.source, "mine", "mine\n")
    session = tried(host, {"a": "1\n", "b": "1\n"})
    host.write(host.source, "a", "by hand\n")
    host.write(session, "b", "2\n")
    follow(host)
    assert (host.source / "b").read_text() == "2\n"
    assert host.session("one").tried == LIVE
    host.write(session, "a", "2\n")
    follow(host)
    assert (host.source / "a").read_text() == "by hand\n"
    assert host.session("one").tried == "you have changed a"
    assert "no longer follows one: you have changed a" in inbox(host.project, PERSON)[-1].text
    host.write(session, "b", "3\n")
    follow(host)
    assert (host.source / "b").read_text() == "2\n"


def test_a_file_that_only_the_person_has_changed_is_not_reached_later_either(host: HostProject) -> None:
    host.commit(host.source, "other", "1\n")
    session = tried(host, {"a": "1\n"})
    host.write(host.source, "other", "by hand\n")
    host.write(session, "other", "2\n")
    follow(host)
    assert (host.source / "other").read_text() == "by hand\n"
    assert host.session("one").tried == "you have changed other"
    tryout.put_back(host.project)
    assert (host.source / "other").read_text() == "by hand\n"
    assert not (host.source / "a").exists()


def test_edits_are_refused_and_with_force_they_are_kept_under_a_ref(host: HostProject) -> None:
    host.write(host.source, "mine", "mine\n")
    before = contents(host.source)
    tried(host, {"a": "1\n", "deep/b": "1\n"})
    host.write(host.source, "a", "by hand\n")
    host.git("add", "a")
    (host.source / "deep/b").unlink()
    with pytest.raises(Refused, match="you have changed a while one was tried"):
        tryout.put_back(host.project)
    assert (host.source / "a").read_text() == "by hand\n"
    done = tryout.put_back(host.project, force=True)
    assert differences(before, contents(host.source)) == {}
    assert host.git("show", f"{done['kept']}:a") == "by hand"
    assert host.git("show", f"{done['kept']}^2:a") == "by hand", "the index as it was"
    assert host.fsck() == ""


def test_what_is_staged_or_committed_meanwhile_is_not_undone_silently(host: HostProject) -> None:
    tried(host, {"a": "1\n"})
    host.git("add", "a")
    with pytest.raises(Refused, match="you have changed the index"):
        tryout.put_back(host.project)
    host.git("commit", "--quiet", "--message", "Take it")
    with pytest.raises(Refused, match="you have changed the index"):
        tryout.put_back(host.project)
    tryout.put_back(host.project, force=True)
    assert host.git("status", "--porcelain") == " D a", "the commit stays, and the files are as before"


@pytest.mark.parametrize("what", ["merge", "rebase", "bisect"])
def test_nothing_happens_in_the_middle_of_something(host: HostProject, what: str) -> None:
    session = host.spawn("one")
    host.commit(session, "README.md", "theirs\n")
    host.commit(host.source, "README.md", "mine\n")
    words = {"merge": ("merge", session.branch), "rebase": ("rebase", session.branch), "bisect": ("bisect", "start")}
    host.git(*words[what], check=False)
    before = contents(host.source)
    with pytest.raises(Refused, match=f"a {what} is in progress"):
        tryout.try_out(host.project, "one")
    assert differences(before, contents(host.source)) == {}


def test_a_conflict_says_with_what(host: HostProject) -> None:
    session = host.spawn("one")
    host.write(session, "README.md", "theirs\n")
    host.write(host.source, "README.md", "mine\n")
    with pytest.raises(MergeConflict, match="one and your uncommitted changes change the same lines in README"):
        tryout.try_out(host.project, "one")
    host.git("commit", "--quiet", "--all", "--message", "Mine")
    with pytest.raises(MergeConflict, match="one and your branch change the same lines in README"):
        tryout.try_out(host.project, "one")
    assert host.project.store.tryout.get() is None


@pytest.mark.parametrize("there", ["a file", "the same file", "a directory", "a pipe", "a link"])
def test_what_git_ignores_is_never_overwritten(host: HostProject, there: str) -> None:
    host.commit(host.source, ".gitignore", "out\nempty\n")
    session = host.spawn("one")
    host.write(session, "out", "theirs\n")
    host.git("add", "--force", "out", cwd=session.worktree)
    host.git("commit", "--quiet", "--message", "Add it", cwd=session.worktree)
    path = host.source / "out"
    if there == "a directory":
        (path / "in").mkdir(parents=True)
    elif there == "a pipe":
        os.mkfifo(path)
    elif there == "a link":
        path.symlink_to("README.md")
    else:
        path.write_text("mine\n" if there == "a file" else "theirs\n")
    before = contents(host.source)
    with pytest.raises(Refused, match="are in the way: out"):
        tryout.try_out(host.project, "one")
    assert differences(before, contents(host.source)) == {}


@pytest.mark.parametrize("how", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_does_not_look_at_is_not_written(host: HostProject, how: str) -> None:
    host.git("update-index", how, "README.md")
    host.write(host.source, "README.md", "mine, and git does not know\n")
    session = host.spawn("one")
    host.write(session, "README.md", "theirs\n")
    with pytest.raises(Refused, match="git does not look at these files in your checkout: README"):
        tryout.try_out(host.project, "one")
    assert (host.source / "README.md").read_text() == "mine, and git does not know\n"


def test_a_sparse_checkout_is_tried_within_its_part(host: HostProject) -> None:
    host.commit(host.source, "in/a", "1\n")
    host.commit(host.source, "out/a", "1\n")
    host.git("sparse-checkout", "set", "in")
    before = contents(host.source)
    session = host.spawn("one")
    host.write(session, "in/a", "2\n")
    tryout.try_out(host.project, "one")
    assert (host.source / "in/a").read_text() == "2\n"
    tryout.put_back(host.project)
    assert differences(before, contents(host.source)) == {}
    (session.worktree / "out").mkdir(exist_ok=True)
    host.git("sparse-checkout", "disable", cwd=session.worktree)
    host.write(session, "out/a", "2\n")
    with pytest.raises(Refused, match="git does not look at these files in your checkout: out/a"):
        tryout.try_out(host.project, "one")


def test_a_changed_submodule_is_refused(host: HostProject) -> None:
    session = host.spawn("one")
    tip = host.git("rev-parse", "HEAD")
    host.git("update-index", "--add", "--cacheinfo", f"160000,{tip},inner", cwd=session.worktree)
    host.git("commit", "--quiet", "--message", "Add a submodule", cwd=session.worktree)
    (session.worktree / "inner").mkdir(exist_ok=True)
    with pytest.raises(Refused, match="submodules would change: inner"):
        tryout.try_out(host.project, "one")


def test_one_at_a_time_and_never_the_designer(host: HostProject) -> None:
    tried(host, {"a": "1\n"})
    host.write(host.spawn("two"), "b", "1\n")
    with pytest.raises(Refused, match="one is being tried already"):
        tryout.try_out(host.project, "two")
    assert not (host.source / "b").exists()


def test_a_session_without_changes_is_refused(host: HostProject) -> None:
    host.spawn("one")
    with pytest.raises(Refused, match="your checkout shows all of one already"):
        tryout.try_out(host.project, "one")
    assert host.refs("refs/orchestra/try/") == {}


def test_a_merge_puts_back_first_and_then_lands(host: HostProject) -> None:
    host.write(host.source, "mine", "mine\n")
    session = host.spawn("one")
    host.commit(session, "a", "1\n")
    tryout.try_out(host.project, "one")
    merge(host.project, "one")
    assert host.project.store.tryout.get() is None
    assert host.git("status", "--porcelain") == "?? mine"
    assert (host.source / "a").read_text() == "1\n"


def test_a_merge_does_not_touch_what_the_person_edits_meanwhile(host: HostProject) -> None:
    session = host.spawn("one")
    host.commit(session, "a", "1\n")
    tryout.try_out(host.project, "one")
    host.write(host.source, "a", "by hand\n")
    with pytest.raises(Refused, match="you have changed a while one was tried"):
        merge(host.project, "one")
    assert (host.source / "a").read_text() == "by hand\n"


def test_a_deleted_session_is_followed_no_longer_and_can_be_put_back(host: HostProject) -> None:
    before = contents(host.source)
    tried(host, {"a": "1\n"})
    manage.delete(host.project, "one", force=True, remove_worktree=True)
    assert host.refs(TRASH)
    tryout.follow(host.project)
    record = host.project.store.tryout.get()
    assert record is not None
    assert "the session 'one' was deleted" in record.stopped
    tryout.put_back(host.project)
    assert differences(before, contents(host.source)) == {}


def test_a_filter_that_an_agent_can_change_never_runs(host: HostProject) -> None:
    program = host.write(host.source, "smudge", f"#!/bin/sh\ntouch '{host.place}/ran'; cat\n")
    program.chmod(0o755)
    host.git("config", "filter.trap.smudge", str(program))
    session = host.spawn("one")
    host.write(session, ".gitattributes", "* filter=trap\n")
    host.write(session, "a", "1\n")
    with pytest.raises(Refused, match="needs the filter 'trap'"):
        tryout.try_out(host.project, "one")
    assert not (host.place / "ran").exists()
    assert not (host.source / "a").exists()


def test_a_hook_of_the_checkout_never_runs(host: HostProject) -> None:
    hooks = host.source / ".git" / "hooks"
    for name in ("post-checkout", "post-index-change", "reference-transaction", "post-merge"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{host.place}/ran'\n")
        (hooks / name).chmod(0o755)
    tried(host, {"a": "1\n"})
    tryout.put_back(host.project)
    assert not (host.place / "ran").exists()


def test_bytes_and_permissions_come_back_whatever_git_would_make_of_them(host: HostProject) -> None:
    host.commit(host.source, ".gitattributes", "* text=auto eol=crlf\n*.id ident\n")
    host.commit(host.source, "a.id", "$Id$\none\ntwo\n")
    mine = b"$Id: by hand $\r\none\ntwo\r\n"
    (host.source / "a.id").write_bytes(mine)
    (host.source / "a.id").chmod(0o600)
    session = host.spawn("one")
    host.write(session, "a.id", "$Id$\none\ntwo\nthree\n")
    host.write(session, ".gitattributes", "* text=auto eol=crlf\n*.id ident\n*.new text\n")
    before = contents(host.source)
    tryout.try_out(host.project, "one", risky=True)
    assert b"three\r\n" in (host.source / "a.id").read_bytes()
    tryout.put_back(host.project)
    assert differences(before, contents(host.source)) == {}
