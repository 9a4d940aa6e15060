"""Messages between sessions and the person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MessageKind(StrEnum):
    """Why a message was sent."""

    MESSAGE = "message"
    COMPLETE = "complete"
    ERROR = "error"
    QUESTION = "question"
    PROGRESS = "progress"
    SPEC = "spec"
    NOTICE = "notice"


class MessageState(StrEnum):
    """The progress of a message."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    READ = "read"


class Channel(StrEnum):
    """How a message reaches an agent.

    HOOK_REPLY: in the reply to a call of its hook. WAKE: in the reply to a listener beside it,
    which starts its next turn. PULL: in the result of a tool call. TYPED: typed into its window.
    """

    HOOK_REPLY = "hook-reply"
    WAKE = "wake"
    PULL = "pull"
    TYPED = "typed"


@dataclass(frozen=True, slots=True)
class Message:
    """One message; ``sender`` and ``recipient`` are session names, ``user`` or ``orchestra``."""

    id: int
    sender: str
    recipient: str
    kind: MessageKind
    text: str
    sent_at: datetime
    state: MessageState
    changed_at: datetime
    answers: int | None = None
