"""The project's own suite. Nothing here is needed by users of the plugin."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def _collect_garbage(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let finalizers run in the test that made them.

    Some of them tell the resource tracker that a semaphore is gone. When the garbage collector calls them while the
    tracker is at work, Python up to 3.12 warns of a reentrant call (cpython#109593), and a warning is an error here.
    """
    yield
    if "_mp_kind" in request.fixturenames or request.node.get_closest_marker("mp"):
        gc.collect()
