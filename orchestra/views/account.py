"""The account of a session as lines: what it did so far, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rich.style import Style
from rich.text import Text

from orchestra.account import Account, Next, NextItem, SoFar
from orchestra.events import Outcome
from orchestra.ledger import Command
from orchestra.model import ItemState, ModelSummary
from orchestra.proof import Tally
from orchestra.views import palette
from orchestra.views.text import age, fit, line, wrap

_LABEL = 9
_MARKS = {
    Outcome.OK: ("✓", palette.GOOD),
    Outcome.FAILED: ("✗", palette.BAD),
    Outcome.UNKNOWN: ("?", palette.VIOLET),
    Outcome.BEGUN: ("▸", palette.ACCENT),
}
_NAMES = 4
"""How many changed files and commits are named."""


def heading(words: str, width: int) -> Iterator[Text]:
    """Return an empty line, and one with a title."""
    yield Text()
    yield Text.assemble((words, palette.MUTED), " ", ("─" * max(0, width - len(words) - 1), palette.RULE))


def fact(label: str, value: Text, width: int) -> Text:
    """Return one line with a label."""
    whole = Text.assemble((f"{label:<{_LABEL}}", palette.MUTED), value, no_wrap=True)
    whole.truncate(width, overflow="ellipsis")
    return whole


def so_far_lines(account: Account, now: datetime, width: int) -> Iterator[Text]:
    """Return what a session did: commands, tests, files, commits, messages, and its time in each state."""
    so_far = account.so_far
    yield from heading("so far", width)
    yield fact("commands", _counts(so_far), width)
    for test in so_far.tests:
        yield fact("tests", _test(test, now), width)
    if so_far.files:
        names = [line(file.text) for file in so_far.files]
        yield fact("edited", _listed(names, len(names)), width)
    if so_far.commits:
        words = [line(commit.text) for commit in so_far.commits]
        yield fact("commits", _listed(words, max(so_far.all_commits, len(words))), width)
    if so_far.sent or so_far.received:
        yield fact("messages", Text(f"{so_far.sent} sent, {so_far.received} received"), width)
    if spent := _times(account, now):
        yield fact("time", Text(" · ".join(spent)), width)
    for command in so_far.commands:
        yield _command_line(command, now, width)


def said_lines(said: ModelSummary | None, now: datetime, width: int) -> Iterator[Text]:
    """Return what a model says of a session, marked as a model's words; nothing if none was asked."""
    if said is None:
        return
    when = f"{age(said.at, now)} ago" if said.at else "nothing yet"
    title = f"a model says, not checked, {when}{' · ' if said.by else ''}{line(said.by)}"
    yield from heading(fit(title, width - 2), width)
    for words in said.lines:
        yield from _quoted(words, palette.PLAIN, width)
    if said.drift:
        yield from _quoted(f"drift from the spec? {said.drift}", palette.WARM, width)
    if said.trouble:
        yield from _quoted(f"no newer summary: {said.trouble}" if said.lines else said.trouble, palette.MUTED, width)


def _quoted(words: str, style: Style, width: int) -> Iterator[Text]:
    for row in wrap(line(words), max(2, width - 2)):
        yield Text.assemble(("▏", palette.VIOLET), (f" {row}", style), no_wrap=True)


def next_lines(coming: Next, width: int) -> Iterator[Text]:
    """Return what a session waits for, and the items of its spec; nothing if there is neither."""
    if not coming.waits_for and not coming.tally.all:
        return
    yield from heading("next", width)
    if coming.waits_for:
        yield fact("waits for", Text(f" {line(coming.waits_for)}", palette.WARM), width)
    if coming.tally.all:
        yield fact("spec", tally_text(coming.tally), width)
    for item in coming.items:
        yield _item_line(item, width)
    if left := coming.tally.all - len(coming.items):
        yield Text(fit(f"  … and {left} more", width), palette.FAINT, no_wrap=True)


def tally_text(counts: Tally) -> Text:
    """Return how many items of a spec are proved, claimed and open."""
    numbers = {ItemState.PROVED: counts.proved, ItemState.CLAIMED: counts.claimed, ItemState.OPEN: counts.open}
    known = [(f"{number} {state}", ITEM_MARKS[state][1]) for state, number in numbers.items() if number]
    return Text(" · ", palette.FAINT).join([Text(words, style) for words, style in known])


