"""What has to be true of a project whatever has been killed in it, once it has been brought up again."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from orchestra.drivers.git.repository import REMOVED
from orchestra.model import BoxState, Intent, Role, SandboxKind, Session, State
from orchestra.names import PERSON
from tests.support.projects import AGENT, PERSONS, HostProject

OTHER = "other"
"""A second profile with the same program."""
_SLEEPERS = {AGENT, OTHER}
_PATIENCE = 60.0
_POLL = 0.05
_PROBE = re.compile(r"[a-z0-9_]{8}")
_TRASH = "refs/orchestra/trash/"
_TRY = "refs/orchestra/try/"


@dataclass
class Kept:
    """What must be found again: commits, files that no commit holds (by name), texts of messages that were accepted.

    ``dirty`` says that the checkout has changes of the person's, which the case itself looks at.
    """

    commits: list[str] = field(default_factory=list)
    files: dict[str, tuple[Session, str]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    dirty: bool = False


def wrong(host: HostProject, kept: Kept) -> list[str]:
    """Return what is not as it was promised; empty where all is well."""
    looks = (_record, _sessions, _windows, _boxes, _worktrees, _refs, _secrets, _states, _temporary, _repository)
    found = [line for look in looks for line in look(host)]
    return [*found, *_unclean(host, kept), *_lost(host, kept), *_processes(host)]


def _record(host: HostProject) -> Iterator[str]:
    with closing(sqlite3.connect(host.project.paths.database)) as database:
        told = database.execute("PRAGMA integrity_check").fetchone()[0]
    if told != "ok":
        yield f"the database is damaged: {told}"


def _sessions(host: HostProject) -> Iterator[str]:
    """Every session is alive, stopped on purpose, or failed with a reason."""
    project = host.project
    for session in project.store.sessions.all():
        alive = project.sandbox(session.sandbox).look(project.box_name(session)).state is BoxState.RUNNING
        if session.intent is Intent.DELETE:
            yield f"{session.name} is half deleted"
        elif session.intent is Intent.RUN and not alive:
            yield f"{session.name} does not run ({session.state}: {session.evidence})"
        elif session.intent is Intent.STOP and alive:
            yield f"{session.name} runs, and was stopped"
        elif session.intent is Intent.STOP and session.state not in {State.STOPPED, State.FAILED}:
            yield f"{session.name} is stopped, and shown as {session.state}: {session.evidence}"
        if not session.worktree.is_dir():
            yield f"{session.name} has no worktree"


def _windows(host: HostProject) -> Iterator[str]:
    live = {session.name: session for session in host.project.store.sessions.all()}
    names = host.windows()
    for name in sorted({*names}):
        if name not in live:
            yield f"the window of {name}, which is no session"
        if names.count(name) > 1:
            yield f"{names.count(name)} windows of {name}"
    for session in live.values():
        if session.intent is Intent.RUN and session.name not in names:
            yield f"{session.name} has no window"


def _boxes(host: HostProject) -> Iterator[str]:
    """No container of this home but those of its sessions."""
    sessions = host.project.store.sessions.all()
    if all(
        session.sandbox is not SandboxKind.DOCKER for session in host.project.store.sessions.all(include_deleted=True)
    ):
        return
    known = {host.project.box_name(session) for session in sessions}
    sandbox = host.project.sandbox(SandboxKind.DOCKER)
    for name in sorted(sandbox.look_all().keys() - known):
        yield f"the container {name}, which is no session's"
    for session in sessions:
        shown = sandbox.look(host.project.box_name(session)).mounts
        if session.role is Role.EXECUTOR and shown and (str(host.source) in shown) != session.paired:
            yield f"{session.name} is {'' if session.paired else 'not '}paired, and its container does not agree"


def _worktrees(host: HostProject) -> Iterator[str]:
    store = host.project.store
    known = {session.worktree for session in store.sessions.all(include_deleted=True)}
    on_record = {path for path in host.project.repository.worktrees() if path != host.source}
    place = host.project.paths.worktrees
    # What was being removed, after all it held was kept, is listed and removed by `orchestra gc`.
    there = {path for path in place.iterdir() if path.suffix != REMOVED} if place.is_dir() else set()
    for path in sorted((there | on_record) - known):
        yield f"a worktree of nobody: {path.name}"
    for path in sorted(there ^ on_record):
        yield f"the worktree {path.name} is {'not on record' if path in there else 'on record, and not there'}"
    for session in store.sessions.all():
        if session.role is Role.EXECUTOR and session.worktree not in on_record:
            yield f"{session.name}'s worktree is not on record"


def _refs(host: HostProject) -> Iterator[str]:
    live = {session.name for session in host.project.store.sessions.all()}
    known = {session.name for session in host.project.store.sessions.all(include_deleted=True)}
    refs = host.refs()
    for ref in refs:
        kind, _, name = ref.removeprefix("refs/").rpartition("/")
        if ref.startswith((_TRASH, _TRY)):
            kind, name = "orchestra", ref.split("/")[3]
        if kind.startswith("orchestra") and name not in known:
            yield f"{ref} belongs to nobody"
        if kind == "heads/orchestra" and name not in known:
            yield f"the branch {name} belongs to nobody"
        if kind == "orchestra/base" and name not in live and f"refs/heads/orchestra/{name}" not in refs:
            yield f"{ref} keeps the base of a branch that is gone"
    for session in host.project.store.sessions.all():
        if session.role is Role.EXECUTOR and f"refs/heads/{session.branch}" not in refs:
            yield f"{session.name} has no branch"


def _secrets(host: HostProject) -> Iterator[str]:
    live = {f"{session.id}-{session.name}" for session in host.project.store.sessions.all()}
    for place in (host.place / "run").glob("orchestra/*/*"):
        if place.name not in live:
            yield f"the credentials of {place.name}, which is no session"


def _states(host: HostProject) -> Iterator[str]:
    known = {f"{session.id}-{session.name}" for session in host.project.store.sessions.all(include_deleted=True)}
    for place in (host.project.paths.state / "sessions").glob("*"):
        if place.name not in known:
            yield f"the state of {place.name}, which is no session"


def _temporary(host: HostProject) -> Iterator[str]:
    for place in sorted((host.place / "tmp").iterdir()):
        # Python itself tries, with a few bytes, whether it may write there (tempfile.gettempdir).
        if place.is_file() and _PROBE.fullmatch(place.name):
            continue
        # Made, and not locked yet: `temporary.sweep` leaves such a one alone for a minute.
        if place.name.startswith(".orchestra-unheld-") and not any(place.iterdir()):
            continue
        yield f"left in the directory for temporary files: {place.name}"
    for base, folders, files in os.walk(host.project.paths.state):
        for name in (*folders, *files):
            # What lies in `look` is written over at the next look.
            if name.endswith(".new") and Path(base).name != "look":
                yield f"half written, and left: {Path(base, name).relative_to(host.project.paths.state)}"
    for half in host.source.glob(".orchestra/**/*.new"):
        yield f"half written, and left: {half.relative_to(host.source)}"


def _unclean(host: HostProject, kept: Kept) -> Iterator[str]:
    if not kept.dirty and (told := host.git("status", "--porcelain")):
        yield f"the checkout is not clean: {told}"


def _repository(host: HostProject) -> Iterator[str]:
    if told := host.fsck():
        yield f"git fsck: {told}"
    git = host.source / ".git"
    for lock in sorted((*git.rglob("*.lock"), *git.glob("orchestra-landing*"))):
        yield f"a lock is left: {lock.relative_to(host.source)}"


def _lost(host: HostProject, kept: Kept) -> Iterator[str]:
    for commit in kept.commits:
        if not host.git("for-each-ref", "--contains", commit, check=False) and not _in_private(host, commit):
            yield f"the commit {commit[:10]} is in no ref"
    for name, (session, text) in kept.files.items():
        if not (_reads(session.worktree / name) == text or text in _anchored(host, session.name, name)):
            yield f"{name} of {session.name} is lost"
    store = host.project.store
    live = [session.name for session in store.sessions.all()]
    texts = [message.text for name in (*live, PERSON) for message in store.messages.select(recipient=name)]
    for text in sorted({*texts, *kept.messages}):
        if texts.count(text) > 1 or text not in texts:
            yield f"the message {text!r} is there {texts.count(text)} times"


def _in_private(host: HostProject, commit: str) -> bool:
    """Say whether a session that lives has the commit on a branch of its own git."""
    places = (host.project.session_paths(session).git for session in host.project.store.sessions.all())
    asked = ("for-each-ref", "--contains", commit)
    return any(host.git(f"--git-dir={place}", *asked, check=False) for place in places if (place / "HEAD").is_file())


def _anchored(host: HostProject, session: str, name: str) -> list[str]:
    refs = host.refs(f"{_TRASH}{session}/")
    return [host.git("show", f"{ref}:{name}", check=False) + "\n" for ref in refs]


def _reads(file: Path) -> str:
    return file.read_text() if file.is_file() else ""


def _processes(host: HostProject) -> Iterator[str]:
    """What runs are the agents that are to run, and tmux; what is ending has a moment to end."""
    end = time.monotonic() + _PATIENCE
    while (found := sorted(_strays(host))) and time.monotonic() < end:
        time.sleep(_POLL)
    yield from found


def _ours(line: str) -> bool:
    if "docker" in line or "attach.sh" in line:
        return True
    return "-m orchestra" in line and (line.endswith(" control") or "orchestra.service" in line)


def _strays(host: HostProject) -> Iterator[str]:
    running = [session for session in host.project.store.sessions.all() if session.intent is Intent.RUN]
    agents = 0
    for number, line in host.processes().items():
        if line == "sleep 3600":
            agents += 1
        elif line not in PERSONS and not line.startswith(("tmux", "-tmux", "-sh")) and not _ours(line):
            yield f"process {number} is left: {line[:100]}"
    mine = [session for session in running if session.agent in _SLEEPERS]
    if agents > len(mine):
        yield f"{agents} agents run, for {len(mine)} sessions"
