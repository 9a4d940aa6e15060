"""Orchestra on a repository that nobody here wrote: its own files, its own tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fetched import PACKAGE, package_source
from tests.support.person import Person, eventually, staying

pytestmark = pytest.mark.docker

LONG = 120
CHECK = "python3 -m unittest -q"
NAMES = ("add-penultimate", "add-halve")
TASK = """\
Have two small functions added to this library.

````rehearsal
say Two functions, in two files: two executors.
spawn Add penultimate <<TASK
```rehearsal
run printf '\\n\\ndef penultimate(iterable):\\n    return list(iterable)[-2]\\n' >> more_itertools/more.py
run sed -i "s/^    'peekable',/    'peekable',\\n    'penultimate',/" more_itertools/more.py
write tests/test_penultimate.py <<END
import unittest
import more_itertools


class Penultimate(unittest.TestCase):
    def test_of_three(self):
        self.assertEqual(more_itertools.penultimate('abc'), 'b')
END
run python3 -m unittest -q tests.test_penultimate tests.test_more
commit Add penultimate
report complete penultimate is there, with a test. The existing tests pass.
```
TASK
spawn Add halve <<TASK
```rehearsal
run printf '\\n\\ndef halve(sequence):\\n    middle = len(sequence) // 2\\n    return sequence[:middle], sequence[middle:]\\n' >> more_itertools/recipes.py
run sed -i "s/^    'grouper',/    'grouper',\\n    'halve',/" more_itertools/recipes.py
run python3 -c "import more_itertools; assert more_itertools.halve('abcd') == ('ab', 'cd')"
commit Add halve
report complete halve is there. Ready for review.
```
TASK
wait message from add-penultimate
wait message from add-halve
say Both are ready.
````
"""  # noqa: E501 -- one line of a story is one line


class Reader(Person):
    """A person with the source of a package in place of the sample."""

    @property
    def repository(self) -> Path:
        """The package's own repository."""
        return self.place / PACKAGE.partition("==")[0]

    def brings(self) -> None:
        """Copy the package, with all it brings along."""
        shutil.copytree(package_source(), self.repository)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Person]:
    """A person before a package's repository."""
    with staying(Reader(tmp_path / "person")) as someone:
        yield someone


def test_two_executors_extend_a_package_and_its_own_tests_decide(reader: Person) -> None:
    """Both branches land; each merge runs the package's own tests on the merged tree in a fresh container."""
    files = reader.git("ls-files").splitlines()
    assert ".gitattributes" in files
    reader.orchestra("up", "--detach", "--task", TASK)
    eventually(lambda: {*NAMES} <= {row["name"] for row in reader.json("list")}, within=LONG, what="both are there")
    for name in NAMES:
        reader.waits_for(name, "done", within=LONG)
    for name in NAMES:
        done = reader.orchestra("merge", name, "--check", CHECK)
        assert f"orchestra/{name} is merged into main" in done.stdout
    assert reader.git("status", "--porcelain") == ""
    assert reader.git("log", "--merges", "--format=%s").splitlines() == [
        "Merge orchestra/add-halve: Add halve",
        "Merge orchestra/add-penultimate: Add penultimate",
    ]
    assert reader.git("diff", "--name-only", "HEAD~2").splitlines() == [
        "more_itertools/more.py",
        "more_itertools/recipes.py",
        "tests/test_penultimate.py",
    ]
    tests = reader.run("python3", "-m", "unittest", "-q", deadline=LONG)
    assert tests.returncode == 0, tests.stderr
    assert reader.git("ls-files").splitlines() == sorted([*files, "tests/test_penultimate.py"])


def test_a_change_that_breaks_the_package_s_own_tests_does_not_land(reader: Person) -> None:
    """The executor gets the end of what the tests say; the branch stays where it was."""
    reader.orchestra("up", "--detach")
    reader.delegates(
        "Break take",
        "run sed -i 's/islice(iterable, n))$/islice(iterable, n + 1))/' more_itertools/recipes.py",
        "commit Take more",
        "report complete done",
    )
    reader.waits_for("break-take", "done", within=LONG)
    before = reader.git("rev-parse", "main")
    refused = reader.orchestra("merge", "break-take", "--check", CHECK, check=False)
    assert refused.returncode == 1
    assert "the check failed on the merged files" in refused.stderr
    reader.told("break-take", "The check failed on the merged files", "FAILED (failures=")
    assert reader.git("rev-parse", "main") == before
    eventually(lambda: reader.git("status", "--porcelain") == "")
