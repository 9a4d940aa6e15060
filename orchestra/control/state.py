"""The state of the control pane as one value, and how data and results change it; pure, without effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from orchestra.account import Account
from orchestra.attention import Need, NeedKind, asking, rank
from orchestra.bindings import PREFIX_KEY, Keymap, Where
from orchestra.events import Event
from orchestra.model import Message, Role, Session
from orchestra.views.diff import DiffView
from orchestra.views.questions import merge_question
from orchestra.views.session_list import Row, in_tree
from orchestra.views.text import line

UNREAD = 0.5
"""Seconds for which a need that came up by itself cannot be answered, because nobody can have read it."""


class Tab(StrEnum):
    """The view below the list, or beside it."""

    NEEDS = "Needs you"
    DIFF = "Diff"
    MONITOR = "Monitor"
    MESSAGES = "Messages"


class Mode(StrEnum):
    """What receives the keys."""

    LIST = "list"
    HELP = "help"
    CONFIRM = "confirm"
    WRITE = "write"


class Purpose(StrEnum):
    """What a text is written for."""

    TITLE = "title"
    TASK = "task"
    MESSAGE = "message"
    ANSWER = "answer"
    REASON = "reason"
    FILTER = "filter"


ONE_LINE = frozenset({Purpose.TITLE, Purpose.FILTER, Purpose.REASON})
"""What is written on one line, so that Enter ends it."""


@dataclass(frozen=True, slots=True)
class Invoke:
    """Run an action; ``doing`` is shown meanwhile, ``done`` afterwards; without ``doing`` nothing is shown."""

    action: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    doing: str = ""
    done: str = ""


@dataclass(frozen=True, slots=True)
class Leave:
    """Detach from tmux; outside tmux, end the control pane."""


@dataclass(frozen=True, slots=True)
class Scroll:
    """Scroll the body by lines and pages; ``lines`` of a million reach either end."""

    lines: int = 0
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Review:
    """Show a session's diff in the whole window."""

    session: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that is being written; ``number`` is the permission request or the message that it answers."""

    purpose: Purpose
    session: str = ""
    number: int = 0
    title: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """Open the text area."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class Held:
    """An effect that waits a moment: if more letters follow, the key was the beginning of a word."""

    effect: Invoke | Leave | Review | Write


