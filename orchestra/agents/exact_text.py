"""Show a text exactly: what could not be seen gets a number, and letters that look like others are named."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from orchestra.terminal_text import clean

_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U0001d159\U000e0000-\U000e0fff]"
)
"""Characters that are printable but leave no mark: those with the property Default_Ignorable_Code_Point, and the blank
pattern of Braille (Unicode 15.0, DerivedCoreProperties.txt)."""
_MARKS = 2
"""The most combining marks on one letter that are shown as such; terminals draw more over each other."""
_WORD = re.compile(r"\w+")
_LIKE_LATIN = frozenset(
    "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0455\u0456\u0458\u04bb\u0501\u051b\u051d"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0423\u0405\u0406\u0408"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03bd\u03c1"
)
"""Cyrillic and Greek letters that are drawn like Latin ones."""
_SIMILAR = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "MODIFIER", "OLD", "DESERET"})
"""First words of the names of scripts with letters that are drawn like Latin ones (Unicode, confusables.txt)."""
_MOST_NAMED = 5


def exact(text: str) -> str:
    """Return a text with everything shown that a terminal would not show, except spaces, tabs and line endings."""
    return text if text.isascii() and text.isprintable() else "".join(_marked(_BLANK.sub(_number, clean(text))))


def _number(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"


def _marked(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        yield character if marks <= _MARKS else f"\\x{ord(character):02x}"


def lookalikes(text: str) -> list[str]:
    """Return what to say about letters of a text that look like others, one line for each of them."""
    if text.isascii():
        return []
    found = dict.fromkeys(character for word in _WORD.findall(text) for character in _foreign(word))
    named = [f"(careful: {one} is {unicodedata.name(one, 'unknown')})" for one in list(found)[:_MOST_NAMED]]
    return [*named, f"(careful: {len(found)} letters look like others)"] if len(found) > _MOST_NAMED else named


def _foreign(word: str) -> list[str]:
    """Return the letters of a word that seem to be Latin but are not."""
    odd = [one for one in word if one.isalnum() and not one.isascii()]
    mixed = any(one.isascii() and one.isalpha() for one in word)
    only_alike = all(one in _LIKE_LATIN for one in odd)
    return [one for one in odd if _is_styled(one) or ((mixed or only_alike) and _script(one) in _SIMILAR)]


def _is_styled(character: str) -> bool:
    """Return whether a character is another form of an ASCII one: fullwidth, mathematical, in a circle."""
    return unicodedata.normalize("NFKC", character).isascii()


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]
