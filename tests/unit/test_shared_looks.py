"""Looks that several threads share: nobody is told what was true before they asked."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from orchestra.drivers.shared_looks import SharedLooks
from tests.support.services import eventually

_OTHERS = 8


class _World:
    """Something to look at, whose first look lasts until it may end."""

    def __init__(self) -> None:
        self.value, self.begun = 0, 0
        self.first_may_end = threading.Event()

    def look(self) -> int:
        self.begun += 1
        seen = self.value
        if self.begun == 1:
            self.first_may_end.wait(60)
        return seen


def _first(pool: ThreadPoolExecutor, looks: SharedLooks[int], world: _World) -> Future[int]:
    first = pool.submit(looks.ask, "key", world.look)
    eventually(lambda: world.begun == 1)
    return first


def test_many_that_ask_during_a_look_share_the_next_one() -> None:
    looks, world = SharedLooks[int](), _World()
    with ThreadPoolExecutor(_OTHERS + 1) as pool:
        first = _first(pool, looks, world)
        world.value = 1
        asked = threading.Barrier(_OTHERS + 1)

        def ask() -> int:
            asked.wait(60)
            return looks.ask("key", world.look)

        others = [pool.submit(ask) for _ in range(_OTHERS)]
        asked.wait(60)
        world.first_may_end.set()
        assert first.result(60) == 0
        assert [other.result(60) for other in others] == [1] * _OTHERS, "nobody is told what was seen before"


def test_one_that_waits_for_its_turn_is_joined() -> None:
    looks, world = SharedLooks[int](), _World()
    with ThreadPoolExecutor(_OTHERS + 1) as pool:
        first = _first(pool, looks, world)
        others = [pool.submit(looks.ask, "key", world.look) for _ in range(_OTHERS)]
        eventually(lambda: looks.waiting("key") == _OTHERS)
        world.first_may_end.set()
        assert first.result(60) == 0
        assert [other.result(60) for other in others] == [0] * _OTHERS
    assert world.begun == 2


def test_another_key_does_not_wait() -> None:
    looks, world = SharedLooks[int](), _World()
    with ThreadPoolExecutor(1) as pool:
        first = _first(pool, looks, world)
        assert looks.ask("another", lambda: 7) == 7
        world.first_may_end.set()
        assert first.result(60) == 0


def test_an_error_is_everybody_s_and_not_the_next_one_s() -> None:
    looks, world = SharedLooks[int](), _World()

    def fails() -> int:
        raise ValueError("no answer")

    with ThreadPoolExecutor(3) as pool:
        first = _first(pool, looks, world)
        second = pool.submit(looks.ask, "key", fails)
        third = pool.submit(looks.ask, "key", fails)
        eventually(lambda: looks.waiting("key") == 2)
        world.first_may_end.set()
        assert first.result(60) == 0
        for each in (second, third):
            with pytest.raises(ValueError, match="no answer"):
                each.result(60)
    assert looks.ask("key", lambda: 9) == 9
