"""Filter programs (Git LFS, encryption): recognise unchanged files without running them, and run only safe ones.

The programs are the person's, and run only if no agent can influence what runs.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestra.drivers.git.command import Git, as_variables
from orchestra.drivers.git.listed_settings import listed
from orchestra.drivers.untrusted_tree import UntrustedTree

_ENTRY = re.compile(
    r"(?P<path>[^\0]+)\0\s+ctime: (?P<ctime>\d+:\d+)\n\s+mtime: (?P<mtime>\d+:\d+)\n"
    r"\s+dev: \d+\s+ino: (?P<inode>\d+)\n\s+uid: \d+\s+gid: \d+\n\s+size: (?P<size>\d+)\s+flags: \w+\n"
)
LOW_32_BITS = 0xFFFFFFFF
"""The bits of an inode and of a size that git stores."""
_MOST_ARGUMENTS = 200
_PROGRAMS = ("clean", "smudge", "process")
_OPERATORS = frozenset(";|&()<>")
_KEYWORDS = frozenset({"if", "then", "else", "elif", "fi", "while", "do", "done", "{", "}", "!", "exec", "command"})
_BUILTINS = frozenset({":", "cd", "echo", "exit", "false", "printf", "read", "set", "test", "[", "true", "export"})
_REDIRECTION = re.compile(r"&?[<>]+&?")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_NOWHERE = "file:///dev/null"
# Git LFS uses the contents that are on this machine. For others a commit could name the server (.lfsconfig), so Git LFS
# gets no server and leaves their pointers: fetching them (`git lfs pull`) is up to the person. A transfer agent of the
# person's (lfs.standalonetransferagent, git-lfs-config(5)) would still fetch, so Git LFS's own one for files is set.
_WITHOUT_NETWORK = {
    "GIT_LFS_SKIP_DOWNLOAD_ERRORS": "1",
    **as_variables({"lfs.url": _NOWHERE, f"lfs.{_NOWHERE}.standalonetransferagent": "lfs-standalone-file"}),
}
_PERSONS = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")


def untouched(git: Git, host: Git, tree: UntrustedTree, changed: Sequence[str]) -> set[str]:
    """Return those paths whose files a filter wrote and nobody has changed since.

    Git compares files as old as the index by content, here the unfiltered content. The recorded
    nanoseconds are more precise: if they are equal, the file is the one that git wrote. Source of
    the format: git-ls-files(1), ``--debug``.
    """
    if not changed or not any(item.startswith("filter.") for item in listed(host)):
        return set()
    behind = _behind_a_filter(git, changed)
    if not behind:
        return set()
    asked: Collection[str] = behind if len(behind) <= _MOST_ARGUMENTS else ()
    record = git.at(host.git_dir / "index").run("ls-files", "-z", "--debug", "--", *asked).text
    noted = (entry for entry in _ENTRY.finditer(record) if entry["path"] in behind)
    return {entry["path"] for entry in noted if _is_as_noted(entry, tree)}


def noted(git: Git, paths: Collection[str], *, younger_than: int) -> dict[str, tuple[int, int, int, int]]:
    """Return change time, modification time, inode and size of the files that are unchanged according to git's index.

    Times are in nanoseconds since 1970. A file as young as ``younger_than``, the time of the index,
    may have been changed within the same clock tick, so it is left out.
    """
    asked = paths if len(paths) <= _MOST_ARGUMENTS else ()
    wanted = set(paths)
    stats: dict[str, tuple[int, int, int, int]] = {}
    for entry in _ENTRY.finditer(git.run("ls-files", "-z", "--debug", "--", *asked).text):
        changed, modified = _nanoseconds(entry["ctime"]), _nanoseconds(entry["mtime"])
        if entry["path"] in wanted and 0 < modified < younger_than:
            stats[entry["path"]] = changed, modified, int(entry["inode"]), int(entry["size"])
    return stats


def _behind_a_filter(git: Git, paths: Sequence[str]) -> set[str]:
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    fields = git.run("check-attr", "-z", "--stdin", "filter", stdin=names).text.split("\0")
    pairs = zip(fields[::3], fields[2::3], strict=False)
    return {path for path, value in pairs if value not in {"unspecified", "unset"}}


def _is_as_noted(entry: re.Match[str], tree: UntrustedTree) -> bool:
    times = tree.times(entry["path"])
    if times is None:
        return False
    changed, modified, inode, size = times
    noted = (entry["ctime"], entry["mtime"], int(entry["inode"]), int(entry["size"]))
    return noted == (_parts(changed), _parts(modified), inode & LOW_32_BITS, size & LOW_32_BITS)


def _nanoseconds(parts: str) -> int:
    seconds, _, rest = parts.partition(":")
    return int(seconds) * 1_000_000_000 + int(rest)


def _parts(nanoseconds: int) -> str:
    return "{}:{}".format(*divmod(nanoseconds, 1_000_000_000))


@dataclass(frozen=True, slots=True)
class Setting:
    """One git setting and the file that it is from; None if it is not from a file."""

    origin: Path | None
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Filters:
    """The person's filter programs: those that may run, and why the others may not.

    ``safe`` maps a driver to its settings; ``unsafe`` maps a driver to a reason. ``path`` is their
    search path for programs.
    """

    safe: Mapping[str, Mapping[str, str]]
    unsafe: Mapping[str, str]
    path: str

    def settings(self, room: Path, git_dir: Path, *, only: Collection[str] | None = None) -> dict[str, str]:
        """Return git settings that run the safe programs in the empty directory ``room``, as if for ``git_dir``.

        A relative path in a program's command line then never leads to a file of an agent.
        """
        front = _front(room, git_dir, self.path)
        settings: dict[str, str] = {}
        for driver, parts in self.safe.items():
            if only is None or driver in only:
                commands = {part: f"{front}{text}" for part, text in parts.items() if part in _PROGRAMS and text}
                settings |= {f"filter.{driver}.{part}": text for part, text in commands.items()}
                settings[f"filter.{driver}.required"] = parts.get("required", "false")
        return settings


def settings_of(git: Git) -> list[Setting]:
    """Return every effective git setting in git's order: the last one of a key wins."""
    items = git.lines0("config", "--list", "-z", "--show-origin")
    pairs = zip(items[::2], items[1::2], strict=True)
    return [Setting(_origin(origin), *_key_and_value(item)) for origin, item in pairs]


