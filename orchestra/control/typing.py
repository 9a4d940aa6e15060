"""Detect typing that was meant for another window, by its speed and by letters that are no commands."""

from __future__ import annotations

from dataclasses import replace

from orchestra.bindings import Where
from orchestra.control.state import Held, Invoke, Mode, Purpose, Status, View, Write
from orchestra.review.keys import Key

RAPID = 0.25
"""Seconds within which two letters count as typing, not as two commands."""
QUIET = 1.0
"""Seconds without letters after which letters are commands again."""
_ANSWERS = frozenset({"allow", "always", "deny"})


def is_typing(view: View, now: float) -> bool:
    """Return whether letters currently count as typing."""
    return now < view.typing_until


def caught(view: View, key: Key, now: float) -> View | None:
    """Return the view after a letter that counts as typing, or None if the letter is a command."""
    rapid = now - view.letter_at < RAPID
    if view.mode in {Mode.WRITE, Mode.HELP, Mode.FOUND, Mode.COMPARED}:
        return None
    if not key.is_text:
        return _noticed(view, now) if key.name == "Enter" and is_typing(view, now) else None
    if view.mode is Mode.CONFIRM:
        return _in_question(view, key, now) if rapid else None
    strange = view.keymap.at(key.name, view.where) is None
    # Nobody reads a request and answers it as fast as one types.
    answers = rapid and view.keymap.does(key.name, Where.NEEDS) in _ANSWERS and view.where is Where.NEEDS
    hurried = rapid and not (_is_glance(view, key.name) or _is_glance(view, view.letter))
    return _noticed(view, now) if strange or answers or hurried or is_typing(view, now) else None


def cancels(held: Held, view: View, now: float) -> bool:
    """Return whether a key after a held one shows that this was the beginning of a word.

    After the key that answers an agent, every key shows it.
    """
    effect = held.effect
    answers = isinstance(effect, Invoke) and effect.action == "answer"
    denies = isinstance(effect, Write) and effect.draft.purpose is Purpose.REASON
    return is_typing(view, now) or answers or denies


def _is_glance(view: View, key: str) -> bool:
    """Return whether a key only shows something; people give such commands in quick succession."""
    binding = view.keymap.at(key, view.where)
    return binding is not None and binding.glance


def _in_question(view: View, key: Key, now: float) -> View | None:
    """Take no letter of a word for a yes: the question stays, or is closed by the next letter."""
    answer = view.keymap.does(key.name, Where.QUESTION)
    if answer == "yes":
        return view
    return None if answer else _noticed(view, now)


def _noticed(view: View, now: float) -> View:
    notice = Status(
        "ignored, because it looks like text: letters are commands here",
        f"{view.keymap.key('switch').replace('Enter', view.keymap.enter)} goes to the session",
    )
    return replace(view, mode=Mode.LIST, question=None, status=notice, typing_until=now + QUIET)


def noted(view: View, key: Key, now: float, *, before: Mode) -> View:
    """Record the time of the last letter; an answer, or a key that is no letter, resets it."""
    if not key.is_text or (before is Mode.CONFIRM and view.mode is Mode.LIST and not is_typing(view, now)):
        return replace(view, letter_at=float("-inf"))
    too_soon = before is Mode.CONFIRM and view.keymap.does(key.name, Where.QUESTION) == "yes"
    return view if too_soon else replace(view, letter=key.name, letter_at=now)
