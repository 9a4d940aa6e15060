"""What is said about agents: logins, troubles in plain words, and the tables at both widths."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from orchestra.actions.maintenance.agent_report import Login, reach, some
from orchestra.actions.maintenance.diagnose import Trouble, classify, judge
from orchestra.agents import BUILT_IN, LaunchContext, headless, load
from orchestra.drivers.process import Completed
from orchestra.model import SandboxKind
from orchestra.paths import Home
from orchestra.project import Project
from orchestra.views.tables import agents_table, findings_table
from tests.support.launch_files import a_session, in_docker
from tests.support.scenes import HOSTILE

NAMES = sorted(file.stem for file in BUILT_IN.glob("*.yaml"))
WITH_MODEL = [name for name in NAMES if load(name).headless]


def printed(renderable: RenderableType, width: int) -> str:
    file = StringIO()
    Console(file=file, width=width, force_terminal=False).print(renderable)
    return file.getvalue()


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ("Not logged in · Please run /login", Trouble.NO_LOGIN),
        ("Failed to authenticate. API Error: 401 scripted failure", Trouble.REFUSED),
        ("ERROR: unexpected status 401 Unauthorized: Incorrect API key provided", Trouble.REFUSED),
        ("API key not valid. Please pass a valid API key.", Trouble.REFUSED),
        ("Error: invalid x-api-key", Trouble.REFUSED),
        ("OAuth token has expired", Trouble.REFUSED),
        ("API Error: 429 Too many requests", Trouble.LIMIT),
        ("Your credit balance is too low", Trouble.LIMIT),
        ("API Error: Unable to connect to API (ConnectionRefused)", Trouble.UNREACHABLE),
        ("API Error: Unable to connect to API (FailedToOpenSocket)", Trouble.UNREACHABLE),
        ("ERROR: Reconnecting... waiting for network", Trouble.UNREACHABLE),
        ("TypeError: fetch failed", Trouble.UNREACHABLE),
        ("getaddrinfo EAI_AGAIN api.example.org", Trouble.UNREACHABLE),
        ("API Error: 529 overloaded", Trouble.SERVICE),
        ("ready", Trouble.OTHER),
        ("a file of 4012 lines", Trouble.OTHER),
    ],
)
def test_what_a_program_says_last_is_understood(said: str, trouble: Trouble) -> None:
    assert classify(said) is trouble


def ended(code: int, said: str = "", complaint: str = "") -> Completed:
    return Completed(("x",), code, said.encode(), complaint.encode())


@pytest.mark.parametrize(
    ("done", "well", "detail"),
    [
        (ended(0, "\x1b[0mready\x1b[0m\n", "> build"), True, "answered"),
        (ended(0, "I am ready, after 401 tries"), True, "answered"),
        (ended(0, "Hello there"), True, "answered"),
        (ended(0, "", "Error: invalid x-api-key"), False, "refused: KEY (environment)\n“Error: invalid x-api-key”"),
        (ended(1, "", "boom"), False, "no answer came\n“boom”"),
        (ended(124, "", "> build · m"), False, "cannot be reached\n“> build · m”"),
        (ended(137), False, "cannot be reached\n“no answer within a minute”"),
        (ended(124, "", "status 401\nbye"), False, "refused: KEY (environment)\n“status 401”"),
        (ended(127), False, "not tested, because the program is missing"),
        (ended(1, "", f"{'x' * 300} Unable to connect to it {'y' * 300}"), False, f"“…{'x' * 39} Unable to connect"),
    ],
)
def test_an_answer_is_told_from_its_troubles(done: Completed, tmp_path: Path, *, well: bool, detail: str) -> None:
    project = Project(Home(tmp_path).project(tmp_path / "p"))
    found = judge(project, load("plain"), SandboxKind.HOST, done, login(found={"KEY": "environment"}))
    assert (found.well, detail in found.detail) == (well, True), found
    assert bool(found.repair) == (not well and done.code != 127)


def login(**values: Any) -> Login:  # noqa: ANN401 -- whatever a login holds
    return replace(Login(wanted=("KEY", "TOKEN"), found={}, kept=(), asks=True), **values)


@pytest.mark.parametrize(
    ("one", "state", "text"),
    [
        (login(wanted=()), "none needed", "none needed"),
        (login(wanted=(), found={"MORE": "environment"}), "none needed", "MORE (environment)"),
        (login(found={"KEY": "environment"}), "found", "KEY (environment)"),
        (
            login(found={"KEY": "~/.orchestra/secrets", "A_URL": "environment", "TOKEN": "environment"}),
            "found",
            "KEY (~/.orchestra/secrets); A_URL, TOKEN (environment)",
        ),
        (login(kept=("main", "a")), "kept", "logged in by itself in main, a; other sessions will ask"),
        (login(), "asks", "will ask in its window"),
        (login(found={"A_URL": "environment"}), "asks", "will ask in its window; A_URL (environment)"),
        (login(asks=False), "missing", "not set: KEY or TOKEN"),
    ],
)
def test_a_login_is_told_by_where_it_is(one: Login, state: str, text: str) -> None:
    assert (one.state, one.text) == (state, text)


def test_of_many_names_a_few_are_enough() -> None:
    assert some(["A", "B"]) == "A or B"
    assert some(list("ABCDE")) == "A or B or C …"


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_says_how_messages_reach_it_and_what_is_a_login(name: str) -> None:
    profile = load(name)
    assert reach(profile)
    assert set(profile.logins) <= set(profile.credentials)
    assert bool(profile.logins) == bool(profile.headless) == bool(profile.keeps_login)


def test_an_address_is_no_login(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("command: [x]\ncredentials: [MY_KEY, MY_URL, MY_MODEL]\n")
    assert load("mine", [tmp_path]).logins == ("MY_KEY",)


@pytest.mark.parametrize("name", WITH_MODEL)
def test_asked_once_it_has_its_task_and_none_of_its_usual_flags(name: str, tmp_path: Path) -> None:
    profile = load(name)
    setting = LaunchContext(
        in_docker(a_session(tmp_path, agent=name)), "http://h/mcp", "http://h/hooks", task="Say ready"
    )
    files = {path: content.decode() for path, (content, _) in headless(profile, setting).agent_files.items()}
    assert "Say ready" in files["first.md"]
    launch = files["launch.sh"]
    assert launch.rstrip().splitlines()[-1].startswith("exec ")
    whole = "\n".join(files[path] for path in files if not path.startswith("runtime/"))
    assert [word for word in profile.in_container if word in whole] == []
    assert [word for word in profile.headless if f'"{word}"' not in whole and f" {word} " not in whole] == []


def row(**values: object) -> dict[str, Any]:
    usual = {
        "name": "claude",
        "family": "claude",
        "version": "2.1.197",
        "usual": True,
        "image": {"state": "not built yet", "tag": ""},
        "login": {"text": "ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL (environment)", "found": {"ANTHROPIC_API_KEY": "e"}},
        "hooks": True,
        "cost": True,
        "context": False,
        "resume": True,
        "messages": "handed over; typed if idle",
    }
    return usual | values


@pytest.mark.parametrize("width", [80, 120])
def test_the_agents_fit_on_the_screen_and_nothing_is_cut_off(width: int) -> None:
    rows = [row(), row(name="rehearsal", family="rehearsal", login={"text": "none needed", "found": {}})]
    text = printed(agents_table(rows), width)
    assert max(len(line) for line in text.splitlines()) <= width
    for wanted in (
        "2.1.197",
        "not built yet",
        "(environment)",
        "none needed",
        "handed over; typed if idle",
    ):
        assert wanted in text
    assert "…" not in text
    assert text.count("✓") == 6
    assert text.count("–") == 2


def test_what_a_file_names_an_agent_does_not_steer_the_terminal() -> None:
    text = printed(agents_table([row(name=HOSTILE, login={"text": HOSTILE, "found": {}})]), 80)
    assert "\x1b" not in text
    assert "\x07" not in text


@pytest.mark.parametrize(
    ("values", "mark"),
    [
        ({"well": True}, "✓"),
        ({"well": True, "note": True}, "·"),
        ({"well": True, "repair": "type this"}, "·"),
        ({"well": False, "repair": "type this"}, "✗"),
    ],
)
def test_a_finding_shows_what_to_type_wherever_there_is_something(values: dict[str, Any], mark: str) -> None:
    text = printed(findings_table([{"check": "disk", "detail": "full", "repair": "", "note": False, **values}]), 80)
    assert text.startswith(f"{mark} disk full")
    assert ("→ type this" in text) == ("repair" in values)
