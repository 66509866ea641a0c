"""Runs a command, and fails when a process that it started outlives it.

    python .ci/no_leftovers.py COMMAND [ARGUMENT ...]

On Linux this process takes the place of init for everything below it (a "child subreaper"), so that an
orphan, whatever session or group it moved to, comes here instead of getting lost. Those still running a
little after the command are named and killed, and the exit code is 1 where the command's own was 0.
Elsewhere the command just runs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
GRACE = 10.0  # seconds; what is about to end is no leftover


def adopt_orphans() -> bool:
    """Become the parent of every orphan below; tell whether the kernel agreed."""
    done: int = ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return done == 0


def run(command: list[str]) -> int:
    """Run the command, and bury whoever dies meanwhile; return its exit code."""
    process = subprocess.Popen(command)
    while True:
        try:
            pid, status = os.waitpid(-1, 0)
        except KeyboardInterrupt:
            continue  # the command got it too, and will end
        if pid == process.pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode if process.returncode >= 0 else 128 - process.returncode


def bury() -> bool:
    """Collect the children that have ended; tell whether any still runs."""
    if sys.platform != "linux":
        return False  # no orphan comes here
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def own_children() -> dict[int, str]:
    """Return the command line of each child of this process, by its pid."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if int(parent) == os.getpid():
            found[int(folder.name)] = line.replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def main() -> int:
    """Run what the command line says; return its exit code, or 1 where it left something."""
    if sys.platform != "linux" or not adopt_orphans():
        return subprocess.run(sys.argv[1:], check=False).returncode
    code = run(sys.argv[1:])
    patience = time.monotonic() + GRACE
    while (alive := bury()) and time.monotonic() < patience:
        time.sleep(0.05)
    if not alive:
        return code
    # A killed one hands its own children over to this process, so this goes round until there is none.
    while bury():
        for pid, line in own_children().items():
            print(f"left running, killed: {pid}: {line}", file=sys.stderr)
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    return code or 1


if __name__ == "__main__":
    sys.exit(main())
