"""A person under attack: their agents' containers, what they do after each attack, and what must be as it was.

One project with a submodule and four sessions: the designer, an executor, a paired executor, and a bystander whose
commits have to arrive all the while.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.support.person import OWN, Person, eventually, staying

PATIENCE = 60.0
"""Seconds that a container, a look or an import may take on a busy machine."""
SECRET = "hunter2-of-the-person"
SUBMODULE = "vendor/lib"
ROLES = ("executor", "designer", "paired")
_SESSIONS = {"executor": "evil", "designer": "main", "paired": "pal"}
_IDLE = "command: [sleep, '7200']\n"
_STEADY = """
while :; do
  if [ -e ~/go ]; then
    mv ~/go ~/word && git commit -q --allow-empty -F ~/word && git rev-parse HEAD >~/.at && mv ~/.at ~/at
  fi
  sleep 0.05
done
"""
_PRELUDE = (Path(__file__).with_name("prelude.sh")).read_text()
_GIT_LOOKS = (
    "status", "diff", "log -p -1", "stash list", "submodule status", "ls-files -m -o", "blame README.md",
    "grep --recurse-submodules x",
)  # fmt: skip
_PROMPT = """
unset HISTFILE
. /usr/lib/git-core/git-sh-prompt
GIT_PS1_SHOWDIRTYSTATE=1 GIT_PS1_SHOWSTASHSTATE=1 GIT_PS1_SHOWUNTRACKEDFILES=1 GIT_PS1_SHOWUPSTREAM=verbose
GIT_PS1_SHOWCONFLICTSTATE=yes PS1='\\w$(__git_ps1 " (%s)")\\$ '
"""
"""What a person's own ~/.bashrc has; every kind of look that git's prompt knows."""
_WATCHED_GIT = ("config", "config.worktree", "commondir", "HEAD", "description", "hooks", "info", "modules", "shallow")
_OPEN_HOME = {"home", "git", "source-git", "look", "pane"}
"""The parts of a session's state that agents write, or that are made anew at each start."""


class Owner(Person):
    """Somebody whose repository has a submodule, whose home has secrets, and who uses git's prompt."""

    def unpacks(self) -> None:
        """Make the home, the repository and its submodule."""
        super().unpacks()
        library = self.place / "library"
        self.git("init", "-q", str(library), cwd=self.place)
        (library / "code.c").write_text("int x;\n")
        for words in (("add", "-A"), ("commit", "-q", "-m", "Library")):
            self.git(*words, cwd=library)
        self.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), SUBMODULE)
        self.git("commit", "-q", "-m", "Add the library")
        self.git("remote", "add", "origin", "https://me:ghp_TOKEN@example.invalid/x.git")
        home = self.place / "home"
        (home / ".bashrc").write_text(_PROMPT)
        (home / ".ssh").mkdir()
        (home / ".ssh" / "id_rsa").write_text(f"{SECRET}\n")

    @property
    def canary(self) -> Path:
        """The file that anything of an attacker's makes where it runs on the host; no container has its directory."""
        return Path(self.settings["CANARY"])


@dataclass
class Attacker:
    """The container of one role, and how its places were before any attack."""

    role: str
    container: str
    worktree: Path
    state: Path
    branch: str
    places: dict[Path, Path] = field(default_factory=dict)

    @property
    def git(self) -> Path:
        """Its private git directory."""
        return self.state / "git"


