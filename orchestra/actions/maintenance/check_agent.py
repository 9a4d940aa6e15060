"""Trying an agent without a terminal: its image, its program, the way to Orchestra, its login and its model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestra.actions.maintenance.agent_report import Login, login_of, login_repair
from orchestra.actions.maintenance.diagnose import judge, unreachable
from orchestra.actions.maintenance.finding import Finding, trouble
from orchestra.actions.maintenance.scratch_project import beside
from orchestra.actions.service_process import ensure_running
from orchestra.actions.session import container_spec, provision
from orchestra.actions.session.choose_sandbox import choose_sandbox
from orchestra.actions.session.image import build_image
from orchestra.errors import EngineDown, OrchestraError
from orchestra.model import SandboxKind
from orchestra.protocol import Progress, ignore

if TYPE_CHECKING:
    from orchestra.agents import LaunchContext, LaunchFiles, Profile
    from orchestra.drivers.process import Completed
    from orchestra.drivers.sandbox.protocol import Box
    from orchestra.model import Session
    from orchestra.project import Project

PROMPT = "Orchestra only checks that you can be reached. Use no tool, change nothing, reply with this one word: ready"
"""What an agent with a model is asked."""
MODEL_DEADLINE = 60
"""Seconds that an agent has to start, to ask its model, and to answer."""
_PROGRAM_DEADLINE = 30.0
_KNOCKING = 6
_SLACK = 20.0
_VERSION = re.compile(r"\d+(?:\.\d+)+[-\w.]*")
_LOOK = 'command -v "$1" >/dev/null || exit 127; [ -z "$2" ] || exec "$1" --version'
_MISSING = 127


@dataclass(frozen=True)
class Trial:
    """One agent that is tried: what it is, and the box that each of its programs gets a fresh one of."""

    project: Project
    session: Session
    profile: Profile
    image: str

    @property
    def box(self) -> Box:
        """The box, as a session's would be."""
        return container_spec.box_for(self.project, self.session, image=self.image)

    @property
    def contained(self) -> bool:
        """Whether it runs in a container."""
        return self.session.sandbox is SandboxKind.DOCKER

    def run(self, *words: str, deadline: float) -> Completed:
        """Run a program to its end in a fresh box."""
        return self.project.sandbox(self.session.sandbox).run_once(self.box, words, deadline=deadline)


def check_agent(project: Project, name: str, *, sandbox: str = "", progress: Progress = ignore) -> list[Finding]:
    """Try an agent in a fresh box and return what was found; all but its image is taken away again.

    Raises UnknownProfile and BadConfig; every other trouble is a finding.
    """
    profile = project.profile(name)
    try:
        kind = choose_sandbox(project, sandbox, command=f"orchestra agents check {name}")
    except EngineDown as error:
        return [trouble("docker engine", error)]
    try:
        image = _image(project, name, progress) if kind is SandboxKind.DOCKER else ""
    except OrchestraError as error:
        return [trouble("image", error)]
    first = [Finding("image", well=True, detail=image)] if image else [_unguarded()]
    with beside(project, name, kind) as (aside, session):
        return [*first, *_tried(Trial(aside, session, profile, image), progress)]


def _image(project: Project, name: str, progress: Progress) -> str:
    progress("looking for its image")
    return build_image(project, name, progress=progress)


def _unguarded() -> Finding:
    return Finding("sandbox", well=True, detail="none: it runs on this machine itself")


def _tried(trial: Trial, progress: Progress) -> Iterator[Finding]:
    for step in (_program, _orchestra, _login, _model):
        try:
            yield from step(trial, progress)
        except OrchestraError as error:
            yield trouble(step.__name__.strip("_"), error)


