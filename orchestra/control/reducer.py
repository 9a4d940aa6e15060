"""What each key does: (view, key) → (view, effects); pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from orchestra.attention import Need, NeedKind
from orchestra.bindings import Where
from orchestra.control import compared, diff_tab, found, typing
from orchestra.control.cursor import is_unread, leave_ended
from orchestra.control.state import (
    Draft,
    Effect,
    Held,
    Invoke,
    Leave,
    Mode,
    Purpose,
    Question,
    Review,
    Scroll,
    Status,
    Tab,
    View,
    Write,
    arranged,
    is_executor,
    select,
    select_need,
    waits,
    with_filter,
    writing,
)
from orchestra.model import Session
from orchestra.names import MAIN, PERSON
from orchestra.review.keys import Key
from orchestra.review.reducer import path_at
from orchestra.views.questions import Asked, delete_question, pair_question

Reduced = tuple[View, tuple[Effect, ...]]
_FAR = 1_000_000
_LOOKED_AT = (
    (Tab.DIFF, NeedKind.DONE, "mark_reviewed"),
    (Tab.MESSAGES, NeedKind.MESSAGE, "mark_seen"),
)
"""The needs that end when the person looks at a tab, each with the action that records it."""


def press(view: View, key: Key, now: float | None = None) -> Reduced:
    """Return the view after a key, and the effects to perform.

    ``now`` is in seconds on any steady clock; without it no key counts as typing.
    """
    if now is None:
        return _pressed(view, key, float("inf"))
    if (typed := typing.caught(view, key, now)) is not None:
        return typing.noted(typed, key, now, before=view.mode), ()
    after, effects = _pressed(view, key, now)
    return typing.noted(after, key, now, before=view.mode), effects


def _pressed(view: View, key: Key, now: float) -> Reduced:
    if view.mode is Mode.CONFIRM:
        return _in_question(view, key)
    if view.mode is Mode.HELP:
        return _in_help(view, key)
    if view.mode is Mode.FOUND:
        return found.press(view, key)
    if view.mode is Mode.COMPARED:
        return compared.press(view, key)
    return _in_list(view, key, now) if view.mode is Mode.LIST else (view, ())


def _in_list(view: View, key: Key, now: float) -> Reduced:
    binding = view.keymap.at(key.name, view.where)
    if binding is None:
        return view, ()
    action = binding.action
    if action == "jump":
        return _jump(view, binding.keys.index(key.name)), ()
    if (looks := _looks(view, action)) is not None:
        after, effects = looks
        return after, (*effects, *_seen(after, action))
    if action in _AT_ONCE:
        return view, (_AT_ONCE[action],)
    if action == "seen":
        return _put_away(view, now)
    if binding.where is Where.NEEDS:
        return _answer(view, action, now)
    act = _ACTS.get(action)
    if act is None:
        return view, ()
    if view.session is None:
        return _refuse(view, "no session is selected", f"press {view.keymap.key('new')} to create one"), ()
    after, effects = act(view, view.session)
    held = tuple(Held(one) for one in effects if isinstance(one, Invoke | Leave | Review | Write))
    return after, held if binding.held else effects


def _looks(view: View, action: str) -> Reduced | None:
    """Do an action that only shows something; None for all others."""
    if action in _PLAIN:
        return _PLAIN[action](view), ()
    if (scrolled := diff_tab.act(view, action)) is not None:
        return scrolled
    return (view, (_SCROLLS[action],)) if action in _SCROLLS else None


def _seen(view: View, action: str) -> tuple[Effect, ...]:
    """Record that the person has looked at a finished session's result, or at messages to them."""
    looked = action in _SCROLLS or action in {"diff", "messages", "tab", "tab-back"} or action.startswith("diff-")
    for tab, kind, done in _LOOKED_AT:
        if looked and view.tab is tab and waits(view, view.selected, kind):
            return (Invoke(done, {"name": view.selected}),)
    return ()


def _in_help(view: View, key: Key) -> Reduced:
    action = view.keymap.does(key.name)
    if action in _HELP_SCROLLS:
        return view, (_SCROLLS[_HELP_SCROLLS[action]],)
    if action in _SCROLLS:
        return view, (_SCROLLS[action],)
    return replace(view, mode=Mode.LIST), ()


