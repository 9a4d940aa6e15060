"""The actions that are killed: what is there before each, what it does, and what has to be true of it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestra.actions.maintenance import gc
from orchestra.actions.messaging import messages, permission_requests
from orchestra.actions.session import manage, pair
from orchestra.actions.session.spawn import spawn
from orchestra.actions.work import merge, refresh, search, spec
from orchestra.actions.workspace import recover, up
from orchestra.model import Intent, MessageState, Session, ToolUse
from orchestra.names import PERSON
from orchestra.project import Project
from tests.chaos.invariants import Kept
from tests.support.projects import HostProject

__all__ = ["CASES", "IN_CONTAINERS", "Case", "Scene"]


@dataclass
class Scene:
    """A project before an action, and what must be found in it again."""

    host: HostProject
    kept: Kept = field(default_factory=Kept)

    def executor(self, name: str) -> Session:
        """Create an executor with a commit and a file that is in none."""
        session = self.host.spawn(name)
        self.kept.commits.append(self.host.commit(session, f"{name}.txt", "committed\n"))
        self.host.write(session, f"{name}.draft", "not committed\n")
        self.kept.files[f"{name}.draft"] = (session, "not committed\n")
        return session


Prepare = Callable[[Scene], None]
Act = Callable[[Project], object]
Told = Callable[[Scene, bool], list[str]]


def nothing(_scene: Scene, _done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """Ask for no more than what every project promises."""
    return []


@dataclass(frozen=True)
class Case:
    """One of the table's actions.

    ``prepare`` comes before it, ``told`` says what is wrong after it was cut off, or done. ``again`` says whether to
    ask for the same once more after it was cut off, as a person would.
    """

    name: str
    action: str
    act: Act
    prepare: Prepare
    told: Told = nothing
    again: bool = True


def _one(scene: Scene) -> None:
    scene.executor("one")


def _two(scene: Scene) -> None:
    scene.executor("one")
    scene.executor("two")


def _stopped(scene: Scene) -> None:
    scene.executor("one")
    manage.stop(scene.host.project, "one")


def _deleted(scene: Scene) -> None:
    scene.executor("one")
    manage.delete(scene.host.project, "one", force=True, remove_worktree=True)


def _ready(scene: Scene) -> None:
    session = scene.host.spawn("one")
    scene.kept.commits.append(scene.host.commit(session, "one.txt", "committed\n"))


def _died(scene: Scene) -> None:
    _two(scene)
    project = scene.host.project
    for session in project.store.sessions.all():
        project.sandbox(session.sandbox).stop(project.box_name(session))
    for window in scene.host.tmux.windows.all():
        if window.session:
            scene.host.tmux.windows.close(window.id)


def _edited(scene: Scene) -> None:
    _one(scene)
    file = spec.ensure_file(scene.host.project, "one")
    file.write_text("Something else.\n")


def _told(scene: Scene) -> None:
    scene.executor("one")
    for number in range(3):
        messages.send(scene.host.project, sender=PERSON, recipient="one", text=f"message {number}")
        scene.kept.messages.append(f"message {number}")


def _waiting(scene: Scene) -> None:
    scene.executor("one")
    messages.send(scene.host.project, sender="one", recipient=PERSON, text="QUESTION: which?")


def _asks(scene: Scene) -> None:
    session = scene.executor("one")
    use = ToolUse("Bash", command="make", summary="runs: make", detail="make")
    scene.host.project.store.permissions.ask(session.id, "key", "digest", use)


def _written(scene: Scene) -> None:
    scene.executor("one")
    messages.send(scene.host.project, sender="one", recipient=PERSON, text=_THIS)


def _intent(name: str, wanted: Intent) -> Told:
    def told(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
        session = scene.host.project.store.sessions.find(name)
        if not done or (session is not None and session.intent is wanted):
            return []
        return [f"{name} is not as it was asked to be"]

    return told


def _gone(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    return ["one was deleted, and lives"] if done and scene.host.project.store.sessions.find("one") else []


def _restored(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """Once it lives again its files are in its worktree, as they were."""
    live = scene.host.project.store.sessions.find("one")
    if live is None:
        return ["one was restored, and is not there"] if done else []
    draft = live.worktree / "one.draft"
    return [] if draft.is_file() else ["one lives again without the file that was in no commit"]


def _merged(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """The branch and its checkout have all of the work, or nothing of it."""
    host = scene.host
    # A commit that has not been fetched yet is an error to git, and in no branch.
    whole = bool(host.git("branch", "--list", "main", "--contains", scene.kept.commits[0], check=False))
    shown = (host.source / "one.txt").exists()
    merges = host.git("log", "--merges", "--format=%h", "main").split()
    wrong = [] if whole == shown else [f"main {'has' if whole else 'lacks'} the work, its checkout does not agree"]
    wrong += ["merged, and main lacks the work"] if done and not whole else []
    return wrong + ([f"merged {len(merges)} times"] if len(merges) > 1 else [])


def _spec(text: str) -> Told:
    def told(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
        """What is stored is also in the file, and the session has been told of it once."""
        project = scene.host.project
        known = project.store.specs.get("one")
        stored = known is not None and known.text.strip() == text
        file = project.session_paths(project.store.sessions.get("one")).spec
        notices = [one for one in project.store.messages.select(recipient="one") if one.kind == "spec"]
        wrong = [f"{len(notices)} notices of one change"] if len(notices) > 1 else []
        wrong += ["the change is stored, and its session was not told"] if stored and not notices else []
        stale = stored and file.is_file() and file.read_text().strip() != text
        wrong += ["the change is stored, and not in the file"] if stale else []
        return wrong + (["the change is lost"] if done and not stored else [])

    return told


def _sent(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    texts = [one.text for one in scene.host.project.store.messages.select() if one.text.startswith("hello")]
    return ["the message was accepted, and is lost"] if done and not texts else []


def _answered(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """A session whose question has its answer waits no longer."""
    store = scene.host.project.store
    answers = [one for one in store.messages.select(recipient="one") if one.text == _THIS]
    waits = store.sessions.get("one").waits_for is not None
    wrong = ["the answer is stored, and its session waits still"] if answers and waits else []
    return wrong + (["the answer is lost"] if done and not answers else [])


def _allowed(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """A request that was allowed for the session is closed with exactly that, or is open as before."""
    (request,) = scene.host.project.store.permissions.answers("one") or scene.host.project.store.permissions.open()
    granted = scene.host.project.store.permissions.granted(scene.host.project.store.sessions.get("one").id)
    if request.answered_by is None:
        return ["the answer is lost"] if done else ["it is granted and still open"] if granted else []
    return [] if len(granted) == 1 else ["it was answered, and is not granted"]


def _seen(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    letters = scene.host.project.store.messages.select(recipient=PERSON, sender="one")
    unread = [letter for letter in letters if letter.state is MessageState.QUEUED]
    return [] if len(letters) == 1 and not (done and unread) else ["the message is lost, or not read"]


def _found(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001, ARG001 -- one of a family of functions
    hits = search.search(scene.host.project, _THIS, kinds=["messages"])["hits"]
    return [] if len(hits) == 1 else [f"the message is found {len(hits)} times"]


def _removed(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    left = gc.gc(scene.host.project) if done else []
    return [f"left after gc: {one.what}" for one in left]


def _again(project: Project) -> object:
    return [str(error) for error in recover.reconcile(project)]


def _up(project: Project) -> object:
    store = project.store
    known = store.workspace.get()
    return up.up(project, tmux_socket=known.tmux_socket, tmux_session=known.tmux_session)


def _remove(project: Project, *, worktree: bool) -> object:
    return manage.delete(project, "one", force=True, remove_worktree=worktree)


def _import(project: Project) -> object:
    return refresh.import_commits(project, project.store.sessions.get("one"))


def _imported(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    tip = scene.host.refs("refs/heads/orchestra/one").get("refs/heads/orchestra/one")
    return ["imported, and its branch is not there"] if done and tip != scene.kept.commits[0] else []


def _paired(scene: Scene) -> None:
    _one(scene)
    pair.pair(scene.host.project, "one")


def _nothing(_scene: Scene) -> None:
    """Prepare nothing."""


_THIS = "this one"

CASES = (
    Case("spawn", "spawn", lambda p: spawn(p, title="one", task="Do it."), _nothing, _intent("one", Intent.RUN)),
    Case("stop", "stop", lambda p: manage.stop(p, "one"), _one, _intent("one", Intent.STOP)),
    Case("resume", "resume", lambda p: manage.resume(p, "one"), _stopped, _intent("one", Intent.RUN)),
    Case("delete", "delete", lambda p: _remove(p, worktree=False), _one, _gone),
    Case("delete with its worktree", "delete", lambda p: _remove(p, worktree=True), _one, _gone),
    Case("restore", "restore", lambda p: manage.restore(p, "one"), _deleted, _restored),
    Case(
        "send",
        "send",
        lambda p: messages.send(p, sender=PERSON, recipient="one", text="hello"),
        _one,
        _sent,
        again=False,
    ),
    Case(
        "answer",
        "send",
        lambda p: messages.send(p, sender=PERSON, recipient="one", text=_THIS),
        _waiting,
        _answered,
        again=False,
    ),
    Case("allow", "answer", lambda p: permission_requests.answer(p, 1, "always"), _asks, _allowed, again=False),
    Case("see messages", "mark_seen", lambda p: messages.mark_seen(p, "one"), _written, _seen),
    Case("see a result", "mark_reviewed", lambda p: manage.mark_reviewed(p, "one"), _one),
    Case("search", "search", lambda p: search.search(p, _THIS), _written, _found),
    Case("read", "read", lambda p: messages.read(p, "one"), _told),
    Case("save a spec", "write_spec", lambda p: spec.write_spec(p, "one", "Other.", PERSON), _one, _spec("Other.")),
    Case("notice a spec", "notice_spec", lambda p: spec.notice_change(p, "one"), _edited, _spec("Something else.")),
    Case("merge", "merge", lambda p: merge.merge(p, "one"), _ready, _merged),
    Case("merge with a check", "merge", lambda p: merge.merge(p, "one", check="test -f one.txt"), _ready, _merged),
    Case("squash", "merge", lambda p: merge.merge(p, "one", strategy="squash"), _ready),
    Case("reconcile", "reconcile", _again, _died, _intent("one", Intent.RUN)),
    Case("up", "up", _up, _died, _intent("one", Intent.RUN)),
    Case("down --stop", "down", lambda p: up.down(p, stop=True), _two),
    Case("gc", "gc", lambda p: gc.gc(p, remove=True), _deleted, _removed),
)
"""With agents on the host: quick, and most of what a container's life consists of is the same."""

IN_CONTAINERS = (
    Case("spawn", "spawn", lambda p: spawn(p, title="one", task="Do it."), _nothing, _intent("one", Intent.RUN)),
    Case("stop", "stop", lambda p: manage.stop(p, "one"), _one, _intent("one", Intent.STOP)),
    Case("resume", "resume", lambda p: manage.resume(p, "one"), _stopped, _intent("one", Intent.RUN)),
    Case("import", "import", _import, _one, _imported),
    Case("delete with its worktree", "delete", lambda p: _remove(p, worktree=True), _one, _gone),
    Case("restore", "restore", lambda p: manage.restore(p, "one"), _deleted, _restored),
    Case("merge with a check", "merge", lambda p: merge.merge(p, "one", check="test -f one.txt"), _ready, _merged),
    Case("pair", "pair", lambda p: pair.pair(p, "one"), _one),
    Case("unpair", "unpair", pair.unpair, _paired),
    Case("reconcile", "reconcile", _again, _died, _intent("one", Intent.RUN)),
    Case("down --stop", "down", lambda p: up.down(p, stop=True), _two),
    Case("gc", "gc", lambda p: gc.gc(p, remove=True), _deleted, _removed),
)
"""With agents in containers: the engine's part, and what goes between two gits."""
