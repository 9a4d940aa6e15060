"""The forecast of conflicts, on a real repository: what rows say, what the queue proposes, and what clears it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestra.actions.landing.forecast import Forecaster, forecast, of_family
from orchestra.actions.landing.merge import merge
from orchestra.actions.landing.order import reorder
from orchestra.actions.landing.process import process
from orchestra.actions.landing.queue import queue
from orchestra.actions.session import manage
from orchestra.actions.session.spawn import spawn
from orchestra.actions.work import refresh
from orchestra.drivers.git.trial_merges import Trials
from orchestra.model import Session
from tests.support.projects import HostProject

LINES = "".join(f"{number}\n" for number in range(10, 30))


@pytest.fixture
def team(host: HostProject) -> HostProject:
    """A project with a file of some lines."""
    host.commit(host.source, "api.py", LINES)
    return host


def changes(host: HostProject, name: str, number: int = 15, file: str = "api.py") -> Session:
    """Create an executor that changes one line, and commits nothing."""
    session = host.spawn(name)
    host.write(session, file, LINES.replace(f"{number}\n", f"{name}\n"))
    return session


def commits(host: HostProject, name: str, *numbers: int) -> Session:
    """Create an executor with a commit that changes some lines."""
    session, text = host.spawn(name), LINES
    for number in numbers:
        text = text.replace(f"{number}\n", f"{name}\n")
    host.commit(session, "api.py", text)
    return session


def expected(host: HostProject) -> dict[str, list[tuple[str, str, tuple[str, ...]]]]:
    """Return what the list of sessions says after a look at everything."""
    forecast(host.project)
    return listed(host)


def listed(host: HostProject) -> dict[str, list[tuple[str, str, tuple[str, ...]]]]:
    """Return with whom each session will conflict, as the list of sessions says now."""
    return {
        row["name"]: [(one["kind"], one["with"], tuple(one["paths"])) for one in row["conflicts"]]
        for row in manage.list_sessions(host.project)
        if row["conflicts"]
    }


def queued(host: HostProject) -> list[str]:
    """Return who waits, in their order."""
    return [entry.session for entry in host.project.store.queue.waiting("main")]


def test_two_who_change_the_same_line_are_told_of_each_other_before_either_commits(team: HostProject) -> None:
    changes(team, "kelvin")
    changes(team, "rankine")
    changes(team, "docs", file="guide.md")
    assert expected(team) == {
        "kelvin": [("session", "rankine", ("api.py",))],
        "rankine": [("session", "kelvin", ("api.py",))],
    }


def test_a_change_of_the_branch_itself_is_foreseen(team: HostProject) -> None:
    changes(team, "kelvin")
    assert expected(team) == {}
    team.commit(team.source, "api.py", LINES.replace("15\n", "mine\n"))
    assert expected(team) == {"kelvin": [("branch", "main", ("api.py",))]}


def test_what_is_resolved_is_foreseen_no_longer(team: HostProject) -> None:
    kelvin = changes(team, "kelvin")
    changes(team, "rankine")
    assert expected(team) != {}
    team.write(kelvin, "api.py", LINES.replace("28\n", "kelvin\n"))
    assert expected(team) == {}


def test_a_deleted_session_is_in_nobodys_way(team: HostProject) -> None:
    changes(team, "kelvin")
    changes(team, "rankine")
    assert expected(team) != {}
    manage.delete(team.project, "kelvin", force=True)
    assert listed(team) == {}
    assert expected(team) == {}


@pytest.mark.parametrize("strategy", ["merge", "squash", "rebase"])
def test_what_has_landed_is_in_nobodys_way_but_in_the_branch(team: HostProject, strategy: str) -> None:
    commits(team, "kelvin", 15)
    changes(team, "rankine")
    merge(team.project, "kelvin", strategy=strategy)
    assert expected(team) == {"rankine": [("branch", "main", ("api.py",))]}
    team.commit(team.source, "api.py", LINES.replace("15\n", "mine\n"))
    assert expected(team) == {"rankine": [("branch", "main", ("api.py",))]}


def test_copies_of_one_task_are_not_told_of_each_other(team: HostProject) -> None:
    for name in ("kelvin", "kelvin-2"):
        session = changes(team, name)
        team.project.store.sessions.update(session.name, group_name="kelvin")
    changes(team, "rankine")
    assert {name: [whom for _, whom, _ in all_of] for name, all_of in expected(team).items()} == {
        "kelvin": ["rankine"],
        "kelvin-2": ["rankine"],
        "rankine": ["kelvin", "kelvin-2"],
    }


def test_one_who_waits_takes_part_with_the_commit_that_is_to_land(team: HostProject) -> None:
    kelvin = commits(team, "kelvin", 15)
    changes(team, "rankine", 28)
    merge(team.project, "kelvin", wait=False)
    team.write(kelvin, "api.py", LINES.replace("28\n", "kelvin\n"))
    assert expected(team) == {}


def test_only_what_has_changed_is_compared_again(team: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = Trials.between

    def counted(trials: Any, target: str, pairs: Any) -> Any:  # noqa: ANN401 -- as the method that it stands for
        asked.append(len(pairs))
        return real(trials, target, pairs)

    monkeypatch.setattr(Trials, "between", counted)
    sessions = [changes(team, name) for name in ("one", "two", "three", "four")]
    for session in sessions:
        refresh.refresh_diff(team.project, session)
    forecaster = Forecaster(team.project)
    assert forecaster.bring_up_to_date()
    assert not forecaster.bring_up_to_date(anyway=True)
    team.write(sessions[0], "api.py", LINES.replace("15\n", "another\n"))
    assert not forecaster.bring_up_to_date()
    refresh.refresh_diff(team.project, sessions[0])
    assert forecaster.bring_up_to_date()
    assert asked == [6, 3]


def test_a_forecast_adds_nothing_to_the_persons_repository(team: HostProject) -> None:
    changes(team, "kelvin")
    changes(team, "rankine")
    before = team.git("count-objects", "-v")
    assert expected(team) != {}
    assert team.git("count-objects", "-v") == before
    assert list(team.project.paths.scratch.iterdir()) == []


def test_the_queue_proposes_the_order_with_the_fewest_conflicts(team: HostProject) -> None:
    commits(team, "all", 12, 18, 24)
    for name, number in (("one", 12), ("two", 18), ("three", 24)):
        commits(team, name, number)
    for name in ("all", "one", "two", "three"):
        merge(team.project, name, wait=False)
    forecast(team.project)
    (order,) = queue(team.project)["orders"]
    assert (order["order"], order["back"]) == (["one", "two", "three", "all"], ["all"])
    assert order["back_now"] == ["one", "two", "three"]
    assert queued(team) == ["all", "one", "two", "three"]
    reorder(team.project)
    assert queued(team) == ["one", "two", "three", "all"]
    assert queue(team.project)["orders"] == []
    assert reorder(team.project) == []
    process(team.project, "main")
    assert [entry.session for entry in team.project.store.queue.open()] == ["all"]
    assert len(team.project.store.queue.landed()) == 3


def test_an_order_is_proposed_before_anything_is_queued_and_only_where_one_helps(team: HostProject) -> None:
    changes(team, "kelvin")
    changes(team, "rankine")
    (order,) = forecast(team.project)["orders"]
    assert (order["into"], order["order"], order["back"]) == ("main", ["kelvin", "rankine"], ["rankine"])
    team.commit(team.source, "api.py", LINES.replace("15\n", "mine\n"))
    assert forecast(team.project)["orders"] == []


def test_the_designer_sees_only_its_own(team: HostProject) -> None:
    for name in ("mine", "mine-too"):
        session = spawn(team.project, title=name, task="", parent="main")
        team.write(session, "api.py", LINES.replace("15\n", f"{name}\n"))
    other = spawn(team.project, title="persons", task="", parent="somebody")
    team.write(other, "api.py", LINES.replace("15\n", "persons\n"))
    rows = of_family(team.project, "main")["sessions"]
    seen = {row["name"]: [one["with"] for one in row["conflicts"]] for row in rows}
    assert seen == {"mine": ["mine-too"], "mine-too": ["mine"]}
