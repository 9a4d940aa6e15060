"""The rules of the house, read from the source itself: sizes, words, who may import what, what start-up loads."""

from __future__ import annotations

import ast
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "orchestra" / "cli" / "demo" / "sample"
"""Not ours to judge: the little project that the demonstration works on."""
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MODULES = sorted(path for path in (ROOT / "orchestra").rglob("*.py") if SAMPLE not in path.parents)

LONGEST_MODULE = 500
MEDIAN_FUNCTION = 7
P90_FUNCTION = 16
AGENT_NAMES = frozenset({"claude", "codex", "opencode", "gemini"})
HEAVY = frozenset(
    {
        "apprise",
        "asyncio",
        "docker",
        "git",
        "libtmux",
        "mcp",
        "pydantic",
        "requests",
        "starlette",
        "textual",
        "uvicorn",
        "yaml",
    }
)
"""Libraries that cost 40 ms and more: a command loads them when it needs them, and no sooner."""
LIGHT_FLOORS = ("errors", "names", "paths", "model", "wire", "lifecycle", "bindings", "consent", "config", "project")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), label(path))


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


every_module = pytest.mark.parametrize("module", MODULES, ids=label)


def test_modules_fit_in_the_head() -> None:
    found = [path for place in ("orchestra", "tests", "benchmarks", "scripts") for path in (ROOT / place).rglob("*.py")]
    lengths = {label(path): len(path.read_text().splitlines()) for path in found}
    assert {path: length for path, length in lengths.items() if length > LONGEST_MODULE} == {}
    assert len(lengths) > len(MODULES)


@pytest.mark.parametrize("place", ["tests/support", "tests/support/models", "orchestra/agents/runtime", "benchmarks"])
def test_no_module_beside_a_program_hides_one_of_pythons(place: str) -> None:
    names = {path.stem for path in (ROOT / place).rglob("*.py")}
    assert names & sys.stdlib_module_names == set()
    assert len(names) > 1


def test_functions_are_small() -> None:
    lengths = {f"{label(path)}:{one.name}": length(one) for path in MODULES for one in functions(path)}
    longest = sorted(lengths.items(), key=lambda item: -item[1])[:10]
    assert statistics.median(lengths.values()) <= MEDIAN_FUNCTION, longest
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= P90_FUNCTION, longest


def public(node: ast.Module | ast.ClassDef) -> Iterator[ast.Module | ast.ClassDef | Function]:
    """Return a module or class and everything public in it, however deep."""
    yield node
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and child.name[0] != "_":
            yield from public(child) if isinstance(child, ast.ClassDef) else (child,)


@every_module
def test_everything_public_says_what_it_is(module: Path) -> None:
    silent = [getattr(node, "name", "the module") for node in public(tree(module)) if not ast.get_docstring(node)]
    assert silent == []


def agent_names(node: ast.AST) -> Iterator[str]:
    """Return the names of agents that a decision depends on."""
    deciding = ast.Compare | ast.MatchValue | ast.Dict | ast.Subscript | ast.Call
    if isinstance(node, deciding):
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and part.value in AGENT_NAMES:
                yield f"{part.value} in line {part.lineno}"


@every_module
def test_no_decision_depends_on_an_agents_name_outside_agents(module: Path) -> None:
    if label(module).startswith("orchestra/agents/") or label(module) == "orchestra/config/settings.py":
        return
    assert [name for node in ast.walk(tree(module)) for name in agent_names(node)] == []


