"""The commands that show what a session changed: diff, review."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from orchestra.actions.landing.pair_review import PairReview
from orchestra.actions.work.comments import placed_as_data
from orchestra.actions.work.session_review import SessionReview
from orchestra.bindings import Keymap
from orchestra.cli.changes import show_changes
from orchestra.cli.completion import sessions
from orchestra.cli.dispatch import ask, current_session, open_to_look
from orchestra.cli.output import raw
from orchestra.errors import Refused, UsageError
from orchestra.model import Scope
from orchestra.terminal_text import is_unicode, with_controls_shown

if TYPE_CHECKING:
    from orchestra.project import Project

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The session. Default: the one you are in.", autocompletion=sessions)
]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME", help="The session, or several to compare. Default: the one you are in.", autocompletion=sessions
    ),
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
    if stat + patch + json_ > 1:
        raise UsageError("--stat, --patch and --json exclude each other", hint="name one of them")
    if stat:
        _write_plain(ask(context.obj, "diff", name=name, stat=True))
        return
    source = SessionReview(open_to_look(context.obj), name)
    try:
        if patch:
            source.patch_to_apply(_write)
        else:
            source.prepare(scope)
            changes = source.changes(scope)
            show_changes(
                source,
                changes,
                json_=json_,
                stay=pager,
                nothing=f"{source.name} has changed nothing yet",
                more=lambda: {"comments": [placed_as_data(one, source.name) for one in source.comments(changes)]},
            )
    finally:
        source.close()


def review(context: typer.Context, names: Names = None, commit: Commit = False, looked: Looked = False) -> None:
    """Review what a session changed, in the whole window. With several: how the first differs from the others."""
    project, scope = open_to_look(context.obj), _scope(commit=commit, looked=looked)
    names = names or [current_session(context.obj)]
    source = SessionReview(project, names[0]) if len(names) == 1 else _differences(project, names, scope)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        plain = f"diff {names[0]}" if len(names) == 1 else f"compare {' '.join(names[:2])} --diff"
        raise Refused("a review needs a terminal", hint=f"type: orchestra {plain}")
    from orchestra.review import app  # noqa: PLC0415 -- loads textual

    enter = "⏎" if is_unicode(sys.stdout.encoding) else "Enter"
    app.run(source, scope, Keymap(project.usable_settings.keys, enter=enter))


def _differences(project: Project, names: list[str], scope: Scope) -> PairReview:
    if scope is not Scope.BRANCH:
        raise UsageError("--last-commit and --since-last are for one session", hint="leave them out")
    return PairReview(project, *names)


def _scope(*, commit: bool, looked: bool) -> Scope:
    if commit and looked:
        raise UsageError("--last-commit and --since-last exclude each other", hint="name one of them")
    return Scope.COMMIT if commit else Scope.LOOKED if looked else Scope.BRANCH


def _write(block: bytes) -> bool:
    sys.stdout.buffer.write(block)
    return True


def _write_plain(text: str) -> None:
    shown = with_controls_shown(text)
    raw(shown if shown.endswith("\n") or not shown else f"{shown}\n")