ITEM_MARKS = {
    ItemState.PROVED: ("✓", palette.GOOD),
    ItemState.CLAIMED: ("◐", palette.ACCENT),
    ItemState.OPEN: ("○", palette.WARM),
}
"""The sign and the colour of each state of an item."""


def _item_line(item: NextItem, width: int) -> Text:
    mark, style = ITEM_MARKS[item.state]
    refuted = item.state is ItemState.OPEN and item.ended
    right = f" {item.ended}" if refuted and width > _ENDED_FITS else ""
    words = fit(line(item.text), max(0, width - 4 - len(right)))
    return Text.assemble((f"  {mark} ", style), words, (right, palette.BAD), no_wrap=True)


_ENDED_FITS = 40


def _counts(so_far: SoFar) -> Text:
    counts = so_far.counts
    if not counts.all:
        return Text("none that it told of", palette.FAINT)
    parts = (
        (counts.ok, "ok", palette.GOOD),
        (counts.failed, "failed", palette.BAD),
        (counts.unknown, "of unknown result", palette.VIOLET),
        (counts.running, "running", palette.ACCENT),
    )
    words = Text(str(counts.all))
    for place, (number, word, style) in enumerate(part for part in parts if part[0]):
        words.append(" · " if place else ": ", palette.FAINT).append(f"{number} {word}", style)
    return words


def _test(test: Command, now: datetime) -> Text:
    outcome = _outcome_of_tests(test)
    mark, style = _MARKS[outcome]
    told = [f"{number} {word}" for number, word in ((test.failed, "failed"), (test.passed, "passed")) if number]
    result = ", ".join(told) or _WORDS[outcome]
    when = f"for {age(test.began, now)}" if test.ended is None else f"{age(test.ended, now)} ago"
    shown = Text.assemble((f"{mark} {result}", style), (f" {when}  ", palette.FAINT))
    return shown.append(_first_line(test.command), palette.MUTED)


_WORDS = {
    Outcome.OK: "passed",
    Outcome.FAILED: "failed",
    Outcome.UNKNOWN: "ended, result unknown",
    Outcome.BEGUN: "running",
}


def _outcome_of_tests(test: Command) -> Outcome:
    if test.outcome is Outcome.BEGUN:
        return Outcome.BEGUN
    return {True: Outcome.OK, False: Outcome.FAILED, None: Outcome.UNKNOWN}[test.tests_passed]


def _command_line(command: Command, now: datetime, width: int) -> Text:
    mark, style = _MARKS[command.outcome]
    right = f" {_how(command)}" if _how(command) else ""
    room = max(0, width - 7 - len(right))
    return Text.assemble(
        (f"{age(command.ended or command.began, now):>4} ", palette.FAINT),
        (f"{mark} ", style),
        (fit(_first_line(command.command), room), palette.PLAIN),
        (right if room else "", style),
        no_wrap=True,
    )


def _how(command: Command) -> str:
    if command.outcome is Outcome.FAILED:
        return f"exit {command.code}" if command.code is not None else "failed"
    return {Outcome.UNKNOWN: "result unknown", Outcome.BEGUN: "running"}.get(command.outcome, "")


def _first_line(command: str) -> str:
    first, _, rest = command.strip().partition("\n")
    return f"{line(first)} …" if rest else line(first)


def _listed(names: list[str], whole: int) -> Text:
    shown = Text(", ".join(names[:_NAMES]))
    return shown.append(f" and {whole - _NAMES} more", palette.FAINT) if whole > _NAMES else shown


def _times(account: Account, now: datetime) -> list[str]:
    """Return the time in each state, the longest first; the state of now has lasted on since the account was made."""
    times = {**account.so_far.times}
    times[account.now.state] = times.get(account.now.state, 0.0) + max(0.0, (now - account.at).total_seconds())
    known = sorted(((seconds, state) for state, seconds in times.items() if seconds >= 1), reverse=True)
    return [f"{state} {age(now - timedelta(seconds=seconds), now)}" for seconds, state in known]
