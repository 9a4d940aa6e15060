"""The state of the rehearsal agent, so that it continues where it stopped."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Message = dict[str, Any]
"""A message as the service returns it: ``id``, ``sender``, ``kind``, ``text``, ``answers`` and more."""


class Journal:
    """A JSON file, replaced at every change; ``step`` is the scene to play, ``begun`` that it was started."""

    def __init__(self, path: Path, story: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        data = _read(path)
        if data.get("story") != story:
            fresh = {"story": story, "step": 0, "begun": False, "taken": [], "failed": ""}
            data = {**data, **fresh}
        self._data: dict[str, Any] = {"inbox": [], "taken": [], "asker": "", "failed": "", "written": [], **data}

    @property
    def step(self) -> int:
        """The number of the scene to play next, from 0."""
        return int(self._data["step"])

    @property
    def key(self) -> str:
        """A key for the effect of the current scene, the same after a restart."""
        return f"{self._data['story']}-{self.step}"

    @property
    def asker(self) -> str:
        """The sender of the message for which a scene last waited; before that, of the last message."""
        inbox = self._data["inbox"]
        return str(self._data["asker"] or (inbox[-1].get("sender", "") if inbox else ""))

    @property
    def failed(self) -> str:
        """Why the story ended early; empty if it did not."""
        return str(self._data["failed"])

    @property
    def written(self) -> list[str]:
        """The files that the story wrote."""
        return list(self._data["written"])

    def begin(self) -> bool:
        """Record that the current scene starts; returns whether it was started before and not finished."""
        again = bool(self._data["begun"])
        self._change(begun=True)
        return again

    def finish(self) -> None:
        """Record that the current scene is finished."""
        self._change(step=self.step + 1, begun=False, taken=[])

    def fail(self, reason: str) -> None:
        """Record that the story ends here."""
        self._change(failed=reason)

    def wrote(self, name: str) -> None:
        """Record a file that the story wrote."""
        self._change(written=sorted({*self.written, name}))

    def heard(self, message: Message) -> None:
        """Keep a message until a scene waits for it."""
        with self._lock:
            self._data["inbox"].append(message)
            self._save()

    def take(self, fits: Callable[[Message], bool], count: int = 1) -> list[Message]:
        """Return the first ``count`` kept messages that fit, or none if there are fewer.

        They are moved from the inbox to the current scene, which gets the same ones after a
        restart.
        """
        with self._lock:
            if self._data["taken"]:
                return list(self._data["taken"])
            fitting = [message for message in self._data["inbox"] if fits(message)][:count]
            if len(fitting) < count:
                return []
            self._data["inbox"] = [message for message in self._data["inbox"] if message not in fitting]
            self._data["taken"] = fitting
            self._data["asker"] = fitting[-1].get("sender", "")
            self._save()
        return fitting

    def _change(self, **values: object) -> None:
        with self._lock:
            self._data.update(values)
            self._save()

    def _save(self) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(self._data, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
