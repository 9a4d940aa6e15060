"""Run one action for several sessions at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from orchestra.cli.dispatch import ask, say
from orchestra.errors import OrchestraError, Refused, UsageError

_AT_ONCE = 16


def chosen(start: Path | None, names: Sequence[str], *, every: Callable[[dict[str, Any]], bool] | None) -> list[str]:
    """Return the given names once each or, with ``every``, those of all sessions for which it returns True.

    Raises UsageError for no names, and for names together with ``every``.
    """
    if every is not None and names:
        raise UsageError("names and --all were both given", hint="use one of them")
    if every is None and not names:
        raise UsageError("no session was named", hint="name one or more, or add --all; to see them: orchestra list")
    if every is None:
        return list(dict.fromkeys(names))
    return [row["name"] for row in ask(start, "list") if every(row)]


def ask_each(
    start: Path | None, action: str, names: Sequence[str], show: Callable[[str, Any], None], **arguments: object
) -> None:
    """Run an action for each session, many at once, and show what each returns, in their order.

    One's error does not stop the others. Raises the error of a single session; of several, Refused
    with the names.
    """
    if len(names) == 1:
        show(names[0], ask(start, action, name=names[0], **arguments))
        return
    failed = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        begun = [(name, pool.submit(partial(ask, start, action, name=name, **arguments))) for name in names]
        for name, future in begun:
            try:
                show(name, future.result())
            except OrchestraError as error:
                say(f"{name}: {error}")
                failed.append(name)
    if failed:
        raise Refused(f"could not {action}: {', '.join(failed)}", hint="the reasons are above")
