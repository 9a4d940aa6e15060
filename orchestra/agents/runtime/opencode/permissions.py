"""Pass opencode's permission requests on to the service, and each answer to the request that it is for.

opencode's own dialog is open meanwhile, and the first answer counts. A request keeps its id, so that it is asked again
under the same key by another bridge. A rejection also rejects the other open requests of its conversation (all seen
in 1.18.33).
"""

from __future__ import annotations

import threading
import time
from typing import Any

from ..ask_permission import Question
from .api import Api, Gone

AT_ONCE = 2.0
"""Seconds in which the rejections that follow from another arrive."""


class Permissions:
    """The requests that wait for an answer."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._waiting: dict[str, Question] = {}
        self._rejected = float("-inf")

    def ask(self, request: str, about: dict[str, Any]) -> None:
        """Ask the service about a request, unless that is being done."""
        with self._lock:
            if request in self._waiting:
                return
            question = self._waiting[request] = Question("Prompted", about, key=request)
        threading.Thread(target=self._converse, args=(request, question), daemon=True).start()

    def replied(self, request: str) -> None:
        """Take back the question about a request that was answered otherwise."""
        with self._lock:
            question = self._waiting.pop(request, None)
        if question is not None:
            follows = time.monotonic() < self._rejected + AT_ONCE
            question.over = True
            threading.Thread(target=question.take_back, args=("ended" if follows else "window",), daemon=True).start()

    def _converse(self, request: str, question: Question) -> None:
        question.ask()
        answer = question.answer
        with self._lock:
            # Taken out first, because opencode tells of our own answer too.
            mine = self._waiting.pop(request, None) is not None
        if not mine or not answer:
            return
        if answer.get("reply") == "reject":
            self._rejected = time.monotonic()
        try:
            self._api.reply(request, {str(key): str(value) for key, value in answer.items()})
        except Gone:
            question.take_back("window")
