"""Files that Git LFS keeps: with their contents in a new worktree, as pointers in history."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from orchestra.actions.landing.merge import merge
from orchestra.actions.session import container_spec
from orchestra.actions.session.manage import delete, restore
from orchestra.actions.session.spawn import spawn
from orchestra.errors import Refused
from orchestra.model import Session
from tests.support.projects import HostProject, host_project

LFS = {"clean": "git-lfs clean -- %f", "smudge": "git-lfs smudge -- %f", "process": "git-lfs filter-process"}
PICTURE = "a picture " * 500
WITHOUT = ("-c", "filter.lfs.clean=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false")
"""A git such as a container has, without Git LFS."""


def spawned(host: HostProject) -> tuple[Session, list[str]]:
    """Create a session; return it, and what was said meanwhile."""
    said: list[str] = []
    return spawn(host.project, title="one", task="x", progress=said.append), said


def use_picture(host: HostProject) -> None:
    """Have a picture committed that Git LFS keeps."""
    use_lfs(host)
    host.commit(host.source, "art/logo.png", PICTURE)
    assert host.git("cat-file", "-p", "main:art/logo.png").startswith("version https://git-lfs")


# --- in a new worktree -----------------------------------------------------------------------------


def test_a_new_worktree_holds_the_picture_and_its_git_takes_it_for_unchanged(host: HostProject) -> None:
    use_picture(host)
    one, said = spawned(host)
    assert (one.worktree / "art/logo.png").read_text() == PICTURE
    assert not any("Git LFS" in line for line in said)
    # As the agent's own git does, which has no filter.
    host.write(one, "made.txt", "made\n")
    host.git(*WITHOUT, "add", "--all", cwd=one.worktree)
    host.git(*WITHOUT, "commit", "--quiet", "-m", "Work", cwd=one.worktree)
    assert host.git(*WITHOUT, "show", "--format=", "--name-only", cwd=one.worktree) == "made.txt"
    merge(host.project, "one")


@pytest.mark.docker
def test_the_git_in_a_container_takes_the_picture_for_unchanged(
    monkeypatch: pytest.MonkeyPatch, git_image: str
) -> None:
    with host_project(monkeypatch, image=git_image) as made:
        use_picture(made)
        one, _ = spawned(made)
        box = container_spec.box_for(made.project, one)
        script = 'test "$(wc -c <art/logo.png)" = 5000; git status --porcelain; git add --all'
        done = made.project.sandbox(one.sandbox).execute(box, ("sh", "-ec", f"{script}; git diff --cached --stat"))
        assert done.text == ""


def test_a_picture_that_the_agent_changes_is_seen(host: HostProject) -> None:
    use_picture(host)
    one, _ = spawned(host)
    host.write(one, "art/logo.png", PICTURE.replace("a", "b"))
    assert host.git(*WITHOUT, "status", "--porcelain", cwd=one.worktree) == " M art/logo.png"


def test_a_restored_worktree_holds_the_picture(host: HostProject) -> None:
    use_picture(host)
    one, _ = spawned(host)
    delete(host.project, "one", force=True, remove_worktree=True)
    assert not one.worktree.exists()
    restore(host.project, "one")
    assert (one.worktree / "art/logo.png").read_text() == PICTURE
    assert host.git(*WITHOUT, "status", "--porcelain", cwd=one.worktree) == ""


def test_a_content_that_is_not_here_is_asked_for_nowhere_and_named(host: HostProject) -> None:
    """A commit's own .lfsconfig would say where."""
    use_picture(host)
    host.commit(host.source, ".lfsconfig", "[lfs]\n\turl = http://127.0.0.1:9/agents\n")
    host.commit(host.source, "here.png", "here " * 500)
    pointer = host.git("cat-file", "-p", "main:art/logo.png")
    name = pointer.partition("sha256:")[2].partition("\n")[0]
    (host.source / ".git/lfs/objects" / name[:2] / name[2:4] / name).unlink()
    one, said = spawned(host)
    assert (one.worktree / "art/logo.png").read_text().strip() == pointer
    assert (one.worktree / "here.png").read_text() == "here " * 500
    assert [line for line in said if "git lfs fetch" in line and "art/logo.png" in line and "here.png" not in line]
    assert not any("127.0.0.1" in log.read_text() for log in (host.source / ".git/lfs/logs").glob("*"))
    assert host.git(*WITHOUT, "status", "--porcelain", cwd=one.worktree) == ""


def test_the_persons_own_way_to_fetch_is_not_taken(host: HostProject) -> None:
    """A transfer agent of theirs (git-lfs-config(5)) would ask the network."""
    use_picture(host)
    program, ran = host.write(host.place, "agent", "#!/bin/sh\ntouch $0.ran\n"), host.place / "agent.ran"
    program.chmod(0o755)
    host.git("config", "--global", "lfs.customtransfer.theirs.path", str(program))
    host.git("config", "--global", "lfs.standalonetransferagent", "theirs")
    shutil.rmtree(host.source / ".git/lfs/objects")
    spawned(host)
    assert not ran.exists()
    host.git("-c", "lfs.url=https://127.0.0.1:9/x", "lfs", "pull", check=False)
    assert ran.exists(), "this git-lfs knows no such agents"


