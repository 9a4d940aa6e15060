"""The main job, by keys and eyes, in containers: watch, answer, talk in specs, review, merge, delete."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.person import Person, arriving, eventually

pytestmark = pytest.mark.docker

EDITOR = """\
#!/bin/sh
echo 'Also Rankine.' >> "$1"
echo "this is the editor"
while [ ! -e "{gate}" ]; do sleep 0.05; done
"""
TASK = """\
Add Kelvin.

```rehearsal
write tempo/kelvin.py <<END
ZERO = 273.15
END
ask Which name?
write tempo/kelvin.py <<END
ZERO = 273.15
ICE = 0
END
commit Add Kelvin
report complete Kelvin is there
```
"""


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A person with orchestra open; each test works with sessions of its own."""
    place = tmp_path_factory.mktemp("ada")
    editor = place / "editor"
    editor.write_text(EDITOR.format(gate=place / "p" / "gate"))
    editor.chmod(0o755)
    with arriving(place / "p", EDITOR=str(editor)) as someone:
        someone.home.root.mkdir()
        someone.home.config.write_text("check: python3 -m unittest -q\n")
        someone.sit_down("up")
        someone.sees("1 session", "main", "○", "stands by")
        yield someone


@pytest.fixture
def person(ada: Person) -> Person:
    """The same person, looking at the control pane."""
    ada.goes_to_control()
    ada.press("Escape", "d")
    return ada


def test_an_executor_made_by_key_is_watched_and_answered(person: Person) -> None:
    """Its diff grows while it works, its question waits, and the person's answer makes it go on to its end."""
    person.press("N")
    person.sees("new session")
    person.types("Add Kelvin")
    person.press("Enter")
    person.sees("its task")
    person.pastes(TASK)
    person.press("C-s")
    person.sees("◆ add-kelvin", "asks main: Which name?", "▎+ ZERO = 273.15")
    person.waits_for("add-kelvin", "waiting")
    person.orchestra("send", "add-kelvin", "Call it", "kelvin")
    person.sees("✓ add-kelvin", "Kelvin is there", "▎+ ICE = 0")
    person.press("m")
    person.sees("so far", "commits", "messages")
    person.sees_no_more("▎+")
    person.press("d")
    person.sees("▎+ ICE = 0")


def test_keys_lead_to_windows_and_help_and_back(person: Person) -> None:
    """Enter shows the agent's window, prefix O c the control pane again; j, k and arrows move; ? helps."""
    person.delegates("Look around", "say here I am", "report complete looked")
    person.waits_for("look-around", "done")
    person.selects("look-around")
    person.press("Up")
    eventually(lambda: person.selected() != "look-around")
    person.press("Down")
    eventually(lambda: person.selected() == "look-around")
    person.press("?")
    person.sees("previous session")
    person.press("x")
    person.sees_no_more("previous session")
    person.press("Enter")
    person.sees("(executor) in", "here I am")
    person.goes_to_control()
    person.sees("Monitor", "(designer) in")


def test_a_saved_spec_reaches_the_session_as_a_diff(person: Person) -> None:
    """Each save counts while the editor is still open, the editor's own and one from elsewhere."""
    person.delegates("Read specs", "ask Ready?")
    person.waits_for("read-specs", "waiting")
    person.selects("read-specs")
    person.press("s")
    person.sees("spec of read-specs", "this is the editor")
    person.told("read-specs", "+Also Rankine.")
    spec = person.repository / ".orchestra" / "specs" / "read-specs.md"
    spec.write_text(spec.read_text().replace("Also Rankine.", "Without Rankine."))
    told = person.told("read-specs", "-Also Rankine.", "+Without Rankine.")
    assert (told["kind"], told["sender"]) == ("spec", "user")
    (person.place / "gate").touch()
    person.sees_no_more("this is the editor")
    assert person.git("status", "--porcelain") == ""


def test_a_terminal_in_the_worktree_has_a_whole_git(person: Person) -> None:
    """It shows a clean tree, and what is committed there comes to the host."""
    person.delegates("Type myself", "report complete nothing to do")
    person.waits_for("type-myself", "done")
    person.selects("type-myself")
    person.press("t")
    person.sees("type-myself $")
    person.types("clear; git status")
    person.press("Enter")
    person.sees("On branch orchestra/type-myself", "working tree clean")
    person.types("echo hi > note; git add note; git commit -qm 'A note'; echo made")
    person.press("Enter")
    person.sees("\nmade")
    log = ("log", "-1", "--format=%s %an", "orchestra/type-myself")
    eventually(lambda: person.git(*log) == "A note Test Person", what="the commit is on the host")
    assert person.git("status", "--porcelain", cwd=person.home.root / "worktrees" / "tempo" / "type-myself") == ""
    person.press("C-d")
    person.sees_no_more("type-myself $")