def filters_of(settings: Iterable[Setting], writable: Sequence[Path], own: Path, path: str = "") -> Filters:
    """Sort the filter programs of the settings by whether an agent could influence what runs.

    ``writable`` are the directories that agents can write, except ``own``, the repository's git
    directory. A setting from a file in there does not count, and a program is unsafe if its command
    names something in there or cannot be determined before it runs.
    """
    drivers: dict[str, dict[str, str]] = {}
    foreign: dict[str, str] = {}
    for setting in settings:
        if not setting.key.startswith("filter."):
            continue
        driver, _, part = setting.key.removeprefix("filter.").rpartition(".")
        if setting.origin is not None and is_agents(setting.origin, writable, own):
            foreign[driver] = f"it is set in {setting.origin}, which an agent can change"
            drivers.pop(driver, None)
        else:
            foreign.pop(driver, None)
            drivers.setdefault(driver, {})[part] = setting.value
    safe_path = trusted_path(writable, path)
    reasons = {driver: _reason(parts, writable, path) for driver, parts in drivers.items()}
    unsafe = foreign | {driver: reason for driver, reason in reasons.items() if reason}
    return Filters({driver: parts for driver, parts in drivers.items() if driver not in unsafe}, unsafe, safe_path)


def is_inside(path: Path, directories: Iterable[Path]) -> bool:
    """Return whether a path is in one of the directories, literally or through symlinks."""
    # As text, because a search path is looked through for every program of every filter.
    places = [_with_slash(text) for text in (os.path.normpath(path), os.path.realpath(path))]
    tops = (_with_slash(top) for place in directories for top in (os.fspath(place), os.path.realpath(place)))
    return any(place.startswith(top) for top in tops for place in places)