Effect = Invoke | Leave | Scroll | Review | Write | Held


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the person before an action."""

    text: str
    keeps: str
    then: Invoke


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
    """The data from the store; events and messages are those of the selected session.

    ``questions`` are the messages that sessions wait for an answer to, by number. ``account`` is that of the selected
    session; None unless the monitor is shown.
    """

    sessions: tuple[Session, ...] = ()
    unread: Mapping[str, int] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    messages: tuple[Message, ...] = ()
    needs: tuple[Need, ...] = ()
    questions: Mapping[int, Message] = field(default_factory=dict)
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class View:
    """Everything the control pane shows.

    ``rows`` is the list as it is sorted, folded and filtered. ``item`` is the key of the selected
    need, which came up by itself at ``item_at``. ``diff_of`` is the session of ``diff``. ``split``
    is the share of the list that the person dragged it to. ``letter`` is the last typed letter and
    ``letter_at`` its time on the caller's clock; until ``typing_until`` letters are no commands.
    """

    project: str = ""
    prefix_key: str = PREFIX_KEY
    keymap: Keymap = field(default_factory=Keymap)
    health: Health = field(default_factory=Health)
    data: Data = field(default_factory=Data)
    rows: tuple[Row, ...] = ()
    selected: str = ""
    item: str = ""
    item_at: float = float("-inf")
    tab: Tab = Tab.DIFF
    mode: Mode = Mode.LIST
    filter: str = ""
    folded: frozenset[str] = frozenset()
    split: float | None = None
    question: Question | None = None
    draft: Draft | None = None
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
        return [row.session.name for row in self.rows]

    @property
    def need(self) -> Need | None:
        """The selected need."""
        return next((need for need in self.data.needs if need.key == self.item), None)

    @property
    def where(self) -> Where:
        """The place whose keys count."""
        if self.mode is Mode.CONFIRM:
            return Where.QUESTION
        if self.mode is Mode.WRITE:
            return Where.TEXT
        return Where.NEEDS if self.tab is Tab.NEEDS else Where.LIST


def with_data(view: View, data: Data, now: float = float("-inf")) -> View:
    """Use new data; if the selected session or need is gone, its neighbour is selected."""
    before, needs_before = view.names, [need.key for need in view.data.needs]
    view = _with_need(arranged(replace(view, data=data)), needs_before, now)
    names = view.names
    if view.selected in names or not names:
        return view if names or view.filter else replace(view, selected="")
    if view.session is not None:
        return view
    at = before.index(view.selected) if view.selected in before else 0
    return select(view, names[min(at, len(names) - 1)])


def _with_need(view: View, before: list[str], now: float) -> View:
    keys = [need.key for need in view.data.needs]
    if view.item in keys:
        return view
    at = before.index(view.item) if view.item in before else 0
    return replace(view, item=keys[min(at, len(keys) - 1)] if keys else "", item_at=now)


def arranged(view: View) -> View:
    """Sort, fold and filter the list anew."""
    needs: dict[str, list[Need]] = {}
    for need in view.data.needs:
        needs.setdefault(need.session, []).append(need)
    ranks = {one.name: rank(one, needs.get(one.name, ())) for one in view.data.sessions}
    children = Counter(one.parent for one in view.data.sessions) if not view.filter else Counter()
    rows = tuple(
        _row(view, session, stem, needs.get(session.name, []), children[session.name])
        for session, stem in _listed(view, ranks)
    )
    return replace(view, rows=rows)


def _listed(view: View, ranks: Mapping[str, int]) -> list[tuple[Session, str]]:
    sessions = view.data.sessions
    if not view.filter:
        return in_tree(sessions, lambda one: ranks[one.name], view.folded)
    wanted = view.filter.lower().split()
    found = [one for one in sessions if all(word in f"{one.name} {one.state} {one.agent}".lower() for word in wanted)]
    return [(one, "") for one in sorted(found, key=lambda one: ranks[one.name])]


def _row(view: View, session: Session, stem: str, needs: list[Need], children: int) -> Row:
    data = view.data
    question = data.questions.get(session.waits_for or 0)
    first = min(needs, key=lambda need: rank(session, [need]), default=None)
    why = first.why if first else asking(question) if question else ""
    folded = children if session.name in view.folded else 0
    unread = data.unread.get(session.name, 0)
    return Row(session, stem, why, first is not None, unread, parent=bool(children), folded=folded)


def select(view: View, name: str) -> View:
    """Select a session, and its oldest need if it has one."""
    need = next((need for need in view.data.needs if need.session == name), None)
    item = view.item if need is None or (view.need is not None and view.need.session == name) else need.key
    return replace(view, selected=name, item=item, item_at=view.item_at if item == view.item else float("-inf"))


def select_need(view: View, need: Need) -> View:
    """Select a need, and the session it belongs to."""
    return replace(view, item=need.key, item_at=float("-inf"), selected=need.session)


def with_filter(view: View, text: str) -> View:
    """Show only the sessions that have every word in their name, state or agent."""
    view = arranged(replace(view, filter=text))
    names = view.names
    return view if view.selected in names or not names else select(view, names[0])


def with_diff(view: View, name: str, diff: DiffView | None, error: str = "") -> View:
    """Use a session's new diff, or the error; after an error the last diff stays visible."""
    if name != view.selected:
        return view
    if diff is None:
        kept = view.diff if view.diff_of == name else None
        return replace(view, diff=kept, diff_of=name, diff_error=error)
    return replace(view, diff=diff, diff_of=name, diff_error="")


def with_outcome(view: View, effect: Invoke, status: Status) -> View:
    """Use the result of an action; one that was not shown while it ran only shows its error."""
    busy = list(view.busy)
    if effect.doing in busy:
        busy.remove(effect.doing)
    return replace(view, busy=tuple(busy), status=status if effect.doing or status.bad else view.status)


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
    return replace(view, busy=(*view.busy, effect.doing), status=Status()) if effect.doing else view


def writing(view: View, draft: Draft) -> View:
    """Open the text area."""
    return replace(view, mode=Mode.WRITE, draft=draft, status=Status())


def is_executor(session: Session | None) -> bool:
    """Return whether a session is an executor, which can be deleted, merged and paired."""
    return session is not None and session.role is Role.EXECUTOR


def waits(view: View, name: str, kind: NeedKind) -> bool:
    """Return whether a session needs the person in this way."""
    return any(need.session == name and need.kind is kind for need in view.data.needs)


def moments(view: View) -> list[datetime]:
    """Return the times whose ages are shown."""
    times = [session.state_since for session in view.data.sessions]
    if view.tab is Tab.NEEDS:
        times += [need.since for need in view.data.needs]
    if view.tab is Tab.MONITOR:
        times += [event.at for event in view.data.events]
    if view.tab in {Tab.MONITOR, Tab.MESSAGES}:
        times += [message.sent_at for message in view.data.messages]
    return times
