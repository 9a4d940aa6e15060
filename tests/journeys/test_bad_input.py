"""Everything that can be wrong at the command line: one clear line, what to type next, and nothing half made."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.person import Person, arriving, eventually
from tests.support.refusals import INTERRUPTED, REFUSED, USAGE, made, settle_in, told
from tests.support.running import running

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A person with a designer and one executor, both quiet, shared by the tests that only get refused."""
    with arriving(tmp_path_factory.mktemp("desk") / "person", ORCHESTRA_AGENT="quiet") as person:
        settle_in(person).orchestra("up", "--detach")
        person.orchestra("new", "Fix login")
        yield person


NOBODY = "no session is called 'fix-logn'"
CLOSE = "did you mean fix-login?"
REFUSALS: tuple[tuple[str, int, str, str], ...] = (
    *((f"{command} fix-logn", REFUSED, NOBODY, CLOSE) for command in
      ("show", "log", "monitor", "monitor --json", "diff", "spec", "spec --path", "switch", "terminal --host", "stop",
       "resume", "delete", "delete --force", "merge", "pair", "inbox", "wait --for done --timeout 1")),
    ("send fix-logn hello", REFUSED, NOBODY, CLOSE),
    ("show somebody", REFUSED, "no session is called 'somebody'", "there are: main, fix-login"),
    ("restore fix-login", REFUSED, "there already is a session 'fix-login'", "orchestra show fix-login"),
    ("unpair", REFUSED, "no session is paired", "orchestra pair"),
    ("new 'Fix login'", REFUSED, "there already is a session 'fix-login'", "choose another title"),
    ("new main", REFUSED, "'main' is reserved", "choose another title"),
    ("new user", REFUSED, "'user' is reserved", "choose another title"),
    ("new", USAGE, "a session needs a title", "for example: orchestra new"),
    ("new '  '", USAGE, "a session needs a title", "for example: orchestra new"),
    ("new x --agent quite", USAGE, "no profile called 'quite'", "did you mean quiet"),
    ("new x --agent ../../etc/passwd", USAGE, "no profile called", "there are: "),
    ("new x --sandbox moon", USAGE, "there is no sandbox 'moon'", "auto, docker or host"),
    ("new x --base nowhere", REFUSED, "there is no commit called nowhere", "git branch --all"),
    ("new x --base=--all", REFUSED, "there is no commit called --all", "git branch --all"),
    ("new x --task a --task-file b", USAGE, "were both given", "one of them"),
    ("new x --task-file none.md", USAGE, "the task file none.md cannot be read: no such file", "name a text file"),
    ("new x --task-file .git/index", USAGE, "it is not UTF-8 text", "name a text file"),
    ("up --detach --sandbox moon", USAGE, "there is no sandbox 'moon'", "auto, docker or host"),
    ("up --detach --layout sideways", USAGE, "there is no layout 'sideways'", "left"),
    ("up --detach --agent quite", USAGE, "no profile called 'quite'", "did you mean quiet"),
    ("merge fix-login", REFUSED, "fix-login has no commits to merge", "orchestra show fix-login"),
    ("merge fix-login --strategy zip", USAGE, "there is no merge strategy 'zip'", "merge, squash, rebase"),
    ("merge main", REFUSED, "the designer already works on your branch", "name an executor"),
    *((line, REFUSED, "the designer already works on your branch", "name an executor") for line in
      ("try main", "prove main", "fork main", "hand main --to quiet", "compare fix-login main")),
    ("compare", REFUSED, "there is no group to compare", "orchestra new TITLE --copies 3"),
    ("take fix-login", REFUSED, "fix-login is in no group with others", "orchestra merge fix-login"),
    ("try", USAGE, "which session?", "orchestra try NAME"),
    ("try --off", REFUSED, "no session is being tried", "orchestra try NAME"),
    ("prove fix-login", REFUSED, "the spec of fix-login has no items", "orchestra spec fix-login"),
    ("undo", REFUSED, "nothing has landed yet", "orchestra queue"),
    ("queue --withdraw fix-login", REFUSED, "fix-login is not in a queue", "orchestra merge fix-login"),
    ("comment fix-login --settle 9", REFUSED, "there is no comment 9", "orchestra comment fix-login --list"),
    ("comment fix-login none.py:1 hello", REFUSED, "fix-login has no file 'none.py'", "orchestra diff fix-login"),
    ("pair main", REFUSED, "the designer already works in your checkout", "pair an executor"),
    ("delete main", REFUSED, "the designer cannot be deleted", "orchestra down --stop"),
    ("delete main --force", REFUSED, "the designer cannot be deleted", "orchestra down --stop"),
    ("wait fix-login --for flying", USAGE, "there is no state 'flying'", "starting, working"),
    ("wait fix-login --for done --timeout 0.2", REFUSED, "after 0.2 s", "orchestra show fix-login"),
    ("send fix-login ''", USAGE, "the message is empty", "say something"),
    ("switch", USAGE, "which session?", "orchestra list"),
    ("image build quite", USAGE, "no profile called 'quite'", "did you mean quiet"),
    ("--project /nowhere list", REFUSED, "/nowhere is not a directory", "inside a git repository"),
    ("--project / list", REFUSED, "/ is not inside a git repository", "git init"),
)  # fmt: skip


