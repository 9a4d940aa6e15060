"""Read, write, list, copy and remove files below a directory that an agent can write: a worktree or the checkout.

Every path is walked from ``root`` by open directories (openat(2)), one component at a time, and no
symlink is followed, neither on the path nor at its end; everything above ``root`` is trusted. Only
regular files are read, without blocking, so that named pipes and devices delay nobody. Everything
has limits in bytes, entries, depth and seconds, and nothing is recursive. Names are relative to
``root``, their parts separated by slashes.
"""

from __future__ import annotations

from orchestra.safe_files.handles import Entry, Limits, Obstructed, parts
from orchestra.safe_files.looking import list_directory, look, open_file, read, read_link, walk
from orchestra.safe_files.removing import remove, remove_directory, remove_file
from orchestra.safe_files.snapshot import Snapshot, snapshot
from orchestra.safe_files.writing import copy_file, make_directory, move_in, plant, plant_link, set_back, write

__all__ = [
    "Entry",
    "Limits",
    "Obstructed",
    "Snapshot",
    "copy_file",
    "list_directory",
    "look",
    "make_directory",
    "move_in",
    "open_file",
    "parts",
    "plant",
    "plant_link",
    "read",
    "read_link",
    "remove",
    "remove_directory",
    "remove_file",
    "set_back",
    "snapshot",
    "walk",
    "write",
]
