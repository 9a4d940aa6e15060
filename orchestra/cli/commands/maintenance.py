"""The commands for maintenance: doctor, gc, allow, demo, config, image."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestra.cli.completion import VARIABLE, profiles
from orchestra.cli.dispatch import ask, current_directory, open_project, open_to_look, say
from orchestra.cli.light import LightGroup
from orchestra.cli.output import as_json, confirmed, rich, text
from orchestra.errors import Refused, UsageError
from orchestra.protocol import plain

if TYPE_CHECKING:
    from orchestra.actions.maintenance.finding import Finding

_SHELLS = ("bash", "zsh", "fish")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    for command in (doctor, gc, allow, demo, completion):
        app.command()(command)
    settings = typer.Typer(cls=LightGroup, help="Show the settings, or where they are.", no_args_is_help=True)
    settings.command("show")(config_show)
    settings.command("path")(config_path)
    app.add_typer(settings, name="config")
    images = typer.Typer(cls=LightGroup, help="Build or list the images that agents run in.", no_args_is_help=True)
    images.command("build")(image_build)
    images.command("list")(image_list)
    app.add_typer(images, name="image")


def doctor(
    context: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Ask for each repair, and do it.")] = False,
    json_: Json = False,
) -> None:
    """Check this machine and this project. Says what to type where something is missing."""
    from orchestra.actions.maintenance.doctor import doctor as examine  # noqa: PLC0415 -- loads when touched

    start = context.obj or current_directory()
    findings = examine(start)
    if fix and _repair(findings, start):
        findings = examine(start)
    if json_:
        as_json(plain(findings))
    else:
        from orchestra.views.tables import findings_table  # noqa: PLC0415 -- loads rich

        rich(findings_table(plain(findings)))
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def _repair(findings: Sequence[Finding], start: Path) -> bool:
    """Ask for each repair that a command can do, and run it; returns whether any ran."""
    # Two findings can have the same repair.
    wanted = {finding.fix: finding for finding in findings if finding.fix}
    ran = False
    for command, finding in wanted.items():
        say(f"{finding.check}: {finding.detail}")
        if confirmed(f"Run: {command}"):
            ran = True
            _run(command, start)
    if not wanted:
        say("there is nothing that a command could repair")
    return ran


def _run(command: str, start: Path) -> None:
    """Run a repair in the project, with its output shown; one that fails is reported, and the next is offered."""
    words = shlex.split(command)
    if words[0] == "orchestra":
        words[:1] = [sys.executable, "-m", "orchestra"]
    # The person watches, and ends it with ^C.
    ended = subprocess.run(words, cwd=start, check=False).returncode
    if ended:
        say(f"{command} ended with {ended}")


def gc(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it instead of only showing it.")] = False,
    everything: Annotated[
        bool, typer.Option("--everything", help="All containers too; up creates them again.")
    ] = False,
    json_: Json = False,
) -> None:
    """Show what deleted sessions left behind. --yes removes it; branches and kept work stay."""
    items = ask(context.obj, "gc", remove=yes, everything=everything)
    if json_:
        as_json(items)
        return
    if not items:
        text("there is nothing to remove")
        return
    total = sum(item["size"] for item in items if not item["kept"]) / 1024**2
    for item in items:
        why = f"  stays: {item['kept']}" if item["kept"] else ""
        text(f"{item['size'] / 1024**2:8.1f} MiB  {item['kind']}  {item['what']}{why}")
    text(f"{total:8.1f} MiB {'removed' if yes else 'in total; to remove it: orchestra gc --yes'}")


def allow(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Allow what is printed without asking.")] = False,
) -> None:
    """Show what this project's own files ask for, and allow it."""
    from orchestra.actions.session.consent import grant, requests  # noqa: PLC0415 -- loads when touched

    project = open_project(context.obj)
    for limit in project.settings.raised:
        say(f"ignored: {limit} in {project.paths.config} is above your own limit in {project.paths.home.config}")
    wanted = requests(project)
    if not wanted:
        text("this project's files ask for nothing that needs your permission")
        return
    for line in (line for request in wanted for line in request.lines):
        text(line)
    # The question goes to stderr and must not appear before the text it is about.
    sys.stdout.flush()
    if not yes and not confirmed("Allow it?"):
        raise Refused("nothing was allowed", hint="these settings have no effect until you allow them")
    # Grant what was shown, not what the files hold by now.
    grant(project, wanted)
    text("allowed, until one of these files changes")


def completion(shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]) -> None:
    """Print a script that completes commands in a shell. It completes options and names of sessions too."""
    # Its module is the public one; typer only forgot to say so.
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # noqa: PLC0415 -- only here

    if shell not in _SHELLS:
        raise UsageError(f"there is no completion for {shell!r}", hint=f"choose one of: {', '.join(_SHELLS)}")
    text(get_completion_script(prog_name="orchestra", complete_var=VARIABLE, shell=shell))


def config_show(context: typer.Context, json_: Json = False) -> None:
    """Print every setting with its value and where it came from."""
    settings = open_to_look(context.obj).usable_settings
    origins = settings.origins
    names = [field.name for field in fields(settings) if field.name != "origins"]
    rows = [
        {"name": name, "value": plain(getattr(settings, name)), "origin": origins.get(name, "built in")}
        for name in names
    ]
    if json_:
        as_json(rows)
        return
    from orchestra.views.tables import settings_table  # noqa: PLC0415 -- loads rich

    rich(settings_table([row for row in rows if row["name"] in origins]))
    if settings.ignored:
        say(f"this project also asks for {', '.join(settings.ignored)}; to see and allow it: orchestra allow")
    if settings.raised:
        say(f"ignored: this project's file raises {', '.join(settings.raised)} above your own limit")


def config_path(context: typer.Context) -> None:
    """Print the paths of the settings files. Later files override earlier ones."""
    paths = open_project(context.obj).paths
    for path in (paths.home.config, paths.config):
        text(f"{path}{'' if path.exists() else '  (not there)'}")


def image_build(
    context: typer.Context,
    agent: Annotated[
        str,
        typer.Argument(metavar="PROFILE", help="The profile. Default: the setting agent.", autocompletion=profiles),
    ] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the build's whole output.")] = False,
) -> None:
    """Build a profile's image now. The first session then does not wait for it."""
    from orchestra.actions.session.image import build_image  # noqa: PLC0415 -- loads when touched

    text(build_image(open_project(context.obj), agent, progress=say, verbose=verbose))


def image_list(context: typer.Context, json_: Json = False) -> None:
    """List the images that Orchestra built."""
    from orchestra.actions.session.image import images  # noqa: PLC0415 -- loads when touched

    shown = plain(images(open_project(context.obj)))
    if json_:
        as_json(shown)
        return
    from orchestra.views.tables import images_table  # noqa: PLC0415 -- loads rich

    rich(images_table(shown))


def demo(
    play: Annotated[bool, typer.Option("--play", help="Play it to the end and print what happened.")] = False,
    sandbox: Annotated[str, typer.Option(metavar="KIND", help="auto, docker or host.")] = "auto",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the sample repository afterwards.")] = False,
) -> None:
    """Plan, delegate, review and merge on a sample repository. Its agents follow a script and need no model."""
    from orchestra.cli.demo.demo import run_demo  # noqa: PLC0415 -- loads when touched

    run_demo(play=play, sandbox=sandbox, keep=keep)
