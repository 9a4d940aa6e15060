"""The tokens in Claude Code's files are counted once each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import orchestra.agents
from orchestra.agents.runtime.claude.tokens import count

Home = tuple[Path, Path]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    conversations = tmp_path / ".claude" / "projects" / "-w"
    conversations.mkdir(parents=True)
    (tmp_path / ".orchestra").mkdir()
    return conversations, tmp_path / ".orchestra" / "tokens"


def answer(number: str, written: int, **usage: int) -> dict[str, Any]:
    return {"type": "assistant", "message": {"id": number, "usage": {**usage, "output_tokens": written}}}


def write(path: Path, *entries: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write("".join(entry if isinstance(entry, str) else json.dumps(entry) + "\n" for entry in entries))


def counted(home: Home) -> tuple[int, int]:
    found = count(str(home[0].parent.parent), str(home[1]))
    return found["in"], found["out"]


def test_each_answer_counts_once_whatever_is_cached(home: Home) -> None:
    path = home[0] / "one.jsonl"
    # An answer with a text and a tool call has two lines.
    first = answer("a", 5, input_tokens=10, cache_read_input_tokens=100, cache_creation_input_tokens=7)
    write(path, {"type": "user"}, first, answer("a", 20, input_tokens=10, cache_read_input_tokens=107))
    assert counted(home) == (117, 20)
    write(path, answer("b", 1, input_tokens=3), json.dumps(answer("c", 9, input_tokens=9))[:20])
    assert counted(home) == (120, 21)
    assert counted(home) == (120, 21)


def test_its_subagents_and_earlier_conversations_count_too(home: Home) -> None:
    write(home[0] / "one.jsonl", answer("a", 1, input_tokens=1))
    write(home[0] / "one" / "subagents" / "agent-7.jsonl", answer("b", 2, input_tokens=2))
    assert counted(home) == (3, 3)
    write(home[0] / "two.jsonl", answer("c", 3, input_tokens=3))
    assert counted(home) == (6, 6)


@pytest.mark.parametrize("note", ["", "[]", '{"files": []}', '{"files": 7}'])
def test_a_broken_note_is_made_again(home: Home, note: str) -> None:
    home[1].write_text(note)
    write(home[0] / "one.jsonl", answer("a", 1, input_tokens=1), "no JSON\n", {"message": {"usage": 7}})
    assert counted(home) == (1, 1)


def test_the_program_for_the_status_line_adds_them(home: Home) -> None:
    write(home[0] / "one.jsonl", answer("a", 1, input_tokens=4))
    box = Path(orchestra.agents.__file__).parent / "runtime"
    program = (
        f"import sys; sys.argv = ['x']; sys.path.insert(0, {str(box)!r}); import post_event; "
        "sys.stdout.write(post_event.with_tokens(b'{\"cost\": 1}').decode())"
    )
    environment = {
        "ORCHESTRA_AGENT_HOME": str(home[1].parent.parent),
        "CLAUDE_CONFIG_DIR": str(home[0].parent.parent),
        "PATH": os.environ["PATH"],
    }
    words = (sys.executable, "-I", "-S", "-c", program)
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == {"cost": 1, "orchestra_tokens": {"in": 4, "out": 1}}
