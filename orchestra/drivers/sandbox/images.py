"""Images: each layer is built once, under a lock, with its progress shown."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeAlias

from orchestra import files
from orchestra.drivers import process, temporary
from orchestra.drivers.sandbox import dockerfiles, proxies
from orchestra.drivers.sandbox.build_log import BuildLog, build_log
from orchestra.drivers.sandbox.docker_client import connect, translated
from orchestra.drivers.sandbox.dockerfiles import ImageRecipe, Stage, tag_for
from orchestra.errors import CommandFailed, DeadlineExceeded, EngineDown, NotFound, OrchestraError, ToolMissing
from orchestra.names import digest

__all__ = ["Image", "ImageRecipe", "Stage", "ensure", "exists", "list_images", "tag_for"]

Progress: TypeAlias = Callable[[str], None]
STAGE = "orchestra.stage"
"""The label with an image's layer."""
_BUILD_SILENCE = 900
_PULL_SILENCE = 20
_PACK_DEADLINE = 600.0
_BASE_DEADLINE = 900.0
_LOCK_DEADLINE = 1800.0
_LOCK_POLL = 0.2
_ARCHES = {"amd64": "x64", "x86_64": "x64", "arm64": "arm64", "aarch64": "arm64"}
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
_BASE_SCRIPT = Path(__file__).with_name("base_image.sh")


_seen: set[str] = set()


@dataclass(frozen=True, slots=True)
class Image:
    """One image that Orchestra built; ``size`` is in bytes, including shared layers."""

    tag: str
    stage: str
    size: int
    created: datetime


def exists(tag: str) -> bool:
    """Return whether the engine has an image; raises EngineDown."""
    _seen.discard(tag)
    try:
        with translated(f"look at the image {tag}"):
            connect().inspect_image(tag)  # type: ignore[no-untyped-call] # the stubs lack its types
    except NotFound:
        return False
    _seen.add(tag)
    return True


def list_images() -> list[Image]:
    """Return the images that Orchestra built, newest first."""
    with translated("list the images"):
        rows = connect().images(filters={"label": STAGE})
    images = [
        Image(tag, row["Labels"][STAGE], row["Size"], datetime.fromtimestamp(row["Created"], UTC))
        for row in rows
        for tag in row["RepoTags"] or ()
    ]
    return sorted(images, key=lambda image: image.created, reverse=True)


def ensure(
    recipe: ImageRecipe,
    *,
    progress: Progress,
    cache: Path,
    network: str = "host",
    look: bool = True,
    verbose: bool = False,
) -> str:
    """Build the missing layers of a recipe's image and return its tag; ``progress`` gets a line for each layer.

    With ``verbose`` it also gets every line of the build, which is always in a file in ``cache``,
    beside downloads and locks. Without ``look``, an image that this process has seen is assumed to
    exist. Raises CommandFailed with a failing build's last lines, BadConfig, EngineDown,
    DeadlineExceeded.
    """
    if recipe.image:
        _ensure_pulled(recipe.image, progress)
        return recipe.image
    final = tag_for(recipe, "project")
    if (not look and final in _seen) or exists(final):
        return final
    for stage in recipe.stages():
        tag = tag_for(recipe, stage)
        with _locked(tag, cache, progress):
            if not exists(tag):
                with build_log(log_of(recipe, stage, cache), progress, verbose=verbose) as log:
                    progress(f"building the image {tag}; its log: {log.path}")
                    _build_stage(recipe, stage, log, cache, network)
                    progress(f"built the image {tag} in {log.took}")
    return final


def log_of(recipe: ImageRecipe, stage: Stage, cache: Path) -> Path:
    """Return where the output of the last build of a layer is."""
    return cache / ("build-base.log" if stage == "base" else f"build-{recipe.profile}-{stage}.log")


def _build_stage(recipe: ImageRecipe, stage: Stage, log: BuildLog, cache: Path, network: str) -> None:
    if stage == "base":
        _ensure_base(recipe.base, log.progress)
    with tempfile.TemporaryFile(dir=cache) as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            _fill(archive, recipe, stage, log.progress, cache)
        file.seek(0)
        _build(recipe, stage, file, network, log)


def _fill(archive: tarfile.TarFile, recipe: ImageRecipe, stage: Stage, progress: Progress, cache: Path) -> None:
    if stage == "base":
        archive.addfile(_directory("authorities"))
        _add_files(archive, dockerfiles.base_context())
        dockerfiles.add_text(archive, "Dockerfile", dockerfiles.base_text(recipe.base))
    elif stage == "profile":
        _fill_profile(archive, recipe, progress, cache)
    else:
        if recipe.context is not None:
            recipe.context.add_to(archive)
        dockerfiles.add_text(archive, "Dockerfile", dockerfiles.project_text(recipe))


