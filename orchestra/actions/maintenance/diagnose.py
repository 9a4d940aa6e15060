"""Explain why a test of an agent failed, and what to type next."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orchestra.actions.maintenance.agent_report import Login, login_repair
from orchestra.actions.maintenance.finding import Finding
from orchestra.actions.session import provision
from orchestra.drivers.sandbox import proxies
from orchestra.drivers.sandbox.proxies import without_password
from orchestra.model import SandboxKind

if TYPE_CHECKING:
    from orchestra.agents import Profile
    from orchestra.drivers.process import Completed
    from orchestra.project import Project

_TIMED_OUT = frozenset({124, 137})
"""The exit codes of timeout(1) for a program that it terminated or killed."""
_NO_PROGRAM = frozenset({126, 127})
"""The exit codes of a shell for a program that cannot be run or does not exist."""
_SHOWN = 200
_BEFORE = 40


class Trouble(StrEnum):
    """Why a model did not answer."""

    NO_LOGIN = "no login"
    REFUSED = "login refused"
    LIMIT = "limit"
    UNREACHABLE = "unreachable"
    SERVICE = "service"
    OTHER = "other"


_SIGNS = {
    Trouble.NO_LOGIN: ("not logged in", "please run /login", "no (api )?key", "log ?in first", "set an auth method"),
    Trouble.REFUSED: (
        r"\b40[13]\b",
        "unauthori[sz]ed|authenticat|forbidden|permission.?denied|credential",
        "(invalid|incorrect|expired|revoked|not valid).{0,24}(key|token)",
        "(key|token).{0,24}(invalid|incorrect|expired|revoked|not valid)",
    ),
    Trouble.LIMIT: (r"\b429\b", "rate.?limit|quota|credit balance|billing|usage limit"),
    Trouble.UNREACHABLE: (
        "(unable|failed|could not|cannot) (to )?connect",
        "connection ?(refused|reset|error|closed|timed out)|stream disconnected|timed out",
        "econn|enotfound|eai_again|etimedout|ehostunreach|failedtoopensocket|fetch failed|getaddrinfo|dns error",
        "error sending request|waiting for network|network (error|is unreachable)",
    ),
    Trouble.SERVICE: (r"\b5\d\d\b", "overloaded|server error|internal error"),
}
"""What agents' programs, and the model services whose messages they show, were seen to print."""
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def classify(output: str) -> Trouble:
    """Return the kind of trouble that a program's output indicates."""
    return next((kind for kind in _SIGNS if _sign(kind, output)), Trouble.OTHER)


def _sign(kind: Trouble, output: str) -> re.Match[str] | None:
    matches = (re.search(sign, output, re.IGNORECASE) for sign in _SIGNS[kind])
    return next((match for match in matches if match), None)


def judge(project: Project, profile: Profile, kind: SandboxKind, done: Completed, login: Login) -> Finding:
    """Return whether the agent got its model's answer, and if not, why."""
    answer = _plain(done.text)
    if done.code in _NO_PROGRAM:
        return Finding("model", well=False, detail="not tested, because the program is missing")
    if done.code == 0 and ("ready" in answer.lower() or (answer and classify(answer) is Trouble.OTHER)):
        return Finding("model", well=True, detail="answered")
    output = _decisive_line(f"{answer}\n{_plain(done.complaint)}")
    trouble = classify(output)
    if done.code in _TIMED_OUT and trouble in {Trouble.OTHER, Trouble.SERVICE}:
        trouble = Trouble.UNREACHABLE
        output = output or "no answer within a minute"
    detail, repair = {
        Trouble.NO_LOGIN: ("the agent found no login", login_repair(project, profile) if profile.logins else ""),
        Trouble.REFUSED: (f"the login was refused: {login.text}", "get a new login, and put it in the same place"),
        Trouble.LIMIT: ("logged in, but the account has reached its limit", "wait, or check the account"),
        Trouble.UNREACHABLE: ("the model's service cannot be reached", _way(project, kind, login, profile)),
        Trouble.SERVICE: ("the model's service answered with an error", "try again later"),
        Trouble.OTHER: ("no answer came", "start it and ask it in its window: orchestra up"),
    }[trouble]
    return Finding("model", well=False, detail=f"{detail}\n“{output}”" if output else detail, repair=repair)


