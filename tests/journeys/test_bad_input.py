"""Everything that can be wrong at the command line: one clear line, what to type next, and nothing half made."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.journeys.conftest import Arrive
from tests.support.person import OWN, Person, arriving, eventually
from tests.support.running import running

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]

REFUSED, USAGE, INTERRUPTED = 1, 2, 130
QUIET = 'description: waits\nfamily: plain\ncommand: [sh, -c, "echo ready; exec sleep 3600"]\n'
_WATCHERS = "refs/orchestra/sessions/"


def settle_in(person: Person) -> Person:
    """Give a person a profile that does nothing."""
    person.home.agents.mkdir(parents=True)
    (person.home.agents / "quiet.yaml").write_text(QUIET)
    return person


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A person with a designer and one executor, both quiet, shared by the tests that only get refused."""
    with arriving(tmp_path_factory.mktemp("desk") / "person", ORCHESTRA_AGENT="quiet") as person:
        settle_in(person).orchestra("up", "--detach")
        person.orchestra("new", "Fix login")
        yield person


@pytest.fixture
def newcomer(arrive: Arrive) -> Person:
    """A person who has not started anything yet."""
    return settle_in(arrive(ORCHESTRA_AGENT="quiet"))


def told(done: subprocess.CompletedProcess[str], code: int) -> tuple[str, str]:
    """See that a command ended with a code, one line and one hint; return both."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith(("orchestra: ", "  → "))]
    assert [line[:3] for line in lines] == ["orc", "  →"], done.stderr
    assert done.stderr.endswith(f"{lines[0]}\n{lines[1]}\n"), done.stderr
    return lines[0].removeprefix("orchestra: "), lines[1].removeprefix("  → ")


def made(person: Person) -> dict[str, list[str]]:
    """Return everything that a command could have made."""
    refs = person.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    places = [person.home.root / part for part in ("worktrees/tempo", "projects/tempo/sessions")]
    return {
        "refs": [ref for ref in refs if not ref.startswith(_WATCHERS)],
        "worktrees": person.git("worktree", "list").splitlines(),
        "directories": sorted(one.name for place in places if place.is_dir() for one in place.iterdir()),
        "containers": sorted(person.engine("container")),
        "windows": person.tmux("list-windows", "-a", "-F", "#{window_id}", server=OWN).splitlines(),
        "files": person.git("status", "--porcelain").splitlines(),
    }


NOBODY = "no session is called 'fix-logn'"
CLOSE = "did you mean fix-login?"
REFUSALS: tuple[tuple[str, int, str, str], ...] = (
    *((f"{command} fix-logn", REFUSED, NOBODY, CLOSE) for command in
      ("show", "log", "monitor", "monitor --json", "diff", "spec", "spec --path", "switch", "terminal --host", "stop",
       "resume", "delete", "delete --force", "merge", "pair", "inbox", "wait --for done --timeout 1")),
    ("send fix-logn hello", REFUSED, NOBODY, CLOSE),
    ("show somebody", REFUSED, "no session is called 'somebody'", "there are: main, fix-login"),
    ("restore fix-login", REFUSED, "there already is a session called fix-login", "orchestra show fix-login"),
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
    ("merge main", REFUSED, "the designer already works on your branch", "merge an executor"),
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
        _, complaint = command.communicate(timeout=20)
    assert (command.returncode, complaint.strip()) == (INTERRUPTED, b"")


# Before anything is up: the place, the settings, the machine.


def no_trace(person: Person) -> None:
    """See that a refused start left no session, window, container, branch or worktree."""
    left = made(person)
    assert left["refs"] == [f"refs/heads/main {person.git('rev-parse', 'main')}"]
    assert [left[part] for part in ("directories", "containers", "windows", "files")] == [[], [], [], []]
    assert len(left["worktrees"]) == 1
    assert person.json("list") == []


def test_a_question_that_nobody_answers_is_a_no(newcomer: Person) -> None:
    own = newcomer.repository / ".orchestra" / "config.yaml"
    own.parent.mkdir()
    own.write_text("check: make evil\n")
    message, hint = told(newcomer.orchestra("allow", check=False), REFUSED)
    assert message == "nothing was allowed"
    assert "until you allow them" in hint


def test_an_empty_list_says_how_to_begin(newcomer: Person) -> None:
    assert newcomer.orchestra("list").stdout == "there are no sessions yet; to begin, type: orchestra up\n"


def test_where_there_is_no_repository(newcomer: Person) -> None:
    empty = newcomer.place / "empty"
    newcomer.run("git", "init", "-q", str(empty))
    newcomer.run("git", "init", "-q", "--bare", str(newcomer.place / "bare"))
    for where, said, then in (
        (newcomer.place, "is not inside a git repository", "git init"),
        (newcomer.place / "bare", "is a bare repository", "clone it"),
        (empty, "has no commit yet", "git commit --allow-empty"),
    ):
        for words in (("up", "--detach"), ("new", "x"), ("list",)):
            if words == ("list",) and where == empty:
                continue
            message, hint = told(newcomer.run(*newcomer.command(*words), cwd=where), REFUSED)
            assert (said in message, then in hint) == (True, True), (message, hint)
    assert newcomer.tmux("list-sessions", server=OWN) == ""
    typed = told(newcomer.run(*newcomer.command("up", "--detach"), cwd=empty), REFUSED)[1].partition(": ")[2]
    assert newcomer.run("sh", "-c", typed, cwd=empty).returncode == 0
    assert newcomer.run(*newcomer.command("up", "--detach"), cwd=empty).returncode == 0
    newcomer.run(*newcomer.command("down", "--stop"), cwd=empty)


BROKEN = (
    ("sandbx: host", "there is no setting 'sandbx'", "did you mean sandbox?"),
    ("sandbox: [a", "line 1: expected", "one key on each line"),
    ("max_sessions: many", "max_sessions must be a whole number", "correct max_sessions"),
    ("sandbox: moon", "sandbox must be", "correct sandbox"),
    ("- a", "must hold keys and values", "one key on each line"),
    ("\udcff\udcfe", "cannot be read", "UTF-8"),
)


def test_broken_settings_are_named_with_their_file(newcomer: Person) -> None:
    own = newcomer.repository / ".orchestra" / "config.yaml"
    own.parent.mkdir()
    for file in (newcomer.home.config, own):
        for text, said, then in BROKEN:
            file.write_bytes(text.encode("utf-8", "surrogateescape"))
            message, hint = told(newcomer.orchestra("up", "--detach", check=False), USAGE)
            assert (str(file) in message, said in message, then in hint) == (True, True, True), (message, hint)
            # What only shows goes on, with the same words as a warning.
            shown = newcomer.orchestra("config", "show")
            assert (str(file) in shown.stderr, said in shown.stderr) == (True, True), shown.stderr
        file.unlink()
    own.parent.rmdir()
    no_trace(newcomer)


def test_broken_profiles_are_named_with_their_file(newcomer: Person) -> None:
    file = newcomer.home.agents / "mine.yaml"
    for text, said in (("comand: [a]", "no key 'comand'"), ("command: 5", "must be a list"), ("{", "line 1: expected")):
        file.write_text(text)
        for words in (("up", "--detach", "--agent", "mine"), ("new", "x", "--agent", "mine")):
            message, _ = told(newcomer.orchestra(*words, check=False), USAGE)
            assert (str(file) in message, said in message) == (True, True), message
    no_trace(newcomer)


def test_wrong_variables_are_named(newcomer: Person) -> None:
    for name, value, said in (("ORCHESTRA_SANDBOX", "moon", "moon"), ("ORCHESTRA_SANDBX", "host", "not a setting")):
        odd = replace(newcomer, settings={**newcomer.settings, name: value})
        message, _ = told(odd.orchestra("up", "--detach", check=False), USAGE)
        assert (name in message, said in message) == (True, True), message
    no_trace(newcomer)


def dead(person: Person) -> str:
    """Return the address of a socket that nobody answers any more."""
    place = person.place / "run" / "dead.sock"
    with socket.socket(socket.AF_UNIX) as link:
        link.bind(str(place))
    return f"unix://{place}"


def unprivileged(*words: str) -> tuple[str, ...]:
    """Take root's right to ignore permissions away, where root runs the tests."""
    if os.getuid() != 0:
        return words
    return ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", *words)


