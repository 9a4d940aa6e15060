"""A key table behind one prefix key, whose former binding is saved in the server and restored exactly."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from orchestra.bindings import KEY_TABLE, Binding, Keymap
from orchestra.drivers.tmux.escaping import literal, quoted
from orchestra.drivers.tmux.server import Server, version
from orchestra.drivers.tmux.windows import CONTROL, PROJECT, SESSION, Windows
from orchestra.errors import CommandFailed, Refused

SAVED = "@orchestra_keys"
"""The server option with the former bindings, where every project finds it."""
_TRIAL = "orchestra-trial"
_OPENS = f"switch-client -T {KEY_TABLE}"
_SHOWN_MS = 5000
_FIRST_POPUPS = (3, 2)
_CLIENT = "#{q:client_name}"


@dataclass(frozen=True, slots=True)
class _Bound:
    """A key binding: the line that binds it, without its note, and the note."""

    line: str
    note: str


class Keys:
    """Orchestra's key table, and the prefix key that leads to it."""

    def __init__(self, server: Server, windows: Windows) -> None:
        self._server = server
        self._windows = windows

    def bind(
        self, prefix_key: str, program: Sequence[str], *, keymap: Keymap | None = None, popups: bool | None = None
    ) -> str:
        """Bind the key after tmux's prefix to Orchestra's key table; return its former binding, to be stored.

        ``program`` is the command of a key, before ``--project`` and the key's own arguments. A
        second project keeps what the first one saved. ``popups`` forces popups or windows. Raises
        Refused if the current binding could not be restored exactly.
        """
        saved = self._saved()
        bound = self._bound(prefix_key)
        if _OPENS not in bound.line:
            saved[prefix_key] = self._restorable(prefix_key, bound) if bound.line else ""
        stored = json.dumps(saved, sort_keys=True)
        in_popups = version() >= _FIRST_POPUPS if popups is None else popups
        lines = [
            quoted(("set-option", "-s", SAVED, stored)),
            *(
                quoted(self._entry(key, binding, program, popups=in_popups))
                for binding in (keymap or Keymap()).in_tmux()
                for key in binding.keys
            ),
            quoted(
                ("bind-key", "-N", "Orchestra's keys", "-T", "prefix", prefix_key, "switch-client", "-T", KEY_TABLE)
            ),
        ]
        self._source(lines)
        return stored

    def unbind(self, saved: str, *, project: str = "") -> bool:
        """Restore the former binding; returns whether that was done.

        ``saved`` is what `bind` returned; the server's own record takes precedence. With
        ``project``, the keys stay as long as another project needs them. A key that the person has
        since bound again is not changed.
        """
        if project and any(window.project != project for window in self._windows.all()):
            return False
        lines: list[str] = []
        for key, source in (self._saved() or _parsed(saved)).items():
            if _OPENS in self._bound(key).line:
                lines += [quoted(("unbind-key", "-T", "prefix", key)), *([source] if source else [])]
        lines.append(quoted(("unbind-key", "-a", "-q", "-T", KEY_TABLE)))
        lines.append(quoted(("set-option", "-s", "-u", SAVED)))
        self._source(lines)
        return True

    def _saved(self) -> dict[str, str]:
        return _parsed(self._server.ask(("show-options", "-s", "-q", "-v", SAVED)).text)

    def _bound(self, key: str, table: str = "prefix") -> _Bound:
        where = ("-T", table, key)
        # tmux fails for a key that is not bound, and does nothing of what follows.
        listed = self._server.answers(("list-keys", *where), ("list-keys", "-N", "-P", "", *where), check=False)
        line, noted = (text.removesuffix("\n") for text in (*listed, "", "")[:2])
        return _Bound(line, noted.partition(" ")[2] if line else "")

    def _restorable(self, key: str, bound: _Bound) -> str:
        for line in _ways(bound.line):
            source = line.replace("bind-key", f"bind-key -N {_in_double_quotes(bound.note)}", 1) if bound.note else line
            if self._comes_back(key, source, bound):
                return source
        hint = "set another prefix_key in your settings; to see where they are: orchestra config path"
        raise Refused(f"prefix {key} is bound to something that could not be restored", hint=hint)

    def _comes_back(self, key: str, source: str, bound: _Bound) -> bool:
        """Bind the text in a separate table, and return whether tmux lists it unchanged."""
        try:
            self._source([_in_table(source, _TRIAL)])
            again = self._bound(key, _TRIAL)
        except CommandFailed:
            return False
        finally:
            self._server.ask(("unbind-key", "-a", "-q", "-T", _TRIAL))
        wanted = _squeezed(_in_table(bound.line, _TRIAL))
        return (wanted, bound.note) == (_squeezed(again.line), again.note)

    def _source(self, lines: Sequence[str]) -> None:
        # Through a file, because tmux command lines are limited to 16 kB.
        if lines:
            self._server.ask(("source-file", "-"), stdin=("\n".join(lines) + "\n").encode())

    def _entry(self, key: str, binding: Binding, program: Sequence[str], *, popups: bool) -> Sequence[str]:
        needed = SESSION if "{session}" in binding.command else PROJECT
        missing = "shows no session" if needed == SESSION else "does not belong to an Orchestra project"
        message = quoted(("display-message", "-d", str(_SHOWN_MS), f"{binding.action}: this window {missing}"))
        line = self._to_control() if binding.action == "control" else self._shell_line(binding, program, popups=popups)
        run = quoted(("run-shell", "-b", line))
        guarded = ("if-shell", "-F", f"#{{!=:#{{{needed}}},}}", run, message)
        return ("bind-key", "-N", binding.help, "-T", KEY_TABLE, key, *guarded)

    def _shell_line(self, binding: Binding, program: Sequence[str], *, popups: bool) -> str:
        inside = ["ORCHESTRA_POPUP=1"] if binding.popup and popups else []
        words = [*map(_word, program), "--project", f"#{{q:{PROJECT}}}", *map(_word, binding.command)]
        command = " ".join((*_context(), *inside, *words))
        if binding.popup:
            command = f"{self._tmux()} {_display(binding, popups=popups)} {command}"
        # Only the last line is shown, for a few seconds, or the two lines of an error; what a message
        # must not contain is doubled or dropped.
        last = "sed '$!{h;d;};/^  /{x;/^orchestra: /!{x;b;};G;s/\\n */ /;}'"
        shown = literal(f"2>&1 </dev/null | {last} | tr -d '\\000-\\037\\177' | cut -c 1-300 | sed 's/[#%]/&&/g'")
        notify = f'{self._tmux()} display-message -d {_SHOWN_MS} -c {_CLIENT} -- "$m "'
        return f'm=$({command} {shown}); test -z "$m" || {notify} || :'

    def _to_control(self) -> str:
        """Return the shell line that shows the control pane; it uses only tmux, to be ready for the next key."""
        tmux = self._tmux()
        listing = literal(shlex.quote(f"#{{{CONTROL}}} #{{pane_id}}"))
        go = f'select-window -t "$p" \\; select-pane -t "$p" \\; switch-client -c {_CLIENT} -t "$p"'
        notify = (
            f"display-message -d {_SHOWN_MS} -c {_CLIENT} {_word('the control pane is not open; type: orchestra up')}"
        )
        return (
            f"{tmux} list-panes -a -F {listing} | {{ while IFS= read -r line; do {literal('p=${line##* }')}; "
            f'test "${{line% *}}" = #{{q:{PROJECT}}} || continue; {tmux} {go}; exit; done; {tmux} {notify}; }}'
        )

    def _tmux(self) -> str:
        return " ".join(_word(word) for word in (shutil.which("tmux") or "tmux", *self._server.program[1:]))


