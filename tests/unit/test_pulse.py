"""Whether an agent's program has come to what it was sent: pings, and the prompt that waits for them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import pytest
from starlette.responses import StreamingResponse

from orchestra.model import State
from orchestra.service import hooks
from orchestra.service.desk import Caller
from orchestra.service.pulse import Pulse

MINE, OTHER = 1, 2
T = TypeVar("T")


def run(work: Awaitable[T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(10):
            return await work

    return asyncio.run(bounded())


@asynccontextmanager
async def reading(pulse: Pulse, session: int) -> AsyncIterator[AsyncIterator[str]]:
    """Keep a stream open, as an agent's program does."""
    response = pulse.stream(session)
    assert isinstance(response, StreamingResponse)
    lines = cast("Any", response.body_iterator)
    first = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)

    async def events() -> AsyncIterator[str]:
        yield await first
        async for line in lines:
            yield line

    try:
        yield events()
    finally:
        first.cancel()


def reply(event: str, **more: object) -> bytes:
    """Return what a program answers to a ping."""
    kind, data, *_ = event.split("\r\n")
    asked = json.loads(data.removeprefix("data: "))
    assert (kind, asked["method"]) == ("event: message", "ping")
    return json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {}, **more}).encode()


def test_a_ping_is_over_once_it_is_answered() -> None:
    async def work() -> list[bool]:
        pulse = Pulse()
        async with reading(pulse, MINE) as events:
            beat = asyncio.ensure_future(pulse.beat(MINE))
            answer = reply(await anext(events))
            early = beat.done()
            taken = pulse.takes(MINE, answer)
            await beat
            return [early, taken, pulse.takes(MINE, answer)]

    assert run(work()) == [False, True, False]


@pytest.mark.parametrize(
    ("session", "more"),
    [(OTHER, {}), (MINE, {"method": "ping"}), (MINE, {"id": "pulse-99"}), (MINE, {"id": ["pulse-"]})],
)
def test_nothing_else_is_taken_for_the_answer(session: int, more: dict[str, object]) -> None:
    async def work() -> tuple[bool, bool]:
        pulse = Pulse()
        async with reading(pulse, MINE) as events:
            beat = asyncio.ensure_future(pulse.beat(MINE))
            taken = pulse.takes(session, reply(await anext(events), **more))
            await asyncio.sleep(0)
            done = beat.done()
            beat.cancel()
            return taken, done

    assert run(work()) == (False, False)


@pytest.mark.parametrize("body", [b"", b'"pulse-1"', b"pulse-1", b'["pulse-1"]', b"[" * 100_000 + b"pulse-1"])
def test_a_strange_body_is_no_answer(body: bytes) -> None:
    assert not Pulse().takes(MINE, body)


def test_where_no_stream_is_open_nobody_is_waited_for() -> None:
    async def work() -> bool:
        pulse = Pulse()
        async with reading(pulse, OTHER):
            await pulse.beat(MINE)
            return pulse.is_open(MINE)

    assert not run(work())


def held(pulse: Pulse, *, ago: float, late: float = 0.0, state: State = State.STARTING) -> Caller:
    """Return a caller that fetched its tools some seconds ago, ``late`` seconds later than usual."""
    presence = SimpleNamespace(since_tools=lambda _: ago, late=lambda *_, **__: late)
    desk = SimpleNamespace(presence=presence, pulse=pulse)
    return cast("Caller", SimpleNamespace(session=SimpleNamespace(id=MINE, state=state), desk=desk))


async def goes_on(caller: Caller) -> float:
    begun = time.monotonic()
    await hooks._tools_taken_in(caller)  # noqa: SLF001 -- what is in front of it takes a whole service
    return time.monotonic() - begun


@pytest.mark.parametrize("ago", [0.0, 1000.0])
def test_a_first_prompt_waits_for_three_answers_and_not_for_the_clock(ago: float) -> None:
    async def work() -> float:
        pulse = Pulse()
        async with reading(pulse, MINE) as events:
            hold = asyncio.ensure_future(goes_on(held(pulse, ago=ago, late=1000.0)))
            for _ in range(3):
                event = await anext(events)
                assert not hold.done()
                assert pulse.takes(MINE, reply(event))
            return await hold

    assert hooks.GATHERED <= run(work()) < 10


def test_a_program_that_never_answers_is_held_by_the_clock() -> None:
    async def work() -> float:
        pulse = Pulse()
        async with reading(pulse, MINE):
            return await goes_on(held(pulse, ago=0.0))

    assert hooks.ANSWERED <= run(work()) < hooks.ANSWERED + 2


@pytest.mark.parametrize(
    ("caller", "least"),
    [
        (held(Pulse(), ago=0.0), hooks.TAKEN_IN),
        (held(Pulse(), ago=0.0, late=1.0), hooks.TAKEN_IN + hooks.SHARE),
        (held(Pulse(), ago=9.0), hooks.SHOWN),
        (held(Pulse(), ago=9.0, late=1.0), hooks.SHOWN + hooks.SHARE),
        (held(Pulse(), ago=0.0, state=State.WORKING), hooks.TAKEN_IN),
        (held(Pulse(), ago=9.0, state=State.IDLE), 0.0),
    ],
    ids=["new", "new and slow", "tools long before", "tools long before, and slow", "tools again", "a later prompt"],
)
def test_one_that_cannot_be_asked_is_held_by_the_clock(caller: Caller, least: float) -> None:
    assert least <= run(goes_on(caller)) < least + 2
