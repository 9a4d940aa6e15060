"""Something at the engine's address that takes every call, and answers those it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_ANSWER = b'{"ApiVersion": "1.43", "Version": "24.0.0"}'
_REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(_ANSWER), _ANSWER)


class SilentEngine:
    """Counts who calls; ``answers`` says whether they are answered, ``most`` is how many waited at once."""

    def __init__(self, path: Path) -> None:
        self.address = f"unix://{path}"
        self.answers = False
        self.calls = self.open = self.most = 0
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._listener.accept()
                threading.Thread(target=self._take, args=(link,), daemon=True).start()

    def _take(self, link: socket.socket) -> None:
        begun = False
        with link, contextlib.suppress(OSError):
            while link.recv(65536):
                self._count(calls=1, more=0 if begun else 1)
                begun = True
                if self.answers:
                    link.sendall(_REPLY)
        self._count(calls=0, more=-1 if begun else 0)

    def _count(self, *, calls: int, more: int) -> None:
        with self._lock:
            self.calls += calls
            self.open += more
            self.most = max(self.most, self.open)

    def close(self) -> None:
        """Take no more calls."""
        self._listener.close()


@contextmanager
def silent_engine() -> Iterator[SilentEngine]:
    """Listen at an address of its own, short enough for a socket."""
    with TemporaryDirectory(prefix="oe-") as place:
        made = SilentEngine(Path(place) / "d.sock")
        try:
            yield made
        finally:
            made.close()
