"""The rehearsal agent: plays the story in its task, then stands by."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path
from types import FrameType

from .client import Refusal, Service
from .commands import VERBS, Play, happening
from .progress import Journal
from .story import NotAStory, Scene, find, mark, parse
from .terminal import Stage

POLL = 240.0
"""Seconds one request for messages may stay open."""
RETRY = 2.0
"""Seconds until messages are requested again after the service refused."""


class Stopped(BaseException):
    """The agent was told to end."""


def prepare(environment: dict[str, str]) -> tuple[Play, str]:
    """Return the play and the story's text, from the launcher's environment."""
    try:
        story = find(Path(environment["ORCHESTRA_TASK_FILE"]).read_text(encoding="utf-8"))
    except OSError:
        story = ""
    directory = Path(environment["ORCHESTRA_AGENT_HOME"]) / ".orchestra"
    directory.mkdir(parents=True, exist_ok=True)
    service = Service(
        environment["ORCHESTRA_MCP_URL"], environment["ORCHESTRA_HOOK_URL"], Path(environment["ORCHESTRA_TOKEN_FILE"])
    )
    play = Play(
        service=service,
        journal=Journal(directory / "rehearsal.json", mark(story)),
        stage=Stage(),
        session=environment["ORCHESTRA_SESSION"],
        role=environment["ORCHESTRA_ROLE"],
        parent=environment.get("ORCHESTRA_PARENT", ""),
        agent=environment.get("ORCHESTRA_AGENT", "rehearsal"),
        worktree=Path(environment["ORCHESTRA_WORKTREE"]),
    )
    service.on_silence = lambda: play.stage.line("the service does not answer; trying again")
    return play, story


def listen(play: Play) -> None:
    """Request messages for ever, and store each before the next request."""
    while not play.service.over.is_set():
        try:
            answer = play.service.call("wait_for_messages", {"timeout": POLL})
        except Refusal:
            play.service.over.wait(RETRY)
            continue
        for message in answer.get("messages", ()) if isinstance(answer, dict) else ():
            play.journal.heard(message)
            play.stage.happenings.put(("message", message))


def perform(play: Play, scenes: list[Scene], pace: float) -> None:
    """Play the rest of the story, and record each scene before and after."""
    if play.journal.step >= len(scenes):
        return
    if play.journal.step:
        play.stage.line(f"restarted: continues with scene {play.journal.step + 1} of {len(scenes)}")
    play.service.report_event("TurnStarted", f"plays a story of {len(scenes)} scenes")
    while play.journal.step < len(scenes):
        scene = scenes[play.journal.step]
        while happening(play, block=False):
            pass
        play.again = play.journal.begin()
        play.service.report_event("ToolUsed", scene.brief)
        VERBS[scene.verb](play, scene)
        play.journal.finish()
        play.service.over.wait(pace)


def rehearse(play: Play, story: str, pace: float) -> None:
    """Play the story; if it cannot continue, report that to the parent."""
    if play.journal.failed:
        play.stage.line(f"the story ended: {play.journal.failed}")
        return
    try:
        scenes = parse(story)
        perform(play, scenes, pace)
    except (NotAStory, Refusal, OSError, ValueError) as error:
        _give_up(play, str(error))
        return
    play.service.report_event("TurnEnded", "its story is over" if scenes else "stands by")


def _give_up(play: Play, reason: str) -> None:
    play.stage.line(f"the story ends here: {reason}")
    play.service.report_event("TurnFailed", reason)
    if play.role == "executor":
        report = {"kind": "error", "message": f"the story cannot continue: {reason}"}
        # A service that refused an action may refuse the report too.
        with contextlib.suppress(Refusal):
            play.service.call("report", report, key=f"{play.journal.key}-failed")
    play.journal.fail(reason)


def stand_by(play: Play) -> None:
    """Acknowledge messages and typed lines until the agent is told to end."""
    play.stage.line("stands by for messages, and for lines typed here")
    while True:
        if happening(play, block=True):
            play.service.report_event("ToolUsed", "acknowledges its messages")
            play.service.report_event("TurnEnded", "stands by")


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Stopped


def main() -> int:
    """Run until told to end, then return exit code 0."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    # The person may type Ctrl-C at any agent; this one has no turn to interrupt.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    play, story = prepare(dict(os.environ))
    pace = float(os.environ.get("ORCHESTRA_REHEARSAL_PACE", "0.4"))
    try:
        play.stage.open(play.session, play.role, str(play.worktree))
        play.service.report_event("Ready", "ready")
        play.stage.listen()
        threading.Thread(target=listen, args=(play,), daemon=True).start()
        rehearse(play, story, pace)
        stand_by(play)
    except Stopped:
        play.service.over.set()
        play.stage.line("stopping")
        play.service.report_event("SessionEnd", "stopped")
    return 0
