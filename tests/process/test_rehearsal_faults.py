"""The rehearsal agent under ``kill -9``, with a service that goes away, and after a story that failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestra.agents.runtime.rehearsal.progress import Journal
from tests.support.rehearsing import EXECUTOR, Agent, answer_questions
from tests.support.stub_service import StubService, until


@pytest.mark.parametrize("moment", [1, 2])
def test_killed_before_it_learns_of_an_answer_it_does_nothing_twice(
    actor: Callable[..., Agent], stub: StubService, moment: int
) -> None:
    """The service carries out the call, and the agent is killed with ``kill -9`` before it hears so."""
    agent = actor()
    answer_questions(stub.kept)
    answers = stub.kept.before_answer
    killed: list[int] = []

    def kill_then(tool: str, count: int) -> None:
        answers(tool, count)
        if count == moment and not killed:
            killed.append(count)
            agent.kill()

    stub.kept.before_answer = kill_then
    agent.start(EXECUTOR)
    until(lambda: killed)
    agent.start(EXECUTOR)
    agent.shows("restarted")
    agent.shows("stands by")
    assert agent.subjects() == ["Say hello", "Say it loudly"]
    assert [tool for tool, _, _ in stub.kept.calls] == ["send_message_to_session", "report"]


def test_killed_again_and_again_it_commits_each_step_once(actor: Callable[..., Agent]) -> None:
    story = "".join(f"write f{n} <<E\n{n}\nE\ncommit Step {n}\n" for n in range(8))
    agent = actor()
    for number in range(8):
        agent.start(f"```rehearsal\n{story}```")
        agent.shows(f"commits: Step {number}") if number % 2 else agent.shows(f"writes f{number}")
        agent.kill()
    agent.start(f"```rehearsal\n{story}```")
    agent.shows("stands by")
    assert agent.subjects() == [f"Step {number}" for number in range(8)]


def test_killed_between_a_commit_and_its_record_it_does_not_commit_again(actor: Callable[..., Agent]) -> None:
    agent = actor()
    hook = agent.worktree / ".git" / "hooks" / "post-commit"
    hook.write_text("#!/bin/sh\n[ -e new ] || { : > new; kill -9 $(ps -o ppid= $PPID); }\n")
    hook.chmod(0o755)
    story = "```rehearsal\nwrite a <<E\n1\nE\ncommit One\nsay over\n```"
    agent.start(story)
    agent.end()
    agent.start(story)
    agent.shows("over")
    assert agent.subjects() == ["One"]


def test_a_lock_that_a_killed_git_left_behind_is_no_obstacle(actor: Callable[..., Agent]) -> None:
    agent = actor()
    (agent.worktree / ".git" / "index.lock").touch()
    agent.start("```rehearsal\nwrite a <<E\n1\nE\ncommit One\n```")
    agent.shows("commits: One")


def test_a_message_that_arrived_before_the_kill_is_not_lost(actor: Callable[..., Agent], stub: StubService) -> None:
    agent = actor()
    journal = agent.place / "home" / ".orchestra" / "rehearsal.json"
    agent.start("```rehearsal\nrun sleep 100\n```")
    stub.kept.message("main", "the first")
    until(lambda: journal.exists() and "the first" in journal.read_text())
    agent.kill()
    agent.start("```rehearsal\nwait message\n```")
    agent.shows("the first")


def test_a_message_taken_before_the_kill_is_taken_by_the_same_scene(
    tmp_path: Path,
) -> None:
    """The scene has its message, and the agent is killed before the scene is over."""
    journal = Journal(tmp_path / "journal.json", "story")
    journal.heard({"id": 1, "sender": "main", "text": "the first"})
    journal.begin()
    taken = journal.take(lambda _: True)
    again = Journal(tmp_path / "journal.json", "story")
    assert again.begin()
    assert again.take(lambda _: True) == taken
    again.finish()
    assert again.take(lambda _: True) == []


def test_it_outlasts_a_service_that_is_restarted(actor: Callable[..., Agent], stub: StubService) -> None:
    agent = actor()
    agent.start("```rehearsal\nwait message\nreport complete All well.\n```")
    agent.shows("waits for a message")
    port = stub.port
    stub.__exit__(None, None, None)
    agent.shows("the service does not answer; trying again")
    with StubService(stub.kept, port) as again:
        again.kept.message("main", "I am back")
        agent.shows("stands by")
    assert stub.kept.tools("report") == [{"kind": "complete", "message": "All well."}]


def test_a_story_that_failed_does_not_start_again(actor: Callable[..., Agent], stub: StubService) -> None:
    stub.kept.refused["report"] = "not now"
    agent = actor()
    agent.start("```rehearsal\nsay once\nreport complete Done.\n```")
    agent.shows("stands by")
    agent.kill()
    agent.start("```rehearsal\nsay once\nreport complete Done.\n```")
    agent.shows("the story ended: not now")
    assert agent.terminal.count("once") == 1
