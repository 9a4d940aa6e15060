"""The entry point of the command line: global options, commands and error handling."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from orchestra import __version__
from orchestra.cli.completion import VARIABLE
from orchestra.cli.error_handler import guarded
from orchestra.cli.light import LightGroup

GROUPS = {
    "up": ("up", "down", "control"),
    "sessions": ("new", "stop", "resume", "delete", "restore", "merge", "take", "pair", "unpair"),
    "copies": ("compare", "hand", "fork"),
    "inspect": ("list", "needs", "show", "log", "monitor", "keys"),
    "review": ("diff", "review"),
    "comments": ("comment",),
    "queue": ("queue", "forecast", "undo", "prove"),
    "tryout": ("try",),
    "pull_requests": ("pr",),
    "oversight": ("usage", "search", "notify"),
    "messages": ("send", "inbox", "wait"),
    "answers": ("answer",),
    "windows": ("switch", "layout", "terminal", "spec"),
    "agents": ("agents",),
    "maintenance": ("doctor", "gc", "allow", "demo", "completion", "config", "image"),
}
"""The commands of each module in ``commands``, in the order of the help; a command loads only its own module."""


def _version(asked: bool) -> None:  # noqa: FBT001 -- typer calls it with the option's value
    if asked:
        typer.echo(f"orchestra {__version__}")
        raise typer.Exit


def common(
    context: typer.Context,
    project: Annotated[
        str, typer.Option("--project", metavar="DIR", help="The repository to work on. Default: the one you are in.")
    ] = "",
    version: Annotated[  # noqa: ARG001 -- handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Without a command, the same as: orchestra up."""
    context.obj = Path(project) if project else None
    if context.invoked_subcommand is None:
        import_module("orchestra.cli.commands.up").up(context)


def command_line(groups: Sequence[str] = tuple(GROUPS)) -> typer.Typer:
    """Return the command line with the commands of the given groups, by default all."""
    app = typer.Typer(
        cls=LightGroup,
        help="A multi-agent development environment inside tmux.\n\nWithout a command, the same as: orchestra up",
        invoke_without_command=True,
        no_args_is_help=False,
        # Only while a shell asks, because it adds options to the help.
        add_completion=VARIABLE in os.environ,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(common)
    for group in groups:
        import_module(f"orchestra.cli.commands.{group}").add_to(app)
    return app


def groups_for(words: Sequence[str]) -> tuple[str, ...]:
    """Return the group of the command in ``words``, or all groups if there is no known command."""
    rest = list(words)
    while rest and rest[0].startswith("-"):
        taken = 2 if rest[0] == "--project" else 1
        del rest[:taken]
    return tuple(group for group, commands in GROUPS.items() if rest and rest[0] in commands) or tuple(GROUPS)


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(guarded(lambda: command_line(groups_for(sys.argv[1:]))(prog_name="orchestra")))
