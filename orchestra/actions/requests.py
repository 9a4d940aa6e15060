"""Repeated requests whose answer was lost: nothing is done twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestra.errors import OrchestraError, StoreError, UsageError
from orchestra.names import digest
from orchestra.protocol import decode_error, encode_error, plain

if TYPE_CHECKING:
    from orchestra.project import Project
    from orchestra.store.requests import Request

ONCE = frozenset(
    {
        "send",
        "answer",
        "read",
        "spawn",
        "spawn_group",
        "restore",
        "delete",
        "merge",
        "take",
        "hand",
        "fork",
        "undo",
        "pr",
        "try",
        "try_off",
        "pair",
        "unpair",
        "comment",
        "send_comments",
    }
)
"""The actions that must not be done twice; repeating the others changes nothing."""
_IN_ONE_TRANSACTION = frozenset({"send", "answer", "read"})
"""Actions that only change the database, so that action and answer can share one transaction."""


@dataclass(frozen=True, slots=True)
class Notebook:
    """Notes that an action needs when it is repeated after a crash; without a request, nothing is kept."""

    project: Project | None = None
    request: str = ""
    before: str = ""

    def note(self, text: str) -> None:
        """Keep a text with the request; inside `Store.together` it is part of the transaction."""
        if self.project is not None:
            self.project.store.requests.note(self.request, text)


BLANK = Notebook()
"""For an action that will not be repeated."""


def perform(
    project: Project, request: str, action: str, arguments: Mapping[str, Any], run: Callable[[Notebook], Any]
) -> Any:  # noqa: ANN401 -- the action's own plain result
    """Run an action, or return its earlier answer for the same id.

    Raises the action's errors, the second time too, and UsageError for an id that was used for
    something else.
    """
    if not request or action not in ONCE:
        return run(BLANK)
    asked = digest(_text([action, plain(arguments)]), 32)
    if action in _IN_ONE_TRANSACTION:
        with project.store.together():
            return _perform(project, project.store.requests.begin(request, action, asked), asked, run)
    try:
        known = project.store.requests.begin(request, action, asked)
    except StoreError:
        # On a full disk sessions can still be stopped and deleted.
        return run(BLANK)
    return _perform(project, known, asked, run)


def _perform(project: Project, known: Request, asked: str, run: Callable[[Notebook], Any]) -> Any:  # noqa: ANN401 -- as above
    if known.arguments != asked:
        raise UsageError("another request has used this id", hint="give each request its own id")
    return _answer(known) if known.answer else _run(project, known, run)


def _run(project: Project, known: Request, run: Callable[[Notebook], Any]) -> Any:  # noqa: ANN401 -- as above
    try:
        result = run(Notebook(project, known.id, known.note))
    except OrchestraError as error:
        _remember(project, known, {"error": encode_error(error)})
        raise
    _remember(project, known, {"result": plain(result)})
    return result


def _remember(project: Project, known: Request, answer: Mapping[str, Any]) -> None:
    with nullcontext() if known.action in _IN_ONE_TRANSACTION else suppress(StoreError):
        project.store.requests.answer(known.id, json.dumps(answer))


def _answer(known: Request) -> Any:  # noqa: ANN401 -- as above
    answer = json.loads(known.answer)
    if "error" in answer:
        raise decode_error(answer["error"])
    return answer["result"]


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
