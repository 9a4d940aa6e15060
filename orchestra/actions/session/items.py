"""The items of a session's spec, and what shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from orchestra.errors import NotFound, Refused, UsageError
from orchestra.model import Claim, ItemState, Role, Session, State
from orchestra.proof import Item, ItemProof, items_of, named, proofs, tally
from orchestra.protocol import plain
from orchestra.suggestion import nearest

if TYPE_CHECKING:
    from orchestra.project import Project
    from orchestra.store import Store

MOST = 100
"""The most items of one session that commands show."""
LONGEST = 2000
"""The most characters of such a command."""
SHOWN = 200
"""The most items that are listed one by one."""
_LONG = 200


def spec_items(store: Store, session: Session) -> tuple[Item, ...]:
    """Return the items of a session's newest spec."""
    spec = store.specs.get(session.name)
    return items_of(spec.text) if spec else ()


def shown_items(store: Store, session: Session) -> tuple[ItemProof, ...]:
    """Return the items of a session's newest spec, with what shows each."""
    items = spec_items(store, session)
    return proofs(items, store.claims.of(session.id)) if items else ()


def claim(project: Project, session: Session, item: str, command: str) -> Claim:
    """Record that ``command`` shows an item of a session's own spec, named by its text or number.

    Raises NotFound for an unknown item, UsageError for a command that cannot be one, and Refused for too many.
    """
    command = _checked(command)
    store = project.store
    with store.together():
        items = spec_items(store, session)
        found = named(items, item)
        if found is None:
            raise _unknown(items, item)
        known = {one.mark for one in store.claims.of(session.id)}
        if found.mark not in known and len(known) >= MOST:
            _make_room(store, session, items)
        return store.claims.add(session.id, found.mark, found.text, command)


def _checked(command: str) -> str:
    command = command.strip()
    if not command:
        raise UsageError("the command is empty", hint="name the command whose success shows the item")
    if len(command) > LONGEST:
        raise UsageError(
            f"the command has {len(command):,} characters, but the limit is {LONGEST:,}",
            hint="commit a script, and name that",
        )
    if not all(letter.isprintable() or letter in "\n\t" for letter in command):
        raise UsageError("the command has control characters", hint="write it as one would type it")
    return command


def _unknown(items: tuple[Item, ...], words: str) -> NotFound:
    if not items:
        return NotFound("your spec has no items, lines such as `- [ ] …`", hint="say in your report how you tested")
    word = words.strip()[:_LONG]
    near = nearest(word, [one.text[:_LONG] for one in items[:SHOWN]])
    meant = f"did you mean {near!r}?" if near else "read_spec returns the items; give the text of one, or its number"
    return NotFound(f"your spec has no item {word!r}", hint=meant)


def _make_room(store: Store, session: Session, items: tuple[Item, ...]) -> None:
    store.claims.keep(session.id, {one.mark for one in items})
    if len(store.claims.of(session.id)) >= MOST:
        raise Refused(f"you have named commands for {MOST} items, which is the limit", hint="report the rest in words")


def open_items(store: Store, sessions: Iterable[Session]) -> dict[int, str]:
    """Return what is open in the specs of executors that say they are done, in words, by the session's id."""
    done = [one for one in sessions if one.state is State.DONE and one.role is Role.EXECUTOR]
    words = {one.id: tally(shown_items(store, one)).left for one in done}
    return {number: left for number, left in words.items() if left}


def counted(shown: tuple[ItemProof, ...]) -> dict[str, int] | None:
    """Return how many items are in each state as data; None if there are none."""
    counts = tally(shown)
    return {"items": counts.all, **plain(counts)} if shown else None


def listed(shown: tuple[ItemProof, ...]) -> list[dict[str, Any]]:
    """Return the first `SHOWN` items as data: state, text, command, and how it ended."""
    return [_listed(one) for one in shown[:SHOWN]]


def _listed(one: ItemProof) -> dict[str, Any]:
    claimed = one.claim
    about = {"number": one.item.number, "item": one.item.text, "depth": one.item.depth, "state": one.state.value}
    run = claimed.run if claimed else None
    ran = {key: value for key, value in plain(run).items() if key not in {"entry", "name", "command"}} if run else None
    return {**about, "command": claimed.command if claimed else None, "run": ran}


def first_open(shown: tuple[ItemProof, ...], most: int) -> list[str]:
    """Return the texts of the first open items."""
    return [one.item.text for one in shown if one.state is ItemState.OPEN][:most]
