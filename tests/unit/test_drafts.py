"""A person's unsent words in an agent's prompt are noticed."""

from __future__ import annotations

import pytest

from orchestra.agents.drafts import drafted

HISTORY = "\x1b[48;5;237m❯ an older prompt\x1b[0m\n\n● answer\n\n────\n"


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("\x1b[39m❯\xa0half of a thou", True),
        ("\x1b[39m❯\xa0\x1b[7mh\x1b[27malf of a thou", True),
        ("\x1b[39m❯\xa0", False),
        ("\x1b[39m❯\xa0\x1b[7m \x1b[27m", False),
        ('\x1b[39m❯\xa0\x1b[7mT\x1b[27m\x1b[2mry "edit app.py"\x1b[22m', False),
    ],
)
def test_claudes_prompt_is_read_and_its_hints_are_not(prompt: str, found: bool) -> None:  # noqa: FBT001 -- given
    assert drafted("claude", f"{HISTORY}{prompt}\n────\n  main · Opus\n") is found


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("\x1b[1m›\x1b[0m\x1b[39m\x1b[49m half of a thou", True),
        ("\x1b[1m›\x1b[0m\x1b[39m\x1b[49m \x1b[2mAsk Codex to do anything", False),
        ("\x1b[1m›\x1b[0m\x1b[39m\x1b[49m ", False),
        ("› 1. Yes, proceed (y)", True),
    ],
)
def test_codexs_prompt_is_read_and_its_hints_are_not(prompt: str, found: bool) -> None:  # noqa: FBT001 -- given
    """An open question counts too: Enter would answer it."""
    history = "\x1b[1;2m› \x1b[0man older prompt\n\n• answer\n\n"
    assert drafted("codex", f"{history}{prompt}\n\n  GPT default\n") is found


def test_without_a_prompt_there_is_no_draft() -> None:
    assert not drafted("claude", "starting")
    assert not drafted("plain", "❯ words")
