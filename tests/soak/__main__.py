"""Let sessions work for some minutes and see that nothing grows: ``python -m tests.soak --minutes 5 --sessions 20``.

Agents are the rehearsal's, on the host: each commits, writes a file, reports and answers, over and over. Once a
minute the service's memory, open files, threads and processor time, its database and the temporary files are measured.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.person import Person, arriving

_TICKS = os.sysconf("SC_CLK_TCK")
_MEGABYTE = 1024 * 1024
_ROUND = ("write {name}.txt <<END", "{name} {round}", "END", "commit Round {round}", "pause 2")
_FACTOR = 1.5
"""How much more the last measure may be than the one after the first minutes."""
_FREE = {"memory_mb": 30.0, "files": 20.0, "threads": 10.0, "temporary": 3.0, "processes": 5.0}
"""What each may grow by in any case: caches fill, pools start their threads when they are first needed."""


@dataclass(frozen=True)
class Measure:
    """How much of the machine the service and its project use; ``cpu`` is a share of one processor since the last."""

    minute: float
    memory_mb: float
    files: float
    threads: float
    cpu: float
    database_mb: float
    temporary: float
    processes: float

    def __str__(self) -> str:
        return "  ".join(f"{field.name} {getattr(self, field.name):6.1f}" for field in fields(self))


def _started(number: int) -> int:
    """Return when a process was started, in ticks since the machine's own start (proc(5))."""
    try:
        return int(Path("/proc", str(number), "stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return sys.maxsize


class Watch:
    """Measures one person's service."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._begun = self._at = time.monotonic()
        self._spent = self._seconds()

    def _service(self) -> Path:
        numbers = self._person.processes("orchestra.service")
        assert numbers, "the service runs"
        # A second one that a command started, for the first was slow to answer, finds the lock taken and ends.
        return Path("/proc", str(min(numbers, key=_started)))

    def _seconds(self) -> float:
        fields_of = (self._service() / "stat").read_text().rpartition(")")[2].split()
        return (int(fields_of[11]) + int(fields_of[12])) / _TICKS

    def measure(self) -> Measure:
        """Measure now."""
        service = self._service()
        status = dict(line.split(":", 1) for line in (service / "status").read_text().splitlines())
        now, spent = time.monotonic(), self._seconds()
        share = (spent - self._spent) / max(now - self._at, 1e-6)
        self._at, self._spent = now, spent
        state = self._person.home.root / "projects" / "tempo"
        return Measure(
            minute=(now - self._begun) / 60,
            memory_mb=int(status["VmRSS"].split()[0]) / 1024,
            files=float(len(list((service / "fd").iterdir()))),
            threads=float(status["Threads"]),
            cpu=share,
            database_mb=sum(file.stat().st_size for file in state.glob("state.db*")) / _MEGABYTE,
            temporary=float(len(list((self._person.place / "tmp").iterdir()))),
            processes=float(len(self._person.processes())),
        )


def grown(measures: list[Measure]) -> list[str]:
    """Return what the last measure has more of than it may, compared with the one a third of the way in."""
    first, last = measures[len(measures) // 3], measures[-1]
    pairs = {name: (getattr(first, name), getattr(last, name)) for name in _FREE}
    wrong = [
        f"{name} grew from {before:.1f} to {after:.1f}"
        for name, (before, after) in pairs.items()
        if after > before * _FACTOR and after > before + _FREE[name]
    ]
    return wrong + [f"the service used {last.cpu:.0%} of a processor" for _ in range(last.cpu > 1)]


def _story(name: str, rounds: int) -> list[str]:
    lines = [line.format(name=name, round=number) for number in range(rounds) for line in _ROUND]
    return [*lines, "report complete done"]


def soak(person: Person, minutes: float, sessions: int) -> list[Measure]:
    """Run the sessions and measure once a minute."""
    person.orchestra("up", "--detach")
    # A round takes two seconds at the least, so that none runs out of work.
    rounds = max(3, int(minutes * 60 / 2))
    for number in range(sessions):
        person.delegates(f"worker-{number}", *_story(f"worker-{number}", rounds))
    watch = Watch(person)
    measures = [watch.measure()]
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        beat = time.monotonic() + min(30.0, max(1.0, minutes * 6))
        number = len(measures)
        while time.monotonic() < beat:
            person.orchestra("send", f"worker-{number % sessions}", f"message {time.monotonic()}", check=False)
            person.orchestra("list", "--json")
            time.sleep(0.5)
        measures.append(watch.measure())
        print(measures[-1], flush=True)
    return measures


def main() -> int:
    """Soak, print what was measured, and return 1 where something grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--sessions", type=int, default=20)
    asked = parser.parse_args()
    limits = {"ORCHESTRA_SANDBOX": "host", "ORCHESTRA_MAX_SESSIONS": str(asked.sessions + 1)}
    with TemporaryDirectory(prefix="os-") as root, arriving(Path(root) / "p", **limits) as person:
        wrong = grown(soak(person, asked.minutes, asked.sessions))
        rows = person.json("list")
    commits = sum(row["commits"] for row in rows)
    print(
        f"{asked.sessions} sessions, {asked.minutes:g} minutes, {commits} commits: {'; '.join(wrong) or 'nothing grew'}"
    )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
