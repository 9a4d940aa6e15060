"""What a person is told who names something that is not there: what is wrong, and what to type next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestra.actions.landing import compare, merge
from orchestra.actions.session import manage
from orchestra.actions.session.group import spawn_group
from orchestra.actions.session.spawn import require_on_host
from orchestra.actions.work import comments, review
from orchestra.errors import OrchestraError
from tests.support.projects import AGENT, HostProject


def test_a_deleted_session_can_be_brought_back(host: HostProject) -> None:
    host.spawn("alpha")
    manage.delete(host.project, "alpha")
    told(lambda: host.session("alpha"), "the session 'alpha' was deleted", "orchestra restore alpha")


def test_a_branch_that_never_was_is_not_said_to_be_gone(host: HostProject) -> None:
    host.commit(host.spawn("alpha"), "a", "1\n")
    told(lambda: merge.merge(host.project, "alpha", into="nope"), "there is no branch nope", "orchestra merge alpha")


def test_without_a_group_there_is_nothing_to_compare(host: HostProject) -> None:
    told(lambda: compare.chosen(host.project, []), "there is no group to compare", "orchestra new TITLE --copies 3")


def test_an_unknown_comment_names_the_session_to_look_at(host: HostProject) -> None:
    host.spawn("alpha")
    settle = lambda: comments.settle_comment(host.project, "alpha", 9)  # noqa: E731 -- one call
    told(settle, "there is no comment 9", "orchestra comment alpha --list")


def test_a_program_that_is_not_on_this_machine(host: HostProject, monkeypatch: pytest.MonkeyPatch) -> None:
    built_in, own = host.project.agent_profile("claude"), host.project.agent_profile(AGENT)
    with monkeypatch.context() as empty:
        empty.setenv("PATH", "/nowhere")
        hint = told(lambda: require_on_host(built_in), "no such program on this machine", "orchestra agents")
        told(lambda: require_on_host(own), "no such program on this machine", f"`command` in {own.source}")
    assert str(built_in.source) not in hint


def test_a_group_of_which_one_cannot_be_started_says_which_are(host: HostProject) -> None:
    (host.place / "orchestra" / "agents" / "broken.yaml").write_text("command: [no-such-program]\n")
    spawn = lambda: spawn_group(host.project, title="Fix it", task="Fix it.", agents=[AGENT, "broken"])  # noqa: E731
    hint = told(
        spawn, "not all could be created: fix-it-broken: ", f"started: fix-it-{AGENT}; for the others: install it"
    )
    assert "broken.yaml" in hint


def test_changed_lines_are_counted_in_words(host: HostProject) -> None:
    alpha = host.spawn("alpha")
    host.commit(alpha, "a", "1\n")
    assert review.diff(host.project, "alpha", stat=True) == "1 file changed, 1 insertion(+), 0 deletions(-)"
    host.commit(alpha, "b", "1\n2\n")
    assert review.diff(host.project, "alpha", stat=True) == "2 files changed, 3 insertions(+), 0 deletions(-)"


def told(act: Callable[[], object], message: str, hint: str) -> str:
    """Return the hint of the refusal, which says both."""
    with pytest.raises(OrchestraError) as met:
        act()
    assert (message in met.value.message, hint in met.value.hint) == (True, True), (met.value.message, met.value.hint)
    return met.value.hint
