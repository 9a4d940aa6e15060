"""What every profile promises, seen on the real program in its real container; only a model is scripted."""

from __future__ import annotations

import os
import signal

import pytest

from tests.contract.plain import rpc
from tests.contract.scripted import Scripted
from tests.contract.secrets import hiding_places
from tests.contract.stage import (
    SLOW,
    Ability,
    Hold,
    Report,
    Rest,
    Send,
    Shell,
    Stage,
    Talk,
    documented,
    half_typed,
    in_order,
)
from tests.support.person import OWN, eventually

pytestmark = pytest.mark.docker


def test_it_starts_and_asks_nothing(stage: Stage) -> None:
    """It comes to rest at its prompt without a single dialog, after one turn at most; ``starting`` is over."""
    name = stage.play("starts")
    stage.rests(name)
    shown = stage.screen(name)
    assert not [words for words in stage.driver.dialogs if words in shown]
    if isinstance(stage.driver, Scripted):
        assert len(stage.driver.asked(stage, name)) == 1


def test_it_gets_its_task_with_our_tools_and_reports(stage: Stage) -> None:
    """Its first request has both; what it sends has its own name on it; COMPLETE makes it done."""
    name = stage.play("works", Send("Hello from within"), Report("complete", "All of it works"))
    stage.is_in(name, "done")
    told = [stage.person.told("main", text, within=SLOW) for text in ("Hello from within", "All of it works")]
    assert [(one["sender"], one["kind"]) for one in told] == [(name, "message"), (name, "complete")]
    assert "All of it works" in stage.row(name)["evidence"]
    between = [] if stage.lacks(Ability.TURNS) else ["working"]
    states = stage.passed(name)
    assert in_order(["starting", *between, "done"], states), states
    if isinstance(stage.driver, Scripted):
        first = stage.driver.asked(stage, name)[0]
        assert f"Play {name}." in first.everything
        assert {f"{stage.driver.ours}{tool}" for tool in ("send_message_to_session", "report")} <= {*first.tools}
        assert first.key == stage.driver.secret
    else:
        documented(stage.driver, Ability.MODEL)
        task = stage.person.run("docker", "exec", stage.container(name), "cat", "/orchestra/agent/task.md")
        assert task.stdout.startswith("Play")


def test_a_message_finds_it_at_rest(stage: Stage) -> None:
    """It goes on with the message, which counts as read at the end of that turn; once."""
    name = stage.play("rests", Rest())
    stage.rests(name)
    message = stage.send(name, "PURPLE")
    if stage.lacks(Ability.HEARS):
        _stays_queued_until_it_is_fetched(stage, name, message.text)
        return
    stage.arrives(name, message)
    assert stage.states(name) == ["read"]


def _stays_queued_until_it_is_fetched(stage: Stage, name: str, text: str) -> None:
    documented(stage.driver, Ability.HEARS)
    stage.stays(lambda: text not in stage.printed(name), seconds=3)
    assert stage.row(name)["unread"] == 1
    assert stage.states(name) == ["queued"]
    stage.line(name, rpc("tools/call", name="read_messages", arguments={}))
    eventually(lambda: stage.states(name) == ["read"], what="read_messages fetches it")
    eventually(lambda: "[message " in stage.printed(name), what="its window shows it")


def test_a_message_finds_it_busy(stage: Stage) -> None:
    """Nothing reaches it in the middle; what waits is shown as unread, and comes once the turn lets it."""
    name = stage.play("toils", Hold(), Talk("The turn is over"))
    stage.is_in(name, "working")
    message = stage.send(name, "PURPLE")
    if stage.lacks(Ability.HEARS):
        _stays_queued_while_busy(stage, name, message.text)
        return
    if isinstance(stage.driver, Scripted):
        eventually(lambda: len(stage.driver.submitted(stage, name)) == 1, within=SLOW)
        stage.stays(lambda: stage.copies(name, message) == [0] and stage.row(name)["unread"] == 1, seconds=2)
        assert stage.row(name)["state"] == "working"
    stage.driver.let_go(stage, name)
    stage.arrives(name, message)


def _stays_queued_while_busy(stage: Stage, name: str, text: str) -> None:
    stage.stays(lambda: text not in stage.printed(name) and stage.row(name)["unread"] == 1, seconds=2)
    stage.driver.let_go(stage, name)
    eventually(lambda: "The turn is over" in stage.printed(name))
    stage.stays(lambda: text not in stage.printed(name) and stage.row(name)["unread"] == 1, seconds=2)


