"""The commands for executors: new, stop, resume, delete, restore, merge, take, pair, unpair."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestra.cli.completion import deleted_sessions, profiles, sessions
from orchestra.cli.dispatch import ask, say
from orchestra.cli.error_handler import INTERRUPTED, in_popup
from orchestra.cli.many import ask_each, chosen
from orchestra.cli.output import as_json, text
from orchestra.errors import UsageError

Name = Annotated[str, typer.Argument(help="The session.", autocompletion=sessions)]
Names = Annotated[list[str], typer.Argument(metavar="NAME", help="The sessions.", autocompletion=sessions)]
AnyNames = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="The sessions.", autocompletion=sessions, show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Ask = Annotated[bool, typer.Option("--ask", help="Ask for confirmation first.")]
Into = Annotated[str, typer.Option(metavar="BRANCH", help="Default: the branch that it was started from.")]
Check = Annotated[
    str | None,
    typer.Option(metavar="COMMAND", help="What must succeed on the merged files. Default: the setting check."),
]
Strategy = Annotated[str, typer.Option(metavar="WAY", help="merge, squash or rebase.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Only queue it.")]


def add_to(app: typer.Typer) -> None:
    """Register this group's commands."""
    for command in (new, stop, resume, delete, restore, merge, take, pair, unpair):
        app.command()(command)


def new(
    context: typer.Context,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="The session's name is made from it.")] = "",
    task: Annotated[str, typer.Option(metavar="TEXT", help="What the agent should do.")] = "",
    task_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file with the task; - is standard input.")
    ] = None,
    issue: Annotated[
        str, typer.Option(metavar="NUMBER", help="An issue of your repository on GitHub as the task.")
    ] = "",
    agent: Annotated[
        str, typer.Option(metavar="PROFILE", help="The kind of agent. See: orchestra agents", autocompletion=profiles)
    ] = "",
    base: Annotated[str, typer.Option(metavar="REF", help="The commit or branch to start from. Default: HEAD.")] = "",
    sandbox: Annotated[str, typer.Option(metavar="KIND", help="auto, docker or host.")] = "",
    model: Annotated[str, typer.Option(metavar="NAME", help="The model, by the name that the agent uses for it.")] = "",
    paired: Annotated[bool, typer.Option("--paired", help="Let it see and change your checkout too.")] = False,
    copies: Annotated[int, typer.Option(metavar="N", min=1, max=20, help="How many to start on the same task.")] = 1,
    agents: Annotated[
        str, typer.Option(metavar="PROFILE,…", help="One on the same task for each of these kinds of agent.")
    ] = "",
    ask_person: Annotated[bool, typer.Option("--ask", help="Ask for a missing title or task.")] = False,
    json_: Json = False,
) -> None:
    """Create an executor and start its agent. It gets a worktree, a branch, a container and a window."""
    if ask_person:
        with _asking():
            title, task = _ask_for(title, task)
    task = _task(task, task_file)
    if issue:
        title, task = _from_issue(context, issue, title, task)
    wanted = {"title": title, "task": task, "parent": "main", "base": base, "sandbox": sandbox}
    kinds = [kind.strip() for kind in agents.split(",") if kind.strip()]
    if kinds and agent:
        raise UsageError("--agent and --agents were both given", hint="use one of them")
    grouped = copies > 1 or len(kinds) > 1
    if grouped and paired:
        raise UsageError("only one session can be paired", hint="leave --paired out, and pair one later")
    if grouped:
        kinds = kinds or [agent] * bool(agent)
        made = ask(context.obj, "spawn_group", agents=kinds, copies=copies, model=model, **wanted)
    else:
        made = [ask(context.obj, "spawn", agent=agent or "".join(kinds), model=model, paired=paired, **wanted)]
    _show_new(made, json_=json_, grouped=grouped)


