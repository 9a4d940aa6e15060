"""Suggest a known word for an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """Return the known word that is most like another, or nothing; ``likeness`` is from 0 to 1."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=likeness)), "")


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Return the hint for an unknown word: the nearest known one, or ``otherwise``, by default all known ones."""
    words = list(known)
    if near := nearest(word, words):
        return f"did you mean {near}?"
    return otherwise or f"there are: {', '.join(words)}"
