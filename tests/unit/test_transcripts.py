"""What was said is read from each kind of agent's files."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestra.agents import FAMILIES

AT = datetime(2026, 11, 26, 10, 15, 5, 863000, tzinfo=UTC)
TIME = "2026-11-26T10:15:05.863Z"
PART = {"type": "text", "text": "Hello there"}


@pytest.mark.parametrize(
    ("family", "entry", "who"),
    [
        ("claude", {"type": "user", "message": {"role": "user", "content": "Hello there"}}, "user"),
        ("claude", {"type": "assistant", "message": {"content": [{"type": "thinking"}, PART]}}, "assistant"),
        ("codex", {"type": "event_msg", "payload": {"type": "agent_message", "message": "Hello there"}}, "assistant"),
        ("codex", {"type": "event_msg", "payload": {"type": "user_message", "message": "Hello there"}}, "user"),
        ("gemini", {"type": "gemini", "content": "Hello there"}, "assistant"),
        ("gemini", {"type": "user", "content": [{"text": "Hello there"}]}, "user"),
    ],
)
def test_a_text_has_its_speaker_and_its_time(family: str, entry: dict[str, Any], who: str) -> None:
    said = FAMILIES[family].TRANSCRIPTS.said(json.dumps({**entry, "timestamp": TIME}).encode())
    assert said is not None
    assert (said.who, said.text, said.at) == (who, "Hello there", AT)


def test_any_program_may_write_down_what_is_said() -> None:
    line = json.dumps({"who": "user", "text": "Hello", "at": TIME}).encode()
    for family in ("opencode", "plain", "rehearsal"):
        said = FAMILIES[family].TRANSCRIPTS.said(line)
        assert said is not None
        assert (said.who, said.text, said.at) == ("user", "Hello", AT)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "line",
    [
        b"", b"\xff\xfe", b"[]", b"7", b"{}", b'{"type": "user"}', b'{"type": "user", "message": []}', b"[" * 100_000,
        b'{"type": "event_msg", "payload": {"type": ["x"], "message": {"a": 1}}}', b'{"text": 7, "who": {}}',
        b'{"type": "user", "message": {"content": [{"type": "tool_result", "content": "secret"}]}}',
        b'{"type": "gemini", "content": {"a": 1}, "timestamp": {}}',
    ],
)  # fmt: skip
def test_a_line_that_says_nothing_is_left_out(family: str, line: bytes) -> None:
    assert FAMILIES[family].TRANSCRIPTS.said(line) is None