def _fill_profile(archive: tarfile.TarFile, recipe: ImageRecipe, progress: Progress, cache: Path) -> None:
    arch = _arch()
    packed = shutil.which("npm") is not None
    if packed:
        for spec in (package.replace("{arch}", arch) for package in recipe.npm):
            dockerfiles.add_pack(archive, spec, _pack(spec, cache, progress))
    dockerfiles.add_text(archive, "Dockerfile", dockerfiles.profile_text(recipe, arch, packed=packed))


def _directory(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    return entry


def _add_files(archive: tarfile.TarFile, files: Mapping[str, Path]) -> None:
    for name, file in files.items():
        archive.add(file, name, recursive=False)


def _arch() -> str:
    with translated("ask the Docker engine for its architecture"):
        name = str(connect().version()["Arch"])
    return _ARCHES.get(name, name)


def _pack(spec: str, cache: Path, progress: Progress) -> Path:
    """Download an npm package once, even if its spec has no version."""
    kept = cache / "npm" / digest(spec, 16)
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        progress(f"fetching {spec}")
        temporary.sweep(kept.parent)
        with temporary.directory(kept.parent) as directory:
            download = directory / "pack"
            download.mkdir()
            words = ("npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", str(download), spec)
            process.run(words, cwd=download, deadline=_PACK_DEADLINE)
            download.rename(kept)
    return next(kept.glob("*.tgz"))


def _build(recipe: ImageRecipe, stage: Stage, context: BinaryIO, network: str, log: BuildLog) -> None:
    tag = tag_for(recipe, stage)
    parent = {"ORCHESTRA_BASE": dockerfiles.parent_of(recipe, stage)} if stage == "project" else {}
    shell = {
        name: os.environ[name] for variable in _PROXIES for name in (variable, variable.upper()) if name in os.environ
    }
    with translated(f"build the image {tag}"):
        output = connect(_BUILD_SILENCE).build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            rm=True,
            forcerm=True,
            decode=True,
            network_mode=network,
            labels={STAGE: stage},
            buildargs=proxies.of_containers().environment | shell | parent,
            use_config_proxy=False,
        )
        failed = log.take(output)
    if failed:
        shown = "\n".join(log.last)
        raise CommandFailed(
            f"building the image {tag} failed: {failed}",
            stderr=shown,
            hint=f"its log is {log.path}; the last lines:\n{shown}" if shown else "check the engine with: docker info",
        )


def _ensure_pulled(image: str, progress: Progress) -> None:
    if exists(image):
        return
    progress(f"pulling {image}")
    try:
        _pull(image)
    except (NotFound, EngineDown, DeadlineExceeded, CommandFailed) as error:
        hint = f"check the name and the network, then type: docker pull {image}"
        raise CommandFailed(f"the image {image} is not on this machine and cannot be pulled", hint=hint) from error


def _pull(image: str) -> None:
    repository, _, tag = image.partition("@") if "@" in image else _split(image)
    with translated(f"pull the image {image}"):
        output = connect(_PULL_SILENCE).pull(repository, tag=tag, stream=True, decode=True)
        failed = [str(entry["error"]) for entry in output if "error" in entry]
    if failed:
        raise CommandFailed(f"could not pull the image {image}: {failed[0]}")


def _split(image: str) -> tuple[str, str, str]:
    head, colon, tag = image.rpartition(":")
    return (head, colon, tag) if colon and "/" not in tag else (image, ":", "latest")


def _ensure_base(base: str, progress: Progress) -> None:
    try:
        _ensure_pulled(base, progress)
    except CommandFailed as error:
        _bootstrap(base, progress, error)


def _bootstrap(base: str, progress: Progress, refused: OrchestraError) -> None:
    """Build the base image from the machine's own package sources, if possible."""
    progress(f"{refused.message}; building it from this machine's own package sources (about a minute)")
    try:
        process.run(("sh", str(_BASE_SCRIPT), base), deadline=_BASE_DEADLINE)
    except (CommandFailed, ToolMissing) as error:
        hint = f"pull it: docker pull {base}; or build it: sudo sh {_BASE_SCRIPT} {base}"
        reason = getattr(error, "stderr", "").splitlines()[-1:] or [error.message]
        raise CommandFailed(f"there is no base image {base}: {reason[0]}", hint=hint) from error


@contextmanager
def _locked(tag: str, cache: Path, progress: Progress) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"build-{digest(tag, 12)}.lock").open("w") as file:
        end = time.monotonic() + _LOCK_DEADLINE
        waiting = False
        while not files.try_lock(file):
            if not waiting:
                progress(f"another process is building {tag}; waiting for it")
            waiting = True
            if time.monotonic() > end:
                raise DeadlineExceeded(f"another process has been building {tag} for {_LOCK_DEADLINE / 60:.0f} minutes")
            time.sleep(_LOCK_POLL)
        yield
