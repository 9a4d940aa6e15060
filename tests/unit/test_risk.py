"""Which changed files are risky, and why."""

from __future__ import annotations

import pytest

from orchestra import risk
from orchestra.model import ChangedFile, FileStatus


def changed(path: str, status: FileStatus = FileStatus.MODIFIED, old_path: str = "") -> ChangedFile:
    return ChangedFile(path, status, "100644", "100644", "a" * 40, "b" * 40, old_path)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".claude/settings.json", "tells agents what to do"),
        ("sub/AGENTS.md", "tells agents what to do"),
        (".orchestra/config.yaml", "tells agents what to do"),
        (".envrc", "configures an editor or a shell"),
        ("deep/.vscode/tasks.json", "configures an editor or a shell"),
        (".gitattributes", "configures git"),
        (".husky/pre-commit", "runs as a git hook"),
        (".husky", "runs as a git hook"),
        (".github/workflows/test.yml", "runs in CI"),
        (".ci/run", "runs in CI"),
        ("web/package-lock.json", "decides which packages are installed"),
    ],
)
def test_what_runs_or_steers_is_risky(path: str, reason: str) -> None:
    assert risk.of_path(path) == risk.of_file(changed(path)) == reason


@pytest.mark.parametrize("path", ["app.py", "docs/claude.md", ".github/ISSUE_TEMPLATE.md", "lock/yarn.lock.md", "a"])
def test_what_only_looks_alike_is_not(path: str) -> None:
    assert risk.of_file(changed(path)) == ""


@pytest.mark.parametrize("path", ["tests/test_app.py", "app_test.go", "src/app.spec.ts", "src/__tests__/app.js"])
def test_a_removed_test_is_risky_and_a_changed_one_is_not(path: str) -> None:
    assert risk.of_file(changed(path, FileStatus.DELETED)) == "removes a test"
    assert risk.of_file(changed(path)) == ""
    assert risk.of_file(changed("old/app.txt", FileStatus.RENAMED, path)) == "removes a test"
    assert risk.of_file(changed("tests/test_new.py", FileStatus.RENAMED, path)) == ""


def test_a_risky_file_stays_risky_under_another_name() -> None:
    assert risk.of_file(changed("notes.txt", FileStatus.RENAMED, ".envrc")) == "configures an editor or a shell"
