"""The tests of a project that starts a family of processes, to be run in a folder of their own.

What they do is told by the environment: ``FAMILY_FOLDER`` where the family meets, ``FAMILY_METHOD`` the start method,
``FAMILY_SORTS`` who starts them (``plain``, ``fixture``), ``FAMILY_ENDING`` how the test ends. Nothing ends before the
file ``go`` is there: whoever looks on has seen them all.
"""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import family  # type: ignore[import-not-found]  # beside this file, in the folder that both are copied to
import pytest

FOLDER = Path(os.environ["FAMILY_FOLDER"])
METHOD = os.environ["FAMILY_METHOD"]
ENDING = os.environ["FAMILY_ENDING"]
SORTS = os.environ["FAMILY_SORTS"].split(",")


def wait_for(name: str) -> None:
    while not (FOLDER / name).exists():
        time.sleep(0.01)


def stay(name: str) -> None:
    """Say that this place has been reached, and go no further."""
    (FOLDER / name).touch()
    while True:
        time.sleep(3600)


kept: list[object] = []
"""What warns when it is collected while its process runs."""


@pytest.fixture
def plain() -> list[str]:
    """Processes that no fixture of the plugin knows."""
    if "plain" not in SORTS:
        return []
    names = []
    for daemon in (True, False):
        name = f"{METHOD}-plain-{'daemon' if daemon else 'nondaemon'}"
        context: Any = multiprocessing.get_context(METHOD)
        context.Process(target=family.live, args=(str(FOLDER), name, True), daemon=daemon).start()
        names += [name, *family.children_of(name)]
    for sort in family.SORTS:
        name = f"{METHOD}-plain.{sort}"
        kept.append(family.start(str(FOLDER), name))
        names.append(name)
    return names


if "fixture" in SORTS:

    @pytest.fixture
    def of_fixtures(mp_process: Any, mp_pool: Any, mp_executor: Any) -> list[str]:
        """Processes that the fixtures of the plugin start, and what these start."""
        names = []
        for daemon in (True, False):
            name = f"{METHOD}-fixture-{'daemon' if daemon else 'nondaemon'}"
            mp_process(family.live, str(FOLDER), name, True, daemon=daemon)
            names += [name, *family.children_of(name)]
        if ENDING != "passes":  # a test that passes waits for its tasks
            mp_pool(1).apply_async(family.live, (str(FOLDER), f"{METHOD}-pool"))
            mp_executor(1).submit(family.live, str(FOLDER), f"{METHOD}-executor")
            names += [f"{METHOD}-pool", f"{METHOD}-executor"]
        return names

else:

    @pytest.fixture
    def of_fixtures() -> list[str]:
        return []


@pytest.fixture
def told(plain: list[str], of_fixtures: list[str]) -> None:
    """Say whom to expect, and wait until all have been seen."""
    family.write(str(FOLDER), "pytest.pid", str(os.getpid()))
    family.write(str(FOLDER), "expected", "\n".join(["pytest", *plain, *of_fixtures]))
    wait_for("go")
    if ENDING == "errors":
        raise RuntimeError("the set-up fails")


@pytest.fixture
def clinging() -> Iterator[None]:
    """A tear-down that only a second Ctrl-C breaks off."""
    yield
    if ENDING == "Ctrl-C twice":
        stay("clinging")


def test_family(told: None, clinging: None) -> None:
    if ENDING == "passes":
        (FOLDER / "release").touch()  # the children of the fixtures, which a test that passes waits for
    elif ENDING == "fails":
        pytest.fail("the test fails")
    elif ENDING == "os._exit":
        os._exit(3)
    elif ENDING == "segfault":
        getattr(faulthandler, "_sigsegv", lambda: ctypes.string_at(0))()
    else:
        stay("staying")