def test_without_an_engine_it_says_what_else_there_is(newcomer: Person) -> None:
    """The hint for agents without containers works as it stands, and so does the engine once it is back."""
    for address in (dead(newcomer), "tcp://127.0.0.1:1", f"unix://{newcomer.place}/none.sock"):
        without = replace(newcomer, settings={**newcomer.settings, "DOCKER_HOST": address})
        message, hint = told(without.orchestra("up", "--detach", check=False), REFUSED)
        assert "no Docker engine is running" in message
        assert hint.endswith("orchestra up --sandbox host")
        assert newcomer.tmux("list-sessions", server=OWN) == ""
    no_trace(newcomer)
    newcomer.orchestra("up", "--detach")
    assert newcomer.session("main")["sandbox"] == "docker"


def test_an_engine_that_may_not_be_used_is_told_from_one_that_is_down(newcomer: Person) -> None:
    address = dead(newcomer)
    Path(address.removeprefix("unix://")).chmod(0)
    without = replace(newcomer, settings={**newcomer.settings, "DOCKER_HOST": address})
    done = without.run(*unprivileged(*without.command("up", "--detach")))
    message, hint = told(done, REFUSED)
    assert ("no permission to use the Docker engine" in message, "usermod -aG docker" in hint) == (True, True)
    no_trace(newcomer)


