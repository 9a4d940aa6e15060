"""A terminal without Unicode and colours is sent nothing that it cannot show, and everything can be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.person import Person, staying

OLD = {"ORCHESTRA_SANDBOX": "host", "LC_ALL": "C", "TERM": "screen", "NO_COLOR": "1"}


@pytest.fixture
def abe(tmp_path: Path) -> Iterator[Person]:
    with staying(Person(tmp_path / "abe", OLD, width=100, height=30)) as someone:
        yield someone


def test_list_needs_diff_and_review_are_read_in_ascii(abe: Person) -> None:
    abe.sit_down("up")
    sent = abe.place / "sent"
    abe.tmux("pipe-pane", f"cat >> '{sent}'")
    abe.sees("1 session", "stands by")
    story = ("write a.py <<END", "x = 'größe'", "END", "commit Add a", "report complete It is done")
    abe.delegates("Add a", *story)
    # What has waited longest comes first.
    abe.sees("+ add-a")
    abe.delegates("Ask you", "send user QUESTION: Which?", "wait message from user")
    abe.sees("+ add-a", "! ask-you", "asks: Which?", "o main", "Enter go")
    abe.press("w")
    abe.sees(">+ add-a done: It is done", "! ask-you asks: Which?", "d see the diff")
    abe.press("d")
    abe.sees("1 file  +1 -0", "v a.py new", "|+ x = 'gr??e'")
    abe.press("Enter")
    abe.sees("whole branch", "? keys  q leave", "|v a.py new", "A a.py")
    abe.press("q")
    abe.sees("Monitor", "? help")
    assert sent.read_bytes().isascii()
