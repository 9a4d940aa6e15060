"""The log of a bug: the command, the versions and the traceback, ready to paste into a report."""

from __future__ import annotations

import functools
import os
import platform
import tempfile
import traceback
from pathlib import Path

from orchestra import __version__
from orchestra.drivers import process
from orchestra.errors import OrchestraError
from orchestra.terminal_text import clean, without_sequences

_DEADLINE = 3.0
"""Seconds that a program may take to say its version."""
_PROGRAMS = {
    "git": ("git", "--version"),
    "tmux": ("tmux", "-V"),
    "Docker engine": ("docker", "version", "--format", "{{.Server.Version}}"),
}
_REPORT = """\
### Command

```
{command}
```

### Versions

| program | version |
|---|---|
{versions}

### What went wrong

```
{traceback}```
"""


def write_report(error: BaseException, command: str) -> Path:
    """Write the log of an unexpected error in Markdown, and return its path."""
    rows = "\n".join(f"| {name} | {version} |" for name, version in versions().items())
    text = _REPORT.format(command=command, versions=rows, traceback="".join(traceback.format_exception(error)))
    descriptor, name = tempfile.mkstemp(prefix="orchestra-bug-", suffix=".md")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(clean(text))
    return Path(name)


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of Orchestra and of everything it uses, or why one is unknown."""
    ours = {"Orchestra": __version__, "Python": platform.python_version(), "system": platform.platform()}
    return ours | {name: _version_of(words) for name, words in _PROGRAMS.items()}


def _version_of(words: tuple[str, ...]) -> str:
    try:
        done = process.run(words, deadline=_DEADLINE, check=False)
    except OrchestraError as error:
        return without_sequences(error.message)
    return without_sequences((done.text.strip() or done.complaint).partition("\n")[0])
