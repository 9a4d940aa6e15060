"""Every place where a secret could be found that should not hold one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.person import OWN, Person
from tests.support.trees import files_below


def hiding_places(person: Person, secrets: Sequence[str]) -> list[str]:
    """Return the places that hold a secret or a session's token, other than the one in memory that agents see."""
    tokens = [file.read_text() for file in files_below(person.place / "run") if file.name == "token"]
    assert tokens
    assert len({*tokens}) == len(tokens)
    wanted = [secret.encode() for secret in (*secrets, *tokens)]
    return [where for where, text in _texts(person) if any(secret in text for secret in wanted)]


def _texts(person: Person) -> Iterator[tuple[str, bytes]]:
    for file in (*files_below(person.home.root), *files_below(person.repository)):
        # What the service writes for a moment may be gone again.
        with suppress(FileNotFoundError):
            if file.is_file() and not file.is_symlink():
                yield str(file), file.read_bytes()
    for name in person.engine("container"):
        yield f"inspect {name}", person.run("docker", "inspect", name).stdout.encode()
        yield f"logs of {name}", person.run("docker", "logs", name).stdout.encode()
    for pane in person.tmux("list-panes", "-a", "-F", "#{pane_id}", server=OWN).split():
        yield f"pane {pane}", person.tmux("capture-pane", "-p", "-S", "-", "-t", pane, server=OWN).encode()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield str(entry), entry.read_bytes()
        except OSError:
            continue
