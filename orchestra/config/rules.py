"""What one setting may hold, and the one line that says why it may not."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass

from orchestra.errors import BadConfig

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})
_SHAPES: dict[type, str] = {
    str: "text (in quotes, if it looks like a number or like yes and no)",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list of texts",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a setting may hold; ``pattern`` is for a whole text, or each of a list; ``shape`` says it in words."""

    type: type
    about: str
    choices: tuple[str, ...] = ()
    pattern: str = ""
    shape: str = ""
    least: int | None = None


def known_key(key: object, known: Collection[str], where: str) -> str:
    """Return a key that is known; raises BadConfig with the nearest one that is."""
    if isinstance(key, str) and key in known:
        return key
    near = suggestion(str(key), known)
    hint = f"did you mean {near}?" if near else f"there are: {', '.join(sorted(known))}"
    raise BadConfig(f"{where}: there is no setting {str(key)!r}", hint=hint)


def suggestion(key: str, known: Collection[str], *, likeness: float = 0.6) -> str:
    """Return the known key that is most like ``key``, or nothing; ``likeness`` is from 0 to 1."""
    return next(iter(difflib.get_close_matches(key, known, n=1, cutoff=likeness)), "")


def from_text(key: str, text: str, rule: Rule, where: str) -> object:
    """Turn a variable's text into a value, one item of a list on each line; raises BadConfig."""
    if rule.type is bool:
        return check(key, _truth(text), rule, where)
    if rule.type is tuple:
        return check(key, [line for line in text.splitlines() if line.strip()], rule, where)
    if rule.type is str:
        return check(key, text, rule, where)
    try:
        return check(key, rule.type(text), rule, where)
    except ValueError:
        raise _wrong(key, text, _SHAPES[rule.type], where) from None


def _truth(text: str) -> bool | str:
    plain = text.strip().lower()
    return plain in _YES if plain in _YES | _NO else text


def check(key: str, value: object, rule: Rule, where: str) -> object:
    """Return a value in the type its setting has; raises BadConfig, naming place and key."""
    typed = _typed(value, rule.type)
    if typed is None:
        raise _wrong(key, value, _SHAPES[rule.type], where)
    if expected := _broken_limit(typed, rule):
        raise _wrong(key, value, expected, where)
    return typed


def _typed(value: object, wanted: type) -> object:
    """Return the value as the wanted type, or None; yes and no are not numbers here."""
    if wanted is tuple:
        is_list = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
        return tuple(value) if is_list and isinstance(value, (list, tuple)) else None
    if wanted is float and type(value) is int:
        return float(value)
    return value if type(value) is wanted else None


def _broken_limit(value: object, rule: Rule) -> str:
    """Say what the value would have to be, or nothing where it is fine."""
    if rule.choices and value not in rule.choices:
        return " or ".join((", ".join(rule.choices[:-1]), rule.choices[-1]))
    texts = value if isinstance(value, tuple) else (value,)
    if rule.pattern and not all(re.fullmatch(rule.pattern, str(one)) for one in texts):
        return rule.shape
    # Written so that a nan, which is not less than anything, is refused too.
    if rule.least is not None and not (isinstance(value, (int, float)) and value >= rule.least):
        return f"at least {rule.least}"
    return ""


def _wrong(key: str, value: object, expected: str, where: str) -> BadConfig:
    shown = str(value) if len(str(value)) < 40 else f"{str(value)[:36]}…"  # noqa: PLR2004 -- what fits in one line
    return BadConfig(f"{where}: {key} must be {expected}, not {shown!r}", hint=f"correct {key} in {where}")
