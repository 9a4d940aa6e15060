"""The command line: which file has which command, and what a value is taken for."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import pytest
import typer

from orchestra.cli.app import GROUPS, command_line, groups_for
from orchestra.cli.commands.comments import parsed
from orchestra.errors import UsageError


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_has_the_commands_that_the_list_says(group: str) -> None:
    app = typer.Typer()
    import_module(f"orchestra.cli.commands.{group}").add_to(app)
    command: object = typer.main.get_group(app)
    assert tuple(getattr(command, "commands", ())) == GROUPS[group]


@pytest.mark.parametrize(("group", "least"), [("", len(GROUPS)), ("agents", 1), ("config", 2), ("image", 2)])
def test_the_help_has_a_whole_sentence_for_each_command_in_eighty_columns(group: str, least: int) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "orchestra", *group.split(), "-h"),
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    lines = done.stdout.partition("Commands:\n")[2].splitlines()
    assert len(lines) >= least
    assert [line for line in lines if not line.endswith(".") or line.endswith("...")] == []


@pytest.mark.parametrize(
    ("about", "place"),
    [("", ("", 0, 0)), ("./app.py", ("app.py", 0, 0)), ("app.py:3", ("app.py", 3, 3)), ("a b:3-12", ("a b", 3, 12))],
)
def test_what_a_comment_is_about(about: str, place: tuple[str, int, int]) -> None:
    assert parsed(about) == place


@pytest.mark.parametrize("about", ["app.py:0", "app.py:3-2", "app.py:0-4", "app.py:10000000000"])
def test_lines_that_no_file_has(about: str) -> None:
    with pytest.raises(UsageError, match=f"there are no such lines: {about}"):
        parsed(about)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("comment alpha app.py:3-4", "the text of the comment is missing", "orchestra comment alpha app.py:3-4 TEXT"),
        ("diff alpha --stat --json", "--stat, --patch and --json exclude each other", "name one of them"),
        ("diff alpha --patch --json", "--stat, --patch and --json exclude each other", "name one of them"),
    ],
)
def test_what_cannot_be_meant(
    words: str, message: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as met:
        command_line()(words.split(), standalone_mode=False)
    assert (met.value.message, hint in met.value.hint) == (message, True)


@pytest.mark.parametrize(
    ("words", "group"),
    [
        (["new", "x"], "sessions"),
        (["--project", "new", "list", "new"], "inspect"),
        (["--project=/x", "config", "show"], "maintenance"),
        (["agents", "check", "claude"], "agents"),
    ],
)
def test_a_command_needs_its_own_group_alone(words: list[str], group: str) -> None:
    assert groups_for(words) == (group,)


@pytest.mark.parametrize("words", [[], ["--help"], ["-h", "--version"], ["nex"], ["--project"], ["--project", "new"]])
def test_without_a_known_command_all_groups_are_needed(words: list[str]) -> None:
    assert groups_for(words) == tuple(GROUPS)


def value_of(*words: str) -> object:
    """Return what a command is given for words as typed."""
    seen: list[object] = []
    app = command_line([])

    def one(text: str = "", number: int = typer.Option(7, max=20), many: list[str] | None = None) -> None:
        seen.append((text, number, many))

    def two(place: Path | None = None) -> None:
        seen.append(place)

    app.command("one")(one)

    def three(words: list[str], *, flag: Annotated[bool, typer.Option("--flag")] = False) -> None:
        seen.append((words, flag))

    app.command("two")(two)
    app.command("three")(three)
    app([*words], standalone_mode=False)
    return seen[0]


def test_values_are_what_their_parameters_say() -> None:
    assert value_of("one") == ("", 7, None)
    assert value_of("one", "--text", "07", "--number", "8", "--many", "a", "--many", "b") == ("07", 8, ["a", "b"])
    assert value_of("two") is None
    assert value_of("two", "--place", "/x y") == Path("/x y")
    assert value_of("three", "a", "--flag", "1") == (["a", "1"], True)


def test_a_text_that_begins_with_a_dash_is_no_option() -> None:
    point = "- first point\n- second"
    assert value_of("three", "alpha", point, "--flag") == (["alpha", point], True)
    assert value_of("one", "--text", point) == (point, 7, None)
    assert value_of("one", f"--text={point}") == (point, 7, None)
    assert value_of("three", "-- a dash", "b") == (["-- a dash", "b"], False)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("one --number 21", "--number should be less than or equal to 20"),
        ("one --number x", "--number should be a valid integer"),
        ("one --number=", "a valid integer"),
        ("three", "missing argument WORDS"),
    ],
)
def test_a_value_that_cannot_be_is_refused(words: str, reason: str) -> None:
    with pytest.raises(Exception, match=reason):
        value_of(*words.split())


@pytest.mark.parametrize("words", ["switch nobody", "list --json", "new x --task y --agent z", "send main hello"])
def test_a_usual_command_loads_no_validation_library(words: str, tmp_path: Path) -> None:
    program = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules));"
        f"sys.argv = ['orchestra', '--project', {str(tmp_path)!r}, *{words.split()!r}];"
        "from orchestra.cli.app import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "is not inside a git repository" in done.stderr
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "typer" in loaded
    assert loaded & {"pydantic", "rich", "docker", "libtmux", "git", "mcp"} == set()


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("new -fix", "new has no option -fix", "after two dashes: orchestra new -- -fix"),
        ("new --fix=3 --json", "new has no option --fix", "orchestra new -- --fix=3"),
        ("send alpha -x", "send has no option -x", "orchestra send NAME -- -x"),
        ("new a b c", "new: too many arguments: b c", "in quotes: orchestra new 'Fix the login page'"),
        ("list --jsn", "list has no option --jsn", "did you mean --json? see: orchestra list -h"),
        ("merge -f alpha", "merge has no option -f", "see: orchestra merge -h"),
        ("-x", "orchestra has no option -x", "see: orchestra -h"),
        ("lst", "no such command 'lst'", "did you mean 'list'? see: orchestra -h"),
        ("config shw", "config: no such command 'shw'", "did you mean 'show'? see: orchestra config -h"),
        ("delete", "delete: missing argument NAME", "type: orchestra delete NAME"),
        ("wait alpha", "wait: missing option --for", "type: orchestra wait NAME --for STATE[,STATE]"),
        ("log alpha --limit x", "log: --limit should be a valid integer", "see: orchestra log -h"),
        ("--project", "option '--project' requires an argument", "see: orchestra -h"),
    ],
)
def test_a_command_line_that_cannot_be_understood_gets_one_line_and_what_to_type(
    words: str, message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        command_line()(words.split(), prog_name="orchestra")
    assert caught.value.message == message
    assert caught.value.hint.endswith(hint)


def test_a_group_without_a_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command_line()(["config"], prog_name="orchestra")
    assert caught.value.code == 2
    assert "Commands:" in "".join(capsys.readouterr())


def test_help_names_what_is_needed_and_what_may_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    for words, line in (
        (["send", "-h"], "orchestra send [OPTIONS] NAME TEXT..."),
        (["diff", "-h"], "[OPTIONS] [NAME]"),
    ):
        with pytest.raises(SystemExit):
            command_line()(words, prog_name="orchestra")
        shown = capsys.readouterr().out
        assert line in shown
        assert "<" not in shown


@pytest.mark.parametrize("words", ["list", "up --detach", "new x", "diff", "spec", "doctor", "config show"])
def test_in_a_directory_that_was_removed_one_is_told_so(words: str, tmp_path: Path) -> None:
    """As in a worktree that went with its session."""
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'rmdir "$PWD" && exec "$0" -m orchestra {words}'
    done = subprocess.run(("sh", "-c", script, sys.executable), cwd=gone, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        [
            "orchestra: the directory you are in has been removed",
            "  → cd to the project, or name it: orchestra --project DIR …",
        ],
    )
