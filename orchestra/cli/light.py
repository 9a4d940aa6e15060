"""Commands that load no validation library for plain text: that would take a third of a short command's time.

typer hands every value to pydantic, text too (seen in 0.29), where there is nothing to find out. What is not text is
still validated there; and with a typer that works in another way, everything is.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from orchestra.cli.usage import WORDS, in_our_words

_KEPT = "_runtime_param"
"""The attribute in which typer keeps what turns one parameter's words into its value, once it has made that."""


_TEXT = "\0"
"""Stands before a word that begins with a dash and is text; no word of a command line holds it by itself."""


def as_text(word: str) -> str:
    """Return a word of a command line so that it is not taken for an option where it cannot be one.

    No option holds a space; the first point of a list does.
    """
    return f"{_TEXT}{word}" if word.startswith("-") and any(one.isspace() for one in word) and "=" not in word else word


class Unchanged:
    """Takes text, and a default, as they are; leaves every other value to typer."""

    def coerce(self, value: Any, *, param: Any, ctx: Any) -> object:  # noqa: ANN401 -- typer's inner types have no public name
        """Return a parameter's value."""
        value = _bare(value)
        kind = param.type_descriptor.annotation
        if value and kind == list[str]:
            return list(value)
        if kind is str or (not _takes_many(param) and (value is None or value == param.default)):
            return value
        setattr(param, _KEPT, None)
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


def _bare(value: Any) -> Any:  # noqa: ANN401 -- as above
    if isinstance(value, (list, tuple)):
        return type(value)(_bare(one) for one in value)
    return value.removeprefix(_TEXT) if isinstance(value, str) else value


def _takes_many(param: Any) -> bool:  # noqa: ANN401 -- as above
    return bool(param.multiple or param.nargs != 1)


def lighten(params: list[Any]) -> None:
    """Have parameters treated so, and arguments shown by their names alone."""
    for one in params:
        if one.param_type_name == "argument":
            _name_plainly(one)
        if getattr(one, _KEPT, "") is None:
            setattr(one, _KEPT, Unchanged())


def _name_plainly(argument: Any) -> None:  # noqa: ANN401 -- as above
    name = argument.metavar or argument.name.upper()
    shown = f"{name if argument.required else f'[{name}]'}{'...' if argument.nargs != 1 else ''}"
    argument.metavar = name
    argument.get_usage_pieces = lambda _: [shown]
    argument.display_type_rich = lambda ctx: ""  # noqa: ARG005 -- typer calls it by this name


class LightGroup(TyperGroup):
    """The command line, or a group of its commands; raises UsageError for one that cannot be understood."""

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 -- as above
        """Take a command line apart."""
        with in_our_words():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 -- as above
        """Run the command that it names."""
        with in_our_words():
            return super().invoke(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 -- as above
        """Take the words before a command's name apart."""
        lighten(self.get_params(ctx))
        ctx.meta[WORDS] = args
        return super().parse_args(ctx, [as_text(word) for word in args])

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 -- as above
        """Return a command by its name."""
        command = super().get_command(ctx, cmd_name)
        lighten(command.get_params(ctx) if command else [])
        return command