def test_programs_that_a_pointer_can_name_are_not_run(host: HostProject) -> None:
    use_picture(host)
    ran = host.place / "ran"
    for part in ("clean", "smudge"):
        host.git("config", "--global", f"lfs.extension.foo.{part}", f"sh -c 'touch {ran}; cat'")
    host.git("config", "--global", "lfs.extension.foo.priority", "0")
    one, said = spawned(host)
    assert (one.worktree / "art/logo.png").read_text().startswith("version ")
    assert any("lfs.extension" in line for line in said)
    assert not ran.exists()


def test_a_filter_without_a_program_is_none(host: HostProject) -> None:
    host.commit(host.source, ".gitattributes", "*.png filter=lfs diff=lfs merge=lfs -text\n")
    host.git("config", "--global", "filter.lfs.smudge", " ")
    _, said = spawned(host)
    assert any("sees pointers" in line for line in said)


def test_a_new_session_says_that_it_sees_pointers(host: HostProject) -> None:
    host.commit(host.source, ".gitattributes", "*.png filter=lfs diff=lfs merge=lfs -text\n")
    _, said = spawned(host)
    assert any("Git LFS" in line and "git lfs install" in line for line in said)


@pytest.mark.parametrize("inside", [True, False], ids=["in the checkout", "another program"])
def test_a_program_that_an_agent_can_change_and_one_that_is_not_git_lfs_are_not_run(
    host: HostProject, *, inside: bool
) -> None:
    host.commit(host.source, ".gitattributes", "*.png filter=lfs diff=lfs merge=lfs -text\n")
    host.commit(host.source, "logo.png", "version https://git-lfs.github.com/spec/v1\n")
    program = (host.source if inside else host.place) / ("git-lfs" if inside else "tool")
    canary = host.place / "ran"
    program.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    program.chmod(0o755)
    host.git("config", "--global", "filter.lfs.smudge", f"{program} smudge")
    one, said = spawned(host)
    assert (one.worktree / "logo.png").read_text().startswith("version ")
    assert not canary.exists()
    reason = "an agent can change" if inside else "is not git-lfs"
    assert any("sees pointers" in line and reason in line for line in said)


def test_no_other_filter_of_the_persons_is_run_in_a_new_worktree(host: HostProject, tmp_path: Path) -> None:
    """One that decrypts would show the agent what the person has for themselves."""
    use_picture(host)
    host.commit(host.source, ".gitattributes", "*.png filter=lfs diff=lfs merge=lfs -text\n*.key filter=crypt\n")
    host.commit(host.source, "a.key", "sealed\n")
    host.git("config", "--global", "filter.crypt.smudge", f"touch {tmp_path}/ran; tr a-z A-Z")
    one, _ = spawned(host)
    assert (one.worktree / "a.key").read_text() == "sealed\n"
    assert (one.worktree / "art/logo.png").read_text() == PICTURE
    assert not (tmp_path / "ran").exists()


# --- merged ----------------------------------------------------------------------------------------


def use_lfs(host: HostProject) -> None:
    for part, command in LFS.items():
        host.git("config", "--global", f"filter.lfs.{part}", command)
    host.git("config", "--global", "filter.lfs.required", "true")
    host.commit(host.source, ".gitattributes", "*.png filter=lfs diff=lfs merge=lfs -text\n")


def test_a_picture_that_git_lfs_keeps_is_merged_as_a_pointer_and_shown_whole(host: HostProject) -> None:
    use_lfs(host)
    one = host.spawn("one")
    host.commit(one, "logo.png", "a picture " * 500)
    merge(host.project, "one")
    assert host.git("cat-file", "-p", "main:logo.png").startswith("version https://git-lfs")
    assert (host.source / "logo.png").read_text() == "a picture " * 500
    assert host.git("status", "--porcelain", "--untracked-files=no") == ""


def test_a_whole_picture_past_git_lfs_is_refused_and_the_hint_mends_it(host: HostProject) -> None:
    use_lfs(host)
    one = host.spawn("one")
    host.write(one, "logo.png", "a picture " * 500)
    plain = ("-c", "filter.lfs.clean=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false")
    host.git(*plain, "add", "logo.png", cwd=one.worktree)
    host.git(*plain, "commit", "--quiet", "-m", "picture", cwd=one.worktree)
    with pytest.raises(Refused, match=r"belong to Git LFS: logo\.png") as caught:
        merge(host.project, "one")
    command = caught.value.hint.removeprefix("on this machine: ")
    subprocess.run(("sh", "-ec", command), check=True, capture_output=True, timeout=60)
    merge(host.project, "one")
    assert host.git("cat-file", "-p", "main:logo.png").startswith("version https://git-lfs")
    assert (host.source / "logo.png").read_text() == "a picture " * 500


def test_a_content_that_is_not_here_stays_a_pointer_and_is_asked_for_nowhere(host: HostProject) -> None:
    """A commit's own .lfsconfig would say where."""
    use_lfs(host)
    host.commit(host.source, ".lfsconfig", "[lfs]\n\turl = http://127.0.0.1:9/agents\n")
    one = host.spawn("one")
    host.commit(one, "logo.png", "a picture " * 500)
    shutil.rmtree(host.source / ".git/lfs/objects")
    merge(host.project, "one")
    assert (host.source / "logo.png").read_text().startswith("version https://git-lfs")
    logs = host.source / ".git/lfs/logs"
    assert not any("127.0.0.1" in log.read_text() for log in logs.glob("*"))
