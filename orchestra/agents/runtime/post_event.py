"""Report one event to the service: `post_event.py EVENT SECONDS` posts its standard input; never fails the agent.

`post_event.py Listen 0` waits for messages, prints them, and ends with the code that starts Claude Code's
next turn. It runs for every hook of every agent, and the HTTP library would take longer to load
than everything else here.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

STATUS = "StatusLine"
LISTEN = "Listen"
WOKEN = 2
"""The exit code with which a waiting hook makes Claude Code continue with its output."""
ASKING = 40.0
"""Seconds one request for messages may take; the service answers sooner."""
PARENT = 1.0
"""Seconds until a listener notices that its agent is gone."""
PAUSE = 0.1
"""Seconds until a service that does not answer is tried again."""
_OK = 200


def post(event: str, body: bytes, deadline: float) -> str:
    """Post a JSON body to the service and return its answer; empty if it did not answer in time."""
    end = time.monotonic() + deadline
    while (left := end - time.monotonic()) > 0:
        try:
            status, answer = _exchange(event, body, left)
        except (OSError, ValueError):
            time.sleep(min(PAUSE, left))
        else:
            return answer if status == _OK else ""
    return ""


def _exchange(event: str, body: bytes, deadline: float) -> tuple[int, str]:
    """Send one request and return the answer's status and text; HTTP/1.0, so that it ends with the connection."""
    address, _, path = os.environ["ORCHESTRA_HOOK_URL"].removeprefix("http://").partition("/")
    host, _, port = address.rpartition(":")
    lines = (
        f"POST /{path}/{event} HTTP/1.0",
        f"Host: {address}",
        f"Authorization: Bearer {os.environ['ORCHESTRA_TOKEN']}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    with socket.create_connection((host, int(port)), timeout=deadline) as link:
        link.sendall("\r\n".join((*lines, "", "")).encode() + body)
        with link.makefile("rb") as stream:
            head, _, text = stream.read().partition(b"\r\n\r\n")
    first, *fields = head.decode("latin-1").lower().split("\r\n")
    length = next((field.partition(":")[2] for field in fields if field.startswith("content-length:")), "")
    # An incomplete answer is no answer, and one without a length is not from the service.
    if int(length) != len(text):
        raise ValueError("not a whole answer")
    return int(first.split()[1]), text.decode("utf-8", "replace")


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
    """Return whether the cost, the context or the limits have changed since the last report, and store them."""
    try:
        data = json.loads(body)
        cost = (data.get("cost") or {}).get("total_cost_usd")
        mark = json.dumps([cost, data.get("context_window"), data.get("rate_limits")])
        path = os.path.join(os.environ["ORCHESTRA_AGENT_HOME"], ".orchestra", "status")  # noqa: PTH118 -- pathlib loads much
        with open(path, "a+", encoding="utf-8") as file:  # noqa: PTH123 -- as above
            file.seek(0)
            if file.read() == mark:
                return False
            file.truncate(0)
            file.write(mark)
    except (OSError, ValueError, KeyError):
        return True
    return True


def with_tokens(body: bytes) -> bytes:
    """Return the status line's input with the tokens of all conversations, which it does not have."""
    from importlib import import_module  # noqa: PLC0415 -- only after an answer of the model

    try:
        sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 -- pathlib loads much
        count = import_module("runtime.claude.tokens").count
        note = os.path.join(os.environ["ORCHESTRA_AGENT_HOME"], ".orchestra", "tokens")  # noqa: PTH118 -- as above
        tokens = count(os.environ["CLAUDE_CONFIG_DIR"], note)
        return json.dumps({**json.loads(body), "orchestra_tokens": tokens}).encode()
    except (ImportError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return body


def ask() -> str:
    """Ask until the service has messages; returns an empty text if there is a newer listener."""
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
    """Wait for messages for as long as the agent lives; returns the exit code."""
    import threading  # noqa: PLC0415 -- only who listens needs it

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
    """Post standard input; print the answer for Claude Code, or the status line."""
    body = sys.stdin.buffer.read()
    if event == LISTEN:
        sys.exit(listen())
    if event == STATUS:
        sys.stdout.write(f"{status_line(body)}\n")
        sys.stdout.flush()
        if changed(body):
            post(event, with_tokens(body), deadline)
        return
    sys.stdout.write(post(event, body, deadline))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
