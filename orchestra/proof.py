"""Read the items of a spec's task lists, and decide which are proved, claimed or open; pure, without effects."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from orchestra.model import Claim, ItemState
from orchestra.names import digest

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_ITEM = re.compile(r"\[([ xX])\]\s+(\S.*)", re.DOTALL)
_ANY = re.compile(r"\[[ xX]\]\s")
_MARKER = re.compile(r"(?:[-*+]|\d{1,9}[.)])\s+\[[ xX]\]\s+")
_SPECS = 32
"""How many parsed specs are kept."""
LONGEST = 256 * 1024
"""The most characters of a spec that are searched for items, so that no text can keep its readers waiting."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a spec: its place among all, counted from 1, its text, how deep it is nested, whether it is ticked.

    ``mark`` identifies it: it stays the same whatever happens to the other items, and is another once the text is.
    """

    number: int
    text: str
    depth: int
    ticked: bool
    mark: str


@dataclass(frozen=True, slots=True)
class ItemProof:
    """An item of a spec, and what its session says shows it."""

    item: Item
    claim: Claim | None = None

    @property
    def state(self) -> ItemState:
        """How far the item is shown to be done."""
        if self.claim is not None and self.claim.proved:
            return ItemState.PROVED
        refuted = self.claim is not None and self.claim.refuted
        said = self.claim is not None or self.item.ticked
        return ItemState.CLAIMED if said and not refuted else ItemState.OPEN


@dataclass(frozen=True, slots=True)
class Tally:
    """How many items of a spec are in each state."""

    proved: int = 0
    claimed: int = 0
    open: int = 0

    @property
    def all(self) -> int:
        """The number of items."""
        return self.proved + self.claimed + self.open

    def __str__(self) -> str:
        return f"{self.proved} of {_items(self.all)} proved"

    @property
    def left(self) -> str:
        """What is open, in words; empty if nothing is."""
        return f"{self.open} of {_items(self.all)} open" if self.open else ""


def _items(number: int) -> str:
    return "1 item" if number == 1 else f"{number} items"


def proofs(items: Iterable[Item], claims: Iterable[Claim]) -> tuple[ItemProof, ...]:
    """Return the items of a spec with what shows them; a claim of an item that is not among them counts for nothing."""
    known = {claim.mark: claim for claim in claims}
    return tuple(ItemProof(item, known.get(item.mark)) for item in items)


def tally(shown: Iterable[ItemProof]) -> Tally:
    """Count the items by their states."""
    counts = Counter(one.state for one in shown)
    return Tally(counts[ItemState.PROVED], counts[ItemState.CLAIMED], counts[ItemState.OPEN])


def named(items: Sequence[Item], words: str) -> Item | None:
    """Return the item with this text, with or without its box, or else with this number; None if there is none."""
    text = _MARKER.sub("", _one_line(words), count=1)
    found = next((item for item in items if item.text == text), None)
    if found is None and text.isascii() and text.isdigit() and len(text) < len(str(len(items))) + 1:
        return next((item for item in items if item.number == int(text)), None)
    return found


@lru_cache(maxsize=_SPECS)
def items_of(spec: str) -> tuple[Item, ...]:
    """Return the items of a spec's task lists (GitHub Flavored Markdown, 5.3) in their order.

    What is in code, in HTML or in a comment is no item. Items with the same text cannot be told apart by it, so their
    place among each other is a part of their mark.
    """
    if not _ANY.search(spec):
        return ()
    found = list(_found(_parser().parse(spec[:LONGEST])))
    alike, seen = Counter(text for _, _, text in found), Counter[str]()
    items = []
    for number, (depth, ticked, text) in enumerate(found, 1):
        seen[text] += 1
        mark = digest(text if alike[text] == 1 else f"{text}\n{seen[text]} of {alike[text]}", 32)
        items.append(Item(number, text, depth, ticked, mark))
    return tuple(items)


def _found(tokens: Sequence[Token]) -> Iterator[tuple[int, bool, str]]:
    """Yield depth, whether it is ticked, and the text of each list item whose first paragraph begins with a box."""
    depth = 0
    for number, token in enumerate(tokens):
        if token.type == "list_item_open":
            first = tokens[number + 2] if tokens[number + 1].type == "paragraph_open" else None
            if first is not None and (box := _ITEM.match(first.content)):
                yield depth, box[1] != " ", _one_line(box[2])
        depth += (token.type == "list_item_open") - (token.type == "list_item_close")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _parser() -> MarkdownIt:
    # It is not needed for most specs, and loading it takes longer than reading one.
    from markdown_it import MarkdownIt  # noqa: PLC0415

    return MarkdownIt("commonmark").disable(["inline", "text_join", "reference", "lheading"])
