"""How each kind of agent is run: profiles as data, and one module for each family."""

from orchestra.agents.activity import Usage
from orchestra.agents.launch_files import LaunchContext, LaunchFiles, own_files
from orchestra.agents.profile import BUILT_IN, Delivery, Profile, load, names
from orchestra.agents.registry import FAMILIES, Family, family_of, headless, launch_files, monitor
from orchestra.agents.transcripts import Transcripts

__all__ = [
    "BUILT_IN",
    "FAMILIES",
    "Delivery",
    "Family",
    "LaunchContext",
    "LaunchFiles",
    "Profile",
    "Transcripts",
    "Usage",
    "family_of",
    "headless",
    "launch_files",
    "load",
    "monitor",
    "names",
    "own_files",
]
