"""Permissions that agents ask for: decided by a rule, or by the person, each for exactly one request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestra.agents import Family, Profile, family_of, tool_use
from orchestra.attention import ended
from orchestra.config.permission_rules import Verdict, verdict
from orchestra.errors import NotFound, Refused, UsageError
from orchestra.lifecycle import age
from orchestra.model import AnsweredBy, Decision, PermissionRequest, Session, Sign, ToolUse
from orchestra.protocol import plain, request_id
from orchestra.terminal_text import clean

if TYPE_CHECKING:
    from orchestra.project import Project

LONGEST_REASON = 2000
"""The most characters of a reason."""
PAGE, LONGEST_PAGE = 200, 2000
"""How many answers are shown by default, and at most."""
DENIED = "The person has denied this."
"""What an agent is told that was denied something without a reason."""
LOOKED_AT = "you went to its window, which asks you now"
"""Why only its window takes the answer to a request."""
_TOO_LONG = "it is too long to be shown whole"
_GOES_ON = frozenset({Decision.ALLOW, Decision.ALWAYS})


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of an agent's hook: the ``key`` it chose, the ``digest`` of what it asks, and what that is."""

    key: str
    digest: str
    use: ToolUse


def open_requests(project: Project) -> list[PermissionRequest]:
    """Return every open request, oldest first."""
    return list(project.store.permissions.open())


def answers(project: Project, name: str = "", *, limit: int = PAGE) -> list[PermissionRequest]:
    """Return the newest answers to requests of one session or of all, oldest first; also of a deleted session.

    Raises NotFound for a session that never was, UsageError for a wrong number.
    """
    if not 0 < limit <= LONGEST_PAGE:
        raise UsageError(f"the number of answers must be from 1 to {LONGEST_PAGE}, not {limit}")
    if name and project.store.sessions.deleted(name) is None:
        project.store.sessions.get(name)
    return project.store.permissions.answers(name or None, limit)


def answer(project: Project, id: int, decision: str, reason: str = "") -> PermissionRequest:  # noqa: A002 -- as in the answer
    """Answer one open request for the person, and return it.

    Raises NotFound, UsageError for another decision or a wrong reason, and Refused for a request that is closed or that
    only its window can answer: nothing else is ever answered in its place.
    """
    wanted = _decision(decision, reason)
    with project.store.together():
        request = _open(project, id)
        project.store.permissions.answer(id, AnsweredBy.PERSON, wanted, reason=clean(reason.strip()))
        _note_answer(project, request, wanted)
        return project.store.permissions.get(id) or request


def _decision(decision: str, reason: str) -> Decision:
    if decision not in set(Decision):
        raise UsageError(f"an answer cannot be {decision!r}", hint=f"choose from: {', '.join(Decision)}")
    if reason.strip() and decision != Decision.DENY:
        raise UsageError("only a denial has a reason", hint="to tell the agent something: orchestra send NAME TEXT")
    if len(reason) > LONGEST_REASON:
        raise UsageError(f"the reason is longer than {LONGEST_REASON} characters", hint="shorten it")
    return Decision(decision)


def _open(project: Project, number: int) -> PermissionRequest:
    request = project.store.permissions.get(number)
    if request is None:
        raise NotFound(f"there is no request {number}", hint="to see the open ones: orchestra answer")
    if request.answered_by is not None:
        raise Refused(
            f"request {number} of {request.session} {ended(request)}", hint="to see the open ones: orchestra answer"
        )
    if not request.answerable:
        message = f"only its window can answer request {number} of {request.session}: {request.note}"
        raise Refused(message, hint=f"go there: orchestra switch {request.session}")
    return request


def _note_answer(project: Project, request: PermissionRequest, decision: Decision) -> None:
    """Record in the session's evidence that its agent goes on, unless it still waits for something else."""
    session, _ = project.store.permissions.asker(request.id)
    word = "allowed" if decision in _GOES_ON else "denied"
    text = f"{word}: {request.wanted}"
    if others := project.store.permissions.open_of(session):
        project.store.events.log(request.session, Sign.TOOL_USED.value, text)
        _show(project, others[0])
        return
    project.store.sessions.record_sign(request.session, Sign.TOOL_USED, text)


def _show(project: Project, request: PermissionRequest) -> None:
    project.store.sessions.record_sign(request.session, Sign.PROMPTED, tool_use.wants(request.wanted))


def ask(project: Project, session: Session, profile: Profile, asked: Asked) -> PermissionRequest:
    """Record what an agent asks, once for each key, and let the rules decide it if they can.

    Raises Refused for a key that stands for something else, and for too many open requests.
    """
    permissions = project.store.permissions
    note = "" if tool_use.is_whole(asked.use) else _TOO_LONG
    with project.store.together():
        known = permissions.with_key(session.id, asked.key)
        request = permissions.ask(session.id, asked.key, asked.digest, asked.use, note=note)
        if known is not None:
            return request
        if not _by_rule(project, session, profile, request, asked.use):
            _show(project, request)
        return permissions.get(request.id) or request


