"""What lies below a directory in which others make and remove files meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(root: Path) -> Iterator[Path]:
    """Return all that is no directory; `Path.rglob` fails where one goes away while it looks."""
    for directory, _, names in os.walk(root):
        yield from (Path(directory, name) for name in names)
