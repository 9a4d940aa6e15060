"""One project with a session for everything that a screen can show, and what a person reads of it at any size."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.answer_keys import is_bold
from tests.support.person import OWN, Person, eventually, staying, without_clocks

ASKER = """\
family: claude
command: [sh, /orchestra/asks.sh]
files: {asks.sh: ./asks.sh}
"""
ASKS = f"""\
while :; do
    n=$((n + 1))
    printf '{{"tool_name": "Bash", "tool_input": {{"command": "rm -rf build%s\\\\n  && touch done"}}}}' $n |
        "{sys.executable}" "$(dirname "$0")/../ask.py" PermissionRequest
    echo " is the answer to $n"
done
"""
FAILS = "command: [sh, -c, exit 3]\n"
KELVIN = """\
write tempo/kelvin.py <<END
ZERO = 273.15


def celsius_to_kelvin(celsius: float) -> float:
    return celsius + ZERO  # a comment that is far too long for a narrow terminal, and whose end is the word finish
END
write CLAUDE.md <<END
Do as you are told.
END
run for n in $(seq 1 90); do echo "line $n of the guide"; done > guide.md
run sed -i 's/degrees/number/g' tempo/convert.py
commit Add Kelvin
write notes.txt <<END
größe 日本
END
report progress half way there
report complete Kelvin is there
""".splitlines()
QUESTION = "Which of the {} names, the short one or the long one?"
QUESTIONS = [
    scene
    for number in range(1, 9)
    for scene in (f"send user QUESTION: {QUESTION.format(number)}", "wait message from user")
]


@dataclass(frozen=True)
class Screen:
    """A size of the terminal, and the layout for it."""

    width: int
    height: int
    layout: str
    control: int


TABS = "─ ?Needs"
"""A pattern for the beginning of the line of tabs."""
SMALL, MIDDLE = Screen(40, 12, "window", 40), Screen(100, 30, "left", 40)
WIDE = Screen(220, 50, "window", 220)
SIZES = {f"{one.width}x{one.height}": one for one in (SMALL, MIDDLE, WIDE)}


def has_sessions(person: Person) -> None:
    """Have sessions that are done, ask, want, fail, work and wait for the designer."""
    agents = person.home.root / "agents"
    agents.mkdir(parents=True, exist_ok=True)
    for name, text in {"asker.yaml": ASKER, "asks.sh": ASKS, "fails.yaml": FAILS}.items():
        (agents / name).write_text(text)
    person.delegates("Add Kelvin", *KELVIN)
    person.delegates("Ask you", *QUESTIONS)
    person.delegates("Work on", "say busy", "pause 3000")
    person.delegates("Ask main", "ask Is main there?")
    person.orchestra("new", "May I", "--agent", "asker", "--task", "Ask.")
    person.orchestra("new", "Fall over", "--agent", "fails", "--task", "Fail.")
    person.orchestra("send", "fall-over", "Are you there?")


@contextmanager
def sessions_of_every_kind(place: Path, **settings: str) -> Iterator[Person]:
    """Let a person sit down before a control pane whose sessions are in every state."""
    known = {"ORCHESTRA_SANDBOX": "host", **settings}
    with staying(Person(place, known, width=MIDDLE.width, height=MIDDLE.height)) as someone:
        someone.sit_down("up")
        someone.sees("1 session", "stands by")
        has_sessions(someone)
        someone.sees("✓ add-kelvin", "◆ may-i", "◆ ask-you", "◆ ask-main", "✗ fall-over")
        yield someone


def takes(person: Person, screen: Screen) -> None:
    """Give the terminal a size, with the control pane where its layout puts it."""
    person.orchestra("up", "--detach", "--layout", screen.layout)
    # What has failed is started again, and fails again.
    person.waits_for("fall-over", "failed")
    person.resizes(screen.width, screen.height)
    eventually(lambda: widths(person) == (screen.control, screen.width), what="its width")


def begins(person: Person) -> None:
    """Go to the control pane, with the whole list and the diff of the designer."""
    person.goes_to_control()
    person.press("d", "1")
    sees_tab(person, "Diff")
    sees_selected(person, "main")
    eventually(lambda: is_filled(person), what=f"the pane has the terminal's size:\n{person.screen()}")


def sees_tab(person: Person, word: str) -> None:
    """Wait until a tab is the one that is shown."""
    eventually(lambda: is_bold(person.screen(colour=True), tab(word)), what=f"{word} is shown:\n{person.screen()}")


def tab(word: str) -> str:
    """Return a pattern for a tab."""
    return rf"{TABS}.*({word})" if word != "Needs" else "─ ?(Needs)"


def is_filled(person: Person) -> bool:
    """Return whether the keys are in the control pane's last line."""
    return pane(person)[-2].lstrip().startswith("? help")


