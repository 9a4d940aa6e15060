"""Keep and restore the other refs of a private git directory: branches, tags, stashes, a detached HEAD.

They are kept under refs of the repository that nothing checks out, and can be copied to a new
private git directory. All stashes except the newest are only in the log of their ref
(git-stash(1)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from orchestra import safe_files
from orchestra.drivers.git import commit_import, quarantine
from orchestra.drivers.git.private_dir import NOTHING, Extras, Stash
from orchestra.drivers.git.quarantine import Quarantine
from orchestra.drivers.git.repository import Repository
from orchestra.errors import NotFound, Refused

MOST_REFS = 500
"""The most new refs that are kept."""
_MOST_STASHES = 100
_LONGEST_LOG = 1 << 20
_LONGEST_ID = 200
_INCOMING = "refs/incoming/"
_WANTED = ("refs/heads/*", "refs/tags/*", "refs/stas*")
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def tip(git_dir: Path, branch: str) -> str:
    """Return the commit of a branch in a private git directory, as far as its files say so plainly; else empty.

    An agent may have written anything there, so this is only good for comparing.
    """
    with suppress(Refused, NotFound):
        loose = safe_files.read(git_dir, f"refs/heads/{branch}", most=_LONGEST_ID)
        if loose is not None:
            found = loose.decode("ascii", "replace").strip()
            return found if _ID.fullmatch(found) else ""
        packed = (safe_files.read(git_dir, "packed-refs", most=_LONGEST_LOG) or b"").decode("utf-8", "replace")
        end = f" refs/heads/{branch}"
        ids = (line.removesuffix(end) for line in packed.splitlines() if line.endswith(end))
        return next((each for each in ids if _ID.fullmatch(each)), "")
    return ""


def keep(
    repo: Repository, git_dir: Path, *, upload_pack: Sequence[str], prefix: str, deadline: float = 120.0
) -> list[str]:
    """Fetch everything that only a private git directory has, to refs that begin with ``prefix``.

    Returns the new refs. ``deadline`` is in seconds. Raises Refused, having kept nothing, for
    malformed, too large or too many objects, and CommandFailed if the other side does not answer.
    """
    specs = [f"+{ref}:{ref.replace('refs/', _INCOMING, 1)}" for ref in _WANTED]
    specs += [f"+{commit}:{_INCOMING}stashes/{number}" for number, commit in enumerate(_older_stashes(git_dir), 1)]
    with quarantine.opened(repo) as held:
        # Ignore a HEAD on a branch without commits.
        if not commit_import.receive(held, upload_pack, [f"+HEAD:{_INCOMING}HEAD", *specs], deadline=deadline):
            commit_import.receive(held, upload_pack, specs, deadline=deadline)
        news = _news(held, repo)
        if len(news) > MOST_REFS:
            raise Refused(
                f"its private git directory has {len(news)} refs that are nowhere else",
                hint=f"look at them in {git_dir}",
            )
        if news:
            held.release()
            lines = "".join(f"create {prefix}{name} {tip}\n" for name, tip in news.items())
            repo.git().run("update-ref", "--no-deref", "--stdin", stdin=lines.encode("utf-8", "surrogateescape"))
    return [f"{prefix}{name}" for name in news]


def kept(repo: Repository, prefix: str, branch: str) -> Extras:
    """Return what `keep` kept under ``prefix``, for a new private git directory whose own branch is ``branch``.

    The former tip of that branch, and a detached HEAD, become branches called ``kept-`` and the
    commit's first digits.
    """
    if not prefix:
        return NOTHING
    tips = {name.removeprefix(prefix): tip for name, tip in repo.refs(prefix).items()}
    refs: dict[str, str] = {}
    for name, tip in tips.items():
        if name in {"HEAD", f"heads/{branch}"}:
            refs[f"refs/heads/kept-{tip[:8]}"] = tip
        elif name.startswith(("heads/", "tags/")):
            refs[f"refs/{name}"] = tip
    older = sorted((name for name in tips if name.startswith("stashes/")), key=lambda name: -int(name[8:]))
    names = [*older, *(["stash"] if "stash" in tips else [])]
    return Extras(refs, tuple(_stash(repo, tips[name]) for name in names))


def _older_stashes(git_dir: Path) -> list[str]:
    """Return the stashes that no ref names, newest first, from the log that the agent's git wrote."""
    log = (safe_files.read(git_dir, "logs/refs/stash", most=_LONGEST_LOG) or b"").decode("utf-8", "replace")
    commits = [fields[1] for line in log.splitlines() if len(fields := line.split(" ", 2)) > 1]
    return [commit for commit in reversed(commits[:-1]) if _ID.fullmatch(commit)][:_MOST_STASHES]


def _news(held: Quarantine, repo: Repository) -> dict[str, str]:
    form = "--format=%(refname)%00%(objectname)%00%(objecttype)%00%(*objectname)%00%(*objecttype)"
    listing = held.git().text("for-each-ref", form, _INCOMING)
    rows = [line.split("\0") for line in listing.splitlines()]
    fresh = _unreached(held, [commit for fields in rows for commit in _commit(fields)])
    known = repo.refs("refs/heads/", "refs/tags/")
    news = {}
    for fields in rows:
        name, tip = fields[0].removeprefix(_INCOMING), fields[1]
        here = known.get(f"refs/{name}")
        if here != tip and ((name != "HEAD" and here is None) or fresh.intersection(_commit(fields))):
            news[name] = tip
    if news.get("HEAD") in {tip for name, tip in news.items() if name != "HEAD"}:
        del news["HEAD"]
    return news


def _commit(fields: Sequence[str]) -> Iterator[str]:
    if fields[2] == "commit":
        yield fields[1]
    elif fields[4] == "commit":
        yield fields[3]


def _unreached(held: Quarantine, commits: Sequence[str]) -> frozenset[str]:
    """Return the commits that are not reachable from the repository's own refs."""
    names = "".join(f"{commit}\n" for commit in commits).encode()
    words = ("rev-list", "--stdin", "--not", "--branches", "--glob=refs/orchestra/*")
    return frozenset(held.git().run(*words, stdin=names, deadline=120.0).text.split())


def _stash(repo: Repository, commit: str) -> Stash:
    text = repo.git().text("show", "-s", "--format=%cn <%ce> %ct +0000%x00%s", commit, "--")
    maker, _, message = text.partition("\0")
    return Stash(commit, maker, message)
