"""The attacks from inside containers, as ``attacks.sh`` has them; to add one, write it there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("attacks.sh")
_HEAD, _AFTER, _HANGS = "== ", "after: ", "hangs"


@dataclass(frozen=True)
class Attack:
    """One attack; ``hangs``: the person's own git may wait for it; ``after`` undoes what lies outside the trees."""

    name: str
    script: str
    roles: tuple[str, ...]
    hangs: bool = False
    after: str = ""


def read(text: str) -> Iterator[Attack]:
    """Return the attacks of a file: each is a line ``== NAME == ROLES [hangs]``, then its script."""
    for part in f"\n{text}".split(f"\n{_HEAD}")[1:]:
        head, _, body = part.partition("\n")
        name, _, words = head.partition(" == ")
        script, _, after = body.partition(f"\n{_AFTER}")
        roles = tuple(word for word in words.split() if word != _HANGS)
        yield Attack(name, script, roles, _HANGS in words.split(), after.partition("\n")[0])


ATTACKS = tuple(read(FILE.read_text()))
