"""The command that answers permission requests of agents."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from orchestra.cli.dispatch import ask
from orchestra.cli.output import as_json, rich, text
from orchestra.errors import UsageError

_SEE = "to see the open requests: orchestra answer"


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(answer)


def answer(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="ID", help="The request. Default: show all open ones.")] = "",
    decision: Annotated[str, typer.Argument(metavar="allow|always|deny", help="Your answer.")] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Tell the agent why you deny it.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show or answer what agents ask permission for. "always" holds for the same in this session."""
    if not number:
        _show(ask(context.obj, "open_requests"), json_=json_)
        return
    if not number.isdecimal():
        raise UsageError(f"{number!r} is not the number of a request", hint=_SEE)
    if not decision:
        raise UsageError("the answer is missing", hint=f"type: orchestra answer {number} allow, or always, or deny")
    from orchestra.actions.permissions import permit_process  # noqa: PLC0415 -- loads when touched

    permit_process(os.getpid(), "answer")
    given = ask(context.obj, "answer", id=int(number), decision=decision, reason=reason)
    if json_:
        as_json(given)
        return
    text(f"request {given['id']} of {given['session']} is answered: {given['decision']} ({given['summary']})")


def _show(requests: list[dict[str, Any]], *, json_: bool) -> None:
    if json_:
        as_json(requests)
        return
    if not requests:
        text("no agent asks for a permission")
        return
    from orchestra.views.permissions import requests_view  # noqa: PLC0415 -- loads rich

    rich(requests_view(requests, datetime.now(UTC)))
