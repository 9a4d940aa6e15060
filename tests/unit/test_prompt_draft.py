"""A person's unsent words in an agent's prompt are noticed."""

from __future__ import annotations

import pytest

from orchestra.agents.prompt_draft import prompt_text, reads

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
    assert bool(prompt_text("claude", f"{HISTORY}{prompt}\n────\n  main · Opus\n")) is found


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
    assert bool(prompt_text("codex", f"{history}{prompt}\n\n  GPT default\n")) is found


@pytest.mark.parametrize("family", ["claude", "codex", "gemini"])
def test_without_a_prompt_nothing_is_known(family: str) -> None:
    """Something else is open there, and what is typed would go to it."""
    assert reads(family)
    assert prompt_text(family, "starting") is None


def test_of_other_programs_nothing_is_known() -> None:
    assert not reads("plain")
    assert prompt_text("plain", "❯ words") is None
