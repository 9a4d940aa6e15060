"""Permission prompts of every real agent, answered from outside its window: exactly the one that was meant, or none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestra.model import AnsweredBy, Decision
from tests.contract.stage import SLOW, Ability, Shell, Stage, Talk, documented
from tests.support.person import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


def asking(stage: Stage, name: str, *commands: str) -> str:
    """Have a session made whose agent asks before each of these commands."""
    if stage.lacks(Ability.ASKS):
        documented(stage.driver, Ability.ASKS)
        pytest.skip(f"{stage.driver.profile} asks for no permission")
    stage.play(name, *(Shell(command) for command in commands), Talk("All is done"), asks=True)
    return name


def test_allowed_it_goes_on_and_denied_it_is_told_why(stage: Stage) -> None:
    """The whole command is shown; each answer is for the one request, and is on record."""
    name = asking(stage, "answers", "touch first", "touch second", "touch third")
    (first,) = stage.requests(name)
    assert first.summary == "runs: touch first"
    assert first.detail.splitlines()[0] == "touch first"
    assert stage.row(name)["evidence"] == "prompted: wants: touch first"
    assert stage.person.session(name)["wants"]["id"] == first.id
    stage.person.orchestra("answer", str(first.id), "allow")
    eventually((stage.worktree(name) / "first").exists, within=SLOW, what="the first command runs")
    (second,) = stage.requests(name)
    assert second.detail.splitlines()[0] == "touch second"
    stage.person.orchestra("answer", str(second.id), "deny", "--reason", "Never touch PURPLE")
    (third,) = stage.requests(name)
    assert not (stage.worktree(name) / "second").exists()
    assert stage.driver.remembers(stage, name, "Never touch PURPLE")
    stage.person.orchestra("answer", str(third.id), "always")
    eventually((stage.worktree(name) / "third").exists, within=SLOW, what="the third command runs")
    stage.is_in(name, "idle")
    again = stage.person.orchestra("answer", str(first.id), "deny", check=False)
    assert again.returncode == 1
    assert f"request {first.id} of {name} was already answered: allow" in again.stderr
    told = [(one.id, one.decision, one.answered_by) for one in stage.store.permissions.answers(name)]
    by_you = AnsweredBy.PERSON
    wanted = [(first.id, Decision.ALLOW), (second.id, Decision.DENY), (third.id, Decision.ALWAYS)]
    assert told == [(number, decision, by_you) for number, decision in wanted]


def test_two_that_ask_at_once_each_get_their_own_answer(stage: Stage) -> None:
    """The second is answered first; the first waits on."""
    one = asking(stage, "one", "touch mine")
    other = asking(stage, "other", "touch mine")
    (of_one,) = stage.requests(one)
    (of_other,) = stage.requests(other)
    stage.person.orchestra("answer", str(of_other.id), "allow")
    eventually((stage.worktree(other) / "mine").exists, within=SLOW, what="the other goes on")
    stage.stays(lambda: not (stage.worktree(one) / "mine").exists(), seconds=1)
    assert stage.requests(one) == [of_one]
    stage.person.orchestra("answer", str(of_one.id), "deny")
    stage.is_in(one, "idle")
    assert not (stage.worktree(one) / "mine").exists()


@pytest.fixture
def rules(stage: Stage) -> Iterator[None]:
    """Rules in the person's settings, as long as a test lasts."""
    settings = stage.person.home.config
    before = settings.read_text() if settings.exists() else ""
    settings.write_text(f"{before}\nallow: ['touch by-rule*']\ndeny: ['touch forbidden*']\n")
    yield
    settings.write_text(before)


