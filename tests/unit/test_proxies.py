"""Proxies of containers: where they are named, what is passed on, and that Orchestra is asked without them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from orchestra.agents.launch_files import past_proxies
from orchestra.drivers.sandbox import proxies

CORPORATE = "http://proxy.example:3128"


def configure(home: Path, text: str) -> Path:
    file = home / ".docker" / "config.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def named(**settings: str) -> str:
    return json.dumps({"proxies": {"default": settings}})


def test_docker_s_own_configuration_comes_first_and_is_read_anew(home: Path) -> None:
    shell = {"HTTPS_PROXY": "http://other.example:1"}
    assert proxies.of_containers(shell).named == "http://other.example:1"
    file = configure(home, named(httpProxy=CORPORATE, noProxy="intranet"))
    found = proxies.of_containers(shell)
    assert found.origin == str(file)
    assert found.environment == {
        "HTTP_PROXY": CORPORATE, "http_proxy": CORPORATE, "NO_PROXY": "intranet", "no_proxy": "intranet",
    }  # fmt: skip
    configure(home, "{}")
    assert proxies.of_containers({}).environment == {}


def test_an_engine_may_have_a_proxy_of_its_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///tmp/mine.sock")
    both = {"default": {"httpProxy": CORPORATE}, "unix:///tmp/mine.sock": {"httpProxy": "http://mine.example"}}
    configure(home, json.dumps({"proxies": both}))
    assert proxies.of_containers({}).settings == {"http_proxy": "http://mine.example"}


@pytest.mark.parametrize("text", ["not JSON", "[]", '{"proxies": []}', '{"proxies": {"default": "x"}}'])
def test_a_configuration_that_nobody_understands_names_no_proxy(home: Path, text: str) -> None:
    configure(home, text)
    assert proxies.of_containers({}) == proxies.Proxies()


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://127.0.0.1:3128", "loopback"),
        ("localhost:3128", "loopback"),
        ("http://[::1]:3128", "loopback"),
        ("http://me:secret@proxy.example", "password"),
    ],
)
def test_what_a_container_could_not_use_or_would_show_is_left_out(address: str, why: str) -> None:
    found = proxies.of_containers({"http_proxy": address})
    assert found.environment == {}
    assert why in found.left_out


def test_a_password_is_not_shown(home: Path) -> None:
    configure(home, named(httpsProxy="http://me:secret@proxy.example:1"))
    assert proxies.of_containers({}).named == "http://…@proxy.example:1"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTPS_PROXY", "ALL_PROXY"])
def test_an_agent_asks_orchestra_past_any_proxy_and_keeps_its_exceptions(variable: str) -> None:
    show = ("sh", "-c", 'printf "%s\n%s" "$no_proxy" "$NO_PROXY"')
    environment = {"PATH": os.environ["PATH"], variable: CORPORATE, "NO_PROXY": "intranet", "no_proxy": "lab"}
    said = subprocess.run(
        past_proxies("http://172.30.0.1:4000/mcp", *show), env=environment, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert said[0] == said[1]
    assert {"lab", "intranet", "172.30.0.1", "127.0.0.1", "localhost"} <= set(said[0].split(","))


def test_without_a_proxy_the_environment_stays_as_it_is() -> None:
    environment = {"PATH": os.environ["PATH"]}
    words = past_proxies("http://172.30.0.1:4000/mcp", "env")
    said = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    assert "no_proxy" not in said.lower()
