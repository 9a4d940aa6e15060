"""The index finds words, whatever a person types and whatever the texts hold."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestra.errors import StoreError, UsageError
from orchestra.store import search_index
from orchestra.store.search_index import CLOSE, LONGEST, OPEN, Document, SearchIndex, line_around, query
from tests.support.stores import START


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SearchIndex]:
    made = SearchIndex(tmp_path / "search.db")
    yield made
    made.close()


def document(
    key: str, text: str, *, kind: str = "messages", session: int = 1, other: int = 0, age: float = 0
) -> Document:
    at = START - timedelta(seconds=age)
    return Document(kind, key, f"s{session}", session, at, f"message {key}", text, other)


def found(index: SearchIndex, text: str, *, kind: str = "messages", sessions: list[int] | None = None) -> list[str]:
    return [hit.place.split()[1] for hit in index.find(query(text), kind, sessions=sessions, limit=10)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("login page", '"login" "page"'),
        ('"login page" now', '"login page" "now"'),
        ("log*", '"log"*'),
        ("a AND b OR NOT c", '"a" "AND" "b" "OR" "NOT" "c"'),
        ("text: foo", '"text:" "foo"'),
        ('open "quote', '"open" "quote"'),
        ("- + ^ * ( ) word", '"word"'),
        ("nul\0l", '"nul" "l"'),
    ],
)
def test_a_query_is_plain_words(text: str, expected: str) -> None:
    assert query(text) == expected


@pytest.mark.parametrize("text", ["", "  ", '""', "* - \" '", "\0"])
def test_without_a_word_there_is_nothing_to_search_for(text: str) -> None:
    with pytest.raises(UsageError):
        query(text)


def test_words_are_found_in_any_order_a_phrase_only_as_it_is(index: SearchIndex) -> None:
    index.add([document("1", "the page for the login"), document("2", "the login page"), document("3", "a logout")])
    assert sorted(found(index, "login PAGE")) == ["1", "2"]
    assert found(index, '"login page"') == ["2"]
    assert sorted(found(index, "log*")) == ["1", "2", "3"]
    assert found(index, "log") == []


def test_accents_need_not_be_typed(index: SearchIndex) -> None:
    index.add([document("1", "Das Café für Zürich")])
    assert found(index, "cafe zurich") == found(index, "café Zürich") == ["1"]


@pytest.mark.parametrize(("kind", "expected"), [("messages", "24531"), ("commits", "12345")])
def test_the_newest_come_first(index: SearchIndex, kind: str, expected: str) -> None:
    """What the database holds is indexed in its order; commits and conversations are read in any."""
    ages = {"1": 0, "3": 20, "5": 40, "4": 30, "2": 10}
    index.add([document(key, "word", kind=kind, age=age) for key, age in ages.items()])
    assert "".join(found(index, "word", kind=kind)) == expected


def test_only_those_of_a_kind_and_a_session_are_found(index: SearchIndex) -> None:
    index.add([
        document("own", "word"),
        document("to", "word", session=2, other=1),
        document("apart", "word", session=3),
        document("event", "word", kind="events"),
    ])  # fmt: skip
    assert found(index, "word") == ["apart", "to", "own"]
    assert found(index, "word", sessions=[1]) == ["to", "own"]
    assert found(index, "word", sessions=[]) == []
    assert found(index, "word", kind="events") == ["event"]


def test_a_document_is_added_once_and_a_removed_one_is_not_found(index: SearchIndex) -> None:
    index.add([document("1", "first"), document("1", "second"), document("2", "first")])
    assert (found(index, "first"), found(index, "second")) == (["2", "1"], [])
    index.keep_since("messages", 1, 2)
    assert found(index, "first") == ["2"]


def test_the_line_around_a_hit_has_the_words_marked(index: SearchIndex) -> None:
    index.add([document("1", f"{'before ' * 50}the {OPEN}needle{CLOSE} here{' after' * 50}")])
    (hit,) = index.find(query("needle"), "messages", sessions=None, limit=5)
    assert f"the {OPEN}needle{CLOSE} here after" in hit.line
    assert (hit.line[0], hit.line[-1], hit.line.count(OPEN)) == ("…", "…", 1)
    assert len(hit.line) < 300


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\n[two] three\nfour", "[two] three"),
        ("[one]", "[one]"),
        ("no mark\nat all", "no mark"),
        ("", ""),
        (f"[{'x' * 300}] end", f"[{'x' * 139}]…"),
    ],
)
def test_a_line_is_cut_around_the_first_mark(text: str, expected: str) -> None:
    shown = line_around(text.replace("[", OPEN).replace("]", CLOSE))
    assert shown.replace(OPEN, "[").replace(CLOSE, "]") == expected


def test_a_huge_text_is_indexed_up_to_a_limit(index: SearchIndex) -> None:
    index.add([document("1", "x" * LONGEST + " late")])
    assert found(index, "late") == []


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=40))
def test_nothing_that_is_typed_is_an_error_of_the_database(index: SearchIndex, text: str) -> None:
    try:
        wanted = query(text)
    except UsageError:
        return
    assert index.find(wanted, "messages", sessions=None, limit=1) == []


def test_another_process_sees_what_one_has_indexed(index: SearchIndex, tmp_path: Path) -> None:
    with index.change():
        index.add([document("1", "word")])
        index.set_mark("messages", "1")
    other = SearchIndex(tmp_path / "search.db")
    assert (found(other, "word"), other.mark("messages"), other.mark("events")) == (["1"], "1", "")
    other.close()


def test_it_belongs_to_its_owner_alone(index: SearchIndex, tmp_path: Path) -> None:
    index.set_mark("a", "b")
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("search.db*")} == {0o600}


def test_an_index_of_another_version_is_made_again(
    index: SearchIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add([document("1", "word")])
    monkeypatch.setattr(search_index, "_VERSION", 2)
    other = SearchIndex(tmp_path / "search.db")
    assert found(other, "word") == []
    other.add([document("1", "word")])
    assert found(other, "word") == ["1"]
    other.close()


def test_a_python_that_cannot_search_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_index, "_MODULE", "fts9")
    with pytest.raises(StoreError, match="FTS5"):
        SearchIndex(tmp_path / "search.db").mark("messages")
