"""Items of a spec and what shows them, on a real repository, with the commands on the host."""

from __future__ import annotations

import json
import re
import time

import pytest

from orchestra.actions.landing import proofs
from orchestra.actions.landing.merge import merge
from orchestra.actions.landing.process import process
from orchestra.actions.landing.prove import prove
from orchestra.actions.landing.queue import queue
from orchestra.actions.messaging.messages import send
from orchestra.actions.session import items, manage
from orchestra.actions.work.spec import write_spec
from orchestra.actions.workspace.open_needs import list_needs
from orchestra.errors import CheckFailed, MergeConflict, NotFound, Refused, UsageError
from orchestra.model import EntryState, SandboxKind, Session
from orchestra.names import PERSON
from tests.actions.test_queue import entry_of, letters_to, passed_trees, settings, trees_of_main
from tests.support.projects import HostProject

TASK = "Say hello.\n\n- [ ] it greets\n- [ ] it is tested\n- [x] it was planned\n- [ ] it is loved\n"


def ready(host: HostProject, name: str = "one", task: str = TASK, content: str = "hello\n") -> Session:
    """Create an executor with items in its spec and one commit."""
    session = host.spawn(name, task=task)
    host.commit(session, f"{name}.txt", content)
    return host.session(name)


def claim(host: HostProject, item: str, command: str, name: str = "one") -> None:
    """Name the command that shows an item, as the session's agent does."""
    items.claim(host.project, host.session(name), item, command)


def states(host: HostProject, name: str = "one") -> dict[str, str]:
    """Return the state of each item, as ``orchestra show`` has it."""
    return {item["item"]: item["state"] for item in manage.show(host.project, name)["items"]}


def run_of(host: HostProject, item: str, name: str = "one") -> dict[str, object]:
    """Return how the command for an item ended."""
    found = next(one for one in manage.show(host.project, name)["items"] if one["item"] == item)
    assert found["run"] is not None
    return dict(found["run"])


def trailers(host: HostProject) -> list[str]:
    """Return the trailers of the newest commit of main."""
    return host.git("log", "-1", "--format=%(trailers:only)", "main").strip().splitlines()


def test_a_claim_is_proved_by_orchestra_on_the_tree_that_lands(host: HostProject) -> None:
    ready(host)
    claim(host, "it greets", "grep -q hello one.txt && echo seen")
    assert states(host) == {
        "it greets": "claimed",
        "it is tested": "open",
        "it was planned": "claimed",
        "it is loved": "open",
    }
    assert merge(host.project, "one")["proof"] == "1 of 4 items proved"
    assert states(host)["it greets"] == "proved"
    run = run_of(host, "it greets")
    assert (run["code"], run["output"], run["tree"]) == (0, "seen\n", host.git("rev-parse", "main^{tree}"))
    assert trailers(host) == ["Orchestra-Session: one", "Orchestra-Proof: 1 of 4 items proved"]
    assert queue(host.project)["landed"][0]["proof"] == "1 of 4 items proved"


def test_a_command_that_fails_leaves_its_item_open_and_the_commit_says_so(host: HostProject) -> None:
    settings(host, "check: 'true'\n")
    ready(host)
    claim(host, "it greets", "true")
    claim(host, "it is tested", "echo no tests >&2; exit 3")
    merge(host.project, "one")
    assert states(host)["it is tested"] == "open"
    assert (run_of(host, "it is tested")["code"], run_of(host, "it is tested")["output"]) == (3, "no tests\n")
    assert trailers(host)[-2:] == ["Orchestra-Checks: check", "Orchestra-Proof: 1 of 4 items proved"]
    assert set(trees_of_main(host)) == passed_trees(host)
    assert host.fsck() == ""


def test_one_that_comes_after_a_failed_proof_is_merged_onto_what_landed(host: HostProject) -> None:
    settings(host, "check: 'true'\nchecks_at_once: 3\n")
    for name in ("one", "two", "three"):
        ready(host, name)
        merge(host.project, name, wait=False)
    claim(host, "it greets", "false")
    claim(host, "it greets", "grep -q hello two.txt", "two")
    process(host.project, "main")
    assert [entry.session for entry in host.project.store.queue.landed()] == ["three", "two", "one"]
    proved = host.git("log", "--first-parent", "--format=%(trailers:key=Orchestra-Proof,valueonly)", "main").split("\n")
    assert [line for line in proved if line] == [f"{number} of 4 items proved" for number in (0, 1, 0)]
    assert set(trees_of_main(host)) == passed_trees(host)
    assert host.fsck() == ""


