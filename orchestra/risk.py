"""Which changed files deserve to be looked at first, and why; the only place that decides this."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from orchestra.model import ChangedFile, FileStatus

_AGENTS = "tells agents what to do"
_EDITORS = "configures an editor or a shell"
_GIT = "configures git"
_HOOKS = "runs as a git hook"
_CI = "runs in CI"
_LOCK = "decides which packages are installed"
_TESTS = "removes a test"
_ACTS_AT_ONCE = frozenset({_AGENTS, _EDITORS, _GIT, _HOOKS})
UNLISTED = "very many files"
"""What stands for the changed files after those that are listed."""

_NAMES: Mapping[str, str] = {
    **dict.fromkeys((".mcp.json", "AGENTS.md", "AGENTS.override.md", "CLAUDE.md", "CLAUDE.local.md", "GEMINI.md",
                     "opencode.json", "opencode.jsonc", ".cursorrules", "copilot-instructions.md"), _AGENTS),
    **dict.fromkeys((".envrc", ".editorconfig"), _EDITORS),
    **dict.fromkeys((".gitattributes", ".gitmodules", ".gitconfig", ".lfsconfig"), _GIT),
    **dict.fromkeys((".pre-commit-config.yaml", "lefthook.yml", "lefthook.yaml", ".overcommit.yml"), _HOOKS),
    **dict.fromkeys((".gitlab-ci.yml", "Jenkinsfile", ".travis.yml", "azure-pipelines.yml", ".drone.yml",
                     "bitbucket-pipelines.yml", "appveyor.yml", ".cirrus.yml"), _CI),
    **dict.fromkeys(("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock",
                     "bun.lockb", "poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock", "Cargo.lock", "go.sum",
                     "Gemfile.lock", "composer.lock", "flake.lock", "mix.lock", "packages.lock.json",
                     "gradle.lockfile", "requirements.lock"), _LOCK),
}  # fmt: skip
"""By a file's own name, in any directory."""
_DIRECTORIES: Mapping[str, str] = {
    **dict.fromkeys((".claude", ".codex", ".gemini", ".opencode", ".cursor", ".orchestra"), _AGENTS),
    **dict.fromkeys((".vscode", ".idea", ".devcontainer"), _EDITORS),
    **dict.fromkeys((".githooks", ".husky", ".lefthook"), _HOOKS),
    **dict.fromkeys((".circleci", ".buildkite", ".ci", ".woodpecker", ".forgejo", ".gitea"), _CI),
}
"""By the name of any directory above a file."""
_GITHUB = re.compile(r"(^|/)\.github/(workflows|actions)/")
_TEST = re.compile(
    r"(^|/)(tests?|spec|__tests__)/|(^|/)(test_[^/]*|[^/]*[._-](test|tests|spec))\.[^/]+$", re.IGNORECASE
)


def of_path(path: str) -> str:
    """Return why a changed path is risky, empty if it is not."""
    parts = PurePosixPath(path).parts
    if _GITHUB.search(path):
        return _CI
    above = next((_DIRECTORIES[part] for part in parts[:-1] if part in _DIRECTORIES), "")
    # A file at the place of such a directory, or a link to one, counts too.
    return above or _NAMES.get(parts[-1] if parts else "", "") or _DIRECTORIES.get(parts[-1] if parts else "", "")


def acting(files: Iterable[ChangedFile], whole: bool) -> dict[str, str]:  # noqa: FBT001 -- as listed
    """Return the changed files that programs obey as soon as they are there, with why; what is not listed counts."""
    found = {file.path: why for file in files if (why := of_file(file)) in _ACTS_AT_ONCE}
    return found if whole else {**found, UNLISTED: "not all are looked at"}


def changed(files: Iterable[ChangedFile], whole: bool) -> dict[tuple[str, str], str]:  # noqa: FBT001 -- as listed
    """Return why files are risky, by path and content; of those that are not listed, if not the ``whole`` is, too."""
    found = {(file.path, file.mark): why for file in files if (why := of_file(file))}
    return found if whole else {**found, (UNLISTED, ""): "not all are looked at"}


def of_file(file: ChangedFile) -> str:
    """Return why a changed file is risky, empty if it is not; under its old name too."""
    if reason := of_path(file.path) or of_path(file.old_path):
        return reason
    was = file.old_path or file.path
    gone = file.status is FileStatus.DELETED or (file.old_path and not _TEST.search(file.path))
    return _TESTS if gone and _TEST.search(was) else ""