def _by_rule(project: Project, session: Session, profile: Profile, request: PermissionRequest, use: ToolUse) -> bool:
    """Answer a request by a rule or by an earlier ``always``; returns whether there is one."""
    found = rules_say(project, session, profile, use)
    permissions = project.store.permissions
    if found.denied_by:
        return permissions.answer(
            request.id, AnsweredBy.RULE, Decision.DENY, rule=found.denied_by, reason=denial(found)
        )
    if found.allowed_by:
        return permissions.answer(request.id, AnsweredBy.RULE, Decision.ALLOW, rule=found.allowed_by)
    if permissions.is_granted(session.id, use):
        return permissions.answer(request.id, AnsweredBy.RULE, Decision.ALLOW, rule="always in this session")
    return False


def leave_to_window(project: Project, session: Session) -> None:
    """Let an agent whose window shows no dialog while its hook waits ask there, because the person goes there."""
    if family_of(project.profile(session.agent)).DIALOG_TOO:
        return
    for request in project.store.permissions.open_of(session.id):
        project.store.permissions.leave_to_window(request.id, LOOKED_AT)


def deny_late(project: Project, request: PermissionRequest, now: datetime) -> None:
    """Deny a request that nobody has answered in the time that the settings give."""
    longest = project.usable_settings.answer_timeout
    if not longest or age(request.at, now) < longest:
        return
    with project.store.together():
        reason = f"Nobody answered within {longest} s."
        if project.store.permissions.answer(request.id, AnsweredBy.TIMEOUT, Decision.DENY, reason=reason):
            _note_answer(project, request, Decision.DENY)


def rules_say(project: Project, session: Session, profile: Profile, use: ToolUse) -> Verdict:
    """Return what the rules of the settings and of the profile say; unreadable settings allow nothing."""
    settings = project.usable_settings
    allow = () if project.settings_trouble is not None else (*settings.allow, *profile.allow)
    return verdict(use, allow, (*settings.deny, *profile.deny), Path(session.worktree))


def forbidden(project: Project, session: Session, event: str, payload: Mapping[str, Any]) -> str:
    """Return why a rule forbids what an agent is about to do without a question, and record that; else nothing."""
    profile = project.profile(session.agent)
    if not project.usable_settings.deny and not profile.deny:
        return ""
    use = family_of(profile).before(event, payload)
    found = rules_say(project, session, profile, use) if use is not None else Verdict()
    if use is None or not found.denied_by:
        return ""
    permissions = project.store.permissions
    with project.store.together():
        request = permissions.ask(session.id, request_id(), "", use)
        reason = denial(found)
        permissions.answer(request.id, AnsweredBy.RULE, Decision.DENY, rule=found.denied_by, reason=reason)
    return reason


def denial(found: Verdict) -> str:
    """Return what an agent is told that a rule denies something."""
    return f"The rule {found.denied_by!r} denies this."


def reply(family: Family, event: str, request: PermissionRequest) -> dict[str, Any]:
    """Return the reply for the hook that asked; without our answer, the agent's own dialog asks the person."""
    if request.decision is None:
        return family.permission_reply(event, allowed=None, reason="")
    allowed = request.decision in _GOES_ON
    return family.permission_reply(event, allowed=allowed, reason=request.reason or DENIED)


def close_done(project: Project, session: Session, family: Family, event: str, payload: Mapping[str, Any]) -> None:
    """Close the request for what an agent has just done without our answer: it was allowed in its window."""
    waiting = project.store.permissions.open_of(session.id)
    use = family.used(event, payload) if waiting else None
    if use is None:
        return
    subjects = {request.id: project.store.permissions.asker(request.id)[1] for request in waiting}
    same = [request for request in waiting if (request.tool, subjects[request.id]) == (use.tool, use.subject)]
    project.store.permissions.close(same[:1], AnsweredBy.WINDOW)


def is_between(project: Project, session: Session, signs: Iterable[tuple[Sign, str]]) -> bool:
    """Return whether signs say less than the permission that an agent still waits for: of other tools, of a dialog."""
    less = all(
        sign is Sign.TOOL_USED or (sign is Sign.PROMPTED and not text.startswith(tool_use.WANTS))
        for sign, text in signs
    )
    return less and bool(project.store.permissions.open_of(session.id))


def wants(project: Project) -> dict[str, dict[str, Any]]:
    """Return what each session waits for, as scripts see it: its oldest open request."""
    shown = ("id", "at", "tool", "summary", "answerable")
    found = {request.session: request for request in reversed(project.store.permissions.open())}
    return {name: {key: plain(getattr(request, key)) for key in shown} for name, request in found.items()}
