"""Whatever an agent did in its container, to its last second, outlives stop, delete and gc, and comes back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.person import Person, arriving, eventually

pytestmark = pytest.mark.docker

# Once it is restored it leaves its files alone: written anew, one would be empty for a moment.
LATE = """
[ -e summary.txt ] && exec sleep 900
trap 'echo end >summary.txt; git add -A; git commit -qm "final commit"; exit 0' HUP TERM
mkdir -p out; echo weights >out/model.bin
git switch -qc experiment; echo e >e.txt; git add e.txt; git commit -qm experiment; git switch -q -
for one in first second; do echo $one >README.md; git stash push -qm $one; done
touch ~/ready; while sleep 0.1; do echo $RANDOM >tick.txt; done
"""
NESTED = """
[ -e ~/ready ] && exec sleep 900
git init -q nested; (cd nested; git -c user.name=a -c user.email=a@b commit -q --allow-empty -m n)
git add nested 2>/dev/null; git commit -qm 'a gitlink'
git rm -rq --cached nested; rm -rf nested; echo precious >design.txt; git add design.txt; git commit -qm 'the design'
touch ~/ready; exec sleep 900
"""
DESIGNER = """
touch ~/ready; until [ -e ~/go ]; do sleep 0.1; done
echo design >design.md; git add design.md; git commit -qm 'the design of it all'; touch ~/done; exec sleep 900
"""


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with arriving(tmp_path_factory.mktemp("keeping") / "person", ORCHESTRA_AGENT="designer") as someone:
        someone.home.agents.mkdir(parents=True)
        for name, script in (("late", LATE), ("nested", NESTED), ("designer", DESIGNER)):
            (someone.home.agents / f"{name}.sh").write_text(script)
            text = f"family: plain\nfiles: {{agent.sh: ./{name}.sh}}\ncommand: [bash, /orchestra/agent.sh]\n"
            (someone.home.agents / f"{name}.yaml").write_text(text)
        (someone.repository / ".gitignore").write_text("out/\n__pycache__/\n")
        (someone.repository / "README.md").write_text("read me\n")
        for words in (("add", "-A"), ("commit", "-qm", "ignore"), ("branch", "feature")):
            someone.git(*words)
        someone.orchestra("up", "--detach")
        yield someone


def begins(person: Person, name: str, agent: str) -> Path:
    """Have an executor made, and wait until it has done its work; return its worktree."""
    tree = Path(person.json("new", name, "--agent", agent, "--task", "t")["worktree"])
    is_ready(person, name)
    return tree


def is_ready(person: Person, name: str, mark: str = "ready") -> Path:
    homes = person.home.root / "projects" / "tempo" / "sessions"
    eventually(lambda: list(homes.glob(f"*-{name}/home/{mark}")), what=f"{name} is {mark}")
    return next(homes.glob(f"*-{name}/home"))


def inside(person: Person, name: str, *words: str) -> str:
    """Run git in a session's container."""
    shown = person.json("show", name)
    done = person.run("docker", "exec", "-w", shown["worktree"], shown["container"], "git", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_was_committed_when_it_was_told_to_stop_is_on_the_branch(person: Person) -> None:
    begins(person, "stopped", "late")
    person.orchestra("stop", "stopped")
    assert person.git("log", "-1", "--format=%s", "orchestra/stopped") == "final commit"
    assert person.json("show", "stopped")["commits"] == 1


def test_its_own_branches_stashes_and_ignored_files_come_back_after_gc(person: Person) -> None:
    tree = begins(person, "late", "late")
    done = person.orchestra("delete", "late", "--force", "--worktree")
    assert "out/model.bin" in done.stderr
    assert "worktree removed, its content anchored" in done.stdout
    assert not tree.exists()
    person.orchestra("gc", "--yes")
    assert not list((person.home.root / "projects" / "tempo" / "sessions").glob("*-late/git"))
    person.git("gc", "--quiet", "--prune=now")
    person.orchestra("restore", "late")
    assert (tree / "summary.txt").read_text() == "end\n"
    assert (tree / "out" / "model.bin").read_text() == "weights\n"
    assert person.git("log", "-1", "--format=%s", "orchestra/late") == "final commit"
    assert "experiment" in inside(person, "late", "log", "-1", "--format=%s", "experiment")
    stashes = inside(person, "late", "stash", "list").splitlines()
    assert [line.rpartition(" ")[2] for line in stashes][-2:] == ["second", "first"]
    assert "first" in inside(person, "late", "show", f"stash@{{{len(stashes) - 1}}}:README.md")


def test_commits_that_are_refused_are_not_deleted_unasked_and_kept_when_asked(person: Person) -> None:
    begins(person, "nested", "nested")
    person.waits_for("nested", "unknown", "idle")
    done = person.orchestra("delete", "nested", "--worktree", check=False)
    assert done.returncode == 1
    assert "as a repository inside the repository" in done.stderr
    assert "orchestra delete nested --force" in done.stderr
    shown = person.json("show", "nested")
    assert person.run("docker", "inspect", "-f", "{{.State.Running}}", shown["container"]).stdout.strip() == "true"
    assert shown["intent"] == "run"
    done = person.orchestra("delete", "nested", "--worktree", "--force")
    assert "kept under refs/orchestra/trash/nested/" in done.stderr
    person.orchestra("gc", "--yes")
    assert "the design" in person.git("log", "--glob=refs/orchestra/trash/nested", "--format=%s")
    person.orchestra("restore", "nested")
    branches = inside(person, "nested", "branch", "--list", "kept-*", "--format=%(contents:subject)")
    assert branches.strip() == "the design"


def test_the_designer_s_commits_survive_a_switch_while_nobody_served_it(person: Person) -> None:
    home = is_ready(person, "main")
    for number in person.processes("orchestra.service"):
        os.kill(number, signal.SIGKILL)
    (home / "go").touch()
    is_ready(person, "main", "done")
    person.git("clean", "-fdq")
    person.git("switch", "-q", "feature")
    person.orchestra("up", "--detach")
    eventually(lambda: "feature" in inside(person, "main", "branch", "--show-current"), what="it follows")
    person.git("switch", "-q", "main")
    eventually(lambda: person.git("log", "-1", "--format=%s", "main") == "the design of it all", what="its commit")


def test_at_the_very_end_nothing_secret_is_left_in_memory(person: Person) -> None:
    assert list((person.place / "run").rglob("token"))
    assert f"network  {person.home.network}\n" in person.orchestra("gc", "--everything").stdout
    person.orchestra("down", "--stop")
    person.orchestra("gc", "--everything", "--yes")
    assert person.engine("network") == []
    assert [path for path in (person.place / "run").rglob("*") if path.is_file()] == []
    person.orchestra("up", "--detach")
