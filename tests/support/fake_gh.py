"""A stand-in for GitHub's command line: it records its calls, and answers from a file."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PROGRAM = """#!{python}
import json, os, sys
place = {place!r}
words = sys.argv[1:]
with open(place + "/calls", "a") as file:
    text = sys.stdin.read() if "--body-file" in words else ""
    file.write(json.dumps({{"words": words, "stdin": text}}) + "\\n")
with open(place + "/state.json") as file:
    state = json.load(file)
if state["fails"]:
    print(state["fails"][1], file=sys.stderr)
    sys.exit(state["fails"][0])
if words[:2] == ["pr", "list"]:
    found = [dict(number=state["number"], url=state["url"])] if state["opened"] else []
    print(json.dumps(found))
elif words[:2] == ["pr", "create"]:
    state["opened"] = True
    with open(place + "/state.new", "w") as file:
        json.dump(state, file)
    os.replace(place + "/state.new", place + "/state.json")
    print(state["url"])
elif words[:2] == ["pr", "view"]:
    print(json.dumps(state["pull"]))
elif words[:1] == ["api"]:
    # As gh before 2.48: one list for each page.
    print("".join(json.dumps([line]) for line in state["lines"]))
elif words[:2] == ["issue", "view"]:
    print(json.dumps(state["issue"]))
else:
    sys.exit(1)
"""


@dataclass
class FakeGh:
    """The program in its directory, and what it answers."""

    place: Path
    state: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def install(cls, place: Path) -> FakeGh:
        """Write the program ``gh`` into a directory, which has to be on the search path."""
        place.mkdir(exist_ok=True)
        program = place / "gh"
        program.write_text(_PROGRAM.format(python=sys.executable, place=str(place)))
        program.chmod(0o755)
        pull = {"state": "OPEN", "headRefOid": "0" * 40, "statusCheckRollup": [], "reviews": [], "comments": []}
        url = "https://github.com/ada/tempo/pull/7"
        made = cls(place, {"fails": None, "opened": False, "number": 7, "url": url, "pull": pull, "lines": []})
        made.save()
        return made

    def save(self) -> None:
        """Answer from now on with what `state` has."""
        # Whole at any moment: the program may be reading it.
        written = self.place / "state.next"
        written.write_text(json.dumps(self.state))
        written.replace(self.place / "state.json")

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What it was called with, the oldest first."""
        file = self.place / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
