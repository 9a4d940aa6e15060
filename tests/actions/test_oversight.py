"""Budgets, limits and who is stuck, with real agents' processes and a real database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from orchestra.actions.session.manage import delete, restore, resume
from orchestra.actions.session.spawn import spawn
from orchestra.actions.session.usage import usage
from orchestra.actions.workspace.up import down, up
from orchestra.errors import OverBudget
from orchestra.model import Evidence, Intent, MessageState, Session, Sign, Spent, State
from orchestra.names import PERSON, SYSTEM
from orchestra.service.oversight import Oversight
from tests.support.projects import HostProject


def settings(host: HostProject, **values: object) -> None:
    """Write the person's settings beside those that the project has for its test."""
    path = host.place / "orchestra" / "config.yaml"
    path.write_text(path.read_text() + "".join(f"{key}: {value}\n" for key, value in values.items()))


def spends(host: HostProject, session: Session, dollars: float) -> None:
    host.project.store.usage.record(session.id, "", Spent(cost=dollars))


def look(host: HostProject) -> None:
    Oversight(host.project).look()


def notices(host: HostProject) -> list[str]:
    store = host.project.store
    return [message.text for message in store.messages.select(recipient=PERSON, sender=SYSTEM)]


class TestBudget:
    def test_the_person_is_told_once_before_it_is_used(self, host: HostProject) -> None:
        settings(host, budget=5)
        one = host.spawn("one")
        spends(host, one, 3.9)
        look(host)
        assert notices(host) == []
        for dollars in (4.1, 4.2):
            spends(host, one, dollars)
            look(host)
        assert notices(host) == ["one has used $4.10 of its budget of $5.00. When it has used all, it is stopped."]
        assert host.session("one").intent is Intent.RUN

    def test_a_session_over_it_is_stopped_and_its_work_stays(self, host: HostProject) -> None:
        settings(host, budget=5)
        one, other = host.spawn("one"), host.spawn("other")
        host.write(one, "draft.txt", "half done\n")
        spends(host, one, 5.5)
        spends(host, other, 1.0)
        look(host)
        stopped = host.session("one")
        assert (stopped.intent, stopped.state) == (Intent.STOP, State.STOPPED)
        assert stopped.evidence == Evidence(Sign.STOPPED, "over budget: it cost $5.50 of $5.00")
        assert (one.worktree / "draft.txt").read_text() == "half done\n"
        assert host.session("other").intent is Intent.RUN
        look(host)
        assert len(notices(host)) == 1
        assert "orchestra resume one --over-budget" in notices(host)[0]

    def test_it_is_not_started_again_until_the_person_says_so(self, host: HostProject) -> None:
        settings(host, budget=5)
        one = host.spawn("one")
        spends(host, one, 6.0)
        look(host)
        with pytest.raises(OverBudget) as refused:
            resume(host.project, "one")
        assert "--over-budget" in refused.value.hint
        assert host.session("one").intent is Intent.STOP
        resume(host.project, "one", over_budget=True)
        spends(host, one, 10.9)
        look(host)
        assert host.session("one").intent is Intent.RUN
        spends(host, one, 11.0)
        look(host)
        assert host.session("one").evidence.text == "over budget: it cost $5.00 of $5.00"

    def test_a_higher_budget_lets_it_be_started(self, host: HostProject) -> None:
        settings(host, budget=5)
        one = host.spawn("one")
        spends(host, one, 6.0)
        look(host)
        path = host.place / "orchestra" / "config.yaml"
        path.write_text(path.read_text().replace("budget: 5", "budget: 50"))
        assert resume(host.project, "one").intent is Intent.RUN

    def test_a_deleted_session_over_it_comes_back_stopped(self, host: HostProject) -> None:
        settings(host, budget=5)
        one = host.spawn("one")
        spends(host, one, 6.0)
        look(host)
        delete(host.project, "one", force=True)
        assert restore(host.project, "one").intent is Intent.STOP

    def test_up_leaves_a_designer_over_it_stopped_and_says_why(self, host: HostProject) -> None:
        session = host.project.store.workspace.get().tmux_session
        up(host.project, tmux_socket=host.tmux.socket, tmux_session=session)
        settings(host, budget=5)
        host.project.store.usage.record(host.session("main").id, "", Spent(cost=6.0))
        look(host)
        down(host.project)
        with pytest.raises(OverBudget, match="main is over budget"):
            up(host.project, tmux_socket=host.tmux.socket, tmux_session=session)
        assert host.session("main").intent is Intent.STOP
        resume(host.project, "main", over_budget=True)
        assert up(host.project, tmux_socket=host.tmux.socket, tmux_session=session)["control"]

    def test_a_project_over_it_starts_nothing_more(self, host: HostProject) -> None:
        settings(host, project_budget=10)
        one = host.spawn("one")
        spends(host, one, 8.0)
        look(host)
        delete(host.project, "one", force=True)
        two = host.spawn("two")
        spends(host, two, 2.5)
        look(host)
        with pytest.raises(OverBudget, match=r"cost \$10.50"):
            spawn(host.project, title="three")
        assert host.session("two").intent is Intent.RUN
        assert [text.partition(",")[0].partition(";")[0] for text in notices(host)] == [
            "This project's sessions have cost $8.00 of $10.00.",
            "This project's sessions have cost $10.50",
        ]

    def test_a_project_may_only_lower_it(self, host: HostProject) -> None:
        settings(host, budget=5)
        own = Path(host.source, ".orchestra", "config.yaml")
        own.parent.mkdir(exist_ok=True)
        own.write_text("budget: 50\nproject_budget: 3\n")
        found = host.project.usable_settings
        assert (found.budget, found.project_budget, found.raised) == (5.0, 3.0, ("budget",))
        own.write_text("budget: 0\n")
        assert host.project.usable_settings.raised == ("budget",)