def _in_question(view: View, key: Key) -> Reduced:
    question, action = view.question, view.keymap.does(key.name, Where.QUESTION)
    closed = replace(view, mode=Mode.LIST, question=None)
    if question is not None and action == "yes":
        return closed, (question.then,)
    if action == "no":
        return replace(closed, status=Status("nothing was done")), ()
    return view, ()


def submit(view: View, text: str) -> Reduced:
    """Return the view after what is written was sent, and the effects to perform."""
    draft = view.draft
    if draft is None:
        return view, ()
    text = text.strip()
    closed = replace(view, mode=Mode.LIST, draft=None)
    if draft.purpose is Purpose.FILTER:
        return closed, ()
    if draft.purpose is Purpose.SEARCH:
        return found.search(view, text)
    if draft.purpose is Purpose.TITLE:
        if not text:
            return replace(view, status=Status("a session needs a title", "Esc cancels", bad=True)), ()
        return replace(view, draft=Draft(Purpose.TASK, title=text), status=Status()), ()
    if draft.purpose is Purpose.TASK:
        arguments = {"title": draft.title, "task": text or draft.title, "parent": MAIN}
        return closed, (Invoke("spawn", arguments, f"creating {draft.title}", f"{draft.title} is created"),)
    if draft.purpose is Purpose.REASON:
        return closed, (_decide(draft.session, draft.number, "deny", text),)
    return _sent(view, closed, draft, text)


def _sent(view: View, closed: View, draft: Draft, text: str) -> Reduced:
    if not text:
        return replace(view, status=Status("there is nothing to send yet", "Esc puts the text away", bad=True)), ()
    arguments: dict[str, object] = {"sender": PERSON, "recipient": draft.session, "text": text, "kind": "message"}
    done = f"{draft.session} gets your message"
    if draft.purpose is Purpose.ANSWER:
        arguments |= {"answers": draft.number}
        done = f"{draft.session} gets your answer"
    return closed, (Invoke("send", arguments, f"writing to {draft.session}", done),)


def put_away(view: View) -> View:
    """Close the text area; what is written stays as a draft."""
    draft = view.draft
    closed = replace(view, mode=Mode.LIST, draft=None)
    if draft is not None and draft.purpose is Purpose.FILTER:
        return with_filter(closed, "")
    if draft is not None and draft.purpose is Purpose.SEARCH:
        return closed
    told = "nothing was created" if draft and draft.purpose in {Purpose.TITLE, Purpose.TASK} else "nothing was sent"
    return replace(closed, status=Status(told))


def _refuse(view: View, text: str, hint: str) -> View:
    return replace(view, status=Status(text, hint, bad=True))


def _move(by: int) -> Callable[[View], View]:
    def move(view: View) -> View:
        needs = view.needs
        if view.tab is Tab.NEEDS and needs:
            at = next((number + by for number, need in enumerate(needs) if need.key == view.item), 0)
            return select_need(view, needs[max(0, min(at, len(needs) - 1))])
        names = view.names
        if not names:
            return view
        at = names.index(view.selected) + by if view.selected in names else 0
        return select(view, names[max(0, min(at, len(names) - 1))])

    return move


def _jump(view: View, number: int) -> View:
    return select(view, view.names[number]) if number < len(view.names) else view


def _next_need(view: View) -> View:
    """Select the next session below that needs the person, or else the first one."""
    names = [row.session.name for row in view.rows if row.asks]
    if not names:
        return replace(view, status=Status("nothing waits for you"))
    at = view.names.index(view.selected) if view.selected in view.names else -1
    later = [name for name in names if view.names.index(name) > at]
    return select(view, (later or names)[0])


def _turn(by: int) -> Callable[[View], View]:
    def turn(view: View) -> View:
        tabs = list(Tab)
        return show(view, tabs[(tabs.index(view.tab) + by) % len(tabs)])

    return turn


def show(view: View, tab: Tab) -> View:
    """Show a tab; where needs are shown, one of the selected session's is selected, or else the one selected before."""
    shown = leave_ended(replace(view, tab=tab))
    elsewhere = not any(need.session == view.selected for need in view.data.needs)
    if tab is Tab.NEEDS and elsewhere and (need := shown.need or next(iter(view.data.needs), None)):
        return select_need(shown, need)
    return select(shown, shown.selected)


