"""Real processes share one database and are killed at random points; nothing is lost, nothing comes twice."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from orchestra.model import MessageKind, MessageState
from orchestra.store import Store

POST = """
import sys
from pathlib import Path
from orchestra.model import MessageKind
from orchestra.store import Store
store = Store.open(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    text = f"{sys.argv[2]}-{number}"
    store.messages.post(sys.argv[2], "fix", MessageKind.MESSAGE, text, dedupe=text)
    print(text, flush=True)
"""

CLAIM = """
import sys
from pathlib import Path
from orchestra.model import MessageState
from orchestra.store import Store
store = Store.open(Path(sys.argv[1]))
while True:
    for message in store.messages.claim("fix"):
        print(message.id, flush=True)
"""

OPEN = """
import sys
from pathlib import Path
from orchestra.store import Store
while not Path(sys.argv[3]).exists():
    pass
store = Store.open(Path(sys.argv[1]))
store.events.log(sys.argv[2], "here", "")
print("opened", flush=True)
"""


class Child:
    """A process that writes lines to a file of its own."""

    numbers = itertools.count()
    running: ClassVar[list[subprocess.Popen[bytes]]] = []

    def __init__(self, program: str, path: Path, *arguments: object) -> None:
        self.output = path.with_name(f"{next(self.numbers)}.out")
        command = [sys.executable, "-c", program, str(path), *map(str, arguments)]
        with self.output.open("w") as output:
            self.process = subprocess.Popen(command, stdout=output)
        self.running.append(self.process)

    def lines(self) -> list[str]:
        """Return the whole lines written so far, without their ends."""
        return self.output.read_text().split("\n")[:-1]

    def ended(self) -> list[str]:
        """Wait for the process to end by itself; return its lines."""
        assert self.process.wait(60) == 0
        return self.lines()

    def killed(self) -> list[str]:
        """Kill the process; return its lines."""
        self.process.kill()
        assert self.process.wait(60) == -signal.SIGKILL, "it ended before it was killed"
        return self.lines()

    def killed_after(self, number: int) -> list[str]:
        """Kill the process once it has written some lines; return all it wrote."""
        end = time.monotonic() + 30
        while len(self.lines()) < number and time.monotonic() < end and self.process.poll() is None:
            pass
        return self.killed()


@pytest.fixture(autouse=True)
def _nothing_goes_on() -> Iterator[None]:
    yield
    while Child.running:
        process = Child.running.pop()
        process.kill()
        process.wait(60)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def chance() -> random.Random:
    return random.Random(20260304)  # noqa: S311 -- where to kill, the same in every run


def opened(path: Path) -> Iterator[Store]:
    store = Store.open(path)
    yield store
    store.close()


def test_what_a_killed_sender_was_told_is_kept_and_its_retry_adds_nothing(path: Path, chance: random.Random) -> None:
    told: list[str] = []
    for _ in range(6):
        senders = [Child(POST, path, name, sys.maxsize) for name in ("a", "b")]
        for sender in senders:
            told += sender.killed_after(chance.randint(1, 40))
    for store in opened(path):
        texts = [message.text for message in store.messages.select()]
        assert len(texts) == len(set(texts)), "no message twice"
        assert set(told) <= set(texts), "no message lost"
        for sender_name in ("a", "b"):
            numbers = [int(message.text.split("-")[1]) for message in store.messages.select(sender=sender_name)]
            assert numbers == list(range(len(numbers))), "in the order they were sent, none left out"


def test_claimers_that_are_killed_never_get_the_same_message_and_lose_none(path: Path, chance: random.Random) -> None:
    total = 300
    sender = Child(POST, path, "user", total)
    claimed: list[int] = []
    while sender.process.poll() is None:
        claimers = [Child(CLAIM, path) for _ in range(2)]
        time.sleep(chance.uniform(0.1, 0.4))  # the random point of the kill, not a wait for anything
        for claimer in claimers:
            claimed += [int(line) for line in claimer.killed()]
    assert len(sender.ended()) == total
    for store in opened(path):
        assert len(claimed) == len(set(claimed)), "no message was handed to two"
        delivered = {message.id for message in store.messages.select(states=[MessageState.DELIVERED])}
        assert set(claimed) <= delivered
        rest = store.messages.claim("fix", MessageState.READ)
        assert [message.text for message in rest] == [f"user-{number}" for number in range(total)], "none is lost"


def test_two_claimers_share_the_messages_between_them(path: Path) -> None:
    total = 400
    for store in opened(path):
        claimers = [Child(CLAIM, path) for _ in range(3)]
        for number in range(total):
            store.messages.post("user", "fix", MessageKind.MESSAGE, str(number))
        end = time.monotonic() + 30
        while store.messages.select(states=[MessageState.QUEUED]) and time.monotonic() < end:
            store.data_version()
        claimed = [int(line) for claimer in claimers for line in claimer.killed()]
        assert len(claimed) == len(set(claimed))
        assert len(claimed) <= total


def test_many_processes_may_open_a_new_database_at_once(path: Path) -> None:
    for attempt in range(4):
        _open_at_once(path.with_name(str(attempt)) / "state.db")


def _open_at_once(path: Path) -> None:
    path.parent.mkdir()
    signal_to_go = path.with_name("go")
    processes = [Child(OPEN, path, number, signal_to_go) for number in range(8)]
    time.sleep(0.5)  # most of them are waiting by then; the more, the harder the test
    signal_to_go.touch()
    assert [process.ended() for process in processes] == [["opened"]] * 8
    for store in opened(path):
        assert sorted(event.session for event in store.events.select()) == [str(number) for number in range(8)]


def test_a_process_killed_while_it_makes_the_database_leaves_nothing_half_made(
    path: Path, chance: random.Random
) -> None:
    for _ in range(15):
        process = Child(OPEN, path, "key", path.parent)
        time.sleep(chance.uniform(0.02, 0.15))  # the random point of the kill, not a wait for anything
        process.process.kill()
        process.process.wait(60)
        done = process.lines()
        for store in opened(path):
            assert [event.kind for event in store.events.select("key")] == ["here"] or not done
        path.unlink()


BUSY = """
import sys, threading
from pathlib import Path
from orchestra.store.connection import Database
begun = threading.Event()
for number in range(20):
    database = Database(Path(sys.argv[1], str(number)))
    def count():
        connection = database.connection()
        begun.set()
        numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 300000) SELECT sum(x) FROM n"
        assert connection.execute(numbers).fetchone()[0] == 45000150000
    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    begun.wait()
    database.close()
    for thread in threads:
        thread.join()
"""


def test_closing_does_not_crash_a_thread_that_is_reading(tmp_path: Path) -> None:
    done = subprocess.run(
        (sys.executable, "-c", BUSY, str(tmp_path)), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
