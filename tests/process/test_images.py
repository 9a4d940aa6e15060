"""Images built by a real engine, from small recipes on a small base."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import tarfile
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from orchestra.drivers.sandbox import build_context, dockerfiles, images
from orchestra.drivers.sandbox.images import ImageRecipe, ensure, exists, list_images, tag_for
from orchestra.errors import BadConfig, CommandFailed, Refused
from tests.support.services import eventually

BASE = "debian:bookworm-slim"


def docker(*words: str, check: bool = True) -> str:
    return subprocess.run(["docker", *words], check=check, capture_output=True, text=True, timeout=120).stdout.strip()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Layers that take no network and belong to this test alone; removed afterwards."""
    mark = f"t{uuid.uuid4().hex[:8]}"
    monkeypatch.setattr(dockerfiles, "base_text", lambda base: f"FROM {base}\nENV MARK={mark}\n")
    yield mark
    mine = [
        one.tag for one in list_images() if mark in docker("inspect", "-f", "{{.Config.Env}}", one.tag, check=False)
    ]
    for tag in mine:
        docker("rmi", "-f", tag, check=False)


@pytest.mark.docker
def test_layers_are_built_once_in_order_each_with_its_time_and_log(small: str, tmp_path: Path) -> None:
    recipe = ImageRecipe(base=BASE, profile=small, install=("echo one >/one",), setup=("cat /one && echo two >/two",))
    lines: list[str] = []
    tag = ensure(recipe, progress=lines.append, cache=tmp_path)
    assert tag == tag_for(recipe, "project")
    assert [line.rsplit(maxsplit=2)[0] for line in lines] == [
        words
        for stage in dockerfiles.STAGES
        for words in (
            f"building the image {tag_for(recipe, stage)}; its",
            f"built the image {tag_for(recipe, stage)} in",
        )
    ]
    assert "\none\n" in images.log_of(recipe, "project", tmp_path).read_text()
    assert docker("run", "--rm", "--network", "none", tag, "cat", "/one", "/two") == "one\ntwo"
    assert ensure(recipe, progress=pytest.fail, cache=tmp_path) == tag
    assert {one.tag for one in list_images()} >= {tag_for(recipe, stage) for stage in dockerfiles.STAGES}
    further = ImageRecipe(base=BASE, profile=small, install=("echo one >/one",), setup=("true",))
    again: list[str] = []
    ensure(further, progress=again.append, cache=tmp_path)
    assert len([line for line in again if line.startswith("building")]) == 1


@pytest.mark.docker
def test_two_builds_of_the_same_image_at_once_make_it_once(small: str, tmp_path: Path) -> None:
    recipe = ImageRecipe(base=BASE, profile=small, install=("echo x >/x",))
    lines: list[str] = []
    threads = [
        threading.Thread(target=ensure, args=(recipe,), kwargs={"progress": lines.append, "cache": tmp_path})
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=240)
    assert len([line for line in lines if line.startswith("building")]) == 2
    assert exists(tag_for(recipe, "profile"))


@pytest.mark.docker
def test_a_failing_build_tells_its_last_lines_and_leaves_no_image(small: str, tmp_path: Path) -> None:
    recipe = ImageRecipe(base=BASE, profile=small, install=("echo the reason; exit 7",))
    with pytest.raises(CommandFailed, match="returned a non-zero code: 7") as told:
        ensure(recipe, progress=lambda _: None, cache=tmp_path)
    assert "the reason" in told.value.hint
    assert f"its log is {images.log_of(recipe, 'profile', tmp_path)}" in told.value.hint
    assert not exists(tag_for(recipe, "profile"))


