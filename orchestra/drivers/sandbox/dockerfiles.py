"""The contents of images as pure text and hashes, without an engine."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeAlias

from orchestra.drivers.sandbox.build_context import DOCKERFILE, BuildContext
from orchestra.errors import BadConfig
from orchestra.names import digest, slug

Stage: TypeAlias = Literal["base", "profile", "project"]
DEFAULT_BASE = "debian:bookworm-slim"
"""The default base image."""
STAGES: tuple[Stage, ...] = ("base", "profile", "project")
PACKS = "/opt"
"""The directory for npm packages in an image, each in a subdirectory with its name without scope."""
_HASH = 12
_AUTHORITIES = Path("/usr/local/share/ca-certificates")
"""Where Debian keeps certificate authorities that a machine's owner added (update-ca-certificates(8))."""
_TOOLS = "bash ca-certificates curl git less procps python3 ripgrep"
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*")


@dataclass(frozen=True, slots=True)
class ImageRecipe:
    """How an agent's image is built.

    ``npm`` are package specs; in them and in ``install``, ``{arch}`` is npm's name of the engine's
    processor. ``image`` names an existing image, and then nothing is built.
    """

    base: str = DEFAULT_BASE
    profile: str = ""
    install: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    context: BuildContext | None = None
    image: str = ""

    def stages(self) -> tuple[Stage, ...]:
        """Return the layers this recipe needs, lowest first."""
        above: dict[Stage, bool] = {
            "base": True,
            "profile": bool(self.install or self.npm),
            "project": bool(self.setup or self.context),
        }
        return tuple(stage for stage in STAGES if above[stage])


def tag_for(recipe: ImageRecipe, stage: Stage) -> str:
    """Return the tag of one layer: ``orchestra/<stage>-<profile>:<hash>``, with a hash of everything it is made of.

    An unneeded layer has the tag of the one below. Raises BadConfig for a Dockerfile that does not
    build on the agent's image.
    """
    parent = parent_of(recipe, stage)
    if stage not in recipe.stages():
        return parent
    if stage == "base":
        return f"orchestra/base:{_hashed(recipe.base, base_text(recipe.base), context_hash(base_context()))}"
    name = f"orchestra/{stage}-{slug(recipe.profile or 'any')}"
    if stage == "profile":
        return f"{name}:{_hashed(parent, *recipe.npm, '', *recipe.install)}"
    return f"{name}:{_hashed(parent, project_text(recipe), recipe.context.digest if recipe.context else '')}"


def parent_of(recipe: ImageRecipe, stage: Stage) -> str:
    """Return the parent of one layer: the tag of the layer below, or the base image's name."""
    if stage == "base":
        return recipe.base
    return tag_for(recipe, "base" if stage == "profile" else "profile")


def _hashed(*inputs: str) -> str:
    return digest("\0".join(inputs), _HASH)


def base_text(base: str) -> str:
    """Return the Dockerfile of the base layer, which all agents share."""
    excluded = "".join(f"path-exclude {pattern}\\n" for pattern in _LEFT_OUT)
    lines = [
        f"FROM {base}",
        "USER root",
        "ENV LANG=C.UTF-8",
        "ARG DEBIAN_FRONTEND=noninteractive",
        "COPY authorities/ /usr/local/share/ca-certificates/",
        (
            "RUN command -v apt-get >/dev/null || { echo 'the base image must be Debian or Ubuntu'; exit 1; }; "
            f"printf '{excluded}' >/etc/dpkg/dpkg.cfg.d/orchestra && apt-get update && "
            f"apt-get install -y --no-install-recommends {_TOOLS} && update-ca-certificates && "
            "rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*.log /var/log/apt"
        ),
    ]
    if base_context():
        # These programs have their own list and must be told about the machine's.
        bundle = "/etc/ssl/certs/ca-certificates.crt"
        lines.append(f"ENV NODE_EXTRA_CA_CERTS={bundle} REQUESTS_CA_BUNDLE={bundle} SSL_CERT_FILE={bundle}")
    return "\n".join(lines) + "\n"


