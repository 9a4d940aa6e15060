"""From a task to a proved landing and back: three real programs do it, one is reviewed, conflicts, and is taken."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestra.control.typing import RAPID
from tests.contract.stage import EVERY_AGENT
from tests.support import best_of_three as play
from tests.support.models import journeys
from tests.support.models.server import ModelServer
from tests.support.person import PACE, Person, arriving, eventually

pytestmark = pytest.mark.docker

SLOW = 90
"""Seconds that a turn of a real agent program may take on a busy machine, beside two others."""
SETTINGS = """\
checks:
  - {name: tests, command: python3 -m unittest -q}
  - {name: syntax, command: python3 -m compileall -q tempo}
"""
LINES, FILE, WHOLE = "Name the temperature.", "Why only this direction?", "Please add a test."
LATER = "And Kelvin?"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The images of the three profiles, built on first use, and kept."""
    with arriving(tmp_path_factory.mktemp("image") / "person") as builder:
        for profile in play.DRIVERS:
            builder.orchestra("image", "build", profile, deadline=900)


@pytest.fixture(params=play.DRIVERS)
def winner(request: pytest.FixtureRequest) -> str:
    """The program whose work is taken."""
    if request.param != "claude" and not EVERY_AGENT:
        pytest.skip(f"{request.param} wins in `make test-agents` alone: all three play in each")
    return str(request.param)


@pytest.fixture
def model(tmp_path: Path, images: None, winner: str) -> Iterator[ModelServer]:
    """One server for the models of all three."""
    assert images is None
    home = Person(tmp_path / "person").home
    with journeys.near_containers(home, play.plays(winner)) as served:
        yield served


@pytest.fixture
def person(tmp_path: Path, model: ModelServer) -> Iterator[Person]:
    """A person with a login for each of them, with orchestra open."""
    settings: dict[str, str] = {}
    for driver in play.DRIVERS.values():
        settings |= driver.settings(model)
    with arriving(tmp_path / "person", **settings) as someone:
        someone.home.root.mkdir(exist_ok=True)
        someone.home.config.write_text(SETTINGS)
        someone.sit_down("up")
        someone.sees("1 session", "main", "○", "stands by")
        yield someone


def test_the_best_of_three_is_reviewed_mended_proved_landed_and_taken_back(
    person: Person, model: ModelServer, winner: str
) -> None:
    name = play.NAMES[winner]
    others = [one for one in play.NAMES.values() if one != name]
    work_side_by_side(person, model)
    compares(person)
    has_it_mended(person, model, name)
    has_it_explained(person, model, name)
    before = changes_the_same_lines(person)
    takes(person, model, name)
    landed = has_landed(person, name)
    is_proved_on_the_screen(person)
    nothing_is_lost(person, others)
    takes_it_back(person, name, before, landed)


def work_side_by_side(person: Person, model: ModelServer) -> None:
    """Give one task to all three, each of which has begun before any of them goes on."""
    task = person.place / "task.md"
    task.write_text(play.TASK)
    person.orchestra("new", play.TITLE, "--task-file", str(task), "--agents", ",".join(play.DRIVERS))
    for one in play.NAMES.values():
        eventually(lambda one=one: asked_by(model, one), within=SLOW, what=f"{one} has begun")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    person.sees("3 working", *(f"● {one}" for one in play.NAMES.values()))
    model.release(play.ALL_BEGAN)
    person.sees(*(f"✓ {one}" for one in play.NAMES.values()), within=SLOW)
    person.sees("1 of 2 items open", "2 of 2 items open")


def compares(person: Person) -> None:
    """Compare them in the whole window, first as they are, then with checks and proofs."""
    person.selects(play.NAMES["claude"])
    person.press("C")
    # The last of these has no room before the comparison has the whole window.
    shown = person.sees("1 file changed by all: tempo/convert.py", "Esc close")
    assert row_of(shown, "checks") == ["– not all have run"] * 3
    assert row_of(shown, "proved") == ["0 of 2 items, 1 claimed", "0 of 2 items, 2 claimed", "0 of 2 items"]
    assert row_of(shown, "size") == ["+2 −0 in 1 file"] * 3
    assert row_of(shown, "merge") == ["clean, into main"] * 3
    assert ["tokens" in cell for cell in row_of(shown, "cost")] == [True] * 3
    assert "cold-claude and cold-codex: 100% of the changed lines alike" in shown
    commands(person, "C", "run checks")
    shown = person.sees("✓ tests", "✓ syntax", "Esc close", within=SLOW)
    assert row_of(shown, "checks") == ["✓ tests"] * 3
    # What Codex named for the second does not run: nobody wrote that test.
    assert row_of(shown, "proved") == ["1 of 2 items", "1 of 2 items", "0 of 2 items"]
    commands(person, "q", "Esc close")
    person.sees("Monitor ─")


