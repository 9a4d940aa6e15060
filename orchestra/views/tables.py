"""Tables of plain data from the actions, for the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.style import Style
from rich.table import Table
from rich.text import Text

from orchestra.model import Evidence, ItemState, Message, MessageKind, MessageState, State, with_whom
from orchestra.model.sessions import LIVE
from orchestra.proof import Tally
from orchestra.views import palette
from orchestra.views.account import ITEM_MARKS, tally_text
from orchestra.views.forecast import read
from orchestra.views.monitor import MessagesView
from orchestra.views.plain_table import plain_table
from orchestra.views.text import age, block, count, line
from orchestra.views.usage import context_left, money, tokens

Row = Mapping[str, Any]
_READY = frozenset({"built", "finished image set"})


def _table(*columns: str) -> Table:
    table = plain_table()
    for number, name in enumerate(columns, 1):
        table.add_column(name, no_wrap=number < len(columns), overflow="fold" if number == len(columns) else "ellipsis")
    return table


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style=palette.MUTED, no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _block(text: str) -> Text:
    return Text("\n".join(block(text)))


def _moment(text: str) -> str:
    """Shorten an ISO time for people, still in UTC."""
    return line(str(text))[:19].replace("T", " ")


def rows_table(rows: Sequence[Row]) -> RenderableType:
    """Return a table with one column for each key of the first row."""
    if not rows:
        return Text("nothing to show", palette.MUTED)
    table = _table(*rows[0])
    for row in rows:
        table.add_row(*(_block(_plain(row.get(key))) for key in rows[0]))
    return table


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return str(value)


def settings_table(settings: Sequence[Row]) -> RenderableType:
    """Return the settings as in a file; defaults are dimmed."""
    table = _table("setting", "value", "from")
    for setting in settings:
        style = palette.FAINT if setting["origin"] == "built in" else palette.PLAIN
        cells = (line(setting["name"]), line(json.dumps(setting["value"], ensure_ascii=False)), line(setting["origin"]))
        table.add_row(*(Text(cell, style) for cell in cells))
    return table


def images_table(images: Sequence[Row]) -> RenderableType:
    """Return the images that have a name; replaced ones no longer have one."""
    rows = [
        {
            "image": image["tag"],
            "layer": image["stage"],
            "MiB": image["size"] // 1024**2,
            "built (UTC)": _moment(image["created"])[:16],
        }
        for image in images
        if not image["tag"].startswith("<none>")
    ]
    return rows_table(rows)


def agents_table(agents: Sequence[Row]) -> RenderableType:
    """Return the profiles: what is ready, what each reports (state, cost, context), and what it can do."""
    ready = _table("profile", "version", "image", "login")
    able = _table("profile", "kind", "state", "cost", "context", "resumes", "messages")
    for agent in agents:
        name = Text(line(agent["name"]), palette.STRONG if agent["usual"] else palette.PLAIN)
        state = agent["image"]["state"]
        image = Text(line(state), palette.GOOD if state in _READY else palette.MUTED)
        login = Text(line(agent["login"]["text"]), palette.PLAIN if agent["login"]["found"] else palette.MUTED)
        ready.add_row(name, Text(line(agent["version"])), image, login)
        marks = (_mark(agent[key]) for key in ("hooks", "cost", "context", "resume"))
        able.add_row(name, Text(line(agent["family"]), palette.MUTED), *marks, Text(line(agent["messages"])))
    return Group(ready, Text(), able)


def _mark(able: bool) -> Text:  # noqa: FBT001 -- a cell
    return Text("✓", palette.GOOD) if able else Text("–", palette.FAINT)


def findings_table(findings: Sequence[Row]) -> RenderableType:
    """Return the results of checks, and what to type if one failed or could be better."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style=palette.STRONG)
    table.add_column(overflow="fold")
    for finding in findings:
        better = finding["well"] and (finding.get("repair") or finding.get("note"))
        mark = Text("·" if better else "✓", palette.WARM if better else palette.GOOD)
        table.add_row(
            mark if finding["well"] else Text("✗", palette.BAD), Text(line(finding["check"])), _block(finding["detail"])
        )
        if finding.get("repair"):
            table.add_row("", "", Text.assemble(("→ ", palette.WARM), _block(finding["repair"])))
    return table


_ANSWERS = {
    "permission": "orchestra answer {number} allow, always or deny",
    "prompt": "orchestra switch {session}",
    "question": "orchestra send {session} TEXT",
    "failed": "orchestra log {session}",
    "stuck": "orchestra monitor {session}",
    "done": "orchestra review {session}",
    "merge": "orchestra review {session}; orchestra merge {session}",
    "message": "orchestra send {session} TEXT; or put it away: orchestra inbox --read",
}
"""What to type for each kind of need; the text of a trouble says it itself."""


def needs_table(needs: Sequence[Row], now: datetime) -> RenderableType:
    """Return what waits for the person, oldest first, each with what to type."""
    if not needs:
        return Text("nothing waits for you", palette.MUTED)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style=palette.STRONG)
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True, justify="right", style=palette.FAINT)
    for need in needs:
        since = datetime.fromisoformat(need["since"])
        table.add_row(line(need["session"]), Text(line(need["why"])), age(since, now))
        if answer := _ANSWERS.get(need["kind"]):
            words = answer.format(session=line(need["session"]), number=need["number"])
            table.add_row("", Text.assemble(("→ ", palette.WARM), words), "")
    return table


