"""Show questions as people read them."""

from __future__ import annotations

from orchestra.model import Message, MessageKind
from orchestra.names import PERSON


def asking(message: Message) -> str:
    """Return a question in one line, with whom it was put to unless that is the person."""
    verb, to = ("reports", " to") if message.kind is MessageKind.ERROR else ("asks", "")
    whom = "" if message.recipient == PERSON else f"{to} {message.recipient}"
    words = question_text(message)
    return f"{verb}{whom}: {words.splitlines()[0] if words else ''}"


def question_text(message: Message) -> str:
    """Return a message without the word that says of what kind it is."""
    text = message.text.strip()
    prefix = f"{message.kind.upper()}:"
    return text[len(prefix) :].strip() if text.upper().startswith(prefix) else text
