"""Shell completion, asked by the real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestra.project import Project
from tests.support.services import add_session, make_project

BIN = Path(sys.executable).parent
ASK = {
    "bash": """
source <(orchestra completion bash)
COMP_WORDS=({words}); COMP_CWORD={last}; _orchestra_completion orchestra; printf '%s\\n' "${{COMPREPLY[@]}}"
""",
    # zsh completes only on a terminal; what its function would be given can be printed.
    "zsh": """
autoload -Uz compinit; compinit -u -D; source <(orchestra completion zsh) 2>/dev/null
_TYPER_COMPLETE_ARGS="{line}" _ORCHESTRA_COMPLETE=complete_zsh orchestra
""",
    "fish": """
orchestra completion fish | source
complete --do-complete "{line}"
""",
}


def completed(shell: str, project: Project, *words: str) -> str:
    program = shutil.which(shell)
    assert program is not None, f"{shell} is installed with the tools of the tests"
    quoted = " ".join(f"'{word}'" for word in words)
    script = ASK[shell].format(words=quoted, last=len(words) - 1, line=" ".join(words))
    home = project.paths.home.root.parent / "person"
    home.mkdir(exist_ok=True)
    environment = {
        "HOME": str(home),
        "ORCHESTRA_HOME": str(project.paths.home.root),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
    }
    flags = {"bash": ("--norc", "-c"), "zsh": ("-f", "-c"), "fish": ("--no-config", "-c")}[shell]
    done = subprocess.run(
        (program, *flags, script),
        cwd=project.paths.source,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    made = make_project(tmp_path)
    add_session(made, "add-kelvin")
    add_session(made, "gone")
    made.store.sessions.update("gone", deleted_at=made.store.now())
    return made


@pytest.mark.parametrize("shell", ASK)
class TestShells:
    def test_names_of_sessions_are_completed(self, project: Project, shell: str) -> None:
        shown = completed(shell, project, "orchestra", "show", "add")
        assert "add-kelvin" in shown
        assert "gone" not in shown

    def test_every_name_of_a_review_is_completed(self, project: Project, shell: str) -> None:
        add_session(project, "add-rankine")
        shown = completed(shell, project, "orchestra", "review", "add-kelvin", "add-r")
        assert "add-rankine" in shown

    def test_only_deleted_sessions_can_be_restored(self, project: Project, shell: str) -> None:
        shown = completed(shell, project, "orchestra", "restore", "g")
        assert "gone" in shown
        assert "add-kelvin" not in shown

    def test_commands_and_profiles_are_completed(self, project: Project, shell: str) -> None:
        assert "doctor" in completed(shell, project, "orchestra", "doc")
        assert "codex" in completed(shell, project, "orchestra", "new", "x", "--agent", "co")

    def test_completing_in_a_repository_that_orchestra_does_not_know_creates_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str
    ) -> None:
        monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "empty"))
        project = Project(make_project(tmp_path).paths)
        shutil.rmtree(tmp_path / "empty")
        (tmp_path / "empty").mkdir()
        assert completed(shell, project, "orchestra", "show", "a").strip() in {"", "_files"}
        assert list((tmp_path / "empty").iterdir()) == []


def test_another_shell_is_refused_with_the_ones_there_are(tmp_path: Path) -> None:
    done = subprocess.run(
        (BIN / "orchestra", "completion", "tcsh"), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "bash, zsh, fish" in done.stderr
