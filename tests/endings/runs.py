"""A run of pytest whose test starts a family of processes, seen from outside.

Guarantees: whoever was seen is known by pid and time of birth, so that nobody else is mistaken for a member or ended in
the place of one. `Run.close` ends all that is left.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from pytest_mpcheck._clock import Deadline, wait_until

from .endings import Ending

__all__ = ["Run", "is_alive"]

HERE = Path(__file__).parent

PATIENCE = 30.0
"""Seconds for what comes soon on a quick machine."""


def heed_ctrl_c() -> None:
    """Let Ctrl-C end what is started from now on: a shell lets all that runs in its background ignore it.

    For the main thread, which alone may set handlers.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Run:
    """A run of pytest, as a process of its own in a process group of its own.

    Args:
        folder: A new folder, for the project and all that it writes.
        ending: How the run is to end.
        method: The start method of its children.
        sorts: Who starts the processes: ``plain`` code, a ``fixture`` of the plugin.
        workers: How many workers of pytest-xdist run the tests.
        options: More options of pytest.
        environment: More of the environment.
    """

    def __init__(
        self,
        folder: Path,
        ending: Ending,
        method: str,
        sorts: tuple[str, ...],
        workers: int,
        options: tuple[str, ...] = (),
        environment: Mapping[str, str] = {},
    ) -> None:
        self.ending = ending
        self.folder = folder
        self.meeting = folder / "family"
        self.meeting.mkdir(parents=True)
        self.members: dict[str, psutil.Process] = {}
        shutil.copy(HERE / "family.py", folder / "family.py")
        shutil.copy(HERE / "family_tests.py", folder / "test_family.py")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        options = (f"-n{workers}", "-p", "no:cacheprovider", *ending.options, *options)
        if "fixture" in sorts:
            options = (*options, f"--mp-start-methods={method}")
        asked = {
            "FAMILY_FOLDER": str(self.meeting),
            "FAMILY_METHOD": method,
            "FAMILY_SORTS": ",".join(sorts),
            "FAMILY_ENDING": ending.name,
        }
        with open(folder / "output", "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *options, "test_family.py"],
                cwd=folder,
                env={**os.environ, **asked, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=None if sys.platform == "win32" else 0,
            )

    def output(self) -> str:
        """Return what the run has written so far."""
        return (self.folder / "output").read_text(encoding="utf-8", errors="replace")

    def end(self) -> None:
        """See who is there, then bring the ending about."""
        self.wait_for("expected")
        names = (self.meeting / "expected").read_text(encoding="utf-8").split()
        for name in names:
            self.wait_for(f"{name}.pid")
            self.members[name] = psutil.Process(int((self.meeting / f"{name}.pid").read_text(encoding="utf-8")))
        known = {process.pid for process in self.members.values()}
        for process in psutil.Process(self.process.pid).children(recursive=True):
            if process.pid not in known:  # helpers of multiprocessing, workers of pytest-xdist ...
                self.members[f"helper {process.pid}"] = process
        (self.meeting / "go").touch()
        self.ending.cause(self)

    def wait_for(self, name: str) -> None:
        """Wait for a file of the family."""
        path = self.meeting / name
        wait_until(lambda: path.exists() or self.process.poll() is not None, Deadline(PATIENCE))
        assert path.exists(), f"no {name} came: {self.output()}"

    def wait_for_sigterm(self) -> None:
        """Wait until somebody got SIGTERM, or nobody is about to."""
        wait_until(lambda: any(self.meeting.glob("*.terminated")) or self.process.poll() is not None, Deadline(3))

    def interrupt(self) -> None:
        """Send what Ctrl-C sends, to all of the process group."""
        if sys.platform == "win32":
            self.process.send_signal(signal.CTRL_C_EVENT)
        elif self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)

    def exit_code(self, seconds: float = PATIENCE) -> int | None:
        """Wait for the end of pytest itself.

        Returns:
            Its exit code; ``None`` where it hangs.
        """
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def left(self) -> list[str]:
        """Return the names of those that live, zombies apart: their parent may be gone, and nobody there to reap."""
        return [name for name, process in self.members.items() if is_alive(process)]

    def wait_until_none_is_left(self, seconds: float) -> float:
        """Wait for the end of all.

        Returns:
            How many seconds it took.
        """
        begin = time.monotonic()
        wait_until(lambda: not self.left(), Deadline(seconds))
        return time.monotonic() - begin

    def close(self) -> None:
        """End all that is left."""
        for process in self.members.values():
            if is_alive(process):
                process.kill()
        self.process.kill()
        self.process.wait()


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs; a zombie does not, and another one of the same pid is not this one."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
