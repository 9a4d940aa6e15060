"""The data types of Orchestra; plain, frozen, and without any library's objects."""

from __future__ import annotations

from orchestra.model.changes import (
    WHAT_WAS,
    ChangedFile,
    Changes,
    Commit,
    DiffStat,
    FileStatus,
    Landing,
    LineCounts,
    Scope,
    Sides,
    Tryout,
)
from orchestra.model.comments import Comment, CommentState, Place, Placed, RoundProgress, Side, Target
from orchestra.model.forecasts import Expected, Forecast, Opponent, with_whom
from orchestra.model.messages import Channel, Message, MessageKind, MessageState
from orchestra.model.permissions import MOST_LINES, AnsweredBy, Decision, PermissionRequest, Permissions, ToolUse
from orchestra.model.proof import Claim, ItemState
from orchestra.model.pull_requests import PullRequest
from orchestra.model.queue import Check, CheckRun, Entry, EntryState
from orchestra.model.sessions import Evidence, Intent, Role, SandboxKind, Session, Sign, Spec, State
from orchestra.model.sights import BoxEnd, BoxSight, BoxState, Window
from orchestra.model.summaries import ModelSummary, MonitorDay
from orchestra.model.workspace import ConsentKind, Spent, Workspace

__all__ = [
    "MOST_LINES",
    "WHAT_WAS",
    "AnsweredBy",
    "BoxEnd",
    "BoxSight",
    "BoxState",
    "ChangedFile",
    "Changes",
    "Channel",
    "Check",
    "CheckRun",
    "Claim",
    "Comment",
    "CommentState",
    "Commit",
    "ConsentKind",
    "Decision",
    "DiffStat",
    "Entry",
    "EntryState",
    "Evidence",
    "Expected",
    "FileStatus",
    "Forecast",
    "Intent",
    "ItemState",
    "Landing",
    "LineCounts",
    "Message",
    "MessageKind",
    "MessageState",
    "ModelSummary",
    "MonitorDay",
    "Opponent",
    "PermissionRequest",
    "Permissions",
    "Place",
    "Placed",
    "PullRequest",
    "Role",
    "RoundProgress",
    "SandboxKind",
    "Scope",
    "Session",
    "Side",
    "Sides",
    "Sign",
    "Spec",
    "Spent",
    "State",
    "Target",
    "ToolUse",
    "Tryout",
    "Window",
    "Workspace",
    "with_whom",
]
