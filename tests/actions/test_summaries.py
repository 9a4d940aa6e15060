"""Summaries by a model: when one is made, what becomes of its answer, and what is left; a real program answers."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from orchestra.actions.maintenance import gc
from orchestra.actions.session import monitor_box
from orchestra.actions.session.manage import list_sessions
from orchestra.actions.session.spawn import spawn
from orchestra.actions.session.usage import usage
from orchestra.actions.work import spec
from orchestra.actions.work.summaries import LOCK, summarize, summarize_next, sweep
from orchestra.actions.workspace.up import up
from orchestra.config.consent import content_hash
from orchestra.errors import CommandFailed, DeadlineExceeded, OrchestraError, OverBudget, Refused, UsageError
from orchestra.model import ConsentKind, DiffStat, ModelSummary, Session, Sign
from orchestra.names import PERSON, SYSTEM
from orchestra.service.summarizer import Summarizer
from orchestra.store import Store
from tests.support.person import eventually
from tests.support.projects import HostProject

JSON = "{text: result, cost: cost, tokens_in: tokens}"
KEY = "sk-monitor-0123456789"


class Clock:
    """The time of the store, which a test moves on."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return self._now() + self.ahead

    def passes(self, **time: float) -> None:
        self.ahead += timedelta(**time)


@pytest.fixture
def clock(host: HostProject) -> Clock:
    clock = Clock(host.project.store.now)
    # No day ends within a test, where it does not let hours pass.
    clock.passes(hours=(12 - clock().astimezone().hour) % 24)
    host.project.store.close()
    host.project.__dict__["store"] = Store.open(host.project.paths.database, clock)
    return clock


def monitor(host: HostProject, script: str, *, answer: str = "", **settings: object) -> None:
    """Set a monitor that is a shell script; what it reads is kept beside it."""
    read = f"cat > {host.place}/read; echo $$ >> {host.place}/runs; {script}"
    profile = f"role: monitor\ncommand: [sh, -c, {json.dumps(read)}]\ncredentials: [MONITOR_KEY]\n"
    (host.place / "orchestra" / "agents" / "watcher.yaml").write_text(
        profile + (f"answer: {answer}\n" if answer else "")
    )
    path = host.place / "orchestra" / "config.yaml"
    before = [line for line in path.read_text().splitlines() if not line.startswith("monitor")]
    lines = [f"{key}: {value}" for key, value in {"monitor": "watcher", **settings}.items()]
    path.write_text("\n".join([*before, *lines, ""]))


def says(*lines: str) -> str:
    return f"printf '%s\\n' {shlex.join(lines)}"


def runs(host: HostProject) -> int:
    path = host.place / "runs"
    return len(path.read_text().splitlines()) if path.exists() else 0


def said(host: HostProject, session: Session) -> ModelSummary | None:
    return host.project.store.summaries.of(session.id)


def works(host: HostProject, name: str = "one") -> None:
    host.project.store.sessions.record_sign(name, Sign.TOOL_USED, "runs: make")


def nothing_is_left(host: HostProject) -> None:
    paths = host.project.paths.monitor
    assert not paths.root.exists()
    assert not paths.secrets.exists()


def notices(host: HostProject) -> list[str]:
    return [one.text for one in host.project.store.messages.select(recipient=PERSON, sender=SYSTEM)]


def test_it_reads_what_is_recorded_the_spec_and_the_diff_and_its_words_are_kept(host: HostProject) -> None:
    monitor(host, says("It adds limits.", "Tests are open.", "DRIFT: it removes the README."))
    one = host.spawn("one", task="Add limits.\n- [ ] test them")
    host.write(one, "limits.py", "LIMIT = 7\n")
    made = summarize(host.project, "one")
    assert made == said(host, one)
    assert (made.lines, made.drift) == (("It adds limits.", "Tests are open."), "it removes the README.")
    assert (made.by, made.trouble) == ("watcher", "")
    read = (host.place / "read").read_text()
    for part in ("test them", "+LIMIT = 7", '"waits_for"', "The session is called one."):
        assert part in read
    nothing_is_left(host)
    (row,) = [row for row in list_sessions(host.project) if row["name"] == "one"]
    assert row["model_summary"]["drift"] == "it removes the README."