def _with_slash(path: str) -> str:
    return f"{path.rstrip('/')}/"


def is_agents(origin: Path, writable: Sequence[Path], own: Path) -> bool:
    """Return whether an agent can change a settings file: it is in a writable directory and not in ``own``."""
    written, real = Path(os.path.normpath(origin)), Path(os.path.realpath(origin))
    return is_inside(origin, writable) and not (own in written.parents and own in real.parents)


def trusted_path(directories: Sequence[Path], path: str = "") -> str:
    """Return the program search path without relative entries and without those in one of the directories."""
    parts = (path or os.environ.get("PATH", os.defpath)).split(os.pathsep)
    return os.pathsep.join(part for part in parts if part.startswith("/") and not is_inside(Path(part), directories))


def unsafe_word(command: str, writable: Sequence[Path], path: str = "") -> str:
    """Return the word of a shell command through which an agent could influence what runs; empty if none.

    The command is run in an empty directory, so a relative argument is harmless, and a relative
    program is not found there.
    """
    try:
        lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = ""
        words = list(lexer)
    except ValueError:
        return command
    starts, redirects = True, False
    for word in words:
        if set(word) <= _OPERATORS:
            redirects = _REDIRECTION.fullmatch(word) is not None
            starts = starts or not redirects
        elif redirects and not _leads_inside(word, writable):
            redirects = False
        elif starts and word in _KEYWORDS:
            continue
        elif _leads_inside(word, writable) or "`" in word or "$(" in word:
            return word
        elif starts and not _ASSIGNMENT.match(word):
            if not _is_found(word, writable, path):
                return word
            starts = False
    return ""


def _leads_inside(word: str, writable: Sequence[Path]) -> bool:
    full = _expanded(word)
    tops = {str(top) for directory in writable for top in (directory, os.path.realpath(directory))}
    if any(top in text for top in tops for text in (word, full)):
        return True
    value = full.partition("=")[2] if "=" in full else full
    return value.startswith("/") and is_inside(Path(value), writable)


def _is_found(word: str, writable: Sequence[Path], path: str) -> bool:
    """Return whether a program is found outside the directories; shell builtins count as found."""
    full = _expanded(word)
    if full in _BUILTINS:
        return True
    if "$" in full or ("/" in full and not full.startswith("/")):
        return False
    program = shutil.which(full, path=trusted_path(writable, path))
    return program is not None and not is_inside(Path(program), writable)


def _reason(parts: Mapping[str, str], writable: Sequence[Path], path: str) -> str:
    for part in _PROGRAMS:
        if word := unsafe_word(parts.get(part, ""), writable, path):
            why = "is not found" if "/" not in word else "an agent can change"
            return f"its {part} program is {word!r}, which {why}"
    return ""


def _expanded(word: str) -> str:
    """Return a word as the shell will see it, with the person's home and environment variables expanded."""
    return os.path.expandvars(re.sub(r"(?:(?<=[=:])|^)~(?=/)", lambda _: str(Path.home()), word))


def _front(room: Path, git_dir: Path, path: str) -> str:
    """Return the beginning of a filter's command, which sets the environment that git gives it."""
    kept = {name: os.environ[name] for name in _PERSONS if name in os.environ}
    given = {"GIT_DIR": str(git_dir), "GIT_WORK_TREE": str(room), "PATH": path} | _WITHOUT_NETWORK | kept
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in given.items())
    return (
        f"cd {shlex.quote(str(room))} || exit 1\n"
        "for v in $(env | sed -n 's/^\\(GIT_[A-Z0-9_]*\\)=.*/\\1/p'); do unset \"$v\"; done\n"
        f"export {words}\n"
    )


def _origin(text: str) -> Path | None:
    kind, _, path = text.partition(":")
    return Path(path) if kind == "file" else None


def _key_and_value(item: str) -> tuple[str, str]:
    key, _, value = item.partition("\n")
    return key, value
