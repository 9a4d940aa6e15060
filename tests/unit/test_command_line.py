"""The command line: which file has which command, and what a value is taken for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import pytest
import typer

from orchestra.cli.app import GROUPS, command_line, groups_for


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_has_the_commands_that_the_list_says(group: str) -> None:
    app = typer.Typer()
    import_module(f"orchestra.cli.{group}").add_to(app)
    command: object = typer.main.get_group(app)
    assert tuple(getattr(command, "commands", ())) == GROUPS[group]


@pytest.mark.parametrize(
    ("words", "group"),
    [
        (["new", "x"], "life"),
        (["--project", "new", "list", "new"], "look"),
        (["--project=/x", "config", "show"], "upkeep"),
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
        ("one --number 21", "less than or equal to 20"),
        ("one --number x", "a valid integer"),
        ("one --number=", "a valid integer"),
        ("three", "Missing"),
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
