"""The state of the control pane as one value, and how keys and data change it; pure, without effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from orchestra.bindings import PREFIX_KEY
from orchestra.model import Event, Message, Role, Session
from orchestra.views.diff import DiffView
from orchestra.views.questions import merge_question
from orchestra.views.session_list import in_tree
from orchestra.views.text import line


class Tab(StrEnum):
    """The view below the list."""

    DIFF = "Diff"
    MONITOR = "Monitor"
    MESSAGES = "Messages"


class Mode(StrEnum):
    """What receives the keys."""

    LIST = "list"
    HELP = "help"
    CONFIRM = "confirm"
    INPUT = "input"


@dataclass(frozen=True, slots=True)
class Invoke:
    """Run an action; ``doing`` is shown meanwhile, ``done`` afterwards.

    ``held`` delays it a moment: an action that moves the keyboard focus must not be started by
    typing.
    """

    action: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    doing: str = ""
    done: str = ""
    held: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """Detach from tmux; outside tmux, end the control pane."""


Effect = Invoke | Leave


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the person before an action."""

    text: str
    keeps: str
    then: Invoke


@dataclass(frozen=True, slots=True)
class Input:
    """A line that is being typed: first the title, then the task."""

    label: str
    text: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """The text of the last line; ``hint`` is what to type next."""

    text: str = ""
    hint: str = ""
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the service and the Docker engine answer; None if unknown or not needed.

    ``settings`` is False if a settings file cannot be read; then nothing is started or merged.
    """

    service: bool | None = None
    engine: bool | None = None
    settings: bool | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """The data from the store for one frame."""

    sessions: tuple[Session, ...] = ()
    unread: Mapping[str, int] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """Everything the control pane shows.

    ``page`` and ``last`` are from the last frame: the height of the body, and its last scroll
    position. ``diff_of`` is the session of ``diff``. ``letter`` is the last typed letter and
    ``letter_at`` its time on the caller's clock; until ``typing_until`` letters are no commands.
    """

    project: str = ""
    prefix_key: str = PREFIX_KEY
    health: Health = field(default_factory=Health)
    data: Data = field(default_factory=Data)
    selected: str = ""
    tab: Tab = Tab.DIFF
    mode: Mode = Mode.LIST
    scroll: int = 0
    page: int = 10
    last: int = 0
    question: Question | None = None
    input: Input | None = None
    status: Status = field(default_factory=Status)
    busy: tuple[str, ...] = ()
    diff: DiffView | None = None
    diff_of: str = ""
    diff_error: str = ""
    letter: str = ""
    letter_at: float = float("-inf")
    typing_until: float = float("-inf")

    @property
    def session(self) -> Session | None:
        """The selected session."""
        return next((session for session in self.data.sessions if session.name == self.selected), None)

    @property
    def names(self) -> list[str]:
        """The sessions' names, in the order of the list."""
        return [session.name for session, _ in in_tree(self.data.sessions)]


def with_data(view: View, data: Data) -> View:
    """Use new data; if the selected session is gone, its neighbour is selected."""
    before = view.names
    view = replace(view, data=data)
    names = view.names
    if view.selected in names or not names:
        return view if names else replace(view, selected="")
    at = before.index(view.selected) if view.selected in before else 0
    return select(view, names[min(at, len(names) - 1)])


def select(view: View, name: str) -> View:
    """Select a session, and scroll to the top."""
    return view if name == view.selected else replace(view, selected=name, scroll=0)


def with_diff(view: View, name: str, diff: DiffView | None, error: str = "") -> View:
    """Use a session's new diff, or the error; after an error the last diff stays visible."""
    if name != view.selected:
        return view
    if diff is None:
        kept = view.diff if view.diff_of == name else None
        return replace(view, diff=kept, diff_of=name, diff_error=error)
    return replace(view, diff=diff, diff_of=name, diff_error="")


def with_outcome(view: View, effect: Invoke, status: Status) -> View:
    """Use the result of an action."""
    busy = list(view.busy)
    if effect.doing in busy:
        busy.remove(effect.doing)
    return replace(view, busy=tuple(busy), status=status)


def ask_merge(view: View, seen: Mapping[str, Any]) -> View:
    """Ask whether to merge what was reviewed, unless the person is doing something else by now."""
    name = str(seen["name"])
    if view.mode is not Mode.LIST or view.selected != name:
        return replace(view, status=Status(f"{name} was checked but not merged", "press M again on it"))
    asked = merge_question(seen)
    target = line(str(seen["target"])) or "the current branch"
    then = Invoke("merge", {"name": name}, f"merging {name}", f"{name} is merged into {target}")
    return replace(view, mode=Mode.CONFIRM, question=Question(asked.text, asked.detail, then), status=Status())


def begin(view: View, effect: Invoke) -> View:
    """Show that an action is running."""
    return replace(view, busy=(*view.busy, effect.doing), status=Status())


def measured(view: View, page: int, last: int) -> View:
    """Use the measured values of the last frame."""
    return replace(view, page=page, last=last, scroll=min(view.scroll, last))


def is_executor(session: Session | None) -> bool:
    """Return whether a session is an executor, which can be deleted, merged and paired."""
    return session is not None and session.role is Role.EXECUTOR
