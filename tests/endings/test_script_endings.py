"""No script of `mp_script` outlives its test, nor pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pytest_mpcheck._clock import Deadline, wait_until
from tests.endings.runs import is_alive

PROJECT = """
    import os, pathlib

    PID = pathlib.Path("script.pid").absolute()
    SCRIPT = f'''
    import os, pathlib, signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pathlib.Path({str(PID)!r}).write_text(str(os.getpid()) + chr(10))
    time.sleep(300)  # ends some day; a wait without a limit would be proved a deadlock
    '''.replace("\\n    ", "\\n")

    def test_script(mp_script, tmp_path):
        script = tmp_path / "script.py"
        script.write_text(SCRIPT)
        mp_script(script)
"""


@pytest.mark.parametrize("ending", ["deadline", "SIGKILL"])
def test_no_script_outlives_its_test(pytester: pytest.Pytester, ending: str) -> None:
    pytester.makepyfile(PROJECT)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--mp-start-methods=spawn"]
    pid_file = Path("script.pid")
    process = pytester.popen(
        [*command, "--mp-timeout=3"] if ending == "deadline" else command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert wait_until(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"), Deadline(30))
        script = psutil.Process(int(pid_file.read_text()))
        if ending == "SIGKILL":
            process.kill()
        output = process.communicate(timeout=60)[0]
    finally:
        process.kill()
        process.communicate()
    assert ("was still running after 3 s and has been ended" in output) == (ending == "deadline")
    assert wait_until(lambda: not is_alive(script), Deadline(20))
