"""Permission requests in full, and the record of their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestra.views import palette
from orchestra.views.text import age, block, line

Row = Mapping[str, Any]
_WORDS = {
    "window": "in its window",
    "ended": "nobody: its agent ended or went on",
    "timeout": "nobody in time",
    "person": "you",
}


def requests_view(requests: Sequence[Row], now: datetime) -> RenderableType:
    """Return open requests, each with everything that is asked."""
    return Group(*(part for request in requests for part in _request(request, now)))


def _request(request: Row, now: datetime) -> tuple[RenderableType, ...]:
    head = Text.assemble(
        (f"{request['id']}", palette.STRONG),
        f"  {line(request['session'])}  ",
        (line(request["summary"]), palette.ACCENT),
        (f"  {age(datetime.fromisoformat(request['at']), now)}", palette.MUTED),
    )
    body = Text("\n".join(f"    {row}" for row in block(request["detail"])))
    return head, body, Text(f"    → {_hint(request)}", palette.MUTED), Text()


def _hint(request: Row) -> str:
    if request["answerable"]:
        return f"orchestra answer {request['id']} allow|always|deny"
    return f"answer it in its window, because {line(request['note'])}: orchestra switch {line(request['session'])}"


def answers_table(answers: Sequence[Row]) -> RenderableType:
    """Return answered requests, oldest first: when, whose, the answer, by whom, and exactly what it was about."""
    if not answers:
        return Text("nothing has been answered yet", palette.MUTED)
    table = Table.grid(padding=(0, 1, 0, 0))
    for _ in range(5):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for answer in answers:
        when = Text(line(str(answer["answered_at"]))[:19].replace("T", " "), palette.FAINT)
        style = {"deny": palette.BAD, None: palette.MUTED}.get(answer["decision"], palette.GOOD)
        about = Text("\n".join(block(answer["detail"])))
        if answer["late_decision"]:
            about.append(f"\n{_late(answer)}", palette.WARM)
        if answer["reason"]:
            about.append(f"\n({line(answer['reason'])})", palette.MUTED)
        table.add_row(
            when,
            Text(str(answer["id"]), palette.MUTED),
            Text(line(answer["session"])),
            Text(answer["decision"] or "–", style),
            Text(_by(answer), palette.MUTED),
            Group(Text(line(answer["tool"]), palette.ACCENT), about),
        )
    return table


def _late(answer: Row) -> str:
    when = line(str(answer["late_at"]))[11:19]
    return f"came too late, and did not count: {answer['late_decision']} by {_by(answer, 'late_by')} at {when}"


def _by(answer: Row, whose: str = "answered_by") -> str:
    if answer[whose] == "rule":
        return f"rule {line(answer['rule'])}"
    return _WORDS[answer[whose]]
