"""Send notifications to services by their addresses, such as ntfy, Slack or a webhook, with the library apprise.

An address usually holds a password: it is in no argument of a program, no log and no error.
"""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestra.errors import BadConfig, CommandFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

DEADLINE = 15.0
"""Seconds for all addresses together."""
_LARGEST = 64 * 1024


def read(file: Path) -> list[str]:
    """Return the addresses in a file of the person's, one a line; raises BadConfig if there are none.

    Also if others may read it. Empty lines and those that begin with # are left out.
    """
    try:
        with file.open(encoding="utf-8") as opened:
            others = stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & 0o077
            lines = [line.strip() for line in opened.read(_LARGEST).splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        hint = f"write one address on each line, as in github.com/caronc/apprise/wiki: {file}"
        raise BadConfig(f"{file} cannot be read", hint=hint) from error
    if others:
        raise BadConfig(f"others can read {file}, which holds passwords", hint=f"type: chmod 600 {file}")
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise BadConfig(f"{file} holds no address", hint="write one on each line, such as ntfy://ntfy.sh/TOPIC")
    return found


def check(addresses: Sequence[str]) -> None:
    """Raise BadConfig if an address is none; it names its line's number, not the address."""
    for number, address in enumerate(addresses, 1):
        if not _library().add(address):
            message = f"address {number} is none that apprise knows"
            raise BadConfig(message, hint="compare it with github.com/caronc/apprise/wiki")


def send(addresses: Sequence[str], title: str, body: str, *, deadline: float = DEADLINE) -> None:
    """Send a text to all addresses; raises BadConfig for a wrong one, CommandFailed if one does not take it."""
    check(addresses)
    failed = []
    services = [_with(address) for address in addresses]
    for number, service in enumerate(services, 1):
        if not service.notify(body=body or title, title=title, body_format="text", timeout=deadline / len(services)):
            failed.append(f"{number} ({service[0].service_name})")
    if failed:
        message = f"these addresses did not take a notification: {', '.join(failed)}"
        raise CommandFailed(message, hint="check them, and the network; to try again: orchestra notify --test")


def _with(address: str) -> Any:  # noqa: ANN401 -- the library's own type
    service = _library()
    service.add(address)
    return service


def _library() -> Any:  # noqa: ANN401 -- the library's own type
    import apprise  # noqa: PLC0415 -- takes a second, and only who has configured it pays

    # It logs addresses, and what services answer.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    asset = apprise.AppriseAsset(
        app_id="Orchestra", app_desc="Orchestra", async_mode=False, allow_templates=False, secure_logging=True,
        interpret_escapes=False, interpret_emojis=False,
    )  # fmt: skip
    return apprise.Apprise(asset=asset)