def test_a_deleted_session_comes_back_with_its_work(person: Person) -> None:
    """D asks, deletes, says how to get it back; the uncommitted file is there again after restore."""
    worktree = person.delegates("Throw away", "write draft.txt <<END", "half a thought", "END", "report complete x")
    person.waits_for("throw-away", "done")
    person.selects("throw-away")
    person.press("D")
    person.sees("Delete throw-away?")
    person.press("n")
    person.sees("nothing was done")
    person.press("D")
    person.says_yes("Delete throw-away?")
    person.sees("throw-away is deleted", "orchestra restore throw-away")
    assert person.session("throw-away") == {}
    assert not [name for name in person.engine("container") if name.endswith("throw-away")]
    person.orchestra("restore", "throw-away")
    person.sees("✓ throw-away")
    assert (worktree / "draft.txt").read_text() == "half a thought\n"
    eventually(lambda: person.session("throw-away")["diff"]["insertions"] == 1, what="its changes are counted")


def test_a_merge_lands_after_the_check_and_a_conflict_goes_back(person: Person) -> None:
    """M merges what passes the configured check; what does not merge leaves the branch, and its executor is told."""
    for name, text in (("Say freezing", "Freezing."), ("Say boiling", "Boiling.")):
        person.delegates(name, "write words.py <<END", f'WORD = "{text}"', "END", f"commit {text}", "report complete x")
    for name in ("say-freezing", "say-boiling"):
        person.waits_for(name, "done")
    person.selects("say-freezing")
    person.press("M")
    person.says_yes("Merge say-freezing into main?", "1 commit, 1 file, +1 −0.")
    person.sees("say-freezing is merged into main")
    landed = person.git("rev-parse", "main")
    assert (person.repository / "words.py").read_text() == 'WORD = "Freezing."\n'
    person.selects("say-boiling")
    person.press("M")
    person.says_yes("Merge say-boiling into main?")
    person.sees("say-boiling has been told")
    person.told("say-boiling", "cannot be merged into main", "- words.py")
    assert person.git("rev-parse", "main") == landed
    assert person.git("status", "--porcelain") == ""


def test_a_red_check_leaves_everything_as_it_was(person: Person) -> None:
    """The check runs on the merged tree; its output goes to the executor."""
    story = (
        "write tests/test_red.py <<END",
        "raise AssertionError('red as can be')",
        "END",
        "commit x",
        "report complete x",
    )
    person.delegates("Break tests", *story)
    person.waits_for("break-tests", "done")
    before = person.git("rev-parse", "main")
    person.selects("break-tests")
    person.press("M")
    person.says_yes("Merge break-tests into main?")
    person.sees("the check failed on the merged files")
    person.told("break-tests", "red as can be")
    assert person.git("rev-parse", "main") == before


def test_pairing_opens_the_source_project_and_closes_it_again(person: Person) -> None:
    """P lets an executor's container see the source project, p again takes it away."""
    person.delegates("Work together", "ask Ready?")
    person.waits_for("work-together", "waiting")
    container = person.json("show", "work-together")["container"]
    looks = ("docker", "exec", container, "test", "-e", str(person.repository / "tempo" / "convert.py"))
    assert person.run(*looks).returncode == 1
    person.selects("work-together")
    person.press("p")
    person.says_yes("Pair with work-together?")
    person.sees("work-together is paired")
    assert person.run(*looks).returncode == 0
    person.press("p")
    person.sees("work-together is no longer paired")
    assert person.run(*looks).returncode == 1
    person.sees("◆ work-together")


def test_the_same_keys_work_in_an_executors_window(person: Person) -> None:
    """Behind prefix O the letters act on the session whose window it is, in popups."""
    person.delegates("Pop up", "write pop.txt <<END", "popped", "END", "commit Pop", "report complete it popped")
    person.waits_for("pop-up", "done")
    person.orchestra("switch", "pop-up")
    person.sees("(executor) in")
    person.chord("d")
    person.sees(" diff ", "+ popped")
    person.press("q")
    person.sees_no_more(" diff ")
    person.chord("m")
    person.sees(" monitor ", "it popped")
    person.press("q")
    person.sees_no_more(" monitor ")
    person.chord("?")
    person.sees(" help ", "delete the session")
    person.press("q")
    person.sees_no_more(" help ")
    person.chord("N")
    person.sees("What is it about")
    person.types("From a popup")
    person.press("Enter")
    person.sees("The task")
    person.press("Enter")
    eventually(lambda: person.session("from-a-popup"), what="the session is there")
    person.sees_no_more("What is it about")
    person.orchestra("switch", "pop-up")
    person.chord("D")
    person.sees("Delete pop-up?")
    person.types("n")
    person.press("Enter")
    person.sees_no_more("Delete pop-up?")
    person.chord("t")
    person.sees("pop-up $", "worktrees/tempo/pop-up")
    person.press("C-d")
    person.sees_no_more("pop-up $")
    person.orchestra("switch", "pop-up")
    person.chord("M")
    person.sees("1 commit, 1 file, +1 −0.", "Merge pop-up into main?")
    person.types("y")
    person.press("Enter")
    eventually((person.repository / "pop.txt").exists, what="it is merged")
    person.sees_no_more("Merge pop-up")
    person.chord("p")
    person.sees("pop-up is paired")
    person.chord("p")
    person.sees("pop-up is no longer paired")
