"""Decide which look at the files a review takes: the one asked for last, and one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestra.model import Scope


@dataclass
class Looks:
    """The looks of one review; a look must be prepared before it can begin."""

    _wanted: Scope | None = None
    _preparing: set[Scope] = field(default_factory=set)
    _taking: bool = False

    def ask(self, scope: Scope) -> bool:
        """Want a look in a scope in place of any other; returns whether it has to be prepared."""
        self._wanted = scope
        if scope in self._preparing:
            return False
        self._preparing.add(scope)
        return True

    def prepared(self, scope: Scope) -> None:
        """Record that a look in a scope can begin."""
        self._preparing.discard(scope)

    def begin(self) -> Scope | None:
        """Return the scope of the look to take now, None as long as there is none."""
        scope = self._wanted
        if scope is None or self._taking or scope in self._preparing:
            return None
        self._wanted, self._taking = None, True
        return scope

    def end(self) -> bool:
        """Record that the look has ended; returns whether it is still the one that was asked for last."""
        self._taking = False
        return self._wanted is None
