"""The scripted model itself, and the real Claude Code on it where that program is installed."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.support.models.server import SESSION_HEADER, Asked, Call, ModelServer, Rule, Say

TOOLS = [{"name": "Bash"}]


def ask(server: ModelServer, messages: list[dict[str, Any]], **extra: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON
    session = extra.pop("session", "s-1")
    body = {"model": "m", "messages": messages, "tools": TOOLS, **extra}
    request = urllib.request.Request(  # noqa: S310 -- loopback
        f"{server.url()}/v1/messages?beta=true",
        data=json.dumps(body).encode(),
        headers={"x-api-key": "k", SESSION_HEADER: session},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 -- loopback
        text = answer.read().decode()
    if not body.get("stream"):
        found: dict[str, Any] = json.loads(text)
        return found
    return {"events": [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]}


def user(content: Any) -> list[dict[str, Any]]:  # noqa: ANN401 -- a text, or blocks
    return [{"role": "user", "content": content}]


def said(answer: dict[str, Any]) -> str:
    return str(answer["content"][0]["text"])


def test_a_rule_answers_what_it_fits_and_the_first_one_wins() -> None:
    rules = [Rule([Say("first")], user="hello", times=1), Rule([Say("later")], user="hello")]
    with ModelServer(rules) as server:
        assert said(ask(server, user("hello there"))) == "first"
        assert said(ask(server, user("hello there"))) == "later"
        assert said(ask(server, user("something else"))) == "The script has no answer to this."


@pytest.mark.parametrize(
    ("rule", "fitting", "other"),
    [
        (Rule([Say("yes")], system="designer"), {"system": "the designer"}, {"system": "an executor"}),
        (Rule([Say("yes")], session="^s-2$"), {"session": "s-2"}, {"session": "s-22"}),
    ],
)
def test_a_rule_may_look_at_the_system_prompt_or_the_session(
    rule: Rule, fitting: dict[str, Any], other: dict[str, Any]
) -> None:
    with ModelServer([rule]) as server:
        assert said(ask(server, user("x"), **fitting)) == "yes"
        assert said(ask(server, user("x"), **other)) != "yes"


def test_a_rule_may_look_at_a_tools_result() -> None:
    result = [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "3 passed"}]}]
    with ModelServer([Rule([Say("good")], result="3 passed"), Rule([Say("bad")])]) as server:
        assert said(ask(server, user(result))) == "good"
        assert said(ask(server, user("3 passed"))) == "bad"


def test_injected_text_is_kept_apart_from_what_the_user_said() -> None:
    content = "<system-reminder>\nremember\n</system-reminder>\nhello"
    with ModelServer([Rule([Say("no")], user="remember"), Rule([Say("told")], injected="remember")]) as server:
        assert said(ask(server, user(content))) == "told"
        assert server.asked[0].user == "hello"
        assert server.asked[0].injected == "remember"


def test_a_request_without_tools_is_no_turn() -> None:
    with ModelServer([Rule([Say("turn")])]) as server:
        assert said(ask(server, user("a title, please"), tools=[])) == "A title"
        assert server.conversation() == []


def test_a_stream_brings_text_and_tool_calls_in_the_order_of_the_api() -> None:
    with ModelServer([Rule([Say("I look."), Call("Bash", {"command": "ls"})])]) as server:
        events = ask(server, user("go"), stream=True)["events"]
    assert [one["type"] for one in events] == [
        *("message_start", "ping"),
        *("content_block_start", "content_block_delta", "content_block_stop") * 2,
        *("message_delta", "message_stop"),
    ]
    assert json.loads(events[6]["delta"]["partial_json"]) == {"command": "ls"}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_a_held_answer_comes_when_it_is_released() -> None:
    answers: list[str] = []
    with ModelServer([Rule([Say("done")], hold="gate")]) as server:
        asking = threading.Thread(target=lambda: answers.append(said(ask(server, user("x")))))
        asking.start()
        server.wait_for(lambda one: one.user == "x")
        assert answers == []
        server.release("gate")
        asking.join(60)
        assert answers == ["done"]


def test_leaving_the_server_releases_who_waits() -> None:
    answers: list[str] = []
    with ModelServer([Rule([Say("done")], hold="gate")]) as server:
        asking = threading.Thread(target=lambda: answers.append(said(ask(server, user("x")))))
        asking.start()
        server.wait_for(lambda one: one.user == "x")
    asking.join(60)
    assert answers == ["done"]


def test_a_rule_may_fail_as_the_api_does() -> None:
    with ModelServer([Rule(status=529, user="x")]) as server, pytest.raises(urllib.error.HTTPError) as caught:
        ask(server, user("x"))
    assert caught.value.code == 529
    caught.value.close()


def test_every_request_is_recorded() -> None:
    with ModelServer() as server:
        ask(server, user("hello"), system=[{"type": "text", "text": "be kind"}])
        assert server.asked == [
            Asked("hello", "", "be kind", "s-1", "m", "k", ("Bash",), ({"role": "user", "content": "hello"},), "")
        ]


def test_waiting_in_vain_says_what_came_instead() -> None:
    with ModelServer() as server:
        ask(server, user("hello"))
        with pytest.raises(AssertionError, match="hello"):
            server.wait_for(lambda one: one.user == "bye", deadline=0.1)