def _context() -> list[str]:
    return ["env", "TMUX_PANE=#{q:pane_id}", f"ORCHESTRA_CLIENT={_CLIENT}"]


def _display(binding: Binding, *, popups: bool) -> str:
    about = f"{_word(' of ')}#{{q:{SESSION}}}" if "{session}" in binding.command else ""
    name = f"{_word(f' {binding.action}')}{about}{_word(' ')}"
    if popups:
        return f"display-popup -c {_CLIENT} -t #{{q:pane_id}} -EE -w 90% -h 85% -T {name} --"
    return f"new-window -a -t #{{q:window_id}} -n {name} --"


def _word(text: str) -> str:
    """Quote a word for the shell inside a format; tmux replaces the session's placeholder at the key press."""
    if text == "{session}":
        return f"#{{q:{SESSION}}}"
    return literal(shlex.quote(text))


def _parsed(saved: str) -> dict[str, str]:
    try:
        read = json.loads(saved) if saved.strip() else {}
    except json.JSONDecodeError:
        return {}
    return {str(key): str(source) for key, source in read.items()} if isinstance(read, dict) else {}


def _in_table(line: str, table: str) -> str:
    return re.sub(r"-T prefix ", f"-T {table} ", line, count=1)


def _ways(line: str) -> list[str]:
    r"""Return texts that may bind again what a listing shows.

    tmux lists commands that stood on lines of their own with ``\;\;`` or ``;;`` between them,
    which it does not read back; as lines in braces it does.
    """
    match = re.fullmatch(r"(bind-key .*?-T \S+\s+\S+ )(.*)", line, re.DOTALL)
    if match is None:
        return [line]
    lines = match[2].replace(" \\;\\; ", "\n").replace(" ;; ", "\n").replace(" \\; ", " ; ")
    return [line, f"{match[1]}{{\n{lines}\n}}"]


def _squeezed(line: str) -> str:
    """Remove the padding in tmux's listing, which depends on the other keys of the table."""
    head, table, rest = line.partition(f"-T {_TRIAL}")
    return " ".join(head.split()) + table + rest.lstrip()


def _in_double_quotes(text: str) -> str:
    return '"' + re.sub(r'(["\\$])', r"\\\1", text) + '"'
