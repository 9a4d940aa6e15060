"""Every error Orchestra raises on purpose.

OrchestraError                 exit 1; the message says what happened, the hint what to type next
├── UsageError                 exit 2; the input cannot be understood
│   ├── BadName                a session name or title with nothing usable in it
│   ├── BadConfig              a file or variable with an unknown key or a wrong value
│   └── UnknownProfile         no profile has that name
├── Refused                    a rule, or doubt about losing work, stops the action
│   ├── NotARepository         not inside a git repository that sessions can work on
│   ├── NameTaken              a session, branch or directory has that name
│   ├── NotAllowed             the caller's role or ownership does not permit it
│   ├── MergeConflict          the branches change the same lines
│   ├── RefusedCommits         a session's commits are not imported
│   ├── CheckFailed            the check command failed on the merged tree
│   └── NeedsConsent           a project file asks for more than the person has allowed
├── NotFound                   no session, message or anchor has that name
├── Moved                      a ref or row changed between reading and writing it
├── ToolMissing                a program is not installed, or too old
├── EngineDown                 no Docker engine answers
│   └── EngineSilent           it accepts calls but does not answer in time (DeadlineExceeded, too)
├── ServiceDown                the project's service does not answer
├── CommandFailed              an outside program failed
├── DeadlineExceeded           an outside program did not answer in time
└── StoreError                 the database cannot be used
"""

from __future__ import annotations

import errno
from typing import ClassVar


class OrchestraError(Exception):
    """An error that a person can act on, with a one-line message."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(OrchestraError):
    """The input cannot be understood."""

    exit_code = 2


class BadName(UsageError):
    """A session name or title has nothing usable in it."""


class BadConfig(UsageError):
    """A file or variable has an unknown key or a wrong value."""


class UnknownProfile(UsageError):
    """No profile has that name."""


class Refused(OrchestraError):
    """A rule, or doubt about losing work, stops the action."""


class OverBudget(Refused):
    """A session, or the project, has cost as much as the person's budget allows."""


class NotARepository(Refused):
    """The directory is not inside a git repository that sessions can work on."""


class NameTaken(Refused):
    """A session, branch or directory already has that name."""


class NotAllowed(Refused):
    """The caller's role or ownership does not permit the action."""


class MergeConflict(Refused):
    """Two branches change the same lines."""

    def __init__(self, message: str, *, paths: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.paths = paths


class RefusedCommits(Refused):
    """A session's commits are malformed, too large, or contain a repository, and are not imported."""


class CheckFailed(Refused):
    """The check command failed on the merged tree."""

    def __init__(self, message: str, *, output: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.output = output


class NeedsConsent(Refused):
    """A project file asks for more than the person has allowed."""


class NotFound(OrchestraError):
    """No session, message or anchor has that name."""


class Moved(OrchestraError):
    """A ref or row changed between reading and writing it."""


class ToolMissing(OrchestraError):
    """A program is not installed, or too old."""


class EngineDown(OrchestraError):
    """No Docker engine answers."""


class ServiceDown(OrchestraError):
    """The project's service does not answer; ``asked`` says that it may have begun the request."""

    asked = False


class CommandFailed(OrchestraError):
    """An outside program failed."""

    def __init__(self, message: str, *, code: int = 1, stderr: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.stderr = stderr


class DeadlineExceeded(OrchestraError):
    """An outside program did not answer in time."""


class EngineSilent(EngineDown, DeadlineExceeded):
    """The Docker engine accepts calls but does not answer them in time."""


class StoreError(OrchestraError):
    """The database cannot be used."""


_SPACE = "free some space, or type: orchestra gc"
_PERMISSION = "give yourself permission to write there, or choose another directory: export ORCHESTRA_HOME=DIR"
_IN_THE_WAY = "move the file that is in the way, or choose another directory: export ORCHESTRA_HOME=DIR"
_HINTS = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EROFS: _PERMISSION,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.ENAMETOOLONG: "choose shorter names or a shorter path",
    errno.EMFILE: "allow more open files: ulimit -n 4096",
    errno.ENOMEM: "close some programs: the machine is out of memory",
}
"""Hints for failed system calls (errno(3)) that are caused by the machine, not by the program."""


def from_system(error: OSError) -> OrchestraError | None:
    """Return the error for a failed system call, or None if it is more likely a bug."""
    hint = _HINTS.get(error.errno or 0)
    if hint is None:
        return None
    reason = (error.strerror or type(error).__name__).lower()
    return Refused(f"{error.filename}: {reason}" if error.filename else reason, hint=hint)


def by_name(name: str) -> type[OrchestraError]:
    """Return the error class called ``name``, or OrchestraError for an unknown name."""
    error: object = globals().get(name)
    if isinstance(error, type) and issubclass(error, OrchestraError):
        return error
    return OrchestraError
