"""Where commented lines go when a text changes, and how comments are written to a session; pure."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestra.common_lines import Block, common_blocks, common_start
from orchestra.model import Comment, RoundProgress, Side, Target
from orchestra.terminal_text import clean

MATCHED = 40_000
"""The most changed lines that are compared one by one; in a longer change only the quoted lines are looked for."""
QUOTED = 60
"""The most quoted lines of one comment in a message."""
_COLUMNS = 400
_HOW = (
    "Change what they ask for, and commit. Where nothing is to be changed, or to say why, use answer_comment. "
    "read_comments shows what is still open."
)


@dataclass(frozen=True, slots=True)
class Followed:
    """Where lines are in a newer text, counted from 1.

    ``changed`` if any of them was changed or removed, or something was added within or directly beside them.
    ``outdated`` if none is left; then ``last`` is the line that stands where they were, 0 for the beginning.
    """

    first: int
    last: int
    changed: bool = False
    outdated: bool = False


def follow(before: Sequence[bytes], after: Sequence[bytes], first: int, last: int) -> Followed:
    """Return where the lines ``first`` to ``last`` of a text are in the text that it became."""
    start = common_start(before, after)
    end = common_start(before[start:][::-1], after[start:][::-1])
    middle = _kept(before[start : len(before) - end], after[start : len(after) - end], start)
    blocks = [(0, 0, start), *middle, (len(before) - end, len(after) - end, end)]
    kept = [part for block in blocks if (part := _within(block, first - 1, last))]
    if not kept:
        # The end of what replaced them: where the next kept line begins.
        instead = next((new for old, new, size in blocks if old >= last and size), len(after))
        return Followed(instead, instead, changed=True, outdated=True)
    at, to = kept[0][0], kept[-1][1]
    parted = sum(high - low for low, high in kept) != last - first + 1 or to - at != last - first + 1
    return Followed(
        at + 1, to, changed=parted or _grown(blocks, (len(before), len(after)), range(first - 1, last), range(at, to))
    )


def _within(block: Block, start: int, end: int) -> tuple[int, int] | None:
    """Return where the part of a block that lies within some old lines begins and ends in the new text."""
    old, new, size = block
    low, high = max(start, old), min(end, old + size)
    return (new + low - old, new + high - old) if low < high else None


def _grown(blocks: Sequence[Block], sizes: tuple[int, int], old: range, new: range) -> bool:
    """Return whether lines were added directly before or after some."""
    above = _moved(blocks, old.start - 1) if old.start else -1
    below = _moved(blocks, old.stop) if old.stop < sizes[0] else sizes[1]
    return above not in {None, new.start - 1} or below not in {None, new.stop}


def _moved(blocks: Sequence[Block], line: int) -> int | None:
    return next((new + line - old for old, new, size in blocks if old <= line < old + size), None)


def find(quoted: Sequence[bytes], after: Sequence[bytes], first: int) -> Followed:
    """Return where quoted lines are in a text, nearest to the line ``first``, if only they are known of the older."""
    count = len(quoted)
    starts = [at for at in range(len(after) - count + 1) if after[at] == quoted[0] and after[at : at + count] == quoted]
    if not starts:
        near = min(first, len(after))
        return Followed(near, near, changed=True, outdated=True)
    at = min(starts, key=lambda start: abs(start + 1 - first))
    return Followed(at + 1, at + count)


def _kept(before: Sequence[bytes], after: Sequence[bytes], start: int) -> list[Block]:
    if len(before) + len(after) > MATCHED:
        return []
    return [(old + start, new + start, size) for old, new, size in common_blocks(before, after)]


def lines_of(content: bytes) -> list[bytes]:
    """Return the lines of a file; only a newline ends one."""
    lines = content.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def quoted_in(content: bytes, target: Target) -> str:
    """Return the lines that a comment is about."""
    return os.fsdecode(b"\n".join(lines_of(content)[target.first - 1 : target.last])) if target.first else ""


def where(target: Target) -> str:
    """Say what a comment is about, in one line."""
    if not target.path:
        return "the whole change"
    path = clean(target.path).replace("\n", "\\x0a")
    if not target.first:
        return f"{path}, the whole file"
    lines = f"line {target.first}" if target.first == target.last else f"lines {target.first}-{target.last}"
    before = " before the change" if target.side is Side.OLD else ""
    return f"{path}, {lines}{before}"


def round_texts(number: int, comments: Sequence[Comment], most: int) -> list[str]:
    """Return a round as the text of one message, or of more where one would have more than ``most`` bytes."""
    heading = f"Review, round {number}: {_count(len(comments))}. {_HOW}"
    texts = [heading]
    for comment in comments:
        part = written(comment)
        if len(f"{texts[-1]}\n\n{part}".encode("utf-8", "replace")) > most:
            texts.append(f"Review, round {number}, continued.")
        texts[-1] = f"{texts[-1]}\n\n{part}"
    return texts


def written(comment: Comment) -> str:
    """Return a comment as a session reads it: its number, its place, the code with line numbers, the text."""
    return "\n".join([f"Comment {comment.number}: {where(comment.target)}", *_code(comment), "", comment.text])


def _code(comment: Comment) -> Iterator[str]:
    if not comment.target.first:
        return
    rows = comment.quoted.split("\n")
    digits = len(str(comment.target.last))
    for line, row in enumerate(rows[:QUOTED], comment.target.first):
        shown = clean(row.removesuffix("\r").expandtabs(4))
        cut = f"{shown[:_COLUMNS]}…" if len(shown) > _COLUMNS else shown
        yield f"  {line:>{digits}} | {cut}"
    if len(rows) > QUOTED:
        yield f"  … {len(rows) - QUOTED} more lines"


def progress_words(progress: RoundProgress | None) -> str:
    """Say how much of the last round was answered; empty without one."""
    if progress is None or not progress.total or not progress.unsettled:
        return ""
    return f"answered {progress.answered} of {_count(progress.total)}"


def badge(progress: RoundProgress | None) -> str:
    """Return in a word or two how many comments a session has open, or that all are answered; empty without any."""
    if progress is None or not progress.unsettled:
        return ""
    return f"✎ {progress.open}" if progress.open else "✎ answered"


def _count(number: int) -> str:
    return f"{number} comment{'s' if number != 1 else ''}"
