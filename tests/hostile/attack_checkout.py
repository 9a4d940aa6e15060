"""What a designer, or a paired executor, does to the person's checkout from inside its container.

Run there by a plain profile. Each attack is a function in the list of its role; to add one, write a function and
decorate it. Whatever it raises is noted and stops nobody else.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROLE, SOURCE, HOME_OF_PERSON, CANARY = sys.argv[1], *(Path(word) for word in sys.argv[2:5])
OURS = SOURCE / ".orchestra"
BITE = f"#!/bin/sh\ntouch {CANARY}\n"
Attack = Callable[[], object]
ATTACKS: dict[str, list[Attack]] = {"designer": [], "executor": []}


def by(*roles: str) -> Callable[[Attack], Attack]:
    """Add an attack to the lists of these roles."""

    def add(function: Attack) -> Attack:
        for role in roles:
            ATTACKS[role].append(function)
        return function

    return add


def call(tool: str, **arguments: object) -> str:
    """Call one of the service's tools and return what it says."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {Path(os.environ['ORCHESTRA_TOKEN_FILE']).read_text()}",
    }
    request = urllib.request.Request(os.environ["ORCHESTRA_MCP_URL"], json.dumps(body).encode(), headers)  # noqa: S310 -- the service's own address
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 -- as above
        return str(answer.read().decode())


def replaced(path: Path, target: Path | str) -> None:
    """Put a symlink in the place of whatever is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.is_file():
        path.unlink()
    path.symlink_to(target)


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@by("designer")
def somebody_to_harm() -> None:
    call("spawn_executor", title="bystander", instructions="x", agent="quiet")


@by("designer", "executor")
def hooks_and_settings_of_the_person_s_git() -> None:
    """The directory that covers theirs, or the one they see, is written in vain."""
    for name in ("hooks/post-checkout", "hooks/pre-commit", "config", "commondir", "info/attributes"):
        try:
            written(SOURCE / ".git" / name, BITE)
        except OSError:
            continue


@by("designer", "executor")
def links_where_specs_are_written() -> None:
    written(OURS / "specs" / "old.md", "x")
    for name in (".bystander.md.new", "planner.md"):
        replaced(OURS / "specs" / name, HOME_OF_PERSON / ".bashrc")


@by("designer", "executor")
def copies_lead_out() -> None:
    replaced(SOURCE / ".env", ".git/config")
    replaced(SOURCE / "conf", HOME_OF_PERSON)
    replaced(SOURCE / "keys" / "key", HOME_OF_PERSON / ".ssh" / "id_rsa")


@by("designer", "executor")
def wishes_nobody_allowed() -> None:
    editor = json.dumps(f"sh -c 'touch {CANARY}'")
    written(
        OURS / "config.yaml", f"editor: {editor}\nmemory: 900g\npids: 4000000\nprefix_key: d\nbuild_network: host\n"
    )
    written(
        OURS / "Dockerfile", "ARG ORCHESTRA_BASE\nFROM ${ORCHESTRA_BASE}\nCOPY x.sh /\nRUN echo EVIL-LAYER; sh /x.sh\n"
    )
    written(OURS / "x.sh", BITE)
    profile = f"command: [sh, -c, 'touch seen-by-nobody']\nfiles: {{k: {HOME_OF_PERSON}/.bashrc}}\n"
    written(OURS / "agents" / "quiet.yaml", profile)


@by("designer", "executor")
def what_would_hold_a_reader_up() -> None:
    for name in ("instructions/instead/pipe", "agents/pipe"):
        (OURS / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(OURS / name)
    with (OURS / "agents" / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 40)


@by("designer")
def its_own_tool_writes_the_spec() -> None:
    for name in ("bystander", "main", "planner"):
        for text in (f"touch {CANARY} # one", f"touch {CANARY} # two"):
            call("update_spec", session_id=name, text=text)
        call("read_spec", session_id=name)


@by("designer")
def a_session_that_looks_at_what_was_copied() -> None:
    call("spawn_executor", title="thief", instructions="x", agent="thief")


if __name__ == "__main__":
    said: dict[str, str] = {}
    for attack in ATTACKS[ROLE]:
        try:
            said[attack.__name__] = str(attack() or "done")
        except OSError as error:
            said[attack.__name__] = repr(error)
    report = Path.home() / "report.json"
    report.with_suffix(".new").write_text(json.dumps(said))
    report.with_suffix(".new").rename(report)
    signal.pause()
