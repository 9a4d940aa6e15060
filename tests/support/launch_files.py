"""Sessions and launch files for tests that run an agent on the machine itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from orchestra.agents import LaunchContext, LaunchFiles, launch_files, load
from orchestra.model import Evidence, Intent, Role, SandboxKind, Session, State

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONVERSATION = "6f0c3b1e-8d55-4c51-9a53-0d6a3b7e2f10"


def a_session(worktree: Path, *, name: str = "fix-login", role: Role = Role.EXECUTOR, agent: str = "claude") -> Session:
    """Return a session that runs on the machine itself."""
    return Session(
        id=2,
        name=name,
        title=name,
        role=role,
        agent=agent,
        sandbox=SandboxKind.HOST,
        branch=f"orchestra/{name}",
        base="0" * 40,
        base_branch="main",
        worktree=worktree,
        parent="main" if role is Role.EXECUTOR else None,
        intent=Intent.RUN,
        state=State.STARTING,
        state_since=NOON,
        evidence=Evidence(),
        created_at=NOON,
        conversation=CONVERSATION,
    )


def in_docker(session: Session) -> Session:
    """Return the same session, in a container."""
    return replace(session, sandbox=SandboxKind.DOCKER)


def lay_out_for(
    place: Path, session: Session, url: str, *, task: str = "", nudge: str = "", token: str = ""
) -> LaunchFiles:
    """Write the launch files of a session's agent below ``place``, as the product does, and return it."""
    made = launch_files(load(session.agent), a_setting(place, session, url, task=task, nudge=nudge))
    lay_out(place, made)
    if token:
        (place / "secrets" / "token").write_text(token)
    return made


def a_setting(place: Path, session: Session, url: str, *, task: str = "", nudge: str = "") -> LaunchContext:
    """Return where and for what a session's agent runs, all of it below ``place``."""
    return LaunchContext(
        session=session,
        mcp_url=f"{url}/mcp",
        hook_url=f"{url}/hooks",
        task=task,
        nudge=nudge,
        agent_dir=str(place / "agent"),
        secrets_dir=str(place / "secrets"),
        home=str(place / "home"),
    )


def lay_out(place: Path, made: LaunchFiles) -> None:
    """Write an agent's launch files below ``place``, as the product does."""
    for directory in ("agent", "secrets", "home"):
        (place / directory).mkdir(parents=True, exist_ok=True)
    for name, (content, mode) in made.agent_files.items():
        path = place / "agent" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
