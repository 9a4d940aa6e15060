"""The commands that show what a session changed: diff, review."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from orchestra.actions.work.session_review import SessionReview
from orchestra.cli.completion import sessions
from orchestra.cli.dispatch import ask, current_session, open_to_look, say
from orchestra.cli.output import as_json, page, raw, rich
from orchestra.errors import Refused, UsageError
from orchestra.model import Changes, Scope
from orchestra.terminal_text import with_controls_shown

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The session. Default: the one you are in.", autocompletion=sessions)
]
Commit = Annotated[bool, typer.Option("--last-commit", help="Only the last commit.")]
Looked = Annotated[bool, typer.Option("--since-last", help="Only what changed since your last review.")]


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    for command in (diff, review):
        app.command()(command)


def diff(
    context: typer.Context,
    name: Name = "",
    stat: Annotated[bool, typer.Option("--stat", help="Only count changed lines and files.")] = False,
    pager: Annotated[bool, typer.Option("--pager", help="Stay in the pager, however short it is.")] = False,
    patch: Annotated[
        bool, typer.Option("--patch", "--raw", help="Print a patch for git apply, with binary files.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the list of files as JSON.")] = False,
    commit: Commit = False,
    looked: Looked = False,
) -> None:
    """Show what a session changed. Uncommitted and untracked files are included."""
    name, scope = name or current_session(context.obj), _scope(commit=commit, looked=looked)
    if scope is not Scope.BRANCH and (stat or patch):
        raise UsageError("--stat and --patch show the whole branch", hint=f"type: orchestra diff {name} --json")
    if stat:
        _write_plain(ask(context.obj, "diff", name=name, stat=True))
        return
    source = SessionReview(open_to_look(context.obj), name)
    try:
        if patch:
            source.patch_to_apply(_write)
        else:
            _show(source, source.changes(scope), json_=json_, stay=pager)
    finally:
        source.close()


def review(context: typer.Context, name: Name = "", commit: Commit = False, looked: Looked = False) -> None:
    """Review what a session changed, in the whole window."""
    source = SessionReview(open_to_look(context.obj), name or current_session(context.obj))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("a review needs a terminal", hint=f"type: orchestra diff {source.name}")
    from orchestra.review import app  # noqa: PLC0415 -- loads textual

    app.run(source, _scope(commit=commit, looked=looked))


def _scope(*, commit: bool, looked: bool) -> Scope:
    if commit and looked:
        raise UsageError("--last-commit and --since-last exclude each other", hint="name one of them")
    return Scope.COMMIT if commit else Scope.LOOKED if looked else Scope.BRANCH


def _show(source: SessionReview, changes: Changes, *, json_: bool, stay: bool) -> None:
    from orchestra.review.printed import as_data, printed  # noqa: PLC0415 -- loads rich

    if json_:
        as_json(as_data(source.name, changes, source.counts(changes)))
    elif not sys.stdout.isatty():
        _pipe(source, changes)
    elif not changes.files:
        # In a pager, because a popup would close at once, as if the key did nothing.
        rich(f"{source.name} has changed nothing yet", pager=stay)
    else:
        from rich.console import Console  # noqa: PLC0415 -- as above

        page(printed(source, changes, Console().width), stay=stay)


def _write(block: bytes) -> bool:
    sys.stdout.buffer.write(block)
    return True


def _pipe(source: SessionReview, changes: Changes) -> None:
    """Write a diff without colours; control characters are made visible, and a note on stderr says so."""
    rest, hidden = b"", False

    def write(block: bytes) -> bool:
        nonlocal rest, hidden
        # No character is longer than its line.
        whole, newline, rest = (rest + block).rpartition(b"\n")
        text = (whole + newline).decode("utf-8", "surrogateescape")
        shown = with_controls_shown(text)
        hidden = hidden or shown != text
        raw(shown)
        return True

    source.text(changes, write)
    write(b"\n" if rest else b"")
    raw("".join(f"[{note}]\n" for note in changes.notes))
    if hidden:
        say("control characters are shown as \\x1b and the like; for the exact bytes: orchestra diff NAME --patch")


def _write_plain(text: str) -> None:
    shown = with_controls_shown(text)
    raw(shown if shown.endswith("\n") or not shown else f"{shown}\n")