def _from_issue(context: typer.Context, issue: str, title: str, task: str) -> tuple[str, str]:
    """Return title and task made from an issue; what the person adds comes first."""
    found = ask(context.obj, "issue", number=issue)
    return title or found["title"], f"{task}\n\n{found['task']}" if task else found["task"]


def _show_new(made: list[dict[str, Any]], *, json_: bool, grouped: bool) -> None:
    if json_:
        shown = [{key: value for key, value in session.items() if key != "token_hash"} for session in made]
        as_json(shown if grouped else shown[0])
        return
    for session in made:
        text(f"{session['name']} works on {session['branch']} in {session['worktree']}")
    if grouped:
        text(f"to compare them: orchestra compare {made[0]['group_name']}")


def _ask_for(title: str, task: str) -> tuple[str, str]:
    title = title or typer.prompt("What is it about", err=True)
    return title, task or typer.prompt("The task", default=title, err=True)


def _task(task: str, file: Path | None) -> str:
    if file is None:
        return task
    if task:
        raise UsageError("--task and --task-file were both given", hint="use one of them")
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or "").lower() if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"the task file {file} cannot be read: {reason}", hint="name a text file") from error


def _confirm(question: str, detail: str) -> None:
    from orchestra.views.text import wrap  # noqa: PLC0415 -- loads rich

    for row in wrap(detail, shutil.get_terminal_size().columns - 2):
        say(row)
    with _asking():
        if not typer.confirm(question, err=True):
            # "No" is an answer, not a failure, so a popup closes.
            say("nothing was done")
            raise typer.Exit(0)


@contextmanager
def _asking() -> Iterator[None]:
    """Treat ^C and the end of the input as "no"; a popup then closes."""
    try:
        yield
    except typer.Abort:
        # The next line belongs below the question.
        typer.echo(err=True)
        say("nothing was done")
        raise typer.Exit(0 if in_popup() else INTERRUPTED) from None


def stop(
    context: typer.Context,
    names: AnyNames = None,
    every: Annotated[bool, typer.Option("--all", help="Stop every session, the designer too.")] = False,
) -> None:
    """Stop the agents of sessions. Their worktrees, branches and conversations stay."""
    wanted = chosen(context.obj, names or [], every=(lambda row: row["state"] != "stopped") if every else None)
    ask_each(context.obj, "stop", wanted, _stopped)


def _stopped(name: str, _: object) -> None:
    text(f"{name} is stopped; to start it again: orchestra resume {name}")


def resume(
    context: typer.Context,
    names: AnyNames = None,
    over_budget: Annotated[
        bool, typer.Option("--over-budget", help="Let sessions that have used their budget use as much again.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Start every session whose agent has stopped or failed.")
    ] = False,
) -> None:
    """Start stopped sessions again. They continue the same conversations."""
    ended = {"stopped", "failed"}
    wanted = chosen(context.obj, names or [], every=(lambda row: row["state"] in ended) if every else None)
    ask_each(context.obj, "resume", wanted, _resumed, over_budget=over_budget)


def _resumed(name: str, session: Any) -> None:  # noqa: ANN401 -- as JSON
    text(f"{name} is {session['state']}")


def delete(
    context: typer.Context,
    names: Names,
    force: Annotated[
        bool, typer.Option("--force", help="Delete it even while it works. Its work is still kept.")
    ] = False,
    worktree: Annotated[
        bool, typer.Option("--worktree", help="Remove its worktree too; ignored files are kept elsewhere.")
    ] = False,
    ask_person: Ask = False,
) -> None:
    """Delete sessions. All their work is kept and can be restored."""
    wanted = chosen(context.obj, names, every=None)
    # No question about what is refused anyway.
    if ask_person and any(ask(context.obj, "show", name=name)["role"] != "designer" for name in wanted):
        whose = "Its branch" if len(wanted) == 1 else "Their branches"
        _confirm(
            f"Delete {', '.join(wanted)}?", f"{whose}, worktree{'s'[: len(wanted) - 1]} and uncommitted work are kept."
        )

    def show(name: str, gone: dict[str, Any]) -> None:
        text(f"{name} is deleted; {_branch_now(gone)}, {_worktree_now(gone, asked=worktree)}")
        text(f"to bring it back: orchestra restore {name}")

    ask_each(context.obj, "delete", wanted, show, force=force, remove_worktree=worktree)


