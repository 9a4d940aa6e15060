"""How much a run measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """``quick`` only shows that everything works; ``rounds`` replaces a section's own number of repetitions."""

    quick: bool = False
    rounds: int = 0

    def of(self, usual: int, quick: int) -> int:
        """Return how large something is made."""
        return quick if self.quick else usual

    def times(self, usual: int, quick: int = 1) -> int:
        """Return how often something is repeated."""
        return self.rounds or self.of(usual, quick)
