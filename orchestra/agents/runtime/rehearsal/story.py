"""Stories for the rehearsal agent: one verb per line, in a task's fenced ``rehearsal`` block.

A longer text follows a verb as ``VERB words <<END``, up to a line that says ``END``. A story that
contains another one is fenced with more backquotes than the inner one.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_OPENING = re.compile(r"(`{3,})rehearsal\s*")
_TEXT_FOLLOWS = re.compile(r"(?P<words>.*?)\s*<<(?P<end>\w+)")

WORDS, TEXT, EITHER, BOTH = "words", "text", "either", "both"
VERBS = {
    "say": WORDS,
    "run": WORDS,
    "try": WORDS,
    "write": BOTH,
    "commit": WORDS,
    "ask": EITHER,
    "prove": BOTH,
    "report": WORDS,
    "spawn": BOTH,
    "wait": WORDS,
    "answer": EITHER,
    "send": WORDS,
    "merge": WORDS,
    "spec": TEXT,
    "pause": WORDS,
}


class NotAStory(ValueError):
    """The text cannot be played; the message names the line."""


@dataclass(frozen=True)
class Scene:
    """One line of a story; ``text`` is the text after it up to its end mark."""

    verb: str
    words: str
    text: str
    number: int

    @property
    def content(self) -> str:
        """The words, or the text that replaces them."""
        return self.text.strip() or self.words

    @property
    def brief(self) -> str:
        """The scene in one short line."""
        return f"{self.verb} {self.words}".strip()


def find(task: str) -> str:
    """Return the first story in a task; empty if there is none."""
    fence, lines = "", []
    for line in task.splitlines():
        if not fence:
            opening = _OPENING.fullmatch(line)
            fence = opening[1] if opening else ""
        elif line.strip() and not line.strip().strip("`") and len(line.strip()) >= len(fence):
            break
        else:
            lines.append(line)
    return "\n".join(lines)


def mark(story: str) -> str:
    """Return a short hash of a story, by which a changed story is recognised."""
    return hashlib.sha256(story.encode()).hexdigest()[:12]


def parse(story: str) -> list[Scene]:
    """Turn a story into its scenes; raises NotAStory."""
    scenes = []
    lines = list(enumerate(story.splitlines(), start=1))
    while lines:
        number, line = lines.pop(0)
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        verb, _, words = line.strip().partition(" ")
        text = ""
        if follows := _TEXT_FOLLOWS.fullmatch(words):
            words = follows["words"]
            text = _text(lines, follows["end"], number)
        scenes.append(_checked(Scene(verb, words.strip(), text, number)))
    return scenes


def _text(lines: list[tuple[int, str]], end: str, number: int) -> str:
    block: list[str] = []
    while lines:
        _, line = lines.pop(0)
        if line.strip() == end:
            return "\n".join(block) + "\n" if block else ""
        block.append(line)
    raise NotAStory(f"line {number}: the text that ends with {end} never ends")


def _checked(scene: Scene) -> Scene:
    if scene.verb not in VERBS:
        raise NotAStory(f"line {scene.number}: {scene.verb!r} is none of {', '.join(VERBS)}")
    shape = VERBS[scene.verb]
    if shape in {WORDS, BOTH} and not scene.words:
        raise NotAStory(f"line {scene.number}: {scene.verb!r} needs words after it")
    if shape in {TEXT, BOTH} and not scene.text:
        raise NotAStory(f"line {scene.number}: {scene.verb!r} needs a text: {scene.verb} … <<END")
    if shape == EITHER and not scene.content:
        raise NotAStory(f"line {scene.number}: {scene.verb!r} needs words or a text")
    return scene
