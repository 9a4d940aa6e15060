"""Specs: what a session should build, with versions; changes are sent to its agent as a diff.

A spec exists twice: in the checkout for everybody to read, and in Orchestra's own directory, where
the person edits it. The designer can write the checkout, where a symlink could replace the file
while an editor has it open.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra import safe_files
from orchestra.actions.messaging.messages import LONGEST, send
from orchestra.actions.session.limits import LONGEST_SPEC, require_size
from orchestra.errors import Refused
from orchestra.model import MessageKind, Session, Spec
from orchestra.names import PERSON, digest

if TYPE_CHECKING:
    from orchestra.project import Project

_SYNCED = "spec/synced"
"""The file with the mark of the text that was last written to both files."""


def ensure_file(project: Project, name: str) -> Path:
    """Return the up-to-date file in which the person edits a session's spec; it is created on first use.

    Raises Refused if the spec's path in the checkout is a symlink.
    """
    session = project.store.sessions.get(name)
    with _alone(project, name):
        _take_edits(project, session, PERSON)
        known = project.store.specs.get(name)
        _write(project, session, known.text if known else "")
    return project.session_paths(session).spec_copy


def read_spec(project: Project, name: str, *, reader: str = "") -> Spec | None:
    """Return the newest version of a session's spec; a session that reads its own spec acknowledges it."""
    # An unreadable file does not change what is known.
    with suppress(Refused):
        notice_change(project, name)
    spec = project.store.specs.get(name)
    if spec is not None and reader == name:
        project.store.specs.acknowledge(name, spec.version)
    return spec


def write_spec(project: Project, name: str, text: str, author: str) -> Spec | None:
    """Replace a session's spec and tell the session, unless it is the author; returns None if nothing changed.

    Raises Refused, before anything is changed, if the file is a symlink.
    """
    session = project.store.sessions.get(name)
    require_size(text)
    with _alone(project, name):
        _take_edits(project, session, PERSON)
        saved = _save(project, session, text, author)
        if saved is not None:
            _write(project, session, text)
    return saved


def notice_change(project: Project, name: str, *, author: str = PERSON) -> Spec | None:
    """Save an edited spec as a new version, and tell the session.

    Raises Refused if the path in the checkout is a symlink or not a file.
    """
    session = project.store.sessions.get(name)
    with _alone(project, name):
        saved = _take_edits(project, session, author)
        known = saved or project.store.specs.get(name)
        # If a process was killed between the two, the files must still be written.
        if known is not None and _synced(project.session_paths(session).root) not in {"", _mark(known.text)}:
            _write(project, session, known.text)
    return saved


@contextmanager
def _alone(project: Project, name: str) -> Iterator[None]:
    # No session's name contains a dot, so this is not a session's lock.
    with project.lock(f"{name}.spec"):
        yield


def _take_edits(project: Project, session: Session, author: str) -> Spec | None:
    """Save each of the two files that was edited since both were written; the person's copy comes last."""
    paths = project.session_paths(session)
    known = project.store.specs.get(session.name)
    before = _synced(paths.root) or _mark(known.text if known else "")
    saved, trouble = None, None
    for root, file in ((project.paths.source, paths.spec), (paths.root, paths.spec_copy)):
        try:
            text = _read(root, file)
        except Refused as error:
            trouble = error
            continue
        if text is not None and _mark(text) != before:
            saved = _save(project, session, text, author) or saved
    if trouble is not None:
        raise trouble
    return saved


def _save(project: Project, session: Session, text: str, author: str) -> Spec | None:
    before = project.store.specs.get(session.name)
    if before is None and not text.strip():
        return None
    # Together, so that a session is told about every version.
    with project.store.together():
        saved = project.store.specs.save(session.name, text, author)
        if saved is not None:
            _notify(project, session, before.text if before else "", saved, author)
    return saved


def _write(project: Project, session: Session, text: str) -> None:
    paths = project.session_paths(session)
    project.repository.exclude("/.orchestra/specs/")
    paths.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    for root, file in ((project.paths.source, paths.spec), (paths.root, paths.spec_copy)):
        if _read(root, file) != text:
            safe_files.write(root, str(file.relative_to(root)), _bytes(text))
    safe_files.write(paths.root, _SYNCED, _mark(text).encode())


def _read(root: Path, file: Path) -> str | None:
    content = safe_files.read(root, str(file.relative_to(root)), most=LONGEST_SPEC)
    if content is not None and len(content) > LONGEST_SPEC:
        raise Refused(f"{file} holds more than 1 MiB", hint="keep a spec short enough to read")
    return None if content is None else content.decode("utf-8", "replace")


def _synced(root: Path) -> str:
    return (safe_files.read(root, _SYNCED, most=100) or b"").decode("ascii", "replace")


def _mark(text: str) -> str:
    return digest(text, 32)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _notify(project: Project, session: Session, before: str, saved: Spec, author: str) -> None:
    if author == session.name:
        return
    change = difference(before, saved.text)
    text = f"The spec changed (version {saved.version}). read_spec returns all of it.\n\n{change}"
    if len(_bytes(text)) > LONGEST:
        text = f"The spec changed (version {saved.version}) too much to show here. Read it with read_spec."
    send(project, sender=author, recipient=session.name, text=text, kind=MessageKind.SPEC)


def difference(before: str, after: str) -> str:
    """Return the change between two versions as a unified diff."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "now", lineterm="")
    return "\n".join(lines)
