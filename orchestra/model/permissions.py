"""What an agent asks before it does it, and the answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MOST_LINES = 10_000
"""The most lines of a permission request that is shown whole, and can be answered from outside its agent's window."""


class Permissions(StrEnum):
    """How much an agent does without asking.

    ALL: everything. EDITS: it reads and edits files in its worktree, and asks before it runs commands or reaches
    the network. ASK: it only reads, and asks before everything else.
    """

    ALL = "all"
    EDITS = "edits"
    ASK = "ask"


class Decision(StrEnum):
    """An answer to a permission request; ALWAYS also allows the same in this session from now on."""

    ALLOW = "allow"
    ALWAYS = "always"
    DENY = "deny"


class AnsweredBy(StrEnum):
    """Who or what closed a permission request.

    WINDOW: it was answered in the agent's window. ENDED: the agent or its turn ended first. TIMEOUT: nobody answered
    in the time that the settings give.
    """

    PERSON = "person"
    RULE = "rule"
    WINDOW = "window"
    TIMEOUT = "timeout"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class ToolUse:
    """What an agent wants to do with one of its tools, in the same terms for every agent.

    ``tool`` is Bash, Edit, Read, WebFetch, WebSearch, or the agent's own name for another tool. ``command`` is a shell
    command, ``paths`` are the files, and ``url`` an address, as the agent gives them. ``summary`` is one line,
    ``detail`` the whole request in lines. ``plain`` is false if the request holds more than what rules look at.
    """

    tool: str
    summary: str
    detail: str
    command: str = ""
    paths: tuple[str, ...] = ()
    url: str = ""
    plain: bool = True

    @property
    def subject(self) -> str:
        """The text that two requests must have in common, besides the tool, to be the same for an ``always``."""
        if not self.plain:
            return self.detail
        return self.command or "\n".join(self.paths) or self.url or self.detail


_WANTED = {
    "edits": "edit",
    "reads": "read",
    "fetches": "fetch",
    "searches the web for": "search the web for",
    "uses": "use",
}
"""The verbs of summaries, for what is still to be done."""


@dataclass(frozen=True, slots=True)
class PermissionRequest:
    """One permission that an agent asked for, and how that ended; it is open while ``answered_by`` is None.

    ``summary`` is one line, ``detail`` the exact request in lines; both are safe to show. ``answerable`` is false if
    only the agent's own window takes an answer; ``note`` says why. ``decision`` is None for one that ended without an
    answer that we know. ``late_decision`` is an answer that counted for nothing, because its agent said at once
    that the request had ended before. ``rule`` is the text of the rule that decided it, or was to.
    """

    id: int
    session: str
    at: datetime
    tool: str
    summary: str
    detail: str
    answerable: bool
    note: str = ""
    decision: Decision | None = None
    answered_by: AnsweredBy | None = None
    answered_at: datetime | None = None
    rule: str = ""
    reason: str = ""
    late_decision: Decision | None = None
    late_by: AnsweredBy | None = None
    late_at: datetime | None = None

    @property
    def wanted(self) -> str:
        """What is asked for, as it follows after "wants:": a command as it is, of the rest what is to be done."""
        verb, _, rest = self.summary.partition(": ")
        if not rest:
            return self.tool
        return rest if verb == "runs" else f"{_WANTED.get(verb, verb)} {rest}"