def events_table(events: Sequence[Row]) -> RenderableType:
    """Return events, oldest first."""
    if not events:
        return Text("nothing has happened yet", palette.MUTED)
    table = _table("time (UTC)", "what", "")
    for event in events:
        when = Text(_moment(event["at"]), palette.FAINT)
        table.add_row(when, Text(line(event["kind"]), palette.ACCENT), _block(event["text"]))
    return table


def letters(messages: Sequence[Row], now: datetime) -> RenderableType:
    """Return messages with their state, oldest first."""
    if not messages:
        return Text("no messages", palette.MUTED)
    return MessagesView([_message(message) for message in messages], now, numbered=True)


def _message(row: Row) -> Message:
    sent = datetime.fromisoformat(row["sent_at"])
    kind, state = MessageKind(row["kind"]), MessageState(row["state"])
    return Message(row["id"], row["sender"], row["recipient"], kind, row["text"], sent, state, sent)


_FACTS = ("title", "role", "agent", "sandbox", "branch", "base_branch", "worktree", "spec", "container", "parent")


def session_details(seen: Row, now: datetime) -> RenderableType:
    """Return one session: its state, where everything is, its commits and messages."""
    parts: list[RenderableType] = [_title(seen), _facts(seen)]
    shown = (("items", _items(seen)), ("commits", _commits(seen)), ("messages", _messages(seen, now)))
    for heading, table in shown:
        if table is not None:
            parts += [Text(), Rule(Text(heading, palette.MUTED), align="left", style=palette.RULE), table]
    return Group(*parts)


def _title(seen: Row) -> Text:
    state = State(seen["state"])
    style = palette.STATE_STYLES[state]
    return Text.assemble(
        (line(seen["name"]), palette.STRONG),
        "  ",
        (f"{palette.STATE_GLYPHS[state]} {state}", style),
        (f"  since {_moment(seen['state_since'])} UTC", palette.MUTED),
        (f"\n{line(Evidence.parse(seen['evidence']).text)}" if seen.get("evidence") else "", palette.MUTED),
        "\n",
    )


def _facts(seen: Row) -> Table:
    grid = _grid()
    for key in _FACTS:
        if seen.get(key):
            on_host = key == "sandbox" and seen[key] == "host"
            value = Text(" HOST ", palette.ALARM) if on_host else Text(line(str(seen[key])))
            grid.add_row(key.replace("_", " "), value)
    stat = seen["diff"]
    size = f"{count(stat['files'], 'file')}, +{stat['insertions']} −{stat['deletions']}"
    grid.add_row("changes", f"{size}, {count(seen['commits'], 'commit')}")
    if seen.get("tried"):
        grid.add_row("tried", Text(line(seen["tried"]), palette.VIOLET if seen["tried"] == LIVE else palette.WARM))
    if seen.get("counting"):
        grid.add_row("counting", Text(line(seen["counting"]), palette.WARM))
    for label, shown in _used(seen.get("usage") or {}):
        grid.add_row(label, Text(shown))
    if conflict := with_whom(read(seen.get("conflicts", ()))):
        grid.add_row("will conflict", Text(f"with {line(conflict)}", palette.WARM))
    if seen.get("stuck"):
        grid.add_row("stuck", Text(line(seen["stuck"]), palette.WARM))
    if seen.get("unread"):
        grid.add_row("unread", Text(f" {seen['unread']} ", palette.BADGE))
    return grid


def _used(usage: Row) -> list[tuple[str, str]]:
    """Return what a session has used, without what its agent does not tell."""
    read, written = usage.get("tokens_in"), usage.get("tokens_out")
    parts = [money(usage["cost"])] if usage.get("cost") is not None else []
    parts += [f"{tokens(read, written)} tokens in/out"] if read is not None or written is not None else []
    left = context_left(usage.get("context"))
    return [("used", ", ".join(parts) or "unknown"), *([("context", f"{left} left")] if left else [])]


def _commits(seen: Row) -> RenderableType | None:
    if not seen.get("log"):
        return None
    grid = _grid()
    for commit in seen["log"]:
        grid.add_row(Text(line(commit["id"])[:12], palette.ACCENT), Text(line(commit["subject"])))
    return grid


def _messages(seen: Row, now: datetime) -> RenderableType | None:
    return letters(seen["messages"], now) if seen.get("messages") else None


def _items(seen: Row) -> RenderableType | None:
    return items_table(seen) if seen.get("items") else None


def items_table(seen: Row) -> RenderableType:
    """Return the items of a spec: the state of each, the command that shows it, and how that ended."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for item in seen["items"]:
        mark, style = ITEM_MARKS[ItemState(item["state"])]
        grid.add_row(Text(f"{mark} {item['state']}", style), Text("  " * item["depth"] + line(item["item"])))
        if item["command"]:
            grid.add_row("", Text.assemble((f"$ {line(item['command'])}", palette.MUTED), *_ending(item["run"])))
    counts = Tally(*(seen["proof"][state] for state in ("proved", "claimed", "open")))
    more = counts.all - len(seen["items"])
    return Group(tally_text(counts), grid, *([Text(f"… and {more} more", palette.FAINT)] if more else []))


def _ending(run: Row | None) -> list[tuple[str, Style]]:
    if run is None:
        return [("  has not run", palette.FAINT)]
    words = "no end in time" if run["code"] is None else f"exit code {run['code']}"
    tree = f" on the tree {line(run['tree'])[:12]}, {run['seconds']:.1f} s"
    return [(f"  {words}", palette.GOOD if run["code"] == 0 else palette.BAD), (tree, palette.FAINT)]
