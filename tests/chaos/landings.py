"""The actions around landing that are killed: merges, proofs, tries, undos, comparisons and pull requests."""

from __future__ import annotations

import os

import pytest

from orchestra.actions.landing import compare, forecast, merge, order, prove, pull_requests, queue, take, tryout, undo
from orchestra.actions.session import items, manage
from orchestra.actions.session.group import spawn_group
from orchestra.project import Project
from tests.chaos.scene import Case, Scene
from tests.support.checkouts import contents, differences
from tests.support.fake_gh import FakeGh


def ready(scene: Scene) -> None:
    session = scene.host.spawn("one")
    scene.kept.commits.append(scene.host.commit(session, "one.txt", "committed\n"))


def two_ready(scene: Scene) -> None:
    for name in ("one", "two"):
        session = scene.host.spawn(name)
        scene.kept.commits.append(scene.host.commit(session, f"{name}.txt", "committed\n"))


def queued(scene: Scene) -> None:
    two_ready(scene)
    for name in ("one", "two"):
        merge.merge(scene.host.project, name, wait=False)


def clashing(scene: Scene) -> None:
    for name in ("one", "two"):
        scene.host.write(scene.executor(name), "README.md", f"{name}\n")


def foreseen(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """Both are told of each other, and nothing that was made for it stays."""
    left = [path.name for path in scene.host.project.paths.scratch.glob("*")]
    known = scene.host.project.store.forecasts.all()
    wrong = [f"left of the forecast: {left}"] if done and left else []
    return wrong + (["the forecast is lost"] if done and {*known} != {"one", "two"} else [])


def in_a_bad_order(scene: Scene) -> None:
    """The first that waits conflicts with both of the others."""
    for name, files in (("one", ("a", "b")), ("two", ("a",)), ("three", ("b",))):
        session = scene.host.spawn(name)
        for file in files:
            scene.kept.commits.append(scene.host.commit(session, f"{file}.txt", f"{name}\n"))
        merge.merge(scene.host.project, name, wait=False)
    forecast.forecast(scene.host.project)


def reordered(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """The whole queue is in one of the two orders."""
    names = [entry.session for entry in scene.host.project.store.queue.waiting("main")]
    return [] if names == ["two", "three", "one"] or (names == ["one", "two", "three"] and not done) else [f"{names}"]


def landed_one(scene: Scene) -> None:
    ready(scene)
    merge.merge(scene.host.project, "one")


def built_on(scene: Scene) -> None:
    landed_one(scene)
    scene.kept.commits.append(scene.host.commit(scene.host.source, "mine.txt", "mine\n"))


def three(scene: Scene, task: str = "Do it.") -> None:
    """A group of three that have all committed, two of them with something that they have not."""
    spawn_group(scene.host.project, title="one", task=task, copies=3)
    for name in ("one-1", "one-2", "one-3"):
        session = scene.host.session(name)
        scene.kept.commits.append(scene.host.commit(session, f"{name}.txt", "committed\n"))
    for name in ("one-2", "one-3"):
        scene.host.write(session := scene.host.session(name), f"{name}.draft", "not committed\n")
        scene.kept.files[f"{name}.draft"] = (session, "not committed\n")


def checked_group(scene: Scene) -> None:
    three(scene, "- [ ] it is there\n")
    items.claim(scene.host.project, scene.host.session("one-1"), "it is there", "test -f one-1.txt")
    with scene.host.project.paths.home.config.open("a") as file:
        file.write("check: 'test -f README.md'\n")


def compared(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """Nothing has landed, and what is kept of a check and of what shows an item is true."""
    landed = scene.host.git("log", "--merges", "--format=%h", "main").split()
    found = compare.compare(scene.host.project, ["one"], checks=False)
    told = [run["passed"] for row in found["sessions"] for run in row["checks"]]
    proved = found["sessions"][0]["proof"]
    wrong = [f"the items are {proved}"] if proved["open"] or (done and not proved["proved"]) else []
    return wrong + ["something landed"] * bool(landed) + ["a check is said to have failed"] * (not all(told))


def taken(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """None of the others is deleted before the chosen one has landed, and none lives once it is said to be done."""
    store = scene.host.project.store
    there = "one-1.txt" in scene.host.git("ls-tree", "--name-only", "main").split()
    living = [name for name in ("one-2", "one-3") if store.sessions.find(name) is not None]
    wrong = ["one of the others is deleted, and main lacks what was taken"] if len(living) < 2 and not there else []
    wrong += ["it was taken, and main lacks it"] if done and not there else []
    return wrong + ([f"it was taken, and {living} live"] if done and living else [])


def undone(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """What is said to have landed is there, and what was taken back is not."""
    there = "one.txt" in scene.host.git("ls-tree", "--name-only", "main").split()
    lands = bool(scene.host.project.store.queue.landed())
    said = [] if there is lands else ["what the queue says of main is not so"]
    return said + (["one was taken back, and is there"] if done and there else [])


def merge_two(project: Project) -> object:
    merge.merge(project, "one", check="test -f one.txt", wait=False)
    return merge.merge(project, "two", check="test -f one.txt")


def both_merged(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """Neither is lost from the queue, and the branch has what it says has landed."""
    store, tree = scene.host.project.store.queue, scene.host.git("ls-tree", "--name-only", "main").split()
    landed = {entry.session for entry in store.landed()}
    wrong = [f"{name} landed, and main does not have it" for name in landed if f"{name}.txt" not in tree]
    return wrong + (["two was merged, and main has not both"] if done and landed != {"one", "two"} else [])


def claimed(scene: Scene) -> None:
    session = scene.host.spawn("one", task="- [ ] it is there\n- [ ] it is large\n")
    scene.kept.commits.append(scene.host.commit(session, "one.txt", "committed\n"))
    items.claim(scene.host.project, session, "it is there", "test -f one.txt")
    items.claim(scene.host.project, session, "it is large", "false")


def proved(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """What the branch's commit says of the items is what was recorded, and only what ran is proved."""
    project = scene.host.project
    counts = (manage.show(project, "one")["proof"] or {}) if project.store.sessions.find("one") else {}
    wrong = [f"the items are {counts}"] if done and (counts["proved"], counts["open"]) != (1, 1) else []
    said = scene.host.git("log", "--format=%(trailers:key=Orchestra-Proof,valueonly)", "main").split("\n")
    told = {line for line in said if line} - {"1 of 2 items proved"}
    return wrong + ([f"main says {told}"] if told else [])


def merged(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """The branch and its checkout have all of the work, or nothing of it."""
    host = scene.host
    # A commit that has not been fetched yet is an error to git, and in no branch.
    whole = bool(host.git("branch", "--list", "main", "--contains", scene.kept.commits[0], check=False))
    shown = (host.source / "one.txt").exists()
    merges = host.git("log", "--merges", "--format=%h", "main").split()
    wrong = [] if whole == shown else [f"main {'has' if whole else 'lacks'} the work, its checkout does not agree"]
    wrong += ["merged, and main lacks the work"] if done and not whole else []
    return wrong + ([f"merged {len(merges)} times"] if len(merges) > 1 else [])


def dirty(scene: Scene) -> None:
    """A person's changes: staged, staged and changed again, to be added, deleted, untracked."""
    host = scene.host
    session = scene.executor("one")
    for name in ("both", "gone"):
        host.commit(host.source, name, "committed\n")
    host.write(session, "README.md", "theirs\n")
    host.write(session, "deep/new", "theirs\n")
    host.write(host.source, "both", "staged\n")
    host.git("add", "both")
    host.write(host.source, "both", "changed again\n").chmod(0o600)
    host.git("add", "--intent-to-add", str(host.write(host.source, "meant", "meant\n")))
    (host.source / "gone").unlink()
    scene.checkout, scene.kept.dirty = contents(host.source), True


def trying(scene: Scene) -> None:
    dirty(scene)
    tryout.try_out(scene.host.project, "one")


def tried(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """It is shown whole or not at all, and what was there can be put back exactly."""
    project, source = scene.host.project, scene.host.source
    shown = [(source / "README.md").read_text() == "theirs\n", (source / "deep/new").exists()]
    known = project.store.tryout.get() is not None
    wrong = ["what the list says of the checkout is not so"] if set(shown) != {known} else []
    wrong += ["it was tried, and is not shown"] if done and not known else []
    if known:
        tryout.put_back(project)
    return [*wrong, *as_before(scene, done)]


def as_before(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    known = scene.host.project.store.tryout.get() is not None
    differs = {} if known else differences(scene.checkout, contents(scene.host.source))
    refs = [] if known else list(scene.host.refs("refs/orchestra/try/"))
    wrong = ["it was put back, and is still tried"] if done and known else []
    return [*wrong, *(f"{name} of the checkout: {pair}" for name, pair in differs.items()), *refs]


def with_remote(scene: Scene) -> None:
    ready(scene)
    host, bare = scene.host, scene.host.place / "remote.git"
    FakeGh.install(host.place / "bin")
    host.git("init", "--quiet", "--bare", str(bare))
    host.git("remote", "add", "origin", "https://github.com/ada/tempo.git")
    host.git("config", f"url.{bare}.insteadOf", "https://github.com/ada/tempo.git")


def open_pull(project: Project) -> object:
    path = f"{project.paths.source.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        return pull_requests.pull_request(project, "one")


def pulled(scene: Scene, done: bool) -> list[str]:  # noqa: FBT001 -- one of a family of functions
    """It is opened at most once, and what is recorded is at the remote."""
    store, gh = scene.host.project.store, FakeGh(scene.host.place / "bin")
    known = store.pulls.of(store.sessions.get("one").id)
    there = scene.host.git("ls-remote", str(scene.host.place / "remote.git")).split()
    opened = [call for call in gh.calls if call["words"][:2] == ["pr", "create"]]
    wrong = [f"opened {len(opened)} times"] if len(opened) > 1 else []
    wrong += ["it is recorded, and not at the remote"] if known is not None and known.pushed not in there else []
    return wrong + (["it was opened, and is not known"] if done and (known is None or known.number != 7) else [])


LANDINGS = (
    Case("merge", "merge", lambda p: merge.merge(p, "one"), ready, merged),
    Case("merge with a check", "merge", lambda p: merge.merge(p, "one", check="test -f one.txt"), ready, merged),
    Case("merge with proofs", "merge", lambda p: merge.merge(p, "one"), claimed, proved),
    Case("prove", "prove", lambda p: prove.prove(p, "one"), claimed, proved),
    Case("merge two that wait", "merge", merge_two, two_ready, both_merged),
    Case("take", "take", lambda p: take.take(p, "one-1"), three, taken),
    Case("take with a check", "take", lambda p: take.take(p, "one-1", check="test -f one-1.txt"), three, taken),
    Case("compare", "compare", lambda p: compare.compare(p, ["one"]), checked_group, compared),
    Case("undo", "undo", undo.undo, landed_one, undone),
    Case("undo by a revert", "undo", undo.undo, built_on, undone),
    Case("open a pull request", "pr", open_pull, with_remote, pulled),
    Case("try", "try", lambda p: tryout.try_out(p, "one"), dirty, tried),
    Case("put back", "try_off", tryout.put_back, trying, as_before, again=False),
    Case("withdraw", "withdraw", lambda p: queue.withdraw(p, "one"), queued),
    Case("forecast", "forecast", forecast.forecast, clashing, foreseen),
    Case("reorder", "reorder", order.reorder, in_a_bad_order, reordered),
    Case("move up", "move_up", lambda p: queue.move_up(p, "two"), queued),
    Case("squash", "merge", lambda p: merge.merge(p, "one", strategy="squash"), ready),
)
"""With agents on the host."""
