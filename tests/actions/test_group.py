"""Groups: several sessions with the same task, of which the person takes one."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.actions.landing import merge as merging
from orchestra.actions.landing.process import process
from orchestra.actions.landing.queue import withdraw
from orchestra.actions.landing.take import delete_the_others, take
from orchestra.actions.messaging.messages import send
from orchestra.actions.permissions import permit_process
from orchestra.actions.requests import Notebook
from orchestra.actions.session import manage
from orchestra.actions.session.group import members, spawn_group
from orchestra.actions.session.settle import settle
from orchestra.errors import CheckFailed, NameTaken, NotFound, Refused, UnknownProfile, UsageError
from orchestra.model import EntryState, Session
from orchestra.names import PERSON
from tests.support.projects import AGENT, PROFILE, HostProject

OTHER = "other"
"""A second profile."""


@pytest.fixture
def team(host: HostProject) -> HostProject:
    """A project with two profiles."""
    (host.place / "orchestra" / "agents" / f"{OTHER}.yaml").write_text(PROFILE)
    return host


def three(host: HostProject) -> list[Session]:
    """Create a group of three, each with one commit and one file that is in none."""
    found = spawn_group(host.project, title="Fix it", task="Fix it.", copies=3)
    for session in found:
        host.commit(session, "fix.txt", f"by {session.name}\n")
        host.write(session, "notes.txt", f"notes of {session.name}\n")
    host.git("clean", "-qf", cwd=found[0].worktree)
    return found


def names(host: HostProject) -> list[str]:
    """Return the names of all sessions."""
    return [session.name for session in host.project.store.sessions.all()]


def test_each_agent_gets_the_task_and_all_form_a_group(team: HostProject) -> None:
    made = spawn_group(team.project, title="Fix it", task="The task.", agents=[AGENT, OTHER])
    assert [(session.name, session.agent) for session in made] == [("fix-it-helper", AGENT), ("fix-it-other", OTHER)]
    assert members(team.project, "fix-it") == [team.session(session.name) for session in made]
    specs = {team.project.store.specs.get(session.name) for session in made}
    assert {spec.text for spec in specs if spec is not None} == {"The task."}
    assert team.windows() == ["fix-it-helper", "fix-it-other"]


def test_copies_of_each_agent_are_numbered(team: HostProject) -> None:
    made = spawn_group(team.project, title="Fix it", agents=[AGENT, OTHER], copies=2)
    assert [session.name for session in made] == [f"fix-it-{one}-{two}" for one in (AGENT, OTHER) for two in (1, 2)]


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"agents": [AGENT, "nobody"]}, UnknownProfile),
        ({"copies": 13}, Refused),
        ({"copies": 21}, UsageError),
        ({"copies": 0}, UsageError),
        ({"copies": 2, "base": "nowhere"}, NotFound),
    ],
)
def test_what_cannot_be_for_one_is_for_none(team: HostProject, wanted: dict[str, object], error: type) -> None:
    with pytest.raises(error):
        spawn_group(team.project, title="Fix it", **wanted)  # type: ignore[arg-type]  # any of its arguments
    assert names(team) == []


def test_a_name_that_is_taken_keeps_the_whole_group_from_being_created(team: HostProject) -> None:
    team.spawn("Fix it 2")
    with pytest.raises(NameTaken):
        spawn_group(team.project, title="Fix it", copies=3)
    assert names(team) == ["fix-it-2"]


def test_a_request_that_was_cut_off_creates_the_rest_of_its_group(team: HostProject) -> None:
    def ask(before: str = "") -> list[Session]:
        return spawn_group(team.project, title="Fix it", copies=2, notebook=Notebook(before=before))

    first = ask()
    manage.delete(team.project, "fix-it-2", remove_worktree=True)
    again = ask("fix-it")
    assert [one.name for one in again] == names(team) == ["fix-it-1", "fix-it-2"]
    assert again[0].id == first[0].id
    with pytest.raises(NameTaken):
        ask()


def test_one_that_is_taken_lands_and_the_others_are_deleted_with_their_work_kept(team: HostProject) -> None:
    chosen, second, third = three(team)
    done = take(team.project, chosen.name, check="grep -q fix-it-1 fix.txt")
    assert (team.source / "fix.txt").read_text() == "by fix-it-1\n"
    assert names(team) == [chosen.name]
    assert done["deleted"] == [second.name, third.name]
    assert team.project.store.queue.taken() == []
    back = manage.restore(team.project, second.name)
    assert (back.worktree / "notes.txt").read_text() == "notes of fix-it-2\n"
    assert team.git("show", f"{back.branch}:fix.txt") == "by fix-it-2"
    assert names(team) == [chosen.name, second.name]


def test_one_that_is_sent_back_leaves_the_others_until_it_has_landed(team: HostProject) -> None:
    chosen, *_ = every = three(team)
    with pytest.raises(CheckFailed):
        take(team.project, chosen.name, check="! grep -q fix-it-1 fix.txt")
    assert names(team) == [session.name for session in every]
    delete_the_others(team.project)
    assert names(team) == [session.name for session in every]
    team.commit(chosen, "fix.txt", "mended\n")
    send(team.project, sender=chosen.name, recipient=PERSON, text="COMPLETE: mended")
    process(team.project, "main")
    assert names(team) == [session.name for session in every], "deleting them does not hold up the queue"
    delete_the_others(team.project)
    assert names(team) == [chosen.name]


def test_one_that_is_withdrawn_or_merged_as_usual_deletes_nobody(team: HostProject) -> None:
    chosen, *_ = every = three(team)
    take(team.project, chosen.name, wait=False)
    withdraw(team.project, chosen.name)
    delete_the_others(team.project)
    take(team.project, chosen.name, wait=False)
    merging.merge(team.project, chosen.name)
    delete_the_others(team.project)
    assert names(team) == [session.name for session in every]


def test_a_landing_that_was_taken_back_deletes_nobody(team: HostProject) -> None:
    chosen, *_ = every = three(team)
    take(team.project, chosen.name, wait=False)
    process(team.project, "main")
    (entry,) = team.project.store.queue.taken()
    team.project.store.queue.update(entry.id, state=EntryState.UNDONE)
    delete_the_others(team.project)
    assert names(team) == [session.name for session in every]


def test_one_of_the_others_that_cannot_be_deleted_is_told_of_and_left(
    team: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, second, _ = three(team)
    usual = manage.delete

    def refuse(project: object, name: str, **wanted: object) -> object:
        if name == second.name:
            raise Refused("it is in use", hint="wait")
        return usual(project, name, **wanted)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(manage, "delete", refuse)
    take(team.project, chosen.name)
    assert names(team) == [chosen.name, second.name]
    assert "it is in use" in team.project.store.events.select(second.name)[-1].text
    assert team.project.store.queue.taken() == []


def test_only_one_of_a_group_can_be_taken(team: HostProject) -> None:
    alone = team.spawn("alone")
    team.commit(alone, "a.txt", "a\n")
    with pytest.raises(Refused, match="in no group"):
        take(team.project, alone.name)


def test_no_agent_can_take_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestra.actions.permissions.calling_agent", lambda _: "fix-it-1")
    with pytest.raises(Refused, match="may not take"):
        permit_process(1, "take")


def test_a_group_outlives_a_restart(team: HostProject) -> None:
    chosen, *_ = three(team)
    settle(team.project, chosen.name)
    assert len(members(team.project, "fix-it")) == 3
    assert Path(chosen.worktree).is_dir()
