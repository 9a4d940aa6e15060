"""Specs: what a session is to build, versioned, and told to its agent by diff."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING

from orchestra.actions.message import LONGEST, send
from orchestra.errors import UsageError
from orchestra.model import MessageKind, Session, Spec
from orchestra.names import PERSON

if TYPE_CHECKING:
    from pathlib import Path

    from orchestra.project import Project

_LARGEST = 1024 * 1024


def ensure_file(project: Project, name: str) -> Path:
    """Return the file of a session's spec, written on first use and kept out of ``git status``."""
    session = project.store.session(name)
    path = project.place(session).spec
    if not path.is_file():
        known = project.store.spec(name)
        _write(project, path, known.text if known else "")
    return path


def _write(project: Project, path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    project.repository.exclude("/.orchestra/specs/")
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def read_spec(project: Project, name: str, *, reader: str = "") -> Spec | None:
    """Return the newest version of a session's spec; a session that reads its own has acknowledged it."""
    notice_change(project, name)
    found = project.store.spec(name)
    if found is not None and reader == name:
        project.store.acknowledge_spec(name, found.version)
    return found


def write_spec(project: Project, name: str, text: str, author: str) -> Spec | None:
    """Replace a session's spec and tell the session, unless it wrote it itself; None when nothing changed."""
    session = project.store.session(name)
    if len(text.encode()) > _LARGEST:
        raise UsageError("a spec holds at most 1 MiB", hint="keep it short enough to be read")
    before = project.store.spec(name)
    saved = project.store.save_spec(name, text, author)
    if saved is not None:
        _write(project, project.place(session).spec, text)
        _tell(project, session, before.text if before else "", saved, author)
    return saved


def notice_change(project: Project, name: str, *, author: str = PERSON) -> Spec | None:
    """Save the spec file's content as a new version where an editor changed it, and tell the session."""
    session = project.store.session(name)
    text = _read(project.place(session).spec)
    if text is None:
        return None
    before = project.store.spec(name)
    if before is None and not text.strip():
        return None
    saved = project.store.save_spec(name, text, author)
    if saved is not None:
        _tell(project, session, before.text if before else "", saved, author)
    return saved


def _read(path: Path) -> str | None:
    """Read a file that an agent may have planted: no links followed, no more than the limit read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with open(descriptor, "rb") as file:  # noqa: PTH123 -- a descriptor, opened without following links
        try:
            return file.read(_LARGEST).decode("utf-8", "replace")
        except OSError:
            return None


def _tell(project: Project, session: Session, before: str, saved: Spec, author: str) -> None:
    if author == session.name:
        return
    change = difference(before, saved.text)
    text = f"The spec changed (version {saved.version}). read_spec shows it whole.\n\n{change}"
    if len(text.encode()) > LONGEST:
        text = f"The spec changed (version {saved.version}) too much to show. Read it with read_spec."
    send(project, sender=author, recipient=session.name, text=text, kind=MessageKind.SPEC)


def difference(before: str, after: str) -> str:
    """Return the change between two versions as a unified diff."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "now", lineterm="")
    return "\n".join(lines)
