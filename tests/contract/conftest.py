"""One stage for each profile that has a driver here: a real project, brought up in a tmux of its own."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.stage import EVERY_AGENT, SLOW, Driver, Stage
from tests.support.models import journeys
from tests.support.models.server import ModelServer
from tests.support.person import Person, arriving

_HERE = Path(__file__).parent


def drivers() -> list[Driver]:
    """Return the driver of every module here that has one, the built-in order being the alphabet's."""
    modules = (importlib.import_module(f"tests.contract.{file.stem}") for file in sorted(_HERE.glob("*.py")))
    return [module.DRIVER for module in modules if hasattr(module, "DRIVER")]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out who plays in ``make test-agents`` alone; from here the run's summary tells of each in one line."""
    call = getattr(item, "callspec", None)
    driver: Driver | None = call.params.get("stage") if call else None
    if driver is not None and driver.only_with_agents and not EVERY_AGENT:
        pytest.skip(f"{driver.profile} plays in `make test-agents` alone: {driver.only_with_agents}")


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The images of the profiles, built on first use and kept; filled by `stage`."""
    assert tmp_path_factory
    return {}


@pytest.fixture(scope="module", params=drivers(), ids=lambda driver: driver.profile)
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, images: dict[str, str]
) -> Iterator[Stage]:
    """A person whose project is up; every test has sessions of its own in it."""
    driver: Driver = request.param
    place = tmp_path_factory.mktemp(driver.profile) / "p"
    if driver.profile not in images:
        with arriving(place.with_name("builder")) as builder:
            _brings(builder, driver)
            images[driver.profile] = builder.orchestra("image", "build", driver.profile, deadline=900).stdout.split()[
                -1
            ]
    with journeys.near_containers(Person(place).home, []) as model:
        settings = {
            "ORCHESTRA_AGENT": driver.profile,
            "ORCHESTRA_DESIGNER_AGENT": "rehearsal",
            "ORCHESTRA_IMAGE": images[driver.profile],
            "ORCHESTRA_MAX_SESSIONS": "40",
        }
        with arriving(place, **{**settings, **driver.settings(model)}) as person:
            _brings(person, driver)
            made = _up(person, model, driver)
            yield made
            made.store.close()


def _brings(person: Person, driver: Driver) -> None:
    if driver.brings:
        shutil.copytree(driver.brings, person.home.root, dirs_exist_ok=True)


def _up(person: Person, model: ModelServer, driver: Driver) -> Stage:
    person.orchestra("up", "--detach")
    person.waits_for("main", "idle", within=SLOW)
    return Stage(person, model, driver)