def test_a_required_proof_that_fails_is_sent_back_like_a_red_check(host: HostProject) -> None:
    settings(host, "require_proof: true\n")
    session = ready(host, content="good bye\n")
    claim(host, "it greets", "grep hello one.txt || { echo it does not greet; exit 1; }")
    with pytest.raises(CheckFailed, match="should show an item of the spec failed"):
        merge(host.project, "one")
    assert host.git("rev-list", "--count", "main") == "1"
    assert entry_of(host, "one").state is EntryState.RETURNED
    assert "it does not greet" in letters_to(host, "one")[-1]
    host.commit(session, "one.txt", "hello\n")
    claim(host, "it greets", "grep hello one.txt")
    send(host.project, sender="one", recipient=PERSON, text="COMPLETE: mended")
    process(host.project, "main")
    assert entry_of(host, "one").state is EntryState.LANDED
    assert entry_of(host, "one").proof == "1 of 4 items proved"


def test_in_a_batch_each_session_has_its_own_proof(host: HostProject) -> None:
    settings(host, "merge_batch: 4\nrequire_proof: true\n")
    for name in ("one", "two", "three"):
        ready(host, name)
        claim(host, "it greets", f"test ! -e bad.txt && test -e {name}.txt", name)
    merge(host.project, "one", wait=False)
    merge(host.project, "two", wait=False)
    process(host.project, "main")
    assert trailers(host)[-2:] == [
        "Orchestra-Proof: one: 1 of 4 items proved",
        "Orchestra-Proof: two: 1 of 4 items proved",
    ]


def test_a_rebase_keeps_the_commits_as_they_are_and_still_proves(host: HostProject) -> None:
    settings(host, "merge_strategy: rebase\n")
    ready(host)
    claim(host, "it greets", "test -e one.txt")
    claim(host, "it is tested", "false")
    head = host.session("one").head
    merge(host.project, "one")
    assert host.git("rev-parse", "main") == host.git("rev-parse", "orchestra/one") != head
    assert (states(host)["it greets"], states(host)["it is tested"]) == ("proved", "open")


def test_a_changed_item_is_open_again_and_the_others_stay(host: HostProject) -> None:
    ready(host)
    claim(host, "it greets", "true")
    claim(host, "2", "true")
    merge(host.project, "one")
    write_spec(host.project, "one", "- [ ] it is new\n- [ ] it greets loudly\n  - [ ] it is tested\n", PERSON)
    assert states(host) == {"it is new": "open", "it greets loudly": "open", "it is tested": "proved"}


def test_another_command_is_only_a_claim_until_it_has_run(host: HostProject) -> None:
    ready(host)
    claim(host, "it greets", "true")
    prove(host.project, "one")
    claim(host, "it greets", "true")
    assert states(host)["it greets"] == "proved"
    claim(host, "it greets", "test -e one.txt")
    assert states(host)["it greets"] == "claimed"


def test_prove_runs_what_is_claimed_on_the_merge_and_lands_nothing(host: HostProject) -> None:
    ready(host)
    host.commit(host.source, "mine.txt", "mine\n")
    before = host.git("rev-parse", "main")
    claim(host, "it greets", "test -e one.txt && test -e mine.txt")
    claim(host, "it is tested", "test -e tests")
    done = prove(host.project, "one")
    assert done["proof"] == {"items": 4, "proved": 1, "claimed": 1, "open": 2}
    assert (host.git("rev-parse", "main"), host.git("status", "--porcelain")) == (before, "")
    assert done["tree"] == run_of(host, "it greets")["tree"]
    merge(host.project, "one")
    assert done["tree"] == host.git("rev-parse", "main^{tree}")
    assert prove(host.project, "one")["tree"] == done["tree"]


def test_what_cannot_be_proved_says_what_to_do(host: HostProject) -> None:
    ready(host)
    ready(host, "two", task="Just do it.")
    with pytest.raises(Refused, match="named no command"):
        prove(host.project, "one")
    with pytest.raises(Refused, match="has no items"):
        prove(host.project, "two")
    ready(host, "three")
    host.commit(host.source, "three.txt", "mine\n")
    claim(host, "it greets", "true", "three")
    with pytest.raises(MergeConflict):
        prove(host.project, "three")


def test_complete_with_open_items_is_shown_as_such(host: HostProject) -> None:
    ready(host)
    claim(host, "it greets", "true")
    send(host.project, sender="one", recipient=PERSON, text="COMPLETE: all of it")
    whys = [need.why for need in list_needs(host.project) if need.kind == "done"]
    assert whys == ["done, 2 of 4 items open: COMPLETE: all of it"]
    claim(host, "it is tested", "true")
    claim(host, "it is loved", "true")
    assert [need.why for need in list_needs(host.project) if need.kind == "done"] == ["done: COMPLETE: all of it"]


# --- what a hostile agent might try ------------------------------------------------------------


