"""The bridge network that the containers of a home share, without access to each other."""

from __future__ import annotations

import contextlib
from typing import Any

from orchestra.drivers.sandbox.docker_client import appears, connect, translated
from orchestra.drivers.sandbox.docker_config import Installation
from orchestra.errors import CommandFailed, NotFound, OrchestraError, Refused
from orchestra.names import digest

_NO_ADDRESSES = ("non-overlapping IPv4 address pool", "address pools have been fully subnetted")
"""The messages of older and newer engines when all their address ranges are in use."""
_BRIDGE_LIMIT = 15
"""The most characters in a network interface's name (IFNAMSIZ minus the final NUL, netdevice(7))."""


def bridge_name(network: str) -> str:
    """Return the name of the host's interface for a network, always the same and short enough."""
    return network if len(network) <= _BRIDGE_LIMIT else f"orc-{digest(network, 8)}"


def is_there(installation: Installation) -> bool:
    """Return whether the network exists and belongs to this home; raises EngineDown."""
    network = _find(installation.network)
    return network is not None and installation.owns(network["Labels"])


def ensure(installation: Installation, *, internal: bool) -> dict[str, Any]:
    """Create the network unless it exists, and return the engine's description of it.

    Raises Refused if it exists and belongs to somebody else, or is in use with the wrong
    ``internal`` flag.
    """
    network = _find(installation.network)
    if network is not None:
        require_ours(installation, network)
    if network is not None and bool(network["Internal"]) != internal:
        _remove(installation.network, internal=internal)
        network = None
    return network or _create(installation, internal=internal)


def require_ours(installation: Installation, network: dict[str, Any]) -> None:
    """Raise Refused for a network of another home or program."""
    if not installation.owns(network["Labels"]):
        name = network["Name"]
        raise Refused(
            f"the network {name} on this engine does not belong to this Orchestra",
            hint=f"if nobody needs it: docker network rm {name}; otherwise use another home: export ORCHESTRA_HOME=DIR",
        )


def remove(installation: Installation) -> None:
    """Remove the network if it exists and is ours. Raises CommandFailed while it is in use."""
    network = _find(installation.network)
    if network is None or not installation.owns(network["Labels"]):
        return
    with contextlib.suppress(NotFound), translated(f"remove the network {installation.network}"):
        connect().remove_network(network["Id"])


def gateway(network: dict[str, Any]) -> str:
    """Return the host's address on a network; raises CommandFailed if the engine reports none."""
    for block in network["IPAM"]["Config"] or ():
        address = str(block.get("Gateway", "")).partition("/")[0]
        if address and ":" not in address:
            return address
    raise CommandFailed(
        f"the engine does not say which address the host has on the network {network['Name']}",
        hint=f"remove it, and it will be created again: docker network rm {network['Name']}",
    )


def _find(name: str) -> dict[str, Any] | None:
    with translated("look at the network"):
        matches = connect().networks(names=[name])
    networks: list[dict[str, Any]] = [network for network in matches if network["Name"] == name]
    return networks[0] if networks else None


def _create(installation: Installation, *, internal: bool) -> dict[str, Any]:
    options = {
        "com.docker.network.bridge.enable_icc": "false",
        # The fixed name also makes a second, simultaneous creation fail.
        "com.docker.network.bridge.name": bridge_name(installation.network),
    }
    refusal: OrchestraError | None = None
    try:
        with translated(f"create the network {installation.network}"):
            connect().create_network(
                installation.network,
                driver="bridge",
                options=options,
                check_duplicate=True,
                internal=internal,
                labels=installation.labels,
            )
    except CommandFailed as error:
        if any(sign in error.stderr for sign in _NO_ADDRESSES):
            raise _no_addresses(error) from error
        refusal = error
    network = appears(lambda: _find(installation.network))
    if network is None:
        raise refusal or NotFound(f"the network {installation.network} has disappeared", hint="type: orchestra up")
    require_ours(installation, network)
    return network


def _no_addresses(error: CommandFailed) -> CommandFailed:
    return CommandFailed(
        "Docker has no address range left for another network",
        code=error.code,
        stderr=error.stderr,
        hint="remove unused networks: docker network prune; to list them: docker network ls",
    )


def _remove(name: str, *, internal: bool) -> None:
    try:
        with translated(f"remove the network {name}"):
            connect().remove_network(name)
    except NotFound:
        return
    except CommandFailed as error:
        wanted = "closed" if internal else "open"
        raise Refused(
            f"the network {name} is in use and cannot become {wanted} now",
            hint="stop every session first: orchestra down --stop",
        ) from error
