"""Decisions about sessions: steps lead to what is wanted, evidence to an honest state."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.lifecycle import NOTHING, Seen, Step, lanes, may_type, next_state, plan, supports
from orchestra.model import BoxSight, BoxState, Intent, SandboxKind, Sign, State

SIGHTS = st.builds(
    Seen,
    worktree=st.booleans(),
    private_git=st.booleans(),
    files=st.booleans(),
    box=st.builds(BoxSight, st.sampled_from(BoxState)),
    window=st.booleans(),
    outdated=st.booleans(),
)
STATES, SIGNS, KINDS = st.sampled_from(State), st.sampled_from(Sign), st.sampled_from(SandboxKind)


def after(seen: Seen, steps: tuple[Step, ...]) -> Seen:
    """Return what is seen once steps have been performed."""
    for step in steps:
        match step:
            case Step.WORKTREE | Step.REMOVE_WORKTREE:
                seen = replace(seen, worktree=step is Step.WORKTREE)
            case Step.PRIVATE_GIT:
                seen = replace(seen, private_git=True)
            case Step.FILES:
                seen = replace(seen, files=True)
            case Step.BOX:
                seen = replace(seen, box=BoxSight(BoxState.CREATED), outdated=False)
            case Step.START:
                seen = replace(seen, box=BoxSight(BoxState.RUNNING))
            case Step.STOP:
                seen = replace(seen, box=BoxSight(BoxState.EXITED))
            case Step.REMOVE_BOX:
                seen = replace(seen, box=BoxSight(BoxState.ABSENT), outdated=False)
            case Step.WINDOW | Step.CLOSE_WINDOW:
                seen = replace(seen, window=step is Step.WINDOW)
            case _:
                pass
    return seen


@given(SIGHTS, st.integers(0, 7))
def test_a_start_in_docker_that_is_cut_off_anywhere_is_completed_by_the_next(seen: Seen, cut: int) -> None:
    steps = plan(Intent.RUN, SandboxKind.DOCKER, seen)
    halfway = after(seen, steps[:cut])
    done = after(halfway, plan(Intent.RUN, SandboxKind.DOCKER, halfway))
    assert plan(Intent.RUN, SandboxKind.DOCKER, done) == ()


@given(SIGHTS)
def test_on_the_host_no_engine_is_asked_for(seen: Seen) -> None:
    engine = {Step.IMAGE, Step.BOX, Step.START, Step.PRIVATE_GIT}
    assert not engine & set(plan(Intent.RUN, SandboxKind.HOST, seen))


@given(SIGHTS, KINDS)
def test_a_box_is_started_only_after_its_files_are_written_anew(seen: Seen, kind: SandboxKind) -> None:
    steps = plan(Intent.RUN, kind, seen)
    assert Step.START not in steps or steps.index(Step.FILES) < steps.index(Step.START)


@given(SIGHTS)
def test_a_box_that_shows_what_it_should_not_is_never_started(seen: Seen) -> None:
    steps = plan(Intent.RUN, SandboxKind.DOCKER, replace(seen, outdated=True))
    assert seen.box.state is BoxState.ABSENT or steps.index(Step.REMOVE_BOX) < steps.index(Step.BOX)


@given(SIGHTS, KINDS)
def test_side_by_side_the_same_steps_are_done(seen: Seen, kind: SandboxKind) -> None:
    steps = plan(Intent.RUN, kind, seen)
    assert sorted(step for stage in lanes(steps) for lane in stage for step in lane) == sorted(steps)


def test_while_a_new_box_starts_only_what_it_waits_for_is_written() -> None:
    """Its mounts cover files of the worktree, which git does not make where they are."""
    first, second = lanes(plan(Intent.RUN, SandboxKind.DOCKER, NOTHING))
    assert set(first) == {(Step.WORKTREE,), (Step.IMAGE, Step.BOX)}
    assert set(second) == {(Step.START,), (Step.PRIVATE_GIT, Step.FILES, Step.WINDOW)}


def test_a_box_that_was_there_before_is_given_its_files_first() -> None:
    stages = lanes(plan(Intent.RUN, SandboxKind.DOCKER, replace(NOTHING, worktree=True)))
    order = [step for stage in stages for lane in stage for step in lane]
    assert {len(stage) for stage in stages} == {1}
    assert order.index(Step.FILES) < order.index(Step.START)


@given(SIGHTS, KINDS)
def test_a_stop_imports_what_was_committed_to_the_end_and_is_complete(seen: Seen, kind: SandboxKind) -> None:
    steps = plan(Intent.STOP, kind, seen)
    assert steps in {(), (Step.STOP, Step.IMPORT)}
    assert plan(Intent.STOP, kind, after(seen, steps)) == ()


def test_a_stop_that_was_cut_off_before_it_was_recorded_is_repeated() -> None:
    stopped = Seen(worktree=True, private_git=True, files=True, box=BoxSight(BoxState.EXITED), window=True)
    assert plan(Intent.STOP, SandboxKind.DOCKER, stopped, ended=False) == (Step.STOP, Step.IMPORT)
    assert plan(Intent.STOP, SandboxKind.DOCKER, stopped, ended=True) == ()


@given(SIGHTS, KINDS, st.booleans())
def test_nothing_is_removed_before_what_it_holds_is_anchored(seen: Seen, kind: SandboxKind, keep: bool) -> None:  # noqa: FBT001 -- given
    steps = plan(Intent.DELETE, kind, seen, keep_worktree=keep)
    order = {step: number for number, step in enumerate(steps)}
    for removal in {Step.REMOVE_BOX, Step.REMOVE_WORKTREE} & set(steps):
        for keeping in {Step.IMPORT, Step.ANCHOR} & set(steps):
            assert order[keeping] < order[removal]
    for ending in {Step.STOP, Step.CLOSE_WINDOW} & set(steps):
        for keeping in {Step.IMPORT, Step.ANCHOR} & set(steps):
            assert order[ending] < order[keeping], "an agent that works on works for nothing"
    assert (Step.IMPORT in steps) is seen.private_git
    assert (Step.ANCHOR in steps) is seen.worktree
    assert (Step.REMOVE_WORKTREE in steps) is (seen.worktree and not keep)
    assert steps[-1] is Step.FORGET


@given(STATES, SIGNS, st.booleans())
def test_every_sign_leads_somewhere_from_everywhere(now: State, sign: Sign, asked: bool) -> None:  # noqa: FBT001 -- given
    assert next_state(now, sign, question_open=asked) in State


@given(STATES, SIGNS, st.booleans())
def test_done_is_only_ever_reported(now: State, sign: Sign, asked: bool) -> None:  # noqa: FBT001 -- given
    if next_state(now, sign, question_open=asked) is State.DONE:
        assert sign is Sign.COMPLETED or now is State.DONE


@given(STATES, st.sampled_from([Sign.PANE_ACTIVE, Sign.PANE_QUIET]))
def test_a_screen_never_says_waiting_idle_or_done(now: State, sign: Sign) -> None:
    reached = next_state(now, sign)
    assert reached is now or reached in {State.WORKING, State.UNKNOWN}


@given(st.lists(st.sampled_from([Sign.TOOL_USED, Sign.TURN_ENDED, Sign.READY, Sign.PANE_ACTIVE, Sign.PANE_QUIET])))
def test_an_open_question_outlasts_the_rest_of_its_turn(signs: list[Sign]) -> None:
    state = next_state(State.WORKING, Sign.ASKED, question_open=True)
    for sign in signs:
        state = next_state(state, sign, question_open=True)
    assert state is State.WAITING


@given(st.lists(st.sampled_from([Sign.EXITED, Sign.ENDED, Sign.VANISHED, Sign.PANE_QUIET])))
def test_what_was_stopped_on_purpose_does_not_fail_afterwards(signs: list[Sign]) -> None:
    state = State.STOPPED
    for sign in signs:
        state = next_state(state, sign)
    assert state is State.STOPPED


@pytest.mark.parametrize("state", State)
def test_text_is_typed_only_at_a_known_prompt(state: State) -> None:
    assert may_type(state) is (state in {State.IDLE, State.DONE})
    assert may_type(state, Sign.PROMPTED) is (state in {State.IDLE, State.DONE})
    assert may_type(state, Sign.TURN_FAILED) is (state in {State.IDLE, State.DONE, State.FAILED})


@given(STATES, SIGNS)
def test_a_state_that_changes_has_a_sign_that_speaks_for_it(now: State, sign: Sign) -> None:
    reached = next_state(now, sign)
    assert reached is now or supports(reached, sign)
