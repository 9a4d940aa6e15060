"""Google's Generative Language API, as far as agent programs use it: requests read, answers written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.support.models.messages_api import TITLE, Asked, Call, Say

KEY_HEADER = "x-goog-api-key"
_CHOSEN = {"reasoning": "-", "model_choice": "flash", "complexity_reasoning": "-", "complexity_score": 1}
"""The answer to the program's own question which model is to answer; it wants JSON."""
_INJECTED = re.compile(r"<(hook_context|session_context)>(.*?)</\1>", re.DOTALL)


def _parts(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (part for part in content.get("parts", ()) if isinstance(part, dict))


def _text(content: Mapping[str, Any]) -> str:
    return "\n".join(str(part["text"]) for part in _parts(content) if part.get("text"))


def read_request(body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked:
    """Turn one request into what the rules match on: what was said since the model's last turn, and tools' results."""
    contents = tuple(body.get("contents", ()))
    latest = _since_the_model(contents)
    said = "\n".join(_text(one) for one in latest)
    declared = (one for tool in body.get("tools", ()) for one in tool.get("functionDeclarations", ()))
    return Asked(
        user=_INJECTED.sub("", said).strip(),
        result="\n".join(_result(part) for one in latest for part in _parts(one) if "functionResponse" in part),
        system=_text(body.get("systemInstruction", {})),
        session="",
        model=str(body.get("model", "")),
        key=headers.get(KEY_HEADER, ""),
        tools=tuple(one["name"] for one in declared),
        messages=contents,
        injected="\n".join(hit[1] for hit in _INJECTED.findall(said)).strip(),
    )


def _since_the_model(contents: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for one in reversed(contents):
        if one.get("role") == "model":
            break
        found.append(one)
    return found[::-1]


def _result(part: Mapping[str, Any]) -> str:
    response = part["functionResponse"].get("response", {})
    return str(response.get("output", json.dumps(response)))


def whole(asked: Asked, answer: Sequence[Say | Call], number: int) -> dict[str, Any]:
    """Return the answer as one response."""
    parts = [{"text": json.dumps(_CHOSEN)}] if list(answer) == [TITLE] else [_part(one) for one in answer]
    return {
        "candidates": [{"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120},
        "modelVersion": asked.model,
        "responseId": f"response-{number:06d}",
    }


def _part(one: Say | Call) -> dict[str, Any]:
    if isinstance(one, Say):
        return {"text": one.text}
    return {"functionCall": {"name": one.tool, "args": dict(one.arguments)}}


def stream(response: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Split a response into the pieces of a streamed answer: one for each part, the last with reason and usage."""
    (candidate,) = response["candidates"]
    *first, last = candidate["content"]["parts"]
    kept = {name: response[name] for name in ("modelVersion", "responseId")}
    for part in first:
        yield "", {**kept, "candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}]}
    yield "", {**response, "candidates": [{**candidate, "content": {"role": "model", "parts": [last]}}]}
