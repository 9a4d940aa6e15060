"""The verbs of a story; every scene can be played again after an interruption."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .client import Refusal, Service
from .progress import Journal, Message
from .story import Scene
from .terminal import Stage

_AWAITED = re.compile(r"(?:for )?(?P<kind>[a-z]+?)s?(?:\s+(?P<count>\d+))?(?:\s+from\s+(?P<sender>\S+))?")

TRAILER = "Rehearsal-Scene"
_TAIL, _LONGEST = 100, 500
"""The last lines of a command's output that are reported, and how much of each."""
LOCK_PATIENCE = 3.0
"""Seconds after which git's lock counts as left behind by a killed git."""


@dataclass
class Play:
    """Everything a scene may use."""

    service: Service
    journal: Journal
    stage: Stage
    session: str
    role: str
    parent: str
    agent: str
    worktree: Path
    again: bool = False


def say(play: Play, scene: Scene) -> None:
    """Show a line."""
    play.stage.line(scene.words)


def run(play: Play, scene: Scene) -> None:
    """Run a command in the worktree; the story ends if it fails."""
    if code := _run(play, scene.words):
        raise Refusal(f"'{scene.words}' ended with {code}")


def attempt(play: Play, scene: Scene) -> None:
    """Run a command and continue, whatever the result."""
    if code := _run(play, scene.words):
        play.stage.detail(f"ended with {code}")


def _run(play: Play, command: str) -> int:
    tail: deque[str] = deque(maxlen=_TAIL)
    code = _ended(play, command, tail)
    play.service.report_event("ToolUsed", f"ran {command}", command=command, code=code, output="".join(tail))
    return code


