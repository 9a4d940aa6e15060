"""Try a session's files in the person's own checkout, and put back what was there."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from orchestra import risk
from orchestra.actions.landing import ready
from orchestra.actions.messaging.messages import send
from orchestra.actions.session.branch_sync import import_commits
from orchestra.actions.work.review import require_executor
from orchestra.drivers.git import tree_diff, tried_files, worktree_diff
from orchestra.drivers.git.tried_files import KEPT, PREFIX, Anchor, TriedFiles
from orchestra.drivers.git.update_branch import named
from orchestra.errors import MergeConflict, NotFound, OrchestraError, Refused
from orchestra.model import WHAT_WAS, MessageKind, Session, Tryout
from orchestra.names import PERSON, SYSTEM
from orchestra.terminal_text import clean

if TYPE_CHECKING:
    from orchestra.project import Project

LOCK = "try"
"""The lock of whoever changes the files of the person's checkout for a try."""
_STAMP = "%Y%m%dT%H%M%S.%fZ"


def try_out(project: Project, name: str, *, risky: bool = False) -> dict[str, Any]:
    """Show a session's files, uncommitted ones too, merged into the person's checkout, until `put_back`.

    Only files change, and the service shows later changes of the session as well. Raises Refused, and MergeConflict, if
    it cannot be shown or could not be put back exactly, and Refused unless ``risky`` if programs obey one of the files
    as soon as it is there; nothing is changed then.
    """
    session = project.store.sessions.get(name)
    require_executor(session)
    with project.lock(LOCK):
        _finish(project)
        record = project.store.tryout.get()
        if record is not None and record.session != name:
            raise Refused(f"{record.session} is being tried already", hint="first put back: orchestra try --off")
        if record is None:
            _begin(project, session, risky=risky)
        else:
            _update(project, record, session, risky=risky)
        return _answer(project)


def put_back(project: Project, *, force: bool = False) -> dict[str, Any]:
    """Put back exactly what was in the checkout before a session was tried.

    Raises NotFound if none is, and Refused if the person has since changed what would be put back; with ``force`` their
    version is kept under a ref instead. What else they changed stays.
    """
    with project.lock(LOCK):
        record = project.store.tryout.get()
        if record is None:
            raise NotFound("no session is being tried", hint="to try one: orchestra try NAME")
        with suppress(Refused):
            _finish(project)
        if (record := project.store.tryout.get()) is None:
            return {"name": "", "kept": "", "edited": []}
        files, anchor = _files(project), _files(project).read(record.anchor)
        files.require_calm()
        edited, staged = files.edited(record.shown, anchor.was), files.staged(anchor)
        if (edited or staged) and not force:
            raise _edited(record, edited)
        kept = _kept(project, record, anchor, edited) if edited or staged else ""
        with_index = staged and project.repository.head()[0] == anchor.head
        project.store.tryout.update(wanted=WHAT_WAS, with_index=with_index)
        _finish(project)
        return {"name": record.session, "kept": kept, "edited": edited}


def follow(project: Project) -> bool:
    """Show what the tried session has changed since; returns whether there was anything to do.

    Nothing is written over what the person has changed meanwhile: then it follows no longer, and says so.
    """
    record = project.store.tryout.get()
    if record is None or (record.stopped and record.shown == record.wanted):
        return False
    session = project.store.sessions.find(record.session)
    mark = project.store.notes.diff_mark(session.id) if session else ""
    if session is not None and mark == record.mark and record.shown == record.wanted:
        return False
    with project.lock(LOCK):
        _finish(project)
        record = project.store.tryout.get()
        if record is None or record.stopped:
            return True
        try:
            _update(project, record, project.store.sessions.get(record.session))
        except MergeConflict:
            # The session may be in the middle of a change, so only its next one is looked at.
            project.store.tryout.update(mark=mark)
        except (Refused, NotFound) as error:
            _stop(project, record, error)
    return True


def finish(project: Project) -> None:
    """Finish what a killed process began; raises Refused if the person's changes are in the way."""
    with project.lock(LOCK):
        _finish(project)
        _files(project).tidy()


def end_before_landing(project: Project, branch: str) -> None:
    """Put back what was in the checkout before the branch that it shows moves; raises Refused like `put_back`."""
    record = project.store.tryout.get()
    if record is not None and project.repository.head()[1] == branch:
        put_back(project)
        project.store.events.log(record.session, "tried", f"put back, because {branch} moves")


