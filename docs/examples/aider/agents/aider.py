"""Runs aider in an Orchestra session, one message after the other: `aider.py MODEL INSTRUCTIONS_FILE`.

aider answers one message and ends. This program gives it the task, then every message that comes in and every line
that is typed in the window, and tells Orchestra what aider cannot: when a turn begins and ends, and what it reports.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOME = Path(os.environ["ORCHESTRA_AGENT_HOME"])
TURN, HISTORY, BEGUN = HOME / "turn.md", HOME / "chat.md", HOME / "begun"
TOLD = re.compile(r"^(COMPLETE|ERROR|QUESTION|PROGRESS|MESSAGE):", re.MULTILINE)
TAGS = Path(".aider.tags.cache.v4")
PRICES = "model_prices_and_context_window"
FLAGS = (
    *("--yes-always", "--no-check-update", "--no-analytics", "--no-gitignore", "--no-show-release-notes"),
    *("--no-show-model-warnings", "--restore-chat-history", "--chat-history-file", str(HISTORY)),
    *("--input-history-file", str(HOME / "typed")),
)


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Post to Orchestra with this session's token; raises OSError where it does not answer."""
    headers = {
        "Authorization": f"Bearer {os.environ['ORCHESTRA_TOKEN']}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 -- Orchestra's own address
    # Orchestra is on this machine: a proxy could not reach it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def tell(event: str, **details: object) -> dict[str, Any]:
    """Tell Orchestra what happens: Ready, TurnStarted, TurnEnded, TurnFailed."""
    try:
        return post(f"{os.environ['ORCHESTRA_HOOK_URL']}/{event}", details)
    except (OSError, ValueError):
        return {}


def tool(name: str, **arguments: str) -> str:
    """Call one of Orchestra's tools, until Orchestra answers; return the text of the answer."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    while True:
        try:
            answer = post(os.environ["ORCHESTRA_MCP_URL"], call)
            return "\n".join(part["text"] for part in answer["result"]["content"])
        except (OSError, ValueError, LookupError):
            time.sleep(1)


def answered(before: int) -> str:
    """Return what aider's model said since its history had ``before`` bytes; words to it begin with #, notes with >."""
    text = HISTORY.read_bytes()[before:].decode(errors="replace") if HISTORY.exists() else ""
    return "\n".join(line for line in text.splitlines() if not line.startswith(("#### ", "> ", "# aider chat"))).strip()


def turn(model: str, instructions: str) -> None:
    """Let aider do what lies in TURN, and report its answer."""
    tell("TurnStarted", text=TURN.read_text()[:200])
    before = HISTORY.stat().st_size if HISTORY.exists() else 0
    words = ["aider", "--model", model, *FLAGS, "--read", instructions, "--message-file", str(TURN)]
    code = subprocess.run(words, check=False).returncode
    answer = answered(before)
    if code != 0:
        tool("report", kind="error", message=f"aider ended with code {code}. Its last words: {answer[-500:]}")
    pass_on(answer)
    TURN.unlink()
    tell("TurnEnded", text=answer.splitlines()[-1] if answer else "")


def pass_on(answer: str) -> None:
    """Send what an answer is marked to say to the designer; without a mark, that there was none."""
    found = list(TOLD.finditer(answer))
    for number, one in enumerate(found):
        end = found[number + 1].start() if number + 1 < len(found) else len(answer)
        text = answer[one.end() : end].strip() or "(nothing more)"
        if one[1] == "MESSAGE":
            tool("send_message_to_session", session_id="main", message=text)
        else:
            tool("report", kind=one[1].lower(), message=text)
    if not found:
        tool("report", kind="progress", message=f"My turn is over, and I reported nothing. I said: {answer[-500:]}")


def wanted() -> Iterator[str]:
    """Yield what to do next: messages that came in, lines typed in the window."""
    while True:
        if tell("AwaitMessages", seconds=1).get("waiting"):
            yield f"Messages for you:\n\n{tool('read_messages')}\n"
        if select.select([sys.stdin], [], [], 0.5)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            if line.strip():
                yield line


def settle() -> None:
    """Keep aider's cache out of git, and let it take the list of models it came with: it fetches one at each start."""
    TAGS.mkdir(exist_ok=True)
    (TAGS / ".gitignore").write_text("*\n")
    for copy in Path("/opt/aider").glob(f"lib/*/site-packages/litellm/{PRICES}_backup.json"):
        kept = Path.home() / ".aider" / "caches" / f"{PRICES}.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(copy.read_bytes())


def main(model: str, instructions: str) -> None:
    """Do the task, unless that was done before; then what comes in."""
    # Ctrl-C ends aider's turn, not the session.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    settle()
    task = Path(os.environ["ORCHESTRA_TASK_FILE"]).read_text()
    if not BEGUN.exists() and task.strip():
        TURN.write_text(f"Your task:\n\n{task}\n")
    BEGUN.touch()
    if TURN.exists():
        turn(model, instructions)
    tell("Ready")
    print("\naider rests. Messages wake it; or type a line for it here.")  # noqa: T201 -- for the person at the window
    for text in wanted():
        TURN.write_text(text)
        turn(model, instructions)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
