"""The commands for the queue of merges, and for what is checked before: queue, forecast, undo, prove."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from orchestra.cli.completion import sessions
from orchestra.cli.dispatch import ask, say
from orchestra.cli.output import as_json, rich, text


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    for command in (queue, forecast, undo, prove):
        app.command()(command)


def queue(
    context: typer.Context,
    first: Annotated[
        str, typer.Option(metavar="NAME", help="Put this session at the head of its queue.", autocompletion=sessions)
    ] = "",
    withdraw: Annotated[
        str, typer.Option(metavar="NAME", help="Take this session out of the queue.", autocompletion=sessions)
    ] = "",
    order: Annotated[
        bool, typer.Option("--order", help="Put the queues into the order with the fewest conflicts.")
    ] = False,
    landed: Annotated[int, typer.Option(metavar="N", min=0, max=1000, help="How many landed ones to show.")] = 10,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what waits to be merged. Also what was sent back, and what landed last."""
    if first:
        ask(context.obj, "move_up", name=first)
        say(f"{first} is the next one")
    if withdraw:
        ask(context.obj, "withdraw", name=withdraw)
        say(f"{withdraw} is out of the queue")
    if order:
        _reorder(context)
    found = ask(context.obj, "queue", landed=landed)
    if json_:
        as_json(found)
        return
    from orchestra.views.queue import queue_table  # noqa: PLC0415 -- loads rich

    rich(queue_table(found, datetime.now(UTC)))


def _reorder(context: typer.Context) -> None:
    orders = ask(context.obj, "reorder")
    for one in orders:
        say(f"merged into {one['into']} in this order: {', '.join(one['order'])}")
    if not orders:
        say("in no other order would fewer conflict")


def forecast(
    context: typer.Context, json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Show which sessions will conflict. Their branches and uncommitted work count too."""
    found = ask(context.obj, "forecast")
    if json_:
        as_json(found)
        return
    from orchestra.views.forecast import forecast_table  # noqa: PLC0415 -- loads rich

    rich(forecast_table(found))


def undo(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The session. Default: what landed last.", autocompletion=sessions)
    ] = "",
    check: Annotated[
        str | None, typer.Option(metavar="COMMAND", help="What must succeed without it. Default: your checks.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take back the last merge. The branch moves back, or a commit reverts it if somebody has built on it."""
    done = ask(context.obj, "undo", name=name, check=check)
    if json_:
        as_json(done)
        return
    how = f"{done['branch']} is back at" if done["way"] == "moved" else f"reverted on {done['branch']} by"
    text(f"{', '.join(done['names'])}: {how} {done['commit'][:12]}")


def prove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The session.", autocompletion=sessions)],
    into: Annotated[str, typer.Option(metavar="BRANCH", help="Default: the branch that it was started from.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run the commands that prove the items of a spec. On the branch merged with its target, which does not change."""
    done = ask(context.obj, "prove", name=name, into=into)
    if json_:
        as_json(done)
        return
    from orchestra.views.tables import items_table  # noqa: PLC0415 -- loads rich

    rich(items_table(done))
