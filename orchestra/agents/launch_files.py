"""The launch files that every family shares: launcher, files and environment."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestra.agents.profile import Profile
from orchestra.errors import BadConfig
from orchestra.model import Permissions, Role, SandboxKind, Session

READ_ONLY = 0o444
"""The mode of a file that the agent reads."""
EXECUTABLE = 0o555
"""The mode of a program that the agent runs."""
OWN_DIR = ".orchestra"
"""The directory below the agent's home where our own programs keep their state."""

MISSING = f"{OWN_DIR}/no-program"
"""The file in the agent's home that says that its program is missing."""
ASK = "from runtime.ask_permission import main\n\nmain()\n"
"""The program that asks the service for a permission."""
_HERE = Path(__file__).parent
_LONGEST_PROMPT = 8000
"""Characters of a task that are passed in full; one argument of a program holds 128 KiB (execve(2))."""

Files = Mapping[str, tuple[bytes, int]]
"""Contents and mode by relative path."""


@dataclass(frozen=True, slots=True)
class LaunchContext:
    """Everything that the launch files of one agent depend on.

    ``instructions`` is added to the role's own text; ``role``, unless empty, replaces that text.
    ``nudge`` is the prompt for an agent that comes back; if it is empty, the agent waits. The
    directories are as the agent sees them; ``agent_dir`` is read-only for it, ``secrets_dir`` holds
    ``token`` and one file for each credential. ``permissions`` is what the agent does without asking, if the person
    says so, ``deny`` what it must never do; one that is ``headless`` answers one prompt and asks nothing. One that is
    ``alone`` gets that prompt as its input, and has no tools, neither ours nor its own.
    """

    session: Session
    mcp_url: str
    hook_url: str
    task: str = ""
    instructions: str = ""
    role: str = ""
    nudge: str = ""
    agent_dir: str = "/orchestra/agent"
    secrets_dir: str = "/orchestra/secrets"
    home: str = "/home/agent"
    permissions: Permissions | None = None
    deny: tuple[str, ...] = ()
    headless: bool = False
    alone: bool = False

    @property
    def mode(self) -> Permissions:
        """What the agent does without asking: in a container everything by default, because that confines it."""
        return self.permissions or (Permissions.ALL if self.contained else Permissions.EDITS)

    @property
    def contained(self) -> bool:
        """Whether the agent runs in a container."""
        return self.session.sandbox is SandboxKind.DOCKER

    @property
    def python(self) -> str:
        """The Python interpreter for our own programs beside the agent."""
        return "python3" if self.contained else sys.executable

    @property
    def post_event(self) -> list[str]:
        """The beginning of the command that reports an event to the service; Python without unneeded modules."""
        return [self.python, "-I", "-S", self.path("runtime/post_event.py")]

    @property
    def asking(self) -> list[str]:
        """The beginning of the command that asks the service for a permission; Python with its own library alone."""
        return [self.python, "-E", "-s", "-S", self.path("ask.py")]

    def path(self, name: str) -> str:
        """Return the full path of a file in the agent's directory."""
        return str(PurePosixPath(self.agent_dir, name))


@dataclass(frozen=True, slots=True)
class LaunchFiles:
    """The files and directories that an agent is started with.

    ``agent_files`` are in the read-only directory, ``home_dirs`` are created in the agent's home.
    """

    agent_files: Files
    env: Mapping[str, str]
    command: tuple[str, ...]
    home_dirs: tuple[str, ...] = (OWN_DIR,)


def build(
    profile: Profile,
    context: LaunchContext,
    *,
    ending: str,
    env: Mapping[str, str],
    files: Files,
    redraws: bool = False,
    dirs: Sequence[str] = (),
) -> LaunchFiles:
    """Return the common launch files, with the family's own files and the end of its launcher.

    An agent that ``redraws`` its whole window need not wait for the window. ``dirs`` are
    directories of its home that it would otherwise create itself; a program for that would take 10
    ms of its start.
    """
    whole = {**_environment(profile, context), **env, **profile.env}
    last = _noted_missing(profile) + (ending if redraws else runtime_text("window.sh") + ending)
    agent_files = {
        "task.md": (context.task.encode(), READ_ONLY),
        "instructions.md": (instructions(context).encode(), READ_ONLY),
        **own_files(profile),
        **files,
        # The launcher comes last: if it exists, everything exists.
        "launch.sh": (launcher(context, whole, last).encode(), EXECUTABLE),
    }
    return LaunchFiles(
        agent_files=agent_files,
        env=whole,
        command=("sh", context.path("launch.sh")),
        home_dirs=(OWN_DIR, *dirs),
    )


def _noted_missing(profile: Profile) -> str:
    """Return the launcher line that creates a mark at once if the profile's program is missing."""
    if not profile.program:
        return ""
    return f'command -v {shlex.quote(profile.program)} >/dev/null 2>&1 || : >"$home/{MISSING}"\n'


def own_files(profile: Profile) -> Files:
    """Return the files that a profile names, as agent files below ``files``."""
    return {
        f"files/{name}": (content, EXECUTABLE if mode & 0o100 else READ_ONLY)
        for name, (content, mode) in profile.files.items()
    }


