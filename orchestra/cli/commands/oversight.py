"""The commands that keep an overview: usage, search, notify."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestra.cli.dispatch import ask, open_to_look, say
from orchestra.cli.output import as_json, rich, text

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    for command in (usage, search, notify):
        app.command()(command)


def usage(context: typer.Context, json_: Json = False) -> None:
    """Show what the agents have used. Cost and tokens, today and ever, as far as the agents tell."""
    found = ask(context.obj, "usage")
    if json_:
        as_json(found)
        return
    from orchestra.views.usage import usage_table  # noqa: PLC0415 -- loads rich

    rich(usage_table(found))


def search(
    context: typer.Context,
    words: Annotated[
        list[str], typer.Argument(metavar="TEXT", help='Words; "in quotes" together, word* for beginnings.')
    ],
    in_: Annotated[
        str,
        typer.Option("--in", metavar="KIND[,KIND]", help="messages, specs, events, commits, conversations."),
    ] = "",
    session: Annotated[str, typer.Option(metavar="NAME", help="Only in this session, deleted or not.")] = "",
    limit: Annotated[int, typer.Option(metavar="N", help="How many of each kind.")] = 20,
    json_: Json = False,
) -> None:
    """Search messages, specs, events, commits and conversations. Those of deleted sessions too."""
    kinds = [kind.strip() for kind in in_.split(",") if kind.strip()]
    found = ask(context.obj, "search", text=" ".join(words), kinds=kinds, session=session, limit=limit)
    if json_:
        as_json(found)
    else:
        from orchestra.views.search import hits_table  # noqa: PLC0415 -- loads rich

        rich(hits_table(found["hits"]))
    if found["unread"]:
        say(f"not everything was read yet, of {', '.join(found['unread'])}; to read on, search again")


def notify(
    context: typer.Context,
    test: Annotated[bool, typer.Option("--test", help="Try each way that is set, also in quiet hours.")] = False,
    json_: Json = False,
) -> None:
    """Show how you are notified. With --test, try it."""
    if not test:
        project = open_to_look(context.obj)
        settings = project.usable_settings
        about = {"notify": list(settings.notify), "quiet_hours": settings.quiet_hours}
        quiet = f", not from {settings.quiet_hours.replace('-', ' to ')}" if settings.quiet_hours else ""
        none = f"you are not notified; to change it, write into {project.paths.home.config}: notify: [bell]"
        ways = ", ".join(settings.notify) or none
        as_json(about) if json_ else text(f"{ways}{quiet if settings.notify else ''}")
        return
    tried = ask(context.obj, "test_notifications")
    if json_:
        as_json(tried)
    for each in () if json_ else tried:
        text(f"{each['way']}: {each['detail']}{' → ' if each['hint'] else ''}{each['hint']}")
    if not all(each["well"] for each in tried):
        raise typer.Exit(1)
