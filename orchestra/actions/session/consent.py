"""The person's consent to what a project's own files ask for, given once for exactly what was shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestra import safe_files
from orchestra.actions.session.copy_files import preview
from orchestra.actions.session.instructions import INSTEAD
from orchestra.config import consent
from orchestra.config.checks import HOOKS, all_checks, described
from orchestra.config.settings import project_wishes
from orchestra.drivers.sandbox import build_context
from orchestra.model import Check, ConsentKind

if TYPE_CHECKING:
    from orchestra.project import Project
    from orchestra.safe_files import Snapshot

_MOST_LINES = 120
"""Lines shown of one file; its hash covers the rest."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to allow: ``lines`` is shown to the person, ``marks`` is stored once they allow it."""

    lines: tuple[str, ...]
    marks: Mapping[ConsentKind, str]


def requests(project: Project) -> tuple[Request, ...]:
    """Return what the project's files ask for and the person has not yet allowed; each file is read once.

    Raises BadConfig or Refused for an unreadable file.
    """
    if project.paths.config == Path(project.paths.home.config).resolve():
        # The project is the home directory itself, so these files are the person's own.
        return ()
    asked = (_settings(project), _image(project), _agents(project), _instructions(project))
    known = project.store.consents.get
    return tuple(request for request in asked if any(mark != known(kind) for kind, mark in request.marks.items()))


def grant(project: Project, asked: Sequence[Request]) -> None:
    """Allow exactly what was shown; after a later change the person is asked again."""
    for kind, mark in (item for request in asked for item in request.marks.items()):
        project.store.consents.grant(kind, mark)


def _settings(project: Project) -> Request:
    wishes = project_wishes(project.paths.config)
    names, check = consent.asked(wishes), described(checks_in(wishes))
    lines = [_setting(project, name, wishes[name]) for name in names]
    before = project.store.consents.get(ConsentKind.CHECK)
    if before and not check:
        lines.append(f"{project.paths.config}: the check that you allowed is gone: {shown(before)}")
    # With nothing left to allow there is no question, unless the check is gone.
    marks = {ConsentKind.SETTINGS: consent.content_hash(wishes)} if names else {}
    return Request(tuple(lines), {**marks, ConsentKind.CHECK: check} if lines else {})


def checks_in(wishes: Mapping[str, Any]) -> tuple[Check, ...]:
    """Return the checks that a project's own file names."""
    hooks = (HOOKS,) if wishes.get("landing_hooks") else ()
    return all_checks(wishes.get("check", ""), wishes.get("checks", ())) + hooks


def _setting(project: Project, name: str, value: object) -> str:
    line = f"{project.paths.config}: {name}: {shown(json.dumps(value, ensure_ascii=False))}"
    if name != "copy" or not isinstance(value, tuple):
        return line
    return "\n".join((line, *(f"  {shown(preview(project, str(pattern)))}" for pattern in value)))


def _image(project: Project) -> Request:
    context = build_context.read(project.paths.dockerfile.parent)
    if context is None:
        return Request((), {})
    files = [f"  {_described(file.name, file.size, file.content)}" for file in context.files]
    dockerfile = context.directory / build_context.DOCKERFILE
    head = f"{dockerfile}: builds the image, as root, from these files (hash {context.digest}):"
    return Request((head, *_first(files), *_text(context.text)), {ConsentKind.IMAGE: context.digest})


def _agents(project: Project) -> Request:
    return _directory(project, project.paths.agents, ConsentKind.AGENTS, "decide what agents install and run")


def _instructions(project: Project) -> Request:
    words = "replace Orchestra's own instructions"
    return _directory(project, project.paths.instructions / INSTEAD, ConsentKind.INSTRUCTIONS, words)


def _directory(project: Project, directory: Path, kind: ConsentKind, words: str) -> Request:
    snapshot = safe_files.snapshot(project.paths.source, str(directory.relative_to(project.paths.source)))
    if not snapshot.digest:
        return Request((), {})
    return Request(
        (f"{directory}: these files {words} (hash {snapshot.digest}):", *_contents(snapshot)), {kind: snapshot.digest}
    )


def _contents(snapshot: Snapshot) -> Iterator[str]:
    for name, (content, _) in sorted(snapshot.files.items()):
        yield f"  {_described(name, len(content), hashlib.sha256(content).hexdigest())}"
        yield from _text(content.decode("utf-8", "replace")) if b"\0" not in content else ()
    for name, target in sorted(snapshot.links.items()):
        yield f"  {shown(name)} is a symlink to {shown(target)}, which is not followed"


def _described(name: str, size: int, content: str) -> str:
    return f"{shown(name)}: {size:,} bytes, sha256 {shown(content)[:16]}"


def _text(text: str) -> Iterator[str]:
    yield from (f"    | {shown(line)}" for line in _first(text.splitlines()))


def _first(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES:
        yield f"    … {len(lines) - _MOST_LINES} more lines, included in the hash"


def shown(text: str) -> str:
    """Return a text with control and invisible characters written out."""
    return "".join(letter if letter.isprintable() or letter == "\t" else f"\\u{{{ord(letter):x}}}" for letter in text)