def _branch_now(gone: dict[str, Any]) -> str:
    if gone["branch"]:
        return f"branch {gone['branch']} kept"
    return "its merged branch removed" if gone["merged_branch_removed"] else "its branch was already gone"


def _worktree_now(gone: dict[str, Any], *, asked: bool) -> str:
    if gone["worktree"]:
        return f"worktree {gone['worktree']}{' stays' if asked else ''}"
    return "worktree removed, its content anchored" if gone["anchor"] else "its worktree was already gone"


def restore(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The session.", autocompletion=deleted_sessions)],
) -> None:
    """Bring back a deleted session. Its work and its conversation come back too."""
    session = ask(context.obj, "restore", name=name)
    text(f"{name} is back on {session['branch']} in {session['worktree']}")


def merge(
    context: typer.Context,
    name: Name,
    into: Into = "",
    check: Check = None,
    strategy: Strategy = "",
    no_wait: NoWait = False,
    ask_person: Ask = False,
    json_: Json = False,
) -> None:
    """Merge a session's branch, in its turn. Nothing changes until the checks have passed on the merged files."""
    head = ""
    if ask_person:
        from orchestra.views.questions import merge_question  # noqa: PLC0415 -- loads rich

        seen = ask(context.obj, "review", name=name)
        head = seen["head"]
        _confirm(*merge_question(seen, into))
    done = ask(context.obj, "merge", name=name, into=into, check=check, strategy=strategy, head=head, wait=not no_wait)
    if json_:
        as_json(done)
        return
    if no_wait:
        text(f"{name} is number {done['place']} in the queue of {done['into']}; to look at it: orchestra queue")
        return
    proved = f" ({done['proof']})" if done["proof"] else ""
    text(f"{done['branch']} is merged into {done['into']} as {done['commit'][:12]}{proved}")


def take(
    context: typer.Context,
    name: Name,
    into: Into = "",
    check: Check = None,
    strategy: Strategy = "",
    no_wait: NoWait = False,
    ask_person: Ask = False,
    json_: Json = False,
) -> None:
    """Merge one session of a group. Once it has landed, the others are deleted, and can be restored."""
    head = ""
    if ask_person:
        from orchestra.views.questions import take_question  # noqa: PLC0415 -- loads rich

        seen = ask(context.obj, "review", name=name)
        head = seen["head"]
        # No question about what is refused anyway.
        if seen["others"]:
            _confirm(*take_question(seen, into))
    done = ask(context.obj, "take", name=name, into=into, check=check, strategy=strategy, head=head, wait=not no_wait)
    if json_:
        as_json(done)
    elif no_wait:
        text(f"{name} is number {done['place']} in the queue of {done['into']}; to look at it: orchestra queue")
        text(f"deleted once it has landed: {', '.join(done['instead_of'])}")
    else:
        text(f"{done['branch']} is merged into {done['into']} as {done['commit'][:12]}")
        for other in done["deleted"]:
            text(f"{other} is deleted; to bring it back: orchestra restore {other}")


def pair(
    context: typer.Context,
    name: Name,
    toggle: Annotated[bool, typer.Option("--toggle", help="End pairing if it is paired.")] = False,
) -> None:
    """Let an executor see and change your checkout too. Only one can be paired at a time."""
    session = ask(context.obj, "pair", name=name, toggle=toggle)
    text(f"{name} is {'paired' if session['paired'] else 'no longer paired'}")


def unpair(context: typer.Context) -> None:
    """End pairing."""
    session = ask(context.obj, "unpair")
    text(f"{session['name']} is no longer paired")
