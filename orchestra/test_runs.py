"""Recognize commands that run tests, and what their exit status and output say of the tests; pure, without effects."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_MOST = 20_000
"""Characters of a command that are looked at."""
_TAIL = 64 * 1024
"""Characters at the end of an output that are looked at."""
_ASSIGNS = re.compile(r"\w+=.*", re.DOTALL)
_NUMBER = re.compile(r"[\d.]+[smhd]?")
_COLOURS = re.compile(r"\x1b\[[0-9;]{0,20}m")
_WRAPPERS = frozenset({"env", "time", "nice", "timeout", "stdbuf", "xvfb-run", "sudo", "npx", "bunx", "exec"})
_RUN_BY = frozenset({"uv", "poetry", "pipenv", "hatch", "pdm", "rye"})
_SHELLS = frozenset({"bash", "sh", "zsh", "dash"})
_PACKAGE_MANAGERS = frozenset({"npm", "pnpm", "yarn", "bun"})
_BAD = frozenset({"failures", "errors", "unexpected successes"})
_NO_RUN = frozenset({"--version", "--help", "-h", "--collect-only", "--co", "--no-run", "--fixtures", "--markers"})
_JAVASCRIPT = "npm"
_LASTS = frozenset({"pytest", "unittest", _JAVASCRIPT})
"""The runners whose output ends with one summary of all tests."""

Counts = tuple[int | None, int | None]
"""The numbers of tests that passed and failed; None where that is not told."""


@dataclass(frozen=True, slots=True)
class TestRun:
    """What one command says of the tests that it runs.

    ``zero_tells`` says that the status 0 means that they passed, ``other_tells`` that any other means that they did
    not: a pipe has the status of its last command, and ``a && b`` that of the one that failed.
    """

    __test__ = False

    runner: str
    zero_tells: bool
    other_tells: bool


def run_of(command: str) -> TestRun | None:
    """Return what a shell command says of the tests that it runs; None if it runs none, or is not understood."""
    try:
        parts = list(_parts(command[:_MOST]))
    except ValueError:
        return None
    runners = [_runner(words) for words, _ in parts]
    found = [place for place, runner in enumerate(runners) if runner]
    if not found:
        return None
    # One at the very end joins nothing, but & leaves the command to the background.
    operators = [operator for place, (_, operator) in enumerate(parts, 1) if operator == "&" or place < len(parts)]
    return TestRun(
        runner=runners[found[0]] if len(found) == 1 else "several",
        zero_tells=all(operator == "&&" for operator in operators[found[0] :]),
        other_tells=found == [len(parts) - 1] and all(operator in {";", "\n"} for operator in operators),
    )


def _parts(command: str) -> Iterator[tuple[list[str], str]]:
    """Yield the words of every part of a command, with the operator after it."""
    lexer = shlex.shlex(command.strip().replace("\\\n", ""), posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.commenters, lexer.whitespace_split = " \t\r", "", True
    words: list[str] = []
    for token in lexer:
        if not token or set(token) - set("();|&\n"):
            words.append(token)
        elif operator := token.strip("() "):
            yield words, operator.strip("\n") or "\n"
            words = []
    if words:
        yield words, ""


def _runner(words: Sequence[str]) -> str:
    """Return the name of the test runner that a simple command starts; empty if it starts none."""
    first, *rest = _bare(words) or [""]
    name = first.rpartition("/")[2]
    if not name or _NO_RUN & set(rest):
        return ""
    if name in _SHELLS and len(rest) > 1 and re.fullmatch(r"-[a-z]*c", rest[0]):
        inner = run_of(rest[1])
        return inner.runner if inner and inner.zero_tells and inner.other_tells else ""
    if re.fullmatch(r"python[\d.]*", name) and "-m" in rest:
        name, *rest = rest[rest.index("-m") + 1 :] or [""]
    return _named(name, [word for word in rest if not word.startswith("+")])


def _bare(words: Sequence[str]) -> list[str]:
    """Return a command without what only sets something up for it."""
    left = list(words)
    while left:
        name = left[0].rpartition("/")[2]
        if name in _RUN_BY and left[1:2] == ["run"]:
            left = left[2:]
        elif name in _WRAPPERS or _ASSIGNS.fullmatch(left[0]):
            left = left[1:]
            while name in _WRAPPERS and left and (left[0].startswith("-") or _NUMBER.fullmatch(left[0])):
                left = left[1:]
        else:
            break
    return left


def _named(name: str, rest: Sequence[str]) -> str:
    if name in {"pytest", "py.test"}:
        return "pytest"
    if name == "unittest":
        return name
    if name == "cargo" and rest[:1] in (["test"], ["t"], ["nextest"]):
        return name
    if name == "go" and rest[:1] == ["test"] and "-c" not in rest:
        return name
    if name in {"jest", "vitest", "mocha"} or (name == "node" and "--test" in rest):
        return _JAVASCRIPT
    return _JAVASCRIPT if name in _PACKAGE_MANAGERS and _runs_test_script(rest) else ""


def _runs_test_script(rest: Sequence[str]) -> bool:
    script = rest[1:2] if rest[:1] == ["run"] else rest[:1]
    return script in (["test"], ["t"]) or script[0].startswith("test:") if script else False


def passed(run: TestRun, *, code: int | None, counts: Counts) -> bool | None:
    """Return whether all tests of a command that has ended passed; None if that is not told.

    ``code`` is its exit status; None if that is not known, for example after a timeout.
    """
    if code == 0 and run.zero_tells:
        return True
    if code and run.other_tells:
        return False
    good, bad = counts
    if bad:
        return False
    return True if good and run.runner in _LASTS and not code else None


def counts(run: TestRun, output: str) -> Counts:
    """Return how many tests passed and failed, as the output of a command counts them."""
    reader = _READERS.get(run.runner)
    return reader(_COLOURS.sub("", output[-_TAIL:]).splitlines()) if reader else (None, None)


def _pytest(lines: Sequence[str]) -> Counts:
    for line in reversed(lines):
        found = _numbers(line[:500], r"(\d{1,7}) (passed|failed|error)")
        if found and re.search(r" in \d{1,9}(?:\.\d{1,9})?s\b", line[:500]):
            return found.get("passed", 0), found.get("failed", 0) + found.get("error", 0)
    return None, None


def _unittest(lines: Sequence[str]) -> Counts:
    ran = [int(found[1]) for line in lines if (found := re.match(r"Ran (\d{1,7}) tests? in ", line))]
    ends = [line[:500] for line in lines if re.match(r"(?:OK|FAILED)(?: \(|$)", line)]
    if not ran or not ends:
        return None, None
    told = {word.strip(): int(number) for word, number in re.findall(r"([a-z ]{1,30})=(\d{1,7})", ends[-1])}
    return max(0, ran[-1] - sum(told.values())), sum(number for word, number in told.items() if word in _BAD)


def _cargo(lines: Sequence[str]) -> Counts:
    pattern = re.compile(r"test result: \w{1,9}\. (\d{1,7}) passed; (\d{1,7}) failed;")
    found = [match for line in lines if (match := pattern.match(line))]
    return (sum(int(one[1]) for one in found), sum(int(one[2]) for one in found)) if found else (None, None)


def _go(lines: Sequence[str]) -> Counts:
    good, bad = (sum(line.startswith(f"--- {word}: ") for line in lines) for word in ("PASS", "FAIL"))
    # Without -v, it names only tests that failed.
    return (good or None), (bad if good or bad else None)


def _javascript(lines: Sequence[str]) -> Counts:
    for line in reversed(lines):
        if re.match(r"\s{0,20}Tests:?\s", line) and (found := _numbers(line[:500], r"(\d{1,7}) (passed|failed)")):
            return found.get("passed", 0), found.get("failed", 0)
    found = {}
    for line in lines:
        found |= _numbers(line[:200], r"^\s{0,20}(\d{1,7}) (passing|failing)\b")
        found |= {word: int(number) for word, number in re.findall(r"^(?:#|ℹ) (pass|fail) (\d{1,7})$", line[:200])}
    good = found.get("passing", found.get("pass"))
    return (None, None) if good is None else (good, found.get("failing", found.get("fail", 0)))


def _numbers(line: str, pattern: str) -> dict[str, int]:
    return {word: int(number) for number, word in re.findall(pattern, line)}


_READERS: Mapping[str, Callable[[Sequence[str]], Counts]] = {
    "pytest": _pytest,
    "unittest": _unittest,
    "cargo": _cargo,
    "go": _go,
    _JAVASCRIPT: _javascript,
}
