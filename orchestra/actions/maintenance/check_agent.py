"""Test an agent without a terminal: its image, program, connection to Orchestra, login and model."""

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
from orchestra.agents import headless
from orchestra.agents.launch_files import past_proxies, runtime_text
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
"""The prompt that the test sends to the model."""
MODEL_DEADLINE = 60
"""Seconds for the agent to start, to ask its model and to answer."""
_PROGRAM_DEADLINE = 30.0
_CHECK_SECONDS = 6
_SLACK = 20.0
_VERSION = re.compile(r"\d+(?:\.\d+)+[-\w.]*")
_LOOK = 'command -v "$1" >/dev/null || exit 127; [ -z "$2" ] || exec "$1" --version'
_MISSING = 127


@dataclass(frozen=True)
class AgentCheck:
    """The agent under test, and how to make a fresh box for each of its programs."""

    project: Project
    session: Session
    profile: Profile
    image: str

    @property
    def box(self) -> Box:
        """The box, equal to a session's."""
        return container_spec.box_for(self.project, self.session, image=self.image)

    @property
    def contained(self) -> bool:
        """Whether it runs in a container."""
        return self.session.sandbox is SandboxKind.DOCKER

    def run(self, *words: str, deadline: float) -> Completed:
        """Run a program to its end in a fresh box."""
        return self.project.sandbox(self.session.sandbox).run_once(self.box, words, deadline=deadline)


def check_agent(project: Project, name: str, *, sandbox: str = "", progress: Progress = ignore) -> list[Finding]:
    """Test an agent in a fresh box and return the findings; everything but its image is removed.

    Raises UnknownProfile and BadConfig; any other problem is a finding.
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
    with beside(project, name, kind) as (scratch, session):
        return [*first, *_tried(AgentCheck(scratch, session, profile, image), progress)]


def _image(project: Project, name: str, progress: Progress) -> str:
    progress("checking its image")
    return build_image(project, name, progress=progress)


def _unguarded() -> Finding:
    return Finding("sandbox", well=True, detail="none: it runs directly on this machine")


def _tried(check: AgentCheck, progress: Progress) -> Iterator[Finding]:
    for step in (_program, _orchestra, _login, _model):
        try:
            yield from step(check, progress)
        except OrchestraError as error:
            yield trouble(step.__name__.strip("_"), error)


def _program(check: AgentCheck, progress: Progress) -> Iterator[Finding]:
    progress("starting its program")
    profile = check.profile
    name = next(iter(profile.command), profile.family if profile.version else "python3")
    done = check.run("sh", "-c", _LOOK, "sh", name, profile.version, deadline=_PROGRAM_DEADLINE)
    where = f"in the image {check.image}" if check.contained else "on this machine"
    if done.code == _MISSING:
        yield Finding("program", well=False, detail=f"there is no {name} {where}", repair=_install(check, name))
        return
    if done.code != 0:
        output = done.complaint or done.text.strip() or f"exit code {done.code}"
        yield Finding("program", well=False, detail=f"{name} does not run: {output}", repair=_install(check, name))
        return
    versions = _VERSION.findall(done.text)
    if profile.version and profile.version not in versions:
        actual = ", ".join(versions[:1]) or "an unknown version"
        detail = f"{name} {where} is {actual}; the profile requires {profile.version}"
        yield Finding("program", well=False, detail=detail, repair=_install(check, name))
        return
    yield Finding("program", well=True, detail=f"{name} {profile.version} answers".replace("  ", " "))


def _install(check: AgentCheck, name: str) -> str:
    if not check.contained:
        return f"install {name} {check.profile.version}".rstrip()
    if check.project.settings.image:
        return f"put {name} {check.profile.version} into it, or unset the setting image: orchestra config show"
    if name == check.profile.program and not (check.profile.version or check.profile.npm):
        return f"correct `command`, or install the program with `install` lines, in {check.profile.source}"
    return f"build it again: docker rmi {check.image} && orchestra image build {check.profile.name}"


def _orchestra(check: AgentCheck, progress: Progress) -> Iterator[Finding]:
    progress("checking that the agent can reach Orchestra")
    _start_service(check)
    context = provision.launch_context(check.project, check.session)
    token = f"{context.secrets_dir}/token"
    words = (context.python, "-c", runtime_text("check_service.py"), context.mcp_url, token, str(_CHECK_SECONDS))
    done = check.run(*past_proxies(context.mcp_url, *words), deadline=_PROGRAM_DEADLINE)
    try:
        answer = json.loads(done.text)
    except ValueError:
        answer = {"trouble": "odd", "reason": done.complaint or f"exit code {done.code}"}
    if answer.get("tools"):
        tools = len(answer["tools"])
        yield Finding("orchestra", well=True, detail=f"reachable at {context.mcp_url}; it lists {tools} tools")
        return
    yield unreachable(check.project, check.session.sandbox, context.mcp_url, answer)


def _start_service(check: AgentCheck) -> None:
    """Start a service only for the check, and write the agent's files."""
    internal = str(check.project.settings.network_internal).lower()
    ensure_running(check.project.paths, settings={"ORCHESTRA_NETWORK_INTERNAL": internal})
    provision.write_files(check.project, check.session, prepare=_once if check.profile.headless else None)


def _once(profile: Profile, context: LaunchContext) -> LaunchFiles:
    return headless(profile, replace(context, task=PROMPT))


def _login(check: AgentCheck, _progress: Progress) -> Iterator[Finding]:
    login = login_of(check.project, check.profile)
    if login.state in {"found", "none needed"}:
        yield Finding("login", well=True, detail=login.text)
        return
    detail = f"a new session has no login: {login.text}"
    yield Finding("login", well=False, detail=detail, repair=login_repair(check.project, check.profile))


def _model(check: AgentCheck, progress: Progress) -> Iterator[Finding]:
    login = login_of(check.project, check.profile)
    if not check.profile.headless:
        return
    if login.state not in {"found", "none needed"}:
        yield Finding("model", well=False, detail="not tested, because there is no login")
        return
    if not (check.project.session_paths(check.session).agent / "launch.sh").is_file():
        yield Finding("model", well=False, detail="not tested, because Orchestra's own service did not start")
        return
    progress(f"asking its model one short question (at most {MODEL_DEADLINE} s)")
    launcher = f"{provision.launch_context(check.project, check.session).agent_dir}/launch.sh"
    words = ("timeout", "-k", "5", str(MODEL_DEADLINE), "sh", launcher)
    yield _verdict(check, check.run(*words, deadline=MODEL_DEADLINE + _SLACK), login)


def _verdict(check: AgentCheck, done: Completed, login: Login) -> Finding:
    return judge(check.project, check.profile, check.session.sandbox, done, login)
