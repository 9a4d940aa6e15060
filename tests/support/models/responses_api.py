"""OpenAI's Responses API, as far as agent programs use it: requests read, answers written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.support.models.messages_api import Asked, Call, Say

SESSION_HEADER = "session-id"
_INJECTED = re.compile(r"<(environment_context|user_instructions|permissions instructions)>(.*?)</\1>", re.DOTALL)
_FREE = frozenset({"apply_patch", "exec"})
"""Tools that take a text, given here as the argument ``input``."""
_NAMESPACED = re.compile(r"(mcp__.+?)__(.+)")


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = (one.get("text", "") for one in content if isinstance(one, dict)) if isinstance(content, list) else ()
    return "\n".join(part for part in parts if part)


def read_request(body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked:
    """Turn one request into what the rules match on; what the agent program injected is kept apart."""
    items = tuple(body.get("input", ()))
    said = [_text(one.get("content")) for one in items if one.get("role") == "user"]
    last = items[-1] if items else {}
    ended = str(last.get("type", "")).endswith("_output")
    return Asked(
        user="" if ended or not said else _INJECTED.sub("", said[-1]).strip(),
        result=_result(items) if ended else "",
        system="\n".join([body.get("instructions", ""), *_developer(items)]),
        session=headers.get(SESSION_HEADER, ""),
        model=body.get("model", ""),
        key=headers.get("authorization", "").removeprefix("Bearer "),
        tools=tuple(_names([*body.get("tools", ()), *_added(items)])),
        messages=items,
        injected=_injected(items),
    )


def _result(items: Sequence[Mapping[str, Any]]) -> str:
    """Return the outputs of the tools that the model's last turn called."""
    found: list[str] = []
    for one in reversed(items):
        if not str(one.get("type", "")).endswith("_output"):
            break
        found.append(_text(one.get("output")))
    return "\n".join(reversed(found))


def _developer(items: Sequence[Mapping[str, Any]]) -> list[str]:
    return [_text(one.get("content")) for one in items if one.get("role") == "developer"]


def _injected(items: Sequence[Mapping[str, Any]]) -> str:
    """Return developer texts since the model's last turn: hooks' context arrives as one."""
    found: list[str] = []
    for one in reversed(items):
        if one.get("role") == "assistant" or str(one.get("type", "")).endswith("_call"):
            break
        if one.get("role") == "developer":
            found.append(_text(one.get("content")))
    return "\n".join(reversed(found)).strip()


def _added(items: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Return tools declared within the conversation, as programs do for newer models."""
    for one in items:
        if one.get("type") == "additional_tools":
            yield from one.get("tools", ())


def _names(tools: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Return the tools' names; one in a namespace is named ``namespace__name``, as other programs do."""
    for tool in tools:
        if tool.get("type") == "namespace":
            yield from (f"{tool['name']}__{one['name']}" for one in tool.get("tools", ()))
        else:
            yield str(tool.get("name", tool.get("type", "")))


def whole(asked: Asked, answer: Sequence[Say | Call], number: int) -> dict[str, Any]:
    """Return the answer as one response."""
    return {
        "id": f"resp_{number:06d}",
        "object": "response",
        "status": "completed",
        "model": asked.model,
        "output": [_item(one, f"{number:04d}{index:02d}") for index, one in enumerate(answer)],
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 40},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 120,
        },
    }


def _item(one: Say | Call, name: str) -> dict[str, Any]:
    if isinstance(one, Say):
        content = [{"type": "output_text", "text": one.text, "annotations": []}]
        return {"type": "message", "id": f"msg_{name}", "role": "assistant", "status": "completed", "content": content}
    if one.tool in _FREE:
        called = {"type": "custom_tool_call", "id": f"ctc_{name}", "call_id": f"call_{name}", "status": "completed"}
        return {**called, "name": one.tool, "input": one.arguments["input"]}
    called = {"type": "function_call", "id": f"fc_{name}", "call_id": f"call_{name}", "status": "completed"}
    # A flat name of a server's tool is an unsupported call.
    spaced = _NAMESPACED.fullmatch(one.tool)
    named = {"namespace": spaced[1], "name": spaced[2]} if spaced else {"name": one.tool}
    return {**called, **named, "arguments": json.dumps(one.arguments)}


def stream(response: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Split a response into the events of a streamed answer, in the order the API sends them."""
    opening = {**response, "output": [], "status": "in_progress", "usage": None}
    yield "response.created", {"type": "response.created", "response": opening}
    for index, item in enumerate(response["output"]):
        place = {"output_index": index, "item_id": item["id"]}
        empty = {**item, **{name: type(item[name])() for name in ("content", "arguments", "input") if name in item}}
        yield "response.output_item.added", {"type": "response.output_item.added", "output_index": index, "item": empty}
        if item["type"] == "message":
            delta = {"type": "response.output_text.delta", "content_index": 0, "delta": item["content"][0]["text"]}
            yield "response.output_text.delta", {**delta, **place}
        yield "response.output_item.done", {"type": "response.output_item.done", "output_index": index, "item": item}
    yield "response.completed", {"type": "response.completed", "response": dict(response)}
