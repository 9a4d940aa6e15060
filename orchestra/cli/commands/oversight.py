"""The commands that keep an overview: usage."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestra.cli.dispatch import ask
from orchestra.cli.output import as_json, rich

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(usage)


def usage(context: typer.Context, json_: Json = False) -> None:
    """Show what the agents have used. Cost and tokens, today and ever, as far as the agents tell."""
    found = ask(context.obj, "usage")
    if json_:
        as_json(found)
        return
    from orchestra.views.usage import usage_table  # noqa: PLC0415 -- loads rich

    rich(usage_table(found))
