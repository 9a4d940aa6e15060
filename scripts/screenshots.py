"""Draw the pictures of the README: the demo, run in a real tmux, photographed at its terminal."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from orchestra.cli.demo import demo

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
COLUMNS, ROWS = 144, 40
PATIENCE = 300.0
"""Seconds until something must have happened; the first image takes longest to build."""
_BASIC = [(40, 44, 52), (255, 95, 95), (95, 215, 135), (255, 175, 0), (95, 175, 255), (175, 135, 255), (95, 215, 215),
          (200, 204, 212)]  # fmt: skip
THEME = TerminalTheme((22, 24, 29), (214, 218, 226), _BASIC, _BASIC)
FRAME = """\
<svg viewBox="0 0 {width} {height}" xml:space="preserve" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 16px; font-family: "DejaVu Sans", Helvetica, Arial, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


@dataclass(frozen=True)
class Terminal:
    """A terminal that a tmux server of its own draws; its keys go to the program in it."""

    server: str

    def tmux(self, *words: str) -> str:
        """Talk to that server."""
        done = subprocess.run(
            ("tmux", "-L", self.server, *words), check=True, timeout=20, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def press(self, *keys: str) -> None:
        """Press keys; in one go tmux would take them for a paste."""
        for key in keys:
            self.tmux("send-keys", key)
            time.sleep(0.1)

    def shows(self, *texts: str) -> str:
        """Wait until all texts are to be seen."""
        return until(lambda: screen if all(one in (screen := self.tmux("capture-pane", "-p")) for one in texts) else "")

    def photograph(self, name: str) -> None:
        """Write what is to be seen as a picture."""
        screen = Text.from_ansi(self.tmux("capture-pane", "-p", "-e", "-N"))
        console = Console(
            record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="256", highlight=False
        )
        for line in screen.split("\n"):
            line.no_wrap = True
            line.pad_right(max(0, COLUMNS - line.cell_len))
            _pin(line)
            console.print(line, end="\n", soft_wrap=True)
        path = IMAGES / f"{name}.svg"
        picture = console.export_svg(title="orchestra", theme=THEME, code_format=FRAME, unique_id=f"orchestra-{name}")
        path.write_text(picture)
        print(path)


def _pin(line: Text) -> None:
    """Give each character outside ASCII its own place, because a font without it moves the rest of its text."""
    for number, character in enumerate(line.plain):
        if not character.isascii():
            # rich draws a new text wherever the style changes, also where nothing is to be seen of the change.
            line.stylize(Style(meta={"column": number}), number, number + 1)


def until(look: Callable[[], str], within: float = PATIENCE) -> str:
    """Look again until there is something; raises TimeoutError."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if seen := look():
            return seen
        time.sleep(0.2)
    raise TimeoutError(f"nothing to photograph within {within:.0f} s")


@contextmanager
def terminal(command: tuple[str, ...], environment: dict[str, str]) -> Iterator[Terminal]:
    """Open a terminal on a command."""
    made = Terminal("photographer")
    plain = ("set-option", "-g", "status", "off", ";", "set-option", "-g", "default-terminal", "tmux-256color")
    variables = [f"{name}={environment[name]}" for name in ("ORCHESTRA_HOME", "ORCHESTRA_AGENT")]
    line = shlex.join(("env", "-u", "TMUX", "-u", "TMUX_PANE", *variables, *command))
    size = ("-x", str(COLUMNS), "-y", str(ROWS))
    made.tmux("-f", "/dev/null", *plain, ";", "new-session", "-d", *size, f"{line} || exec sleep 600")
    try:
        yield made
    finally:
        made.tmux("kill-server")


def main() -> None:
    """Run the demo up to the moment where the person reviews, and draw what there is to see."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="orchestra-shots-") as place:
        # The servers of whoever runs this are none of our business.
        os.environ.update(TMUX_TMPDIR=place, LC_ALL="C.UTF-8", TERM="xterm-256color")
        for name in ("TMUX", "TMUX_PANE"):
            os.environ.pop(name, None)
        stage = demo.set_stage(demo.choose_sandbox("auto"))
        try:
            with terminal(demo.up_command(stage), stage.environment) as seen:
                photograph(seen)
        finally:
            demo.strike(stage)


def in_control() -> str:
    """Say whether the control pane has the keys."""
    listing = ("tmux", "-L", "orchestra", "list-panes", "-F", "#{?pane_active,#{@orchestra_control},}")
    return subprocess.run(listing, check=True, timeout=20, stdout=subprocess.PIPE, text=True).stdout.strip()


def photograph(seen: Terminal) -> None:
    """Take the pictures, in the order in which a person would look."""
    seen.shows("Both are ready for review", *demo.EXECUTORS)
    seen.press("C-b", "O", "c")
    until(in_control)
    seen.press("2", "d")
    seen.shows("def celsius_to_kelvin")
    seen.photograph("control")
    seen.press("C-b", "z")
    seen.press("w")
    seen.shows("see the diff")
    seen.photograph("needs")
    seen.press("m")
    seen.shows("so far")
    seen.photograph("monitor")
    seen.press("i")
    seen.shows("complete")
    seen.photograph("messages")
    seen.press("v")
    seen.shows("whole branch", "kelvin.py")
    seen.photograph("review")


if __name__ == "__main__":
    main()
