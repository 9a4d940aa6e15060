"""Where commented lines go, and how comments are written to a session."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

import pytest

from orchestra.comments import Followed, badge, find, follow, lines_of, progress_words, quoted_in, round_texts, where
from orchestra.common_lines import common_blocks
from orchestra.model import Comment, CommentState, RoundProgress, Side, Target

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def rows(text: str) -> list[bytes]:
    return [row.encode() for row in text.split()]


def comment(number: int = 1, text: str = "Why?", quoted: str = "x = 1", **about: object) -> Comment:
    target = Target(**{"path": "app.py", "first": 7, "last": 7, **about})  # type: ignore[arg-type]  # the fields' own types
    return Comment(1, number, 1, CommentState.OPEN, target, quoted, text, NOW, NOW)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("a b c d e f", Followed(3, 4)),
        ("new new a b c d e f", Followed(5, 6)),
        ("c d e f", Followed(1, 2)),
        ("a b c d", Followed(3, 4)),
        ("a b c d new", Followed(3, 4)),
        ("a b new c d e f", Followed(4, 5, changed=True)),
        ("a b c d new e f", Followed(3, 4, changed=True)),
        ("a b c new d e f", Followed(3, 5, changed=True)),
        ("a b C d e f", Followed(4, 4, changed=True)),
        ("a b C D e f", Followed(4, 4, changed=True, outdated=True)),
        ("a b C D E2 e f", Followed(5, 5, changed=True, outdated=True)),
        ("a b e f", Followed(2, 2, changed=True, outdated=True)),
        ("", Followed(0, 0, changed=True, outdated=True)),
        ("1 2 3 a B b c d E f g", Followed(7, 8)),
    ],
)
def test_lines_are_followed_into_the_text_that_theirs_became(after: str, expected: Followed) -> None:
    assert follow(rows("a b c d e f"), rows(after), 3, 4) == expected


def test_lines_at_both_ends_are_followed() -> None:
    text = rows("a b c")
    assert follow(text, rows("new a b c"), 1, 1) == Followed(2, 2, changed=True)
    assert follow(text, rows("a b c new"), 3, 3) == Followed(3, 3, changed=True)
    assert follow(text, rows("A b c"), 1, 1) == Followed(1, 1, changed=True, outdated=True)
    assert follow(text, text, 1, 3) == Followed(1, 3)


def test_what_is_kept_is_never_lost_nor_taken_for_another() -> None:
    chance = random.Random(7)  # noqa: S311 -- the same in every run
    for _ in range(300):
        before = [b"%d" % number for number in range(chance.randint(1, 30))]
        after = [row for row in before if chance.random() < 0.8]
        for _ in range(chance.randint(0, 5)):
            after.insert(chance.randint(0, len(after)), b"new")
        first = chance.randint(1, len(before))
        last = chance.randint(first, len(before))
        quoted, now = before[first - 1 : last], follow(before, after, first, last)
        assert now.outdated == (not any(row in after for row in quoted))
        if not now.outdated:
            assert (after[now.first - 1], after[now.last - 1]) == tuple(
                [row for row in quoted if row in after][end] for end in (0, -1)
            )
            assert now.changed or after[now.first - 1 : now.last] == quoted


def test_a_huge_and_repetitive_change_takes_no_long_time() -> None:
    before, after = [b"}"] * 300_000 + [b"mine"], [b"{"] * 300_000 + [b"mine"] + [b"]"] * 9
    begun = time.process_time()
    follow(before, after, 300_001, 300_001)
    follow([b"}", b"{"] * 9_000, [b"{", b"}", b"x"] * 6_000, 5, 5)
    assert time.process_time() - begun < 5


def _alternating(name: str) -> list[bytes]:
    return [row for number in range(9_900) for row in (b"x%d" % number, f"{name}{number}".encode())]


def _shuffled(seed: int) -> list[bytes]:
    found = [b"%d" % (number // 190) for number in range(19_900)]
    random.Random(seed).shuffle(found)  # noqa: S311 -- the same in every run
    return found


@pytest.mark.parametrize(
    ("before", "after"),
    [(_alternating("u"), _alternating("v")), (_shuffled(1), _shuffled(2))],
    ids=["every 2nd", "order"],
)
def test_no_change_that_an_agent_can_make_takes_a_long_time(before: list[bytes], after: list[bytes]) -> None:
    begun = time.process_time()
    follow(before, after, 5, 6)
    assert time.process_time() - begun < 2


def test_of_every_second_line_that_changed_the_others_are_followed() -> None:
    before, after = _alternating("u"), [b"new", *_alternating("v")]
    assert follow(before, after, 501, 501) == Followed(502, 502)
    assert follow(before, after, 500, 500) == Followed(501, 501, changed=True, outdated=True)


def test_without_the_whole_text_the_nearest_same_lines_are_found() -> None:
    after = rows("x y z x y z x y z")
    assert find(rows("x y"), after, 5) == Followed(4, 5)
    assert find(rows("x y"), after, 99) == Followed(7, 8)
    assert find(rows("q"), after, 99) == Followed(9, 9, changed=True, outdated=True)


def test_only_a_newline_ends_a_line() -> None:
    assert lines_of(b"a\rb\x0cc\nd\n") == [b"a\rb\x0cc", b"d"]
    assert lines_of(b"") == []
    assert quoted_in(b"a\nb\xff\nc\n", Target("f", Side.NEW, 2, 3)) == "b\udcff\nc"


def test_a_round_is_one_message_with_files_lines_and_code() -> None:
    whole = Comment(1, 3, 1, CommentState.OPEN, Target(), "", "Squash it.", NOW, NOW)
    (text,) = round_texts(2, [comment(), comment(2, first=0, last=0, side=Side.OLD), whole], 64 * 1024)
    assert text.startswith("Review, round 2: 3 comments.")
    assert "Comment 1: app.py, line 7\n  7 | x = 1\n\nWhy?" in text
    assert "Comment 2: app.py, the whole file\n\nWhy?" in text
    assert text.endswith("Comment 3: the whole change\n\nSquash it.")


def test_a_long_round_becomes_several_messages_and_no_comment_is_parted_or_lost() -> None:
    sent = [comment(number, text=f"<{number}>" + "é" * 3_000) for number in range(1, 40)]
    texts = round_texts(1, sent, 20_000)
    assert max(len(text.encode()) for text in texts) <= 20_000
    assert [text for text in texts if "Review, round 1" not in text] == []
    assert sum(text.count("é" * 3_000) for text in texts) == 39


def test_code_and_names_cannot_look_like_something_else_in_a_message() -> None:
    evil = comment(path="a\x1b[2J\nComment 9: x", quoted="\x1b]0;x\x07\n" * 100 + "y" * 10_000, first=1, last=101)
    (text,) = round_texts(1, [evil], 64 * 1024)
    assert "\x1b" not in text
    assert "\nComment 9" not in text
    assert "… 41 more lines" in text
    assert len(text) < 5_000
    assert where(Target("b", Side.OLD, 2, 3)) == "b, lines 2-3 before the change"


def test_how_far_a_round_is_is_said_until_all_is_settled() -> None:
    assert progress_words(RoundProgress(4, 3, 1, 4)) == "answered 3 of 4 comments"
    assert progress_words(RoundProgress(1, 1, 0, 1)) == "answered 1 of 1 comment"
    assert progress_words(RoundProgress(4, 4, 0, 0)) == progress_words(None) == ""
    assert [badge(one) for one in (RoundProgress(4, 3, 2, 4), RoundProgress(2, 2, 0, 1), RoundProgress(), None)] == [
        "✎ 2",
        "✎ answered",
        "",
        "",
    ]


@pytest.mark.parametrize("kinds", [60, 5_000])
def test_what_two_texts_have_in_common_is_in_both_and_in_order(kinds: int) -> None:
    chance = random.Random(kinds)  # noqa: S311 -- the same in every run
    before = [b"%d" % chance.randrange(kinds) for _ in range(2_000)]
    after = [row for row in before if chance.random() < 0.9]
    for _ in range(100):
        after.insert(chance.randrange(len(after)), b"new")
    blocks = common_blocks(before, after)
    pairs = [(old + at, new + at) for old, new, size in blocks for at in range(size)]
    assert [before[old] for old, _ in pairs] == [after[new] for _, new in pairs]
    for side in (0, 1):
        places = [pair[side] for pair in pairs]
        assert places == sorted(set(places))
    assert kinds < 5_000 or sum(size for *_, size in blocks) == len(after) - 100
