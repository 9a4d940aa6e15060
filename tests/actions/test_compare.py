"""Comparing sessions: on a real repository, with checks on the host."""

from __future__ import annotations

import pytest

from orchestra.actions.landing.compare import compare
from orchestra.actions.session import items
from orchestra.actions.session.group import spawn_group
from orchestra.errors import NotFound, Refused, UsageError
from tests.support.projects import AGENT, HostProject


@pytest.fixture
def team(host: HostProject) -> HostProject:
    """A group of three: two that are nearly alike, one of which breaks the check, and one that conflicts with main."""
    one, two, three = spawn_group(host.project, title="Fix it", copies=3)
    for session, last in ((one, "good"), (two, "broken")):
        host.commit(session, "fix.txt", f"a\nb\nc\n{last}\n")
    host.write(two, "notes.txt", "not committed\n")
    host.commit(three, "README.md", "hello from three\n")
    host.commit(host.source, "README.md", "hello from main\n")
    (host.place / "runs").touch()
    settings(host, f"echo run >>{host.place}/runs; ! grep -q broken fix.txt")
    return host


def settings(host: HostProject, check: str) -> None:
    """Write the person's own settings."""
    host.project.paths.home.config.write_text(f"agent: {AGENT}\nsandbox: host\ncheck: {check!r}\n")


def runs(host: HostProject) -> int:
    """Return how often the check has run."""
    return len((host.place / "runs").read_text().split())


def test_all_of_a_group_are_side_by_side(team: HostProject) -> None:
    main = team.git("rev-parse", "main")
    found = compare(team.project, ["fix-it"])
    one, two, three = found["sessions"]
    assert found["group"] == "fix-it"
    assert [run["passed"] for run in one["checks"]] == [True]
    assert [run["passed"] for run in two["checks"]] == [False]
    assert (three["checks"], three["conflicts"], three["unchecked"]) == ([], ["README.md"], "it conflicts")
    assert one["diff"] == {"files": 1, "insertions": 4, "deletions": 0}
    assert two["diff"] == {"files": 2, "insertions": 5, "deletions": 0}
    assert [row["uncommitted"] for row in found["sessions"]] == [False, True, False]
    assert found["files"][0] == {"path": "fix.txt", "names": ["fix-it-1", "fix-it-2"]}
    assert [pair["share"] for pair in found["alike"]] == [round(6 / 9, 3), 0.0, 0.0]
    assert team.git("rev-parse", "main") == main, "nothing lands"
    assert team.project.store.queue.open() == []
    assert team.git("status", "--porcelain") == ""


def test_a_check_runs_once_on_each_tree(team: HostProject) -> None:
    before = compare(team.project, ["fix-it"], checks=False)
    assert [row["unchecked"] for row in before["sessions"]] == ["not all have run", "not all have run", "it conflicts"]
    assert runs(team) == 0
    compare(team.project, ["fix-it-1"])
    assert runs(team) == 2
    again = compare(team.project, ["fix-it"], checks=False)
    assert [run["passed"] for row in again["sessions"] for run in row["checks"]] == [True, False]
    compare(team.project)
    assert runs(team) == 2
    team.commit(team.session("fix-it-2"), "fix.txt", "mended\n")
    assert [run["passed"] for run in compare(team.project)["sessions"][1]["checks"]] == [True]
    assert runs(team) == 3


def test_what_shows_an_item_of_the_spec_runs_beside_the_checks_once_on_each_tree(team: HostProject) -> None:
    shows = team.place / "shows"
    for name in ("fix-it-1", "fix-it-2"):
        team.project.store.specs.save(name, "- [ ] it is good\n- [ ] it is quick\n", "user")
        items.claim(team.project, team.session(name), "it is good", f"echo x >>{shows}; grep -q good fix.txt")
    first = compare(team.project, ["fix-it"], checks=False)
    assert [row["proof"]["claimed"] for row in first["sessions"][:2]] == [1, 1]
    for _ in range(2):
        one, two, _ = compare(team.project, ["fix-it"])["sessions"]
        assert [(row["proof"]["proved"], row["proof"]["open"]) for row in (one, two)] == [(1, 1), (0, 2)]
    assert len(shows.read_text().split()) == 2


def test_a_check_that_the_person_has_not_allowed_does_not_run(team: HostProject) -> None:
    team.project.paths.home.config.write_text(f"agent: {AGENT}\nsandbox: host\n")
    team.write(team.source, ".orchestra/config.yaml", f"check: touch {team.place}/canary\n")
    found = compare(team.project, ["fix-it"])
    assert "you have not allowed the check" in found["sessions"][0]["unchecked"]
    assert not (team.place / "canary").exists()


def test_any_two_can_be_compared(team: HostProject) -> None:
    team.spawn("alone")
    found = compare(team.project, ["alone", "fix-it-1"])
    assert [row["name"] for row in found["sessions"]] == ["alone", "fix-it-1"]
    assert found["sessions"][0]["unchecked"] == "it has no commits"
    assert (found["group"], found["bases"]) == (None, 2)


@pytest.mark.parametrize(
    ("names", "error"),
    [(["nobody"], NotFound), (["alone"], Refused), (["fix-it-1", "nobody"], NotFound), (["alone", "alone"], Refused)],
)
def test_what_cannot_be_compared_is_refused(team: HostProject, names: list[str], error: type[Exception]) -> None:
    team.spawn("alone")
    with pytest.raises(error):
        compare(team.project, names)


def test_of_several_groups_one_has_to_be_named(team: HostProject) -> None:
    spawn_group(team.project, title="Other", copies=2)
    with pytest.raises(UsageError, match="several groups"):
        compare(team.project)
