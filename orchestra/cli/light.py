"""Let commands handle text without a validation library, which would take a third of a short command's time.

typer passes every value to pydantic, even text (seen in 0.29), where there is nothing to validate.
Everything except text is still validated there, and with another typer everything is.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from orchestra.cli.usage import WORDS, in_our_words

_KEPT = "_runtime_param"
"""The attribute in which typer caches the converter of a parameter."""


_TEXT = "\0"
"""The prefix for a text that begins with a dash; no word of a command line can contain it."""


def as_text(word: str) -> str:
    """Mark a word of a command line that begins with a dash but cannot be an option.

    No option contains a space, but the first item of a Markdown list does.
    """
    return (
        f"{_TEXT}{word}"
        if word.startswith("-") and any(character.isspace() for character in word) and "=" not in word
        else word
    )


class Unchanged:
    """Accepts text and defaults unchanged; leaves every other value to typer."""

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
        return type(value)(_bare(item) for item in value)
    return value.removeprefix(_TEXT) if isinstance(value, str) else value


def _takes_many(param: Any) -> bool:  # noqa: ANN401 -- as above
    return bool(param.multiple or param.nargs != 1)


def lighten(params: list[Any]) -> None:
    """Use `Unchanged` for parameters, and show arguments only by their names."""
    for param in params:
        if param.param_type_name == "argument":
            _name_plainly(param)
        if getattr(param, _KEPT, "") is None:
            setattr(param, _KEPT, Unchanged())


def _name_plainly(argument: Any) -> None:  # noqa: ANN401 -- as above
    name = argument.metavar or argument.name.upper()
    shown = f"{name if argument.required else f'[{name}]'}{'...' if argument.nargs != 1 else ''}"
    argument.metavar = name
    argument.get_usage_pieces = lambda _: [shown]
    argument.display_type_rich = lambda ctx: ""  # noqa: ARG005 -- typer calls it by this name


class LightGroup(TyperGroup):
    """The command line, or a group of its commands; raises UsageError for invalid command lines."""

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 -- as above
        """Parse a command line."""
        with in_our_words():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 -- as above
        """Run the command."""
        with in_our_words():
            return super().invoke(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 -- as above
        """Parse the options before the command's name."""
        lighten(self.get_params(ctx))
        ctx.meta[WORDS] = args
        return super().parse_args(ctx, [as_text(word) for word in args])

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 -- as above
        """Return a command by its name."""
        command = super().get_command(ctx, cmd_name)
        lighten(command.get_params(ctx) if command else [])
        return command
