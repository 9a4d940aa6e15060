"""Containers as sandboxes: one container per session, with the agent as its main process."""

from __future__ import annotations

import contextlib
import math
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from orchestra.drivers import process
from orchestra.drivers.process import Completed
from orchestra.drivers.sandbox import docker_events, docker_networks
from orchestra.drivers.sandbox.docker_client import (
    CALL_DEADLINE,
    LOOK_DEADLINE,
    appears,
    command,
    connect,
    engine_version,
    is_conflict,
    is_silence,
    require_engine,
    translated,
)
from orchestra.drivers.sandbox.docker_config import (
    DEFINITION,
    HOME,
    NO_GIT_SETTINGS,
    ONCE,
    OWNER,
    PROJECT,
    Installation,
    configuration,
    is_earlier,
    throw_away,
)
from orchestra.drivers.sandbox.protocol import SHELL, STOP_GRACE, Box, name_of
from orchestra.drivers.shared_looks import SharedLooks
from orchestra.errors import CommandFailed, DeadlineExceeded, NotFound, Refused
from orchestra.model import BoxEnd, BoxSight, BoxState, SandboxKind

__all__ = ["DockerSandbox", "engine_version"]

_ATTACH = Path(__file__).with_name("attach.sh")
_SET_UP_SECONDS = "10"
"""Seconds after which a started agent has set up its terminal (Claude Code: 1 s)."""
_NETWORK_STAYS = 15.0
"""Seconds for which a seen network is assumed to exist."""
_STATES = {
    "created": BoxState.CREATED,
    "running": BoxState.RUNNING,
    "paused": BoxState.RUNNING,
    "restarting": BoxState.RUNNING,
    "removing": BoxState.ABSENT,
    "exited": BoxState.EXITED,
    "dead": BoxState.EXITED,
}
_REMOVAL_LOOKS = 400
"""Twenty seconds; a busy machine needs some of them to unmount a container's files."""
_EXIT_CODE = re.compile(r"\((\d+)\)")


