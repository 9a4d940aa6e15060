"""Permission prompts of every real agent, answered from outside its window: exactly the one that was meant, or none.

The answers are keys in the real control pane, on a terminal that stays open for all tests of a stage.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestra.model import AnsweredBy, Decision, PermissionRequest
from tests.contract.seat import Seat
from tests.contract.stage import SLOW, Ability, Both, Shell, Stage, Talk, documented
from tests.support.person import eventually

pytestmark = pytest.mark.docker
BY_YOU = AnsweredBy.PERSON


def asking(stage: Stage, name: str, *commands: str | tuple[str, ...]) -> str:
    """Have a session made whose agent asks before each of these commands, and before several at once."""
    if stage.lacks(Ability.ASKS):
        documented(stage.driver, Ability.ASKS)
        pytest.skip(f"{stage.driver.profile} asks for no permission")
    moves = (Shell(one) if isinstance(one, str) else Both(one) for one in commands)
    stage.play(name, *moves, Talk("All is done"), asks=True)
    return name


@pytest.fixture(scope="module")
def seat(stage: Stage) -> Iterator[Seat]:
    """The person at the control pane, as long as the stage stands."""
    made = Seat(stage)
    made.sits_down()
    yield made
    stage.person.closes_the_terminal()


def asks_next(stage: Stage, name: str, before: PermissionRequest) -> PermissionRequest:
    """Return the request that a session asks after another one."""

    def found() -> PermissionRequest | None:
        return next((one for one in stage.open_requests(name) if one.id != before.id), None)

    asked = eventually(found, within=SLOW, what=f"{name} asks again")
    assert asked is not None
    return asked


def answers(stage: Stage, name: str) -> list[tuple[int, Decision | None, AnsweredBy | None]]:
    """Return what is on record of a session's requests."""
    return [(one.id, one.decision, one.answered_by) for one in stage.store.permissions.answers(name)]


def test_allowed_it_goes_on_and_denied_it_is_told_why(stage: Stage, seat: Seat) -> None:
    """The whole command is shown; each key is for the one request under the cursor, and is on record."""
    name = asking(stage, "answers", "touch first", "touch second", "sh -c 'echo x >>third'", "sh -c 'echo x >>third'")
    (first,) = stage.requests(name)
    assert first.summary == "runs: touch first"
    assert first.detail.splitlines()[0] == "touch first"
    assert stage.row(name)["evidence"] == "prompted: wants: touch first"
    assert stage.person.session(name)["wants"]["id"] == first.id
    seat.answers("a", name, "touch first")
    eventually((stage.worktree(name) / "first").exists, within=SLOW, what="the first command runs")
    second = asks_next(stage, name, first)
    seat.answers("x", name, "touch second", "Never touch PURPLE")
    third = asks_next(stage, name, second)
    assert not (stage.worktree(name) / "second").exists()
    assert stage.driver.remembers(stage, name, "Never touch PURPLE")
    seat.answers("A", name, "sh -c 'echo x >>third'")
    stage.is_in(name, "idle")
    assert (stage.worktree(name) / "third").read_text() == "x\nx\n"
    again = stage.person.orchestra("answer", str(first.id), "deny", check=False)
    assert again.returncode == 1
    assert f"request {first.id} of {name} was already answered: allow" in again.stderr
    given = answers(stage, name)
    assert given[:3] == [
        (first.id, Decision.ALLOW, BY_YOU),
        (second.id, Decision.DENY, BY_YOU),
        (third.id, Decision.ALWAYS, BY_YOU),
    ]
    assert [one[1:] for one in given[3:]] == [(Decision.ALLOW, AnsweredBy.RULE)]


def test_two_that_ask_at_once_each_get_their_own_answer(stage: Stage, seat: Seat) -> None:
    """The second is answered first, and the first waits on; one is answered by its key, one by its number."""
    one = asking(stage, "one", "touch mine")
    other = asking(stage, "other", "touch mine")
    (of_one,) = stage.requests(one)
    (of_other,) = stage.requests(other)
    seat.answers("a", other, "touch mine")
    eventually((stage.worktree(other) / "mine").exists, within=SLOW, what="the other goes on")
    stage.stays(lambda: not (stage.worktree(one) / "mine").exists(), seconds=1)
    assert stage.requests(one) == [of_one]
    stage.person.orchestra("answer", str(of_one.id), "deny")
    stage.is_in(one, "idle")
    assert not (stage.worktree(one) / "mine").exists()
    assert answers(stage, one) == [(of_one.id, Decision.DENY, BY_YOU)]
    assert answers(stage, other) == [(of_other.id, Decision.ALLOW, BY_YOU)]


