"""The rehearsal agent: it plays a story from its task, so that everything can be tried and tested without a model."""

from __future__ import annotations

from orchestra.agents import launch_files as common
from orchestra.agents.families import plain
from orchestra.agents.launch_files import LaunchContext, LaunchFiles
from orchestra.agents.profile import Profile

HANDS_OVER = plain.HANDS_OVER
LISTENS, TELLS_PROMPTS, TOOLS_LATE, DIALOG_TOO = False, False, False, True
TAKES_ANSWERS = False
TRANSCRIPTS = plain.TRANSCRIPTS

_PROGRAM = (
    "__init__.py", "rehearsal/__init__.py", "rehearsal/story.py", "rehearsal/progress.py", "rehearsal/client.py",
    "rehearsal/terminal.py", "rehearsal/commands.py", "rehearsal/main.py",
)  # fmt: skip
_START = "from runtime.rehearsal.main import main\n\nraise SystemExit(main())\n"

signs, hook_reply, prompt, usage = plain.signs, plain.hook_reply, plain.prompt, plain.usage
before, denial, call = plain.before, plain.denial, plain.call
is_free, asked, used, permission_reply = plain.is_free, plain.asked, plain.used, plain.permission_reply


def launch_files(profile: Profile, context: LaunchContext) -> LaunchFiles:
    """Return the program, its task and its launcher."""
    command = profile.command or (context.python, context.path("rehearse.py"))
    ending = f"exec {common.quoted(common.words(profile, context, command))}\n"
    files = {"rehearse.py": (_START.encode(), common.READ_ONLY), **common.runtime_files(*_PROGRAM)}
    return common.build(profile, context, ending=ending, env={}, files=files)


def once(profile: Profile, context: LaunchContext) -> str:
    """Return nothing, because without a terminal a story is played in the same way; a monitor has its own command."""
    return plain.once(profile, context) if context.alone else ""