class DockerSandbox:
    """The boxes of one home as containers on one network.

    ``home_tag`` and ``owner`` are `Home.tag` and `Home.owner`; ``home`` is where it is. A container
    of the same name that belongs to another home counts as absent, and is never changed.
    ``internal`` says whether the network reaches only the host; it is called each time, and may
    raise.
    """

    kind = SandboxKind.DOCKER

    def __init__(
        self,
        network: str,
        *,
        internal: Callable[[], bool] = lambda: False,
        home_tag: str = "",
        owner: str = "",
        home: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._installation = Installation(network, home_tag, owner, home)
        self._internal = internal
        self._clock = clock
        self._network_seen = -math.inf
        self._fresh: dict[str, str] = {}
        self._networks: SharedLooks[dict[str, Any]] = SharedLooks()
        self._lists: SharedLooks[list[dict[str, Any]]] = SharedLooks()

    def create(self, box: Box) -> None:
        """Create the container, replacing a stopped one with another definition.

        Raises Refused if the name belongs to somebody else's container or a mount would show the
        engine's socket; NotFound for a missing image; EngineDown; CommandFailed.
        """
        self._know_network()
        wanted = configuration(connect(), box, self._installation)
        try:
            self._fresh[box.name] = self._make(box.name, wanted)
        except (CommandFailed, NotFound) as error:
            # Usually there is none of that name, and checking first would be another call to the engine.
            container = appears(lambda: self._inspect(box.name)) if is_conflict(error) else self._inspect(box.name)
            if container is None:
                raise
            self._replace(box.name, container, wanted)

    def _replace(self, name: str, container: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        self._require_ours(name, container)
        running = _sight(container).state is BoxState.RUNNING
        if running or _same_definition(container["Config"]["Labels"], wanted["labels"]):
            return
        self.remove(name)
        try:
            self._make(name, wanted)
        except CommandFailed as error:
            # Another process created it meanwhile.
            if not is_conflict(error) or appears(lambda: self._inspect(name)) is None:
                raise

    def _make(self, name: str, wanted: Mapping[str, Any]) -> str:
        with translated(f"create the container {name}"):
            return str(connect().create_container(name=name, **wanted)["Id"])

    def start(self, name: str) -> None:
        """Start a container that was created or has exited; raises NotFound, EngineDown or CommandFailed."""
        if self._start_made(name):
            return
        network = self.ensure_network()
        container = self._inspect(name)
        if container is None:
            raise NotFound(f"there is no container {name}", hint="type: orchestra up")
        self._require_ours(name, container)
        if _sight(container).state is BoxState.RUNNING:
            return
        _rejoin(name, container, self._installation.network, network["Id"])
        with translated(f"start the container {name}"):
            connect().start(name)

    def _start_made(self, name: str) -> bool:
        """Start a container that was just created, without checking; returns False if that fails."""
        made = self._fresh.pop(name, "")
        if not made:
            return False
        try:
            with translated(f"start the container {name}"):
                connect().start(made)
        except (CommandFailed, NotFound):
            return False
        return True

    def look(self, box: Box | str) -> BoxSight:
        """Return the state of one container; raises EngineDown."""
        container = self._inspect(name_of(box))
        return BoxSight(BoxState.ABSENT) if container is None or not self._owns(container) else _sight(container)

    def look_all(self) -> dict[str, BoxSight]:
        """Return the state of every container of this home with one call, without start times."""
        return {row["Names"][0].removeprefix("/"): _listed(row) for row in self._rows() if row["Names"]}

    def watch(self, changed: Callable[[BoxEnd | None], object], ended: threading.Event) -> None:
        """Call ``changed`` now and after each event of a container of this home, until ``ended`` is set.

        It is given what the engine tells of an end, some 50 to 100 ms before a look shows it (Docker 20.10).
        Raises EngineDown or EngineSilent when the engine's stream ends.
        """
        for event in docker_events.stream(ended, label=HOME):
            labels = event["Actor"]["Attributes"] if event else {}
            # The labels of an older version do not tell whose it is.
            if not event or OWNER not in labels or self._installation.owns(labels):
                changed(docker_events.end(event))

    def made_for(self, project: str) -> dict[str, bool]:
        """Return the containers of one project by name, with True for those that an older version created."""
        rows = (row for row in self._rows(f"{PROJECT}={project}") if row["Names"])
        return {row["Names"][0].removeprefix("/"): is_earlier(row["Labels"]) for row in rows}

    def _rows(self, *more: str) -> list[dict[str, Any]]:
        """Return the engine's list of this home's containers; ``more`` are further labels to filter by."""

        def listed() -> list[dict[str, Any]]:
            with translated("list the containers"):
                rows: list[dict[str, Any]] = connect(LOOK_DEADLINE).containers(
                    all=True, filters={"label": [HOME, *more]}
                )
            return rows

        rows = self._lists.ask(more, listed)
        return [row for row in rows if self._installation.owns(row["Labels"], row["Mounts"])]

    def stop(self, name: str, *, grace: float = STOP_GRACE) -> bool:
        """Ask the agent to end, and kill it after ``grace`` seconds; returns whether its container was running."""
        container = self._inspect(name)
        if container is None:
            return False
        self._require_ours(name, container)
        seconds = max(0, round(grace))
        with contextlib.suppress(NotFound), translated(f"stop the container {name}"):
            connect(CALL_DEADLINE + seconds).stop(container["Id"], timeout=seconds)
        return _sight(container).state is BoxState.RUNNING

    def remove(self, name: str) -> None:
        """Remove a container, running or not; an absent one counts as removed.

        Returns once it is gone, also where another process is removing it; raises CommandFailed if it stays.
        """
        container = self._inspect(name)
        if container is None:
            return
        self._require_ours(name, container)
        try:
            with contextlib.suppress(NotFound), translated(f"remove the container {name}"):
                connect().remove_container(container["Id"], force=True, v=True)
        except CommandFailed as error:
            # The engine reports this while another process is removing it; until then it uses the network.
            if not is_conflict(error) or not self._vanishes(container["Id"]):
                raise

    def _vanishes(self, identity: str) -> bool:
        return appears(lambda: self._inspect(identity) is None or None, looks=_REMOVAL_LOOKS) is not None

    def window_command(self, box: Box) -> tuple[str, ...]:
        """Return the shell loop that keeps the session's window attached across stops and engine restarts."""
        return ("sh", str(_ATTACH), box.name, box.hostname, _SET_UP_SECONDS if box.modes else "plain", *command())

    def await_launch(self, name: str) -> None:
        """Do nothing: the container was started before its window."""

    def terminal_command(self, box: Box, *, on_host: bool = False) -> tuple[str, ...]:
        """Return the command that opens a shell in the worktree, in the container or on the host."""
        if on_host:
            return ("sh", "-c", 'cd "$1" && exec "${SHELL:-/bin/sh}"', "sh", str(box.workdir))
        return (*command(), "exec", "-it", "-w", str(box.workdir), box.name, "sh", "-c", SHELL)

    def execute(
        self, box: Box, args: Sequence[str], *, stdin: bytes = b"", deadline: float = 30.0, check: bool = True
    ) -> Completed:
        """Run a program in the running container; ``deadline`` is in seconds.

        After DeadlineExceeded the program may still run inside. Raises CommandFailed with
        ``check``, and always if the container does not run.
        """
        words = (*command(), "exec", "-i", "-w", str(box.workdir), box.name, *args)
        done = process.run(words, stdin=stdin, deadline=deadline, check=False)
        if done.code != 0 and (check or done.complaint.startswith("Error response from daemon")):
            raise process.failure(done, hint=f"to inspect the container: docker inspect {box.name}")
        return done

    def upload_pack(self, box: Box, git_dir: str) -> tuple[str, ...]:
        """Return the command that connects to ``git upload-pack`` in the container.

        If the container does not run, a temporary one without network is used, which sees only the
        git directories, read-only. Raises NotFound if the image is unknown too.
        """
        container = self._inspect(box.name)
        if container is not None and not self._owns(container):
            container = None
        if container is not None and _sight(container).state is BoxState.RUNNING:
            return (*command(), "exec", "-i", *NO_GIT_SETTINGS, container["Id"], "git-upload-pack", git_dir)
        # By its id, because the name may belong to another image or to none by now.
        image = str(container["Image"]) if container is not None else box.image
        if not image:
            raise NotFound(f"there is no container {box.name} and no image for it", hint="type: orchestra up")
        return (*command(), *throw_away(box, git_dir), image, git_dir)

    def run_once(self, box: Box, args: Sequence[str], *, deadline: float) -> Completed:
        """Run a program in a fresh container that is removed afterwards; ``deadline`` is in seconds.

        Output beyond the last 16 MiB is dropped. Raises DeadlineExceeded, EngineDown, CommandFailed.
        """
        self.ensure_network()
        self._clear_leftovers(box.name)
        name = f"{box.name}-{secrets.token_hex(3)}"
        wanted = configuration(connect(), box, self._installation, once=args)
        try:
            with translated(f"create the container {name}"):
                connect().create_container(name=name, **wanted)
            return _follow(name, args, deadline)
        finally:
            with contextlib.suppress(NotFound), translated(f"remove the container {name}"):
                connect().remove_container(name, force=True, v=True)

    def _clear_leftovers(self, name: str) -> None:
        """Remove what a killed process left behind."""
        for row in self._rows(f"{ONCE}={name}"):
            if row["State"] == "exited":
                self.remove(row["Names"][0].removeprefix("/"))

    def end_once(self, name: str) -> None:
        """Remove every fresh container that `run_once` made for the box of a name, running or not."""
        for row in self._rows(f"{ONCE}={name}"):
            self.remove(row["Names"][0].removeprefix("/"))

    def gateway(self) -> str:
        """Return the address at which a container reaches the host."""
        return docker_networks.gateway(self.ensure_network())

    def interface(self) -> str:
        """Return the name of the host's network interface for containers."""
        return docker_networks.bridge_name(self._installation.network)

    def has_network(self) -> bool:
        """Return whether the network exists; raises EngineDown."""
        return docker_networks.is_there(self._installation)

    def ensure_network(self) -> dict[str, Any]:
        """Create the network unless it exists; raises Refused if it exists in another form and is in use."""
        internal = self._internal()
        network = self._networks.ask(internal, lambda: docker_networks.ensure(self._installation, internal=internal))
        self._network_seen = self._clock()
        return network

    def _know_network(self) -> None:
        """Create the network unless it was seen recently; a start that misses it creates it again."""
        if self._clock() - self._network_seen > _NETWORK_STAYS:
            self.ensure_network()

    def remove_network(self) -> None:
        """Remove the network if no container is connected; an absent one counts as removed.

        Raises CommandFailed if one is.
        """
        self._network_seen = -math.inf
        docker_networks.remove(self._installation)

    def _inspect(self, name: str) -> dict[str, Any] | None:
        try:
            with translated(f"look at the container {name}"):
                container: dict[str, Any] = connect(LOOK_DEADLINE).inspect_container(name)
        except NotFound:
            return None
        return container

    def _owns(self, container: Mapping[str, Any]) -> bool:
        return self._installation.owns(container["Config"]["Labels"], container["Mounts"])

    def _require_ours(self, name: str, container: Mapping[str, Any]) -> None:
        if self._owns(container):
            return
        user, _, _ = (container["Config"]["Labels"] or {}).get(OWNER, "").partition("-")
        whose = f"it belongs to a home of user {user}" if user else "nothing says who created it"
        raise Refused(
            f"the container {name} does not belong to this Orchestra ({whose}), so it is left alone",
            hint=f"rename it: docker rename {name} …; or use another home: export ORCHESTRA_HOME=DIR",
        )


def _same_definition(labels: Mapping[str, str] | None, wanted: Mapping[str, str]) -> bool:
    return not is_earlier(labels) and (labels or {}).get(DEFINITION) == wanted[DEFINITION]


def _sight(container: Mapping[str, Any]) -> BoxSight:
    state = _STATES.get(container["State"]["Status"], BoxState.EXITED)
    started = "" if state is BoxState.CREATED else str(container["State"]["StartedAt"])
    code = container["State"]["ExitCode"] if state is BoxState.EXITED else None
    return BoxSight(state, code, started, frozenset(str(mount["Destination"]) for mount in container["Mounts"]))


def _listed(row: Mapping[str, Any]) -> BoxSight:
    state = _STATES.get(row["State"], BoxState.EXITED)
    code = _EXIT_CODE.search(row["Status"]) if state is BoxState.EXITED else None
    return BoxSight(state, int(code[1]) if code else None)


def _rejoin(name: str, container: Mapping[str, Any], network: str, current: str) -> None:
    """Reconnect a container to its network if that was removed and created again."""
    known = container["NetworkSettings"]["Networks"].get(network, {}).get("NetworkID")
    if not known or known == current:
        return
    with translated(f"connect {name} to {network}"):
        connect().disconnect_container_from_network(name, network, force=True)
        connect().connect_container_to_network(name, network)


def _follow(name: str, args: Sequence[str], deadline: float) -> Completed:
    with translated(f"run `{args[0]}` in a fresh container"):
        connect().start(name)
        code = _ended(name, args[0], deadline)
        output = connect().logs(name, stdout=True, stderr=False)
        complaint = connect().logs(name, stdout=False, stderr=True)
    return Completed(tuple(args), code, output, complaint)


def _ended(name: str, program: str, deadline: float) -> int:
    """Wait until a program that runs once has ended, and return its exit code."""
    try:
        return int(connect().wait(name, timeout=max(1, round(deadline)))["StatusCode"])
    except requests.exceptions.RequestException as error:
        if not is_silence(error):
            raise
        # The program is silent, unless the engine answers nothing else either.
        require_engine()
        raise DeadlineExceeded(f"`{program}` did not end within {deadline:g} s and was stopped") from error
