"""Which tests of the real programs a usual run leaves out."""

from __future__ import annotations

import os

import pytest

EVERY_AGENT = os.environ.get("ORCHESTRA_TEST_AGENTS") == "all"
"""Whether everything is played; read at once, for a test sees none of the caller's settings."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what a module does not count among its ``USUAL`` tests; from here the summary tells it in one line."""
    usual = getattr(getattr(item, "module", None), "USUAL", None)
    if usual is not None and getattr(item, "originalname", item.name) not in usual and not EVERY_AGENT:
        pytest.skip("plays in `make test-agents` alone, for time: the rest of what Gemini CLI and opencode do")
