"""How a comparison is shown."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from orchestra.views.compare import comparison

RUN = {"name": "lint", "passed": True}


def row(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- as JSON
    """Return one session as the action returns it."""
    usual = {
        "name": name, "agent": "claude", "model": None, "state": "done", "branch": name, "target": "main",
        "queue": None, "commits": 1, "diff": {"files": 1, "insertions": 2, "deletions": 1}, "uncommitted": False,
        "conflicts": [], "checks": [RUN], "unchecked": None, "seconds_working": 61.0, "cost": 1.5,
        "tokens_in": None, "tokens_out": None, "notes": [],
        "proof": {"items": 4, "proved": 2, "claimed": 1, "open": 1},
    }  # fmt: skip
    return usual | more


def shown(width: int = 100, selected: str = "", **more: Any) -> str:  # noqa: ANN401 -- as JSON
    """Return what is shown of two sessions."""
    two = row("two", checks=[{"name": "lint", "passed": False}], uncommitted=True, conflicts=["a\x1b[31mb"])
    found = {
        "sessions": [row("one"), two],
        "files": [{"path": "x.py", "names": ["one", "two"]}, {"path": "y.py", "names": ["two"]}],
        "alike": [{"names": ["one", "two"], "share": 0.254}],
        "bases": 1,
    }
    console = Console(width=width, color_system=None, record=True)
    with console.capture() as captured:
        console.print(comparison(found | more, selected))
    return captured.get()


def test_each_session_has_a_column_and_what_they_share_is_below() -> None:
    text = shown()
    assert text.index("one") < text.index("two")
    for words in (
        "✓ lint", "✗ lint", "2 of 4 items, 1 claimed", "1m", "$1.50",
        "clean, into main", "+2 −1 in 1 file", "1 commit · some not committed",
        "1 file changed by all: x.py", "1 file by one alone", "one and two: 25% of the changed lines alike",
    ):  # fmt: skip
        assert words in text


def test_no_name_of_a_file_writes_to_the_terminal() -> None:
    assert "\x1b" not in shown()
    assert "a\\x1b[31mb" in shown().replace("\n", "")


def test_of_three_it_says_who_changed_what() -> None:
    files = [{"path": "x.py", "names": ["one", "two"]}]
    text = shown(sessions=[row("one"), row("two"), row("three")], files=files)
    assert "0 files changed by all" in text
    assert "1 file by some: x.py (one, two)" in text


def test_each_check_has_a_line() -> None:
    checks = [{"name": "unit tests", "passed": True}, {"name": "types", "passed": False}]
    lines = [line.split("✓")[-1].strip() for line in shown(sessions=[row("one", checks=checks)]).splitlines()]
    assert lines[lines.index("unit tests") + 1] == "✗ types"


def test_it_fits_a_narrow_terminal() -> None:
    assert max(len(line) for line in shown(width=44).splitlines()) <= 44
