"""Find in the output of a monitor's program its answer and what it used; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestra.agents.activity import number, whole
from orchestra.model import Spent

_MOST_DOCUMENTS = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program printed as its answer, and what it says that this cost."""

    text: str
    spent: Spent


def read(output: str, where: Mapping[str, str]) -> Answer:
    """Return the answer in a program's output.

    ``where`` locates the text and the usage in each JSON object of the output, one for all of it or one on each line:
    keys with dots between them, ``*`` for any key, ``+`` between several that are added. The last text counts, and
    usage is added. Without ``where`` all of the output is the text.
    """
    if not where:
        return Answer(output, Spent())
    documents = list(_documents(output))
    texts = [found for one in documents for found in _at(one, where.get("text", "")) if isinstance(found, str)]
    spent = Spent(
        cost=number(_sum(documents, where.get("cost", ""))),
        tokens_in=whole(_sum(documents, where.get("tokens_in", ""))),
        tokens_out=whole(_sum(documents, where.get("tokens_out", ""))),
    )
    return Answer(next((text for text in reversed(texts) if text.strip()), ""), spent)


def _documents(output: str) -> Iterator[object]:
    rows = output.splitlines()
    for text in (output, *rows[:_MOST_DOCUMENTS]) if len(rows) > 1 else (output,):
        try:
            yield json.loads(text)
        except (ValueError, RecursionError):
            continue
        if text is output:
            return


def _sum(documents: list[object], paths: str) -> float | None:
    found = [number(value) for path in paths.split("+") for one in documents for value in _at(one, path.strip())]
    known = [value for value in found if value is not None]
    return sum(known) if known else None


def _at(document: object, path: str) -> Iterator[Any]:
    """Return every value at a path; nothing for an empty one."""
    key, _, rest = path.partition(".")
    if not key or not isinstance(document, Mapping):
        return
    for value in document.values() if key == "*" else [document[key]] if key in document else []:
        yield from _at(value, rest) if rest else [value]
