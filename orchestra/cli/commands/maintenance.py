"""Upkeep: doctor, config, images, gc, consent, the demo."""

from __future__ import annotations

import sys
from dataclasses import fields
from typing import Annotated

import typer

from orchestra.cli.dispatch import ask, current_directory, open_project, open_to_look, say
from orchestra.cli.light import LightGroup
from orchestra.cli.output import as_json, rich, text
from orchestra.errors import Refused
from orchestra.protocol import plain

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    for command in (doctor, gc, allow, demo):
        app.command()(command)
    settings = typer.Typer(cls=LightGroup, help="Show the settings, or where they are.", no_args_is_help=True)
    settings.command("show")(config_show)
    settings.command("path")(config_path)
    app.add_typer(settings, name="config")
    images = typer.Typer(cls=LightGroup, help="Build or list the images that agents run in.", no_args_is_help=True)
    images.command("build")(image_build)
    images.command("list")(image_list)
    app.add_typer(images, name="image")


def doctor(context: typer.Context, json_: Json = False) -> None:
    """Check everything a first run can trip over."""
    from orchestra.actions.maintenance.doctor import doctor as examine  # noqa: PLC0415 -- loads when touched

    findings = examine(context.obj or current_directory())
    if json_:
        as_json(plain(findings))
    else:
        from orchestra.views.tables import findings_table  # noqa: PLC0415 -- loads rich

        rich(findings_table(plain(findings)))
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def gc(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it, not only show it.")] = False,
    everything: Annotated[bool, typer.Option("--everything", help="Also all containers; up makes them anew.")] = False,
    json_: Json = False,
) -> None:
    """Show what deleted sessions left behind, or remove it. Branches and anchors stay."""
    found = ask(context.obj, "gc", remove=yes, everything=everything)
    if json_:
        as_json(found)
        return
    total = sum(one["size"] for one in found if not one["kept"]) / 1024**2
    for one in found:
        why = f"  stays: {one['kept']}" if one["kept"] else ""
        text(f"{one['size'] / 1024**2:8.1f} MiB  {one['kind']}  {one['what']}{why}")
    text(f"{total:8.1f} MiB {'removed' if yes else 'in all; remove it with: orchestra gc --yes'}")


def allow(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Allow what is printed, without a question.")] = False,
) -> None:
    """See and allow what this project's own configuration asks for."""
    from orchestra.actions.session.consent import grant, requests  # noqa: PLC0415 -- loads when touched

    project = open_project(context.obj)
    for limit in project.settings.raised:
        say(f"{limit} in {project.paths.config} is above yours, and stays out; yours is in {project.paths.home.config}")
    wanted = requests(project)
    if not wanted:
        text("this project's files ask for nothing that needs your word")
        return
    for line in (line for one in wanted for line in one.lines):
        text(line)
    # The question goes to another stream, and must not overtake what it is about.
    sys.stdout.flush()
    if not yes and not typer.confirm("Allow it?", err=True):
        raise Refused("nothing was allowed", hint="these settings stay ignored")
    # What was shown, not what the files hold by now.
    grant(project, wanted)
    text("allowed, until one of these files changes")


def config_show(context: typer.Context, json_: Json = False) -> None:
    """Print each setting with its origin."""
    settings = open_to_look(context.obj).usable_settings
    origins = settings.origins
    names = [one.name for one in fields(settings) if one.name != "origins"]
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
        say(f"this project also wishes for {', '.join(settings.ignored)}; see and allow it with: orchestra allow")
    if settings.raised:
        say(f"this project would raise {', '.join(settings.raised)} above yours; only your own file can")


def config_path(context: typer.Context) -> None:
    """Print where the settings files are, the strongest last."""
    paths = open_project(context.obj).paths
    for path in (paths.home.config, paths.config):
        text(f"{path}{'' if path.exists() else '  (not there)'}")


def image_build(
    context: typer.Context,
    agent: Annotated[str, typer.Argument(metavar="PROFILE", help="Default: the usual agent.")] = "",
) -> None:
    """Build a profile's image now. The first session then need not wait."""
    from orchestra.actions.session.image import build_image  # noqa: PLC0415 -- loads when touched

    text(build_image(open_project(context.obj), agent, progress=say))


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
    play: Annotated[bool, typer.Option("--play", help="Play it to the end here, without a terminal.")] = False,
    sandbox: Annotated[str, typer.Option(metavar="KIND", help="auto, docker or host.")] = "auto",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the sample repository afterwards.")] = False,
) -> None:
    """See the whole main job on a sample repository. Its agent plays a story, and needs no model."""
    from orchestra.cli.demo.demo import run_demo  # noqa: PLC0415 -- loads when touched

    run_demo(play=play, sandbox=sandbox, keep=keep)
