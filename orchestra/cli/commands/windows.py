"""The commands about windows: switch, layout, terminal, spec."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated

import typer

from orchestra.cli.completion import layouts, sessions
from orchestra.cli.dispatch import ask, current_session, open_project, say
from orchestra.cli.output import text
from orchestra.errors import UsageError

Here = Annotated[
    str, typer.Argument(metavar="NAME", help="The session. Default: the one you are in.", autocompletion=sessions)
]


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    for command in (switch, layout, terminal, spec):
        app.command()(command)


def switch(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The session.", autocompletion=sessions)] = "",
    control: Annotated[bool, typer.Option("--control", help="Go to the control pane.")] = False,
) -> None:
    """Go to a session's window."""
    if not name and not control:
        raise UsageError("which session?", hint="name one: orchestra list shows them")
    ask(context.obj, "switch", name=name, control=control, client=os.environ.get("ORCHESTRA_CLIENT", ""))


def layout(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="left, window, follow, grid, or your own.", autocompletion=layouts),
    ] = "",
    toggle: Annotated[bool, typer.Option("--toggle", help="To the grid, or away from it.")] = False,
) -> None:
    """Show the open project in another layout."""
    if bool(name) == toggle:
        raise UsageError("which layout?", hint="name one, for example: orchestra layout grid")
    answer = ask(context.obj, "layout", name=name, toggle=toggle)
    say(f"{answer['layout']}: {answer['description']}" if answer["description"] else answer["layout"])


def terminal(
    context: typer.Context,
    name: Here = "",
    host: Annotated[bool, typer.Option("--host", help="Open it on this machine instead.")] = False,
) -> None:
    """Open a terminal in a session's worktree, inside its container."""
    name = name or current_session(context.obj)
    project = open_project(context.obj)
    if project.tmux() is not None:
        ask(context.obj, "terminal", name=name, host=host)
        return
    from orchestra.actions.workspace.windows import terminal_command  # noqa: PLC0415 -- loads when touched

    session = project.store.sessions.get(name)
    command = terminal_command(project, session, host=host)
    os.chdir(session.worktree)
    os.execvp(command[0], command)


def spec(
    context: typer.Context,
    name: Here = "",
    path: Annotated[bool, typer.Option("--path", help="Print the file's path instead.")] = False,
) -> None:
    """Open a session's spec in your editor. When you save it, the agent is sent what changed."""
    from orchestra.actions.work.spec import ensure_file  # noqa: PLC0415 -- loads when touched
    from orchestra.actions.workspace.windows import editor_command  # noqa: PLC0415 -- as above

    name = name or current_session(context.obj)
    project = open_project(context.obj)
    if path:
        text(str(ensure_file(project, name)))
        return
    command = editor_command(project, name)
    if not sys.stdin.isatty():
        ask(context.obj, "edit_spec", name=name)
        return
    subprocess.run(command, check=False)
    ask(context.obj, "notice_spec", name=name)
