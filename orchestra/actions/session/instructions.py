"""Instructions that a project or the person adds to Orchestra's own, or that replace them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestra import safe_files
from orchestra.errors import BadConfig
from orchestra.model import ConsentKind

if TYPE_CHECKING:
    from pathlib import Path

    from orchestra.model import Session
    from orchestra.project import Project

LONGEST = 16_384
"""Bytes of one file of instructions: some agents get all of them in one argument of at most 128 KiB (execve(2))."""
INSTEAD = "instead"
"""The directory for instructions that replace Orchestra's own."""
_PROJECT = """# From this project

How to work in this repository. This does not change who decides, as described above.
"""
_PERSON = """# From the person

Where this differs from the text above, follow this.
"""


def added(project: Project, session: Session) -> str:
    """Return what the project and then the person add for a session's role and profile; may be empty.

    Raises BadConfig for a file that is too long, Refused for a symlink in the project.
    """
    parts = (
        (_PROJECT, [_of_project(project, name) for name in _names(session)]),
        (_PERSON, [_read(project.paths.home.instructions / name) for name in _names(session)]),
    )
    return "\n\n".join("\n".join((head, "\n\n".join(filter(None, texts)))) for head, texts in parts if any(texts))


def instead(project: Project, session: Session) -> str:
    """Return the text that replaces Orchestra's own instructions; may be empty.

    The project's takes precedence over the person's, but only once the person has allowed it.
    Raises as `added` does.
    """
    return next(filter(None, _instead(project, session)), "")


def _instead(project: Project, session: Session) -> Iterator[str]:
    wanted = [f"{INSTEAD}/{name}" for name in reversed(_names(session))]
    if (own := project.allowed(ConsentKind.INSTRUCTIONS, project.paths.instructions / INSTEAD)) is not None:
        texts = ((own.files.get(name, (b"", 0))[0], own.path / name) for name in reversed(_names(session)))
        yield from (_text(content, path) for content, path in texts)
    yield from (_read(project.paths.home.instructions / name) for name in wanted)


def _names(session: Session) -> tuple[str, str]:
    return f"{session.role.value}.md", f"{session.role.value}.{session.agent}.md"


def _of_project(project: Project, name: str) -> str:
    """Read a file that agents can write too, so that a link could lead to any file of the person's."""
    directory = project.paths.instructions
    content = safe_files.read(
        project.paths.source, str((directory / name).relative_to(project.paths.source)), most=LONGEST
    )
    return _text(content or b"", directory / name)


def _read(path: Path) -> str:
    return _text(path.read_bytes(), path) if path.is_file() else ""


def _text(content: bytes, path: Path) -> str:
    if len(content) > LONGEST:
        raise BadConfig(
            f"{path} is longer than {LONGEST} bytes", hint="keep it short, and name the path of a longer text in it"
        )
    return content.decode("utf-8", "replace").strip()