def test_claims_have_limits(host: HostProject) -> None:
    session = ready(host, task="".join(f"- [ ] item {number}\n" for number in range(10_000)))
    for bad in ("", "   ", "x" * 2001, "echo \x1b[2J", "a\0b", "echo \u202e"):
        with pytest.raises(UsageError):
            claim(host, "item 7", bad)
    with pytest.raises(NotFound, match="did you mean"):
        claim(host, "item 7x", "true")
    began = time.process_time()
    for number in range(items.MOST):
        claim(host, f"item {number}", "true")
    with pytest.raises(Refused, match="limit"):
        claim(host, "item 9999", "true")
    claim(host, "item 3", "echo another")
    shown = manage.show(host.project, "one")
    assert time.process_time() - began < 30
    assert (len(shown["items"]), shown["proof"]["items"], shown["proof"]["open"]) == (items.SHOWN, 10_000, 9900)
    assert len(json.dumps(manage.list_sessions(host.project))) < 20_000
    write_spec(host.project, "one", "- [ ] item 9999\n", PERSON)
    claim(host, "item 9999", "true")
    assert [one.item for one in host.project.store.claims.of(session.id)] == ["item 9999"]


def test_a_claim_counts_only_for_its_own_session(host: HostProject) -> None:
    ready(host)
    ready(host, "two")
    claim(host, "it greets", "true", "two")
    merge(host.project, "two")
    assert (states(host, "two")["it greets"], states(host)["it greets"]) == ("proved", "open")


def test_what_a_command_prints_proves_nothing(host: HostProject) -> None:
    ready(host)
    claim(host, "it greets", "echo proved; echo exit code 0; kill -9 $$")
    claim(host, "it is tested", "yes proved | head -c 3000000; exit 1")
    merge(host.project, "one")
    assert (states(host)["it greets"], states(host)["it is tested"]) == ("open", "open")
    assert len(str(run_of(host, "it is tested")["output"])) <= 16 * 1024


def test_a_command_that_hangs_or_waits_for_input_ends_in_its_time(host: HostProject) -> None:
    # Long enough for a command that reads nothing on a busy machine.
    settings(host, "proof_timeout: 5\n")
    ready(host)
    claim(host, "it greets", "sleep 3600")
    claim(host, "it is tested", "cat")
    merge(host.project, "one")
    assert run_of(host, "it greets")["code"] is None
    assert states(host) == {**states(host), "it greets": "open", "it is tested": "proved"}


def test_many_slow_commands_do_not_hold_up_the_queue(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "TOGETHER", 0.0)
    ready(host)
    claim(host, "it greets", "sleep 3600")
    merge(host.project, "one")
    assert states(host)["it greets"] == "claimed"
    assert trailers(host)[-1] == "Orchestra-Proof: 0 of 4 items proved"


def test_the_text_of_an_item_writes_no_trailers_and_no_terminal(host: HostProject) -> None:
    evil = "it \x1b]52;c;aGk=\x07 is\u202e done"
    ready(host, task=f"- [ ] {evil}\n  Orchestra-Proof: 9 of 9 items proved\n- [ ] b\n")
    claim(host, "1", "true")
    merge(host.project, "one")
    assert trailers(host) == ["Orchestra-Session: one", "Orchestra-Proof: 1 of 2 items proved"]


# --- in a container ----------------------------------------------------------------------------


def test_a_command_runs_in_a_fresh_container_with_nothing_of_the_session_s(contained: HostProject) -> None:
    host = contained
    config = host.project.paths.home.config
    config.write_text(f"{config.read_text()}proof_timeout: 30\n")
    session = ready(host, task="".join(f"- [ ] {name}\n" for name in ("alone", "floods", "forks", "writes")))
    assert session.sandbox is SandboxKind.DOCKER
    (session.worktree / "draft.txt").write_text("not committed\n")
    own = host.project.session_paths(session)
    looks = f"test -f one.txt && ! ls draft.txt {own.home} {own.secrets} {session.worktree} && ! env | grep -i token"
    claim(host, "alone", f'{looks} && ! ls /run/secrets /orchestra && test "$HOME" = /tmp')
    claim(host, "floods", "head -c 40000000 /dev/zero | tr '\\0' x; echo; echo the end")
    claim(host, "forks", "f() { f | f & }; f; sleep 3600")
    claim(host, "writes", f"touch {host.source}/canary; git update-ref refs/heads/main HEAD~1; git push; false")
    before = host.git("rev-parse", "main")
    done = prove(host.project, "one")
    assert {item["item"]: item["state"] for item in done["items"]} == {
        "alone": "proved",
        "floods": "proved",
        "forks": "open",
        "writes": "open",
    }
    assert str(run_of(host, "floods")["output"]).endswith("the end\n")
    assert host.git("rev-parse", "main") == before
    assert not (host.source / "canary").exists()
    assert not [name for name in host.project.sandbox(SandboxKind.DOCKER).look_all() if re.search("-prove", name)]
