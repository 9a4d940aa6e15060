"""Turn a box's definition into the engine's configuration, with every option that confines an agent."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.types import LogConfig
from docker.types import Mount as EngineMount

from orchestra.drivers.git.private_dir import OBJECTS
from orchestra.drivers.sandbox import docker_client, protected_paths, proxies
from orchestra.drivers.sandbox.protocol import AGENT_HOME, Box, Mount
from orchestra.errors import Refused
from orchestra.names import digest

HOME = "orchestra.home"
"""The label with the `Home.tag` of the home that a container or network belongs to."""
OWNER = "orchestra.owner"
"""The label with `Home.owner`; objects of older versions do not have it."""
PROJECT = "orchestra.project"
"""The label with the key (`ProjectPaths.key`) of a container's project."""
_EARLIER = "default"
"""The value of HOME in older versions for every home at ``~/.orchestra``, of whatever user."""
DEFINITION = "orchestra.definition"
"""The label with the hash of a container's definition."""
ONCE = "orchestra.once"
"""The label that marks a one-off container, with the name of its box."""
_SOCKETS = ("docker.sock", "podman/podman.sock", "containerd/containerd.sock")
_NO_FILES = ("GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "HOME=/nonexistent")
NO_GIT_SETTINGS = tuple(word for setting in (*_NO_FILES, "GIT_CONFIG_COUNT=0") for word in ("--env", setting))
"""Arguments for the docker command, so that git ignores the agent's settings, which could name programs."""
# Stashes except the newest are in no ref, and are fetched by their commits (git-config(1), GIT_CONFIG_COUNT).
_ANY_COMMIT = ("GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_0=true")
_GIVING_ANY_COMMIT = tuple(word for setting in (*_NO_FILES, *_ANY_COMMIT) for word in ("--env", setting))
_STOP_SECONDS = 10
_LOG_LIMIT = "16m"
_IN_MEMORY = dict.fromkeys(("/tmp", AGENT_HOME), "rw,exec,nosuid,nodev,mode=1777,size=256m")  # noqa: S108 -- in a container
"""The directories that a bare container can write to; they count as its memory."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The network and the home of new containers."""

    network: str
    home_tag: str
    owner: str = ""
    home: Path | None = None

    @property
    def labels(self) -> dict[str, str]:
        """The labels of everything that belongs to the home."""
        return {HOME: self.home_tag, OWNER: self.owner}

    def owns(self, labels: Mapping[str, str] | None, mounts: Sequence[Mapping[str, Any]] = ()) -> bool:
        """Return whether an object with these labels and mounts belongs to this home.

        A container of an older version has no owner; its mounts from this home decide.
        """
        known = labels or {}
        if OWNER in known:
            return known[OWNER] == self.owner
        if known.get(HOME) != _EARLIER:
            return HOME in known and known[HOME] == self.home_tag
        return any(self._holds(str(mount.get("Source", ""))) for mount in mounts)

    def _holds(self, source: str) -> bool:
        return self.home is not None and Path(source).is_relative_to(os.path.realpath(self.home))


def is_earlier(labels: Mapping[str, str] | None) -> bool:
    """Return whether an older version, which did not record the owner, created it."""
    return OWNER not in (labels or {})


def refuse_engine_sockets(mounts: Sequence[Mount]) -> None:
    """Raise Refused for a mount that would show a box an engine's socket, or any other socket.

    Whoever can use the engine's socket is root on the host.
    """
    sockets = _engine_sockets()
    for mount in mounts:
        source = Path(os.path.realpath(mount.source))
        if _is_socket(source) or any(source == socket or source in socket.parents for socket in sockets):
            raise Refused(
                f"{mount.source} would let the agent control the Docker engine, and with it this machine",
                hint="choose a directory without an engine socket",
            )


def _engine_sockets() -> tuple[Path, ...]:
    directories = [Path("/run"), Path("/var/run"), Path(f"/run/user/{os.getuid()}")]
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        directories.append(Path(runtime))
    sockets = [directory / name for directory in directories for name in _SOCKETS]
    if (where := docker_client.address()).startswith("unix://"):
        sockets.append(Path(where.removeprefix("unix://")))
    return tuple(Path(os.path.realpath(path)) for path in sockets)


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def configuration(
    client: docker.APIClient, box: Box, installation: Installation, *, once: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the arguments of `create_container` for a box; ``once`` is for a program that runs to its end.

    The engine logs nothing of an agent's terminal; the output of a one-off program is logged, up to
    16 MiB. Raises Refused for a mount that would show an engine's socket, or a home directory.
    """
    refuse_engine_sockets(box.mounts)
    for mount in box.mounts:
        protected_paths.refuse(mount.source, home=installation.home)
    labels = {**box.labels, **installation.labels}
    if once:
        labels[ONCE] = box.name
    wanted: dict[str, Any] = {
        "image": box.image,
        # As the entry point, so that it replaces the image's own.
        "entrypoint": list(once or box.command),
        "hostname": box.hostname,
        "user": f"{box.uid}:{box.gid}",
        "working_dir": str(box.workdir),
        "environment": {**proxies.of_containers().environment, **box.env},
        "tty": not once,
        "stdin_open": not once,
        # No client is attached while it starts; windows attach and detach later.
        "detach": not once,
        "stop_timeout": _STOP_SECONDS,
        # A shell at its prompt ignores TERM, but ends on HUP.
        "stop_signal": "SIGTERM" if box.modes else "SIGHUP",
        # The SDK reads the configuration once per process; here it is read for each container.
        "use_config_proxy": False,
        "host_config": _host_config(client, box, installation, logged=bool(once)),
    }
    labels[DEFINITION] = digest(json.dumps(wanted, sort_keys=True), 24)
    return {**wanted, "labels": labels}


def _host_config(client: docker.APIClient, box: Box, installation: Installation, *, logged: bool) -> dict[str, Any]:
    log = LogConfig(type="json-file", config={"max-size": _LOG_LIMIT}) if logged else LogConfig(type="none")
    apart: dict[str, Any] = {"read_only": True, "tmpfs": _IN_MEMORY} if box.bare else {}
    return client.create_host_config(
        **apart,
        init=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        pids_limit=box.limits.pids,
        mem_limit=box.limits.memory,
        memswap_limit=box.limits.memory,
        nano_cpus=math.floor(box.limits.cpus * 1e9) or None,
        network_mode=installation.network if box.network else "none",
        log_config=log,
        mounts=[_mount(mount) for mount in box.mounts],
    )


def _mount(mount: Mount) -> EngineMount:
    return EngineMount(target=mount.target, source=str(mount.source), type="bind", read_only=mount.read_only)


def throw_away(box: Box, git_dir: str) -> tuple[str, ...]:
    """Return the docker command's arguments for a temporary container that only serves one git directory."""
    shown = [
        mount for mount in box.mounts if mount.target.startswith(OBJECTS) or Path(git_dir).is_relative_to(mount.target)
    ]
    user = ("--user", f"{box.uid}:{box.gid}", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    bounds = ("--pids-limit", str(box.limits.pids), "--memory", box.limits.memory, "--log-driver", "none")
    return (
        *("run", "--rm", "-i", "--init", "--network", "none", *user, *bounds, *_GIVING_ANY_COMMIT),
        *(word for mount in shown for word in ("--mount", _mount_text(mount))),
        *("--entrypoint", "git-upload-pack"),
    )


def _mount_text(mount: Mount) -> str:
    fields = ("type=bind", f"src={mount.source}", f"dst={mount.target}", "readonly")
    # The docker command parses CSV (RFC 4180), so a field with a comma or quote is quoted.
    return ",".join('"' + field.replace('"', '""') + '"' if set(field) & set(',"\n') else field for field in fields)
