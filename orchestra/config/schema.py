"""Parse YAML into checked values, with a one-line error for a wrong key or value."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from orchestra.errors import BadConfig
from orchestra.suggestion import did_you_mean

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})
_SHAPES: dict[type, str] = {
    str: "text (in quotes if it looks like a number, yes or no)",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list of texts",
    dict: "names and texts, such as {NAME: value}",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule for the value of a key.

    ``pattern`` and ``choices`` apply to a whole text, or to each item of a list; ``shape``
    describes the pattern. ``numbers`` accepts a number as text; a ``regular`` text is a regular
    expression. ``lists`` accepts a list for each name. ``records`` are the rules of the keys of each item of a
    list, which may also be a text. ``addresses`` is what to do with an address, which is not a valid item.
    """

    type: type
    about: str = ""
    choices: tuple[str, ...] = ()
    pattern: str = ""
    shape: str = ""
    least: int | None = None
    numbers: bool = False
    regular: bool = False
    lists: bool = False
    records: Mapping[str, Rule] | None = None
    addresses: str = ""


Rules = Mapping[str, Rule]


def read(text: str, rules: Rules, where: str, *, example: str, noun: str = "key") -> dict[str, Any]:
    """Return the checked values of a YAML text; raises BadConfig with ``where`` and the line.

    ``example`` is a line for the hint; ``noun`` is the word for a key.
    """
    hint = f"write one key on each line, such as: {example}"
    content, lines = _parse(text, where, hint)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BadConfig(f"{where} must hold keys and values", hint=hint)

    def position(key: object) -> str:
        return f"{where}, line {line}" if (line := lines().get(key)) else where

    keys = [known_key(key, rules, position, noun=noun) for key in content]
    return {key: check(key, content[key], rules[key], position) for key in keys}


def _parse(text: str, where: str, hint: str) -> tuple[object, Callable[[], Mapping[object, int]]]:
    """Return the content of a YAML text, and a function that finds the lines of its keys."""
    import yaml  # noqa: PLC0415 -- 41 ms that a person without settings files does not pay

    def lines() -> Mapping[object, int]:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        return {key.value: key.start_mark.line + 1 for key, _ in pairs}

    try:
        return yaml.safe_load(text), lines
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadConfig(f"{where}{line}: {error.problem}", hint=hint) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise BadConfig(f"{where}: {reason}", hint=hint) from error


Where: TypeAlias = "str | Callable[[object], str]"
"""The location of a value, or a function that finds the location of a key for an error."""


def known_key(key: object, known: Collection[str], where: Where, *, noun: str = "key") -> str:
    """Return a known key; raises BadConfig with the most similar one."""
    if isinstance(key, str) and key in known:
        return key
    message = f"{_position(where, key)}: there is no {noun} {str(key)!r}"
    raise BadConfig(message, hint=did_you_mean(str(key), sorted(known)))


def from_text(key: str, text: str, rule: Rule, where: str) -> object:
    """Turn the text of an environment variable into a value, a list by lines; raises BadConfig."""
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


def check(key: str, value: object, rule: Rule, where: Where) -> object:
    """Return a value in the type of its key; raises BadConfig with location and key."""
    typed = _typed(value, rule) if rule.records is None else _records(value, rule.records, where)
    if typed is None:
        raise _wrong(key, value, _kind(rule), where)
    if rule.records is not None:
        return typed
    if expected := _broken_limit(typed, rule):
        raise _wrong(key, value, expected, where, hint=rule.addresses if "://" in str(value) else "")
    return typed


def _records(value: object, rules: Rules, where: Where) -> tuple[object, ...] | None:
    """Return a list of records with checked values, and of texts."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, (str, dict)) for item in value):
        return None
    return tuple(item if isinstance(item, str) else _record(item, rules, where) for item in value)


def _record(item: dict[object, object], rules: Rules, where: Where) -> dict[str, object]:
    position = where if isinstance(where, str) else where("")
    return {
        name: check(name, item[key], rules[name], position)
        for key, name in ((key, known_key(key, rules, position)) for key in item)
    }


def _kind(rule: Rule) -> str:
    if rule.records is not None:
        return rule.shape
    return (rule.shape or "a text") if rule.numbers else _SHAPES[rule.type]


def _typed(value: object, rule: Rule) -> object:
    """Return the value as the wanted type, or None; booleans do not count as numbers."""
    wanted = rule.type
    if wanted is tuple:
        is_list = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
        return tuple(value) if is_list and isinstance(value, (list, tuple)) else None
    if wanted is dict:
        return _mapping(value, lists=rule.lists) if isinstance(value, dict) else None
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is str and rule.numbers and type(value) in {int, float}:
        return str(value)
    return value if type(value) is wanted else None


def _mapping(value: dict[object, object], *, lists: bool) -> Mapping[str, object] | None:
    """Return names with their texts, each with a list of texts where ``lists`` are wanted."""
    if not lists:
        return _texts(value)
    many = {name: item if isinstance(item, list) else str(item).split() for name, item in value.items()}
    plain = all(type(one) in {str, int} for items in many.values() for one in items)
    return {str(name): tuple(map(str, items)) for name, items in many.items()} if plain else None


def _texts(value: dict[object, object]) -> dict[str, str] | None:
    plain = all(type(item) in {str, int, float} for item in value.values())
    return {str(key): str(item) for key, item in value.items()} if plain else None


def _broken_limit(value: object, rule: Rule) -> str:
    """Return what the value must be, or an empty text if it is valid."""
    texts = value if isinstance(value, tuple) else (value,)
    if rule.choices and not set(texts) <= set(rule.choices):
        either = " or ".join((", ".join(filter(None, rule.choices[:-1])), rule.choices[-1]))
        return f"a list of {either}" if rule.type is tuple else either
    if rule.pattern and not all(re.fullmatch(rule.pattern, str(text)) for text in texts):
        return rule.shape
    # Written so that NaN is refused too.
    if rule.least is not None and not (isinstance(value, (int, float)) and value >= rule.least):
        return f"at least {rule.least}"
    return _no_expression(str(value)) if rule.regular else ""


def _no_expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        return f"a regular expression ({error})"
    return ""


def _position(where: Where, key: object) -> str:
    return where if isinstance(where, str) else where(key)


def _wrong(key: str, value: object, expected: str, where: Where, *, hint: str = "") -> BadConfig:
    # An address may hold a password.
    told = re.sub(r"://[^\s'\"]*", "://…", str(value))
    shown = told if len(told) < 40 else f"{told[:36]}…"  # noqa: PLR2004 -- what fits in one line
    position = _position(where, key)
    given = shown if isinstance(value, (list, tuple, dict)) else repr(shown)
    return BadConfig(f"{position}: {key} must be {expected}, not {given}", hint=hint or f"correct {key} in {position}")
