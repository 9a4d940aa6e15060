"""Turn errors into one line, a hint what to type next, and an exit code."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable

from orchestra.errors import OrchestraError, from_system
from orchestra.terminal_text import clean, never_fails, without_sequences

BUG = 3
"""The exit code of an unexpected error."""
INTERRUPTED = 130
"""The exit code after ^C: 128 + SIGINT, as shells report it."""


def guarded(run: Callable[[], object]) -> int:
    """Run the command line and return its exit code; errors are printed on stderr."""
    _open_streams()
    # Writing the buffered rest at the end may fail too.
    return _ended(run) or _ended(sys.stdout.flush)


def _open_streams() -> None:
    """Open missing output streams, and let them accept any text."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 -- open for as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 -- as above
    for stream in (sys.stdout, sys.stderr):
        never_fails(stream)


def _ended(run: Callable[[], object]) -> int:
    try:
        run()
    except OrchestraError as error:
        return print_error(error)
    except KeyboardInterrupt:
        print(file=sys.stderr)  # noqa: T201 -- the shell's prompt belongs on a line of its own
        return INTERRUPTED
    except BrokenPipeError:
        _close_output()
        return 0
    except OSError as error:
        _close_output()
        return print_error(trouble) if (trouble := from_system(error)) else _confess(error)
    except SystemExit as left:
        if isinstance(left.__context__, BrokenPipeError):
            # rich raises this when the reader has closed the pipe
            return 0
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    except Exception as error:  # noqa: BLE001 -- the last door: whatever arrives here is a bug, kept in a log
        return _confess(error)
    return 0


def _close_output() -> None:
    """Redirect output to nowhere, because Python would try to write again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_error(error: OrchestraError) -> int:
    """Print an error and its hint on stderr; returns its exit code."""
    print(f"orchestra: {_printable(error.message)}", file=sys.stderr)  # noqa: T201 -- stderr is the interface here
    if error.hint:
        print(f"  → {_printable(error.hint)}", file=sys.stderr)  # noqa: T201 -- as above
    if in_popup():
        print("  (press Escape to close this)", file=sys.stderr)  # noqa: T201 -- as above
    return int(getattr(error, "exit", error.exit_code))


def in_popup() -> bool:
    """Return whether this runs in a popup of one of our keys, which stays open after a failure."""
    return bool(os.environ.get("ORCHESTRA_POPUP"))


def _printable(text: str) -> str:
    return clean(without_sequences(text))


def _confess(error: Exception) -> int:
    from orchestra.drivers.bug_report import write_report  # noqa: PLC0415 -- seldom needed

    file = write_report(error, shlex.join(["orchestra", *sys.argv[1:]]))
    print(f"orchestra: a bug in Orchestra: {clean(repr(error))}", file=sys.stderr)  # noqa: T201 -- as above
    print(f"  → please report it with {file}", file=sys.stderr)  # noqa: T201 -- as above
    return BUG
