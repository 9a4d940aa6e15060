"""The demo, as `make demo` plays it."""

from __future__ import annotations

import pytest

from tests.support.person import Person


@pytest.mark.docker
@pytest.mark.timeout(900)
def test_the_demo_plays_to_its_end_in_containers(person: Person) -> None:
    """It tells every part of the main job as having happened, and exits 0."""
    done = person.orchestra("demo", "--play", "--sandbox", "docker", deadline=800)
    assert "✗" not in done.stdout
    assert done.stdout.count("✓") == 6
    assert "Merge orchestra/add-kelvin" in done.stdout


def test_the_demo_plays_without_an_engine_and_leaves_nothing_behind(person: Person) -> None:
    """It plays the same story on the machine itself, says that there is no isolation, and cleans up."""
    done = person.orchestra("demo", "--play", "--sandbox", "host", deadline=250)
    assert "✗" not in done.stdout
    assert "without containers" in done.stderr
    assert list((person.place / "tmp").iterdir()) == []
    assert person.leftovers() == []
