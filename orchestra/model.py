"""The data types of Orchestra; plain, frozen, and without any library's objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class Role(StrEnum):
    """The role of a session, which decides what its agent may do."""

    DESIGNER = "designer"
    EXECUTOR = "executor"


class State(StrEnum):
    """What a session's agent is doing, according to the evidence."""

    STARTING = "starting"
    WORKING = "working"
    WAITING = "waiting"
    IDLE = "idle"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


class Sign(StrEnum):
    """One kind of evidence about what an agent does."""

    LAUNCHED = "launched"
    READY = "ready"
    TURN_STARTED = "turn-started"
    TOOL_USED = "tool-used"
    PROMPTED = "prompted"
    TURN_ENDED = "turn-ended"
    TURN_FAILED = "turn-failed"
    ENDED = "ended"
    ASKED = "asked"
    ANSWERED = "answered"
    COMPLETED = "completed"
    REPORTED_ERROR = "reported-error"
    EXITED = "exited"
    VANISHED = "vanished"
    STOPPED = "stopped"
    PANE_ACTIVE = "pane-active"
    PANE_QUIET = "pane-quiet"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sign behind a session's state, and its text; there is none at first.

    As text, as in JSON, it is ``sign: text``, or only one of the two.
    """

    sign: Sign | None = None
    text: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.sign, self.text) if part)

    @classmethod
    def parse(cls, shown: str) -> Evidence:
        """Turn a text back into evidence."""
        sign, _, text = shown.partition(": ")
        return cls(Sign(sign), text) if sign in _SIGNS else cls(None, shown)


_SIGNS = frozenset(Sign)


class Intent(StrEnum):
    """What the person or the designer wants a session to be."""

    RUN = "run"
    STOP = "stop"
    DELETE = "delete"


class SandboxKind(StrEnum):
    """Where an agent runs: in its own container, or on the host."""

    DOCKER = "docker"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class DiffStat:
    """How much a session changed since its base, uncommitted and untracked files included.

    ``uncounted`` is the number of files whose lines are not counted, because there are too many.
    """

    files: int = 0
    insertions: int = 0
    deletions: int = 0
    uncounted: int = 0


class FileStatus(StrEnum):
    """How a file differs between two trees; the values are git's letters (git-diff(1), --raw)."""

    ADDED = "A"
    DELETED = "D"
    MODIFIED = "M"
    RENAMED = "R"
    RETYPED = "T"


class Scope(StrEnum):
    """Which changes of a session are reviewed.

    BRANCH: all since its base, uncommitted ones included. COMMIT: those of its last commit. LOOKED: those since the
    person's last review.
    """

    BRANCH = "branch"
    COMMIT = "commit"
    LOOKED = "looked"


_LINK, _MODULE = "120000", "160000"


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file that differs between two trees, with its modes and object ids as git writes them.

    ``old_path`` is empty unless it was renamed.
    """

    path: str
    status: FileStatus
    old_mode: str
    new_mode: str
    old_id: str
    new_id: str
    old_path: str = ""

    @property
    def mark(self) -> str:
        """What differs once the file's content or mode has changed."""
        return f"{self.new_mode} {self.new_id}"

    @property
    def is_link(self) -> bool:
        """Whether it is or was a symlink."""
        return _LINK in {self.old_mode, self.new_mode}

    @property
    def is_module(self) -> bool:
        """Whether it is or was another repository."""
        return _MODULE in {self.old_mode, self.new_mode}

    @property
    def changes_mode(self) -> bool:
        """Whether it became executable, or no longer is."""
        return self.status in {FileStatus.MODIFIED, FileStatus.RENAMED} and self.old_mode != self.new_mode


