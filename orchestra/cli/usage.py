"""Error messages for command lines that cannot be understood: one line, and what to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from orchestra.errors import UsageError

_MISUSED: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for such a command line; its name is not public."""
WORDS = "orchestra.words"
"""The key under which a context keeps the words as they were typed."""
_TEXTS = {"new": "", "send": " NAME"}
"""The commands that take a text, and the arguments in front of it."""


@contextmanager
def in_our_words() -> Iterator[None]:
    """Turn errors of typer into UsageError; a group without a command still shows its help."""
    try:
        yield
    except _MISUSED as error:
        if (ours := _usage_error(error)) is None:
            raise
        raise ours from error


def _usage_error(error: Exception) -> UsageError | None:
    context: Any = getattr(error, "ctx", None)
    raw = str(getattr(error, "format_message", lambda: str(error))()).strip()
    if raw.startswith("Usage:"):
        return None
    if context is None:
        return UsageError(_plain(raw), hint="see: orchestra -h")
    if raw.startswith("No such option"):
        return _no_option(context, error)
    message, hint = _words(context, raw)
    name = _name(context)
    return UsageError(f"{name}: {message}" if name else message, hint=hint)


def _usage(context: Any) -> str:  # noqa: ANN401 -- typer's inner types have no public name
    words = [context.command_path]
    for param in context.command.params:
        if param.required:
            name = param.metavar or param.name.upper()
            words.append(name if param.param_type_name == "argument" else f"{param.opts[0]} {name}")
    return " ".join(words)


def _name(context: Any) -> str:  # noqa: ANN401 -- as above
    return str(context.command_path).partition(" ")[2]


def _words(context: Any, message: str) -> tuple[str, str]:  # noqa: ANN401 -- as above
    """Return the message and the hint."""
    help_at = f"see: {context.command_path} -h"
    if message.startswith("Missing"):
        return re.sub(r"'(\S+)'", r"\1", _plain(message)), f"type: {_usage(context)}"
    if extra := re.fullmatch(r"Got unexpected extra argument\S* \((.*)\)", message, re.DOTALL):
        quoted = f"put a text with spaces in quotes: {context.command_path} {shlex.quote('Fix the login page')}"
        return f"too many arguments: {extra[1]}", quoted if context.command.name in _TEXTS else help_at
    if wrong := re.fullmatch(r"Invalid value for '(\S+)': Input should be ([^,]*).*", message, re.DOTALL):
        return f"{wrong[1]} should be {wrong[2]}", help_at
    message, _, near = message.partition(" Did you mean ")
    return _plain(message), f"did you mean {near.rstrip('?')}? {help_at}" if near else help_at


def _no_option(context: Any, error: Exception) -> UsageError:  # noqa: ANN401 -- as above
    path, unknown = context.command_path, str(getattr(error, "option_name", ""))
    typed = next((word for word in context.meta.get(WORDS, ()) if word.startswith(unknown)), unknown)
    message = f"{_name(context) or 'orchestra'} has no option {typed.partition('=')[0]}"
    if near := getattr(error, "possibilities", None):
        return UsageError(message, hint=f"did you mean {' or '.join(sorted(near))}? see: {path} -h")
    before = _TEXTS.get(context.command.name)
    if before is None:
        return UsageError(message, hint=f"see: {path} -h")
    text = f"{path}{before} -- {shlex.quote(typed)}"
    return UsageError(message, hint=f"put a text that begins with a dash last, after two dashes: {text}")


def _plain(message: str) -> str:
    """Return a message in lower case without a full stop."""
    message = message.removesuffix(".")
    return f"{message[:1].lower()}{message[1:]}"
