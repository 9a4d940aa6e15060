"""Anthropic's Messages API, as far as agent programs use it: requests read, answers written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_WOKEN = re.compile(r"<task-notification>.*?</task-notification>\s*<system-reminder>(.*?)</system-reminder>", re.DOTALL)
"""What wakes Claude Code without being typed; it stands where a person's words would."""
SESSION_HEADER = "x-claude-code-session-id"
_INJECTED = re.compile(r"<(system-reminder|environment_context)>(.*?)</\1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Say:
    """A piece of text in the model's answer."""

    text: str


TITLE = Say("A title")
"""What is answered to a request that declares no tools, unless those of its program never do."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool the model's answer calls."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came in; ``user`` and ``result`` are its last user text and tool result.

    ``injected`` is what the agent program itself added since the model's last turn.
    """

    user: str
    result: str
    system: str
    session: str
    model: str
    key: str
    tools: tuple[str, ...]
    messages: tuple[dict[str, Any], ...]
    injected: str = ""

    @property
    def everything(self) -> str:
        """The whole conversation as JSON text, for a test that looks for words anywhere in it."""
        return json.dumps(self.messages)


def _texts(content: object, wanted: str) -> str:
    if isinstance(content, str):
        return content if wanted == "text" else ""
    found: list[str] = []
    for block in content if isinstance(content, list) else ():
        if block.get("type") == "text" and wanted == "text":
            found.append(block["text"])
        elif block.get("type") == "tool_result" and wanted == "tool_result":
            inner = block.get("content", "")
            found.append(inner if isinstance(inner, str) else _texts(inner, "text"))
    return "\n".join(found)


def read_request(body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked:
    """Turn one request into what the rules match on, without text that the agent program injected."""
    messages = tuple(body.get("messages", ()))
    content = next((one["content"] for one in reversed(messages) if one.get("role") == "user"), "")
    return Asked(
        user=_INJECTED.sub("", _WOKEN.sub(r"\1", _texts(content, "text"))).strip(),
        result=_texts(content, "tool_result"),
        system=_texts(body.get("system", ""), "text"),
        session=headers.get(SESSION_HEADER, ""),
        model=body.get("model", ""),
        key=headers.get("x-api-key", "") or headers.get("authorization", "").removeprefix("Bearer "),
        tools=tuple(tool.get("name", "") for tool in body.get("tools", ())),
        messages=messages,
        injected=_injected(messages),
    )


def _injected(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return reminders and system messages since the model's last turn: hooks' context arrives as either."""
    found: list[str] = []
    for one in reversed(messages):
        if one.get("role") == "assistant":
            break
        text = _texts(one.get("content", ""), "text")
        found.append(text if one.get("role") == "system" else "\n".join(hit[1] for hit in _INJECTED.findall(text)))
    return "\n".join(reversed(found)).strip()


def _blocks(answer: Sequence[Say | Call], number: int) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for index, one in enumerate(answer):
        if isinstance(one, Say):
            made.append({"type": "text", "text": one.text})
        else:
            name = f"toolu_{number:04d}{index:02d}"
            made.append({"type": "tool_use", "id": name, "name": one.tool, "input": dict(one.arguments)})
    return made


def whole(asked: Asked, answer: Sequence[Say | Call], number: int) -> dict[str, Any]:
    """Return the answer as one message."""
    calls = any(isinstance(one, Call) for one in answer)
    return {
        "id": f"msg_{number:06d}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": _blocks(answer, number),
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 20},
    }


def stream(message: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Split a message into the events of a streamed answer, in the order the API sends them."""
    opening = {**message, "content": [], "stop_reason": None}
    yield "message_start", {"type": "message_start", "message": opening}
    yield "ping", {"type": "ping"}
    for index, block in enumerate(message["content"]):
        empty = {**block, "input": {}} if block["type"] == "tool_use" else {**block, "text": ""}
        yield "content_block_start", {"type": "content_block_start", "index": index, "content_block": empty}
        if block["type"] == "tool_use":
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        else:
            delta = {"type": "text_delta", "text": block["text"]}
        yield "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": index}
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": ending, "usage": message["usage"]}
    yield "message_stop", {"type": "message_stop"}
