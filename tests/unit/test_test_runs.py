"""Which commands run tests, and when their status or output says how those went."""

from __future__ import annotations

import pytest

from orchestra.test_runs import counts, passed, run_of

Told = tuple[str, bool, bool]
"""The runner, whether the status 0 tells, and whether any other does."""
STATUS_ALONE = ("pytest", True, True)


def told(command: str) -> Told | None:
    run = run_of(command)
    return (run.runner, run.zero_tells, run.other_tells) if run else None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pytest -q", STATUS_ALONE),
        (".venv/bin/python3.11 -m pytest -q > out.txt 2>&1", STATUS_ALONE),
        ("FOO=1 timeout 60 uv run pytest", STATUS_ALONE),
        ("make clean; pytest", STATUS_ALONE),
        ("bash -lc 'cd x; pytest -q'", STATUS_ALONE),
        ("cd x && pytest", ("pytest", True, False)),
        ("(cd a && cargo +nightly test)", ("cargo", True, False)),
        ("pytest && git commit -m 'a && b'", ("pytest", True, False)),
        ("pytest -q 2>&1 | tail -5", ("pytest", False, False)),
        ("pytest || true", ("pytest", False, False)),
        ("pytest; echo $?", ("pytest", False, False)),
        ("pytest &", ("pytest", False, False)),
        ("pytest && cargo test", ("several", True, False)),
        ("python -m unittest discover", ("unittest", True, True)),
        ("go test ./...", ("go", True, True)),
        ("npm test", ("npm", True, True)),
        ("npm run test:unit -- --run", ("npm", True, True)),
        ("npx vitest run", ("npm", True, True)),
        ("node --test", ("npm", True, True)),
        ("echo pytest", None),
        ("grep -r pytest .", None),
        ("pip install pytest", None),
        ("pytest --version", None),
        ("npm run build", None),
        ("go test -c ./x", None),
        ("echo 'never closed", None),
        ("", None),
    ],
)
def test_a_command_says_something_of_tests_only_where_its_status_is_theirs(command: str, expected: Told | None) -> None:
    assert told(command) == expected


@pytest.mark.parametrize(
    ("command", "output", "expected"),
    [
        ("pytest", "tests/test_a.py ..F\n=== 1 failed, 12 passed, 1 error in 0.12s ===\n", (12, 2)),
        ("pytest -q", "\x1b[31m\x1b[1m3 failed\x1b[0m, \x1b[32m9 passed\x1b[0m in 61.20s (0:01:01)\x1b[0m\n", (9, 3)),
        ("pytest", "no tests ran in 0.01s\n", (None, None)),
        ("pytest", "collected 3 items: 2 passed so far\n", (None, None)),
        ("python -m unittest", "Ran 5 tests in 0.001s\n\nFAILED (failures=1, errors=1, skipped=1)\n", (2, 2)),
        ("python -m unittest", "Ran 5 tests in 0.001s\n\nOK\n", (5, 0)),
        ("python -m unittest", "OK\n", (None, None)),
        (
            "cargo test",
            "test result: ok. 3 passed; 0 failed; 0 ignored\ntest result: FAILED. 1 passed; 2 failed; 0 ignored\n",
            (4, 2),
        ),
        ("go test ./...", "--- FAIL: TestA (0.00s)\nFAIL\nFAIL\texample.org/a\t0.002s\n", (None, 1)),
        ("go test -v ./...", "--- PASS: TestA (0.00s)\n    --- PASS: TestA/b (0.00s)\nPASS\n", (1, 0)),
        ("go test ./...", "ok  \texample.org/a\t0.002s\n", (None, None)),
        ("npm test", "Tests:       1 failed, 3 passed, 4 total\n", (3, 1)),
        ("npx vitest run", " Test Files  1 passed (1)\n      Tests  4 passed (4)\n", (4, 0)),
        ("npx mocha", "  3 passing (8ms)\n  1 failing\n", (3, 1)),
        ("node --test", "# tests 3\n# pass 2\n# fail 1\n", (2, 1)),
        ("npm test", "built in 3s\n", (None, None)),
        ("pytest && cargo test", "3 passed in 0.1s\n", (None, None)),
    ],
)
def test_the_numbers_of_tests_are_those_in_the_output(
    command: str, output: str, expected: tuple[int | None, int | None]
) -> None:
    run = run_of(command)
    assert run is not None
    assert counts(run, output) == expected


@pytest.mark.parametrize(
    ("command", "code", "counted", "expected"),
    [
        ("pytest", 0, (None, None), True),
        ("pytest", 5, (None, None), False),
        ("pytest", None, (None, None), None),
        ("cd x && pytest", 1, (None, None), None),
        ("cd x && pytest", 1, (3, 1), False),
        ("pytest | tail", 0, (None, None), None),
        ("pytest | tail", 0, (3, 0), True),
        ("pytest | tail", 0, (3, 2), False),
        ("cargo test | tail -3", 0, (3, 0), None),
        ("pytest && false", 1, (3, 0), None),
    ],
)
def test_no_result_is_claimed_that_was_not_told(
    command: str, code: int | None, counted: tuple[int | None, int | None], expected: object
) -> None:
    run = run_of(command)
    assert run is not None
    assert passed(run, code=code, counts=counted) is expected
