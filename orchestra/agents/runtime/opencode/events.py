"""Translate opencode's events into those of the service; the only effect is reporting them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Report = Callable[[str, dict[str, Any]], None]
Say = Callable[[str, str], None]
"""A function that stores who said what, because opencode's own database is not read."""
_ASKED = frozenset({"permission.asked", "question.asked"})
_ANSWERED = frozenset({"permission.replied", "question.replied", "question.rejected"})
_ABORTED = "MessageAbortedError"
_TAIL = 16 * 1024
"""Characters at the end of a command's output that are reported."""


class EventReporter:
    """Follows the conversation that the person last wrote to, and those that its agent started."""

    def __init__(
        self,
        report: Report,
        window: Callable[[str, str], float],
        session: str = "",
        *,
        ask: Report | None = None,
        replied: Callable[[str], None] = lambda _request: None,
        say: Say = lambda _who, _text: None,
    ) -> None:
        self._report = report
        self._ask = ask or (lambda _request, about: report("Prompted", about))
        self._replied = replied
        self._say = say
        self._texts: dict[str, dict[str, str]] = {}
        self._window = window
        self.session = session
        self.busy = False
        self._parents: dict[str, str] = {}
        self._prompts: set[str] = set()
        self._begun: set[str] = set()
        self._dialogs: set[str] = set()
        self._running: set[str] = set()
        self._answer = ""
        self._error = ""
        self._spent: dict[str, dict[str, Any]] = {}
        self._used: dict[str, Any] = {}
        self._windows: dict[tuple[str, str], float] = {}

    def take(self, kind: str, about: dict[str, Any]) -> None:
        """Handle one event."""
        if kind in {"session.created", "session.updated"}:
            self.know(about.get("info") or {})
        elif kind == "message.updated":
            self._message(about.get("info") or {})
        elif kind == "message.part.updated":
            self._part(about.get("part") or {})
        elif kind == "session.status" and about.get("sessionID") == self.session:
            self._status(about.get("status") or {})
        elif kind == "session.error" and about.get("sessionID") == self.session:
            self._failed(about.get("error") or {})
        elif kind in _ASKED:
            self.asked(about)
        elif kind in _ANSWERED:
            self._answered(str(about.get("requestID", "")))

    def asked(self, about: dict[str, Any]) -> None:
        """Report that a dialog is open."""
        self._dialogs.add(str(about.get("id", "")))
        questions = about.get("questions") or []
        if questions:
            self._report("Prompted", {"text": questions[0].get("question", "")})
            return
        patterns = [str(pattern) for pattern in about.get("patterns") or ()]
        given = {"pattern": ", ".join(patterns), **(about.get("metadata") or {})}
        self._ask(str(about.get("id", "")), {"tool": about.get("permission", ""), "input": given})

    def _answered(self, request: str) -> None:
        self._replied(request)
        if request in self._dialogs:
            self._dialogs.discard(request)
            if not self._dialogs:
                self._report("PromptAnswered", {})

    def know(self, info: dict[str, Any]) -> None:
        """Record a conversation."""
        number = str(info.get("id", ""))
        self._parents[number] = str(info.get("parentID") or "")
        used = {"conversation": number, "cost": info.get("cost"), "tokens": info.get("tokens")}
        if (used["cost"] or used["tokens"]) and used != self._spent.get(number):
            self._spent[number] = used
            self._report("Usage", used)

    def _message(self, info: dict[str, Any]) -> None:
        number, session = str(info.get("id", "")), str(info.get("sessionID", ""))
        if info.get("role") == "user":
            self._prompts.add(number)
            if not self._parents.get(session) and session != self.session:
                self.session, self.busy = session, False
        elif (info.get("time") or {}).get("completed"):
            self._say("assistant", "\n".join(self._texts.pop(number, {}).values()))
            if session == self.session:
                self._count(info)

    def _count(self, info: dict[str, Any]) -> None:
        tokens = info.get("tokens") or {}
        cache = tokens.get("cache") or {}
        counted = (tokens.get("input"), tokens.get("output"), cache.get("read"), cache.get("write"))
        total = float(tokens.get("total") or sum(number or 0 for number in counted))
        key = (str(info.get("providerID", "")), str(info.get("modelID", "")))
        if total <= 0:
            return
        if key not in self._windows:
            self._windows[key] = self._window(*key)
        window = self._windows[key]
        used = {"context": round(100 * total / window, 1) if window else None, "model": "/".join(key)}
        if used != self._used:
            self._used = used
            self._report("Usage", used)

    def _part(self, part: dict[str, Any]) -> None:
        kind, message = part.get("type"), str(part.get("messageID", ""))
        if kind == "text" and message in self._prompts:
            if part.get("sessionID") == self.session and message not in self._begun and not part.get("synthetic"):
                self._begun.add(message)
                self._say("user", str(part.get("text", "")))
                self._begin(str(part.get("text", "")))
        elif kind == "text":
            self._texts.setdefault(message, {})[str(part.get("id", ""))] = str(part.get("text") or "")
            if part.get("sessionID") == self.session:
                self._answer = str(part.get("text") or "") or self._answer
        elif kind == "tool":
            self._tool(part, part.get("state") or {})

    def _tool(self, part: dict[str, Any], state: dict[str, Any]) -> None:
        number, status = str(part.get("id", "")), state.get("status")
        about = {"tool": part.get("tool", ""), "input": state.get("input") or {}, "key": part.get("callID", number)}
        if status == "running" and number not in self._running:
            self._running.add(number)
            self._used_tool(about)
        elif status in {"completed", "error"} and number in self._running:
            self._running.discard(number)
            code = (state.get("metadata") or {}).get("exit")
            failed = status == "error" or code not in {None, 0}
            output = str(state.get("output") or "")[-_TAIL:]
            self._used_tool({**about, "failed": failed, "code": code, "output": output})

    def _used_tool(self, about: dict[str, Any]) -> None:
        # A tool runs before its question, and others may run in parallel; an open question means waiting.
        if not self._dialogs:
            self._report("ToolUsed", about)

    def _begin(self, text: str) -> None:
        self.busy, self._error, self._answer = True, "", ""
        self._report("TurnStarted", {"text": text})

    def _status(self, status: dict[str, Any]) -> None:
        match status.get("type"):
            case "busy" if not self.busy:
                self._begin("")
            case "retry":
                ends = float(status.get("next") or 0) / 1000
                self._report("Retried", {"text": status.get("message", ""), "next": ends or None})
            case "idle" if self.busy:
                self.end()

    def _failed(self, error: dict[str, Any]) -> None:
        message = (error.get("data") or {}).get("message") or error.get("name") or "unknown"
        self._error = "" if error.get("name") == _ABORTED else str(message)

    def end(self) -> None:
        """Report that the turn is over, and how."""
        self.busy = False
        self._dialogs.clear()
        if self._error:
            self._report("TurnFailed", {"text": self._error})
        else:
            self._report("TurnEnded", {"text": self._answer})
