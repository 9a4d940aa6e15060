"""Which requests a rule covers: certainly the whole for what it allows, any part for what it denies."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.agents import tool_use
from orchestra.config.permission_rules import Verdict, allows, denies, verdict
from orchestra.model import ToolUse

WORK = Path("/work/tree")


def shell(command: str, **more: object) -> ToolUse:
    return tool_use.of_shell({"command": command, **more})


@pytest.mark.parametrize(
    ("rule", "command"),
    [
        ("git status", "git status"),
        ("git status*", "git status"),
        ("git status*", "git status -s --porcelain"),
        ("git status *", "git status"),
        ("git status *", "git status -s"),
        ("pytest*", "pytest -q tests/test_a.py::test_b"),
        ("pytest*", "pytest 'tests/a b.py' -k \"one or two\""),
        ("pytest*", "pytest -k 'a; b && $(c)'"),
        ("npm run test*", "npm run test:unit -- --watch"),
        ("ls*", "ls *.py ~ [ab]?"),
        ("git  log*", "  git   log\t-1 "),
        ("git commit -m *", "git commit -m 'Say what; and why'"),
        ("Bash(make *)", "make test"),
        ("echo *", "echo ünï"),
    ],
)
def test_a_rule_allows_what_it_covers_whole(rule: str, command: str) -> None:
    assert allows(rule, shell(command), WORK)


@pytest.mark.parametrize(
    "command",
    [
        "git status; rm -rf /",
        "git status;rm -rf /",
        "git status && rm -rf /",
        "git status || rm -rf /",
        "git status | sh",
        "git status & rm -rf /",
        "git status $(rm -rf /)",
        "git status `rm -rf /`",
        'git status "$(rm -rf /)"',
        'git status "`rm -rf /`"',
        "git status\nrm -rf /",
        "git status\r\nrm -rf /",
        "git status \\\nrm",
        "git status > /etc/passwd",
        "git status >> ~/.bashrc",
        "git status < /etc/shadow",
        "git status <(rm -rf /)",
        "git status $IFS",
        "git status ${X:-y}",
        'git status "$X"',
        "git status 'unfinished",
        'git status "unfinished',
        "git status (x)",
        "{ git status; }",
        "PATH=/evil git status",
        "git status {a,b}",
        "git {status,push}",
        "git status \\; rm",
        "git status !!",
        "git status \x00rm",
        "git status \x1b[2K",
        "git status \u202erm",
        "git status \u2028rm -rf /",
        "env git status",
        "xgit status",
        "git push",
        "git",
        "",
        "   ",
        "'git status'",
        '"git status"',
        "git\u00a0status",
        "g?t status",
        "git status #\nrm",
        "gi\\t status; rm",
        "git status " + "x" * 30_000,
    ],
)
def test_a_rule_allows_nothing_that_only_begins_like_it(command: str) -> None:
    assert not allows("git status*", shell(command), WORK)
    assert verdict(shell(command), ["git status*"], [], WORK) == Verdict()


def test_not_even_a_rule_for_everything_allows_what_may_be_several_commands() -> None:
    assert allows("*", shell("rm -rf build"), WORK)
    for command in ("a; b", "a $(b)", "a > b", "X=1 a", "a\nb"):
        assert not allows("*", shell(command), WORK)


def test_an_agent_gets_no_rule_to_answer_its_own_requests() -> None:
    for command in (
        "orchestra answer 1 allow",
        "/usr/bin/orchestra answer 1 allow",
        "python3 -m orchestra answer 1 allow",
    ):
        assert not allows("*", shell(command), WORK)
        assert not allows("orchestra*", shell(command), WORK)
        assert not allows("python3*", shell(command), WORK)


def test_what_a_request_holds_besides_is_never_allowed_by_a_rule() -> None:
    assert allows("make*", shell("make", description="build it", timeout=1000, run_in_background=True), WORK)
    for more in ({"workdir": "/etc"}, {"dangerouslyDisableSandbox": True}, {"env": {"PATH": "/evil"}}):
        use = shell("make", **more)
        assert not allows("make*", use, WORK)
        assert next(iter(more)) in use.detail


@pytest.mark.parametrize(
    "command",
    [
        "git push",
        "git push --force origin main",
        "cd x && git push",
        "true; git push",
        "true | git push",
        "(git push)",
        "{ git push; }",
        "echo $(git push)",
        "echo `git push`",
        "sh -c 'git push'",
        'bash -lc "cd x; git push -f"',
        "sh -c \"bash -c 'git push'\"",
        "FOO=1 git push",
        "sudo git push",
        "xargs git push",
        "/usr/bin/git push",
        "git 'push'",
        'g""it push',
        "git \\\n push",
        "true\ngit push",
        "true &git push",
        "git push 'unfinished",
        "> out git push",
    ],
)
def test_a_rule_denies_whatever_holds_it(command: str) -> None:
    assert denies("git push*", shell(command), WORK)
    assert verdict(shell(command), ["*", "git push*"], ["git push*"], WORK) == Verdict(denied_by="git push*")


@pytest.mark.parametrize("command", ["git status", "git pushd-like", "echo git-push", "gitpush", "push git"])
def test_a_rule_denies_nothing_else(command: str) -> None:
    assert not denies("git push", shell(command), WORK)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree" / "src").mkdir(parents=True)
    (tmp_path / "secret").write_text("x")
    (tmp_path / "tree" / "src" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "tree" / "away").symlink_to(tmp_path)
    (tmp_path / "tree" / "docs").mkdir()
    (tmp_path / "tree" / "src" / "inner").symlink_to(tmp_path / "tree" / "docs")
    return tmp_path / "tree"


def edit(path: str | Path) -> ToolUse:
    return tool_use.of_edit({"file_path": str(path), "old_string": "a", "new_string": "b"})


def test_a_rule_for_files_covers_the_worktree_alone(tree: Path) -> None:
    for path in ("src/a.py", tree / "src" / "a.py", tree / "src" / "deep" / "b.py", "src/./a.py", "x/../src/a.py"):
        assert allows("Edit(src/**)", edit(path), tree)
    for path in ("a.py", "../secret", "src/../../secret", "src/out", "away/secret", "/etc/passwd", "src", ""):
        assert not allows("Edit(src/**)", edit(path), tree)
        assert not allows("Edit(*)", edit(path), tree) or path in {"a.py", "src"}
    assert not allows("Edit(src/**)", edit("src/inner/a.py"), tree)
    assert allows("Edit(src/*.py)", edit("src/a.py"), tree)
    assert not allows("Edit(src/*.py)", edit("src/deep/a.py"), tree)
    assert not allows("Edit(src/**)", tool_use.of_path({"file_path": "src/a.py"}), tree)
    assert not allows("src/**", edit("src/a.py"), tree)


def test_a_rule_that_denies_files_sees_through_links_and_dots(tree: Path) -> None:
    for path in ("src/a.py", "x/../src/a.py", tree / "src" / "a.py"):
        assert denies("Edit(src/**)", edit(path), tree)
    assert denies(f"Edit({tree.parent}/secret)", edit("src/out"), tree)
    assert not denies("Edit(src/**)", edit("b.py"), tree)


def test_a_patch_is_allowed_only_with_all_its_files(tree: Path) -> None:
    both = "*** Begin Patch\n*** Update File: src/a.py\n-a\n+b\n*** Add File: setup.py\n+x\n*** End Patch"
    use = tool_use.of_patch(both)
    assert (use.tool, use.paths, use.summary) == ("Edit", ("src/a.py", "setup.py"), "edits: a.py, setup.py")
    assert not allows("Edit(src/**)", use, tree)
    assert denies("Edit(setup.py)", use, tree)
    moved = "*** Begin Patch\n*** Update File: src/a.py\n*** Move to: ../x.py\n-a\n+b\n*** End Patch"
    assert not allows("Edit(src/**)", tool_use.of_patch(moved), tree)
    assert not allows("Edit(*)", tool_use.of_patch("no patch at all"), tree)


def fetch(url: str) -> ToolUse:
    return tool_use.of_url({"url": url, "prompt": "read it"})


def test_a_rule_for_addresses_covers_its_host_alone() -> None:
    rule = "WebFetch(https://docs.python.org/*)"
    assert allows(rule, fetch("https://docs.python.org/3/library/re.html?x=1"), WORK)
    for url in (
        "http://docs.python.org/3/",
        "https://docs.python.org.evil.example/3/",
        "https://evil.example/https://docs.python.org/",
        "https://docs.python.org@evil.example/",
        "https://docs.python.org\\@evil.example/",
        "https://x:docs.python.org/@evil.example/",
        "https://docs.python.org/../x",
        "//docs.python.org/3",
        "docs.python.org/3",
        "",
    ):
        assert not allows(rule, fetch(url), WORK)
    assert allows("WebFetch(https://*.python.org)", fetch("https://docs.python.org/3/"), WORK)
    assert allows("WebFetch(https://docs.*/*)", fetch("https://docs.python.org/3/"), WORK)
    assert not allows("WebFetch(https://docs.*/*)", fetch("https://docs.x@evil.example/3/"), WORK)
    assert denies("WebFetch(https://evil.example/*)", fetch("https://EVIL.example/a"), WORK)
    assert denies("WebFetch(https://evil.example)", fetch("https://u:p@evil.example:80/a"), WORK)
    assert not denies("WebFetch(https://evil.example)", fetch("https://good.example/evil.example"), WORK)


def test_any_other_tool_is_covered_by_its_name_and_a_star() -> None:
    use = tool_use.of_other("mcp__x__drop", {"table": "users"})
    assert allows("mcp__x__drop(*)", use, WORK)
    assert denies("mcp__x__drop(*)", use, WORK)
    assert not allows("mcp__x__drop(users)", use, WORK)
    assert not allows("mcp__x__drop", use, WORK)
    assert not allows("mcp__x__other(*)", use, WORK)