def test_a_message_finds_it_asking_for_permission(stage: Stage) -> None:
    """Nothing is typed, for the Enter would approve; the message comes after the person's own answer."""
    if stage.lacks(Ability.ASKS):
        documented(stage.driver, Ability.ASKS)
        name = stage.play("asks", Shell("touch ran"))
        eventually((stage.worktree(name) / "ran").exists, within=SLOW, what="it ran without a question")
        assert stage.row(name)["state"] != "waiting"
        return
    name = stage.play("asks", Shell("touch ran"), asks=True)
    stage.is_in(name, "waiting")
    assert "wants: touch ran" in stage.row(name)["evidence"]
    message = stage.send(name, "PURPLE")
    # Some show the seconds for which they wait.
    stage.stays(lambda: "PURPLE" not in stage.screen(name) and stage.row(name)["state"] == "waiting", seconds=4)
    assert stage.copies(name, message) == [0]
    assert stage.row(name)["unread"] == 1
    assert not (stage.worktree(name) / "ran").exists()
    stage.driver.allow(stage, name)
    stage.arrives(name, message)
    assert (stage.worktree(name) / "ran").exists()


def test_a_message_finds_a_draft_in_its_window(stage: Stage) -> None:
    """A person's half-typed words stay where they are, whole and unsent, also when the person looks elsewhere."""
    name = stage.play("drafts", Rest())
    stage.rests(name)
    with half_typed(stage, name):
        message = stage.send(name, "PURPLE")
        beside = not stage.lacks(Ability.HEARS) and not stage.lacks(Ability.HEARS_BESIDE)
        if beside:
            stage.arrives(name, message)
        else:
            stage.stays(lambda: stage.row(name)["unread"] == 1, seconds=3)
        typed = stage.driver.submitted(stage, name)
        assert not [words for words in typed if "half thou" in words and "PURPLE" in words]
    if beside:
        assert stage.copies(name, message) == [1]
    elif not stage.lacks(Ability.HEARS):
        documented(stage.driver, Ability.HEARS_BESIDE)
        stage.arrives(name, message)


def test_its_states_are_true_and_its_conversation_survives(stage: Stage) -> None:
    """Stopped on request it is stopped, killed it is failed; it comes back where it was, and hears again."""
    name = stage.play("returns", Talk("THE FIRST WORDS"), Rest("THE FIRST WORDS"))
    stage.rests(name)
    for leave, state, reason in ((_stop, "stopped", "stopped on request"), (_kill, "failed", "exited with code 137")):
        leave(stage, name)
        stage.is_in(name, state)
        assert reason in stage.row(name)["evidence"]
        stage.person.orchestra("resume", name)
        stage.rests(name)
        if stage.lacks(Ability.REMEMBERS):
            documented(stage.driver, Ability.REMEMBERS)
            continue
        stage.arrives(name, stage.send(name, f"after it {state}"))
        assert stage.driver.remembers(stage, name, "THE FIRST WORDS")


def _stop(stage: Stage, name: str) -> None:
    stage.person.orchestra("stop", name)


def _kill(stage: Stage, name: str) -> None:
    assert stage.person.run("docker", "kill", stage.container(name)).returncode == 0


def test_it_survives_the_death_of_the_service(stage: Stage) -> None:
    """Its kill -9 loses nothing: a message sent then arrives once, and the agent's own tools work on."""
    moves = (Send("I am still here"),) if not stage.lacks(Ability.HEARS) else ()
    name = stage.play("outlives", Rest(), *moves)
    stage.rests(name)
    # What it is about to run has its command line for a moment.
    eventually(lambda: len(stage.person.processes("orchestra.service")) == 1, what="there is one service")
    services = stage.person.processes("orchestra.service")
    for number in services:
        os.kill(number, signal.SIGKILL)
    message = stage.send(name, "PURPLE")
    if stage.lacks(Ability.HEARS):
        _stays_queued_until_it_is_fetched(stage, name, message.text)
        return
    stage.arrives(name, message)
    assert stage.person.told("main", "I am still here", within=SLOW)["sender"] == name


def test_it_is_deleted_without_a_trace(stage: Stage) -> None:
    """No container, no process, no window is left of it; its work can be restored."""
    name = stage.play("leaves", Shell("echo kept > kept"), Rest())
    stage.rests(name)
    eventually((stage.worktree(name) / "kept").exists, within=SLOW)
    container, window = stage.container(name), stage.row(name)["window"]
    assert stage.processes(name)
    stage.person.orchestra("stop", name)
    eventually(lambda: not stage.processes(name), what="the agent and all it started have ended")
    stage.person.orchestra("delete", name, "--force", "--worktree")
    assert container not in stage.person.engine("container")
    assert window not in stage.person.tmux("list-windows", "-a", "-F", "#{window_id}", server=OWN).split()
    assert stage.row(name) == {}
    assert not (stage.worktrees / name).exists()


def test_no_secret_is_anywhere_else(stage: Stage) -> None:
    """Neither the person's key nor a session's token: not in inspect, argv, database, log, worktree or window."""
    name = stage.play("whispers", Talk("I know a secret"))
    stage.rests(name)
    assert hiding_places(stage.person, [stage.driver.secret] if stage.driver.secret else []) == []
