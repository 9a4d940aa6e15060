"""The commands about messages and states: send, inbox, wait."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from orchestra.cli.completion import sessions
from orchestra.cli.dispatch import ask, open_project
from orchestra.cli.output import as_json, rich, text
from orchestra.errors import DeadlineExceeded
from orchestra.names import PERSON


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    for command in (send, inbox, wait):
        app.command()(command)


def send(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The session.", autocompletion=sessions)],
    words: Annotated[list[str], typer.Argument(metavar="TEXT", help="The message.")],
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send a message to a session."""
    message = ask(context.obj, "send", sender=PERSON, recipient=name, text=" ".join(words), kind="message")
    if json_:
        as_json(_shape(message))
        return
    text(f"message {message['id']} to {message['recipient']} is {message['state']}")


def inbox(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Only messages to this session; user: to you.",
            autocompletion=sessions,
        ),
    ] = "",
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="How many messages to show at most.")] = 200,
    before: Annotated[
        int, typer.Option(metavar="ID", min=0, help="Only messages before this one.", show_default=False)
    ] = 0,
    read: Annotated[bool, typer.Option("--read", help="Also mark the messages to you as read.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show all messages of the project, newest last. Those between sessions too."""
    messages = ask(context.obj, "inbox", name=name, limit=limit, before=before)
    if read:
        ask(context.obj, "read", recipient=PERSON)
    if json_:
        as_json([_shape(message) for message in messages])
        return
    from orchestra.views.tables import letters  # noqa: PLC0415 -- loads rich

    rich(letters(messages, datetime.now(UTC)))


def _shape(message: dict[str, Any]) -> dict[str, Any]:
    return {key: message[key] for key in ("id", "sender", "recipient", "kind", "text", "sent_at", "state")}


def wait(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The session.", autocompletion=sessions)],
    states: Annotated[str, typer.Option("--for", metavar="STATE[,STATE]", help="For example: idle,done,failed.")],
    timeout: Annotated[float | None, typer.Option(metavar="SECONDS", min=0, help="Give up after this time.")] = None,
) -> None:
    """Wait until a session is in one of some states. Exits with 0 when it is, with 1 after the timeout."""
    from orchestra.actions.session.manage import wait as wait_for  # noqa: PLC0415 -- loads when touched

    project = open_project(context.obj)
    session = wait_for(project, name, states.split(","), timeout=timeout)
    if session is None:
        now = project.store.sessions.get(name).state
        raise DeadlineExceeded(f"{name} is {now} after {timeout:g} s", hint=f"look at it: orchestra show {name}")
    text(f"{name} is {session.state}")