def _begin(project: Project, session: Session, *, risky: bool) -> None:
    files, mark = _files(project), project.store.notes.diff_mark(session.id)
    anchor = files.begin(_state_of(project, session), session.name)
    ready.refuse_specs(project, session.name, files.differences(anchor))
    if not risky:
        _refuse_risky(project, session.name, anchor.was, anchor.now)
    if mine := files.edited(anchor.was, anchor.now):
        raise Refused(f"something of yours is in the way: {named(mine)}", hint="move it away")
    ref = f"{PREFIX}{session.name}/{project.store.now().strftime(_STAMP)}"
    project.repository.update_ref(ref, anchor.commit, None)
    with project.store.together():
        project.store.tryout.begin(
            session.name, ref=ref, anchor=anchor.commit, shown=anchor.was, wanted=anchor.now, mark=mark
        )
        project.store.events.log(session.name, "tried", "in your checkout")
    _finish(project)


def _update(project: Project, record: Tryout, session: Session, *, risky: bool = False) -> None:
    files, mark = _files(project), project.store.notes.diff_mark(session.id)
    before = files.read(record.anchor)
    anchor, shown = files.update(before, _state_of(project, session), session.name)
    if anchor == before:
        project.store.tryout.update(mark=mark, stopped="")
        return
    ready.refuse_specs(project, session.name, files.differences(anchor))
    if not risky:
        _refuse_risky(project, session.name, shown, anchor.now)
    tip = project.repository.refs(record.ref).get(record.ref)
    project.repository.update_ref(record.ref, anchor.commit, tip)
    project.store.tryout.update(anchor=anchor.commit, shown=shown, wanted=anchor.now, mark=mark, stopped="")
    _finish(project)


def _refuse_risky(project: Project, name: str, shown: str, now: str) -> None:
    """Raise Refused if a file that would change is one that programs obey without being told to."""
    files = risk.acting(*tree_diff.changed_files(project.repository.git(), shown, now))
    if files:
        first, why = next(iter(files.items()))
        others = f", and {len(files) - 1} more such" if len(files) > 1 else ""
        raise Refused(
            f"{name} changes {clean(first)} ({why}){others}",
            hint=f"look at it first: orchestra review {name}; to show it as well: orchestra try {name} --risky",
        )


def _state_of(project: Project, session: Session) -> str:
    """Return a commit with everything in a session's worktree, which no ref keeps yet."""
    import_commits(project, session)
    message = f"The files of {session.name}"
    return worktree_diff.snapshot(project.repository, session.worktree, message)


def _finish(project: Project) -> None:
    """Take the files to the state that was wanted last, which may have been interrupted."""
    record = project.store.tryout.get()
    if record is None:
        _drop_refs(project)
        return
    if record.shown == record.wanted:
        return
    files = _files(project)
    anchor = files.read(record.anchor)
    left = files.move(anchor, record.shown, record.wanted or anchor.was)
    if record.wanted == WHAT_WAS:
        if left:
            raise _edited(record, left)
        _end(project, files, record, anchor)
        return
    project.store.tryout.update(shown=record.wanted)
    if left:
        _stop(project, record, Refused(f"you have changed {named(left)}", hint=tried_files.TWO_HANDS))


def _end(project: Project, files: TriedFiles, record: Tryout, anchor: Anchor) -> None:
    if record.with_index:
        files.put_back_index(anchor)
    with project.store.together():
        project.store.tryout.end()
        with suppress(NotFound):
            project.store.events.log(record.session, "tried", "put back")
    _drop_refs(project)


def _drop_refs(project: Project) -> None:
    """Drop the anchors of tries that have ended, or have not begun."""
    for ref, commit in project.repository.refs(PREFIX).items():
        project.repository.update_ref(ref, "", commit)


def _kept(project: Project, record: Tryout, anchor: Anchor, edited: list[str]) -> str:
    """Keep what the person has changed, and return the ref."""
    ref = f"{KEPT}{record.session}/{project.store.now().strftime(_STAMP)}"
    tree = _files(project).keep_edits(anchor, record.shown, edited, ref, record.session)
    project.store.tryout.update(shown=tree)
    return ref


def _stop(project: Project, record: Tryout, error: OrchestraError) -> None:
    """Follow the session no longer, and tell the person why."""
    text = f"your checkout no longer follows {record.session}: {error.message}; {error.hint or tried_files.TWO_HANDS}"
    with project.store.together():
        project.store.tryout.update(stopped=error.message)
        send(project, sender=SYSTEM, recipient=PERSON, text=text, kind=MessageKind.NOTICE)


def _edited(record: Tryout, paths: list[str]) -> Refused:
    what = named(paths) if paths else "the index"
    return Refused(
        f"you have changed {what} while {record.session} was tried",
        hint="to keep your version under a ref, and put back what was there: orchestra try --off --force",
    )


def _files(project: Project) -> TriedFiles:
    repository = project.repository
    return TriedFiles(repository, (repository.root, project.paths.worktrees))


def _answer(project: Project) -> dict[str, Any]:
    record = project.store.tryout.get()
    if record is None:
        raise Refused("it was put back meanwhile", hint="see: orchestra list")
    anchor = _files(project).read(record.anchor)
    return {"name": record.session, "files": _files(project).differences(anchor), "stopped": record.stopped}