def programs(person: Person, *, without: str = "", old: str = "", version: str = "") -> Person:
    """Return the person with a PATH that lacks a program, or has an old one first."""
    place = person.place / f"bin-{without}-{old}"
    place.mkdir()
    for name in ("git", "tmux", "sh", "env", "docker", "sleep", "cat"):
        if name != without:
            (place / name).symlink_to(shutil.which(name) or name)
    if old:
        (place / old).unlink()
        (place / old).write_text(
            f'#!/bin/sh\ncase "$1" in -V|--version) echo "{version}"; exit;; esac\nexec {shutil.which(old)} "$@"\n'
        )
        (place / old).chmod(0o755)
    return replace(person, settings={**person.settings, "PATH": str(place)})


@pytest.mark.parametrize("name", ["git", "tmux"])
def test_a_missing_or_old_program_is_named(newcomer: Person, name: str) -> None:
    lacking = programs(newcomer, without=name)
    message, hint = told(lacking.orchestra("up", "--detach", check=False), REFUSED)
    assert (f"`{name}` is not installed" in message, "install" in hint) == (True, True)
    dated = programs(newcomer, old=name, version={"git": "git version 2.30.2", "tmux": "tmux 2.9a"}[name])
    message, hint = told(dated.orchestra("up", "--detach", check=False), REFUSED)
    assert ("is too old" in message, "or newer" in hint) == (True, True), (message, hint)
    findings = {row["check"]: row["well"] for row in dated_findings(dated)}
    assert (findings[name], findings["disk"]) == (False, True)
    no_trace(newcomer)


def dated_findings(person: Person) -> list[dict[str, object]]:
    """Return what doctor says; it ends with 1 where something is wrong."""
    found: list[dict[str, object]] = json.loads(person.orchestra("doctor", "--json", check=False).stdout)
    return found


@pytest.mark.parametrize("size", ["16k", "8m"])
def test_a_full_disk_refuses_before_anything_is_made(arrive: Arrive, size: str) -> None:
    person = arrive()
    person.home.root.mkdir()
    space = ("unshare", "--mount", *(() if os.getuid() == 0 else ("--map-root-user",)))
    mount = f'mount -t tmpfs -o size={size} tmpfs "$0" && "$@"; code=$?; "$1" -m orchestra down --stop >/dev/null 2>&1'
    words = (*space, "sh", "-c", f"{mount}; exit $code", str(person.home.root), *person.command("up", "--detach"))
    message, hint = told(person.run(*words), REFUSED)
    assert ("disk" in message, "free some space" in hint) == (True, True), (message, hint)
    no_trace(person)


