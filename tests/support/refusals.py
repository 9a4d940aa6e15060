"""What a refused command says, and what it left behind."""

from __future__ import annotations

import subprocess

from tests.support.person import OWN, Person

REFUSED, USAGE, INTERRUPTED = 1, 2, 130
QUIET = 'description: waits\nfamily: plain\ncommand: [sh, -c, "echo ready; exec sleep 3600"]\n'
_WATCHERS = "refs/orchestra/sessions/"


def settle_in(person: Person) -> Person:
    """Give a person a profile that does nothing."""
    person.home.agents.mkdir(parents=True)
    (person.home.agents / "quiet.yaml").write_text(QUIET)
    return person


def told(done: subprocess.CompletedProcess[str], code: int) -> tuple[str, str]:
    """See that a command ended with a code, one line and one hint; return both."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith(("orchestra: ", "  → "))]
    assert [line[:3] for line in lines] == ["orc", "  →"], done.stderr
    assert done.stderr.endswith(f"{lines[0]}\n{lines[1]}\n"), done.stderr
    return lines[0].removeprefix("orchestra: "), lines[1].removeprefix("  → ")


def made(person: Person) -> dict[str, list[str]]:
    """Return everything that a command could have made."""
    refs = person.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    places = [person.home.root / part for part in ("worktrees/tempo", "projects/tempo/sessions")]
    return {
        "refs": [ref for ref in refs if not ref.startswith(_WATCHERS)],
        "worktrees": person.git("worktree", "list").splitlines(),
        "directories": sorted(one.name for place in places if place.is_dir() for one in place.iterdir()),
        "containers": sorted(person.engine("container")),
        "windows": person.tmux("list-windows", "-a", "-F", "#{window_id}", server=OWN).splitlines(),
        "files": person.git("status", "--porcelain").splitlines(),
    }
