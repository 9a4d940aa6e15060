"""The one bridge network that the containers of a home share without seeing each other."""

from __future__ import annotations

import contextlib
from typing import Any

from orchestra.drivers.sandbox.docker_client import appears, connect, translated
from orchestra.drivers.sandbox.docker_config import Place
from orchestra.errors import CommandFailed, NotFound, OrchestraError, Refused
from orchestra.names import digest

_NO_ADDRESSES = ("non-overlapping IPv4 address pool", "address pools have been fully subnetted")
"""What engines say, the older and the newer ones, when all ranges of their configuration are in use."""
_BRIDGE_LIMIT = 15
"""Characters in a network interface's name (IFNAMSIZ less the final NUL, netdevice(7))."""


def bridge_name(network: str) -> str:
    """Return the name of the host's interface for a network, the same every time and short enough."""
    return network if len(network) <= _BRIDGE_LIMIT else f"orc-{digest(network, 8)}"


def is_there(place: Place) -> bool:
    """Say whether the network is there, and this home's; raises EngineDown."""
    found = _find(place.network)
    return found is not None and place.owns(found["Labels"])


def ensure(place: Place, *, internal: bool) -> dict[str, Any]:
    """Make the network unless it is there, and return what the engine says of it.

    Raises Refused where it is there and somebody else's, or open instead of closed, or the other way round, and in use.
    """
    found = _find(place.network)
    if found is not None:
        require_ours(place, found)
    if found is not None and bool(found["Internal"]) != internal:
        _remove(place.network, internal=internal)
        found = None
    return found or _create(place, internal=internal)


def require_ours(place: Place, found: dict[str, Any]) -> None:
    """Raise Refused for a network that another home, or another program, has made."""
    if not place.owns(found["Labels"]):
        name = found["Name"]
        raise Refused(
            f"the network {name} on this engine does not belong to this Orchestra",
            hint=f"if nobody needs it: docker network rm {name}; otherwise use another home: export ORCHESTRA_HOME=DIR",
        )


def remove(place: Place) -> None:
    """Remove the network; one that is gone, or is somebody else's, is left. Raises CommandFailed while it is used."""
    found = _find(place.network)
    if found is None or not place.owns(found["Labels"]):
        return
    with contextlib.suppress(NotFound), translated(f"remove the network {place.network}"):
        connect().remove_network(found["Id"])


def gateway(network: dict[str, Any]) -> str:
    """Return the host's address on a network; raises CommandFailed where the engine tells none."""
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
    found: list[dict[str, Any]] = [one for one in matches if one["Name"] == name]
    return found[0] if found else None


def _create(place: Place, *, internal: bool) -> dict[str, Any]:
    options = {
        "com.docker.network.bridge.enable_icc": "false",
        # A fixed name is also what makes a second network, made by another process just now, fail.
        "com.docker.network.bridge.name": bridge_name(place.network),
    }
    refusal: OrchestraError | None = None
    try:
        with translated(f"create the network {place.network}"):
            connect().create_network(
                place.network,
                driver="bridge",
                options=options,
                check_duplicate=True,
                internal=internal,
                labels=place.labels,
            )
    except CommandFailed as error:
        if any(sign in error.stderr for sign in _NO_ADDRESSES):
            raise _no_addresses(error) from error
        refusal = error
    found = appears(lambda: _find(place.network))
    if found is None:
        raise refusal or NotFound(f"the network {place.network} has disappeared", hint="type: orchestra up")
    require_ours(place, found)
    return found


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