def _plain(text: str) -> str:
    return _ANSI.sub("", text).strip()


def _decisive_line(output: str) -> str:
    """Return the last line that says what is wrong, else the last line; a long one is shortened around that."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in reversed(lines):
        if (kind := classify(line)) is not Trouble.OTHER:
            sign = _sign(kind, line)
            begin = max(0, sign.start() - _BEFORE) if sign and len(line) > _SHOWN else 0
            return f"{'…' if begin else ''}{line[begin : begin + _SHOWN]}"
    return lines[-1][:_SHOWN] if lines else ""


def _way(project: Project, kind: SandboxKind, login: Login, profile: Profile) -> str:
    contained = kind is SandboxKind.DOCKER
    for name, value in provision.credentials(project, profile).items():
        if name.endswith("_URL"):
            if contained and re.search(r"//(localhost|127\.|\[::1\])", value):
                address = project.sandbox(kind).gateway()
                return f"127.0.0.1 in a container is not this machine: set {name} to {address} and let it listen there"
            return f"look at {name} ({login.found[name]}): is its server running, and can this machine reach it?"
    if contained and project.settings.network_internal:
        return "the setting network_internal lets containers reach only this machine: orchestra config show"
    if contained:
        return f"check this machine's network; {_proxy_of_containers()}"
    return "check this machine's network and proxy"


def _proxy_of_containers() -> str:
    proxy = proxies.of_containers()
    if proxy.settings:
        return f"containers use the proxy {proxy.named} ({proxy.origin})"
    why = f" ({proxy.left_out})" if proxy.left_out else ""
    return f"containers use no proxy{why}; to give them one, write it into ~/.docker/config.json"


def unreachable(project: Project, kind: SandboxKind, url: str, answer: Mapping[str, Any]) -> Finding:
    """Return the finding for an agent that cannot reach Orchestra."""
    reason = answer.get("reason", "")
    if answer.get("proxy"):
        return proxied("orchestra", url, str(answer["proxy"]))
    if answer.get("trouble") == "status":
        return Finding("orchestra", well=False, detail=f"{url} answered {reason}", repair=f"see {project.paths.log}")
    if answer.get("trouble") == "silent" and kind is SandboxKind.DOCKER:
        return blocked(project, url, reason)
    if answer.get("trouble") == "closed" and kind is SandboxKind.DOCKER:
        detail = f"containers get no answer at {url}: the engine's network is not on this machine"
        return Finding("orchestra", well=False, detail=detail, repair="use an engine that runs on this machine")
    return Finding("orchestra", well=False, detail=f"{url} cannot be used: {reason}", repair="orchestra doctor")


def proxied(check: str, where: str, proxy: str) -> Finding:
    """Return the finding for an agent whose calls to Orchestra go through a proxy."""
    host = urlsplit(where if "//" in where else f"//{where}").hostname
    detail = f"the agent uses the proxy {without_password(proxy)} for {where}, which only this machine can reach"
    return Finding(check, well=False, detail=detail, repair=f"add {host} to noProxy where the proxy is configured")


def blocked(project: Project, where: str, reason: str) -> Finding:
    """Return the finding for a firewall that drops packets from containers."""
    detail = f"containers cannot reach this machine at {where} ({reason}): a firewall blocks them"
    return Finding("orchestra", well=False, detail=detail, repair=firewall_hint(project))


def firewall_hint(project: Project) -> str:
    """Return the command that lets containers through this machine's firewall."""
    interface = project.sandbox(SandboxKind.DOCKER).interface()
    if shutil.which("ufw"):
        return f"sudo ufw allow in on {interface}"
    if shutil.which("firewall-cmd"):
        return f"sudo firewall-cmd --permanent --zone=trusted --add-interface={interface} && sudo firewall-cmd --reload"
    return f"sudo iptables -I INPUT -i {interface} -j ACCEPT"
