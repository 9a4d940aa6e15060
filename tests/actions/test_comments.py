"""Comments on a session's work, from the draft to the end, on a real repository."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from orchestra.actions import registry
from orchestra.actions.session import manage
from orchestra.actions.session.branch_sync import import_commits
from orchestra.actions.work import comment_looks, comments
from orchestra.actions.work.comment_places import note_answers
from orchestra.errors import NotFound, Refused, UsageError
from orchestra.model import CommentState, Session
from orchestra.names import PERSON
from orchestra.project import Project
from tests.support.projects import HostProject

TEXT = "".join(f"line {number}\n" for number in range(1, 31))
EVIL = "evil\x1b[2J\nname.txt"


@pytest.fixture
def alpha(host: HostProject) -> Session:
    session = host.spawn("alpha")
    host.commit(session, "app.py", TEXT)
    return host.session("alpha")


def written(project: Project, **about: Any) -> int:  # noqa: ANN401 -- the action's arguments
    return int(comment_looks.comment(project, "alpha", **{"text": "Why?", "path": "app.py", **about})["number"])


def sync(host: HostProject) -> None:
    import_commits(host.project, host.session("alpha"))
    note_answers(host.project, host.session("alpha"))


def states(host: HostProject) -> list[str]:
    return [one.state.value for one in host.project.store.comments.of(host.session("alpha").id)]


def test_drafts_are_sent_as_one_message_and_once(host: HostProject, alpha: Session) -> None:
    project = host.project
    written(project, text="Rename it.", first=7, last=8)
    written(project, text="Too long.")
    written(project, text="Squash.", path="")
    assert project.store.messages.select(recipient="alpha") == []
    sent = registry.run(project, "send_comments", {"name": "alpha"}, request="r1")
    again = registry.run(project, "send_comments", {"name": "alpha"}, request="r1")
    (message,) = project.store.messages.select(recipient="alpha")
    assert sent == again == {"name": "alpha", "round": 1, "comments": 3, "messages": [message.id]}
    assert (message.sender, message.kind) == (PERSON, "message")
    assert "app.py, lines 7-8\n  7 | line 7\n  8 | line 8\n\nRename it." in message.text
    assert [one.message for one in project.store.comments.of(alpha.id)] == [message.id] * 3
    with pytest.raises(Refused, match="no drafts"):
        comments.send_comments(project, "alpha")
    written(project)
    assert comments.send_comments(project, "alpha")["round"] == 2


def test_a_round_longer_than_a_message_is_sent_whole(host: HostProject, alpha: Session) -> None:
    for number in range(12):
        written(host.project, text=f"<{number}> " + "y" * 9_000)
    sent = comments.send_comments(host.project, "alpha")
    texts = [message.text for message in host.project.store.messages.select(recipient=alpha.name)]
    assert len(sent["messages"]) == len(texts) == 2
    assert [sum(f"<{number}>" in text for text in texts) for number in range(12)] == [1] * 12


def test_a_commit_that_touches_the_lines_answers_and_another_does_not(host: HostProject, alpha: Session) -> None:
    written(host.project, first=7, last=8)
    written(host.project, first=20, last=20)
    written(host.project, path="app.py")
    comments.send_comments(host.project, "alpha")
    host.commit(alpha, "other.py", "x\n")
    sync(host)
    assert states(host) == ["open", "open", "open"]
    first = host.commit(alpha, "app.py", "new\n" + TEXT)
    sync(host)
    assert states(host) == ["open", "open", "answered"]
    second = host.commit(alpha, "app.py", "new\n" + TEXT.replace("line 8\n", "line eight\n"))
    host.commit(alpha, "app.py", "new\n" + TEXT.replace("line 8\n", "line 8.0\n"))
    sync(host)
    assert states(host) == ["answered", "open", "answered"]
    assert [one.commit for one in host.project.store.comments.of(alpha.id)] == [second, "", first]
    listed = comment_looks.comments(host.project, "alpha")
    assert [(one["now"]["first"], one["now"]["last"], one["now"]["outdated"]) for one in listed] == [
        (8, 8, False),
        (21, 21, False),
        (0, 0, False),
    ]


def test_what_was_committed_before_the_comment_is_no_answer_whenever_it_is_imported(
    host: HostProject, alpha: Session
) -> None:
    host.commit(alpha, "app.py", TEXT.replace("line 7\n", "line seven\n"))
    for about in ({"first": 7, "last": 7}, {}):
        written(host.project, **about)
    comments.send_comments(host.project, "alpha")
    host.project.store.comments.looked(alpha.id, (1, 2), "")
    sync(host)
    assert states(host) == ["open", "open"]
    host.commit(alpha, "app.py", TEXT)
    sync(host)
    assert states(host) == ["answered", "answered"]


def test_uncommitted_lines_are_commented_on_and_followed(host: HostProject, alpha: Session) -> None:
    host.write(alpha, "app.py", TEXT + "draft\n")
    written(host.project, first=31, last=31)
    comments.send_comments(host.project, "alpha")
    host.commit(alpha, "app.py", TEXT + "draft\n")
    sync(host)
    assert states(host) == ["open"]
    host.write(alpha, "app.py", TEXT)
    (gone,) = comment_looks.comments(host.project, "alpha")
    assert (gone["quoted"], gone["now"]["outdated"], gone["state"]) == ("draft", True, "open")
    host.git("rm", "-q", "-f", "app.py", cwd=alpha.worktree)
    host.git("commit", "-qm", "Drop it", cwd=alpha.worktree)
    sync(host)
    assert states(host) == ["answered"]


def test_lines_before_the_change_and_a_renamed_file(host: HostProject) -> None:
    session = host.spawn("alpha")
    host.commit(session, "README.md", "hello, world\n")
    number = written(host.project, path="README.md", first=1, last=1, old=True)
    assert host.project.store.comments.get(session.id, number).quoted == "hello"
    host.commit(session, "README.md", "hello\n" * 1)
    host.git("mv", "README.md", "MORE.md", cwd=session.worktree)
    host.git("commit", "-qm", "Rename", cwd=session.worktree)
    (listed,) = comment_looks.comments(host.project, "alpha")
    assert (listed["now"]["path"], listed["now"]["first"]) == ("MORE.md", 1)


def test_a_reply_answers_and_the_person_settles_and_opens_again(host: HostProject, alpha: Session) -> None:
    number = written(host.project, first=7, last=7)
    with pytest.raises(NotFound):
        comments.answer_comment(host.project, alpha, number, "a draft is not mine to see")
    with pytest.raises(Refused, match="not been sent"):
        comments.settle_comment(host.project, "alpha", number)
    comments.send_comments(host.project, "alpha")
    (seen,) = comments.unsettled(host.project, host.session("alpha"))
    assert (seen["number"], seen["about"], seen["code"]) == (1, "app.py, line 7", "line 7")
    comments.answer_comment(host.project, alpha, number, "It must stay.\x1b[2J")
    assert comments.unsettled(host.project, host.session("alpha")) == []
    (known,) = host.project.store.comments.of(alpha.id)
    assert (known.state, known.reply, known.commit) == (CommentState.ANSWERED, "It must stay.[2J", "")
    comments.reopen_comment(host.project, "alpha", number)
    assert states(host) == ["open"]
    comments.settle_comment(host.project, "alpha", number)
    with pytest.raises(Refused, match="settled"):
        comments.answer_comment(host.project, alpha, number, "Again.")


def test_only_drafts_are_edited_and_deleted(host: HostProject, alpha: Session) -> None:
    first, second = written(host.project), written(host.project, text="Other.")
    comments.edit_comment(host.project, "alpha", first, "Really why?")
    comments.delete_comment(host.project, "alpha", second)
    comments.send_comments(host.project, "alpha")
    assert host.project.store.comments.get(alpha.id, first).text == "Really why?"
    for change in (
        lambda: comments.edit_comment(host.project, "alpha", first, "x"),
        lambda: comments.delete_comment(host.project, "alpha", first),
    ):
        with pytest.raises(Refused, match="has been sent"):
            change()


def test_the_same_draft_is_stored_once(host: HostProject, alpha: Session) -> None:
    assert written(host.project, first=7, last=7) == written(host.project, first=7, last=7)
    assert len(states(host)) == 1
    assert alpha.name == "alpha"


@pytest.mark.usefixtures("alpha")
@pytest.mark.parametrize(
    ("about", "error", "said"),
    [
        ({"path": "../../etc/passwd"}, NotFound, "no file"),
        ({"path": "/etc/passwd"}, NotFound, "no file"),
        ({"path": ".git/config"}, NotFound, "no file"),
        ({"path": "."}, NotFound, "no file"),
        ({"path": "*"}, NotFound, "no file"),
        ({"path": "big.txt", "first": 1, "last": 1}, UsageError, "0 lines"),
        ({"path": "app.py", "first": 30, "last": 31}, UsageError, "30 lines"),
        ({"path": "app.py", "first": 8, "last": 7}, UsageError, "30 lines"),
        ({"path": "app.py", "text": " \x1b\n"}, UsageError, "empty"),
        ({"path": "app.py", "text": "é" * 9_000}, UsageError, "longer"),
    ],
)
def test_what_is_not_there_is_refused(
    host: HostProject, about: dict[str, Any], error: type[Exception], said: str
) -> None:
    tree = host.session("alpha").worktree
    host.write(tree, "big.txt", "x\n" * 3_000_000)
    with pytest.raises(error, match=said):
        written(host.project, **about)
    assert states(host) == []


def test_a_name_of_any_bytes_is_commented_on_and_runs_nothing(host: HostProject, alpha: Session) -> None:
    canary = host.place / "canary"
    text = f"$(touch {canary}) `touch {canary}`; touch {canary}"
    host.write(alpha, EVIL, f"{text}\x1b]0;x\x07\n")
    written(host.project, path=EVIL, first=1, last=1, text=text)
    comments.send_comments(host.project, "alpha")
    (message,) = host.project.store.messages.select(recipient="alpha")
    assert message.text.endswith(text)
    assert "\x1b" not in message.text
    (listed,) = comment_looks.comments(host.project, "alpha")
    assert (listed["path"], listed["now"]["path"]) == (EVIL, EVIL)
    assert not canary.exists()


def test_comments_go_with_a_deleted_session_and_come_back_with_it(host: HostProject, alpha: Session) -> None:
    written(host.project, first=7, last=7)
    manage.delete(host.project, "alpha", force=True, remove_worktree=True)
    with pytest.raises(NotFound):
        comment_looks.comments(host.project, "alpha")
    manage.restore(host.project, "alpha")
    assert len(host.project.store.comments.of(alpha.id)) == 1


def test_an_agent_cannot_comment_settle_or_send_as_the_person(host: HostProject, alpha: Session) -> None:
    written(host.project)
    variables = {"ORCHESTRA_SESSION": "alpha", "ORCHESTRA_TOKEN_FILE": "x"}
    for words in (["app.py", "mine"], ["--send"], ["--delete", "1"]):
        command = (sys.executable, "-m", "orchestra", "comment", "alpha", *words)
        environment = {**os.environ, **variables}
        done = subprocess.run(command, cwd=host.source, env=environment, capture_output=True, check=False, timeout=60)
        assert done.returncode == 1
        assert b"an agent may not" in done.stderr
    assert states(host) == ["draft"]
    assert alpha.name == "alpha"
