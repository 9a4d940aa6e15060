"""The rehearsal agent, run by its real launcher: what its stories do, and what it says about them."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestra.model import Role
from tests.support.rehearsing import DESIGNER, EXECUTOR, Agent, answer_questions
from tests.support.stub_service import StubService, until


def test_an_executor_plays_its_story(actor: Callable[..., Agent], stub: StubService) -> None:
    agent = actor()
    answer_questions(stub.kept)
    agent.start(EXECUTOR)
    agent.shows("stands by")
    assert agent.terminal.startswith("── rehearsal agent: plays a story, not a model ──")
    assert agent.subjects() == ["Say hello", "Say it loudly"]
    assert (agent.worktree / "app.py").read_text() == 'print("HELLO")\n'
    assert stub.kept.tools("send_message_to_session") == [
        {"session_id": "main", "message": "QUESTION: Should it be loud?"}
    ]
    assert stub.kept.tools("report") == [{"kind": "complete", "message": "Greets loudly."}]
    assert "Yes, loud." in agent.terminal


def test_it_tells_what_it_does_in_order(actor: Callable[..., Agent], stub: StubService) -> None:
    agent = actor()
    answer_questions(stub.kept)
    agent.start(EXECUTOR)
    agent.shows("stands by")
    names = [name for name, _ in stub.kept.events]
    assert names[:3] == ["Ready", "TurnStarted", "ToolUsed"]
    assert names[-1] == "TurnEnded"
    assert ("ToolUsed", "commit Say hello") in stub.kept.events


def test_a_designer_plans_delegates_answers_and_merges(actor: Callable[..., Agent], stub: StubService) -> None:
    agent = actor(Role.DESIGNER)
    agent.start(DESIGNER)
    agent.shows("waits for a question")
    stub.kept.message("add-a-greeting", "Loud?", "question")
    agent.shows("to add-a-greeting: Yes, loudly.")
    stub.kept.message("somebody-else", "done", "complete")
    stub.kept.message("add-a-greeting", "done", "complete")
    agent.shows("stands by")
    assert [tool for tool, _, _ in stub.kept.calls] == [
        "update_spec",
        "spawn_executor",
        "send_message_to_session",
        "merge_session",
    ]
    spawned = stub.kept.tools("spawn_executor")[0]
    assert spawned["title"] == "Add a Greeting!"
    assert spawned["instructions"] == "Do this:\n\n```rehearsal\nsay inner\n```\n"
    assert stub.kept.tools("merge_session") == [{"session_id": "add-a-greeting"}]


def test_a_designer_commits_only_what_its_story_wrote(actor: Callable[..., Agent]) -> None:
    agent = actor(Role.DESIGNER)
    (agent.worktree / "of-the-person.txt").write_text("draft")
    (agent.worktree / "staged.txt").write_text("staged")
    agent.git("add", "staged.txt")
    agent.start("```rehearsal\nwrite a.txt <<E\nx\nE\ncommit Add a\n```")
    agent.shows("stands by")
    assert agent.git("show", "--format=", "--name-only").split() == ["a.txt"]
    assert agent.git("diff", "--cached", "--name-only").split() == ["staged.txt"]


def test_without_a_story_it_stands_by_and_acknowledges(actor: Callable[..., Agent], stub: StubService) -> None:
    agent = actor()
    agent.start("Nothing to play here.")
    agent.shows("stands by")
    assert agent.running.stdin is not None
    agent.running.stdin.write("are you there?\n")
    agent.running.stdin.flush()
    agent.shows("heard you: 'are you there?'")
    stub.kept.message("main", "hello", "notice")
    agent.shows("notice from main arrived")


def test_a_message_cannot_steer_the_terminal(actor: Callable[..., Agent], stub: StubService) -> None:
    agent = actor()
    agent.start("```rehearsal\nwait message\n```")
    stub.kept.message("main", "evil \x1b]52;c;aGk=\x07 \x9b31m text")
    agent.shows("stands by")
    assert "evil" in agent.terminal
    assert not set(agent.terminal) & {"\x1b", "\x07", "\x9b"}


def test_told_to_end_it_ends_with_its_command_and_says_so(actor: Callable[..., Agent], stub: StubService) -> None:
    agent = actor()
    agent.start(f"```rehearsal\nrun echo $$ > {agent.place}/pid; sleep 1000\n```")
    until(lambda: (agent.place / "pid").exists() and (agent.place / "pid").read_text().strip())
    command = int((agent.place / "pid").read_text())
    agent.running.send_signal(signal.SIGTERM)
    assert agent.running.wait(60) == 0
    assert stub.kept.events[-1] == ("SessionEnd", "stopped")
    until(lambda: not Path(f"/proc/{command}").exists(), what="the command outlived the agent")


@pytest.mark.parametrize(
    ("story", "reason"),
    [
        ("dance wildly", "line 1: 'dance' is none of"),
        ("say a\nwrite x <<END\nno end", "line 2: the text that ends with END never ends"),
        ("run exit 3", "'exit 3' ended with 3"),
        ("wait forever and ever", "cannot wait for 'forever and ever'"),
    ],
)
def test_a_story_that_cannot_go_on_is_told_to_the_parent(
    actor: Callable[..., Agent], stub: StubService, story: str, reason: str
) -> None:
    agent = actor()
    agent.start(f"```rehearsal\n{story}\n```")
    agent.shows("stands by")
    assert f"the story ends here: {reason}" in agent.terminal
    assert reason in stub.kept.tools("report")[0]["message"]


def test_what_the_service_refuses_ends_the_story(actor: Callable[..., Agent], stub: StubService) -> None:
    stub.kept.refused["merge_session"] = "both change app.py"
    agent = actor(Role.DESIGNER)
    agent.start("```rehearsal\nmerge fix-login\nsay never\n```")
    agent.shows("stands by")
    assert "the story ends here: both change app.py" in agent.terminal
    assert "never" not in agent.terminal