@pytest.mark.usefixtures("rules")
def test_a_rule_answers_and_is_on_record(stage: Stage) -> None:
    """What a rule allows or denies asks nobody; a command that only begins so does."""
    name = asking(stage, "ruled", "touch by-rule", "touch forbidden", "touch by-rule; touch more")
    (left,) = stage.requests(name)
    assert left.detail.splitlines()[0] == "touch by-rule; touch more"
    assert (stage.worktree(name) / "by-rule").exists()
    assert not (stage.worktree(name) / "forbidden").exists()
    told = [(one.decision, one.answered_by, one.rule) for one in stage.store.permissions.answers(name)]
    assert told == [
        (Decision.ALLOW, AnsweredBy.RULE, "touch by-rule*"),
        (Decision.DENY, AnsweredBy.RULE, "touch forbidden*"),
    ]
    stage.person.orchestra("answer", str(left.id), "deny")
    stage.is_in(name, "idle")
    assert not (stage.worktree(name) / "more").exists()


def test_answered_in_its_window_it_takes_no_other_answer(stage: Stage) -> None:
    """What comes too late is refused, and answers neither that dialog nor the next one."""
    name = asking(stage, "windowed", "sh -c 'touch first; sleep 3'", "touch second")
    (first,) = stage.requests(name)
    stage.driver.allow(stage, name)
    eventually((stage.worktree(name) / "first").exists, within=SLOW, what="the first command runs")
    late = stage.person.orchestra("answer", str(first.id), "deny", check=False)
    assert late.returncode == 1
    assert "in its window" in late.stderr or "only its window can answer" in late.stderr
    eventually(lambda: [one.id for one in stage.requests(name)] != [first.id], within=SLOW, what="it asks again")
    (second,) = stage.requests(name)
    again = stage.person.orchestra("answer", str(first.id), "allow", check=False)
    assert "was already answered in its window" in again.stderr
    stage.stays(lambda: not (stage.worktree(name) / "second").exists(), seconds=1)
    stage.person.orchestra("answer", str(second.id), "deny")
    stage.is_in(name, "idle")
    assert not (stage.worktree(name) / "second").exists()
    told = [(one.id, one.answered_by, one.decision) for one in stage.store.permissions.answers(name)]
    assert told == [(first.id, AnsweredBy.WINDOW, None), (second.id, AnsweredBy.PERSON, Decision.DENY)]


@pytest.mark.usefixtures("rules")
def test_what_a_rule_denies_it_may_not_do_without_asking_either(stage: Stage) -> None:
    """In a container an agent asks nothing by default; the person's ``deny`` holds there too."""
    if stage.lacks(Ability.ASKS):
        documented(stage.driver, Ability.ASKS)
        return
    name = stage.play("free", Shell("touch forbidden"), Shell("touch free"), Talk("All is done"))
    eventually((stage.worktree(name) / "free").exists, within=SLOW, what="the other command runs")
    stage.is_in(name, "idle")
    assert not (stage.worktree(name) / "forbidden").exists()
    told = [(one.decision, one.answered_by) for one in stage.store.permissions.answers(name)]
    assert told == [(Decision.DENY, AnsweredBy.RULE)]


def test_answered_by_keys_in_the_control_pane(stage: Stage) -> None:
    """The pane shows the whole command; the key answers the one request that is in sight."""
    name = asking(stage, "by-key", "touch first", "touch second")
    (first,) = stage.requests(name)
    person = stage.person
    person.sit_down("up")
    try:
        person.goes_to_control()
        person.selects(name)
        person.press("w")
        person.says("a", "▏ touch first", "a allow once")
        eventually((stage.worktree(name) / "first").exists, within=SLOW, what="the first command runs")
        (second,) = stage.requests(name)
        person.says("x", "▏ touch second", "x deny")
        person.sees(f"why {name} may not")
        person.types("Never touch PURPLE")
        person.press("Enter")
        stage.is_in(name, "idle")
    finally:
        person.closes_the_terminal()
    assert stage.driver.remembers(stage, name, "Never touch PURPLE")
    assert not (stage.worktree(name) / "second").exists()
    told = [(one.id, one.decision, one.answered_by) for one in stage.store.permissions.answers(name)]
    assert told == [(first.id, Decision.ALLOW, AnsweredBy.PERSON), (second.id, Decision.DENY, AnsweredBy.PERSON)]