def turn_to(view: View, tab: Tab) -> Reduced:
    """Show a tab that was clicked."""
    view = show(view, tab)
    return view, _seen(view, "tab")


def click_session(view: View, name: str, *, again: bool) -> Reduced:
    """Select a session that was clicked; a second click on the same one goes to its window."""
    if name not in view.names:
        return view, ()
    goes, view = again and name == view.selected, select(view, name)
    return _simple("switch", "going to {}")(view, view.session) if goes and view.session is not None else (view, ())


def _shows(tab: Tab) -> Callable[[View], View]:
    return lambda view: show(view, tab)


def _help(view: View) -> View:
    return replace(view, mode=Mode.HELP)


def _fold(view: View) -> View:
    name = view.selected
    if not any(session.parent == name for session in view.data.sessions):
        return view
    return arranged(replace(view, folded=view.folded ^ {name}))


def _close(view: View) -> View:
    view = leave_ended(view)
    return replace(view, status=Status()) if view.status.text or not view.filter else with_filter(view, "")


def _opens(purpose: Purpose) -> Callable[[View], View]:
    return lambda view: writing(view, Draft(purpose))


def _simple(action: str, doing: str) -> Callable[[View, Session], Reduced]:
    def act(view: View, session: Session) -> Reduced:
        return view, (Invoke(action, {"name": session.name}, doing.format(session.name)),)

    return act


def _pair(view: View, session: Session) -> Reduced:
    if not is_executor(session):
        return _refuse(view, "the designer already works in your checkout", "select an executor"), ()
    name = session.name
    if session.paired:
        doing, done = f"ending the pairing with {name}", f"{name} is no longer paired"
        return view, (Invoke("pair", {"name": name, "toggle": True}, doing, done),)
    then = Invoke("pair", {"name": name}, f"pairing with {name}", f"{name} is paired")
    return _ask(view, pair_question(name), then), ()


def _try(view: View, session: Session) -> Reduced:
    if not is_executor(session):
        return _refuse(view, "the designer already works in your checkout", "select an executor"), ()
    name = session.name
    if session.tried:
        doing, done = "putting back your checkout", f"your checkout is as it was before {name} was tried"
        return view, (Invoke("try_off", {}, doing, done),)
    done = f"your checkout shows {name}; the same key puts back what was there"
    return view, (Invoke("try", {"name": name}, f"showing {name} in your checkout", done),)


def _ask(view: View, asked: Asked, then: Invoke) -> View:
    return replace(view, mode=Mode.CONFIRM, question=Question(asked.text, asked.detail, then), status=Status())


def _delete(view: View, session: Session) -> Reduced:
    if not is_executor(session):
        return _refuse(view, "the designer cannot be deleted", "to close everything: orchestra down --stop"), ()
    name = session.name
    then = Invoke(
        "delete", {"name": name}, f"deleting {name}", f"{name} is deleted; to bring it back: orchestra restore {name}"
    )
    return _ask(view, delete_question(name, session.branch), then), ()


def _merge(view: View, session: Session) -> Reduced:
    """Review first, so that the question says what would be merged."""
    if not is_executor(session):
        return _refuse(view, "the designer already works on your branch", "select an executor"), ()
    return view, (Invoke("review", {"name": session.name}, f"looking at {session.name}"),)


def _review(view: View, session: Session) -> Reduced:
    diff = diff_tab.shown(view)
    return view, (Review(session.name, path_at(diff) if diff is not None else ""),)


def _open(view: View, session: Session) -> Reduced:
    """Review the changes that are in sight; otherwise go to the session."""
    return (_review if diff_tab.shown(view) is not None else _ACTS["switch"])(view, session)


def _write(view: View, session: Session) -> Reduced:
    """Answer the selected question if it is in sight; otherwise write to the session."""
    need = view.need
    if view.tab is Tab.NEEDS and need is not None and need.kind is NeedKind.QUESTION:
        return view, (Write(Draft(Purpose.ANSWER, need.session, need.number)),)
    return view, (Write(Draft(Purpose.MESSAGE, session.name)),)


