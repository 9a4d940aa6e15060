"""OpenAI's Chat Completions API, as far as agent programs use it: requests read, answers written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.support.models.messages_api import Asked, Call, Say

SESSION_HEADER = "x-session-id"
DONE = "[DONE]"
"""What ends a stream, in place of JSON."""


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = (one.get("text", "") for one in content if isinstance(one, dict)) if isinstance(content, list) else ()
    return "\n".join(part for part in parts if part)


def read_request(body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked:
    """Turn one request into what the rules match on: what was said since the model's last turn, and tools' results."""
    messages = tuple(body.get("messages", ()))
    latest = _since_the_model(messages)
    return Asked(
        user="\n".join(_text(one.get("content")) for one in latest if one.get("role") == "user").strip(),
        result="\n".join(_text(one.get("content")) for one in latest if one.get("role") == "tool"),
        system="\n".join(_text(one.get("content")) for one in messages if one.get("role") == "system"),
        session=headers.get(SESSION_HEADER, ""),
        model=body.get("model", ""),
        key=headers.get("authorization", "").removeprefix("Bearer "),
        tools=tuple(tool["function"]["name"] for tool in body.get("tools", ())),
        messages=messages,
    )


def _since_the_model(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for one in reversed(messages):
        if one.get("role") == "assistant":
            break
        found.append(one)
    return found[::-1]


def whole(asked: Asked, answer: Sequence[Say | Call], number: int) -> dict[str, Any]:
    """Return the answer as one completion."""
    calls = [_called(one, f"call_{number:04d}{index:02d}") for index, one in enumerate(answer) if isinstance(one, Call)]
    said = "".join(one.text for one in answer if isinstance(one, Say))
    message: dict[str, Any] = {"role": "assistant", "content": said, **({"tool_calls": calls} if calls else {})}
    return {
        "id": f"chatcmpl-{number:06d}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": asked.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


def _called(one: Call, name: str) -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": one.tool, "arguments": json.dumps(one.arguments)}}


def stream(completion: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Split a completion into the chunks of a streamed answer: role, text, calls, reason, usage, and the end."""
    choice = completion["choices"][0]
    message = choice["message"]
    calls = [{"index": index, **one} for index, one in enumerate(message.get("tool_calls", ()))]
    deltas = [
        {"role": "assistant", "content": ""},
        {"content": message["content"]},
        *({"tool_calls": calls},) * bool(calls),
    ]
    for delta in deltas:
        yield "", _chunk(completion, [{"index": 0, "delta": delta, "finish_reason": None}])
    yield "", _chunk(completion, [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}])
    yield "", {**_chunk(completion, []), "usage": completion["usage"]}
    yield "", DONE


def _chunk(completion: Mapping[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
    kept = {name: completion[name] for name in ("id", "created", "model")}
    return {**kept, "object": "chat.completion.chunk", "choices": choices}
