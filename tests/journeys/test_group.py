"""Several agents on one task, a hand-over and a fork, in containers: two profiles, real windows, real keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.person import Person, arriving, eventually

pytestmark = pytest.mark.docker

SECOND = "description: a second one\nfamily: rehearsal\nhooks: true\ndelivery: pull\nresumes: true\n"
BOTH = """\
Say who you are.

```rehearsal
run echo "by $ORCHESTRA_AGENT" >who.txt
commit Say who I am
run echo draft >notes.txt
report complete It is said
```
"""
STORY = """\
Count.

```rehearsal
run echo "$ORCHESTRA_AGENT" >>counted.txt
report progress counted
wait message from user
report complete I was told
```
"""


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A person with two kinds of agent, with orchestra open."""
    with arriving(tmp_path_factory.mktemp("ada") / "p") as someone:
        (someone.home.root / "agents").mkdir(parents=True)
        (someone.home.root / "agents" / "second.yaml").write_text(SECOND)
        someone.home.config.write_text("check: 'grep -q by who.txt'\n")
        someone.sit_down("up")
        someone.sees("1 session", "main", "○", "stands by")
        yield someone


@pytest.fixture
def person(ada: Person) -> Person:
    """The same person, looking at the control pane."""
    ada.goes_to_control()
    ada.press("Escape", "d")
    return ada


def counted(person: Person, name: str) -> list[str]:
    """Return which agents have counted in a session's worktree."""
    file = person.home.root / "worktrees" / "tempo" / name / "counted.txt"
    return file.read_text().split() if file.is_file() else []


def test_two_agents_do_one_task_and_one_of_them_is_taken_by_keys(person: Person) -> None:
    person.orchestra("new", "Fix it", "--task", BOTH, "--agents", "rehearsal,second")
    for name in ("fix-it-rehearsal", "fix-it-second"):
        person.waits_for(name, "done")
    shown = person.orchestra("compare").stdout
    assert "✓ check" in shown
    assert "1 file changed by all: who.txt" not in shown, "the drafts are of both too"
    assert "2 files changed by all: notes.txt, who.txt" in shown
    differ = person.orchestra("compare", "fix-it-rehearsal", "fix-it-second", "--diff").stdout
    assert "-by rehearsal\n+by second\n" in differ
    # What is not committed cannot be taken along.
    for name in ("fix-it-rehearsal", "fix-it-second"):
        (person.home.root / "worktrees" / "tempo" / name / "notes.txt").unlink()
    person.selects("fix-it-second")
    person.press("C")
    person.sees("fix-it-rehearsal", "at work", "✓ check", "run checks")
    person.press("T")
    person.says_yes("Take fix-it-second", "Once it has landed, fix-it-rehearsal", "nothing is deleted")
    eventually(lambda: person.reads("who.txt") == "by second\n", what="it has landed")
    eventually(
        lambda: [row["name"] for row in person.json("list")] == ["main", "fix-it-second"], what="the other is gone"
    )
    person.orchestra("restore", "fix-it-rehearsal")
    assert person.git("show", "orchestra/fix-it-rehearsal:who.txt") == "by rehearsal"


def test_a_session_is_handed_to_another_agent_and_back_and_forked(person: Person) -> None:
    person.orchestra("new", "Count", "--task", STORY)
    eventually(lambda: counted(person, "count") == ["rehearsal"], what="the first agent counts")
    person.waits_for("count", "idle")
    person.orchestra("hand", "count", "--to", "second")
    eventually(lambda: counted(person, "count") == ["rehearsal", "second"], what="the second one goes on there")
    assert person.session("count")["agent"] == "second"
    person.orchestra("fork", "count", "twin", "--agent", "rehearsal")
    eventually(
        lambda: counted(person, "twin") == ["rehearsal", "second", "rehearsal"], what="the fork goes on beside it"
    )
    assert counted(person, "count") == ["rehearsal", "second"]
    person.waits_for("count", "idle")
    person.orchestra("hand", "count", "--to", "rehearsal")
    person.waits_for("count", "idle")
    person.orchestra("send", "count", "go on")
    person.waits_for("count", "done")
    assert counted(person, "count") == ["rehearsal", "second"], "the first one resumed, and did not begin again"
    people = [row["name"] for row in person.json("compare", "count", "--no-checks")["sessions"]]
    assert people == ["count", "twin"]
