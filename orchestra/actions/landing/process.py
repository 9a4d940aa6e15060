"""Work through the queue of a branch: merge, check on the merged files, land, and send back what fails.

Each entry is merged on top of the one before it, so that several trees are checked at the same time; the branch only
moves to a commit whose own tree has passed. What comes after one that failed is merged and checked again without it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestra import risk
from orchestra.actions.landing import checks, hooks, move, proofs, ready, send_back
from orchestra.actions.landing.combine import Part, combine
from orchestra.actions.landing.proofs import Proof
from orchestra.actions.session import container_spec
from orchestra.actions.work.checks import PASSED
from orchestra.drivers.git import merge_trees, tree_diff
from orchestra.errors import (
    CommandFailed,
    DeadlineExceeded,
    EngineDown,
    MergeConflict,
    Moved,
    NotFound,
    OrchestraError,
    Refused,
)
from orchestra.merge_queue import halved, next_batch
from orchestra.model import Check, CheckRun, Entry, EntryState, Session
from orchestra.names import digest
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.project import Project

_AGAIN = 0.5
"""Seconds between two looks at whether more was queued while a check runs, or whether an unwanted one ended."""
Stop = Callable[[], bool]
"""A function that says whether to stop before the queue is empty."""


def never() -> bool:
    """Say that nothing stops the work."""
    return False


def lock_of(target: str) -> str:
    """Return the name of the lock of whoever works through the queue of a branch."""
    return f"queue-{digest(target, 12)}"


def process(project: Project, target: str, *, progress: Progress = ignore, last: int = 0, stop: Stop = never) -> None:
    """Land the waiting entries of a branch in their order, with ``last`` only up to that entry.

    The caller holds the lock of `lock_of`. Raises what the engine or the disk raises; the entries then stay queued.
    """
    _finish_earlier(project, progress)
    run = _Run(project, target, progress, last, stop)
    while run.round():
        pass


def _finish_earlier(project: Project, progress: Progress) -> None:
    try:
        move.finish_landings(project)
    except Refused as error:
        progress(str(error))


def _asked(entry: Entry, head: str) -> tuple[int, str, str, str | None]:
    return entry.id, head, entry.strategy, entry.check


@dataclass(frozen=True, slots=True)
class _Results:
    """How the checks and the proofs of a step ended."""

    runs: Sequence[CheckRun]
    proofs: tuple[Proof, ...]


@dataclass(slots=True)
class _Step:
    """Entries merged as one commit, whose tree is being checked."""

    parts: tuple[Part, ...]
    commit: str
    before: str
    checks: tuple[Check, ...]
    proofs: tuple[Proof, ...]
    runs: Future[_Results]

    @property
    def entries(self) -> list[Entry]:
        return [part.entry for part in self.parts]

    @property
    def author(self) -> Session:
        """The session whose image the checks use."""
        return self.parts[-1].session

    def end(self, project: Project) -> None:
        """End what runs for it, also what a process that was killed has left running."""
        container_spec.end_checks(project, self.author, map(checks.label_of, range(len(self.checks))))
        proofs.end(project, self.proofs)


@dataclass(slots=True)
class _Run:
    project: Project
    target: str
    progress: Progress
    last: int
    stop: Stop
    steps: deque[_Step] = field(default_factory=deque)

    def round(self) -> bool:
        """Land until something fails or moves; returns whether there is more to do."""
        width = self.project.settings.checks_at_once or os.cpu_count() or 1
        with ThreadPoolExecutor(width, thread_name_prefix="checks") as pool:
            try:
                return self._land_while_green(pool, width)
            finally:
                self._abandon()

    def _land_while_green(self, pool: ThreadPoolExecutor, width: int) -> bool:
        while not self.stop():
            while len(self.steps) < width and self._add(pool):
                pass
            if not self.steps:
                return bool(self._rest())
            step = self.steps[0]
            wait([step.runs], timeout=_AGAIN)
            if not step.runs.done():
                continue
            results = step.runs.result()
            self.steps.popleft()
            if not self._settle(step, results):
                return True
        return False

    def _rest(self) -> list[Entry]:
        """Return the entries that wait and are in no step yet."""
        busy = {entry.id for step in self.steps for entry in step.entries}
        entries = self.project.store.queue.waiting(self.target)
        ends = [number for number, entry in enumerate(entries, 1) if entry.id == self.last]
        wanted = entries[: ends[0]] if ends else [] if self.last else entries
        return [entry for entry in wanted if entry.id not in busy]

    def _add(self, pool: ThreadPoolExecutor) -> bool:
        """Merge the next entries onto those before them and start their checks; returns False if there are none."""
        batch = next_batch(self._rest(), self.project.settings.merge_batch)
        if not batch:
            return False
        onto = self.steps[-1].commit if self.steps else self._tip(batch)
        if not onto:
            return True
        parts = [part for part in (self._part(entry, onto) for entry in batch) if part is not None]
        return self._merge(pool, parts, onto) if parts else True

    def _tip(self, batch: Sequence[Entry]) -> str:
        """Return the target's commit; without the branch, its entries leave the queue."""
        try:
            return self.project.repository.branches()[self.target]
        except KeyError:
            gone = Refused(f"there is no longer a branch {self.target} to merge into", hint="see: git branch")
            for entry in batch:
                send_back.withdraw(self.project, entry, gone)
            return ""

    def _part(self, entry: Entry, onto: str) -> Part | None:
        """Return what an entry brings, or None after taking it out of the queue."""
        project = self.project
        try:
            session = project.store.sessions.get(entry.session)
            if entry.head:
                head = entry.head
            else:
                session = self._finished(session)
                head = session.head
                if not self._still_approved(entry, session.base, head):
                    return None
            ready.require_new(project, session, head, self.target, onto)
            ready.require_own_words(project, session, head, onto, entry.strategy)
            ready.require_lfs_pointers(project, session, head)
            return Part(entry, session, head)
        except NotFound as error:
            send_back.withdraw(project, entry, error)
        except Refused as error:
            self._refused(entry, error)
        return None

    def _finished(self, session: Session) -> Session:
        """Return a session with all its commits; raises Refused if its own git or files do not let them be taken."""
        try:
            return ready.finished(self.project, session.name)
        except EngineDown:
            raise
        except (CommandFailed, DeadlineExceeded) as error:
            # Without an engine nobody's git answers, and the whole queue waits for it.
            container_spec.look(self.project, session)
            raise Refused(error.message, hint=error.hint) from error

    def _refused(self, entry: Entry, error: Refused) -> None:
        session = self.project.store.sessions.find(entry.session)
        if session is None or entry.head:
            send_back.withdraw(self.project, entry, error)
        else:
            send_back.unfinished(self.project, entry, session, error)

    def _still_approved(self, entry: Entry, base: str, head: str) -> bool:
        """Return False, and ask the person again, if the author now changes risky files that they have not seen."""
        if not entry.approved or entry.approved == head:
            return True
        git = self.project.repository.git()
        seen, now = (risk.changed(*tree_diff.changed_files(git, base, tip)) for tip in (entry.approved, head))
        new = [f"{path} ({why})" for (path, _), why in (now.items() - seen.items())]
        if not new:
            return True
        reason = f"since you approved it, it also changes {', '.join(sorted(new)[:3])}"
        with self.project.store.together():
            self.project.store.queue.update(entry.id, state=EntryState.PROPOSED, reason=reason)
            self.project.store.events.log(entry.session, "proposed", reason)
        return False

    def _merge(self, pool: ThreadPoolExecutor, parts: list[Part], onto: str) -> bool:
        project, author = self.project, parts[-1].session
        try:
            wanted = ready.wanted_checks(project, author.name, parts[0].entry.check)
            wanted += hooks.checks_of(project, author, onto, parts[0].entry.check)
        except Refused as error:
            for part in parts:
                send_back.withdraw(project, part.entry, error)
            return True
        proof = tuple(proofs.wanted(project, part.session) for part in parts)
        try:
            commit = self._combined(parts, onto, [*checks.trailers(wanted), *proofs.trailers(proof, ran=False)])
        except Refused as error:
            return self._not_merged(parts, error)
        for part in parts:
            project.store.queue.update(part.entry.id, state=EntryState.CHECKING, head=part.head, reason="")
        self._start(pool, _Step(tuple(parts), commit, onto, wanted, proof, Future()))
        return True

    def _combined(self, parts: Sequence[Part], onto: str, trailers: Sequence[str]) -> str:
        """Return the merge of all parts; raises Refused also where git cannot make one of these commits."""
        repository = self.project.repository
        try:
            return combine(self.project, parts, onto, trailers)
        except (CommandFailed, DeadlineExceeded) as error:
            # If git can write no commit at all, as on a full disk, the whole queue waits.
            merge_trees.trial_commit(repository, repository.tree(onto), [onto])
            raise Refused(error.message, hint=error.hint) from error

    def _start(self, pool: ThreadPoolExecutor, step: _Step) -> None:
        step.end(self.project)
        items = sum(len(proof.claims) for proof in step.proofs)
        shows = [f"what shows {items} item{'s' * (items > 1)} of the spec"] if items else []
        if commands := [*(check.command for check in step.checks), *shows]:
            names = ", ".join(part.session.name for part in step.parts)
            self.progress(f"running the check on the merged files of {names}: {'; '.join(commands)}")
        step.runs = pool.submit(self._run_all, step)
        self.steps.append(step)

    def _run_all(self, step: _Step) -> _Results:
        """Run the checks of a step, and beside them what shows the items of its specs."""
        tree = self.project.repository.tree(step.commit)
        subject = checks.Subject(step.author, step.commit, tree)
        with ThreadPoolExecutor(1) as beside:
            proved = beside.submit(proofs.run_all, self.project, step.proofs, step.commit, tree)
            runs = checks.run_all(self.project, subject, step.checks)
            return _Results(runs, tuple(proved.result()))

    def _not_merged(self, parts: Sequence[Part], error: Refused) -> bool:
        """Give work back that cannot be merged; what only fails on top of others in the queue may yet be merged."""
        if len(parts) > 1:
            self._split(parts)
        elif self.steps:
            return False
        elif isinstance(error, MergeConflict):
            send_back.conflict(self.project, parts[0].entry, parts[0].session, parts[0].head, error)
        else:
            send_back.withdraw(self.project, parts[0].entry, error)
        return True

    def _split(self, parts: Sequence[Part]) -> None:
        for part in parts:
            self.project.store.queue.update(part.entry.id, most=max(1, halved([part.entry for part in parts])))

    def _settle(self, step: _Step, results: _Results) -> bool:
        """Land a step whose checks passed, else send it back; returns whether what follows it is still valid."""
        runs = results.runs
        self._record(step, results)
        error = checks.failure_of(runs, step.author.name)
        if error is None and self.project.settings.require_proof:
            error = proofs.failure_of(results.proofs)
        if error is None:
            for entry in step.entries if runs else ():
                self.project.store.events.log(entry.session, PASSED, "; ".join(run.command for run in runs))
            return self._land(step, results.proofs)
        if len(step.parts) > 1:
            self._split(step.parts)
        else:
            part = step.parts[0]
            failed = [run for proof in results.proofs for run in proof.failed]
            send_back.red(self.project, part.entry, part.session, [*runs, *failed], error)
        return False

    def _record(self, step: _Step, results: _Results) -> None:
        with self.project.store.together():
            checks.record(self.project, step.entries, results.runs)
            proofs.record(self.project, results.proofs)
            for entry, proof in zip(step.entries, results.proofs, strict=True):
                self.project.store.queue.update(entry.id, proof=str(proof.tally) if proof.items else "")

    def _land(self, step: _Step, proved: Sequence[Proof]) -> bool:
        def wanted() -> bool:
            """Return whether all is asked for as it was checked: not withdrawn, nor changed while its checks ran."""
            waiting = {_asked(entry, entry.head) for entry in self.project.store.queue.waiting(self.target)}
            return waiting.issuperset(_asked(part.entry, part.head) for part in step.parts)

        if not wanted():
            return False
        try:
            commit = self._true_commit(step, proved)
            if left := move.land(self.project, step.entries, commit, step.before, wanted=wanted):
                self.progress(left)
        except Moved:
            return False
        except Refused as error:
            for entry in step.entries:
                send_back.withdraw(self.project, entry, error)
            return False
        return commit == step.commit

    def _true_commit(self, step: _Step, proved: Sequence[Proof]) -> str:
        """Return the commit of a step, or one with the same tree that says that fewer items were proved than hoped."""
        said = proofs.trailers(proved)
        if said == proofs.trailers(step.proofs, ran=False):
            return step.commit
        commit = combine(self.project, step.parts, step.before, [*checks.trailers(step.checks), *said])
        if self.project.repository.tree(commit) != self.project.repository.tree(step.commit):
            raise Moved(f"{self.target} is merged anew", hint="wait")
        return commit

    def _abandon(self) -> None:
        """End the checks of steps that are not needed any more."""
        for step in self.steps:
            step.runs.cancel()
        while left := [step for step in self.steps if not step.runs.done()]:
            for step in left:
                with suppress(OrchestraError):
                    step.end(self.project)
            wait([step.runs for step in left], timeout=_AGAIN)
        self.steps.clear()
