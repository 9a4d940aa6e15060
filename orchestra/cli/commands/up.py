"""The commands that open and close a project: up, down, and the control pane itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestra.actions.service_process import quit_service, take_environment
from orchestra.cli.completion import layouts, profiles
from orchestra.cli.dispatch import ask, current_directory, open_project, paths_of, say
from orchestra.errors import OrchestraError, Refused
from orchestra.terminal_text import encoding

if TYPE_CHECKING:
    from orchestra.project import Project


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(up)
    app.command()(down)
    app.command(hidden=True)(control)


def up(
    context: typer.Context,
    layout: Annotated[
        str,
        typer.Option(metavar="NAME", help="left, window, follow, grid, or your own.", autocompletion=layouts),
    ] = "",
    agent: Annotated[
        str, typer.Option(metavar="PROFILE", help="The designer's kind of agent.", autocompletion=profiles)
    ] = "",
    sandbox: Annotated[str, typer.Option(metavar="KIND", help="auto, docker or host: where agents run.")] = "",
    task: Annotated[str, typer.Option(metavar="TEXT", help="The first task of a new designer.")] = "",
    detach: Annotated[bool, typer.Option("--detach", help="Do not open tmux in this terminal.")] = False,
) -> None:
    """Start or restore everything and open it in tmux."""
    start: Path | None = context.obj
    project = _checked(start)
    # First, because the database cannot be upgraded while an older service uses it.
    take_environment(project.paths)
    socket, session, inside = _find_tmux(project)
    wanted = {"layout": layout, "agent": agent, "sandbox": sandbox, "task": task}
    try:
        answer = ask(start, "up", tmux_socket=socket, tmux_session=session, **wanted)
    except OrchestraError:
        _tidy(socket, session)
        raise
    _print_summary(answer)
    if inside or detach:
        return
    _attach(socket, session)


def _checked(start: Path | None) -> Project:
    project = open_project(start)
    project.check_source(start or current_directory())
    _ = project.repository
    return project


def _find_tmux(project: Project) -> tuple[str, str, bool]:
    from orchestra.actions.workspace.tmux_session import find_tmux  # noqa: PLC0415 -- loads when touched

    return find_tmux(project)


def _tidy(socket: str, session: str) -> None:
    from orchestra.drivers.tmux.driver import Tmux  # noqa: PLC0415 -- loads yaml

    Tmux(socket).windows.close_spare(session)


def _print_summary(answer: dict[str, Any]) -> None:
    for trouble in answer["troubles"]:
        say(f"not restored: {trouble}")
    number = len(set(answer["sessions"]) - set(answer["troubled"]))
    words = "1 session is" if number == 1 else f"{number} sessions are"
    if answer["sandbox"] == "host":
        say("agents run directly on this machine, without containers")
    say(f"{words} up; keys: prefix, then {answer['prefix_key']}, then ? for help")


def _attach(socket: str, session: str) -> None:
    if not sys.stdout.isatty():
        say(f"this is not a terminal; to see it: tmux -S {socket} attach -t '{session}'")
        return
    # Without the flag, tmux sends such a terminal nothing that it cannot show.
    unicode = ("-u",) if encoding() == "utf-8" else ()
    os.execvp("tmux", ("tmux", *unicode, "-S", socket, "attach-session", "-t", session))


def down(
    context: typer.Context,
    stop: Annotated[bool, typer.Option("--stop", help="Also stop the containers and the service.")] = False,
) -> None:
    """Close the windows and restore your tmux keys. Agents in containers keep running, unless you add --stop."""
    answer = ask(context.obj, "down", stop=stop)
    if stop:
        quit_service(paths_of(context.obj))
        say(f"stopped: {', '.join(answer['stopped']) or 'nothing was running'}")
    if answer.get("ended"):
        say(f"ended, because they run on this machine, in windows that are closed now: {', '.join(answer['ended'])}")
    say("closed; to open it again: orchestra up")
    if answer["troubled"]:
        raise Refused(f"not stopped: {', '.join(answer['troubled'])}", hint="try again: orchestra down --stop")


def control(context: typer.Context) -> None:
    """Run the control pane in this terminal."""
    from orchestra.control.app import run  # noqa: PLC0415 -- loads when touched

    run(paths_of(context.obj).source)
