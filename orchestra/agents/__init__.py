"""How each kind of agent is run: profiles as data, and one small file per family."""

from orchestra.agents.activity import Usage
from orchestra.agents.launch_files import Outfit, Setting, own_files
from orchestra.agents.profile import BUILT_IN, Delivery, Profile, load, names
from orchestra.agents.registry import (
    hands_over,
    headless,
    hook_reply,
    listens,
    outfit,
    prompt,
    signs,
    tells_prompts,
    tools_late,
    usage,
    wakes,
)

__all__ = [
    "BUILT_IN",
    "Delivery",
    "Outfit",
    "Profile",
    "Setting",
    "Usage",
    "hands_over",
    "headless",
    "hook_reply",
    "listens",
    "load",
    "names",
    "outfit",
    "own_files",
    "prompt",
    "signs",
    "tells_prompts",
    "tools_late",
    "usage",
    "wakes",
]
