"""The proxy of containers: the one in Docker's configuration, else the one of this shell."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from docker.constants import DEFAULT_UNIX_SOCKET
from docker.utils import config

from orchestra.drivers.sandbox import docker_client

_KEYS = {
    "httpProxy": "http_proxy",
    "httpsProxy": "https_proxy",
    "ftpProxy": "ftp_proxy",
    "allProxy": "all_proxy",
    "noProxy": "no_proxy",
}
"""Docker's names of proxy settings (docs.docker.com/engine/cli/proxy) and the variables for them."""
_EXCEPTIONS = "no_proxy"
_LOOPBACK = re.compile(r"localhost|127\.[\d.]+|::1")
_PASSWORD = re.compile(r"//[^/@]*@")


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxy settings of containers, by variable in lower case, and their origin.

    ``left_out`` says why the shell's settings are not passed on, if so.
    """

    origin: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    left_out: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a container, in lower and upper case, because programs read one or the other."""
        return {name: value for key, value in sorted(self.settings.items()) for name in (key, key.upper())}

    @property
    def named(self) -> str:
        """The proxy that most requests use, without its password."""
        wanted = ("https_proxy", "http_proxy", "all_proxy", "ftp_proxy")
        return without_password(next((self.settings[name] for name in wanted if name in self.settings), ""))

    @property
    def on_loopback(self) -> bool:
        """Whether the proxy is at a loopback address, where a container cannot reach this machine's."""
        return any(_is_loopback(value) for key, value in self.settings.items() if key != _EXCEPTIONS)


def of_containers(shell: Mapping[str, str] = os.environ) -> Proxies:
    """Return the proxy settings of containers; they are read each time, as the docker command does."""
    if configured := _configured(config.load_general_config()):
        return Proxies(str(config.find_config_file()), configured)
    return _of_shell(shell)


def _configured(read: object) -> dict[str, str]:
    """Return the settings in Docker's configuration for the engine in use, or for all."""
    proxies = read.get("proxies") if isinstance(read, dict) else None
    if not isinstance(proxies, dict):
        return {}
    where = docker_client.address() or f"unix://{DEFAULT_UNIX_SOCKET.removeprefix('http+unix://')}"
    chosen = proxies.get(where, proxies.get("default"))
    if not isinstance(chosen, dict):
        return {}
    return {name: str(chosen[key]) for key, name in _KEYS.items() if chosen.get(key)}


def _of_shell(shell: Mapping[str, str]) -> Proxies:
    settings = {name: value for name in _KEYS.values() if (value := shell.get(name) or shell.get(name.upper()))}
    addresses = [value for name, value in settings.items() if name != _EXCEPTIONS]
    if not addresses:
        return Proxies()
    if any(_is_loopback(address) for address in addresses):
        return Proxies(left_out="it is at this machine's loopback address, which no container can reach")
    if any(_PASSWORD.search(address) for address in addresses):
        return Proxies(left_out="it holds a password, which `docker inspect` would show")
    return Proxies("this shell's environment", settings)


def _is_loopback(address: str) -> bool:
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return False
    return _LOOPBACK.fullmatch(host) is not None


def without_password(address: str) -> str:
    """Return a proxy's address without its password."""
    return _PASSWORD.sub("//…@", address)
