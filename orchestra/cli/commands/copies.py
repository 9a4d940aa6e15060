"""The commands for several sessions with the same work: compare, hand, fork."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestra.actions.landing.compare import chosen
from orchestra.actions.landing.pair_review import PairReview
from orchestra.cli.changes import show_changes
from orchestra.cli.completion import profiles, sessions
from orchestra.cli.dispatch import ask, open_to_look, say
from orchestra.cli.output import as_json, rich, text
from orchestra.errors import UsageError

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Sessions, or a group. Default: the only group.", autocompletion=sessions),
]
Name = Annotated[str, typer.Argument(help="The session.", autocompletion=sessions)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    for command in (compare, hand, fork):
        app.command()(command)


def compare(
    context: typer.Context,
    names: Names = None,
    no_checks: Annotated[bool, typer.Option("--no-checks", help="Only show what has run already.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show how two sessions differ, in a pager.")] = False,
    pager: Annotated[bool, typer.Option("--pager", help="Stay in the pager, however short it is.")] = False,
    json_: Json = False,
) -> None:
    """Compare sessions, or those of a group. Checks and proofs run on what each one's merge would be; nothing lands."""
    if diff:
        _show_differences(context, names or [], json_=json_, stay=pager)
        return
    found = ask(context.obj, "compare", names=names or [], checks=not no_checks)
    if json_:
        as_json(found)
        return
    from orchestra.views.compare import comparison  # noqa: PLC0415 -- loads rich

    rich(comparison(found), pager=pager)
    names = [row["name"] for row in found["sessions"]]
    say(f"to see how they differ: orchestra review {' '.join(names)}")
    if found["group"]:
        say(f"to take one: orchestra take {names[0]}")


def _show_differences(context: typer.Context, names: list[str], *, json_: bool, stay: bool) -> None:
    project = open_to_look(context.obj)
    two = [session.name for session in chosen(project, names)]
    if len(two) > 2:  # noqa: PLR2004 -- one against another
        raise UsageError(
            "differences are those of two sessions", hint=f"such as: orchestra compare {' '.join(two[:2])} --diff"
        )
    source = PairReview(project, *two)
    try:
        show_changes(source, source.changes(), json_=json_, stay=stay, nothing="both have the same files")
    finally:
        source.close()


def hand(
    context: typer.Context,
    name: Name,
    to: Annotated[str, typer.Option("--to", metavar="PROFILE", help="The kind of agent.", autocompletion=profiles)],
    model: Annotated[str, typer.Option(metavar="NAME", help="The model, by the name that the agent uses for it.")] = "",
    json_: Json = False,
) -> None:
    """Hand a session over to another kind of agent. It goes on with the same worktree, branch, spec and messages."""
    session = ask(context.obj, "hand", name=name, to=to, model=model)
    if json_:
        as_json({key: value for key, value in session.items() if key != "token_hash"})
        return
    text(f"{name} has the profile {session['agent']} now; it is {session['state']}")


def fork(
    context: typer.Context,
    name: Name,
    new_name: Annotated[str, typer.Argument(metavar="NEW-NAME", help="The fork's name.", show_default=False)] = "",
    agent: Annotated[
        str,
        typer.Option(metavar="PROFILE", help="The fork's kind of agent. Default: the same.", autocompletion=profiles),
    ] = "",
    json_: Json = False,
) -> None:
    """Create a second session from the present state of one. Uncommitted work is in both."""
    session = ask(context.obj, "fork", name=name, new_name=new_name, agent=agent)
    if json_:
        as_json({key: value for key, value in session.items() if key != "token_hash"})
        return
    text(f"{session['name']} goes on from {name}, on {session['branch']} in {session['worktree']}")
