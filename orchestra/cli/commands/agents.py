"""The commands about kinds of agent: agents, agents check."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestra.cli.completion import profiles
from orchestra.cli.dispatch import open_project, open_to_look, say
from orchestra.cli.light import LightGroup
from orchestra.cli.output import as_json, rich, text
from orchestra.protocol import plain

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    about = "List the kinds of agent, with the image and login of each."
    group = typer.Typer(cls=LightGroup, help=about, invoke_without_command=True)
    group.callback()(agents)
    group.command("check")(agents_check)
    app.add_typer(group, name="agents")


def agents(context: typer.Context, json_: Json = False) -> None:
    """List the kinds of agent, with the image and login of each."""
    if context.invoked_subcommand is not None:
        return
    from orchestra.actions.maintenance.agent_report import list_agents  # noqa: PLC0415 -- loads when touched

    shown = list_agents(open_to_look(context.obj), progress=say)
    if json_:
        as_json(plain(shown))
        return
    from orchestra.views.tables import agents_table  # noqa: PLC0415 -- loads rich

    rich(agents_table(shown))
    text("\nstate, cost, context: what the agent reports; resumes: its conversation survives a restart")
    text("Test one, including its login and its model: orchestra agents check NAME")


def agents_check(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile.", autocompletion=profiles)],
    sandbox: Annotated[str, typer.Option(metavar="KIND", help="auto, docker or host.")] = "",
    json_: Json = False,
) -> None:
    """Test an agent. Its image, program, login, model, connection to Orchestra, and one short question."""
    from orchestra.actions.maintenance.check_agent import check_agent  # noqa: PLC0415 -- loads when touched

    findings = check_agent(open_project(context.obj), name, sandbox=sandbox, progress=say)
    if json_:
        as_json(plain(findings))
    else:
        from orchestra.views.tables import findings_table  # noqa: PLC0415 -- loads rich

        rich(findings_table(plain(findings)))
    ready = all(finding.well for finding in findings)
    say(f"{name} is {'ready' if ready else 'not ready'}")
    if not ready:
        raise typer.Exit(1)
