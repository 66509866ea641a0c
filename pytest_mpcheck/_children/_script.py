"""Runs a script to its end in a process group of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from .. import _platforms
from .._autopsy._examination import Known, examine, stacks_words
from .._autopsy._origin import origin
from .._clock import Deadline, wait_until
from .._deadlocks import Vigil
from .._errors import ChildStuck, MpcheckError
from .._history._recollection import Recollection
from .._records import ChildReport, Deadlock, ProcessId, ScriptRun, Stuck
from .._words import RAISE_THE_LIMIT, ending, message
from ._echo import Echo
from ._station import EVIDENCE_LIMIT, Station

__all__ = ["Guise", "Manner", "run_script"]

Manner = Literal["plain", "watched", "imported"]
"""How a script is run: as it is; with a note of the processes that it starts, in `N.starts`; or not as the program, but
as a child imports it that spawn or forkserver has started."""

_HELPERS_PATIENCE = 2.0
"""How long the resource tracker and the forkserver have to notice that their script has ended, in seconds."""

_MAIN = str(Path(__file__).with_name("_script_main.py"))


@dataclass(frozen=True, slots=True)
class Guise:
    """What a script sees that stands for another file, such as a notebook.

    Attributes:
        name: Its `sys.argv[0]`.
        folder: What is first on its `sys.path`.
        cwd: Its current folder.
    """

    name: str
    folder: str
    cwd: str


def run_script(
    path: str | os.PathLike[str],
    args: tuple[str | os.PathLike[str], ...],
    start_method: str,
    station: Station,
    timeout: float,
    echo: Echo,
    recollection: Recollection,
    *,
    guise: Guise | None = None,
    manner: Manner = "plain",
) -> ScriptRun:
    """Run a script as `__main__` of a fresh interpreter.

    Args:
        path: The script.
        args: Its command line arguments.
        start_method: The default start method in it.
        station: Where its output goes.
        timeout: Its deadline, in seconds.
        echo: Passes its output on.
        recollection: What is remembered of the test's processes.
        guise: What it is to see of itself; ``None`` when it is what it seems.
        manner: How it is run.

    Returns:
        How it went.

    Raises:
        MpcheckError: There is no such script, or an argument is no text.
        ChildStuck: It did not end in time. It has been ended with all its children.
    """
    __tracebackhide__ = True
    script = os.fspath(path)
    words = tuple(_text(arg) for arg in args)
    if not os.path.isfile(script):
        raise MpcheckError(f"no script {script!r} (looked in {os.getcwd()}); what to do: give the path of a file")
    guise = guise or Guise(script, os.path.dirname(os.path.abspath(script)), os.getcwd())
    lifeline, far_end = os.pipe()
    try:
        head = [start_method, station.path(""), manner, guise.folder, guise.name]
        process = _start([*head, script, *words], lifeline, station, guise.cwd)
    except BaseException:
        os.close(far_end)
        raise
    finally:
        os.close(lifeline)
    identity = ProcessId(process.pid, _platforms.start_token(process.pid))

    vigil = Vigil(process.pid, 0, dict)
    deadline = Deadline(timeout)
    deadlock: Deadlock | None = None

    def ended() -> bool:
        nonlocal deadlock
        echo.pump()
        if process.poll() is None:
            deadlock = vigil.look()
        return process.returncode is not None or deadlock is not None

    try:
        if not wait_until(ended, deadline) or deadlock is not None:
            seconds = deadline.seconds - deadline.remaining()
            report = _report(identity, script, start_method, station, Stuck(seconds if deadlock else timeout, deadlock))
            raise _stuck(replace(report, processes=recollection.tell(report.processes)))
        survivors = _survivors(process.pid)
    finally:
        _platforms.end_group(process.pid)
        process.wait()
        os.close(far_end)
        echo.pump()
        echo.rest(station)
    stdout_text, stderr_text = station.read("stdout"), station.read("stderr")
    return ScriptRun(script, words, start_method, process.returncode, stdout_text, stderr_text, survivors)


def _text(arg: str | os.PathLike[str]) -> str:
    if not isinstance(arg, (str, os.PathLike)):
        raise MpcheckError(f"argument {arg!r} of a script is no text; what to do: give it as str, such as {str(arg)!r}")
    return os.fspath(arg)


def _start(words: list[str], lifeline: int, station: Station, cwd: str) -> subprocess.Popen[bytes]:
    lifeline_word = str(lifeline) if os.name == "posix" else "-1"
    with open(station.path("stdout"), "ab") as stdout, open(station.path("stderr"), "ab") as stderr:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [sys.executable, _MAIN, lifeline_word, *words],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=cwd,
            env={**os.environ, _platforms.MARK: station.folder},
            **({"pass_fds": (lifeline,), "process_group": 0} if os.name == "posix" else {}),  # type: ignore[call-overload]
        )
    return process


def _survivors(group: int) -> tuple[str, ...]:
    members: Callable[[], tuple[str, ...]] = lambda: _platforms.group_members(group)  # noqa: E731
    return () if wait_until(lambda: not members(), Deadline(_HELPERS_PATIENCE)) else members()


def _report(identity: ProcessId, script: str, start_method: str, station: Station, stuck: Stuck) -> ChildReport:
    processes = examine(identity.pid, {identity.pid: Known(script, start_method, origin(), station.path("stacks"))})
    return ChildReport(
        process=identity,
        name=script,
        start_method=start_method,
        outcome=stuck,
        exitcode=None,
        stdout=station.read("stdout", EVIDENCE_LIMIT),
        stderr=station.read("stderr", EVIDENCE_LIMIT),
        stacks=stacks_words(processes),
        processes=processes,
    )


def _stuck(report: ChildReport) -> ChildStuck:
    assert isinstance(report.outcome, Stuck)
    deadlock = report.outcome.deadlock
    what = f"{ending(report.outcome)} and has been ended with all its children"
    remedy = deadlock.remedy if deadlock else f"let the script end in time, or {RAISE_THE_LIMIT}"
    return ChildStuck(message(what, report, remedy), report)
