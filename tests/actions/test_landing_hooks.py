"""The repository's own hooks, which run for landings in the container of the checks alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.actions.landing import hooks
from orchestra.actions.landing.merge import merge
from orchestra.errors import CheckFailed, Refused
from orchestra.model import CheckRun, Session
from tests.actions.test_queue import entry_of, letters_to
from tests.support.projects import HostProject

LOOKS = """#!/bin/sh
echo "staged: $(git diff --cached --name-only | tr '\\n' ' ')in $HOME"
touch {canary}
! git diff --cached | grep -q broken
"""
WORDS = "#!/bin/sh\ngrep -q '^Merge orchestra/' \"$1\" && echo 'Signed-off-by: nobody' >>\"$1\"\n"
TIDIES = "#!/bin/sh\nsed -i s/untidy/tidy/ *.txt\n"


@pytest.fixture
def hooked(contained: HostProject) -> HostProject:
    """A project in containers whose settings want its hooks."""
    config = contained.project.paths.home.config
    config.write_text(f"{config.read_text()}landing_hooks: true\n")
    return contained


def hook(host: HostProject, name: str, text: str, *, mode: str = "+x") -> None:
    """Commit a hook to main."""
    host.write(host.source, name, text)
    host.git("add", "--", name)
    host.git("update-index", f"--chmod={mode}", name)
    host.git("commit", "--quiet", "--message", f"Add {name}")
    host.git("checkout", "--", name)


def ready(host: HostProject, name: str, content: str = "fine\n") -> Session:
    """Create an executor with one commit."""
    session = host.spawn(name)
    host.commit(session, f"{name}.txt", content)
    return session


def last_run(host: HostProject, name: str) -> CheckRun:
    """Return the newest run of the hooks for a session."""
    return host.project.store.queue.checks([entry_of(host, name).id])[-1]


def test_hooks_see_what_the_merge_brings_and_run_in_the_container_alone(hooked: HostProject, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    hook(hooked, ".githooks/pre-commit", LOOKS.format(canary=canary))
    hook(hooked, ".githooks/commit-msg", WORDS)
    hook(hooked, ".githooks/pre-push", f"#!/bin/sh\ntouch {canary}\n")
    ready(hooked, "one")
    done = merge(hooked.project, "one")
    assert done["checks"] == ["landing-hooks"]
    run = last_run(hooked, "one")
    assert (run.command, run.code) == ("the hooks of the repository", 0)
    assert "staged: one.txt in /tmp" in run.output
    assert "a hook changed the message; the commit keeps its own" in run.output
    assert "Signed-off-by" not in hooked.git("log", "-1", "--format=%B", "main")
    assert "Orchestra-Checks: landing-hooks" in hooked.git("log", "-1", "--format=%B", "main")
    assert not canary.exists()
    ready(hooked, "two", "broken\n")
    with pytest.raises(CheckFailed, match=r"the hooks of the repository \(exit code 1\)"):
        merge(hooked.project, "two")
    assert ".githooks/pre-commit ended with 1" in letters_to(hooked, "two")[-1]


def test_a_hook_that_changes_files_is_red_with_the_change(hooked: HostProject) -> None:
    hook(hooked, ".githooks/pre-commit", TIDIES)
    before = hooked.git("rev-parse", "main")
    ready(hooked, "one", "untidy\n")
    with pytest.raises(CheckFailed) as refused:
        merge(hooked.project, "one")
    assert "-untidy\n+tidy\n" in refused.value.output
    assert hooked.git("rev-parse", "main") == before
    ready(hooked, "two", "clean\n")
    merge(hooked.project, "two")


def test_the_files_of_husky_run_as_husky_runs_them(hooked: HostProject) -> None:
    hooked.git("config", "core.hooksPath", ".husky/_")
    hook(hooked, ".husky/pre-commit", '. "$(dirname -- "$0")/_/husky.sh"\necho husky ran\n', mode="-x")
    hook(hooked, ".githooks/pre-commit", "#!/bin/sh\nexit 1\n")
    ready(hooked, "one")
    merge(hooked.project, "one")
    assert "husky ran" in last_run(hooked, "one").output


def test_hooks_that_cannot_run_are_not_taken_for_passed(hooked: HostProject) -> None:
    hook(hooked, ".githooks/pre-commit", "#!/bin/sh\nexit 1\n", mode="-x")
    ready(hooked, "one")
    merge(hooked.project, "one")
    assert "not executable, and was left out" in last_run(hooked, "one").output
    hook(hooked, ".pre-commit-config.yaml", "repos: []\n", mode="-x")
    ready(hooked, "two")
    with pytest.raises(CheckFailed) as refused:
        merge(hooked.project, "two")
    assert "pre-commit is not in the container's image" in refused.value.output


def test_no_hook_runs_on_the_host(host: HostProject, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    host.project.paths.home.config.write_text("agent: helper\nsandbox: host\nlanding_hooks: true\n")
    hook(host, ".githooks/pre-commit", f"#!/bin/sh\ntouch {canary}\n")
    session = ready(host, "one")
    with pytest.raises(Refused, match="hooks run only in containers"):
        merge(host.project, "one")
    with pytest.raises(Refused):
        hooks.checks_of(host.project, session, "HEAD")
    merge(host.project, "one", check="test -f one.txt")
    assert not canary.exists()