def test_a_home_that_cannot_be_written_is_told(newcomer: Person) -> None:
    shutil.rmtree(newcomer.home.root)
    newcomer.home.root.mkdir(mode=0o555)
    done = newcomer.run(*unprivileged(*newcomer.command("up", "--detach")))
    newcomer.home.root.chmod(0o755)
    message, hint = told(done, REFUSED)
    assert (str(newcomer.home.root) in message, "permission" in hint) == (True, True), (message, hint)
    no_trace(newcomer)


def test_a_home_that_is_a_file_is_told(newcomer: Person) -> None:
    shutil.rmtree(newcomer.home.root)
    newcomer.home.root.write_text("")
    message, _ = told(newcomer.orchestra("up", "--detach", check=False), REFUSED)
    newcomer.home.root.unlink()
    assert str(newcomer.home.root) in message


ODD = "odd $(touch x) `id` 'q' \"d\" #{pid} #(id) ünï ☃ %s , = ; &"


def test_names_of_directories_may_hold_anything(arrive: Arrive) -> None:
    """Project and home with spaces, quotes, shell and tmux syntax: up, new, commit, merge, delete, restore."""
    usual = settle_in(arrive(ORCHESTRA_AGENT="quiet"))
    source = usual.place / ODD
    home = usual.place / "orchestra home ünï '$(touch y)'"
    usual.git("clone", "--quiet", str(usual.repository), str(source))
    shutil.copytree(usual.home.root, home)
    person = replace(usual, settings={**usual.settings, "ORCHESTRA_HOME": str(home)})

    def say(*words: str) -> str:
        done = person.run(*person.command(*words), cwd=source)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    try:
        say("up", "--detach")
        tree = Path(json.loads(say("new", "Odd place", "--json"))["worktree"])
        say("terminal", "odd-place", "--host")
        say("terminal", "odd-place")
        box = json.loads(say("show", "odd-place", "--json"))["container"]
        script = "echo 1 >one && git add one && git commit -qm one"
        done = person.run("docker", "exec", "-w", str(tree), box, "sh", "-c", script)
        assert done.returncode == 0, done.stderr
        say("merge", "odd-place")
        assert (source / "one").is_file()
        say("delete", "odd-place", "--force", "--worktree")
        say("restore", "odd-place")
        eventually(lambda: "main" in person.tmux("capture-pane", "-p", "-t", control(person), server=OWN))
        # Walked this way, for the service may take its own temporary directories away meanwhile.
        walked = (names for root in (source, home) for _, *both in os.walk(root) for names in both)
        assert not {"x", "y"} & {name for names in walked for name in names}
    finally:
        say("down", "--stop")
        say("gc", "--everything", "--yes")


def control(person: Person) -> str:
    """Return the id of the control pane."""
    panes = person.tmux("list-panes", "-a", "-F", "#{pane_id}#{@orchestra_control}", server=OWN).splitlines()
    return next(line.partition("/")[0] for line in panes if "/" in line)


def test_two_that_start_at_once_make_one(newcomer: Person) -> None:
    words = newcomer.command("up", "--detach")
    begun = [
        subprocess.Popen(words, cwd=newcomer.repository, env=newcomer.environment, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    ends = [(one.communicate(timeout=90)[1], one.returncode) for one in begun]
    assert [code for _, code in ends] == [0, 0, 0], ends
    assert [row["name"] for row in newcomer.json("list")] == ["main"]
    assert len(newcomer.engine("container")) == 1
    assert len(newcomer.processes("orchestra.service")) == 1
    eventually(lambda: newcomer.processes("orchestra", "control"), what="a control pane")
    panes = newcomer.tmux("list-panes", "-a", "-F", "#{@orchestra_session}#{@orchestra_control}", server=OWN)
    assert len(panes.split()) == 2, panes