@pytest.mark.docker
def test_a_build_that_is_killed_leaves_nothing_and_is_made_anew(small: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    recipe = ImageRecipe(base=BASE, profile=small, install=(f"echo {small}; sleep 4",))
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        ensure(recipe, progress=partial(print, file=os.fdopen(writing, "w"), flush=True), cache=cache, verbose=True)
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as said:  # noqa: PTH123 -- a descriptor
        next(line for line in said if line.strip() == small)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert not exists(tag_for(recipe, "profile"))
    assert {file.suffix for file in cache.iterdir()} == {".lock", ".log"}
    ensure(recipe, progress=lambda _: None, cache=cache)
    assert exists(tag_for(recipe, "profile"))
    eventually(lambda: small not in docker("ps", "--all", "--no-trunc", "--format", "{{.Command}}"))


@pytest.mark.docker
def test_a_project_s_dockerfile_builds_on_the_agent_s_image_with_the_files_beside_it(
    small: str, tmp_path: Path
) -> None:
    place = tmp_path / ".orchestra"
    (place / "specs").mkdir(parents=True)
    (place / "specs" / "main.md").write_text("not part of it")
    (place / "words.txt").write_text("hello")
    (place / "link").symlink_to("/etc/apt")
    file = place / "Dockerfile"
    file.write_text("ARG ORCHESTRA_BASE\nFROM ${ORCHESTRA_BASE}\nCOPY . /context/\n")
    recipe = recipe_of(place, small)
    tag = ensure(recipe, progress=lambda _: None, cache=tmp_path)
    shown = docker("run", "--rm", "--network", "none", tag, "sh", "-c", "echo $MARK; cd /context; ls; readlink link")
    assert shown.split() == [small, "Dockerfile", "link", "words.txt", "/etc/apt"]
    (place / "specs" / "main.md").write_text("changed")
    assert tag_for(recipe_of(place, small), "project") == tag
    (place / "words.txt").write_text("changed")
    assert tag_for(recipe_of(place, small), "project") != tag
    file.write_text("FROM scratch\n")
    with pytest.raises(BadConfig, match="does not build on"):
        tag_for(recipe_of(place, small), "project")


def replaced_by_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def recipe_of(place: Path, profile: str) -> ImageRecipe:
    return ImageRecipe(base=BASE, profile=profile, context=build_context.read(place))


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_text("hullo"),
        lambda file: file.write_text("hello, longer"),
        lambda file: file.write_text(""),
        lambda file: file.unlink(),
        lambda file: (file.unlink(), file.symlink_to("/etc/passwd")),
        replaced_by_a_pipe,
    ],
)
def test_a_file_that_changed_since_it_was_hashed_is_not_built(tmp_path: Path, change: Callable[[Path], object]) -> None:
    (tmp_path / "Dockerfile").write_text("FROM ${ORCHESTRA_BASE}\n")
    (tmp_path / "words.txt").write_text("hello")
    context = build_context.read(tmp_path)
    assert context is not None
    with tarfile.open(fileobj=io.BytesIO(), mode="w") as archive:
        context.add_to(archive)
    change(tmp_path / "words.txt")
    with tarfile.open(fileobj=io.BytesIO(), mode="w") as archive, pytest.raises(Refused, match=r"words\.txt"):
        context.add_to(archive)
    changed = build_context.read(tmp_path) if not (tmp_path / "words.txt").is_fifo() else None
    assert changed is None or changed.digest != context.digest


def test_a_context_has_a_limit(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM ${ORCHESTRA_BASE}\n")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Refused, match="holds more than"):
        build_context.read(tmp_path)


@pytest.mark.docker
def test_npm_packages_are_unpacked_under_their_own_names(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = tmp_path / "pack.tgz"
    _write_pack(pack, {"package/tool": b"#!/bin/sh\necho runs\n"})
    monkeypatch.setattr(images, "_pack", lambda *_: pack)
    link = "ln -s /opt/tool-{arch}/tool /usr/local/bin/tool && tool"
    recipe = ImageRecipe(base=BASE, profile=small, npm=("@scope/tool-{arch}@1.2",), install=(link,))
    tag = ensure(recipe, progress=lambda _: None, cache=tmp_path)
    assert docker("run", "--rm", "--network", "none", tag, "tool") == "runs"


def test_a_package_that_leads_out_of_its_directory_is_refused(tmp_path: Path) -> None:
    pack = tmp_path / "pack.tgz"
    _write_pack(pack, {"package/../../etc/cron.d/x": b"bad"})
    with tarfile.open(fileobj=io.BytesIO(), mode="w") as archive, pytest.raises(BadConfig, match="contains the path"):
        dockerfiles.add_pack(archive, "tool@1", pack)


@pytest.mark.parametrize(
    ("spec", "name"),
    [("@anthropic-ai/claude-code-linux-x64@2.1.197", "claude-code-linux-x64"), ("tool@1", "tool"), ("tool", "tool")],
)
def test_a_package_is_unpacked_to_its_name_without_scope_and_version(spec: str, name: str) -> None:
    assert dockerfiles.pack_name(spec) == name


@pytest.mark.parametrize("spec", ["", "a'; rm -rf /; '", "a b", "$(x)"])
def test_what_is_no_package_is_refused(spec: str) -> None:
    with pytest.raises(BadConfig):
        dockerfiles.pack_name(spec)


def test_a_tag_changes_with_every_input_and_with_the_layer_below() -> None:
    def tag(**fields: object) -> str:
        return tag_for(ImageRecipe(**{"profile": "p", "install": ("a",), **fields}), "project")  # type: ignore[arg-type]  # tests pass what they mean

    tags = {tag(), tag(base="other:1"), tag(install=("b",)), tag(npm=("x@1",)), tag(setup=("a",)), tag(profile="q")}
    assert len(tags) == 6
    assert tag_for(ImageRecipe(), "project") == tag_for(ImageRecipe(), "base")


@pytest.mark.docker
def test_an_image_that_is_named_is_used_as_it_is(tmp_path: Path) -> None:
    assert ensure(ImageRecipe(image=BASE), progress=pytest.fail, cache=tmp_path) == BASE


@pytest.mark.docker
@pytest.mark.parametrize(
    "recipe", [ImageRecipe(image="orchestra.invalid/x:1"), ImageRecipe(base="orchestra.invalid/x:1")]
)
def test_an_image_that_cannot_be_had_is_told_with_what_to_type(tmp_path: Path, recipe: ImageRecipe) -> None:
    with pytest.raises(CommandFailed) as told:
        ensure(recipe, progress=lambda _: None, cache=tmp_path)
    assert "docker pull orchestra.invalid/x:1" in told.value.hint


def _write_pack(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
