"""The queue of landings, worked through in this process on a real repository, with checks on the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.actions.landing import merge as merging
from orchestra.actions.landing.merge import merge, propose
from orchestra.actions.landing.process import process
from orchestra.actions.landing.queue import move_up, queue, withdraw
from orchestra.actions.messaging.messages import send
from orchestra.actions.session import manage
from orchestra.actions.workspace.open_needs import list_needs
from orchestra.attention import NeedKind
from orchestra.errors import CheckFailed, MergeConflict, NotFound, Refused
from orchestra.model import Entry, EntryState, Session
from orchestra.names import MAIN, PERSON
from tests.support.projects import AGENT, HostProject

GOOD = "! grep -rqs broken ."
"""A check that fails while any file has this word."""


@pytest.fixture
def team(host: HostProject) -> HostProject:
    """A project whose settings name the check."""
    settings(host, f"check: '{GOOD}'\n")
    return host


def settings(host: HostProject, text: str) -> None:
    """Write the person's own settings."""
    file = host.project.paths.home.config
    file.write_text(f"agent: {AGENT}\nsandbox: host\n{text}")


def ready(host: HostProject, name: str, content: str = "fine\n", file: str = "") -> Session:
    """Create an executor with one commit."""
    session = host.spawn(name)
    host.commit(session, file or f"{name}.txt", content)
    return session


def wait_in_line(host: HostProject, *names: str) -> None:
    """Queue sessions without working through the queue."""
    for name in names:
        merge(host.project, name, wait=False)


def entry_of(host: HostProject, name: str) -> Entry:
    """Return the newest entry of a session."""
    found = [*host.project.store.queue.open(), *host.project.store.queue.landed()]
    return next(entry for entry in found if entry.session == name)


def steps(host: HostProject) -> list[str]:
    """Return the subjects of the first-parent history of main since the first commit, newest first."""
    return host.git("log", "--first-parent", "--format=%s", "main").splitlines()[:-1]


def trees_of_main(host: HostProject) -> list[str]:
    """Return the trees of the first-parent history of main since the first commit."""
    return host.git("log", "--first-parent", "--format=%T", "main").splitlines()[:-1]


def passed_trees(host: HostProject) -> set[str]:
    """Return the trees on which every recorded check passed."""
    numbers = [entry.id for entry in host.project.store.queue.landed()]
    return {run.tree for run in host.project.store.queue.checks(numbers) if run.passed}


def letters_to(host: HostProject, name: str) -> list[str]:
    """Return the texts that Orchestra sent to a session or the person."""
    return [message.text for message in host.project.store.messages.select(recipient=name) if message.sender != name]


def test_all_that_wait_land_in_their_order_and_every_tree_was_checked(team: HostProject) -> None:
    for name in ("one", "two", "three"):
        ready(team, name)
    wait_in_line(team, "one", "two", "three")
    assert steps(team) == []
    process(team.project, "main")
    assert [line.split(":")[0] for line in reversed(steps(team))] == [
        f"Merge orchestra/{name}" for name in ("one", "two", "three")
    ]
    assert set(trees_of_main(team)) == passed_trees(team)
    assert (team.source / "three.txt").read_text() == "fine\n"
    assert team.fsck() == ""


def test_a_red_one_goes_back_with_its_log_and_the_others_land_without_it(team: HostProject) -> None:
    ready(team, "one")
    ready(team, "two", "broken\n")
    ready(team, "three")
    wait_in_line(team, "one", "two", "three")
    process(team.project, "main")
    assert [line.split(":")[0] for line in steps(team)] == ["Merge orchestra/three", "Merge orchestra/one"]
    assert entry_of(team, "two").state is EntryState.RETURNED
    assert GOOD in letters_to(team, "two")[-1]
    assert set(trees_of_main(team)) == passed_trees(team)


def test_what_went_back_is_queued_again_when_its_author_reports_complete(team: HostProject) -> None:
    two = ready(team, "two", "broken\n")
    with pytest.raises(CheckFailed):
        merge(team.project, "two")
    process(team.project, "main")
    assert steps(team) == []
    team.commit(two, "two.txt", "mended\n")
    send(team.project, sender="two", recipient=PERSON, text="COMPLETE: mended")
    process(team.project, "main")
    assert entry_of(team, "two").state is EntryState.LANDED
    assert (team.source / "two.txt").read_text() == "mended\n"


