"""The command for pull requests: pr."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestra.cli.completion import sessions
from orchestra.cli.dispatch import ask
from orchestra.cli.output import as_json, text
from orchestra.errors import UsageError
from orchestra.terminal_text import clean


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    app.command()(pr)


def pr(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The session.", autocompletion=sessions)],
    title: Annotated[str, typer.Option(metavar="TEXT", help="Its title. Default: the session's.")] = "",
    body_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file with its text. Default: spec, report and checks.")
    ] = None,
    remote: Annotated[str, typer.Option(metavar="NAME", help="Where to push. Default: as git would.")] = "",
    draft: Annotated[bool, typer.Option("--draft", help="Open it as a draft.")] = False,
    no_follow: Annotated[bool, typer.Option("--no-follow", help="Do not push what the session commits later.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what was pushed last, if nobody has pushed since.")
    ] = False,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not run your hook pre-push.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Push a session's branch and open a pull request. Its reviews and checks come back as messages."""
    wanted = {"remote": remote, "title": title, "body": _body(body_file), "draft": draft, "force": force}
    done = ask(context.obj, "pr", name=name, follow=not no_follow, hooks=not no_verify, **wanted)
    if json_:
        as_json(done)
        return
    text(f"{done['branch']} is at {clean(done['remote'])} as {done['pushed'][:12]}")
    if done["url"]:
        text(f"pull request: {clean(done['url'])}")
    elif done["compare"]:
        text(f"to open a pull request: {clean(done['compare'])}")


def _body(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the file {file} cannot be read", hint="name a text file") from error