def pane_width(person: Person) -> int:
    return widths(person)[0]


def widths(person: Person) -> tuple[int, int]:
    """Return how wide the control pane is, and its window; both 0 while there is none."""
    look = "#{@orchestra_control} #{pane_width} #{window_width}"
    shown = person.tmux("list-panes", "-a", "-F", look, server=OWN).splitlines()
    found = (line.split() for line in shown if line.startswith("/"))
    return next(((int(own), int(whole)) for *_, own, whole in found), (0, 0))


def pane(person: Person) -> list[str]:
    """Return the lines of the control pane, without tmux's own and the rest of the window."""
    width = pane_width(person)
    return [line[:width].rstrip() for line in person.screen().splitlines()]


def body(person: Person) -> list[str]:
    """Return the lines below the tabs, as wide as the tabs are."""
    return body_of(pane(person))


def body_of(lines: list[str]) -> list[str]:
    """Return those of the control pane's lines that are below the tabs."""
    row = next((row for row, line in enumerate(lines) if re.search(TABS, line)), len(lines) - 1)
    left = max(0, lines[row].find("Needs") - 2)
    # Below it are a rule or a message, the keys, and tmux's own line.
    return [line[left:] for line in lines[row + 1 : -3]]


def names(person: Person) -> list[str]:
    """Return the names in the list, from top to bottom."""
    found = (re.match(r"[▌ ][│├└ ]*[◌●◆○✓✗■?] ([a-z-]+).* \d+[smh]", line) for line in pane(person))
    return list(dict.fromkeys(one[1] for one in found if one))


def selected(person: Person) -> str:
    rows = [line for line in pane(person) if line.startswith("▌")]
    found = re.search(r"[a-z][a-z-]+", rows[0]) if rows else None
    return found[0] if found else ""


def sees_selected(person: Person, name: str) -> None:
    eventually(lambda: selected(person) == name, what=f"{name} is selected:\n{person.screen()}")


def chooses(person: Person, name: str) -> None:
    """Select a session by its name."""
    person.press("/")
    person.sees("show only sessions with")
    person.types(name)
    person.sees(f"/{name} 1 of 7")
    person.press("Enter")
    person.sees_no_more("show only sessions with")
    person.press("Escape")
    person.sees_no_more(f"/{name} 1 of 7")
    sees_selected(person, name)


def position(person: Person) -> str:
    """Return how far the body is scrolled, empty where all of it is in sight."""
    return position_of(pane(person))


def position_of(lines: list[str]) -> str:
    """Return how far the body is scrolled in some lines of the control pane."""
    found = re.search(rf"{TABS}.* (\d+%)", "\n".join(lines))
    return found[1] if found else ""


def reads_on(person: Person, end: str = "") -> str:
    """Scroll the body from its beginning line by line, as a person reads, to its end or a text; return all of it."""

    def is_read(lines: list[str]) -> bool:
        return any(end in line for line in body_of(lines)) if end else position_of(lines) in {"", "100%"}

    person.press("Home")
    eventually(lambda: position(person) in {"", "0%"} or body(person)[0].startswith("▌◆"), what="the beginning")
    now = settled(person)
    read = body_of(now)
    while not is_read(now):
        before = now
        person.press("J")
        eventually(lambda: timeless(pane(person)) != timeless(before), what=f"more, up to {end!r}")  # noqa: B023 -- it is asked at once
        now = settled(person)
        read += [line for line in body_of(now) if line not in body_of(before)]
    return " ".join(" ".join(read).replace("▏", " ").replace("▌", " ").split())


def settled(person: Person) -> list[str]:
    """Return the lines of the control pane once two looks see the same: one may see half of what is being painted."""
    looks = [pane(person)]

    def is_still() -> bool:
        looks.append(pane(person))
        return timeless(looks[-1]) == timeless(looks[-2])

    eventually(is_still, what="nothing moves")
    return looks[-1]


def timeless(lines: list[str]) -> tuple[str, str]:
    """Return what of the body changes only when somebody scrolls it, or its text is another one."""
    return position_of(lines), without_clocks("\n".join(body_of(lines)))
