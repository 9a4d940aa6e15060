"""Many messages, one after the other and all at once: none is lost, none comes twice, and how long one takes."""

from __future__ import annotations

import os
import time

import pytest

from tests.contract.conftest import drivers
from tests.contract.scripted import Scripted
from tests.contract.stage import SLOW, Ability, Hold, Rest, Shell, Stage, Talk, documented, half_typed
from tests.support.person import eventually

MANY = int(os.environ.get("ORCHESTRA_TEST_MESSAGES") or "8")
"""How many messages each loop sends; read at once, for a test sees none of the caller's own settings."""
BURSTS = 4 if MANY > 20 else 2
"""How many times a person with a draft in the window is written to."""


def talkers() -> list[Scripted]:
    """Return the drivers of agents that ask a model, which tells when a message arrived."""
    return [driver for driver in drivers() if isinstance(driver, Scripted)]


EACH = pytest.mark.parametrize("stage", talkers(), indirect=True, ids=lambda driver: driver.profile)
pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]


def scripted(stage: Stage) -> Scripted:
    """Return the stage's driver."""
    assert isinstance(stage.driver, Scripted)
    return stage.driver


@EACH
def test_messages_to_an_agent_at_rest(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """Each starts a turn of its own."""
    driver = scripted(stage)
    name = stage.play("patient", Rest())
    stage.rests(name)
    sent, waited = [], []
    for number in range(MANY):
        message = stage.send(name, f"COLOUR {number}")
        eventually(lambda: driver.copies(stage, name, message) == [1], within=SLOW, what=f"{message}")  # noqa: B023 -- looked at within the round
        waited.append(time.time() - _sent_at(stage, name, message.id))
        stage.is_in(name, "idle")
        sent.append(message)
    assert stage.copies(name, *sent) == [1] * len(sent)
    eventually(lambda: stage.row(name)["unread"] == 0, what="the turn of the last one ends")
    waited.sort()
    usual, late = waited[len(waited) // 2], waited[max(0, round(0.95 * len(waited)) - 1)]
    with capsys.disabled():
        told = f"{len(sent)} messages at rest, p50 {usual:.2f} s, p95 {late:.2f} s, longest {waited[-1]:.2f} s"
        print(f"\n{stage.driver.profile}: {told}")  # noqa: T201 -- a number for the person who runs it


def _sent_at(stage: Stage, name: str, number: int) -> float:
    (found,) = [one for one in stage.store.messages.select(recipient=name) if one.id == number]
    return found.sent_at.timestamp()


@EACH
def test_messages_to_a_busy_agent(stage: Stage) -> None:
    """All of them come when its turn lets them, in order."""
    driver = scripted(stage)
    name = stage.play("toiler", Hold(), Talk("The turn is over"))
    eventually(lambda: len(driver.asked(stage, name)) == 1, within=SLOW)
    sent = [stage.send(name, f"COLOUR {number}") for number in range(MANY)]
    assert stage.row(name)["unread"] == len(sent)
    assert stage.copies(name, *sent) == [0] * len(sent)
    driver.let_go(stage, name)
    stage.arrives(name, *sent)
    whole = driver.asked(stage, name)[-1].everything
    places = [whole.index(f"[message {one.id} from") for one in sent]
    assert places == sorted(places)
    # A turn later its program may show the model once more what came before.
    stage.arrives(name, *sent, stage.send(name, "ONE MORE"))


@EACH
def test_messages_to_an_agent_that_asks_and_asks(stage: Stage) -> None:
    """One message during each of many questions for permission: none is answered by it, and each message comes."""
    if stage.lacks(Ability.ASKS):
        documented(stage.driver, Ability.ASKS)
        return
    driver = scripted(stage)
    name = stage.play("asker", *(Shell(f"touch ran-{number}") for number in range(MANY)), asks=True)
    ran = [stage.worktree(name) / f"ran-{number}" for number in range(MANY)]
    sent = []
    for number in range(MANY):
        eventually(lambda: len(driver.asked(stage, name)) == number + 1, within=SLOW, what=f"request {number}")  # noqa: B023 -- looked at within the round
        stage.is_in(name, "waiting")
        sent.append(stage.send(name, f"COLOUR {number}"))
        stage.stays(lambda: stage.row(name)["state"] == "waiting", seconds=0.5)
        assert not ran[number].exists()
        driver.allow(stage, name)
        eventually(ran[number].exists, within=SLOW, what=f"the person's own answer to question {number}")
    stage.arrives(name, *sent)


@EACH
def test_messages_to_an_agent_with_a_draft_in_its_window(stage: Stage) -> None:
    """The draft stays whole and unsent, whatever comes; where nothing can come beside it, all comes after it."""
    name = stage.play("drafter", Rest())
    stage.rests(name)
    with half_typed(stage, name):
        sent = []
        for burst in range(BURSTS):
            sent += [stage.send(name, f"COLOUR {number}") for number in range(burst, MANY, BURSTS)]
            if stage.lacks(Ability.HEARS_BESIDE):
                assert stage.copies(name, *sent) == [0] * len(sent)
            else:
                stage.arrives(name, *sent)
    stage.arrives(name, *sent)
