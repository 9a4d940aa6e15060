"""Agents of every role attack from inside their containers; after each attack the person goes on as always.

To add an attack, write its name and script into ``container_attacks.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.besieged import Siege, besieged
from tests.hostile.container_attacks import ATTACKS, Attack

pytestmark = pytest.mark.docker

CASES = [
    pytest.param(attack, role, id=f"{role}: {attack.name}")
    for role in ("executor", "designer", "paired")
    for attack in ATTACKS
    if role in attack.roles
]


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with besieged(tmp_path_factory.mktemp("besieged") / "person") as made:
        yield made


@pytest.mark.parametrize(("attack", "role"), CASES)
def test_an_attack_harms_nobody(siege: Siege, attack: Attack, role: str) -> None:
    siege.restore(role)
    said = siege.attack(role, attack.script)
    try:
        assert "ALL-DONE" in said, said
        assert "NOT REFUSED" not in said, said
        siege.ending(role, taken=named(said, "TAKEN"), hangs=attack.hangs)
        assert not (refused := named(said, "OUT")) or siege.tip(siege.attackers[role].branch) != refused
    finally:
        if attack.after:
            siege.attack(role, attack.after)


def named(said: str, mark: str) -> str:
    """Return the commit that an attack names after a mark: to arrive, or to stay out; empty where there is none."""
    commits = [line.split()[1:] for line in said.splitlines() if line.startswith(mark)]
    return "".join(commits[-1]) if commits else ""
