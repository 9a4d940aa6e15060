"""The command for comments on a session's work: comment."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any

import typer

from orchestra.cli.completion import changed_files, comments, sessions
from orchestra.cli.dispatch import ask
from orchestra.cli.output import as_json, rich, text
from orchestra.errors import UsageError

_PLACE = re.compile(r"(?P<path>.+?)(?::(?P<first>\d+)(?:-(?P<last>\d+))?)?", re.DOTALL)
_LINES = re.compile(r"\S+:\d+(-\d+)?")
_MOST_DIGITS = 9
_CHANGES = {"settle_comment": "settled", "reopen_comment": "open again", "delete_comment": "deleted"}


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(comment)


def comment(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The session.", autocompletion=sessions)],
    place: Annotated[
        str,
        typer.Argument(
            metavar="FILE:LINES",
            help="What it is about: FILE, FILE:LINE or FILE:LINE-LINE. Without it: all changes.",
            autocompletion=changed_files,
        ),
    ] = "",
    words: Annotated[str, typer.Argument(metavar="TEXT", help="The comment. Without it: list all.")] = "",
    old: Annotated[bool, typer.Option("--old", help="The lines are those before the change.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List all comments. This is also the default.")] = False,
    send: Annotated[bool, typer.Option("--send", help="Send all drafts, this one too, as one message.")] = False,
    settle: Annotated[
        int,
        typer.Option(
            metavar="N", help="You need nothing more of this comment.", autocompletion=comments, show_default=False
        ),
    ] = 0,
    reopen: Annotated[
        int, typer.Option(metavar="N", help="Open this one again.", autocompletion=comments, show_default=False)
    ] = 0,
    delete: Annotated[
        int, typer.Option(metavar="N", help="Delete this draft.", autocompletion=comments, show_default=False)
    ] = 0,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Comment on a session's work. Drafts are collected until you send them."""
    about, said = (place, words) if words else ("", place)
    chosen = [(action, number) for action, number in zip(_CHANGES, (settle, reopen, delete), strict=True) if number]
    if len(chosen) + bool(said or send) + list_ > 1:
        raise UsageError("only one of these can be done at a time", hint="see: orchestra comment -h")
    if chosen:
        action, number = chosen[0]
        done = _person(context, action, name=name, number=number)
        _shown(done, f"comment {number} is {_CHANGES[action]}", json_)
    elif not words and _LINES.fullmatch(place):
        raise UsageError("the text of the comment is missing", hint=f"type: orchestra comment {name} {place} TEXT")
    elif said or send:
        _write(context, name, about, said, old=old, send=send, json_=json_)
    else:
        _list(context, name, json_=json_)


def _write(context: typer.Context, name: str, about: str, said: str, *, old: bool, send: bool, json_: bool) -> None:
    done: Any = None
    if said:
        path, first, last = parsed(about)
        done = _person(context, "comment", name=name, text=said, path=path, first=first, last=last, old=old)
        told = f"comment {done['number']} is a draft; to send all drafts: orchestra comment {name} --send"
    if send:
        done = _person(context, "send_comments", name=name)
        told = f"round {done['round']} is sent to {name}, with {done['comments']} of your comments"
    _shown(done, told, json_)


def _list(context: typer.Context, name: str, *, json_: bool) -> None:
    known = ask(context.obj, "comments", name=name)
    if json_:
        as_json(known)
        return
    if not known:
        text(f"there are no comments on {name}; to write one: orchestra review {name}")
        return
    from orchestra.views.comments import comments_table  # noqa: PLC0415 -- loads rich

    rich(comments_table(known))


def parsed(about: str) -> tuple[str, int, int]:
    """Return the file and the lines of ``FILE:LINE-LINE``; 0 where no line is named."""
    found = _PLACE.fullmatch(about)
    if found is None:
        return "", 0, 0
    path, numbers = found["path"].removeprefix("./"), [found["first"] or "0", found["last"] or found["first"] or "0"]
    first, last = (int(number[: _MOST_DIGITS + 1]) for number in numbers)
    if last >= 10**_MOST_DIGITS or last < first or (found["first"] and not first):
        raise UsageError(
            f"there are no such lines: {about}", hint="type: FILE:LINE or FILE:LINE-LINE, as in app.py:10-12"
        )
    return path, first, last


def _person(context: typer.Context, action: str, **arguments: object) -> Any:  # noqa: ANN401 -- the action's plain result
    from orchestra.actions.permissions import permit_process  # noqa: PLC0415 -- loads when touched

    permit_process(os.getpid(), action)
    return ask(context.obj, action, **arguments)


def _shown(done: object, told: str, json_: bool) -> None:  # noqa: FBT001 -- how it is printed
    if json_:
        as_json(done)
    else:
        text(told)
