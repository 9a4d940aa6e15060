"""Tell the service about one event: `tell.py EVENT SECONDS` posts its standard input; it never fails the agent.

`tell.py Listen 0` waits for messages, prints them, and ends with the code that starts Claude Code's next turn.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

STATUS = "StatusLine"
LISTEN = "Listen"
WOKEN = 2
"""The exit code with which a waiting hook makes Claude Code go on with what it printed."""
ASKING = 40.0
"""Seconds one request for messages may take; the service answers sooner."""
PARENT = 1.0
"""Seconds until a listener notices that its agent is gone."""
PAUSE = 0.1
"""Seconds until a service that does not answer is tried again."""


def post(event: str, body: bytes, deadline: float) -> str:
    """Post a JSON body to the service and return its answer; an empty text where it gave none in time."""
    request = urllib.request.Request(  # noqa: S310 -- the address comes from the launcher
        f"{os.environ['ORCHESTRA_HOOK_URL']}/{event}",
        data=body,
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {os.environ['ORCHESTRA_TOKEN']}",
        },
    )
    # The service is on this machine: a proxy could not reach it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + deadline
    while (left := end - time.monotonic()) > 0:
        try:
            with opener.open(request, timeout=left) as answer:
                return bytes(answer.read()).decode("utf-8", "replace")
        except urllib.error.HTTPError:
            return ""
        except (OSError, ValueError, HTTPException):
            time.sleep(min(PAUSE, left))
    return ""


def status_line(body: bytes) -> str:
    """Return what Claude Code shows below its prompt."""
    try:
        data = json.loads(body)
    except ValueError:
        return ""
    window = data.get("context_window") or {}
    used = window.get("used_percentage")
    parts = (
        os.environ.get("ORCHESTRA_SESSION", ""),
        str((data.get("model") or {}).get("display_name", "")),
        f"context {used:.0f}%" if isinstance(used, int | float) else "",
    )
    return " · ".join(part for part in parts if part)


def changed(body: bytes) -> bool:
    """Say whether the cost or the context differ from what was told last, and remember them."""
    try:
        data = json.loads(body)
        mark = json.dumps([(data.get("cost") or {}).get("total_cost_usd"), data.get("context_window")])
        place = Path(os.environ["ORCHESTRA_AGENT_HOME"]) / ".orchestra" / "status"
        if place.exists() and place.read_text(encoding="utf-8") == mark:
            return False
        place.write_text(mark, encoding="utf-8")
    except (OSError, ValueError, KeyError):
        return True
    return True


def ask() -> str:
    """Ask until the service has messages, or a newer listener; an empty text then."""
    body = json.dumps({"listener": time.time_ns()}).encode()
    while True:
        try:
            answer = json.loads(post(LISTEN, body, ASKING) or "{}")
        except ValueError:
            answer = {}
        if answer.get("over") or answer.get("text"):
            return str(answer.get("text") or "")
        time.sleep(PAUSE)


def listen() -> int:
    """Wait for messages for as long as the agent lives; return the code to end with."""
    parent, heard = os.getppid(), list[str]()
    asking = threading.Thread(target=lambda: heard.append(ask()), daemon=True)
    asking.start()
    while asking.is_alive() and os.getppid() == parent:
        asking.join(PARENT)
    if not any(heard):
        return 0
    sys.stderr.write(f"\n{heard[0]}\n")
    return WOKEN


def main(event: str, deadline: float) -> None:
    """Pass standard input on; print the answer for Claude Code to read, or the status line."""
    body = sys.stdin.buffer.read()
    if event == LISTEN:
        sys.exit(listen())
    if event == STATUS:
        sys.stdout.write(f"{status_line(body)}\n")
        sys.stdout.flush()
        if changed(body):
            post(event, body, deadline)
        return
    sys.stdout.write(post(event, body, deadline))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
