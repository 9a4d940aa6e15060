"""The rehearsal agent: plays a story from its task, so that everything can be seen and tested without a model."""

from __future__ import annotations

from orchestra.agents import launch_files as common
from orchestra.agents.families.plain import HANDS_OVER, hook_reply, signs, usage
from orchestra.agents.launch_files import Outfit, Setting
from orchestra.agents.profile import Profile

__all__ = ["HANDS_OVER", "hook_reply", "outfit", "signs", "usage"]

_PROGRAM = ("__init__.py", "story.py", "journal.py", "service.py", "stage.py", "steps.py", "play.py")
_START = "from runtime.play import main\n\nraise SystemExit(main())\n"


def outfit(profile: Profile, setting: Setting) -> Outfit:
    """Return the program, its task and its launcher."""
    command = profile.command or (setting.python, setting.path("rehearse.py"))
    ending = f"exec {common.quoted(common.words(profile, setting, command))}\n"
    files = {"rehearse.py": (_START.encode(), common.READ_ONLY), **common.runtime_files(*_PROGRAM)}
    return common.outfit_with(profile, setting, ending=ending, env={}, files=files)
