"""Windows that messages are typed into, and what their programs have written down of it."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.actions.messaging import messages
from orchestra.drivers.tmux.driver import Tmux
from orchestra.model import Intent, MessageState, Session, State
from orchestra.project import Project
from orchestra.service.delivery.decide import Pace
from tests.support.services import eventually, make_project

FAST = Pace(quiet=0, idle=0, patience=0, proof=0.4, again=60)


def typing_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Yield a project with a home of its own."""
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    made = make_project(tmp_path)
    yield made
    made.store.close()


def typing_tmux(tmp_path: Path) -> Iterator[Tmux]:
    """Yield a tmux server of its own."""
    socket = f"/tmp/orchestra-delivery-{uuid.uuid4().hex[:8]}"
    server = Tmux(socket)
    server.start("delivery", tmp_path)
    yield server
    subprocess.run(("tmux", "-S", socket, "kill-server"), check=False, capture_output=True, timeout=60)
    Path(socket).unlink(missing_ok=True)


def agent(project: Project, tmux: Tmux, tmp_path: Path, *, hooks: bool) -> Session:
    """Give alpha a window whose program writes down every line it is sent, and an agent that is typed at."""
    profile = project.paths.home.agents / "scribe.yaml"
    profile.parent.mkdir(parents=True, exist_ok=True)
    profile.write_text(f"command: [bash]\ndelivery: type\nprompt: ready\nhooks: {str(hooks).lower()}\n")
    project.store.workspace.update(tmux_socket=tmux.socket)
    script = 'stty -echo; printf ready; while IFS= read -r line; do printf "%s\\n" "$line" >>"$0"; done'
    name = str(project.paths.source)
    session = tmux.find_session("delivery")
    assert session is not None
    window = tmux.windows.open_agent(
        session, "alpha", ("bash", "-c", script, str(tmp_path / "typed")), session="alpha", project=name, cwd=tmp_path
    )
    eventually(lambda: "ready" in tmux.panes.capture(window.pane))
    return project.store.sessions.update("alpha", agent="scribe", intent=Intent.RUN, state=State.IDLE)


def typed(tmp_path: Path) -> str:
    """Return all that was typed so far."""
    file = tmp_path / "typed"
    return file.read_text() if file.exists() else ""


def sees(tmp_path: Path, text: str) -> str:
    """Wait until a text was typed, and return all that was; what is typed is written down line by line."""
    return eventually(lambda: so_far if text in (so_far := typed(tmp_path)) else "")


def say(project: Project, text: str) -> int:
    """Send alpha a message, and return its number."""
    return messages.send(project, sender="main", recipient="alpha", text=text).id


def state_of(project: Project, number: int) -> MessageState:
    """Return the state of a message to alpha."""
    (found,) = [one for one in project.store.messages.select(recipient="alpha") if one.id == number]
    return found.state


def keys(tmux: Tmux, pane: str, *words: str) -> None:
    """Press keys, as the person would."""
    subprocess.run(("tmux", "-S", tmux.socket, "send-keys", "-t", pane, *words), check=True, timeout=60)
