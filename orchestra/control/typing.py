"""Detect typing that was meant for another window, by its speed and by letters that are no commands."""

from __future__ import annotations

from dataclasses import replace

from orchestra.bindings import for_key
from orchestra.control.keys import Key
from orchestra.control.state import Mode, Status, View

RAPID = 0.25
"""Seconds within which two letters count as typing, not as two commands."""
QUIET = 1.0
"""Seconds without letters after which letters are commands again."""
_LOOKING = frozenset("jkJKdm ")
"""Commands that only show something, which people give in quick succession."""
_YES = frozenset("yY")
_ANSWERS = _YES | frozenset("nNq")
_NOTICE = Status("ignored, because it looks like text: letters are commands here", "⏎ goes to the session")


def is_typing(view: View, now: float) -> bool:
    """Return whether letters currently count as typing."""
    return now < view.typing_until


def caught(view: View, key: Key, now: float) -> View | None:
    """Return the view after a letter that counts as typing, or None if the letter is a command."""
    rapid = now - view.letter_at < RAPID
    if view.mode in {Mode.INPUT, Mode.HELP}:
        return None
    if not key.is_text:
        return _noticed(view, now) if key.name == "Enter" and is_typing(view, now) else None
    if view.mode is Mode.CONFIRM:
        return _in_question(view, key, now) if rapid else None
    strange = for_key(key.name) is None and key.name != " "
    hurried = rapid and not {key.name, view.letter} & _LOOKING
    return _noticed(view, now) if strange or hurried or is_typing(view, now) else None


def _in_question(view: View, key: Key, now: float) -> View | None:
    """Take no letter of a word for a yes: the question stays, or is closed by the next letter."""
    if key.name in _YES:
        return view
    return None if key.name in _ANSWERS else _noticed(view, now)


def _noticed(view: View, now: float) -> View:
    return replace(view, mode=Mode.LIST, question=None, status=_NOTICE, typing_until=now + QUIET)


def noted(view: View, key: Key, now: float, *, before: Mode) -> View:
    """Record the time of the last letter; an answer, or a key that is no letter, resets it."""
    if not key.is_text or (before is Mode.CONFIRM and view.mode is Mode.LIST and not is_typing(view, now)):
        return replace(view, letter_at=float("-inf"))
    too_soon = before is Mode.CONFIRM and key.name in _YES
    return view if too_soon else replace(view, letter=key.name, letter_at=now)
