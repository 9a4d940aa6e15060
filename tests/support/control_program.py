"""The control pane as tests run it: a real store, actions written down instead of done, a diff from a file."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestra.control.app import Control
from orchestra.control.state import Health
from orchestra.control.terminal import Terminal
from orchestra.errors import Refused
from orchestra.names import slug
from orchestra.store import Store
from tests.support.stores import add


def main(place: Path) -> None:
    """Run the control pane on what lies in a directory: state.db, diff, and a file of actions to write."""

    def perform(action: str, arguments: Mapping[str, Any]) -> object:
        with (place / "actions").open("a") as file:
            file.write(json.dumps([action, dict(arguments)]) + "\n")
        while (place / "slow").exists():
            time.sleep(0.02)
        if action == "review":
            size = {"files": 1, "insertions": 1, "deletions": 0}
            found = {"commits": [{}], "diff": size, "uncommitted": [], "conflicts": [], "sensitive": [".envrc"]}
            return {"name": arguments["name"], "target": "trunk", **found}
        if action == "merge":
            raise Refused("app.py \x1b[31mis not\x1b[0m committed", hint="orchestra send it [red]please commit[/red]")
        if action == "spawn":
            return {"name": add(store, slug(arguments["title"])).name}
        return None

    def diff(name: str) -> str:
        with (place / "asked").open("a") as file:
            file.write(f"{name}\n")
        shown = place / f"diff.{name}"
        return shown.read_text() if shown.exists() else ""

    store = Store.open(place / "state.db")
    Control(
        "shop",
        store,
        Terminal(sys.stdin.fileno(), sys.stdout.fileno()),
        perform=perform,
        diff=diff,
        health=lambda contained: Health(True, True if contained else None),
        leave=lambda: False,
        fit=lambda: None,
    ).run()
    print("left in good order")  # noqa: T201 -- what the test looks for on the terminal given back


if __name__ == "__main__":
    main(Path(sys.argv[1]))
