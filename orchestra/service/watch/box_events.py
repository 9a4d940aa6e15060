"""Follow the events of the boxes, one thread for each kind of sandbox, and begin again whenever that ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from orchestra.errors import OrchestraError
from orchestra.model import BoxEnd, SandboxKind
from orchestra.project import Project

log = logging.getLogger("orchestra.service.watch.watcher")

_PAUSES = (0.5, 1.0, 2.0, 5.0)
"""Seconds until the first attempts to follow an engine again; the last one repeats."""


class BoxEvents:
    """Calls ``changed`` whenever a box may have started or ended, with what is told of an end."""

    def __init__(self, project: Project, changed: Callable[[BoxEnd | None], object]) -> None:
        self._project = project
        self._changed = changed
        self._ended = threading.Event()
        self._following: dict[SandboxKind, bool] = {}

    def follow(self, kind: SandboxKind) -> bool:
        """Follow one kind of sandbox; returns whether its events arrive."""
        if kind not in self._following:
            self._following[kind] = False
            threading.Thread(target=self._run, args=(kind,), name=f"events of {kind}", daemon=True).start()
        return self._following[kind]

    def close(self) -> None:
        """Follow nothing more; the threads end on their own."""
        self._ended.set()

    def _run(self, kind: SandboxKind) -> None:
        failures = 0

        def changed(end: BoxEnd | None) -> None:
            nonlocal failures
            failures = 0
            self._following[kind] = True
            self._changed(end)

        trouble = ""
        while not self._ended.is_set():
            try:
                self._project.sandbox(kind).watch(changed, self._ended)
            except OrchestraError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    log.warning("no events of %s: %s", kind, error)
            except Exception:  # the sessions are looked at less often, but they are looked at
                log.exception("events of %s", kind)
            self._following[kind] = False
            self._changed(None)
            self._ended.wait(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1
