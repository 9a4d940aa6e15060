"""How many queued messages one reply, paste or answer brings to an agent."""

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
"""Texts with more bytes are put into a file, and the agent gets a pointer to it."""
BATCH = 20
"""The most messages delivered at once; the next reply brings the rest."""
BATCH_BYTES = 32 * 1024
"""The most bytes delivered at once."""


def handed_over(project: Project, session: Session, messages: Iterable[Message]) -> list[Message]:
    """Return the messages that are delivered at once, oldest first, shortened for an agent."""
    return fitting((shortened(project, session, message) for message in messages), BATCH, BATCH_BYTES)


def fitting(messages: Iterable[Message], most: int, size: int) -> list[Message]:
    """Return at most the first ``most`` messages with at most ``size`` bytes together, but at least one."""
    batch: list[Message] = []
    for message in messages:
        size -= len(quoted([message]).encode("utf-8", "replace"))
        if batch and (size < 0 or len(batch) >= most):
            break
        batch.append(message)
    return batch


def shortened(project: Project, session: Session, message: Message) -> Message:
    """Return the message as an agent gets it: a long text is put into a file, with a pointer to it."""
    if len(message.text.encode("utf-8", "replace")) <= LONG:
        return message
    name = f"{message.id}.md"
    directory = project.session_paths(session).agent / "messages"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.replace(directory / name, message.text)
    in_docker = session.sandbox is SandboxKind.DOCKER
    seen = Path(AGENT_FILES) / "messages" / name if in_docker else directory / name
    return replace(message, text=f"(It is long: read it in {seen})")
