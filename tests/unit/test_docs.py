"""The pages say what the code has: tables, command lines, make targets, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestra.agents import Profile, load
from orchestra.agents.profile import RULES
from scripts.readme import PAGES, ROOT, TABLES, commands, filled

TEXTS = sorted(path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
COMMANDS = dict(commands())


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def shell_lines(text: str) -> Iterator[str]:
    """Yield what a person would type: lines of shell blocks, and inline code."""
    for language, block in _FENCE.findall(text):
        if language in {"bash", "console", "sh"}:
            yield from (line.removeprefix("$ ") for line in block.splitlines())
    yield from _INLINE.findall(_FENCE.sub("", text))


def calls(text: str) -> Iterator[list[str]]:
    """Yield the words of every call of orchestra, whatever stands before and after it on its line."""
    for line in shell_lines(text):
        for part in re.split(r"&&|\|\||;|\s#", line):
            if re.match(r"\s*orchestra\b", part):
                yield shlex.split(part.replace("[", "").replace("]", ""))[1:]


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that words name, and the words after its name."""
    for length in (2, 1):
        if (name := " ".join(words[:length])) in COMMANDS:
            return COMMANDS[name], words[length:]
    pytest.fail(f"there is no command: orchestra {shlex.join(words)}")


def without_global(words: list[str]) -> list[str]:
    while words and words[0].startswith("--"):
        assert words[0] in {"--project", "--version", "--help"}, words
        words = words[2:] if words[0] == "--project" else words[1:]
    return words


@pytest.mark.parametrize("page", PAGES)
def test_the_tables_are_what_the_code_has(page: str) -> None:
    text = text_of(ROOT / page)
    assert filled(text) == text, "run: make docs"


def test_the_readme_holds_every_table() -> None:
    pages = "".join(text_of(ROOT / page) for page in PAGES)
    assert sorted(re.findall(r"<!-- table: (\w+) -->", pages)) == sorted(TABLES)


@pytest.mark.parametrize("page", TEXTS, ids=lambda path: path.name)
def test_every_command_line_is_one_that_orchestra_takes(page: Path) -> None:
    for words in calls(text_of(page)):
        if rest := without_global(words):
            command, arguments = resolve(rest)
            command.make_context(rest[0], list(arguments), resilient_parsing="NAME" in arguments or not arguments)
            known = {option for one in command.params for option in one.opts} | {"--help", "-h"}
            assert {word for word in arguments if word.startswith("--")} <= known, words


def test_a_command_line_that_is_wrong_is_noticed() -> None:
    page = "Type `orchestra up --detach` and\n```bash\norchestra new X && orchestra list # what's there\n```"
    assert list(calls(page)) == [
        ["new", "X"],
        ["list"],
        ["up", "--detach"],
    ]
    with pytest.raises(pytest.fail.Exception):
        resolve(["launch", "--detach"])


@pytest.mark.parametrize("page", TEXTS, ids=lambda path: path.name)
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {line.split()[1] for line in shell_lines(text_of(page)) if re.match(r"make [a-z-]+", line)}
    assert named <= targets


@pytest.mark.parametrize("page", TEXTS, ids=lambda path: path.name)
def test_every_link_and_picture_leads_somewhere(page: Path) -> None:
    for target in _LINK.findall(text_of(page)):
        if "://" not in target:
            assert (page.parent / target).exists(), target


AGENTS_PAGE = ROOT / "docs" / "agents.md"


def test_the_page_on_profiles_tells_every_key() -> None:
    table = text_of(AGENTS_PAGE).partition("<!-- keys -->")[2].partition("<!-- end -->")[0]
    assert sorted(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == sorted(RULES)


def profiles_shown() -> dict[str, list[str]]:
    """Return the profiles that the page shows, by the path above each."""
    shown: dict[str, list[str]] = {}
    for language, block in _FENCE.findall(text_of(AGENTS_PAGE)):
        if language == "yaml":
            first, _, rest = block.partition("\n")
            shown.setdefault(first.removeprefix("# "), []).append(rest)
    return shown


def test_the_profile_of_the_example_is_the_one_on_the_page() -> None:
    (shown,) = profiles_shown()["docs/examples/aider/agents/aider.yaml"]
    assert shown == text_of(ROOT / "docs/examples/aider/agents/aider.yaml")


@pytest.mark.parametrize("place", sorted(profiles_shown()))
def test_every_profile_on_the_page_loads(place: str, tmp_path: Path) -> None:
    for text in profiles_shown()[place]:
        for name in re.findall(r"\{[\w.]+: \./([\w.]+)\}", text):
            (tmp_path / name).touch()
        path = tmp_path / Path(place).name
        path.write_text(text)
        assert isinstance(load(path.stem, [tmp_path]), Profile)


def test_the_example_is_complete() -> None:
    example = ROOT / "docs" / "examples" / "aider"
    profile = load("aider", [example / "agents"])
    assert profile.source.parent == example / "agents"
    assert [bool(content) for content, _ in profile.files.values()] == [True]
    assert "{session}" in text_of(example / "instructions" / "instead" / "executor.aider.md")
