"""How much one caller may ask of the service."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

import pytest

from orchestra.errors import Refused, UsageError
from orchestra.service import limits
from orchestra.service.changes import Changes
from orchestra.service.limits import Bucket, Connections, Shares, seconds_to_wait


@dataclass(eq=False)
class Link:
    address: str
    dropped: list[bool] = field(default_factory=list)

    def drop(self) -> None:
        self.dropped.append(True)


def open_links(everybody: Connections, address: str, number: int) -> list[Link]:
    links = [Link(address) for _ in range(number)]
    for link in links:
        everybody.opened(link)
    return links


def test_a_stranger_makes_room_for_the_next_one_from_its_address() -> None:
    everybody = Connections()
    (other,) = open_links(everybody, "10.0.0.3", 1)
    held = open_links(everybody, "10.0.0.2", limits.STRANGERS_PER_ADDRESS)
    assert not any(link.dropped for link in held)
    open_links(everybody, "10.0.0.2", 1)
    assert [bool(link.dropped) for link in held[:2]] == [True, False]
    assert not other.dropped


def test_strangers_from_everywhere_do_not_fill_the_service() -> None:
    everybody = Connections()
    held = [link for number in range(limits.STRANGERS + 5) for link in open_links(everybody, f"10.0.{number}.1", 1)]
    assert [bool(link.dropped) for link in held] == [True] * 5 + [False] * limits.STRANGERS


def test_who_has_shown_a_token_is_not_driven_out_by_strangers() -> None:
    everybody = Connections()
    (known,) = open_links(everybody, "10.0.0.2", 1)
    everybody.showed_token(known, 1)
    open_links(everybody, "10.0.0.2", 1000)
    assert not known.dropped


def test_a_session_makes_room_for_itself_alone() -> None:
    everybody = Connections()
    (other,) = open_links(everybody, "10.0.0.2", 1)
    everybody.showed_token(other, 2)
    held = []
    for _ in range(limits.CONNECTIONS_PER_SESSION + 1):
        held += open_links(everybody, "10.0.0.2", 1)
        everybody.showed_token(held[-1], 1)
    assert [bool(link.dropped) for link in held[:2]] == [True, False]
    assert not other.dropped


def test_a_bucket_gives_a_burst_and_then_its_rate() -> None:
    now = [0.0]
    bucket = Bucket(2.0, 3.0, clock=lambda: now[0])
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] = 0.5
    assert bucket.take() == 0
    assert bucket.take() > 0


def test_a_flood_of_messages_is_refused_in_words() -> None:
    shares = Shares()
    for _ in range(int(limits.MESSAGE_BURST)):
        shares.message(1)
    with pytest.raises(Refused, match="300 a minute"):
        shares.message(1)
    shares.message(2)


def test_open_requests_are_counted_for_each_session() -> None:
    shares = Shares()
    held = [shares.request(1) for _ in range(limits.OPEN_REQUESTS)]
    assert {one.__enter__() for one in held} == {True}
    with shares.request(1) as admitted:
        assert not admitted
    with shares.request(2) as admitted:
        assert admitted
    held[0].__exit__(None, None, None)
    with shares.request(1) as admitted:
        assert admitted


@pytest.mark.parametrize("wish", [math.nan, math.inf, -math.inf, -1, 3601, 10**400, "9", None, True, [1]])
def test_a_wish_that_is_no_number_of_seconds_is_refused(wish: object) -> None:
    with pytest.raises(UsageError, match="not a number of seconds"):
        seconds_to_wait(wish, 60)


def test_a_long_wish_is_cut_to_the_longest_wait() -> None:
    assert [seconds_to_wait(wish, 60) for wish in (0, 59.5, 60, 3600)] == [0, 59.5, 60, 60]


def test_those_who_wait_share_one_look() -> None:
    looks, version = [0], [1]

    def look() -> int:
        looks[0] += 1
        return version[0]

    async def run() -> None:
        changes = Changes(look)
        ready: list[int] = []
        waiting = [asyncio.create_task(changes.until(lambda number=number: number in ready)) for number in range(50)]  # type: ignore[misc]  # a default argument
        await asyncio.sleep(0.3)
        assert looks[0] < 50 + 15
        ready.extend(range(50))
        version[0] = 2
        await asyncio.wait_for(asyncio.gather(*waiting), 60)
        before = looks[0]
        await asyncio.sleep(0.2)
        assert looks[0] <= before + 1

    asyncio.run(run())
