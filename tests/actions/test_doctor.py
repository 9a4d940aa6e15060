"""The doctor in this process: each thing that can be missing, too old or in the way, and the command it names."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestra.actions.maintenance import doctor as checks
from orchestra.actions.maintenance.doctor import doctor
from orchestra.actions.maintenance.finding import Finding
from orchestra.drivers import file_events
from tests.support.projects import AGENT, HostProject


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch, host: HostProject) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{host.place}/none.sock")


def found(host: HostProject, check: str) -> Finding:
    """Ask the doctor, see that the project is as it was, and return one finding."""
    before = host.refs(), host.project.store.sessions.all(), host.windows()
    told = {one.check: one for one in doctor(host.source)}
    assert (host.refs(), host.project.store.sessions.all(), host.windows()) == before
    assert check in told, told.keys()
    return told[check]


@pytest.fixture
def pretends(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a program first in PATH that says another version of itself, and is the real one for all else."""

    def pretend(program: str, version: str) -> None:
        place = host.place / "bin"
        place.mkdir(exist_ok=True)
        script = (
            f'#!/bin/sh\ncase "$1" in -V|--version) echo "{version}";; *) exec {shutil.which(program)} "$@";; esac\n'
        )
        (place / program).write_text(script)
        (place / program).chmod(0o755)
        monkeypatch.setenv("PATH", str(place), prepend=":")

    return pretend


def test_where_agents_run_on_the_host_all_is_well_but_the_engine(host: HostProject) -> None:
    host.spawn("one")
    ill = {one.check: one.repair for one in doctor(host.source) if not one.well}
    assert list(ill) == ["docker engine"]
    assert ill["docker engine"].endswith("or without containers: orchestra up --sandbox host")


@pytest.mark.parametrize(
    ("program", "version", "detail"),
    [
        ("tmux", "tmux 3.1c", "3.1 is too old: 3.2 or newer is needed"),
        ("git", "git version 2.37.9", "2.37 is too old: 2.38 or newer is needed to merge without a checkout"),
        ("tmux", "tmux 3.2", "3.2"),
        ("git", "git version 2.38.0", "2.38"),
    ],
)
def test_a_program_that_is_too_old_is_told_with_what_installs_a_newer_one(
    host: HostProject, pretends: Callable[[str, str], None], program: str, version: str, detail: str
) -> None:
    pretends(program, version)
    finding = found(host, program)
    old = "too old" in detail
    assert (finding.well, finding.detail) == (not old, detail)
    assert finding.repair == (f"sudo apt-get install {program}" if old else "")


def test_a_directory_that_is_no_repository_is_told(tmp_path: Path) -> None:
    told = {one.check: one for one in doctor(tmp_path)}
    assert not told["project"].well
    assert "git init" in told["project"].repair
    assert "repository" not in told


def test_a_full_disk_is_told(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_ROOMY", 1 << 60)
    finding = found(host, "disk")
    assert (finding.well, finding.repair) == (False, "orchestra gc")


def test_a_profile_that_cannot_be_read_is_told_by_its_name(host: HostProject) -> None:
    (host.project.paths.home.agents / "broken.yaml").write_text("family: [\n")
    finding = found(host, "agent broken")
    assert not finding.well
    assert "broken.yaml" in finding.detail


def test_the_agent_in_use_is_named_and_needs_no_login(host: HostProject) -> None:
    finding = found(host, f"agent {AGENT}")
    assert finding.well
    assert "none needed" in finding.detail


def test_a_service_that_does_not_run_is_no_trouble(host: HostProject) -> None:
    assert found(host, "service") == Finding("service", well=True, detail="not running; orchestra up starts it")


class TestFileEvents:
    """What the kernel's limits mean; the limits are those of files that stand for /proc/sys."""

    @pytest.fixture
    def limits(self, host: HostProject, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
        system = host.place / "sys"
        monkeypatch.setattr(file_events, "_SYSTEM", system)

        def limit(name: str, number: int) -> None:
            (system / name).parent.mkdir(parents=True, exist_ok=True)
            (system / name).write_text(f"{number}\n")

        return limit

    def test_enough_is_said_with_the_numbers(self, host: HostProject, limits: Callable[[str, int], None]) -> None:
        limits("fs/inotify/max_user_watches", 8192)
        host.commit(host.source, "a/b/file", "x\n")
        finding = found(host, "file events")
        assert (finding.well, finding.note, finding.fix) == (True, False, "")
        assert finding.detail.endswith("takes half; 1 worktrees of 3 directories need about 3")

    def test_too_few_watches_are_said_with_what_raises_them(
        self, host: HostProject, limits: Callable[[str, int], None]
    ) -> None:
        limits("fs/inotify/max_user_watches", 8192)
        limits("user/max_inotify_watches", 10)
        host.commit(host.source, "a/b/file", "x\n")
        for name in ("one", "two"):
            host.spawn(name)
        finding = found(host, "file events")
        assert (finding.well, finding.note) == (True, True)
        assert (
            "2 worktrees of 3 directories need about 6; the rest is counted every 10 to 600 seconds" in finding.detail
        )
        assert finding.repair.startswith("sudo sysctl -w user.max_inotify_watches=524288")
        assert shlex.split(finding.fix)[-1] == (
            "sysctl -w user.max_inotify_watches=524288 && "
            "echo user.max_inotify_watches=524288 > /etc/sysctl.d/60-orchestra-max_inotify_watches.conf"
        )

    def test_a_tree_that_is_too_large_is_said(self, host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(file_events, "MOST", 2)
        host.commit(host.source, "a/b/file", "x\n")
        assert "has 3 directories, more than the 2 that are watched" in found(host, "file events").detail

    def test_where_no_more_programs_may_watch_it_is_wrong(
        self, host: HostProject, limits: Callable[[str, int], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limits("fs/inotify/max_user_instances", 128)
        monkeypatch.setattr(file_events, "gives_events", lambda: False)
        finding = found(host, "file events")
        assert not finding.well
        assert finding.detail.startswith("all 128 programs that may watch files (fs.inotify.max_user_instances) do")
        assert "sysctl -w fs.inotify.max_user_instances=1024" in finding.fix