_DECISIONS = {"allow": "allow", "always": "always", "deny": "deny"}


def _answer(view: View, action: str, now: float) -> Reduced:
    """Answer the permission request that the terminal shows under the cursor, and no other."""
    need = view.need
    if need is None or need.kind is not NeedKind.PERMISSION:
        return _refuse(view, "there is no permission request here", _way(view, need)), ()
    if refused := _unanswerable(view, need, action, now):
        return refused, ()
    if action == "deny":
        return view, (Held(Write(Draft(Purpose.REASON, need.session, need.number))),)
    return view, (Held(_decide(need.session, need.number, _DECISIONS[action])),)


def _unanswerable(view: View, need: Need, action: str, now: float) -> View | None:
    if need.over:
        told = f"nothing was answered: request {need.number} of {need.session} {need.over}"
        return _refuse(view, told, f"{view.keymap.key('next')} goes on to what else waits for you")
    if is_unread(view, now):
        return _refuse(view, "this request has just come up; read it first", "then press the key again")
    if not need.answerable:
        return _refuse(view, f"{need.session} can only be answered in its window", _way(view, need))
    if action != "deny" and not view.painted.whole:
        scroll = f"{view.keymap.key('down')} or {view.keymap.key('page-down')} scrolls"
        return _refuse(view, "nothing is allowed yet: the request goes on below; read it to its end", scroll)
    return None


def _put_away(view: View, now: float) -> Reduced:
    """Mark the messages of the selected need's session as read."""
    need = view.need
    if need is None or need.kind is not NeedKind.MESSAGE:
        return _refuse(view, "there is no message to you here", _way(view, need)), ()
    if is_unread(view, now):
        return _refuse(view, "this message has just come up; read it first", "then press the key again"), ()
    return view, (Held(Invoke("mark_seen", {"name": need.session})),)


def _way(view: View, need: Need | None) -> str:
    if need is None:
        return ""
    if need.kind is NeedKind.QUESTION:
        return f"press {view.keymap.key('write')} to answer the question"
    return f"press {view.keymap.key('switch')} to go to its window"


def _decide(session: str, number: int, decision: str, reason: str = "") -> Invoke:
    arguments = {"id": number, "decision": decision, "reason": reason}
    done = {"allow": "may go on", "always": "may always do that", "deny": "was refused"}[decision]
    return Invoke("answer", arguments, f"answering {session}", f"{session} {done}")


_SCROLLS: dict[str, Scroll] = {
    "down": Scroll(1),
    "up": Scroll(-1),
    "page-down": Scroll(pages=1),
    "page-up": Scroll(pages=-1),
    "top": Scroll(-_FAR),
    "bottom": Scroll(_FAR),
}
_AT_ONCE: dict[str, Effect] = {
    "quit": Held(Leave()),
    "search": Held(Write(Draft(Purpose.SEARCH))),
    "layout": Invoke("layout", {"toggle": True}, "moving the windows"),
}
_HELP_SCROLLS = {"next": "down", "previous": "up"}
_PLAIN: dict[str, Callable[[View], View]] = {
    "next": _move(1),
    "previous": _move(-1),
    "next-need": _next_need,
    "needs": _shows(Tab.NEEDS),
    "diff": _shows(Tab.DIFF),
    "monitor": _shows(Tab.MONITOR),
    "messages": _shows(Tab.MESSAGES),
    "tab": _turn(1),
    "tab-back": _turn(-1),
    "new": _opens(Purpose.TITLE),
    "filter": _opens(Purpose.FILTER),
    "help": _help,
    "fold": _fold,
    "close": _close,
}
_ACTS: dict[str, Callable[[View, Session], Reduced]] = {
    "open": _open,
    "switch": _simple("switch", "going to {}"),
    "spec": _simple("edit_spec", "opening the spec of {}"),
    "terminal": _simple("terminal", "opening a terminal for {}"),
    "pair": _pair,
    "try": _try,
    "delete": _delete,
    "merge": _merge,
    "compare": compared.compare,
    "take": compared.take,
    "review": _review,
    "write": _write,
}