def _environment(profile: Profile, context: LaunchContext) -> dict[str, str]:
    session = context.session
    shared = {
        "ORCHESTRA_SESSION": session.name,
        "ORCHESTRA_ROLE": session.role.value,
        "ORCHESTRA_PARENT": session.parent or "",
        "ORCHESTRA_AGENT": profile.name,
        "ORCHESTRA_WORKTREE": str(session.worktree),
        "ORCHESTRA_TASK_FILE": context.path("task.md"),
        "ORCHESTRA_AGENT_HOME": context.home,
    }
    if not context.alone:
        shared |= {
            "ORCHESTRA_MCP_URL": context.mcp_url,
            "ORCHESTRA_HOOK_URL": context.hook_url,
            "ORCHESTRA_TOKEN_FILE": str(PurePosixPath(context.secrets_dir, "token")),
        }
    if not context.contained:
        return shared
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    return {**shared, **terminal, "HOME": context.home}


def launcher(context: LaunchContext, env: Mapping[str, str], ending: str) -> str:
    """Return the program that runs as the box's main process: environment, secrets, then the agent.

    The environment is included here too, so that an existing box gets a changed address at its next
    start.
    """
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(env.items()))
    variables = {
        "agent_dir": context.agent_dir,
        "secrets_dir": context.secrets_dir,
        "home": context.home,
        "worktree": str(context.session.worktree),
        "conversation": context.session.conversation,
        "python": context.python,
    }
    assigned = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    return "\n".join(
        ("#!/bin/sh", exports + assigned + runtime_text("no_proxy.sh") + runtime_text("launch.sh"), ending)
    )


def mode_flags(
    profile: Profile, context: LaunchContext, flags: Mapping[Permissions, tuple[str, ...]], own: Collection[str]
) -> tuple[str, ...]:
    """Return the arguments for what the agent does without asking; none if the profile gives some of its ``own``.

    Raises BadConfig for a profile that gives its own while something else is wanted.
    """
    given = {word.partition("=")[0] for word in (*profile.command, *_extra(profile, context))} & set(own)
    if given and context.permissions is not None:
        message = f"{profile.source} has {min(given)}, and permissions are to be {context.permissions}"
        raise BadConfig(message, hint=f"remove {min(given)} there, or the setting permissions")
    return () if given or context.headless else flags[context.mode]


def _extra(profile: Profile, context: LaunchContext) -> tuple[str, ...]:
    return profile.in_container if context.contained else profile.on_host


def past_proxies(mcp_url: str, *command: str) -> tuple[str, ...]:
    """Return a command with the proxy settings that the launcher gives an agent."""
    script = f'{runtime_text("no_proxy.sh")}exec "$@"'
    return ("env", f"ORCHESTRA_MCP_URL={mcp_url}", "sh", "-c", script, "sh", *command)


def words(profile: Profile, context: LaunchContext, command: tuple[str, ...], flags: tuple[str, ...] = ()) -> list[str]:
    """Return a profile's command with its placeholders filled in, and its arguments for this sandbox and ``flags``."""
    return [_filled(profile, context, word) for word in (*command, *_extra(profile, context), *flags)]


def quoted(command: list[str]) -> str:
    """Return a command as one line of shell."""
    return shlex.join(command)


def asked_once(context: LaunchContext, command: list[str], file: str = "first.md") -> str:
    """Return the launcher's last line for a command that answers one prompt, its argument or its input, and exits."""
    if context.alone:
        return f"exec {quoted(command)}\n"
    return f'exec {quoted(command)} "$(cat "$agent_dir/{file}")"\n'


def _filled(profile: Profile, context: LaunchContext, word: str) -> str:
    known = {
        "task_file": context.path("task.md"),
        "instructions_file": context.path("instructions.md"),
        "session": context.session.name,
        "role": context.session.role.value,
        "worktree": str(context.session.worktree),
        "model": model(profile, context),
        "home": context.home,
    }
    # Only known names, because the shell uses braces too.
    for name, value in known.items():
        word = word.replace(f"{{{name}}}", value)
    for name in profile.files:
        word = word.replace(f"/orchestra/{name}", context.path(f"files/{name}"))
    return word


def model(profile: Profile, context: LaunchContext) -> str:
    """Return the model to use; empty leaves the choice to the agent."""
    return context.session.model or profile.model


def runtime_text(name: str) -> str:
    """Return the text of one of the files that run beside the agent."""
    return (_HERE / "runtime" / name).read_text(encoding="utf-8")


def runtime_files(*wanted: str) -> dict[str, tuple[bytes, int]]:
    """Return files that run beside the agent, as agent files below ``runtime``."""
    return {f"runtime/{name}": (runtime_text(name).encode(), READ_ONLY) for name in wanted}


def as_json(value: object) -> tuple[bytes, int]:
    """Return a value as the contents of a JSON file that the agent reads."""
    return (json.dumps(value, indent=2) + "\n").encode(), READ_ONLY


def instructions(context: LaunchContext) -> str:
    """Return the text of an agent's role, with the added instructions."""
    session = context.session
    own = _HERE / "instructions" / f"{session.role.value}.md"
    text = context.role or own.read_text(encoding="utf-8")
    known = {
        "session": session.name,
        "parent": session.parent or "main",
        "branch": session.branch,
        "base_branch": session.base_branch or session.base[:12],
        "worktree": str(session.worktree),
        "task_file": context.path("task.md"),
    }
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    return "\n\n".join(part.strip() for part in (text, context.instructions) if part.strip()) + "\n"


def first_prompt(context: LaunchContext) -> str:
    """Return an agent's first prompt; empty for a designer without a task."""
    if not context.task.strip():
        return ""
    where = context.path("task.md")
    role = "The person's task for you" if context.session.role is Role.DESIGNER else "Your task"
    if len(context.task) <= _LONGEST_PROMPT:
        return f"{role} (it is also in {where}):\n\n{context.task}"
    beginning = context.task[:_LONGEST_PROMPT]
    return f"{role} is long: read all of it in {where} before you start. It begins:\n\n{beginning}"