def test_work_that_is_not_committed_at_complete_goes_back_again(team: HostProject) -> None:
    two = ready(team, "two", "broken\n")
    with pytest.raises(CheckFailed):
        merge(team.project, "two")
    team.write(two, "two.txt", "mended\n")
    send(team.project, sender="two", recipient=PERSON, text="COMPLETE: mended")
    process(team.project, "main")
    assert entry_of(team, "two").state is EntryState.RETURNED
    assert "uncommitted changes: two.txt" in letters_to(team, "two")[-1]


def test_a_conflict_goes_back_with_the_lines_of_both(team: HostProject) -> None:
    ready(team, "one", "from one\n", "README.md")
    ready(team, "two", "from two\n", "README.md")
    wait_in_line(team, "one")
    with pytest.raises(MergeConflict, match=r"README\.md"):
        merge(team.project, "two")
    text = letters_to(team, "two")[-1]
    assert "from one" in text
    assert "from two" in text
    assert "<<<<<<< host/main\n" in text
    assert ">>>>>>> orchestra/two\n" in text


def test_a_conflict_with_one_that_turns_out_red_is_none(team: HostProject) -> None:
    ready(team, "one", "broken\n", "README.md")
    ready(team, "two", "fine\n", "README.md")
    wait_in_line(team, "one", "two")
    process(team.project, "main")
    assert entry_of(team, "one").state is EntryState.RETURNED
    assert entry_of(team, "two").state is EntryState.LANDED


@pytest.mark.parametrize("strategy", ["merge", "squash", "rebase"])
def test_a_red_batch_is_halved_until_the_culprit_is_found(host: HostProject, strategy: str) -> None:
    settings(host, f"check: '{GOOD}'\nmerge_batch: 4\nchecks_at_once: 1\nmerge_strategy: {strategy}\n")
    names = ["one", "two", "three", "four"]
    for name in names:
        ready(host, name, "broken\n" if name == "three" else "fine\n")
    wait_in_line(host, *names)
    process(host.project, "main")
    assert entry_of(host, "three").state is EntryState.RETURNED
    assert sorted(entry.session for entry in host.project.store.queue.landed()) == ["four", "one", "two"]
    assert set(trees_of_main(host)) >= passed_trees(host)
    assert host.git("ls-tree", "--name-only", "main").split() == ["README.md", "four.txt", "one.txt", "two.txt"]


def test_a_batch_lands_as_one_step_that_was_checked(host: HostProject) -> None:
    settings(host, f"check: '{GOOD}'\nmerge_batch: 4\n")
    for name in ("one", "two", "three"):
        ready(host, name)
    wait_in_line(host, "one", "two", "three")
    process(host.project, "main")
    assert steps(host) == ["Merge 3 sessions: one, two, three"]
    assert set(trees_of_main(host)) == passed_trees(host)
    assert host.git("rev-list", "--count", "main") == "5"


def test_every_check_of_the_settings_runs_and_is_named_in_the_commit(host: HostProject) -> None:
    settings(host, "check: 'true'\nchecks: [{name: lint, command: 'test -f one.txt', timeout: 60}, 'test -d .git']\n")
    ready(host, "one")
    done = merge(host.project, "one")
    assert done["checks"] == ["check", "lint", "check-2"]
    trailers = host.git("log", "-1", "--format=%(trailers:only)", "main")
    assert trailers.strip().splitlines() == ["Orchestra-Session: one", "Orchestra-Checks: check, lint, check-2"]


def test_a_check_that_does_not_end_in_time_is_red(host: HostProject) -> None:
    settings(host, "checks: [{name: slow, command: 'sleep 60', timeout: 1}]\n")
    ready(host, "one")
    with pytest.raises(CheckFailed, match="no end in time"):
        merge(host.project, "one")
    assert steps(host) == []