def base_context() -> dict[str, Path]:
    """Return the certificate authorities that the machine's owner added, by name in the build context."""
    certificates = sorted(_AUTHORITIES.rglob("*.crt")) if _AUTHORITIES.is_dir() else []
    return {f"authorities/{number}-{file.name}": file for number, file in enumerate(certificates)}


def profile_text(recipe: ImageRecipe, arch: str, *, packed: bool) -> str:
    """Return the Dockerfile of a profile's layer; ``packed`` says that the packages are in the build context."""
    parent = parent_of(recipe, "profile")
    lines = [f"FROM {parent}"]
    if recipe.npm and not packed:
        lines = [*_npm_stage(recipe, parent, arch), f"FROM {parent}", f"COPY --from=npm /out/ {PACKS}/"]
    elif recipe.npm:
        lines.append(f"COPY npm/ {PACKS}/")
    lines.append("ARG DEBIAN_FRONTEND=noninteractive")
    lines += [f"RUN {line.replace('{arch}', arch)}" for line in recipe.install]
    return "\n".join(lines) + "\n"


def _npm_stage(recipe: ImageRecipe, parent: str, arch: str) -> Iterator[str]:
    yield f"FROM {parent} AS npm"
    yield "RUN apt-get update && apt-get install -y --no-install-recommends npm"
    for spec in recipe.npm:
        exact = spec.replace("{arch}", arch)
        directory = f"/out/{pack_name(exact)}"
        unpack = f"tar -xzf \"$(npm pack --silent '{exact}')\" -C {directory} --strip-components=1 --no-same-owner"
        yield f"RUN mkdir -p {directory} && cd /tmp && {unpack}"


def pack_name(spec: str) -> str:
    """Return the directory for an npm package: its name without scope and version.

    Raises BadConfig for an invalid package spec.
    """
    name = spec.rpartition("/")[2].partition("@")[0]
    if not name or set(spec) & set("'\"\\ \n$`;&|<>"):
        raise BadConfig(f"{spec!r} is not an npm package", hint="write it as name@version, or @scope/name@version")
    return name


def project_text(recipe: ImageRecipe) -> str:
    """Return the Dockerfile of a project's layer: its own, then its setup lines."""
    lines = [f"RUN {line}" for line in recipe.setup]
    if recipe.context is None:
        return "\n".join(["ARG ORCHESTRA_BASE", "FROM ${ORCHESTRA_BASE}", *lines]) + "\n"
    text = recipe.context.text
    if "ORCHESTRA_BASE" not in text:
        raise BadConfig(
            f"{recipe.context.directory / DOCKERFILE} does not build on the agent's image",
            hint="start it with these two lines: ARG ORCHESTRA_BASE / FROM ${ORCHESTRA_BASE}",
        )
    return "\n".join([text.rstrip("\n"), *lines]) + "\n"


def context_hash(files: dict[str, Path]) -> str:
    """Return a hash over names, kinds, permissions and contents."""
    total = hashlib.sha256()
    for name, file in sorted(files.items()):
        status = file.stat()
        content = _content(file, status.st_mtime_ns)
        total.update(b"\0".join([os.fsencode(name), oct(status.st_mode).encode(), content, b""]))
    return total.hexdigest()[:_HASH]


@lru_cache(maxsize=256)
def _content(file: Path, _changed: int) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()


def add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    """Add a file with this text to a build's context."""
    content = text.encode()
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def add_pack(archive: tarfile.TarFile, spec: str, pack: Path) -> None:
    """Add an npm package's regular files to a build's context, below ``npm/<name>/``.

    Raises BadConfig for a package with a path outside itself.
    """
    with tarfile.open(pack, "r:gz") as source:
        for member in source:
            inside = member.name.partition("/")[2]
            if not member.isfile() or not inside:
                continue
            if inside.startswith("/") or ".." in inside.split("/"):
                raise BadConfig(f"{spec} contains the path {member.name!r}", hint="do not install this package")
            entry = tarfile.TarInfo(f"npm/{pack_name(spec)}/{inside}")
            entry.size, entry.mode, entry.mtime = member.size, member.mode | 0o444, 0
            archive.addfile(entry, source.extractfile(member))
