"""Layouts are data: the built-in ones, a person's own, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.config import layout
from orchestra.config.layout import Placement, Side
from orchestra.errors import BadConfig, UsageError


@pytest.mark.parametrize("name", ["left", "window", "follow", "grid"])
def test_the_built_in_layouts_load_and_say_what_they_are(name: str) -> None:
    loaded = layout.load(name)
    assert loaded.name == name
    assert loaded.description.endswith(".")
    assert loaded.control == {"left": "designer", "grid": "designer"}.get(name, name)


def test_a_persons_layout_goes_before_a_built_in_one(tmp_path: Path) -> None:
    (tmp_path / "left.yaml").write_text("control: follow\nside: right\nsize: 30%\nstatus: false\n")
    loaded = layout.load("left", [tmp_path / "absent", tmp_path])
    assert loaded == layout.Layout("left", Placement.FOLLOW, Side.RIGHT, "30%", status=False)


def test_names_lists_every_layout_once(tmp_path: Path) -> None:
    (tmp_path / "left.yaml").write_text("control: window\n")
    (tmp_path / "mine.yaml").write_text("control: window\n")
    assert layout.names([tmp_path]) == ["follow", "grid", "left", "mine", "window"]


@pytest.mark.parametrize(
    ("name", "hint"), [("lft", "did you mean left?"), ("../left", "did you mean left?"), ("zzz", "there are")]
)
def test_an_unknown_name_gets_a_hint(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        layout.load(name)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("control: window\nsiez: 3\n", "there is no key 'siez' (did you mean size?)"),
        ("side: left\n", "control is missing (write, for example: control: window)"),
        ("control: window\nside: middle\n", "side must be left, right, top or bottom, not 'middle'"),
        ("control: window\nsize: wide\n", "size must be columns such as 44, or a share such as 30%, not 'wide'"),
        ("control: window\nsize: true\n", "size must be columns such as 44"),
        ("control: window\nstatus: 3\n", "status must be true or false, not '3'"),
        ("control: window\nexecutors: piled\n", "executors must be windows or grid, not 'piled'"),
        ("control: follow\nexecutors: grid\n", "has no place in a grid (write, for example: control: designer)"),
        ("control: [\n", "line 2: expected the node content"),
        ("- control\n", "must hold keys and values"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(BadConfig) as caught:
        layout.load("mine", [tmp_path])
    assert told in str(caught.value)
    assert str(tmp_path / "mine.yaml") in str(caught.value)


@pytest.mark.parametrize(
    ("size", "window", "given"),
    [
        ("44", (160, 48), "44"),
        ("44", (110, 48), "44"),
        ("44", (80, 24), "32"),
        ("44", (40, 15), "20"),
        ("44", (20, 6), "10"),
        ("44", (2, 1), "1"),
        ("30%", (40, 15), "30%"),
    ],
)
def test_in_a_narrow_window_the_agent_keeps_the_larger_part(size: str, window: tuple[int, int], given: str) -> None:
    assert layout.Layout("mine", Placement.DESIGNER, size=size).size_in(*window) == given


def test_a_control_pane_above_takes_its_part_of_the_height() -> None:
    above = layout.Layout("mine", Placement.DESIGNER, Side.TOP, "15")
    assert [above.size_in(160, rows) for rows in (48, 24, 15, 8)] == ["15", "9", "6", "4"]