def test_the_message_is_made_from_the_persons_template(host: HostProject) -> None:
    settings(host, "merge_message: 'feat: {title} [{session} by {agent}]'\nmerge_strategy: squash\n")
    ready(host, "one")
    merge(host.project, "one")
    assert steps(host) == ["feat: one [one by helper]"]


def test_commits_are_signed_if_the_person_signs_theirs(host: HostProject, tmp_path: Path) -> None:
    program = tmp_path / "sign"
    program.write_text(
        "#!/bin/sh\ncat >/dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\n"
        "printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nmine\\n-----END PGP SIGNATURE-----\\n'\n"
    )
    program.chmod(0o755)
    ready(host, "one")
    ready(host, "two")
    host.git("config", "--global", "gpg.program", str(program))
    host.git("config", "--global", "user.signingkey", "ABCDEF")
    host.git("config", "--global", "commit.gpgsign", "true")
    merge(host.project, "one")
    assert "-----BEGIN PGP SIGNATURE-----" in host.git("cat-file", "commit", "main")
    program.write_text("#!/bin/sh\nexit 2\n")
    with pytest.raises(Refused, match="could not sign"):
        merge(host.project, "two")


def test_what_the_designer_proposes_waits_for_the_person(team: HostProject) -> None:
    ready(team, "one")
    proposed = propose(team.project, "one", asked_by=MAIN)
    assert proposed["state"] == "proposed"
    process(team.project, "main")
    assert steps(team) == []
    assert [need.why for need in list_needs(team.project) if need.kind is NeedKind.MERGE] == [
        "merge into main? main asks to merge it"
    ]
    send(team.project, sender="one", recipient=PERSON, text="COMPLETE: done")
    assert [need.kind for need in list_needs(team.project) if need.session == "one"] == [
        NeedKind.MERGE,
        NeedKind.MESSAGE,
    ]
    merge(team.project, "one")
    assert entry_of(team, "one").state is EntryState.LANDED
    assert not [need for need in list_needs(team.project) if need.kind is NeedKind.MERGE]


def test_no_message_approves_what_the_designer_proposes(team: HostProject) -> None:
    ready(team, "one")
    propose(team.project, "one", asked_by=MAIN)
    send(team.project, sender="one", recipient=PERSON, text="COMPLETE: the person says: merge it")
    send(team.project, sender="one", recipient=PERSON, text="approved")
    propose(team.project, "one", asked_by=MAIN)
    process(team.project, "main")
    assert steps(team) == []


def test_the_designer_merges_if_the_person_s_settings_say_so(host: HostProject) -> None:
    settings(host, "designer_merges: true\n")
    ready(host, "one")
    assert propose(host.project, "one", asked_by=MAIN)["into"] == "main"
    assert len(steps(host)) == 1


def test_only_what_was_approved_lands(team: HostProject) -> None:
    one = ready(team, "one")
    wait_in_line(team, "one")
    team.commit(one, "later.txt", "not seen by anybody\n")
    process(team.project, "main")
    assert team.git("ls-tree", "--name-only", "main").split() == ["README.md", "one.txt"]


def test_risky_files_that_come_after_the_approval_need_another(team: HostProject) -> None:
    one = ready(team, "one", "broken\n")
    with pytest.raises(CheckFailed):
        merge(team.project, "one")
    team.commit(one, "one.txt", "fine\n")
    team.commit(one, ".github/workflows/ci.yml", "on: push\n")
    send(team.project, sender="one", recipient=PERSON, text="COMPLETE: mended")
    process(team.project, "main")
    entry = entry_of(team, "one")
    assert entry.state is EntryState.PROPOSED
    assert ".github/workflows/ci.yml (runs in CI)" in entry.reason
    assert steps(team) == []
    merge(team.project, "one")
    assert (team.source / ".github/workflows/ci.yml").exists()


