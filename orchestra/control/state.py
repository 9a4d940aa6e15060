"""The state of the control pane as one value, and how data and results change it; pure, without effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from orchestra.account import Account
from orchestra.attention import Need, NeedKind, rank
from orchestra.bindings import PREFIX_KEY, Keymap, Where
from orchestra.budget import is_over
from orchestra.comments import badge
from orchestra.events import Event
from orchestra.merge_queue import Place
from orchestra.model import Forecast, Message, PermissionRequest, Role, RoundProgress, Session, with_whom
from orchestra.questions import asking
from orchestra.review.document import Document
from orchestra.review.state import View as DiffView
from orchestra.views.session_list import Row, in_tree


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
    FOUND = "found"
    COMPARED = "compared"


class Purpose(StrEnum):
    """What a text is written for."""

    TITLE = "title"
    TASK = "task"
    MESSAGE = "message"
    ANSWER = "answer"
    REASON = "reason"
    FILTER = "filter"
    SEARCH = "search"


ONE_LINE = frozenset({Purpose.TITLE, Purpose.FILTER, Purpose.REASON, Purpose.SEARCH})
"""What is written on one line, so that Enter ends it."""


@dataclass(frozen=True, slots=True)
class Invoke:
    """Run an action; ``doing`` is shown meanwhile, ``done`` afterwards; without ``doing`` nothing is shown.

    ``taking`` says of a review before a merge that the others of the group are deleted afterwards.
    """

    action: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    doing: str = ""
    done: str = ""
    taking: bool = False


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
    """Show a session's diff in the whole window, from the file ``at`` on.

    With ``others``, show in what it and each of them differ, one after the other.
    """

    session: str
    at: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadFile:
    """Read the changes of one file of the diff."""

    document: Document
    number: int


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


Effect = Invoke | Leave | Scroll | Review | Write | Held | ReadFile


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the person before an action."""

    text: str
    keeps: str
    then: Invoke


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, as the action ``search`` returns it; ``at`` is the number of the selected hit."""

    text: str
    hits: tuple[Mapping[str, Any], ...] = ()
    unread: tuple[str, ...] = ()
    at: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison, as the action ``compare`` returns it; ``at`` is the number of the selected session."""

    result: Mapping[str, Any]
    at: int = 0

    @property
    def names(self) -> list[str]:
        """The sessions' names."""
        return [str(row["name"]) for row in self.result["sessions"]]

    @property
    def name(self) -> str:
        """The selected session's name."""
        return self.names[self.at]


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
    session; None unless the monitor is shown. ``ended`` are the permission requests that the view follows and that are
    closed, by number. ``failed_checks`` are the ids of the sessions whose last check before a merge failed, ``places``
    the places in queues and ``comments`` how far the comments on them are, by the session's id, ``forecast`` is what
    each session will conflict with, ``left`` what is open in the specs of those that say they are done, in words,
    by the session's id, and ``budget`` what each may cost in US dollars.
    """

    sessions: tuple[Session, ...] = ()
    unread: Mapping[str, int] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    messages: tuple[Message, ...] = ()
    needs: tuple[Need, ...] = ()
    questions: Mapping[int, Message] = field(default_factory=dict)
    account: Account | None = None
    ended: Mapping[int, PermissionRequest] = field(default_factory=dict)
    failed_checks: frozenset[int] = frozenset()
    places: Mapping[int, Place] = field(default_factory=dict)
    forecast: Forecast = field(default_factory=dict)
    left: Mapping[int, str] = field(default_factory=dict)
    comments: Mapping[int, RoundProgress] = field(default_factory=dict)
    budget: float = 0


@dataclass(frozen=True, slots=True)
class Painted:
    """What the terminal shows under the cursor: the key of a need, since when, and whether its end was in sight."""

    item: str = ""
    since: float = float("inf")
    whole: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """Everything the control pane shows.

    ``rows`` is the list as it is sorted, folded and filtered. ``item`` is the key of the selected need,
    ``painted`` what the terminal shows of it, and ``early`` are the actions whose keys do not count yet.
    ``over`` is the permission request under the cursor if it has ended meanwhile; ``answering`` is the number
    of the one that was answered here last. ``diff_of`` is the session of ``diff``, and ``diff_size`` the columns
    and rows that it has. ``split`` is the share of the height that the person gave to the list, ``split_across``
    that of the width where it is beside the body. ``letter`` is the last typed letter and ``letter_at`` its time
    on the caller's clock; until ``typing_until`` letters are no commands.
    """

    project: str = ""
    prefix_key: str = PREFIX_KEY
    keymap: Keymap = field(default_factory=Keymap)
    health: Health = field(default_factory=Health)
    data: Data = field(default_factory=Data)
    rows: tuple[Row, ...] = ()
    selected: str = ""
    item: str = ""
    painted: Painted = field(default_factory=Painted)
    early: frozenset[str] = frozenset()
    over: Need | None = None
    answering: int = 0
    tab: Tab = Tab.DIFF
    mode: Mode = Mode.LIST
    filter: str = ""
    folded: frozenset[str] = frozenset()
    split: float | None = None
    split_across: float | None = None
    question: Question | None = None
    found: Found | None = None
    compared: Compared | None = None
    draft: Draft | None = None
    status: Status = field(default_factory=Status)
    busy: tuple[str, ...] = ()
    diff: DiffView | None = None
    diff_size: tuple[int, int] = (80, 24)
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
    def needs(self) -> tuple[Need, ...]:
        """The needs as they are listed: one that is over stays in its place as long as the cursor is on it."""
        if self.over is None or self.over.key != self.item:
            return self.data.needs
        return tuple(sorted((*self.data.needs, self.over), key=lambda need: (need.since, need.key)))

    @property
    def need(self) -> Need | None:
        """The selected need."""
        return next((need for need in self.needs if need.key == self.item), None)

    @property
    def where(self) -> Where:
        """The place whose keys count."""
        if self.mode is Mode.CONFIRM:
            return Where.QUESTION
        if self.mode is Mode.WRITE:
            return Where.TEXT
        return {Tab.NEEDS: Where.NEEDS, Tab.DIFF: Where.DIFF}.get(self.tab, Where.LIST)


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
    return Row(
        session, stem, why, first is not None, unread, parent=bool(children), folded=folded,
        red_check=session.id in data.failed_checks, over_budget=is_over(session, data.budget),
        place=str(data.places.get(session.id, "")), conflict=with_whom(data.forecast.get(session.name, ())),
        left=data.left.get(session.id, ""),
        comments=badge(data.comments.get(session.id)),
    )  # fmt: skip


def select(view: View, name: str) -> View:
    """Select a session, and its oldest need; where needs are shown, none if it has none."""
    need = next((need for need in view.data.needs if need.session == name), None)
    item = "" if view.tab is Tab.NEEDS else view.item
    if view.need is not None and view.need.session == name:
        item = view.item
    elif need is not None:
        item = need.key
    return replace(view, selected=name, item=item)


def select_need(view: View, need: Need) -> View:
    """Select a need, and the session it belongs to."""
    return replace(view, item=need.key, selected=need.session)


def with_filter(view: View, text: str) -> View:
    """Show only the sessions that have every word in their name, state or agent."""
    view = arranged(replace(view, filter=text))
    names = view.names
    return view if view.selected in names or not names else select(view, names[0])


def with_outcome(view: View, effect: Invoke, status: Status) -> View:
    """Use the result of an action; one that was not shown while it ran only shows its error."""
    busy = list(view.busy)
    if effect.doing in busy:
        busy.remove(effect.doing)
    if status.bad and effect.action == "answer":
        view = replace(view, answering=0)
    return replace(view, busy=tuple(busy), status=status if effect.doing or status.bad else view.status)


def begin(view: View, effect: Invoke) -> View:
    """Show that an action is running, and remember which permission request it answers."""
    if effect.action == "answer":
        view = replace(view, answering=int(effect.arguments["id"]))
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
        times += [need.since for need in view.needs]
    if view.tab is Tab.MONITOR:
        times += [event.at for event in view.data.events]
    if view.tab in {Tab.MONITOR, Tab.MESSAGES}:
        times += [message.sent_at for message in view.data.messages]
    return times