def imported(module: Path) -> Iterator[str]:
    """Return the first word of every import, also of those inside functions."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize(
    ("library", "door"),
    [
        ("apprise", "orchestra/drivers/"),
        ("mcp", "orchestra/service/"),
        ("starlette", "orchestra/service/"),
        ("uvicorn", "orchestra/service/"),
        ("docker", "orchestra/drivers/"),
        ("git", "orchestra/drivers/"),
        ("libtmux", "orchestra/drivers/"),
        ("sqlite3", "orchestra/store/"),
        ("typer", "orchestra/cli/"),
        ("textual", ("orchestra/control/", "orchestra/review/")),
    ],
)
def test_a_library_has_one_door(library: str, door: str | tuple[str, ...]) -> None:
    outside = [
        label(module) for module in MODULES if not label(module).startswith(door) and library in imported(module)
    ]
    assert outside == []


def loaded_by(program: str) -> set[str]:
    """Run a program in a Python of its own; return the top-level modules it has loaded at its end."""
    tail = (
        "import atexit, sys; atexit.register(lambda: print('\\nLOADED', *{m.partition('.')[0] for m in sys.modules}))"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-c", f"{tail}\n{program}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


def light_modules() -> list[str]:
    paths = [*(ROOT / "orchestra" / f"{name}.py" for name in LIGHT_FLOORS), *(ROOT / "orchestra/store").glob("*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths if path.exists()]
    return [name.removesuffix(".__init__") for name in names]


def test_the_lower_floors_load_nothing_heavy() -> None:
    loaded = loaded_by("\n".join(f"import {name}" for name in light_modules()))
    assert loaded & (HEAVY | {"rich", "typer"}) == set()


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]], ids=" ".join)
def test_a_command_loads_only_what_it_needs(arguments: list[str]) -> None:
    entry = ROOT / "orchestra" / "cli" / "app.py"
    program = f"import sys; sys.argv = ['orchestra', *{arguments!r}]\nfrom orchestra.cli.app import main\nmain()"
    loaded = loaded_by(program) if entry.exists() else set()
    assert loaded & HEAVY == set()


def test_the_service_answers_before_it_loads_the_libraries_of_its_tools() -> None:
    loaded = loaded_by("import orchestra.service.app")
    assert "asyncio" in loaded
    assert loaded & {"mcp", "mcp_types", "pydantic", "docker", "requests", "libtmux", "git", "yaml", "apprise"} == set()


def asserted_alone(path: Path) -> Iterator[str]:
    """Return the assertions that are nothing but `all(...)`, which holds where there is nothing."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Assert(test=ast.Call(func=ast.Name(id="all"))):
                yield f"line {node.lineno}"
            case _:
                pass


@pytest.mark.parametrize("module", TESTS, ids=label)
def test_no_assertion_passes_on_nothing(module: Path) -> None:
    assert list(asserted_alone(module)) == []


AGENT_WRITES = frozenset({"source", "specs", "config", "agents", "instructions", "dockerfile", "spec", "worktree"})
"""What lies below a directory that an agent can write, as `ProjectPaths`, `SessionPaths` and `Session` call it."""
FILE_CALLS = frozenset(
    {
        "open", "read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "glob", "rglob", "touch", "unlink",
        "rename", "symlink_to", "readlink", "chmod", "rmdir", "copyfile", "copy", "copy2", "copytree", "rmtree", "walk",
        "fwalk", "scandir", "listdir",
    }
)  # fmt: skip
"""Calls that follow symlinks, wait on pipes, or read without end."""
BY_HANDLE_ALONE = (
    "actions/work/spec.py",
    "actions/session/copy_files.py",
    "actions/session/consent.py",
    "drivers/sandbox/build_context.py",
)
"""Modules that touch nothing but what an agent can write."""


def plain_file_calls(path: Path, *, anywhere: bool) -> Iterator[str]:
    """Return the calls that touch a file by its path, where the path names what an agent can write."""
    for node in ast.walk(tree(path)):
        called = node.func if isinstance(node, ast.Call) else None
        name = getattr(called, "attr", getattr(called, "id", ""))
        if isinstance(node, ast.Call) and name in FILE_CALLS and not by_handle(node):
            own = isinstance(called, ast.Attribute) and names_what_agents_write(called.value)
            given = any(names_what_agents_write(part) for part in node.args)
            if anywhere or own or given:
                yield f"line {node.lineno}: {name}"


def by_handle(call: ast.Call) -> bool:
    """Say whether a call goes to `safe_files`, or is no call on a file at all."""
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    # A class's own way to open what it stands for, such as Repository.open, is no call on a file.
    return isinstance(receiver, ast.Name) and (receiver.id == "safe_files" or receiver.id[0].isupper())


def names_what_agents_write(part: ast.expr) -> bool:
    """Say whether an expression is one of the paths that an agent can write, or lies below it."""
    while isinstance(part, ast.BinOp):
        part = part.left
    return isinstance(part, ast.Attribute) and part.attr in AGENT_WRITES and not of_the_person(part.value)


def of_the_person(owner: ast.expr) -> bool:
    return getattr(owner, "attr", getattr(owner, "id", "")) == "home"


@every_module
def test_what_an_agent_can_write_is_touched_by_open_directories_alone(module: Path) -> None:
    alone = label(module).removeprefix("orchestra/") in BY_HANDLE_ALONE
    if "/agents/runtime/" not in label(module):
        assert list(plain_file_calls(module, anywhere=alone)) == []