def test_a_drift_is_no_state_and_no_need(host: HostProject) -> None:
    monitor(host, says("One.", "Two.", "DRIFT: all of it."))
    one = host.spawn("one")
    before = host.session("one")
    events = host.project.store.events.select("one")
    summarize(host.project, "one")
    after = host.session("one")
    assert (after.state, after.evidence, after.summary, after.stuck) == (
        before.state, before.evidence, before.summary, before.stuck,
    )  # fmt: skip
    assert host.project.store.events.select("one") == events
    assert notices(host) == []
    assert said(host, one) is not None


def test_it_is_off_unless_the_person_names_a_profile(host: HostProject) -> None:
    host.spawn("one")
    assert summarize_next(host.project) is None
    with pytest.raises(Refused, match="the setting monitor is empty") as caught:
        summarize(host.project, "one")
    assert "monitor: claude-monitor" in caught.value.hint


def test_one_is_made_only_after_a_change_and_not_too_often(host: HostProject, clock: Clock) -> None:
    monitor(host, says("One."), monitor_every=10)
    host.spawn("one")
    begun = clock()
    later = summarize_next(host.project)
    assert runs(host) == 0
    assert later is not None
    assert timedelta(minutes=9) < later - begun < timedelta(minutes=11)
    clock.passes(minutes=11)
    assert summarize_next(host.project) is not None
    assert runs(host) == 1
    for _ in range(3):
        clock.passes(hours=5)
        assert summarize_next(host.project) is None
    assert runs(host) == 1, "nothing happened"
    works(host)
    summarize_next(host.project)
    works(host)
    again = summarize_next(host.project)
    assert runs(host) == 2
    assert again is not None
    assert again > clock() + timedelta(minutes=9)


@pytest.mark.parametrize("change", ["spec", "diff", "state", "commit"])
def test_what_it_is_made_of_makes_it_due(host: HostProject, clock: Clock, change: str) -> None:
    monitor(host, says("One."), monitor_every=1)
    one = host.spawn("one")
    summarize(host.project, "one")
    clock.passes(minutes=2)
    assert summarize_next(host.project) is None
    if change == "spec":
        spec.write_spec(host.project, "one", "Something else.", PERSON)
    elif change == "state":
        host.project.store.sessions.record_sign("one", Sign.COMPLETED, "done")
    elif change == "diff":
        host.project.store.sessions.update(one.id, diff=DiffStat(files=1))
    else:
        host.project.store.sessions.update(one.id, head="0" * 40)
    summarize_next(host.project)
    assert runs(host) == 2


def test_the_one_that_waits_longest_comes_first(host: HostProject, clock: Clock) -> None:
    monitor(host, says("One."), monitor_every=1)
    one, two = host.spawn("one"), host.spawn("two")
    clock.passes(minutes=5)
    summarize_next(host.project)
    summarize_next(host.project)
    assert runs(host) == 2
    assert said(host, one) is not None
    assert said(host, two) is not None
    clock.passes(hours=1)
    assert summarize_next(host.project) is None


def test_the_budget_ends_summaries_with_one_notice_until_tomorrow(host: HostProject, clock: Clock) -> None:
    monitor(host, """echo '{"result": "One.", "cost": 0.75, "tokens": 90}'""", answer=JSON, monitor_every=1)
    host.spawn("one")
    for _ in range(4):
        clock.passes(minutes=2)
        works(host)
        due = summarize_next(host.project)
    assert runs(host) == 2
    assert notices(host) == [
        "No more summaries by a model today: they have cost $1.50 today, and monitor_budget is $1.00."
    ]
    assert due is not None
    assert due.astimezone().date() == clock().astimezone().date() + timedelta(days=1)
    with pytest.raises(OverBudget):
        summarize(host.project, "one")
    used = usage(host.project)
    assert used["monitor"]["today"] == {"calls": 2, "cost": 1.5, "tokens_in": 180, "tokens_out": None}
    assert used["all"]["ever"]["cost"] is None, "no session's cost"
    clock.passes(days=1)
    summarize_next(host.project)
    assert runs(host) == 3
    assert usage(host.project)["monitor"]["ever"]["calls"] == 3