@dataclass
class Siege:
    """The started project, and everything that is done with it between and after the attacks."""

    person: Owner
    attackers: dict[str, Attacker]
    before: dict[str, str] = field(default_factory=dict)
    count: int = 0

    @property
    def checkout(self) -> Path:
        return self.person.repository

    @cached_property
    def bystander(self) -> Path:
        """The home of the session that goes on working."""
        return next(self.person.home.root.glob("projects/tempo/sessions/*-bystander/home"))

    def at(self, role: str) -> Path:
        """Return the directory through which a role harms the person."""
        return self.checkout if role == "paired" else self.attackers[role].worktree

    @property
    def run(self) -> Path:
        """Where the sessions' credentials are."""
        return self.person.place / "run"

    # The attack.

    def attack(self, role: str, script: str) -> str:
        """Run a script in the container of a role; returns all that it printed."""
        at = self.attackers[role]
        known = {
            "TREE": at.worktree, "AT": self.at(role), "SOURCE": self.checkout, "GITDIR": at.git,
            "BRANCH": at.branch, "SUB": SUBMODULE,
            "CANARY": self.person.canary, "VICTIM": self.person.place / "home",
        }  # fmt: skip
        words = [word for name, value in known.items() for word in ("-e", f"{name}={value}")]
        done = subprocess.run(
            ("docker", "exec", "-i", "-w", str(self.at(role)), *words, at.container, "/bin/sh", "-s"),
            input=f"{_PRELUDE}\n{script}\necho ALL-DONE\n".encode("utf-8", "surrogateescape"),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        return (done.stdout + done.stderr).decode("utf-8", "replace")

    def restore(self, role: str) -> None:
        """Put everything that the container of a role can write back, its branch to where the host has it."""
        at = self.attackers[role]
        tip = self.tip(at.branch)
        kept = [one.worktree / SUBMODULE / ".git" for one in self.attackers.values()] + [
            self.checkout / ".git",
            at.worktree / ".git",
        ]
        for place, copy in at.places.items():
            _empty(place, kept)
            subprocess.run(("cp", "-a", f"{copy}/.", str(place)), check=True, timeout=PATIENCE)
        ref = at.git / "refs" / "heads" / at.branch
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(f"{tip}\n")

    def remember(self) -> None:
        """Keep copies of what containers write, and note all that must stay as it is."""
        for at in self.attackers.values():
            places = [at.worktree, at.git, at.state / "home"]
            if at.role == "paired":
                places.append(self.checkout)
            for number, place in enumerate(places):
                copy = self.person.place / "copies" / at.role / str(number)
                ignored = {place / ".git", place / SUBMODULE / ".git"}
                shutil.copytree(
                    place, copy, symlinks=True,
                    ignore=lambda base, names, ignored=ignored: [one for one in names if Path(base, one) in ignored],
                )  # fmt: skip
                at.places[place] = copy
        self.before = self.watched()

    # What the person does.

    def ending(self, role: str, *, taken: str = "", hangs: bool = False) -> None:
        """See that nobody but the attacker is harmed: the person looks around, and a bystander's commit arrives.

        ``taken`` is a commit that has to arrive first; ``hangs`` allows the person's own git to wait for the tree.
        """
        at = self.attackers[role]
        if taken:
            eventually(lambda: self.tip(at.branch) == taken, within=PATIENCE, what=f"{taken} is imported")
        self.count += 1
        word = f"steady {self.count}"
        self.orders(word)
        trees = dict.fromkeys((at.worktree, self.checkout))
        with ThreadPoolExecutor(2) as pool:
            for _ in pool.map(lambda tree: self.looks_around(tree, hangs=hangs), trees):
                pass
        self.arrives(word)
        self.unharmed()

    def looks_around(self, tree: Path, *, hangs: bool) -> str:
        """Let the person enter a directory with their shell, and use git there as it is."""
        looks = "; ".join(f"git {words} >/dev/null" for words in _GIT_LOOKS)
        typed = f"cd '{tree}'\n{looks}\nls -la; exit\n"
        with subprocess.Popen(
            ("bash", "-i"), cwd=self.person.place, env=self.person.environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as shell:  # fmt: skip
            try:
                return shell.communicate(typed.encode(), timeout=3 if hangs else PATIENCE)[0].decode(errors="replace")
            except subprocess.TimeoutExpired:
                os.killpg(shell.pid, signal.SIGKILL)
                if not hangs:
                    raise
                return ""

    def orders(self, word: str) -> None:
        """Have the bystander make a commit that says this word."""
        (self.bystander / ".go").write_text(word)
        (self.bystander / ".go").rename(self.bystander / "go")

    def arrives(self, word: str) -> None:
        """Wait until that commit is in the repository."""
        at, ref = self.bystander / "at", self.person.repository / ".git/refs/orchestra/sessions/bystander"

        def look() -> bool:
            with suppress(FileNotFoundError):
                return (self.bystander / "word").read_text() == word and at.read_text() == ref.read_text()
            return False

        eventually(look, within=PATIENCE, what=f"the bystander's commit {word!r} is imported")

    def unharmed(self) -> None:
        """See that nothing of an attacker's ran, and that everything of the person's is as it was."""
        canaries = sorted(self.person.canary.parent.iterdir())
        assert canaries == [], [one.read_text(errors="replace") for one in canaries]
        after = self.watched()
        state = str(self.person.home.root / "projects")
        fresh = {name for name in after.keys() - self.before.keys() if not name.startswith((state, str(self.run)))}
        changed = {name for name in self.before if after.get(name) != self.before[name]} | fresh
        assert not changed, {name: (self.before.get(name), after.get(name)) for name in sorted(changed)}

    # What must stay as it is.

    def tip(self, branch: str) -> str:
        """Return where the host has a branch."""
        git = self.person.repository / ".git"
        with suppress(FileNotFoundError):
            return (git / "refs" / "heads" / branch).read_text().strip()
        return self.person.git("rev-parse", f"refs/heads/{branch}")

    def watched(self) -> dict[str, str]:
        """Return the marks of all files and settings that no attack may change."""
        person = self.person
        git, state = person.repository / ".git", person.home.root / "projects" / "tempo"
        roots = [person.place / "home", person.home.config, person.home.agents, person.place / "run"]
        roots += [git / name for name in _WATCHED_GIT] + [git / "refs" / "tags", git / "refs" / "notes"]
        roots += [
            part for session in state.glob("sessions/*") for part in session.iterdir() if part.name not in _OPEN_HOME
        ]
        found = {str(path): mark for root in roots for path, mark in _marks(root)}
        for name in ("list-sessions -F #{session_name}", "list-keys", "list-buffers", "show-options -g"):
            found[f"tmux {name}"] = person.tmux(*name.split(" "), server=OWN)
        windows = person.tmux("list-windows", "-a", "-F", "#{@orchestra_session}", server=OWN)
        found["windows"] = " ".join(sorted(windows.split()))
        ours = {at.branch for at in self.attackers.values()} | {"orchestra/bystander"}
        heads = [path for path in (git / "refs").rglob("*") if path.is_file()]
        names = {str(path.relative_to(git / "refs")) for path in heads}
        found["refs"] = " ".join(
            sorted(
                one
                for one in names
                if not one.startswith("orchestra/")
                and not one.endswith(".lock")
                and one.removeprefix("heads/") not in ours
            )
        )
        return found


def _marks(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield every file below a root, itself included, with what it is and holds."""
    paths = [root, *(Path(base, name) for base, dirs, files in os.walk(root) for name in (*dirs, *files))]
    for path in paths:
        with suppress(FileNotFoundError):
            seen = path.lstat()
            if path.name == "index":
                continue
            if stat.S_ISREG(seen.st_mode):
                yield path, f"{seen.st_mode:o} {seen.st_ino} {seen.st_mtime_ns} {hash(path.read_bytes())}"
            elif stat.S_ISLNK(seen.st_mode):
                yield path, f"link to {path.readlink()}"
            else:
                yield path, f"{seen.st_mode:o}"


def _empty(place: Path, kept: Sequence[Path]) -> None:
    """Remove everything below a directory but some places and the way to them, where mounts of containers lie."""
    for path in list(place.iterdir()):
        if path in kept:
            continue
        if not path.is_symlink() and any(path in one.parents and one.parent.exists() for one in kept):
            _empty(path, kept)
        else:
            subprocess.run(("rm", "-rf", "--", str(path)), check=True, timeout=PATIENCE)


@contextmanager
def besieged(place: Path) -> Iterator[Siege]:
    """Start the person's project with all its sessions; everything is taken away at the end."""
    canaries = place / "canaries"
    person = Owner(place, {"ORCHESTRA_AGENT": "idle", "EDITOR": "true", "CANARY": str(canaries / "canary")})
    with staying(person):
        canaries.mkdir()
        agents = person.home.agents
        agents.mkdir(parents=True)
        (agents / "steady.yaml").write_text(f"command: [sh, -c, {json.dumps(_STEADY)}]\n")
        (agents / "idle.yaml").write_text(_IDLE)
        person.home.config.write_text("copy: [.env, conf, keys, 'conf/*']\n")
        person.orchestra("up", "--detach")
        for words in (("bystander", "--agent", "steady"), ("evil",), ("pal", "--paired")):
            person.orchestra("new", *words)
        made = Siege(person, {role: _attacker(person, role) for role in ROLES})
        made.orders("steady 0")
        made.arrives("steady 0")
        made.remember()
        yield made


def _attacker(person: Owner, role: str) -> Attacker:
    name = _SESSIONS[role]
    row = person.json("show", name)
    state = next(person.home.root.glob(f"projects/tempo/sessions/*-{name}"))
    return Attacker(role, row["container"], Path(row["worktree"]), state, row["branch"])


__all__ = ["PATIENCE", "ROLES", "SECRET", "SUBMODULE", "Attacker", "Siege", "besieged"]