class TestStuck:
    def test_it_is_noted_and_forgotten_again(self, host: HostProject) -> None:
        one = host.spawn("one")
        store = host.project.store
        overseer = Oversight(host.project)
        for text in ("runs make", "runs make: failed") * 3:
            store.sessions.record_sign("one", Sign.TOOL_USED, text)
        overseer.look()
        assert host.session("one").stuck == "failed 3 times in a row: runs make"
        assert store.events.select("one")[-1].kind == "stuck"
        store.sessions.record_sign("one", Sign.TOOL_USED, "edits app.py")
        overseer.look()
        assert host.session("one").stuck == ""
        assert one.stuck == ""

    def test_a_look_without_any_change_reads_nothing(self, host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
        host.spawn("one")
        overseer = Oversight(host.project)
        overseer.look()
        overseer.look()
        with monkeypatch.context() as patched:
            patched.setattr(host.project.store.sessions, "all", lambda: pytest.fail("it read the sessions"))
            overseer.look()


class TestLimit:
    @pytest.mark.parametrize("goes_on", [True, False])
    def test_an_agent_goes_on_after_its_limit_only_if_the_setting_says_so(
        self,
        host: HostProject,
        goes_on: bool,  # noqa: FBT001 -- given
    ) -> None:
        settings(host, resume_after_limit=str(goes_on).lower())
        one, store = host.spawn("one"), host.project.store
        store.sessions.record_sign("one", Sign.TURN_FAILED, "the model's service failed: rate_limit")
        ends = store.now() + timedelta(hours=1)
        store.usage.note(one.id, context=None, model="", limited_until=ends, limit_known=True)
        look(host)
        assert host.session("one").stuck.startswith("rate-limited until ")
        assert store.messages.select(recipient="one") == []
        store.sessions.update("one", limited_until=store.now() - timedelta(seconds=1))
        look(host)
        look(host)
        assert host.session("one").limited_until is None
        told = store.messages.select(recipient="one")
        assert [message.state for message in told] == ([MessageState.QUEUED] if goes_on else [])


def test_usage_is_shown_by_session_by_agent_and_in_all(host: HostProject) -> None:
    one, two = host.spawn("one"), host.spawn("two")
    spends(host, one, 1.5)
    host.project.store.usage.record(two.id, "", Spent(tokens_in=10, tokens_out=2))
    delete(host.project, "one", force=True)
    found = usage(host.project)
    rows = {row["name"]: row for row in found["sessions"]}
    assert rows["one"]["deleted"]
    assert rows["one"]["ever"] == {"cost": 1.5, "tokens_in": None, "tokens_out": None}
    assert rows["two"]["today"] == {"cost": None, "tokens_in": 10, "tokens_out": 2}
    assert found["all"]["ever"] == {"cost": 1.5, "tokens_in": 10, "tokens_out": 2}
    assert [row["agent"] for row in found["agents"]] == ["helper"]
