"""The actions that are killed: what is there before each, what it does, and what has to be true of it afterwards."""

from __future__ import annotations

from orchestra.actions.landing import merge, prove
from orchestra.actions.maintenance import gc
from orchestra.actions.messaging import messages, permission_requests
from orchestra.actions.session import manage, pair, preserve
from orchestra.actions.session.group import spawn_group
from orchestra.actions.session.spawn import spawn
from orchestra.actions.work import comment_looks, comments, fork, hand, refresh, search, spec, summaries
from orchestra.actions.workspace import recover, up
from orchestra.model import CommentState, Intent, MessageState, ToolUse
from orchestra.names import PERSON
from orchestra.project import Project
from tests.chaos.invariants import OTHER
from tests.chaos.landings import LANDINGS, claimed, merged, proved, ready
from tests.chaos.scene import Case, Scene, Told
from tests.support.projects import AGENT, PROFILE


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


def _grouped(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    names = [session.name for session in scene.host.project.store.sessions.all() if session.group_name == "one"]
    return [f"of the group there is {names}"] if done and sorted(names) != ["one-1", "one-2"] else []


def _second_profile(scene: Scene) -> None:
    _one(scene)
    (scene.host.place / "orchestra" / "agents" / f"{OTHER}.yaml").write_text(PROFILE)


def _handed(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """One agent has the session, and the one before it can come back."""
    session, store = scene.host.session("one"), scene.host.project.store
    kept = store.conversations.of(session.id, AGENT)
    wrong = ["the conversation before is lost"] if session.agent == OTHER and kept is None else []
    return wrong + (["one was handed over, and is not"] if done and session.agent != OTHER else [])


def _forked(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """A fork that lives has all that the other has."""
    made = scene.host.project.store.sessions.find("two")
    if made is None:
        return ["one was forked, and there is none"] if done else []
    names = ("one.txt", "one.draft")
    return [f"the fork lives without {name}" for name in names if not (made.worktree / name).is_file()]


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


def _watched(scene: Scene) -> None:
    scene.executor("one")
    home = scene.host.place / "orchestra"
    (home / "agents" / "watcher.yaml").write_text(
        "role: monitor\ncommand: [sh, -c, 'cat >/dev/null; echo It works.']\n"
    )
    with (home / "config.yaml").open("a") as file:
        file.write("monitor: watcher\n")


def _summed(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """What a model said is kept, and nothing that was written for it stays."""
    project = scene.host.project
    paths, said = project.paths.monitor, project.store.summaries.of(project.store.sessions.get("one").id)
    left = [str(path) for path in (paths.root, paths.secrets) if path.exists()]
    wrong = [f"left of the monitor: {left}"] if left else []
    return wrong + (["the summary is lost"] if done and (said is None or said.lines != ("It works.",)) else [])


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


def _whole(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """Nobody asks again: a restoration that was begun is finished by the next start."""
    half = manage.unfinished_restorations(scene.host.project)
    return [*_restored(scene, done), *(f"{name} is half restored" for name in half)]


def _half_restored(scene: Scene) -> None:
    """A restoration that died when the worktree was back."""
    _deleted(scene)
    project = scene.host.project
    gone = project.store.sessions.deleted("one")
    assert gone is not None
    preserve.put_back(project, gone)


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


def _tiled(scene: Scene) -> None:
    _two(scene)
    _up(scene.host.project)
    up.change_layout(scene.host.project, "grid")


def _opened(scene: Scene) -> None:
    _two(scene)
    _up(scene.host.project)


def _in_grid(*names: str) -> Told:
    def told(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
        """Each agent is found by its session, and after the action the right ones share a window."""
        windows = scene.host.tmux.windows.all()
        wrong = [] if len(windows) == len({window.session for window in windows}) else ["a session is shown twice"]
        shared = {window.session for window in windows if window.shared}
        return wrong + ([f"in the grid: {sorted(shared)}"] if done and shared != set(names) else [])

    return told


def _paired(scene: Scene) -> None:
    _one(scene)
    pair.pair(scene.host.project, "one")


def _commented(scene: Scene) -> None:
    _one(scene)
    for number in range(1, 4):
        comment_looks.comment(scene.host.project, "one", f"{_THIS} {number}", path="one.txt", first=1, last=1)


def _asked_of(scene: Scene) -> None:
    _commented(scene)
    comments.send_comments(scene.host.project, "one")


def _rounds(wanted: CommentState, drafts: int = 3) -> Told:
    def told(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
        """Whatever was sent is in one message, and the message has nothing else."""
        store = scene.host.project.store
        known = store.comments.of(store.sessions.get("one").id)
        sent = [one.text for one in known if one.state is not CommentState.DRAFT]
        texts = [one.text for one in store.messages.select(recipient="one") if _THIS in one.text]
        wrong = [] if len(texts) == bool(sent) else [f"{len(texts)} messages of one round"]
        wrong += [f"{text!r} is not in its message" for text in sent if not any(text in one for one in texts)]
        wrong += [f"{len(known)} comments"] if len(known) not in {drafts, 3} else []
        return wrong + (["it is not as was asked"] if done and known[0].state is not wanted else [])

    return told


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
    Case("restore once", "restore", lambda p: manage.restore(p, "one"), _deleted, _whole, again=False),
    Case("finish a restoration", "reconcile", _again, _half_restored, _whole, again=False),
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
    Case("sum up", "summarize", lambda p: summaries.summarize(p, "one"), _watched, _summed),
    Case(
        "comment",
        "comment",
        lambda p: comment_looks.comment(p, "one", f"{_THIS} 4", path="one.txt"),
        _commented,
        _rounds(CommentState.DRAFT, 4),
    ),
    Case(
        "edit a comment",
        "edit_comment",
        lambda p: comments.edit_comment(p, "one", 1, f"{_THIS} 5"),
        _commented,
        _rounds(CommentState.DRAFT),
    ),
    Case(
        "delete a comment",
        "delete_comment",
        lambda p: comments.delete_comment(p, "one", 3),
        _commented,
        _rounds(CommentState.DRAFT, 2),
        again=False,
    ),
    Case(
        "send comments",
        "send_comments",
        lambda p: comments.send_comments(p, "one"),
        _commented,
        _rounds(CommentState.OPEN),
        again=False,
    ),
    Case(
        "settle a comment",
        "settle_comment",
        lambda p: comments.settle_comment(p, "one", 1),
        _asked_of,
        _rounds(CommentState.SETTLED),
    ),
    Case(
        "open a comment",
        "reopen_comment",
        lambda p: comments.reopen_comment(p, "one", 1),
        _asked_of,
        _rounds(CommentState.OPEN),
    ),
    Case("read", "read", lambda p: messages.read(p, "one"), _told),
    Case("save a spec", "write_spec", lambda p: spec.write_spec(p, "one", "Other.", PERSON), _one, _spec("Other.")),
    Case("notice a spec", "notice_spec", lambda p: spec.notice_change(p, "one"), _edited, _spec("Something else.")),
    Case(
        "spawn a group",
        "spawn_group",
        lambda p: spawn_group(p, title="one", task="Do it.", copies=2),
        _nothing,
        _grouped,
        again=False,
    ),
    Case("hand over", "hand", lambda p: hand.hand(p, "one", to=OTHER), _second_profile, _handed),
    Case("fork", "fork", lambda p: fork.fork(p, "one", new_name="two"), _one, _forked),
    Case("reconcile", "reconcile", _again, _died, _intent("one", Intent.RUN)),
    Case("up", "up", _up, _died, _intent("one", Intent.RUN)),
    Case("to the grid", "layout", lambda p: up.change_layout(p, "grid"), _opened, _in_grid("one", "two")),
    Case("from the grid", "layout", lambda p: up.change_layout(p, "left"), _tiled, _in_grid()),
    Case("spawn into a grid", "spawn", lambda p: spawn(p, title="new"), _tiled, _in_grid("one", "two", "new")),
    Case("delete from a grid", "delete", lambda p: _remove(p, worktree=False), _tiled, _in_grid("two")),
    Case("down --stop", "down", lambda p: up.down(p, stop=True), _two),
    Case("down from a grid", "down", up.down, _tiled),
    Case("gc", "gc", lambda p: gc.gc(p, remove=True), _deleted, _removed),
    *LANDINGS,
)
"""With agents on the host: quick, and most of what a container's life consists of is the same."""


IN_CONTAINERS = (
    Case("spawn", "spawn", lambda p: spawn(p, title="one", task="Do it."), _nothing, _intent("one", Intent.RUN)),
    Case("stop", "stop", lambda p: manage.stop(p, "one"), _one, _intent("one", Intent.STOP)),
    Case("resume", "resume", lambda p: manage.resume(p, "one"), _stopped, _intent("one", Intent.RUN)),
    Case("import", "import", _import, _one, _imported),
    Case("delete with its worktree", "delete", lambda p: _remove(p, worktree=True), _one, _gone),
    Case("restore", "restore", lambda p: manage.restore(p, "one"), _deleted, _restored),
    Case("merge with a check", "merge", lambda p: merge.merge(p, "one", check="test -f one.txt"), ready, merged),
    Case("prove", "prove", lambda p: prove.prove(p, "one"), claimed, proved),
    Case("pair", "pair", lambda p: pair.pair(p, "one"), _one),
    Case("unpair", "unpair", pair.unpair, _paired),
    Case("reconcile", "reconcile", _again, _died, _intent("one", Intent.RUN)),
    Case("down --stop", "down", lambda p: up.down(p, stop=True), _two),
    Case("gc", "gc", lambda p: gc.gc(p, remove=True), _deleted, _removed),
)
"""With agents in containers: the engine's part, and what goes between two gits."""