@pytest.mark.parametrize(("line", "code", "said", "hint"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_a_refusal_is_one_line_and_a_hint_and_makes_nothing(
    desk: Person, line: str, code: int, said: str, hint: str
) -> None:
    before = made(desk)
    message, then = told(desk.orchestra(*shlex.split(line), check=False), code)
    assert (said in message, hint in then) == (True, True), (message, then)
    assert made(desk) == before


USAGES = ("lst", "list --jsn", "send", "show", "new x --copies 0", "new x --copies many", "log fix-login --limit 0",
          "wait fix-login --for done --timeout soon", "wait fix-login --for done --timeout -1", "config nothing",
          "image nothing", "wait fix-login", "merge fix-login --into")  # fmt: skip


@pytest.mark.parametrize("line", USAGES)
def test_a_mistyped_command_is_told_calmly(desk: Person, line: str) -> None:
    done = desk.orchestra(*line.split(), check=False)
    told(done, USAGE)
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 2)


def test_a_hint_can_be_typed(desk: Person) -> None:
    for line in ("new 'Fix login'", "merge fix-login", "wait fix-login --for done --timeout 0.1"):
        _, hint = told(desk.orchestra(*shlex.split(line), check=False), REFUSED)
        found = re.search(r"orchestra (\w.*)$", hint)
        assert found, hint
        desk.orchestra(*found[1].split())


TITLES = (
    "🎉 🎉",
    "日本語のタイトル",
    "word " * 4000,
    "two\nlines\x1b[31m red\x07\x9b32m",
    "'\"$(touch here)`id`;#{x}%",
    "--worse",
)


@pytest.mark.parametrize("title", TITLES, ids=["emoji", "cjk", "long", "control", "shell", "option"])
def test_any_title_makes_a_session_that_every_tool_accepts(desk: Person, title: str) -> None:
    row = desk.orchestra("new", "--json", "--", title).stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", row)
    name = next(row["name"] for row in desk.json("list") if row["name"] not in {"main", "fix-login"})
    assert re.fullmatch(r"[a-z0-9-]{1,40}", name)
    for command in ("show", "log", "diff", "monitor"):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", desk.orchestra(command, name).stdout), command
    desk.orchestra("delete", name, "--force", "--worktree")
    assert not (desk.repository / "here").exists()


def test_an_option_s_bad_value_is_forgotten_with_its_refusal(desk: Person) -> None:
    told(desk.orchestra("up", "--detach", "--sandbox", "moon", check=False), USAGE)
    desk.orchestra("up", "--detach")
    desk.orchestra("new", "After the moon")
    desk.orchestra("delete", "after-the-moon", "--force", "--worktree")


def test_uncommitted_changes_stay_and_the_person_is_told(desk: Person) -> None:
    readme = desk.repository / "README.md"
    kept = readme.read_text()
    readme.write_text("not committed\n")
    try:
        done = desk.orchestra("new", "From head")
        assert "from-head starts from commit" in done.stderr
        assert "1 uncommitted change" in done.stderr
        tree = Path(desk.session("from-head")["worktree"])
        assert (tree / "README.md").read_text() == kept
        assert readme.read_text() == "not committed\n"
        desk.orchestra("delete", "from-head", "--force", "--worktree")
    finally:
        readme.write_text(kept)


def test_what_was_deleted_with_its_worktree_comes_back(desk: Person) -> None:
    tree = Path(desk.json("new", "Come back")["worktree"])
    (tree / "draft.txt").write_text("work\n")
    gone = desk.orchestra("delete", "come-back", "--force", "--worktree").stdout
    assert ("its merged branch removed" in gone, tree.exists()) == (True, False)
    desk.orchestra("restore", "come-back")
    assert (tree / "draft.txt").read_text() == "work\n"
    desk.orchestra("delete", "come-back", "--force", "--worktree")


def test_a_merge_leaves_a_dirty_file_in_the_checkout_alone(desk: Person) -> None:
    """It is refused while it would overwrite the file, and works once the file is clean."""
    tree = Path(desk.json("new", "Edit readme")["worktree"])
    box = next(name for name in desk.engine("container") if name.endswith("edit-readme"))
    script = "echo theirs >README.md && git commit -qam theirs"
    assert desk.run("docker", "exec", "-w", str(tree), box, "sh", "-c", script).returncode == 0
    readme = desk.repository / "README.md"
    readme.write_text("mine\n")
    head = desk.git("rev-parse", "HEAD")
    message, _ = told(desk.orchestra("merge", "edit-readme", check=False), REFUSED)
    assert "README.md" in message
    assert (readme.read_text(), desk.git("rev-parse", "HEAD")) == ("mine\n", head)
    desk.git("checkout", "--", "README.md")
    desk.orchestra("merge", "edit-readme")
    assert readme.read_text() == "theirs\n"
    desk.orchestra("delete", "edit-readme", "--force", "--worktree")


def test_up_inside_a_session_s_worktree_means_its_project(desk: Person) -> None:
    tree = Path(desk.session("fix-login")["worktree"])
    before = sorted(path.name for path in (desk.home.root / "projects").iterdir())
    done = desk.run(*desk.command("up", "--detach"), cwd=tree)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (desk.home.root / "projects").iterdir()) == before


