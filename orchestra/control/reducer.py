"""What each key does: (view, key) → (view, effects); pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from orchestra.bindings import for_key
from orchestra.control import typing
from orchestra.control.keys import Key
from orchestra.control.state import Effect, Input, Invoke, Leave, Mode, Question, Status, Tab, View, is_executor, select
from orchestra.model import Session
from orchestra.names import MAIN
from orchestra.views.questions import Asked, delete_question, pair_question
from orchestra.views.text import block, line

Reduced = tuple[View, tuple[Effect, ...]]
_TITLE, _TASK = "title", "task"
_LONGEST_INPUT = 60_000


def press(view: View, key: Key, now: float | None = None) -> Reduced:
    """Return the view after a key, and the effects to perform.

    ``now`` is in seconds on any steady clock; without it no key counts as typing.
    """
    if now is None:
        return _pressed(view, key)
    if (typed := typing.caught(view, key, now)) is not None:
        return typing.noted(typed, key, now, before=view.mode), ()
    after, effects = _pressed(view, key)
    return typing.noted(after, key, now, before=view.mode), effects


def _pressed(view: View, key: Key) -> Reduced:
    if key.name == "C-c" and view.mode is not Mode.LIST:
        return replace(view, mode=Mode.LIST, question=None, input=None), ()
    return _MODES[view.mode](view, key)


def _in_list(view: View, key: Key) -> Reduced:
    name = _SAME.get(key.name, key.name)
    binding = for_key(name)
    if name == "Escape":
        return replace(view, status=Status()), ()
    if name in _MOVES:
        return _MOVES[name](view), ()
    if binding is None:
        return view, ()
    if binding.action in _PLAIN:
        return _PLAIN[binding.action](view), ()
    if binding.action == "quit":
        return view, (Leave(),)
    act = _ACTS.get(binding.action)
    if act is None:
        return view, ()
    if view.session is None:
        return _refuse(view, "no session is selected", "press N to create one"), ()
    return act(view, view.session)


def _in_help(view: View, key: Key) -> Reduced:
    if key.name in _MOVES:
        return _MOVES[key.name](view), ()
    binding = for_key(key.name)
    if binding is not None and binding.action in _SCROLLS:
        return _PLAIN[_SCROLLS[binding.action]](view), ()
    return replace(view, mode=Mode.LIST, scroll=0), ()


def _in_question(view: View, key: Key) -> Reduced:
    question = view.question
    closed = replace(view, mode=Mode.LIST, question=None)
    if question is not None and key.name in {"y", "Y"}:
        return closed, (question.then,)
    if key.name in {"n", "N", "q", "Escape", "Enter"}:
        return replace(closed, status=Status("nothing was done")), ()
    return view, ()


def _in_input(view: View, key: Key) -> Reduced:
    typed = view.input or Input(_TITLE)
    if key.name == "Escape":
        return replace(view, mode=Mode.LIST, input=None, status=Status("nothing was created")), ()
    if key.name == "Enter":
        return _entered(view, typed)
    return replace(view, input=replace(typed, text=_edited(typed, key)[:_LONGEST_INPUT])), ()


def _edited(typed: Input, key: Key) -> str:
    text = typed.text
    if key.is_text:
        return text + key.name
    if key.name == "Paste":
        return text + (_lines(key.text) if typed.label == _TASK else line(key.text))
    if key.name == "Backspace":
        return text[:-1]
    if key.name == "C-w":
        return text.rstrip().rpartition(" ")[0]
    return "" if key.name == "C-u" else text


def _lines(pasted: str) -> str:
    """Normalise the lines of a pasted text; terminals send a carriage return for each newline."""
    return "\n".join(block(pasted.replace("\r\n", "\n").replace("\r", "\n")))


def _entered(view: View, typed: Input) -> Reduced:
    text = typed.text.strip()
    if typed.label == _TITLE:
        if not text:
            return replace(view, status=Status("a session needs a title", "Esc cancels", bad=True)), ()
        return replace(view, input=Input(_TASK, title=text), status=Status()), ()
    arguments = {"title": typed.title, "task": text or typed.title, "parent": MAIN}
    spawn = Invoke("spawn", arguments, f"creating {typed.title}", f"{typed.title} is created")
    return replace(view, mode=Mode.LIST, input=None), (spawn,)


def _refuse(view: View, text: str, hint: str) -> View:
    return replace(view, status=Status(text, hint, bad=True))


def _move(by: int) -> Callable[[View], View]:
    def move(view: View) -> View:
        names = view.names
        if not names:
            return view
        at = names.index(view.selected) + by if view.selected in names else 0
        return select(view, names[max(0, min(at, len(names) - 1))])

    return move


def _scroll(lines: int = 0, pages: int = 0) -> Callable[[View], View]:
    def scroll(view: View) -> View:
        by = lines + pages * max(1, view.page - 1)
        return replace(view, scroll=max(0, min(view.scroll + by, view.last)))

    return scroll


def _turn(by: int) -> Callable[[View], View]:
    def turn(view: View) -> View:
        tabs = list(Tab)
        return _show(tabs[(tabs.index(view.tab) + by) % len(tabs)])(view)

    return turn


def _show(tab: Tab) -> Callable[[View], View]:
    def show(view: View) -> View:
        return view if view.tab is tab else replace(view, tab=tab, scroll=0)

    return show


def _ask_title(view: View) -> View:
    return replace(view, mode=Mode.INPUT, input=Input(_TITLE), status=Status())


def _help(view: View) -> View:
    return replace(view, mode=Mode.HELP, scroll=0)


def _simple(action: str, doing: str, *, held: bool = False) -> Callable[[View, Session], Reduced]:
    def act(view: View, session: Session) -> Reduced:
        name = session.name
        return view, (Invoke(action, {"name": name}, doing.format(name), held=held),)

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


_MODES: dict[Mode, Callable[[View, Key], Reduced]] = {
    Mode.LIST: _in_list,
    Mode.HELP: _in_help,
    Mode.CONFIRM: _in_question,
    Mode.INPUT: _in_input,
}
_SAME = {"C-n": "Down", "C-p": "Up", "C-d": "PgDn", "C-u": "PgUp", " ": "PgDn"}
_MOVES: dict[str, Callable[[View], View]] = {
    "Home": _scroll(lines=-1_000_000),
    "End": _scroll(lines=1_000_000),
    "Right": _turn(1),
    "Left": _turn(-1),
    "BackTab": _turn(-1),
}
_PLAIN: dict[str, Callable[[View], View]] = {
    "next": _move(1),
    "previous": _move(-1),
    "diff": _show(Tab.DIFF),
    "monitor": _show(Tab.MONITOR),
    "tab": _turn(1),
    "down": _scroll(lines=1),
    "up": _scroll(lines=-1),
    "page-down": _scroll(pages=1),
    "page-up": _scroll(pages=-1),
    "new": _ask_title,
    "help": _help,
}
_SCROLLS = {
    "down": "down",
    "up": "up",
    "page-down": "page-down",
    "page-up": "page-up",
    "next": "down",
    "previous": "up",
}
_ACTS: dict[str, Callable[[View, Session], Reduced]] = {
    "switch": _simple("switch", "going to {}"),
    "spec": _simple("edit_spec", "opening the spec of {}", held=True),
    "terminal": _simple("terminal", "opening a terminal for {}", held=True),
    "pair": _pair,
    "delete": _delete,
    "merge": _merge,
}
