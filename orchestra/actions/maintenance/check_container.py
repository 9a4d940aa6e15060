"""Test a temporary container equal to a session's: can it reach this machine, and can it commit?"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestra.actions.maintenance.diagnose import firewall_hint, proxied
from orchestra.actions.maintenance.finding import Finding, trouble
from orchestra.actions.maintenance.scratch_project import beside
from orchestra.actions.service_process import ping
from orchestra.actions.session import container_spec
from orchestra.actions.session.branch_sync import import_commits
from orchestra.agents.launch_files import past_proxies
from orchestra.drivers.sandbox import images
from orchestra.errors import OrchestraError
from orchestra.model import SandboxKind, Session

if TYPE_CHECKING:
    from orchestra.drivers.process import Completed
    from orchestra.project import Project

DEADLINE = 8.0
"""Seconds for everything that the container does."""
_KNOCK = 1.0
_NO_WAY = 3
_NO_COMMIT = 4
_NO_TOOLS = 9
_TRY = f"""
for tool in python3 git; do command -v $tool >/dev/null || exit {_NO_TOOLS}; done
python3 -c '
import socket, sys, urllib.request as way
proxy = way.getproxies().get("http")
if proxy and not way.proxy_bypass(sys.argv[1]): sys.exit("proxy: " + proxy)
socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)' "$1" "$2" 2>&1 ||
  code={_NO_WAY}
echo commit:
(echo proof >proof && git add proof && git commit -q -m proof) 2>&1 || exit $(({_NO_COMMIT} + ${{code:-0}}))
exit ${{code:-0}}
"""


def try_container(project: Project) -> list[Finding]:
    """Test a container of the default agent's image, or of any existing one; raises the engine's errors."""
    image = _image(project)
    if not image:
        detail = "not tested: there is no image yet"
        return [
            Finding(
                "container", well=True, detail=detail, repair="orchestra image build; then type again: orchestra doctor"
            )
        ]
    kind = SandboxKind.DOCKER
    with (
        beside(project, project.settings.agent, kind) as (scratch, recorded),
        _reachable_address(project) as (address, port),
    ):
        session = scratch.store.sessions.update(recorded.id, image=image)
        box = container_spec.box_for(scratch, session, image=image)
        words = past_proxies(f"http://{address}:{port}", "sh", "-c", _TRY, "sh", address, str(port))
        done = scratch.sandbox(kind).run_once(box, words, deadline=DEADLINE)
        if done.code == _NO_TOOLS:
            hint = "install both in it, or unset the setting image: orchestra config show"
            return [Finding("container", well=False, detail=f"the image {image} lacks git or python3", repair=hint)]
        return [_way(project, done, f"{address}:{port}"), _commit(scratch, session, done)]


def _image(project: Project) -> str:
    """Return the default agent's image if it is built, else the base layer, else an empty text."""
    recipe = container_spec.recipe_for(project, project.settings.agent)
    tags = (recipe.image or images.tag_for(recipe, "project"), images.tag_for(recipe, "base"))
    return next((tag for tag in tags if images.exists(tag)), "")


@contextmanager
def _reachable_address(project: Project) -> Iterator[tuple[str, int]]:
    """Yield an address at which containers can reach this machine: the running service's, else a temporary one."""
    address = project.sandbox(SandboxKind.DOCKER).gateway()
    answer = ping(project.paths)
    if answer and _listens(address, int(answer["port"])):
        yield address, int(answer["port"])
        return
    with socket.socket() as listener:
        try:
            listener.bind((address, 0))
        except OSError as error:
            message = f"{address}, the address of this machine for containers, cannot be used: {error.strerror}"
            hint = "use an engine that runs on this machine"
            raise OrchestraError(message, hint=hint) from error
        listener.listen()
        yield address, listener.getsockname()[1]


def _listens(address: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), _KNOCK):
        return True
    return False


def _way(project: Project, done: Completed, where: str) -> Finding:
    if done.code in {0, _NO_COMMIT}:
        return Finding("way to Orchestra", well=True, detail=f"containers can reach this machine at {where}")
    lines = done.text.partition("commit:")[0].strip().splitlines()
    reason = lines[-1] if lines else done.complaint or f"exit code {done.code}"
    if reason.startswith("proxy: "):
        return proxied("way to Orchestra", where, reason.removeprefix("proxy: "))
    detail = f"containers cannot reach this machine at {where} ({reason}): a firewall blocks them"
    return Finding("way to Orchestra", well=False, detail=detail, repair=firewall_hint(project))


def _commit(scratch: Project, session: Session, done: Completed) -> Finding:
    if done.code not in {0, _NO_WAY}:
        output = done.text.partition("commit:")[2].strip() or done.complaint
        detail = f"git in a container cannot commit: {output}"
        return Finding("commit", well=False, detail=detail, repair="check the engine's security options: docker info")
    try:
        here = import_commits(scratch, session) and scratch.store.sessions.get(session.name).commits == 1
    except OrchestraError as error:
        return trouble("commit", error)
    if not here:
        return Finding("commit", well=False, detail="a commit made in a container did not arrive in the repository")
    return Finding("commit", well=True, detail="a commit made in a container arrived in the repository")
