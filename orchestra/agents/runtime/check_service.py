"""Check from inside a box whether Orchestra answers: `check_service.py URL TOKEN_FILE SECONDS`; prints JSON."""

from __future__ import annotations

import json
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

PAUSE = 0.2
"""Seconds until a service that refuses connections is tried again; it soon listens on a new network."""
SILENCE = 4.0
"""Seconds that one attempt may take; a firewall that drops packets never answers."""


def tools(url: str, token: str) -> list[str]:
    """Return the names of the tools that the service lists."""
    request = urllib.request.Request(  # noqa: S310 -- the address comes from Orchestra
        url,
        data=json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).encode(),
        headers={
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {token}",
        },
    )
    # Through the proxy of the environment, if there is one, as agents do.
    with urllib.request.urlopen(request, timeout=SILENCE) as answer:  # noqa: S310 -- as above
        return [str(tool["name"]) for tool in json.loads(answer.read())["result"]["tools"]]


def check(url: str, token: str, seconds: float) -> dict[str, Any]:
    """Return the tools, or one word for why there are none: silent, closed, status, odd."""
    end = time.monotonic() + seconds
    while True:
        try:
            return {"tools": tools(url, token)}
        except urllib.error.HTTPError as error:
            return {"trouble": "status", "reason": str(error.code), "proxy": proxy(url)}
        except (OSError, ValueError, LookupError, TypeError) as error:
            trouble = {**why(error), "proxy": proxy(url)}
            if time.monotonic() > end:
                return trouble
            time.sleep(PAUSE)


def proxy(url: str) -> str:
    """Return the proxy that a request goes through; empty if it goes directly to the service."""
    host = urllib.parse.urlsplit(url).hostname or ""
    return "" if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get("http", "")


def why(error: BaseException) -> dict[str, Any]:
    """Return what an error says about the connection to the service."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ConnectionRefusedError):
        return {"trouble": "closed", "reason": str(cause)}
    if isinstance(cause, (TimeoutError, socket.timeout, OSError)):
        return {"trouble": "silent", "reason": str(cause)}
    return {"trouble": "odd", "reason": repr(cause)}


if __name__ == "__main__":
    print(json.dumps(check(sys.argv[1], Path(sys.argv[2]).read_text(encoding="utf-8"), float(sys.argv[3]))))  # noqa: T201 -- its answer
