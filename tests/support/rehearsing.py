"""Rehearsal agents as the tests use them: each with its worktree, its process, and its terminal."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from orchestra.model import Role
from tests.support.launch_files import a_session, lay_out_for
from tests.support.stub_service import TOKEN, Kept, StubService, until

EXECUTOR = """\
Please add a greeting.

```rehearsal
say I read the task.
write app.py <<END
print("hello")
END
commit Say hello
ask Should it be loud?
write app.py <<END
print("HELLO")
END
commit Say it loudly
report complete Greets loudly.
```
"""
DESIGNER = """\
````rehearsal
spec <<END
# The plan
END
spawn Add a Greeting! <<END
Do this:

```rehearsal
say inner
```
END
wait question
answer Yes, loudly.
wait complete from add-a-greeting
merge add-a-greeting
````
"""


class Agent:
    """One rehearsal agent: its worktree, its process, and what its terminal shows."""

    def __init__(self, place: Path, service: StubService, role: Role = Role.EXECUTOR) -> None:
        self.place = place
        self.service = service
        self.worktree = place / "worktree"
        self.worktree.mkdir(parents=True)
        self.git("init", "-q")
        name = "main" if role is Role.DESIGNER else "fix-login"
        self.session = a_session(self.worktree, name=name, role=role, agent="rehearsal")
        self.process: subprocess.Popen[str] | None = None

    def git(self, *arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=self.worktree, check=True, capture_output=True, text=True).stdout

    def start(self, task: str) -> None:
        made = lay_out_for(self.place, self.session, self.service.url, task=task, token=TOKEN)
        with (self.place / "terminal").open("ab") as terminal:
            self.process = subprocess.Popen(
                made.command,
                stdin=subprocess.PIPE,
                stdout=terminal,
                stderr=terminal,
                text=True,
                env={**os.environ, "ORCHESTRA_REHEARSAL_PACE": "0"},
            )

    @property
    def running(self) -> subprocess.Popen[str]:
        assert self.process is not None
        return self.process

    @property
    def terminal(self) -> str:
        return (self.place / "terminal").read_text(errors="replace")

    def shows(self, text: str) -> None:
        until(lambda: text in self.terminal, what=f"{text!r} is not shown")

    def kill(self) -> None:
        self.running.kill()
        self.end()

    def end(self) -> None:
        """Wait for its end, and close what leads to it."""
        with self.running:
            pass

    def subjects(self) -> list[str]:
        return self.git("log", "--reverse", "--format=%s").splitlines()


def answer_questions(kept: Kept) -> None:
    """Answer the agent's question as soon as it is sent."""

    def answered(tool: str, count: int) -> None:
        if tool == "send_message_to_session" and not kept.inbox:
            kept.message("main", "Yes, loud.", answers=count)

    kept.before_answer = answered
