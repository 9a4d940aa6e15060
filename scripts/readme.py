"""Write the tables of README.md and DOCKER.md from the code: keys, commands, settings, profiles.

Usage: readme.py [--check]
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from orchestra.agents import load, names
from orchestra.cli.app import command_line
from orchestra.config.settings import RULES, Settings
from orchestra.views import review_keys
from orchestra.views.keys import keys_markdown

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/review.md")
_BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command that people see, with typer's own object for it."""
    yield from _below(typer.main.get_command(command_line()), "")


def _below(group: Any, before: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 -- typer's inner types have no public name
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield f"{before}{name}", command
            yield from _below(command, f"{before}{name} ")
        elif not command.hidden:
            yield f"{before}{name}", command


def commands_table() -> str:
    """Return the commands, each with its arguments and its first sentence."""
    rows = ["| command | does |", "|---|---|"]
    for name, command in commands():
        usage = " ".join([name, *_words(command)]).replace("|", "\\|")
        first, _, rest = " ".join(command.help.split()).partition(". ")
        rows.append(f"| `{usage}` | {first.rstrip('.')}{'. ' + rest.rstrip('.') if rest else ''} |")
    return "\n".join(rows) + "\n"


def _words(command: Any) -> Iterator[str]:  # noqa: ANN401 -- as above
    for one in command.params:
        if one.param_type_name == "argument":
            label = (one.metavar or one.name.upper()).strip("[]") + ("…" if one.nargs < 0 else "")
            yield label if one.required else f"[{label}]"
    for one in command.params:
        if one.param_type_name == "option":
            word = one.opts[0] if one.is_flag else f"{one.opts[0]} {one.metavar}"
            yield word if one.required else f"[{word}]"


def settings_table() -> str:
    """Return the settings, each with its default and what it is about."""
    defaults = {one.name: getattr(Settings(), one.name) for one in fields(Settings)}
    rows = ["| setting | default | what it is |", "|---|---|---|"]
    for name, rule in RULES.items():
        value = defaults[name]
        shown = json.dumps(list(value) if isinstance(value, tuple) else value)
        choices = f" ({', '.join(filter(None, rule.choices))})" if rule.choices else ""
        rows.append(f"| `{name}` | `{shown}` | {rule.about}{choices} |")
    return "\n".join(rows) + "\n"


def profiles_table() -> str:
    """Return the built-in profiles."""
    rows = ["| profile | what it runs | version | credentials it takes |", "|---|---|---|---|"]
    for name in names(()):
        profile = load(name)
        needs = ", ".join(f"`{one}`" for one in profile.credentials) or "none"
        rows.append(f"| `{name}` | {profile.description} | {profile.version} | {needs} |")
    return "\n".join(rows) + "\n"


TABLES: dict[str, Callable[[], str]] = {
    "keys": keys_markdown,
    "review_keys": review_keys.keys_markdown,
    "commands": commands_table,
    "settings": settings_table,
    "profiles": profiles_table,
}


def filled(text: str) -> str:
    """Return a page with each of its tables made anew; raises KeyError for one that nobody knows."""
    return _BLOCK.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` say which are not as the code has it."""
    stale = [page for page in PAGES if filled(text := (ROOT / page).read_text(encoding="utf-8")) != text]
    for page in stale:
        if "--check" not in arguments:
            (ROOT / page).write_text(filled((ROOT / page).read_text(encoding="utf-8")), encoding="utf-8")
        print(f"{page} {'differs from the code' if '--check' in arguments else 'is written anew'}")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