def has_it_mended(person: Person, model: ModelServer, name: str) -> None:
    """Comment on two lines, on their file and on everything; the answer is a commit, and a reply."""
    person.selects(name)
    reviews(person, "7 ▎+         raise ValueError")
    # The hunk begins three lines above what was added.
    selects(person, ("c", "j", "j", "j", "J"), "tempo/convert.py, lines 6-7")
    writes(person, "c", "tempo/convert.py, lines 6-7", LINES, 1)
    person.press("c")
    writes(person, "f", "tempo/convert.py, the whole file", FILE, 2)
    writes(person, "C", "the whole change", WHOLE, 3)
    sends(person, "round 1 is sent, with 3 of your comments")
    person.sees(f"✓ {name}", "✎ answered", within=SLOW)
    assert_read(model, name, 1, (LINES, FILE, WHOLE))
    # Its lines are further down now, and one of them is another one.
    wanted = [(1, "answered"), (2, "answered"), (3, "answered")]
    eventually(lambda: [(one["number"], one["state"]) for one in comments(person, name)] == wanted, what=f"{wanted}")
    known = comments(person, name)
    assert [known[0]["first"], known[0]["now"]["first"]] == [6, 9]
    assert known[1]["reply"] == play.WHY_NOT


def has_it_explained(person: Person, model: ModelServer, name: str) -> None:
    """See the comments where their lines are, ask once more, and be done with all of them."""
    shown = reviews(person, "10 ▎+         raise ValueError(f", LINES, play.WHY_NOT)
    lines = [next(row for row, line in enumerate(shown) if text in line) for text in ("if degrees <", LINES, "raise")]
    assert lines == sorted(lines), "the comment is below what is left of its lines"
    writes(person, "C", "the whole change", LATER, 1)
    sends(person, "round 2 is sent, with 1 of your comments")
    eventually(lambda: [one["state"] for one in comments(person, name)][3:] == ["answered"], within=SLOW)
    assert_read(model, name, 2, (LATER,))
    reviews(person, "10 ▎+         raise ValueError(f")
    person.press("m")
    person.sees(f"↳ {play.NOT_NOW}")
    person.press("x", "j", "x", "j", "x", "j", "x")
    person.sees(*(f"✓ {number} · settled" for number in range(1, 5)))
    person.press("m", "q")
    person.sees("Monitor ─")
    person.waits_for(name, "done")


def changes_the_same_lines(person: Person) -> str:
    """Commit to main what conflicts with all three, which the list foresees; return the commit."""
    convert = person.repository / play.FILE
    convert.write_text(convert.read_text().replace(play.PLAIN, play.TARGETS))
    person.git("commit", "-qam", "Shorten it")
    person.sees("will conflict with main")
    return person.git("rev-parse", "main")


def takes(person: Person, model: ModelServer, name: str) -> None:
    """Take it from the comparison; it comes back with the lines that conflict, and its author lets it land."""
    commands(person, "C", "Monitor ─")
    shown = person.sees("run checks", "Esc close")
    assert row_of(shown, "merge") == ["conflicts in tempo/convert.py"] * 3
    commands(person, "T", "run checks")
    person.says_yes(f"Take {name}", "It conflicts")
    told = eventually(lambda: asked_by(model, name, "cannot be merged into main"), within=SLOW, what="it came back")
    for text in ("<<<<<<< host/main", play.TARGETS, play.PLAIN, f">>>>>>> orchestra/{name}", "- tempo/convert.py"):
        assert text in told
    eventually(
        lambda: {row["name"] for row in person.json("list")} == {"main", name}, within=SLOW, what="it is the only one"
    )
    person.sees(f"{name} is merged into main")
    person.sees_no_more("has been told")


def has_landed(person: Person, name: str) -> str:
    """See what landed, and that it was proved on the very files that landed; return the merge."""
    commit, tree, parents, log = person.git("log", "-1", "--format=%H%n%T%n%P%n%B", "main").split("\n", 3)
    assert "Orchestra-Proof: 2 of 2 items proved" in log
    assert f"Orchestra-Session: {name}" in log
    assert len(parents.split()) == 2
    assert person.reads(play.FILE) == play.SOLVED
    assert person.git("status", "--porcelain") == ""
    items = person.json("show", name)["items"]
    assert {item["item"]: (item["state"], item["run"]["tree"]) for item in items} == {
        play.REFUSES: ("proved", tree),
        play.TESTED: ("proved", tree),
    }
    return commit


