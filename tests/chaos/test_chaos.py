"""A few of the kills that ``make chaos`` makes by the thousand, and that the kills themselves bite."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from orchestra.actions.messaging import messages
from orchestra.actions.registry import ACTIONS
from orchestra.names import PERSON
from orchestra.project import Project
from tests.chaos.blows import strike_all
from tests.chaos.cases import CASES, IN_CONTAINERS
from tests.chaos.faults import Plan
from tests.chaos.invariants import Kept, wrong
from tests.chaos.killing import End, in_a_process, kill_all
from tests.chaos.scene import Case
from tests.support.projects import HostProject

SEED = 20261125
LOOKING = {
    "list", "show", "log", "inbox", "read_spec", "diff", "review", "switch", "terminal", "edit_spec",
    "needs", "usage", "open_requests", "answers", "queue", "test_notifications", "comments", "issue",
}  # fmt: skip
"""What changes nothing, only opens a window, or only notifies."""
STRUCK = {"spawn", "up"}
"""The actions beside which tmux dies here; ``make chaos`` takes them all."""
KILLS = 2
"""In each action; with those in containers and in the service more than a hundred in all."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_an_action_that_is_killed_loses_nothing_and_leaves_nothing(case: Case) -> None:
    tally = kill_all(case, KILLS, random.Random(SEED))  # noqa: S311 -- where to kill, the same in every run
    assert len(tally.kills) - tally.missed > 0, "at least one kill hit"
    assert [str(kill) for kill in tally.bad] == []


@pytest.mark.parametrize("case", [case for case in CASES if case.name in STRUCK], ids=lambda case: case.name)
def test_an_action_beside_which_tmux_dies_loses_nothing_and_leaves_nothing(case: Case) -> None:
    tally = strike_all(case, 1, random.Random(SEED))  # noqa: S311 -- where to strike, the same in every run
    assert len(tally.kills) == 1
    assert [str(kill) for kill in tally.bad] == []


def test_a_process_dies_exactly_before_the_effect_it_was_told_to_die_at(host: HostProject, tmp_path: Path) -> None:
    host.spawn("one")
    record = tmp_path / "effects"
    record.touch()

    def send(project: Project) -> object:
        return messages.send(project, sender=PERSON, recipient="one", text="hello")

    assert in_a_process(host, send, Plan(record=str(record))).end is End.DONE
    names = record.read_text().splitlines()
    before_commit = names.index("sql COMMIT") + 1
    for at, stored in ((before_commit, 1), (before_commit + 1, 2)):
        outcome = in_a_process(host, send, Plan(at=at))
        assert (outcome.end, len(host.project.store.messages.select())) == (
            End.KILLED if at <= len(names) else End.DONE,
            stored,
        )


def test_what_is_wrong_is_found(host: HostProject) -> None:
    session = host.spawn("one")
    kept = Kept(commits=["0" * 40], files={"draft": (session, "text\n")}, messages=["accepted"])
    (host.place / "tmp" / "orchestra-left").mkdir()
    (host.source / ".git" / "index.lock").touch()
    host.git("update-ref", "refs/orchestra/base/nobody", "HEAD")
    host.git("branch", "orchestra/nobody")
    host.write(host.source, "README.md", "changed\n")
    (host.project.paths.worktrees / "stray").mkdir()
    host.project.sandbox(session.sandbox).stop(host.project.box_name(session))
    found = "\n".join(wrong(host, kept))
    for text in (
        "one does not run",
        "a worktree of nobody: stray",
        "refs/orchestra/base/nobody belongs to nobody",
        "the branch nobody belongs to nobody",
        "orchestra-left",
        "the checkout is not clean",
        "a lock is left",
        "the commit 0000000000 is in no ref",
        "draft of one is lost",
        "'accepted' is there 0 times",
    ):
        assert text in found
    (host.source / ".git" / "index.lock").unlink()


def test_every_action_that_changes_something_is_killed() -> None:
    """One that is added to the product's table is added here, or named among those that change nothing."""
    killed = {case.action for case in (*CASES, *IN_CONTAINERS)}
    assert ACTIONS.keys() - LOOKING - killed == set()
    assert killed - ACTIONS.keys() == {"import"}, "what the service does by itself"