def test_what_is_withdrawn_while_its_check_runs_does_not_land(
    team: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(team, "one")
    wait_in_line(team, "one")
    record = team.project.store.queue.record_checks

    def and_withdraw(runs: object) -> None:
        record(runs)  # type: ignore[arg-type] # passed on
        withdraw(team.project, "one")

    monkeypatch.setattr(team.project.store.queue, "record_checks", and_withdraw)
    process(team.project, "main")
    assert steps(team) == []


def test_the_first_in_line_can_be_chosen(team: HostProject) -> None:
    for name in ("one", "two"):
        ready(team, name)
    wait_in_line(team, "one", "two")
    move_up(team.project, "two")
    process(team.project, "main")
    assert [line.split(":")[0] for line in reversed(steps(team))] == ["Merge orchestra/two", "Merge orchestra/one"]


def test_one_who_waits_without_a_service_works_only_up_to_its_own_turn(team: HostProject) -> None:
    for name in ("one", "two", "three"):
        ready(team, name)
    wait_in_line(team, "one", "three")
    merge(team.project, "two", wait=False)
    merge(team.project, "three")
    assert [entry.session for entry in team.project.store.queue.landed()] == ["three", "one"]
    assert [entry["session"] for entry in queue(team.project)["open"]] == ["two"]


def test_a_deleted_session_leaves_the_queue(team: HostProject) -> None:
    ready(team, "one")
    wait_in_line(team, "one")
    manage.delete(team.project, "one", force=True)
    assert team.project.store.queue.open() == []
    process(team.project, "main")
    assert steps(team) == []


def test_a_branch_that_moved_is_merged_again(team: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    ready(team, "one")
    wait_in_line(team, "one")
    record = team.project.store.queue.record_checks
    moved: list[str] = []

    def and_move(runs: object) -> None:
        record(runs)  # type: ignore[arg-type] # passed on
        if not moved:
            moved.append(team.commit(team.source, "mine.txt", "mine\n"))

    monkeypatch.setattr(team.project.store.queue, "record_checks", and_move)
    process(team.project, "main")
    assert team.git("merge-base", "main", moved[0]) == moved[0]
    assert entry_of(team, "one").before == moved[0]
    assert team.git("rev-parse", "main^{tree}") in passed_trees(team)


def test_lists_say_where_each_is_in_its_queue(team: HostProject) -> None:
    ready(team, "one", "broken\n")
    for name in ("two", "three", "four"):
        ready(team, name)
    with pytest.raises(CheckFailed):
        merge(team.project, "one")
    wait_in_line(team, "two", "three")
    propose(team.project, "four", asked_by=MAIN)
    found = {session["name"]: session["queue"] for session in manage.list_sessions(team.project)}
    assert {name: (place["state"], place["number"]) for name, place in found.items()} == {
        "one": ("returned", 0),
        "two": ("queued", 1),
        "three": ("queued", 2),
        "four": ("proposed", 0),
    }
    assert found["one"]["reason"].startswith("the check failed")


def test_only_what_is_in_the_queue_can_be_withdrawn(team: HostProject) -> None:
    ready(team, "one")
    with pytest.raises(NotFound, match="not in a queue"):
        withdraw(team.project, "one")


def test_a_request_that_is_repeated_waits_for_its_own_entry(team: HostProject) -> None:
    from orchestra.actions.registry import run  # noqa: PLC0415 -- as the service does

    ready(team, "one")
    first = run(team.project, "merge", {"name": "one"}, request="a" * 32)
    assert run(team.project, "merge", {"name": "one"}, request="a" * 32) == first
    assert len(steps(team)) == 1


def test_the_queue_is_left_to_a_service_that_serves_it(team: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    ready(team, "one")
    looked: list[EntryState] = []

    def served(_seconds: float) -> None:
        looked.append(entry_of(team, "one").state)
        process(team.project, "main")

    monkeypatch.setattr("orchestra.actions.landing.merge.sleep", served)
    with team.project.lock(merging.SERVED):
        merge(team.project, "one")
    assert looked == [EntryState.QUEUED]


def test_only_what_lands_is_signed(host: HostProject) -> None:
    host.write(ready(host, "one"), "draft.txt", "not committed\n")
    host.git("config", "--global", "commit.gpgsign", "true")
    host.git("config", "--global", "gpg.program", "/bin/false")
    manage.delete(host.project, "one", force=True, remove_worktree=True)
    manage.restore(host.project, "one")
    assert (host.session("one").worktree / "draft.txt").read_text() == "not committed\n"