def test_where_no_cost_is_told_the_calls_of_a_day_are_limited(host: HostProject, clock: Clock) -> None:
    monitor(host, says("One."), monitor_every=1, monitor_calls=2)
    host.spawn("one")
    for _ in range(4):
        clock.passes(minutes=2)
        works(host)
        summarize_next(host.project)
    assert runs(host) == 2
    (notice,) = notices(host)
    assert "asked 2 times today, and monitor_calls is 2" in notice


TROUBLES = {
    "exits": ("echo no login >&2; exit 7", "watcher ended with exit code 7: no login"),
    "says nothing": ("exit 0", "watcher answered nothing"),
    "writes escapes as its error": ("printf '\\033[2J\\033]0;x\\007bad\\n' >&2; exit 1", "bad"),
    "is killed": ("kill -9 $$", "watcher"),
    "is not there": ("exec /nowhere/at/all", "exit code 127"),
}


@pytest.mark.parametrize(("script", "reason"), TROUBLES.values(), ids=TROUBLES)
def test_one_that_fails_is_told_once_and_not_tried_again_by_itself(
    host: HostProject, clock: Clock, script: str, reason: str
) -> None:
    monitor(host, says("One."), monitor_every=1)
    one = host.spawn("one")
    summarize(host.project, "one")
    monitor(host, script, monitor_every=1)
    works(host)
    clock.passes(minutes=2)
    summarize_next(host.project)
    kept = said(host, one)
    assert kept is not None
    assert reason in kept.trouble
    assert kept.trouble.isprintable()
    assert kept.lines == ("One.",), "what was said before stays"
    clock.passes(hours=1)
    assert summarize_next(host.project) is None
    assert runs(host) == 2
    nothing_is_left(host)
    with pytest.raises(OrchestraError):
        summarize(host.project, "one")
    monitor(host, says("Two."), monitor_every=1)
    assert summarize(host.project, "one").trouble == ""


def test_one_that_hangs_is_ended(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor_box, "DEADLINE", 1)
    monitor(host, "trap '' TERM; sleep 600 & sleep 600")
    one = host.spawn("one")
    with pytest.raises(DeadlineExceeded, match="within 1 s"):
        summarize(host.project, "one")
    kept = said(host, one)
    assert kept is not None
    assert "did not answer" in kept.trouble
    nothing_is_left(host)


def test_one_that_floods_is_ended_and_no_more_than_two_short_lines_are_kept(host: HostProject) -> None:
    monitor(host, "yes 'a long line of words without an end'")
    one = host.spawn("one")
    with pytest.raises(CommandFailed):
        summarize(host.project, "one")
    monitor(host, "yes 'a line' 2>/dev/null; exit 0")
    made = summarize(host.project, "one")
    assert made.lines == ("a line", "a line")
    assert said(host, one) == made


def test_what_it_prints_cannot_reach_a_terminal(host: HostProject) -> None:
    monitor(host, "printf 'It \\033[2Jadds\\007 \\342\\200\\256it.\\r\\n\\033]52;c;eA==\\007Two.\\n\\377\\376\\n'")
    host.spawn("one")
    assert summarize(host.project, "one").lines == ("It adds it.", "Two.")


