"""Deleting and stopping: first the agent ends, then all it held is kept, and only then anything is removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestra.actions.session import branch_sync, manage, preserve, steps, troubles
from orchestra.actions.work import refresh
from orchestra.actions.workspace import up
from orchestra.actions.workspace.recover import reconcile
from orchestra.cli.commands import sessions
from orchestra.drivers.sandbox.docker import DockerSandbox
from orchestra.errors import CommandFailed, DeadlineExceeded, EngineDown, NotFound, Refused, StoreError
from orchestra.lifecycle import Step
from orchestra.model import Intent, Landing, SandboxKind, Session, State, Window
from orchestra.project import Project
from orchestra.protocol import Progress
from orchestra.service.delivery.presence import Presence
from orchestra.service.watch.session_care import SessionCare
from orchestra.service.watch.watcher import Watcher
from tests.support.living import Crash, World, living

DELETING = (Step.STOP, Step.CLOSE_WINDOW, Step.ANCHOR, Step.REMOVE_WORKTREE, Step.FORGET)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with living(tmp_path, monkeypatch) as made:
        yield made


def writable(project: Project, *, yes: bool) -> None:
    """Let the database be written, or not, as on a full disk."""
    project.store._database.rows(f"PRAGMA query_only = {'OFF' if yes else 'ON'}")  # noqa: SLF001 -- there is no other way in


def test_what_an_agent_writes_when_it_is_asked_to_end_is_kept(world: World) -> None:
    alpha = world.lives("alpha", {"tick.txt": "1"})
    box = world.project.box_name(alpha)
    world.agents.last_words[box] = lambda: (alpha.worktree / "summary.txt").write_text("the end")
    answer = manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    assert world.anchored("alpha") == {"tick.txt": "1", "summary.txt": "the end"}
    assert not alpha.worktree.exists()
    assert (answer["worktree"], bool(answer["anchor"])) == (None, True)


def test_a_home_behind_a_symlink_is_the_same_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "link").symlink_to(disk)
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "link"))
    linked = World(Project.open(world.project.paths.source), world.agents)
    alpha = linked.lives("alpha", {"u.txt": "uncommitted"})
    assert str(alpha.worktree).startswith(str(tmp_path / "link"))
    answer = manage.delete(linked.project, "alpha", remove_worktree=True)
    assert linked.anchored("alpha") == {"u.txt": "uncommitted"}
    assert answer["worktree"] is None
    assert list((disk / "worktrees" / "source").iterdir()) == []
    linked.project.store.close()


def test_a_worktree_whose_record_somebody_removed_is_kept_like_any_other(world: World) -> None:
    alpha = world.lives("alpha", {"u.txt": "x"})
    record = world.project.repository.record(alpha.worktree)
    for file in sorted(record.rglob("*"), reverse=True):
        file.unlink() if not file.is_dir() else file.rmdir()
    record.rmdir()
    answer = manage.delete(world.project, "alpha", remove_worktree=True)
    assert (answer["worktree"], bool(answer["anchor"])) == (None, True)
    assert world.anchored("alpha") == {"u.txt": "x"}
    manage.restore(world.project, "alpha")
    assert (alpha.worktree / "u.txt").read_text() == "x"


def test_what_is_told_is_what_is_there_and_not_what_was_asked_for(world: World) -> None:
    """A directory in the worktree's place that is no worktree of git's stays, and is not said to be kept elsewhere."""
    alpha = world.lives("alpha")
    world.git("worktree", "move", str(alpha.worktree), str(alpha.worktree.with_name("elsewhere")))
    alpha.worktree.mkdir()
    (alpha.worktree / "own.txt").write_text("x")
    lines: list[str] = []
    answer = manage.delete(world.project, "alpha", force=True, remove_worktree=True, progress=lines.append)
    assert answer["worktree"] == str(alpha.worktree)
    assert (alpha.worktree / "own.txt").exists()
    assert any("left unchanged" in line or "stays" in line for line in lines), lines
    assert sessions._worktree_now(answer, asked=True).endswith(" stays")  # noqa: SLF001 -- the words themselves


def test_a_branch_that_somebody_else_removed_is_made_again_and_kept(world: World) -> None:
    alpha = world.lives("alpha")
    world.git("switch", "-q", "--detach", at=alpha.worktree)
    world.git("branch", "-D", "-q", alpha.branch)
    gone = manage.delete(world.project, "alpha")
    assert sessions._branch_now(gone) == "branch orchestra/alpha kept"  # noqa: SLF001 -- the words themselves
    world.lives("beta")
    gone = manage.delete(world.project, "beta", remove_worktree=True)
    assert "merged" in sessions._branch_now(gone)  # noqa: SLF001 -- as above


@pytest.mark.parametrize("error", [RuntimeError("a bug"), RecursionError(), Refused("no"), EngineDown("no engine")])
def test_a_deletion_that_fails_is_taken_back_whatever_failed(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    alpha = world.lives("alpha", {"u.txt": "x"})

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setitem(steps.PERFORM, Step.ANCHOR, fail)
    with pytest.raises(type(error)):
        manage.delete(world.project, "alpha", remove_worktree=True)
    now = world.project.store.sessions.get("alpha")
    assert (now.intent, now.state) == (Intent.STOP, State.STOPPED)
    monkeypatch.undo()
    assert (alpha.worktree / "u.txt").exists()


@pytest.mark.parametrize("cut", DELETING)
@pytest.mark.parametrize("after", [False, True])
def test_a_deletion_that_is_cut_off_anywhere_is_finished_and_can_be_undone(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    cut: Step,
    after: bool,  # noqa: FBT001 -- before or after the step
) -> None:
    alpha = world.lives("alpha", {"u.txt": "uncommitted"})
    usual = steps.PERFORM[cut]

    def die(project: Project, session: object, progress: Progress) -> None:
        if after:
            usual(project, session, progress)  # type: ignore[arg-type]
        raise Crash

    monkeypatch.setitem(steps.PERFORM, cut, die)
    with pytest.raises(Crash):
        manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    monkeypatch.setitem(steps.PERFORM, cut, usual)
    assert reconcile(world.project) == []
    assert world.project.store.sessions.find("alpha") is None
    assert not alpha.worktree.exists()
    manage.restore(world.project, "alpha")
    assert (alpha.worktree / "u.txt").read_text() == "uncommitted"


def test_a_deletion_that_can_never_be_finished_leaves_a_session_that_rests(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.lives("alpha")
    world.lives("beta", {"b.txt": "x"})
    world.project.store.sessions.update("alpha", intent=Intent.DELETE)
    world.project.store.sessions.update("beta", intent=Intent.DELETE)

    def fail(project: Project, session: object, progress: Progress) -> None:
        if getattr(session, "name", "") == "alpha":
            raise RecursionError
        usual(project, session, progress)  # type: ignore[arg-type]

    usual = steps.PERFORM[Step.ANCHOR]
    monkeypatch.setitem(steps.PERFORM, Step.ANCHOR, fail)
    (trouble,) = reconcile(world.project)
    assert trouble.session == "alpha"
    assert "RecursionError" in str(trouble)
    assert world.project.store.sessions.get("alpha").intent is Intent.STOP
    assert world.project.store.sessions.find("beta") is None
    assert "Traceback" in caplog.text
    assert [one.kind for one in world.project.store.events.select("alpha")].count("trouble") == 1


def test_an_engine_that_is_down_for_now_leaves_the_deletion_to_be_finished(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.lives("alpha")
    world.project.store.sessions.update("alpha", intent=Intent.DELETE)

    def down(*_: object) -> None:
        raise EngineDown("no engine")

    monkeypatch.setitem(steps.PERFORM, Step.ANCHOR, down)
    assert len(reconcile(world.project)) == 1
    assert world.project.store.sessions.get("alpha").intent is Intent.DELETE


def test_a_landing_s_trouble_keeps_no_session_from_being_settled(world: World) -> None:
    world.lives("alpha")
    world.project.store.sessions.update("alpha", intent=Intent.DELETE)
    tip, branch = world.project.repository.head()
    # Nobody has the commit that the branch was at before.
    world.project.store.workspace.update(landing=Landing("alpha", branch, tip, "2" * 40))
    (trouble,) = reconcile(world.project)
    assert trouble.session == ""
    assert world.project.store.sessions.find("alpha") is None


def test_an_agent_is_stopped_where_that_cannot_be_written_down(world: World) -> None:
    alpha = world.lives("alpha")
    writable(world.project, yes=False)
    with pytest.raises(StoreError, match="alpha is stopped, but this cannot be recorded"):
        manage.stop(world.project, "alpha")
    assert world.project.box_name(alpha) not in world.agents.running
    writable(world.project, yes=True)
    assert manage.stop(world.project, "alpha").intent is Intent.STOP


def test_a_worktree_that_fills_the_disk_can_be_deleted_and_comes_back(world: World) -> None:
    alpha = world.lives("alpha", {"fill": "x"})
    writable(world.project, yes=False)
    with pytest.raises(StoreError, match="its deletion cannot be recorded") as refused:
        manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    assert "orchestra delete alpha" in refused.value.hint
    assert not alpha.worktree.exists()
    writable(world.project, yes=True)
    manage.delete(world.project, "alpha")
    manage.restore(world.project, "alpha")
    assert (alpha.worktree / "fill").read_text() == "x"


def test_where_the_store_can_be_written_again_in_between_the_deletion_is_recorded(world: World) -> None:
    alpha = world.lives("alpha", {"fill": "x"})
    world.agents.last_words[world.project.box_name(alpha)] = lambda: writable(world.project, yes=True)
    writable(world.project, yes=False)
    answer = manage.delete(world.project, "alpha", force=True, remove_worktree=True)
    assert answer["anchor"]
    assert world.project.store.sessions.find("alpha") is None
    with pytest.raises(NotFound):
        manage.show(world.project, "alpha")


def test_down_stops_every_agent_whatever_one_of_them_meets(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, beta = world.lives("alpha"), world.lives("beta")
    boxes = [world.project.box_name(one) for one in (alpha, beta)]

    def bug() -> None:
        world.agents.last_words.clear()
        raise RuntimeError

    world.agents.last_words[boxes[0]] = bug
    lines: list[str] = []
    answer = up.down(world.project, stop=True, progress=lines.append)
    assert answer == {"stopped": ["beta"], "troubled": ["alpha"], "ended": []}
    assert any("alpha" in line for line in lines)
    assert world.agents.running == {boxes[0]}
    monkeypatch.undo()


def test_down_stops_every_agent_where_nothing_can_be_written_down(world: World) -> None:
    world.lives("alpha")
    writable(world.project, yes=False)
    with pytest.raises(StoreError, match="cannot be recorded"):
        up.down(world.project, stop=True)
    assert world.agents.running == set()
    writable(world.project, yes=True)


def test_what_is_stopped_leaves_no_credential_in_memory(world: World) -> None:
    alpha, beta = world.lives("alpha"), world.lives("beta")
    for one in (alpha, beta):
        secrets = world.project.session_paths(one).secrets
        secrets.mkdir(parents=True, mode=0o700)
        (secrets / "KEY").write_text("secret")
    manage.stop(world.project, "alpha")
    assert not world.project.session_paths(alpha).secrets.exists()
    assert world.project.session_paths(beta).secrets.exists()
    world.agents.running.clear()
    up.down(world.project, stop=True)
    assert not world.project.session_paths(beta).secrets.exists()


def test_stopping_says_what_could_not_be_imported_and_stops_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha = world.lives("alpha")

    def unreadable(*_: object) -> None:
        raise CommandFailed("the commits cannot be fetched")

    monkeypatch.setattr(branch_sync, "take_commits", unreadable)
    lines: list[str] = []
    manage.stop(world.project, "alpha", progress=lines.append)
    assert world.project.box_name(alpha) not in world.agents.running
    assert any("stay in its private git directory" in line for line in lines)


def test_a_bug_is_written_down_where_no_service_writes_a_log(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubles._log, "hasHandlers", lambda: False)  # noqa: SLF001 -- pytest adds a handler of its own
    told = troubles.trouble_of(world.project, "", RuntimeError("what was it"))
    assert "what was it" in world.project.paths.log.read_text()
    assert str(world.project.paths.log) in told.hint


def test_an_engine_that_is_down_leaves_the_sessions_of_the_machine_looked_after(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.lives("alpha")
    world.agents.running.clear()
    world.project.store.sessions.update("alpha", state=State.WORKING)
    world.project.store.sessions.update("main", sandbox=SandboxKind.DOCKER)

    def down(_: object) -> None:
        raise EngineDown("no engine")

    monkeypatch.setattr(DockerSandbox, "look_all", down)
    with pytest.raises(EngineDown):
        refresh.look(world.project)
    assert world.project.store.sessions.get("alpha").state is State.STOPPED


def test_a_profile_that_was_removed_stops_no_look_at_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, agent in (("alpha", "removed"), ("beta", "plain")):
        world.lives(name)
        world.project.store.sessions.update(name, agent=agent, window=f"@{name}", state=State.UNKNOWN)
    world.project.paths.home.agents.mkdir(parents=True)
    (world.project.paths.home.agents / "plain.yaml").write_text("family: plain\ncommand: [sleep, '9']\n")

    class Windows:
        """The windows of a tmux server whose panes changed just now."""

        def output_times(self) -> dict[str, float]:
            return dict.fromkeys(("%alpha", "%beta"), world.project.store.now().timestamp())

        def all(self) -> list[Window]:
            source = str(world.project.paths.source)
            return [Window(f"@{name}", name, source, f"%{name}", False, False) for name in ("alpha", "beta")]

    monkeypatch.setattr(Project, "tmux", lambda _: SimpleNamespace(windows=Windows()))
    refresh.look_at_panes(world.project)
    assert [world.project.store.sessions.get(name).state for name in ("alpha", "beta")] == [
        State.UNKNOWN,
        State.WORKING,
    ]


def test_a_bug_about_one_session_keeps_the_watcher_from_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.lives("alpha")
    world.lives("beta")
    watcher = Watcher(world.project, Presence())
    tended: list[str] = []

    def spec(_care: SessionCare, session: Session) -> float:
        if session.name == "alpha":
            raise RecursionError
        tended.append(session.name)
        return 0.0

    monkeypatch.setattr(SessionCare, "_spec", spec)
    monkeypatch.setattr(SessionCare, "_commits", lambda *_: 0.0)
    monkeypatch.setattr(SessionCare, "_diff", lambda *_: 0.0)
    for _ in range(3):
        watcher.look_around()
    assert tended.count("beta") == 3
    assert caplog.text.count("looking after alpha") == 1
    watcher._jobs.close()  # noqa: SLF001 -- it was never started


def test_an_own_git_that_does_not_answer_is_waited_for_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    place = world.project.session_paths(world.lives("alpha", {"u.txt": "uncommitted"}))
    place.git.mkdir(parents=True)
    (place.git / "HEAD").touch()
    place.pointer.touch()
    asked: list[str] = []

    def silent(_project: Project, session: Session) -> bool:
        asked.append(session.name)
        raise DeadlineExceeded("its own git did not answer")

    def kept(_project: Project, session: Session) -> str:
        asked.append(session.name)
        return ""

    monkeypatch.setattr(branch_sync, "take_commits", silent)
    monkeypatch.setattr(preserve, "keep_git", kept)
    lines: list[str] = []
    manage.delete(world.project, "alpha", force=True, remove_worktree=True, progress=lines.append)
    assert asked == ["alpha"]
    assert any("did not answer" in line and "stays in" in line for line in lines)
    assert world.anchored("alpha") == {"u.txt": "uncommitted"}
