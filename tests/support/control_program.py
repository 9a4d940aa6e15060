"""The control pane as tests run it: a real store, actions written down instead of done, a diff from a file."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestra.config.settings import Settings
from orchestra.control.app import ControlApp, run_app
from orchestra.control.state import Health
from orchestra.control.theme import filters
from orchestra.errors import Refused
from orchestra.model import Sides
from orchestra.names import slug
from orchestra.review.source import ReviewSource
from orchestra.store import Store
from tests.support.reviews import FakeSource, LiveSource
from tests.support.stores import add


class WrittenDown:
    """What the control pane asks of a project: nothing is done, all is written to files of a directory."""

    def __init__(self, place: Path, store: Store) -> None:
        self._place, self._store = place, store

    def perform(self, action: str, arguments: Mapping[str, Any]) -> object:
        """Write an action down; a merge is refused, and a file called slow lets each take long."""
        with (self._place / "actions").open("a") as file:
            file.write(json.dumps([action, dict(arguments)]) + "\n")
        while (self._place / "slow").exists():
            time.sleep(0.02)
        if action == "review":
            size = {"files": 1, "insertions": 1, "deletions": 0}
            found = {"commits": [{}], "diff": size, "uncommitted": [], "conflicts": [], "sensitive": [".envrc"]}
            return {"name": arguments["name"], "head": "a1", "target": "trunk", **found}
        if action == "merge":
            raise Refused("app.py \x1b[31mis not\x1b[0m committed", hint="orchestra send it [red]please commit[/red]")
        if action == "spawn":
            return {"name": add(self._store, slug(arguments["title"])).name}
        return None

    def review(self, name: str) -> ReviewSource:
        """Return the changes in a file, and write down when they are asked for."""
        return LiveSource(name=name, diff=lambda: self._diff(name))

    def _diff(self, name: str) -> str:
        with (self._place / "asked").open("a") as file:
            file.write(f"{name}\n")
        shown = self._place / f"diff.{name}"
        return shown.read_text() if shown.exists() else ""

    def differences(self, names: Sequence[str]) -> ReviewSource:
        """Return in what the first session and the others differ."""
        sides = Sides(names[0], names[1], 1, len(names) - 1)
        return FakeSource(name=" → ".join(names[:2]), sides=sides)

    def budget(self) -> float:
        """Say what a session may cost."""
        return 5.0

    def health(self, contained: bool) -> Health:  # noqa: FBT001 -- the protocol's own
        """Say that everything is well."""
        return Health(service=True, engine=True if contained else None)

    def fit(self) -> None:
        """Leave the size as it is."""

    def zoom(self, on: bool) -> bool:  # noqa: FBT001 -- the protocol's own
        """Say that the pane has the whole window already."""
        _ = on
        return False

    def leave(self) -> bool:
        """End the control pane."""
        return False


def main(place: Path) -> None:
    """Run the control pane on what lies in a directory: state.db, diff, and a file of actions to write."""
    store = Store.open(place / "state.db")
    run_app(ControlApp("shop", store, WrittenDown(place, store), filters=filters(Settings())))
    print("left in good order")  # noqa: T201 -- what the test looks for on the terminal given back


if __name__ == "__main__":
    main(Path(sys.argv[1]))
