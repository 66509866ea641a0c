"""Which tests are recorded, and when each begins and ends.

A run has a stage as soon as one of its tests asks for a history; until then nothing is done. Then every test has a
number, recorded or not: what one has left does not get into the history of another.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from ._config import SETTINGS, is_mp_test, mark_of, run_of

if TYPE_CHECKING:
    from ._history._chronicle import Chronicle
    from ._history._recording import Recording
    from ._history._stage import Stage
    from ._ordering._history import History

__all__ = [
    "HISTORY",
    "RECORDING",
    "STAGE",
    "begin",
    "chronicle_of",
    "close_stage",
    "end",
    "give_up",
    "has_colours",
    "let_go",
    "prepare",
    "recording_of",
    "set_up_apart",
]

T = TypeVar("T")

STAGE: pytest.StashKey[Stage] = pytest.StashKey()
"""Where the configuration keeps the stage."""

RECORDING: pytest.StashKey[Recording] = pytest.StashKey()
"""Where a test keeps its recording."""

HISTORY: pytest.StashKey[History] = pytest.StashKey()
"""Where a test keeps what `mp_history` gave it."""


def prepare(session: pytest.Session) -> None:
    """Make the stage when a test of the run wants to be recorded.

    Args:
        session: The session; it has collected its tests, and will run them.
    """
    config = session.config
    if any(_is_recorded(item) for item in session.items):
        _stage_of(config)


def begin(item: pytest.Item) -> None:
    """Let a test begin."""
    if RECORDING in item.stash:  # of its first run, where a plugin runs it again
        del item.stash[RECORDING]
    stage = item.config.stash.get(STAGE, None)
    if stage is not None:
        stage.begin()
        if _is_recorded(item):
            _record(item)


def end(item: pytest.Item) -> None:
    """Let a test end: nothing of it is heard any more."""
    recording = item.stash.get(RECORDING, None)
    if recording is not None:
        recording.close()  # it may still be read
    stage = item.config.stash.get(STAGE, None)
    if stage is not None:
        stage.end()


def recording_of(item: pytest.Item) -> Recording:
    """Return the recording of a test; one that asks for its history in its own code has it from then on."""
    if RECORDING not in item.stash:
        if STAGE not in item.config.stash:
            _stage_of(item.config).begin()
        _record(item)
    return item.stash[RECORDING]


def chronicle_of(item: pytest.Item) -> Chronicle | None:
    """Read what was recorded in a test up to now; ``None`` when it is not recorded."""
    recording = item.stash.get(RECORDING, None)
    return None if recording is None else recording.chronicle()


def set_up_apart(config: pytest.Config, scope: str) -> Generator[None, T, T]:
    """Let what a fixture of wider scope starts belong to no test.

    Args:
        config: The configuration.
        scope: The scope of the fixture that is set up meanwhile.
    """
    stage = config.stash.get(STAGE, None)
    if stage is None or scope == "function":
        return (yield)
    with stage.apart():
        return (yield)


def close_stage(config: pytest.Config) -> None:
    """Put back all that was replaced."""
    if STAGE in config.stash:
        config.stash[STAGE].close()
        del config.stash[STAGE]


def let_go(item: pytest.Item) -> None:
    """Let everybody go on whom a test still holds, now that its own code is through.

    Raises:
        MpcheckError: It held somebody.
    """
    __tracebackhide__ = True
    if HISTORY in item.stash:
        item.stash[HISTORY].let_go()


def give_up(item: pytest.Item) -> None:
    """Let everybody go on whom a test holds that has failed."""
    if HISTORY in item.stash:
        item.stash[HISTORY].close()


def has_colours(config: pytest.Config) -> bool:
    """Return whether pytest writes in colours."""
    return config.pluginmanager.has_plugin("terminalreporter") and config.get_terminal_writer().hasmarkup


def _is_recorded(item: Any) -> bool:
    is_traced = bool(item.config.stash[SETTINGS].trace) and is_mp_test(item)
    return is_traced or "mp_history" in getattr(item, "fixturenames", ())


def _stage_of(config: pytest.Config) -> Stage:
    from ._history._stage import Stage

    stage = config.stash[STAGE] = Stage(run_of(config).history_folder, config.stash[SETTINGS].history_limit)
    return stage


def _record(item: pytest.Item) -> None:
    timeout = mark_of(item).timeout or item.config.stash[SETTINGS].timeout
    item.stash[RECORDING] = item.config.stash[STAGE].record(timeout)