def test_two_of_one_session_each_get_their_own_answer(stage: Stage, seat: Seat) -> None:
    """What one agent asks at once; one that asks one after the other is shown only what it asks now."""
    name = asking(stage, "pair", ("touch left", "touch right"))
    if stage.driver.asks_at_once:
        assert {one.detail.splitlines()[0] for one in stage.requests(name, 2)} == {"touch left", "touch right"}
        seat.answers("a", name, "touch right")
        assert [one.detail.splitlines()[0] for one in stage.requests(name)] == ["touch left"]
        if not stage.driver.waits_for_all:
            eventually((stage.worktree(name) / "right").exists, within=SLOW, what="the right one runs")
        seat.answers("x", name, "touch left", "")
    else:
        assert [one.detail.splitlines()[0] for one in stage.requests(name)] == ["touch left"]
        seat.answers("x", name, "touch left", "")
        seat.answers("a", name, "touch right")
    eventually((stage.worktree(name) / "right").exists, within=SLOW, what="the right one runs")
    stage.is_in(name, "idle")
    assert not (stage.worktree(name) / "left").exists()


def test_gone_meanwhile_nothing_else_is_answered_and_the_pane_says_why(stage: Stage, seat: Seat) -> None:
    """The turn is interrupted, the agent killed, while another's request waits in the list and is next."""
    names = [asking(stage, name, "touch mine") for name in ("stopped", "killed", "bystander")]
    interrupted, killed, bystander = (stage.requests(name)[0] for name in names)
    seat.faces("stopped", "touch mine")
    stage.key("stopped", *stage.driver.interrupt)
    seat.reads("this request")
    seat.presses("a")
    seat.reads(f"nothing was answered: request {interrupted.id} of stopped")
    stage.is_in("stopped", "idle")
    seat.faces("killed", "touch mine")
    stage.person.run("docker", "kill", stage.container("killed"))
    seat.reads("this request is over: its agent no longer waits for it")
    seat.presses("A")
    seat.reads(f"nothing was answered: request {killed.id} of killed")
    assert stage.requests("bystander") == [bystander]
    seat.answers("x", "bystander", "touch mine", "")
    stage.is_in("bystander", "idle")
    assert [name for name in names if (stage.worktree(name) / "mine").exists()] == []
    for name, request in (("stopped", interrupted), ("killed", killed)):
        ((number, decision, by),) = answers(stage, name)
        assert (number, decision) == (request.id, None)
        assert by in {AnsweredBy.WINDOW, AnsweredBy.ENDED}


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


def test_answered_in_its_window_it_takes_no_other_answer(stage: Stage, seat: Seat) -> None:
    """What comes too late is refused, and answers neither that dialog nor the next one."""
    command = "sh -c 'touch first; until [ -e go ]; do sleep 0.1; done'"
    name = asking(stage, "windowed", command, "touch second")
    (first,) = stage.requests(name)
    seat.faces(name, "")
    stage.driver.allow(stage, name)
    eventually((stage.worktree(name) / "first").exists, within=SLOW, what="the first command runs")
    # An agent asks in the window that the person looks at.
    stage.person.goes_to_control()
    (stage.worktree(name) / "go").touch()
    late = stage.person.orchestra("answer", str(first.id), "deny", check=False)
    assert late.returncode == 1
    assert "in its window" in late.stderr or "only its window can answer" in late.stderr
    second = asks_next(stage, name, first)
    seat.presses("a")
    seat.reads(f"nothing was answered: request {first.id} of {name} was already answered in its window")
    stage.stays(lambda: not (stage.worktree(name) / "second").exists(), seconds=1)
    seat.answers("x", name, "touch second", "")
    stage.is_in(name, "idle")
    assert not (stage.worktree(name) / "second").exists()
    assert answers(stage, name) == [(first.id, None, AnsweredBy.WINDOW), (second.id, Decision.DENY, BY_YOU)]


def test_what_only_its_window_answers_offers_the_way_there(stage: Stage, seat: Seat) -> None:
    """A request too long to be shown whole, or that of an agent without a way for answers."""
    if stage.lacks(Ability.ASKS):
        documented(stage.driver, Ability.ASKS)
        name = stage.play("jump", *stage.driver.prompts)
        command, because, refused = "", "answer it there", "there is no permission request here"
    else:
        name, command = asking(stage, "jump", "true\n" * 11_000), "true"
        (request,) = stage.requests(name)
        assert not request.answerable
        because, refused = "too long to be shown whole", f"{name} can only be answered in its window"
    stage.is_in(name, "waiting")
    seat.faces(name, command)
    seat.reads(because)
    for key in "aA":
        seat.presses(key)
        seat.reads(refused, "to go to its window")
    assert answers(stage, name) == []
    stage.person.press("Enter")
    eventually(lambda: stage.person.focus() == "agent", what="its window")
    if not stage.lacks(Ability.ASKS):
        eventually(lambda: [one for one in stage.driver.dialogs if one in stage.screen(name)], what="its own dialog")


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
