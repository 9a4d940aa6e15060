"""Text on its way into tmux, whatever the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.drivers.tmux import escaping
from orchestra.errors import NotFound


@given(st.text())
def test_a_title_is_one_short_line_without_control_bytes_and_with_every_hash_doubled(text: str) -> None:
    shown = escaping.title(text)
    assert 0 < len(shown.replace("##", "#")) <= 60
    assert "#" not in shown.replace("##", "")
    assert shown.isprintable()


@given(st.text())
def test_what_is_typed_cannot_hold_an_escape(text: str) -> None:
    typed = escaping.typed(text)
    assert not {char for char in typed if ord(char) < 32 or 127 <= ord(char) < 160} - {"\n", "\t"}
    assert escaping.typed(typed) == typed


def test_ordinary_text_is_typed_as_it_is() -> None:
    assert escaping.typed("def f():\n\treturn 'é 日本 👍'") == "def f():\n\treturn 'é 日本 👍'"


@pytest.mark.parametrize(
    ("text", "escaped"), [("a#(b)", "a##(b)"), ("##{x}", "####{x}"), ("#[fg]##[x]", "#[fg]##[x]"), ("#", "##")]
)
def test_a_format_is_escaped_except_where_tmux_keeps_it_anyway(text: str, escaped: str) -> None:
    assert escaping.literal(text) == escaped


@pytest.mark.parametrize("text", ["", "@", "1", "main", "@1.2", "$", "{last}", "@1\n", ":."])
def test_only_an_id_is_an_id(text: str) -> None:
    with pytest.raises(NotFound):
        escaping.identifier(text)
