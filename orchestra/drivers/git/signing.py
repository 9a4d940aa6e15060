"""Sign commits as the person's own git is set up, with no program or setting that an agent can change."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestra.drivers.git import filter_programs
from orchestra.drivers.git.repository import Repository
from orchestra.errors import Refused

_PROGRAMS = {
    "openpgp": ("gpg.program", "gpg"),
    "x509": ("gpg.x509.program", "gpgsm"),
    "ssh": ("gpg.ssh.program", "ssh-keygen"),
}
"""The setting of each format's program, and the program without it (git-config(1), gpg)."""
_KEPT = frozenset({"user.signingkey", "gpg.format", "gpg.ssh.defaultkeycommand"})
_YES = frozenset({"true", "yes", "on", "1", ""})
_OFF = "or sign no commits here: git config commit.gpgsign false"


def settings(repo: Repository) -> dict[str, str]:
    """Return the settings with which ``git commit-tree -S`` signs; empty if the person does not sign commits.

    Raises Refused for a program that an agent can change, or that is not there.
    """
    writable = (repo.root, *repo.worktrees())
    known = _persons(repo, writable)
    if known.get("commit.gpgsign", "false").lower() not in _YES:
        return {}
    form = known.get("gpg.format", "openpgp").lower()
    if form not in _PROGRAMS:
        raise Refused(f"git cannot sign in the format {form!r}", hint=f"see: git config gpg.format, {_OFF}")
    setting, usual = _PROGRAMS[form]
    kept = {key: value for key, value in known.items() if key in _KEPT}
    _require_safe(kept, writable)
    return {**kept, setting: _program(known.get(setting, usual), writable)}


def _persons(repo: Repository, writable: Sequence[Path]) -> dict[str, str]:
    """Return the last value of each setting from a file that no agent can write."""
    return {
        setting.key: setting.value
        for setting in filter_programs.settings_of(repo.git())
        if setting.origin is not None and not filter_programs.is_agents(setting.origin, writable, repo.common_dir)
    }


def _program(name: str, writable: Sequence[Path]) -> str:
    expanded = str(Path(name).expanduser())
    found = shutil.which(expanded, path=filter_programs.trusted_path(writable)) if not _is_relative(expanded) else None
    if found is None or filter_programs.is_inside(Path(found), writable):
        why = "an agent can change it" if found else "it is not found"
        raise Refused(f"git would sign with {name!r}, but {why}", hint=f"see: git config gpg.program, {_OFF}")
    return found


def _is_relative(name: str) -> bool:
    return "/" in name and not name.startswith("/")


def _require_safe(kept: Mapping[str, str], writable: Sequence[Path]) -> None:
    if word := filter_programs.unsafe_word(kept.get("gpg.ssh.defaultkeycommand", ""), writable):
        raise Refused(f"gpg.ssh.defaultKeyCommand has {word!r}, which an agent can change", hint=_OFF)
    key = Path(kept.get("user.signingkey", "")).expanduser()
    if key.is_absolute() and filter_programs.is_inside(key, writable):
        raise Refused(f"the signing key {key} is where an agent can change it", hint=f"move it, {_OFF}")
