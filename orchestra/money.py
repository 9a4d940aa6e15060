"""Amounts of money as text."""

from __future__ import annotations

_CENT = 0.01
_LEAST = 0.0001


def dollars(amount: float) -> str:
    """Return an amount of US dollars: ``$1,204.50``; of less than a cent two digits, ``$0.0042``, or ``<$0.0001``."""
    if 0 < amount < _LEAST:
        return f"<${_LEAST}"
    return f"${amount:.2g}" if 0 < amount < _CENT else f"${amount:,.2f}"
