"""Any title gives a name that git, tmux, Docker and the file system accept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra import names
from orchestra.errors import BadName

TITLES = st.text().filter(lambda title: bool(title.strip()))


@given(TITLES)
def test_every_title_that_is_not_blank_has_a_valid_name(title: str) -> None:
    assert names.is_valid(names.slug(title))


@given(TITLES)
def test_a_name_is_its_own_name(title: str) -> None:
    name = names.slug(title)
    assert names.slug(name) == name


@given(TITLES, st.integers(2, 10**6))
def test_a_numbered_name_is_valid_and_another(title: str, number: int) -> None:
    name = names.slug(title)
    numbered = names.numbered(name, number)
    assert names.is_valid(numbered)
    assert numbered != name or name.endswith(f"-{number}")
    assert numbered.endswith(f"-{number}")


@given(st.text(" \t\n\r\u00a0\u2003"))
def test_a_blank_title_is_refused(title: str) -> None:
    with pytest.raises(BadName):
        names.slug(title)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Fix the login page", "fix-the-login-page"),
        ("  --Éclair & Café!! ", "eclair-cafe"),
        ("../../etc/passwd", "etc-passwd"),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_a_title_stays_readable(title: str, name: str) -> None:
    assert names.slug(title) == name


def test_titles_without_a_usable_character_have_names_of_their_own() -> None:
    assert names.slug("修复") != names.slug("登录")
    assert names.slug("修复").startswith("session-")


@pytest.mark.parametrize("name", ["", "-a", "a-", "a--b", "A", "a_b", "a" * 41, "a\n", "é"])
def test_what_slug_never_returns_is_not_valid(name: str) -> None:
    assert not names.is_valid(name)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 64))
def test_a_digest_has_the_length_asked_for(text: str, length: int) -> None:
    assert len(names.digest(text, length)) == length
    assert names.digest("caf\udce9", 6), "a path that is not UTF-8 has a digest too"
