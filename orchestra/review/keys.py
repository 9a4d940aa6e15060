"""Textual's keys by the names that tmux gives them, which are those of the settings and of the table of keys."""

from __future__ import annotations

from dataclasses import dataclass

_NAMES = {
    "enter": "Enter", "tab": "Tab", "escape": "Escape", "up": "Up", "down": "Down", "left": "Left", "right": "Right",
    "home": "Home", "end": "End", "pageup": "PgUp", "pagedown": "PgDn", "backspace": "BSpace", "delete": "DC",
    "insert": "IC", "space": " ",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Key:
    """One key by name; a printable character is its own name."""

    name: str

    @property
    def is_text(self) -> bool:
        """Whether the key is a character that can be typed into a line."""
        return len(self.name) == 1 and self.name.isprintable()


def key(name: str, character: str | None) -> Key:
    """Return a key from Textual's name for it and its character, if it has one."""
    if name == "shift+tab":
        return Key("BTab")
    *modifiers, last = name.split("+")
    if character is not None and len(character) == 1 and character.isprintable() and not modifiers:
        return Key(character)
    plain = _NAMES.get(last, last.upper() if last[:1] == "f" and last[1:].isdigit() else last)
    marks = {"ctrl": "C-", "alt": "M-", "shift": "S-"}
    return Key("".join(marks.get(one, "") for one in modifiers) + plain)
