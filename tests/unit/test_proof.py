"""The items of a spec, and what is said of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from orchestra.model import CheckRun, Claim, ItemState
from orchestra.proof import LONGEST, Item, ItemProof, Tally, items_of, named, proofs, tally

AT = datetime(2026, 3, 4, tzinfo=UTC)
SPEC = """# Add limits

- [ ] read the
  settings
- [x] write `limits.py`
  - [ ] test it
    1. [X] slowly
* no item

Such as:

    - [ ] code, by its indentation

````text
```
- [ ] an example in an example
```
````

<!-- - [ ] a comment
- [ ] and more of it
-->

> - [ ] quoted

- [ ]
- [ ]nor this
"""


def texts(spec: str) -> list[str]:
    return [item.text for item in items_of(spec)]


def claim(item: Item, code: int | None = None, *, ran: bool = True) -> Claim:
    run = CheckRun(0, "t" * 40, item.text, "make", code, "", 1.0, AT) if ran else None
    return Claim(1, item.mark, item.text, "make", AT, run)


def test_items_are_those_of_task_lists_and_not_of_code_or_comments() -> None:
    found = items_of(SPEC)
    assert [(item.number, item.text, item.depth, item.ticked) for item in found] == [
        (1, "read the settings", 0, False),
        (2, "write `limits.py`", 0, True),
        (3, "test it", 1, False),
        (4, "slowly", 2, True),
        (5, "quoted", 0, False),
    ]


def test_an_item_is_the_same_whatever_happens_to_the_others() -> None:
    before = {item.text: item.mark for item in items_of("- [ ] a\n- [ ] b\n- [ ] c\n")}
    after = {item.text: item.mark for item in items_of("# New\n\n- [ ] c\n- [ ] changed\n  - [x] a\n")}
    assert (after["a"], after["c"]) == (before["a"], before["c"])
    assert after["changed"] not in before.values()


def test_no_command_shows_two_items_that_have_the_same_text() -> None:
    twins = items_of("## One\n- [ ] tested\n## Two\n- [ ] tested\n")
    (alone,) = items_of("- [ ] tested\n")
    assert len({alone.mark, *(one.mark for one in twins)}) == 3


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("test it", 3),
        ("  - [ ]  test   it ", 3),
        ("1. [x] slowly", 4),
        ("read the settings", 1),
        ("2", 2),
        ("6", None),
        ("0", None),
        ("9" * 5000, None),
        ("²", None),
        ("", None),
        ("test", None),
    ],
)
def test_an_item_is_named_by_its_text_or_its_number(words: str, number: int | None) -> None:
    found = named(items_of(SPEC), words)
    assert (found.number if found else None) == number


def test_a_text_that_is_a_number_comes_before_the_number() -> None:
    found = named(items_of("- [ ] 2\n- [ ] two\n"), "2")
    assert found is not None
    assert found.number == 1


def test_only_a_command_that_orchestra_saw_succeed_proves_an_item() -> None:
    (item,), (ticked,) = items_of("- [ ] a\n"), items_of("- [x] a\n")
    states = [
        (ItemProof(item), ItemState.OPEN),
        (ItemProof(ticked), ItemState.CLAIMED),
        (ItemProof(item, claim(item, ran=False)), ItemState.CLAIMED),
        (ItemProof(item, claim(item, 0)), ItemState.PROVED),
        (ItemProof(item, claim(item, 1)), ItemState.OPEN),
        (ItemProof(item, claim(item, None)), ItemState.OPEN),
        (ItemProof(ticked, claim(ticked, 1)), ItemState.OPEN),
    ]
    assert [one.state for one, _ in states] == [state for _, state in states]


def test_a_claim_of_a_text_that_has_changed_counts_for_nothing() -> None:
    (before,), after = items_of("- [ ] it is quick\n"), items_of("- [ ] it is very quick\n")
    assert [one.state for one in proofs(after, [claim(before, 0)])] == [ItemState.OPEN]


def test_a_tally_in_words() -> None:
    items = items_of("- [ ] a\n- [ ] b\n- [x] c\n- [ ] d\n")
    counts = tally(proofs(items, [claim(items[0], 0), claim(items[1], ran=False)]))
    assert (str(counts), counts.left) == ("1 of 4 items proved", "1 of 4 items open")
    assert (str(Tally(1)), Tally(1).left) == ("1 of 1 item proved", "")


@pytest.mark.parametrize(
    "spec",
    [
        "".join(f"- [ ] item {number}\n" for number in range(10_000)),
        "- [ ] a\n" + "a\n" * 500_000,
        "- [ ] a\n" + "- \n" * 300_000,
        "- [ ] a\n" + "> " * 400_000,
        "".join("  " * (depth % 90) + "- [ ] a\n" for depth in range(9000)),
        "- [ ] a\n" + "[" * 500_000,
        "- [ ] \x1b[2J\x00\u202e" + "x" * 900_000,
    ],
    ids=["many", "lines", "lists", "quotes", "deep", "brackets", "one"],
)
def test_no_spec_keeps_its_readers_waiting(spec: str) -> None:
    began = time.process_time()
    found = items_of(spec)
    assert time.process_time() - began < 5
    assert max((len(item.text) for item in found), default=0) <= LONGEST
    assert len(found) > 0
