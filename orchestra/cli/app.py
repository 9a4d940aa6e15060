"""The command line's entry: global options, the commands, and the error edge."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestra import __version__
from orchestra.cli import agents, life, look, rooms, start, talk, upkeep
from orchestra.cli.edge import guarded

app = typer.Typer(
    help="A multi-agent development environment inside tmux.\n\nWithout a command, the same as: orchestra up",
    invoke_without_command=True,
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for group in (start, life, look, talk, rooms, agents, upkeep):
    group.add_to(app)


def _version(asked: bool) -> None:  # noqa: FBT001 -- typer calls it with the option's value
    if asked:
        typer.echo(f"orchestra {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    project: Annotated[
        Path | None, typer.Option("--project", metavar="DIR", help="The repository. Default: this directory's.")
    ] = None,
    version: Annotated[  # noqa: ARG001 -- handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Without a command, the same as: orchestra up."""
    context.obj = project
    if context.invoked_subcommand is None:
        start.up(context)


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(guarded(lambda: app(prog_name="orchestra")))