def is_proved_on_the_screen(person: Person) -> None:
    """Read in the monitor what ``orchestra show`` says too."""
    commands(person, "m", "Monitor ─")
    person.sees("2 proved", f"✓ {play.TESTED}")
    person.press("d")


def nothing_is_lost(person: Person, others: Sequence[str]) -> None:
    """See that the work of those that were not taken is anchored, and can be brought back."""
    anchors = person.git("for-each-ref", "--format=%(refname)", "refs/orchestra/trash/").splitlines()
    assert [ref.split("/")[3] for ref in anchors] == sorted(others)
    for ref in anchors:
        assert "raise ValueError" in person.git("show", f"{ref}:{play.FILE}")
    assert not [box for box in person.engine("container") if box.endswith(tuple(others))]
    person.orchestra("restore", others[-1])
    person.sees(f"✓ {others[-1]}", within=SLOW)


def takes_it_back(person: Person, name: str, before: str, landed: str) -> None:
    """Undo it: the branch and the checkout are as the person had them, and every commit is there still."""
    assert f"main is back at {before[:12]}" in person.orchestra("undo").stdout
    assert person.git("rev-parse", "main") == before
    assert play.TARGETS in person.reads(play.FILE)
    assert "raise" not in person.reads(play.FILE)
    assert not (person.repository / play.TEST).exists()
    assert person.git("status", "--porcelain") == ""
    assert person.git("show", f"orchestra/{name}:{play.FILE}") == play.SOLVED.rstrip("\n")
    assert person.git("cat-file", "-t", landed) == "commit"
    assert not re.search("missing|broken|error", person.git("fsck", "--full", "--no-dangling"))
    assert person.session(name)["state"] == "done"


# What a person does in a review, and reads in what is shown.


def commands(person: Person, key: str, text: str) -> None:
    """Press the key of a command once a text is there, no quicker than one reads: letters in a row are a word."""
    person.sees(text)
    time.sleep(RAPID + PACE)
    person.press(key)


def reviews(person: Person, *texts: str) -> list[str]:
    """Open the review of the selected session, and return its lines once they hold some texts.

    One of them should have its line number: the tab below shows the same line without, until it is painted over.
    """
    commands(person, "v", "Monitor ─")
    return person.sees("whole branch", *texts).splitlines()


def selects(person: Person, keys: Sequence[str], about: str) -> None:
    """Select lines, looking before each key; who begins before the file is there begins at its heading instead."""
    for _ in range(3):
        person.press(*keys, "c")
        right = about in person.sees("Ctrl-s Esc keep")
        person.press("Escape")
        person.sees("nothing was written")
        if right:
            break
    person.press(*keys)


def writes(person: Person, key: str, about: str, text: str, number: int) -> None:
    """Write a comment by a key, the so many-th draft."""
    person.press(key)
    person.sees(about)
    person.types(text)
    person.press("C-s")
    person.sees(f"✎ {number} draft")


def sends(person: Person, told: str) -> None:
    """Send the drafts, and leave the review."""
    person.press("S")
    person.sees(told)
    person.press("q")
    person.sees("Monitor ─")


def comments(person: Person, name: str) -> list[dict[str, Any]]:
    """Return all comments on a session's work."""
    listed: list[dict[str, Any]] = person.json("comment", name)
    return listed


def row_of(shown: str, label: str) -> list[str]:
    """Return the cells of a row of the comparison on the screen."""
    row = next(line for line in shown.splitlines() if line.strip().startswith(f"{label} "))
    return re.split(r"\s{2,}", row.strip().removeprefix(label).strip())


def asked_by(model: ModelServer, name: str, words: str = "") -> str:
    """Return the last request of a session's agent with words in it, whole; empty if there is none."""
    asked = [one.everything for one in model.conversation() if f"**{name}**" in one.system]
    return next((text for text in reversed(asked) if words in text), "")


def assert_read(model: ModelServer, name: str, number: int, texts: Sequence[str]) -> None:
    """See that an agent got a round as one message, once, and the same from its tool ``read_comments``."""
    whole = asked_by(model, name)
    assert whole.count(f"Review, round {number}: {len(texts)} comment") == 1
    assert {text: whole.count(text) for text in texts} == dict.fromkeys(texts, 2)