def _ended(play: Play, command: str, tail: deque[str]) -> int:
    """Run a command to its end and return its exit status."""
    play.stage.line(f"$ {command}")
    with subprocess.Popen(
        ["sh", "-c", command],
        cwd=play.worktree,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            for line in process.stdout or ():
                play.stage.detail(line)
                tail.append(line[:_LONGEST])
            return process.wait()
        except BaseException:
            # The agent was stopped; the command must not outlive it.
            os.killpg(process.pid, signal.SIGKILL)
            raise


def write(play: Play, scene: Scene) -> None:
    """Write a file in the worktree."""
    path = play.worktree / scene.words
    play.stage.line(f"writes {scene.words}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(scene.text, encoding="utf-8")
    play.journal.wrote(scene.words)


def commit(play: Play, scene: Scene) -> None:
    """Commit; a designer shares its tree with the person, so it commits only what the story wrote."""
    mark = f"{TRAILER}: {play.session}/{play.journal.key}"
    designer = play.role == "designer"
    paths = ["--", *play.journal.written] if designer else ["-A"]
    if not (play.again and _committed(play, mark)):
        try:
            _git(play, "add", *paths)
            _git(play, "commit", "--no-verify", "-q", "-m", f"{scene.words}\n\n{mark}", *(paths if designer else ()))
        except Refusal:
            # A git that outlived its agent may have committed first.
            if not (play.again and _committed(play, mark)):
                raise
    play.stage.line(f"commits: {scene.words}")


def _committed(play: Play, mark: str) -> bool:
    try:
        return mark in _git(play, "log", "-30", "--format=%B").splitlines()
    except Refusal:
        return False  # the branch has no commit yet


def _git(play: Play, *arguments: str) -> str:
    end = time.monotonic() + LOCK_PATIENCE
    while True:
        done = subprocess.run(
            ["git", *arguments], cwd=play.worktree, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode == 0:
            return done.stdout
        lock = re.search(r"Unable to create '(.*\.lock)'", done.stderr)
        if not lock:
            raise Refusal(f"git {arguments[0]}: {(done.stderr or done.stdout).strip()}")
        if time.monotonic() > end:
            Path(lock[1]).unlink(missing_ok=True)
            end += LOCK_PATIENCE
        time.sleep(0.1)


def _send(play: Play, to: str, text: str) -> int:
    arguments = {"session_id": to, "message": text}
    sent = play.service.call("send_message_to_session", arguments, key=play.journal.key)
    play.stage.line(f"to {to}: {text}")
    return int(sent.get("id") or 0) if isinstance(sent, dict) else 0


def ask(play: Play, scene: Scene) -> None:
    """Ask the parent and wait for the answer."""
    parent = play.parent or "main"
    number = _send(play, parent, f"QUESTION: {scene.content.removeprefix('QUESTION:').strip()}")

    def fits(message: Message) -> bool:
        later = message.get("sender") == parent and message.get("id", 0) > number
        return message.get("answers") == number or (later and message.get("kind") == "message")

    show(play, waited(play, fits, 1, f"the answer of {parent}"))


def report(play: Play, scene: Scene) -> None:
    """Report to the parent: ``report complete What was done``."""
    kind, _, text = scene.words.partition(" ")
    play.service.call("report", {"kind": kind, "message": text}, key=play.journal.key)
    play.stage.line(f"reports {kind}: {text}")


def prove(play: Play, scene: Scene) -> None:
    """Name the command that shows an item of the spec: ``prove COMMAND``, with the item as its text."""
    item = scene.text.strip()
    play.service.call("prove_item", {"item": item, "command": scene.words}, key=play.journal.key)
    play.stage.line(f"shows with `{scene.words}`: {item}")


def spawn(play: Play, scene: Scene) -> None:
    """Create an executor for a task."""
    play.stage.line(f"delegates: {scene.words}")
    name = re.sub(r"[^a-z0-9]+", "-", scene.words.lower()).strip("-")[:40].strip("-")
    if play.again and name in _session_names(play):
        return
    wanted = {"title": scene.words, "instructions": scene.text, "agent": play.agent}
    play.service.call("spawn_executor", wanted, key=play.journal.key)


def _session_names(play: Play) -> set[str]:
    listing = play.service.call("list_sessions", {})
    rows = listing if isinstance(listing, list) else []
    return {str(row.get("name")) for row in rows if isinstance(row, dict)}


def wait(play: Play, scene: Scene) -> None:
    """Wait for messages: ``wait complete 2``, ``wait question from NAME``, ``wait message``."""
    shape = _AWAITED.fullmatch(scene.words)
    if not shape:
        raise Refusal(f"cannot wait for {scene.words!r}; such as: wait complete 2, wait question from NAME")
    kind, count, sender = shape["kind"], int(shape["count"] or 1), shape["sender"] or ""

    def fits(message: Message) -> bool:
        return kind in {"message", message.get("kind")} and sender in {"", message.get("sender")}

    of = f" from {sender}" if sender else ""
    show(play, waited(play, fits, count, f"{count} × {kind}{of}" if count > 1 else f"{_article(kind)} {kind}{of}"))


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def waited(play: Play, fits: Callable[[Message], bool], count: int, what: str) -> list[Message]:
    """Return messages once all have arrived; show what else happens meanwhile."""
    if messages := play.journal.take(fits, count):
        return messages
    play.stage.line(f"waits for {what}")
    play.service.report_event("TurnEnded", f"waits for {what}")
    while not (messages := play.journal.take(fits, count)):
        happening(play, block=True)
    play.service.report_event("TurnStarted", "continues its story")
    return messages


def show(play: Play, messages: list[Message]) -> None:
    """Show the messages that a scene waited for."""
    for message in messages:
        play.stage.line(f"{message.get('kind', 'message')} from {message.get('sender', '?')}:")
        play.stage.detail(str(message.get("text", "")))


def happening(play: Play, *, block: bool) -> bool:
    """Handle the next happening, if any; acknowledge typed lines."""
    try:
        kind, value = play.stage.happenings.get(block=block, timeout=0.5 if block else None)
    except queue.Empty:
        return False
    if kind == "typed":
        play.stage.line(f"heard you: {value!r}; a rehearsal agent only plays its story")
    else:
        play.stage.line(f"{value.get('kind', 'message')} from {value.get('sender', '?')} arrived")
    return True


def answer(play: Play, scene: Scene) -> None:
    """Send a text to whoever sent the last message."""
    if not play.journal.asker:
        raise Refusal("nobody has asked anything yet")
    _send(play, play.journal.asker, scene.content)


def send(play: Play, scene: Scene) -> None:
    """Send a text to a session: ``send NAME words``."""
    to, _, text = scene.words.partition(" ")
    _send(play, to, text)


def merge(play: Play, scene: Scene) -> None:
    """Merge a session's branch."""
    play.stage.line(f"merges {scene.words}")
    play.service.call("merge_session", {"session_id": scene.words}, key=play.journal.key)


def spec(play: Play, scene: Scene) -> None:
    """Write the plan into the spec."""
    play.service.call("update_spec", {"session_id": play.session, "text": scene.text}, key=play.journal.key)
    play.stage.line("writes the plan into the spec:")
    play.stage.detail(scene.text)


def pause(play: Play, scene: Scene) -> None:
    """Wait for some seconds."""
    play.service.over.wait(float(scene.words))


VERBS: dict[str, Callable[[Play, Scene], None]] = {
    "say": say,
    "run": run,
    "try": attempt,
    "write": write,
    "commit": commit,
    "ask": ask,
    "prove": prove,
    "report": report,
    "spawn": spawn,
    "wait": wait,
    "answer": answer,
    "send": send,
    "merge": merge,
    "spec": spec,
    "pause": pause,
}
