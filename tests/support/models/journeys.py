"""What a scripted model says to a designer and to its executor, at an address that containers reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestra.drivers.sandbox.docker import DockerSandbox
from orchestra.paths import Home
from tests.support.models.server import Call, ModelServer, Rule, Say

KEY = "sk-ant-api03-journey-9876543210-9876543210"
"""The key a person has; nothing but their own environment and the agents' secrets may hold it."""
DESIGNER, EXECUTOR = "You are the designer", "You are an executor"
NAME = "add-kelvin"
WISH = "Please add Kelvin to convert.py"
QUESTION = "QUESTION: What should happen below absolute zero?"
ANSWER = "Raise a ValueError below zero."
COMPLETE = "COMPLETE: celsius_to_kelvin is there and committed."
SPAWN = "mcp__orchestra__spawn_executor"
SEND = "mcp__orchestra__send_message_to_session"
LAST_LINE = "    return (degrees - 32) * 5 / 9\n"
KELVIN = '\n\ndef celsius_to_kelvin(degrees: float) -> float:\n    """Convert."""\n    return degrees + 273.15\n'
CHECKED = KELVIN.replace("    return", "    if degrees < -273.15:\n        raise ValueError(degrees)\n    return")


@contextmanager
def near_containers(home: Home, rules: Sequence[Rule]) -> Iterator[ModelServer]:
    """Serve a model where this home's containers reach it."""
    gateway = DockerSandbox(home.network, home_tag=home.tag, owner=home.owner).gateway()
    with ModelServer(rules, address=gateway) as model:
        yield model


def designs() -> list[Rule]:
    """Return a designer's part: it spawns an executor at the person's wish, and answers its question."""
    spawn = Call(SPAWN, {"title": "Add Kelvin", "instructions": "Add celsius_to_kelvin to tempo/convert.py."})
    answer = Call(SEND, {"session_id": NAME, "message": ANSWER})
    return [
        Rule([Say("An executor will do that."), spawn], system=DESIGNER, user=WISH, times=1),
        Rule([answer], system=DESIGNER, user="QUESTION:", times=1),
        Rule([Say("THE DESIGNER HAS HEARD")], system=DESIGNER, user="COMPLETE:"),
        Rule([Say("THE DESIGNER ANSWERED")], system=DESIGNER, result='"recipient"'),
        Rule([Say("THE DESIGNER WAITS")], system=DESIGNER, result=NAME),
    ]


def executes(file: Path) -> list[Rule]:
    """Return an executor's part: it edits, commits, asks, ends its turn; with the answer it goes on to the end."""
    look = Call("Read", {"file_path": str(file)})
    edit = Call("Edit", {"file_path": str(file), "old_string": LAST_LINE, "new_string": LAST_LINE + KELVIN})
    again = Call("Edit", {"file_path": str(file), "old_string": KELVIN, "new_string": CHECKED})
    return [
        Rule([look], system=EXECUTOR, user="Your task", times=1),
        Rule([edit], system=EXECUTOR, result="def celsius_to_fahrenheit", times=1),
        Rule([_commit("First half")], system=EXECUTOR, result="updated", times=1),
        Rule([_send(QUESTION)], system=EXECUTOR, result="First half", times=1),
        Rule([again], system=EXECUTOR, user="ValueError", times=1),
        Rule([_commit("Second half")], system=EXECUTOR, result="updated", times=1),
        Rule([_send(COMPLETE)], system=EXECUTOR, result="Second half", times=1),
        Rule([Say("THE EXECUTOR RESTS")], system=EXECUTOR, result='"recipient"'),
    ]


def _commit(message: str) -> Call:
    return Call("Bash", {"command": f"git commit -qam '{message}' && git log -1 --format=%s", "description": message})


def _send(text: str) -> Call:
    return Call(SEND, {"session_id": "main", "message": text})
