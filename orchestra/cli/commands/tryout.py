"""The command to try a session's files in one's own checkout: try."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from orchestra.cli.completion import sessions
from orchestra.cli.dispatch import ask
from orchestra.cli.output import as_json, text
from orchestra.errors import UsageError
from orchestra.terminal_text import clean

_NAMED = 10


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command("try")(try_)


def try_(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The session.", autocompletion=sessions)] = "",
    off: Annotated[bool, typer.Option("--off", help="Put back exactly what was there.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --off: keep what you changed since under a ref, and put back.")
    ] = False,
    risky: Annotated[
        bool, typer.Option("--risky", help="Also files that programs obey at once: git hooks, settings of agents.")
    ] = False,
    toggle: Annotated[bool, typer.Option("--toggle", help="Put back if the session is being tried.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a session's files in your own checkout. Uncommitted ones too; later changes follow. Nothing is committed."""
    if not (name or off):
        raise UsageError("which session?", hint="name it: orchestra try NAME; or put back: orchestra try --off")
    if toggle and not off:
        tried = next((row["tried"] for row in ask(context.obj, "list") if row["name"] == name), None)
        off = tried is not None
    done = ask(context.obj, "try_off", force=force) if off else ask(context.obj, "try", name=name, risky=risky)
    if json_:
        as_json(done)
    elif off:
        _say_off(done)
    else:
        text(f"your checkout shows {name}: {_listed(done['files'])}; to put back what was there: orchestra try --off")
        if done["stopped"]:
            text(f"it is not followed: {clean(done['stopped'])}")


def _say_off(done: dict[str, object]) -> None:
    text(
        f"your checkout is as it was before {done['name']} was tried" if done["name"] else "your checkout is as it was"
    )
    if kept := done["kept"]:
        text(f"what you changed meanwhile is kept: git show --stat {kept}; to get a file: git checkout {kept} -- PATH")


def _listed(paths: Sequence[str]) -> str:
    if not paths:
        return "it changes nothing now"
    first = ", ".join(clean(path) for path in paths[:_NAMED])
    return first if len(paths) <= _NAMED else f"{first} and {len(paths) - _NAMED} more"