def test_its_key_reaches_it_and_stays_nowhere(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITOR_KEY", KEY)
    script = f'printf %s "$MONITOR_KEY" | wc -c; [ -z "$ORCHESTRA_TOKEN$ORCHESTRA_MCP_URL" ] && echo alone; {says("x")}'
    monitor(host, script)
    host.spawn("one")
    assert summarize(host.project, "one").lines == (str(len(KEY)), "alone")
    monitor(host, 'echo "$MONITOR_KEY was refused" >&2; exit 1')
    with pytest.raises(CommandFailed):
        summarize(host.project, "one")
    files = [file for file in host.place.rglob("*") if file.is_file()]
    assert files
    assert [str(file) for file in files if KEY.encode() in file.read_bytes()] == []


def test_a_profile_is_an_agent_s_or_a_monitor_s(host: HostProject) -> None:
    monitor(host, says("One."))
    with pytest.raises(UsageError, match="cannot be a session's agent"):
        host.project.agent_profile("watcher")
    with pytest.raises(UsageError, match="cannot be a session's agent"):
        spawn(host.project, title="two", agent="watcher")
    with pytest.raises(UsageError, match="cannot be a session's agent"):
        up(host.project, agent="watcher", tmux_socket=host.tmux.socket, tmux_session="work")
    assert host.project.store.sessions.all() == []
    host.spawn("one")
    path = host.place / "orchestra" / "config.yaml"
    path.write_text(path.read_text().replace("monitor: watcher", "monitor: helper"))
    with pytest.raises(UsageError, match="helper is an agent's profile"):
        summarize(host.project, "one")


def test_a_project_s_file_turns_nothing_on_without_consent(host: HostProject, clock: Clock) -> None:
    monitor(host, says("One."), monitor="''")
    own = host.write(host.source, ".orchestra/config.yaml", "monitor: evil\nmonitor_every: 1\n")
    host.write(host.source, ".orchestra/agents/evil.yaml", "role: monitor\ncommand: [sh, -c, 'touch /tmp/owned']\n")
    host.spawn("one")
    clock.passes(hours=1)
    assert summarize_next(host.project) is None
    with pytest.raises(Refused, match="the setting monitor is empty"):
        summarize(host.project, "one")
    own.write_text("monitor: watcher\n")
    wishes = {"monitor": "watcher"}
    host.project.store.consents.grant(ConsentKind.SETTINGS, content_hash(wishes))
    assert summarize(host.project, "one").lines == ("One.",)
    own.write_text("monitor: evil\n")
    with pytest.raises(Refused, match="the setting monitor is empty"):
        summarize(host.project, "one")


def test_only_one_runs_and_a_try_that_was_cut_off_is_made_again(host: HostProject, clock: Clock) -> None:
    monitor(host, says("One."), monitor_every=1)
    one = host.spawn("one")
    with host.project.lock(LOCK):
        with pytest.raises(Refused, match="another summary"):
            summarize(host.project, "one")
        sweep(host.project)
    paths, store = host.project.paths.monitor, host.project.store
    for directory in (paths.root, paths.home, paths.secrets):
        directory.mkdir(parents=True)
    (paths.secrets / "MONITOR_KEY").write_text(KEY)
    store.summaries.begin(one.id, "cut off")
    begun = (store.summaries.tried(one.id) or ("", None))[1]
    clock.passes(minutes=5)
    gc.gc(host.project)
    nothing_is_left(host)
    assert store.summaries.tried(one.id) == ("", begun)
    summarize_next(host.project)
    assert runs(host) == 1
    assert store.summaries.day().calls == 2, "the one that was cut off counts"


class TestSummarizer:
    def test_it_makes_one_when_it_is_told_of_a_change(self, host: HostProject) -> None:
        monitor(host, says("One."), monitor_every=1)
        one = host.spawn("one")
        store = host.project.store
        store.summaries._database.rows("UPDATE sessions SET created_at = '2026-01-01T00:00:00+00:00'")  # noqa: SLF001 -- long ago
        thread = Summarizer(host.project, apart=0.01)
        thread.start()
        try:
            eventually(lambda: said(host, one) and said(host, one).lines)  # type: ignore[union-attr] # both are the same
        finally:
            thread.stop()
        assert runs(host) == 1

    def test_it_reads_nothing_while_nothing_changes(self, host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
        monitor(host, says("One."), monitor_every=1)
        host.spawn("one")
        thread = Summarizer(host.project)
        looks: list[object] = []
        monkeypatch.setattr("orchestra.service.summarizer.summaries.summarize_next", looks.append)
        for _ in range(5):
            thread.look()
        assert len(looks) == 1
        works(host)
        thread.look()
        assert len(looks) == 2

    def test_it_goes_on_after_a_failure(self, host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
        monitor(host, says("One."), monitor_every=1)
        looks = []

        def fails(_project: object) -> None:
            looks.append(1)
            raise (RuntimeError("a bug") if len(looks) == 1 else Refused("no"))

        monkeypatch.setattr("orchestra.service.summarizer.summaries.summarize_next", fails)
        thread = Summarizer(host.project, apart=0.01)
        thread.start()
        try:
            eventually(lambda: (thread.tell(), len(looks) > 3)[1])  # type: ignore[func-returns-value] # it only tells
        finally:
            thread.stop()