def _program(trial: Trial, progress: Progress) -> Iterator[Finding]:
    progress("starting its program")
    profile = trial.profile
    name = next(iter(profile.command), profile.family if profile.version else "python3")
    done = trial.run("sh", "-c", _LOOK, "sh", name, profile.version, deadline=_PROGRAM_DEADLINE)
    where = f"in the image {trial.image}" if trial.contained else "on this machine"
    if done.code == _MISSING:
        yield Finding("program", well=False, detail=f"there is no {name} {where}", repair=_install(trial, name))
        return
    if done.code != 0:
        said = done.complaint or done.text.strip() or f"exit code {done.code}"
        yield Finding("program", well=False, detail=f"{name} does not run: {said}", repair=_install(trial, name))
        return
    found = _VERSION.findall(done.text)
    if profile.version and profile.version not in found:
        detail = f"{name} {where} is {', '.join(found[:1]) or 'of no version'}; the profile wants {profile.version}"
        yield Finding("program", well=False, detail=detail, repair=_install(trial, name))
        return
    yield Finding("program", well=True, detail=f"{name} {profile.version} answers".replace("  ", " "))


def _install(trial: Trial, name: str) -> str:
    if not trial.contained:
        return f"install {name} {trial.profile.version}".rstrip()
    if trial.project.settings.image:
        return f"put {name} {trial.profile.version} into it, or unset the context image: orchestra config show"
    if name == trial.profile.program and not (trial.profile.version or trial.profile.npm):
        return f"correct its `command`, or have it installed by `install` lines, in {trial.profile.source}"
    return f"build it anew: docker rmi {trial.image} && orchestra image build {trial.profile.name}"


def _orchestra(trial: Trial, progress: Progress) -> Iterator[Finding]:
    from orchestra.agents.launch_files import past_proxies, runtime_text  # noqa: PLC0415 -- loads when touched

    progress("checking that the agent can reach Orchestra")
    _start_service(trial)
    context = provision.launch_context(trial.project, trial.session)
    token = f"{context.secrets_dir}/token"
    words = (context.python, "-c", runtime_text("knock.py"), context.mcp_url, token, str(_KNOCKING))
    done = trial.run(*past_proxies(context.mcp_url, *words), deadline=_PROGRAM_DEADLINE)
    try:
        found = json.loads(done.text)
    except ValueError:
        found = {"trouble": "odd", "reason": done.complaint or f"exit code {done.code}"}
    if found.get("tools"):
        tools = len(found["tools"])
        yield Finding("orchestra", well=True, detail=f"reachable at {context.mcp_url}; it lists {tools} tools")
        return
    yield unreachable(trial.project, trial.session.sandbox, context.mcp_url, found)


def _start_service(trial: Trial) -> None:
    """Start a service for the trial alone, and write what the agent is given."""
    internal = str(trial.project.settings.network_internal).lower()
    ensure_running(trial.project.paths, settings={"ORCHESTRA_NETWORK_INTERNAL": internal})
    provision.write_files(trial.project, trial.session, prepare=_once if trial.profile.headless else None)


def _once(profile: Profile, context: LaunchContext) -> LaunchFiles:
    from orchestra.agents import headless  # noqa: PLC0415 -- loads when touched

    return headless(profile, replace(context, task=PROMPT))


def _login(trial: Trial, _progress: Progress) -> Iterator[Finding]:
    login = login_of(trial.project, trial.profile)
    if login.state in {"found", "none needed"}:
        yield Finding("login", well=True, detail=login.text)
        return
    detail = f"none that a session begins with: {login.text}"
    yield Finding("login", well=False, detail=detail, repair=login_repair(trial.project, trial.profile))


def _model(trial: Trial, progress: Progress) -> Iterator[Finding]:
    login = login_of(trial.project, trial.profile)
    if not trial.profile.headless:
        return
    if login.state not in {"found", "none needed"}:
        yield Finding("model", well=False, detail="not asked, for want of a login")
        return
    if not (trial.project.place(trial.session).agent / "launch.sh").is_file():
        yield Finding("model", well=False, detail="not asked: Orchestra's own part did not start")
        return
    progress(f"asking its model one short question (at most {MODEL_DEADLINE} s)")
    launcher = f"{provision.launch_context(trial.project, trial.session).agent_dir}/launch.sh"
    words = ("timeout", "-k", "5", str(MODEL_DEADLINE), "sh", launcher)
    yield _verdict(trial, trial.run(*words, deadline=MODEL_DEADLINE + _SLACK), login)


def _verdict(trial: Trial, done: Completed, login: Login) -> Finding:
    return judge(trial.project, trial.profile, trial.session.sandbox, done, login)
