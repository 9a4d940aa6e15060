"""The commands that only show something: list, needs, show, log, monitor, keys."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestra.actions.session.items import open_items
from orchestra.actions.work.checks import FailedChecks
from orchestra.bindings import PREFIX_KEY, Keymap
from orchestra.budget import is_over
from orchestra.cli.completion import sessions
from orchestra.cli.dispatch import ask, open_to_look
from orchestra.cli.output import as_json, rich, text
from orchestra.comments import badge
from orchestra.errors import NotARepository, UsageError
from orchestra.merge_queue import places
from orchestra.model import with_whom

if TYPE_CHECKING:
    from orchestra.project import Project
    from orchestra.views.session_list import Row

Name = Annotated[str, typer.Argument(help="The session.", autocompletion=sessions)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Pager = Annotated[bool, typer.Option("--pager", help="Use a pager.")]


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command("list")(list_)
    for command in (needs, show, log, monitor, keys):
        app.command()(command)


def list_(context: typer.Context, json_: Json = False) -> None:
    """List the sessions."""
    if json_:
        as_json(ask(context.obj, "list"))
        return
    from orchestra.views.session_table import SessionTable  # noqa: PLC0415 -- loads rich

    project = open_to_look(context.obj)
    if not (rows := _rows(project)):
        text("there are no sessions yet; to begin, type: orchestra up")
        return
    rich(SessionTable(rows, project.store.now()))


def _rows(project: Project) -> list[Row]:
    from orchestra.views.session_list import Row, in_tree  # noqa: PLC0415 -- loads rich

    store, budget = project.store, project.usable_settings.budget
    waiting, expected = places(store.queue.open()), store.forecasts.all()
    said = store.comments.progress()
    unread, failed = store.messages.unread_counts(), FailedChecks(store).now()
    sessions_ = store.sessions.all()
    left = open_items(store, sessions_)
    return [
        Row(
            one,
            stem,
            unread=unread.get(one.name, 0),
            red_check=one.id in failed,
            over_budget=is_over(one, budget),
            place=str(waiting.get(one.id, "")),
            conflict=with_whom(expected.get(one.name, ())),
            left=left.get(one.id, ""),
            comments=badge(said.get(one.id)),
        )
        for one, stem in in_tree(sessions_)
    ]


def needs(context: typer.Context, json_: Json = False) -> None:
    """List what waits for you, oldest first. Says what to type for each."""
    found = ask(context.obj, "needs")
    if json_:
        as_json(found)
        return
    from orchestra.views.tables import needs_table  # noqa: PLC0415 -- loads rich

    rich(needs_table(found, datetime.now(UTC)))


def show(context: typer.Context, name: Name, json_: Json = False) -> None:
    """Show one session. Includes its state, paths, commits and messages."""
    seen: dict[str, Any] = ask(context.obj, "show", name=name)
    if json_:
        as_json(seen)
        return
    from orchestra.views.tables import session_details  # noqa: PLC0415 -- loads rich

    rich(session_details(seen, datetime.now(UTC)))


def log(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The session. With --answers, the default is all.")] = "",
    answers: Annotated[bool, typer.Option("--answers", help="Show permissions: asked, answered, by whom.")] = False,
    json_: Json = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many events to show.")] = 200,
) -> None:
    """Show what happened to a session."""
    if answers:
        _answers(ask(context.obj, "answers", name=name, limit=limit), json_=json_)
        return
    if not name:
        raise UsageError("log: missing argument NAME", hint="type: orchestra log NAME, or: orchestra log --answers")
    events = ask(context.obj, "log", name=name, limit=limit)
    if json_:
        as_json(events)
        return
    from orchestra.views.tables import events_table  # noqa: PLC0415 -- loads rich

    rich(events_table(events))


def _answers(answers: list[dict[str, Any]], *, json_: bool) -> None:
    if json_:
        as_json(answers)
        return
    from orchestra.views.permissions import answers_table  # noqa: PLC0415 -- loads rich

    rich(answers_table(answers))


def monitor(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The session. Default: all.", autocompletion=sessions)
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Keep updating until q or ^C.")] = False,
    summarize: Annotated[bool, typer.Option("--summarize", help="Let a model sum up the session first.")] = False,
    json_: Json = False,
) -> None:
    """Show what sessions are doing."""
    if summarize and not name:
        raise UsageError("monitor: missing argument NAME", hint="type: orchestra monitor NAME --summarize")
    if summarize:
        ask(context.obj, "summarize", name=name)
    from orchestra.cli import live_monitor  # noqa: PLC0415 -- loads when touched

    project = open_to_look(context.obj)
    names = (
        [project.store.sessions.get(name).name] if name else [session.name for session in project.store.sessions.all()]
    )
    if json_:
        as_json(live_monitor.accounts(project, names))
        return
    live_monitor.monitor(project, names, follow=follow)


def keys(context: typer.Context, pager: Pager = False) -> None:
    """Show the keys."""
    from orchestra.views.keys import keys_table  # noqa: PLC0415 -- loads rich

    prefix_key, keymap = PREFIX_KEY, Keymap()
    with suppress(NotARepository):
        settings = open_to_look(context.obj).usable_settings
        prefix_key, keymap = settings.prefix_key, Keymap(settings.keys)
    rich(keys_table(prefix_key, keymap, names=True), pager=pager)