def test_a_reader_that_leaves_is_no_error(desk: Person) -> None:
    for words in (("list",), ("list", "--json"), ("monitor",), ("log", "fix-login"), ("--help",), ("diff", "main")):
        line = f"set -o pipefail; {shlex.join(desk.command(*words))} | true"
        done = desk.run("bash", "-c", line)
        assert (done.returncode, done.stderr) == (0, ""), (words, done)


def test_a_closed_output_is_no_bug(desk: Person) -> None:
    for redirection in (">&-", "2>&-", ">&- 2>&-", ">/dev/full"):
        for words in (("list",), ("list", "--json"), ("show", "fix-logn")):
            done = desk.run("bash", "-c", f"{shlex.join(desk.command(*words))} {redirection}")
            assert done.returncode in {0, REFUSED}, (redirection, words, done)
            assert "Traceback" not in done.stdout + done.stderr


def open_files(pid: int) -> list[str]:
    """Return what a process has open; of what it closes meanwhile there is nothing."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return found


def test_an_interrupted_command_says_so_with_its_code_alone(desk: Person) -> None:
    words = desk.command("wait", "fix-login", "--for", "done")
    with running(
        words, cwd=desk.repository, env=desk.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        database = str(desk.home.root / "projects" / "tempo" / "state.db")
        eventually(lambda: database in open_files(command.pid), what="it has begun")
        command.send_signal(signal.SIGINT)
        _, complaint = command.communicate(timeout=60)
    assert (command.returncode, complaint.strip()) == (INTERRUPTED, b"")
