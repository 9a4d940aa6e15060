"""Comments are stored with their session, in any state, whatever bytes they are about."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.errors import NotFound, Refused
from orchestra.model import CommentState, RoundProgress, Side, Target
from orchestra.store import Store, comments
from tests.support.stores import add

EVIL = "caf\udce9\x1b[31m\n世界"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path / "state.db")
    add(store, "alpha")
    add(store, "beta")
    return store


def test_each_session_counts_its_own_and_every_byte_comes_back(store: Store) -> None:
    target = Target(EVIL, Side.OLD, 3, 4, "b1")
    made = store.comments.add(1, target, "no", quoted="x\udcff\ny", content=b"1\n2\nx\xff\ny\n")
    assert (made.number, made.state, made.round) == (1, CommentState.DRAFT, 0)
    assert store.comments.add(2, Target(), "all of it").number == 1
    assert store.comments.add(1, Target(), "more").number == 2
    assert (store.comments.get(1, 1).target, store.comments.get(1, 1).quoted) == (target, "x\udcff\ny")
    assert store.comments.content("b1") == b"1\n2\nx\xff\ny\n"
    with pytest.raises(NotFound):
        store.comments.get(2, 2)


def test_a_text_is_forgotten_with_the_last_comment_on_it(store: Store) -> None:
    for _ in range(2):
        store.comments.add(1, Target("f", Side.NEW, 1, 1, "b1"), "no", quoted="x", content=b"x\n")
    store.comments.discard(1, 1)
    assert store.comments.content("b1") == b"x\n"
    store.comments.discard(1, 2)
    assert store.comments.content("b1") is None


def test_the_last_round_is_counted_and_what_is_open_of_all(store: Store) -> None:
    states = [(1, "open"), (1, "settled"), (2, "open"), (2, "answered"), (2, "settled"), (0, "draft")]
    for number, (sent, state) in enumerate(states, 1):
        store.comments.add(1, Target(), "no")
        store.comments.update(1, number, round=sent, state=state)
    assert store.comments.progress() == {1: RoundProgress(total=3, answered=2, open=2, unsettled=3)}


def test_there_is_a_limit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comments, "MOST", 2)
    store.comments.add(1, Target(), "no")
    store.comments.add(1, Target(), "no")
    with pytest.raises(Refused, match="limit"):
        store.comments.add(1, Target(), "no")
