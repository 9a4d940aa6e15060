"""How much of what waits for an agent one reply, paste or answer brings it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra import files
from orchestra.actions.messaging.messages import quoted
from orchestra.drivers.sandbox.protocol import AGENT_FILES
from orchestra.model import Message, SandboxKind, Session

if TYPE_CHECKING:
    from orchestra.project import Project

LONG = 4000
"""Bytes of a text beyond which the agent gets a file with a pointer instead."""
BATCH = 20
"""The most messages that are handed over at once; the next reply brings the rest."""
BATCH_BYTES = 32 * 1024
"""The most bytes of them."""


def handed_over(project: Project, session: Session, messages: Iterable[Message]) -> list[Message]:
    """Return the first of the messages, as many as are handed over at once, as they are given to an agent."""
    return fitting((shortened(project, session, message) for message in messages), BATCH, BATCH_BYTES)


def fitting(messages: Iterable[Message], most: int, size: int) -> list[Message]:
    """Return the first ``most`` messages that have ``size`` bytes together, and at least one."""
    found: list[Message] = []
    for message in messages:
        size -= len(quoted([message]).encode("utf-8", "replace"))
        if found and (size < 0 or len(found) >= most):
            break
        found.append(message)
    return found


def shortened(project: Project, session: Session, message: Message) -> Message:
    """Return the message as it may be given to an agent: a long text becomes a file, with a pointer to it."""
    if len(message.text.encode("utf-8", "replace")) <= LONG:
        return message
    name = f"{message.id}.md"
    directory = project.place(session).agent / "messages"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.replace(directory / name, message.text)
    in_docker = session.sandbox is SandboxKind.DOCKER
    seen = Path(AGENT_FILES) / "messages" / name if in_docker else directory / name
    return replace(message, text=f"(It is long: read it in {seen})")