@dataclass(frozen=True, slots=True)
class LineCounts:
    """How many lines of a file were added and removed; ``binary`` if git does not count them."""

    insertions: int = 0
    deletions: int = 0
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """The files that differ between two trees, in the order of their paths; ``notes`` say what is left out.

    ``old`` and ``new`` are the ids of the trees, or of commits.
    """

    scope: Scope
    old: str
    new: str
    files: tuple[ChangedFile, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """One session as it is recorded; ``state`` is the last one seen, with its time and evidence.

    ``trouble`` is what keeps its worktree from showing its branch, with what to type after an arrow.

    ``base`` is a commit id, ``base_branch`` the branch it was taken from (empty for a detached
    one). ``head`` is the last commit imported, ``imported`` says when. ``waits_for`` is the id of
    a question that has no answer yet. ``conversation`` is the agent's own id for its conversation.
    ``image`` is what its container was made from. ``private_branch`` is what its branch is called in its
    private git until that can follow a renaming; empty where it is called the same.
    ``forced`` and ``remove_worktree`` say how it was asked to be deleted. ``anchor`` is the ref that
    holds its worktree as it was, ``git_anchor`` what the refs begin with that hold all else its own
    git had. ``restoring`` is true while its files are being put back.
    ``cost`` (US dollars), ``tokens_in`` and ``tokens_out`` are what it has used since it was created, ``context`` how
    full its model's window is (percent), ``used_model`` that model; None where its agent does not tell.
    ``limited_until`` is when a limit of the model's service ends. ``stuck`` is why it seems to make no progress;
    empty while it does. ``allowance`` is the cost up to which its budget does not count.
    """

    id: int
    name: str
    title: str
    role: Role
    agent: str
    sandbox: SandboxKind
    branch: str
    base: str
    base_branch: str
    worktree: Path
    parent: str | None
    intent: Intent
    state: State
    state_since: datetime
    evidence: Evidence
    created_at: datetime
    conversation: str
    model: str = ""
    head: str = ""
    commits: int = 0
    diff: DiffStat = field(default_factory=DiffStat)
    summary: str = ""
    window: str | None = None
    paired: bool = False
    waits_for: int | None = None
    token_hash: str = ""
    trouble: str = ""
    image: str = ""
    private_branch: str = ""
    forced: bool = False
    remove_worktree: bool = False
    anchor: str = ""
    git_anchor: str = ""
    restoring: bool = False
    cost: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    context: float | None = None
    used_model: str | None = None
    limited_until: datetime | None = None
    stuck: str = ""
    allowance: float = 0.0
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Landing:
    """A merge of a session's work that is about to move a branch from the commit ``old`` to ``new``."""

    session: str
    branch: str
    new: str
    old: str


@dataclass(frozen=True, slots=True)
class Workspace:
    """What is recorded about a project as a whole.

    ``tmux_socket`` is empty while no tmux shows the project. ``saved_keys`` is what its keys did before, as returned by
    the tmux driver. ``layout`` is the one of the last ``up``; ``status_line`` is true if it has one. While the project
    is ``resting``, no agent is started. ``moved`` is true if containers still mount the directory where the project was
    before. ``sandbox`` is the choice made at ``up``; None leaves it to the settings. ``service_port`` is None before
    the first start. ``landing`` is recorded until the checkouts of its branch are updated.
    """

    tmux_socket: str = ""
    tmux_session: str = ""
    saved_keys: str = ""
    layout: str = ""
    status_line: bool = False
    resting: bool = False
    moved: bool = False
    sandbox: SandboxKind | None = None
    designer_task: str = ""
    service_port: int | None = None
    landing: Landing | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What sessions have used: US dollars and tokens; None where no agent tells."""

    cost: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None


class ConsentKind(StrEnum):
    """What of a project's own files needs the person's consent."""

    SETTINGS = "settings"
    IMAGE = "image"
    AGENTS = "agents"
    INSTRUCTIONS = "instructions"
    CHECK = "check"


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


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a session's branch."""

    id: str
    subject: str
    author: str
    at: datetime


class BoxState(StrEnum):
    """The state of a session's box, from the engine or the process table."""

    ABSENT = "absent"
    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class BoxSight:
    """The observed state of a box; ``code`` is the exit code if it has exited.

    ``mounts`` are the paths inside it that show something of the host; None if unknown.
    """

    state: BoxState
    code: int | None = None
    started_at: str = ""
    mounts: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """One tmux window that belongs to a session; ``pane`` is where the agent is shown."""

    id: str
    session: str
    project: str
    pane: str
    dead: bool
    active: bool


@dataclass(frozen=True, slots=True)
class Spec:
    """One version of a session's spec, counted from 1."""

    session: str
    version: int
    text: str
    author: str
    at: datetime


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
        return self.command or "\n".join(self.paths) or self.url or self.detail


@dataclass(frozen=True, slots=True)
class PermissionRequest:
    """One permission that an agent asked for, and how that ended; it is open while ``answered_by`` is None.

    ``summary`` is one line, ``detail`` the exact request in lines; both are safe to show. ``answerable`` is false if
    only the agent's own window takes an answer; ``note`` says why. ``decision`` is None for one that ended without an
    answer that we know. ``rule`` is the text of the rule that decided it.
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
