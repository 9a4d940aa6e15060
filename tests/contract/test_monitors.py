"""Every profile that sums up sessions, with its real program in a container: what it is asked, and what it answers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from orchestra.agents import names
from orchestra.drivers.sandbox.docker_config import ONCE
from tests.contract.stage import Stage
from tests.support.models.server import Rule, Say

pytestmark = pytest.mark.docker

ANSWER = "It stands by.\nNothing is open.\nDRIFT: it does nothing."
DECLARES_SOME = {"codex"}
"""Agents whose models are told of tools that cannot be used: what these need is switched off."""
RUNS_COMMANDS = ("bash", "shell", "exec_command", "write", "edit", "apply_patch", "fetch")


@pytest.fixture
def monitor(stage: Stage) -> Iterator[str]:
    """The profile that sums up sessions with the stage's agent, set; its model answers without tools too."""
    name = f"{stage.driver.profile}-monitor"
    if name not in names([]):
        pytest.skip(f"{stage.driver.profile} has no model")
    config = stage.person.home.config
    before, rules = config.read_text() if config.exists() else "", list(stage.model.rules)
    config.write_text(f"{before}monitor: {name}\nmonitor_every: 10000\n")
    stage.model.bare = True
    stage.model.rules[:] = [Rule([Say(ANSWER)])]
    yield name
    stage.model.bare = False
    stage.model.rules[:] = rules
    config.write_text(before)


def test_its_program_answers_without_tools_and_its_words_are_shown(stage: Stage, monitor: str) -> None:
    asked_before = len(stage.model.asked)
    (seen,) = stage.person.json("monitor", "main", "--summarize")
    said = seen["model_summary"]
    assert said["lines"] == ANSWER.splitlines()[:2]
    assert (said["drift"], said["by"], said["trouble"]) == ("it does nothing.", monitor, "")
    asked = stage.model.asked[asked_before]
    assert "You watch one session" in asked.everything
    assert "The session is called main" in asked.everything
    assert asked.key == stage.driver.secret
    assert not [tool for tool in asked.tools if tool.startswith(("orchestra", "mcp_"))]
    if stage.driver.profile in DECLARES_SOME:
        assert not [tool for tool in asked.tools if tool in RUNS_COMMANDS]
    else:
        assert asked.tools == ()
    shown = stage.person.orchestra("monitor", "main").stdout
    assert "a model says, not checked" in shown
    assert "drift from the spec? it does nothing." in shown
    used = stage.person.json("usage")["monitor"]["ever"]
    assert used["calls"] >= 1
    assert used["tokens_in"]
    assert used["tokens_out"]
    words = ("docker", "ps", "-aq", "--filter", f"label={ONCE}", "--filter", f"name={stage.person.home.tag}")
    assert subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout == ""


def test_a_model_that_fails_is_told(stage: Stage, monitor: str) -> None:
    stage.model.rules[:] = [Rule(status=401)]
    done = stage.person.orchestra("monitor", "main", "--summarize", check=False)
    assert done.returncode == 1
    assert monitor in done.stderr
    assert "Traceback" not in done.stderr
    (seen,) = stage.person.json("monitor", "main")
    assert seen["model_summary"]["trouble"]
