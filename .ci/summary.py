"""Prints what tox did as a table; fails where an environment did less than this machine could do.

    python .ci/summary.py RESULT.json

RESULT.json is what `tox run --result-json` writes. Every environment of tox.ini's `env_list` has to be in
it and to have passed. One may be skipped only where none of the interpreters that it asks for answers on
this machine's PATH.
"""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOX_INI = Path(__file__).resolve().parent.parent / "tox.ini"


@dataclass(frozen=True)
class Row:
    """What became of one environment; an empty complaint is a good end."""

    name: str
    interpreter: str
    outcome: str
    seconds: float
    complaint: str = ""


def wanted_interpreters(name: str, base_python: str) -> list[str]:
    """Return the commands that an environment could run on; none: whatever runs tox."""
    if base_python:
        return re.split(r"[\s,]+", base_python.strip())
    if match := re.fullmatch(r"(py|pypy)(\d)(\d+)", name):
        kind, major, minor = match.groups()
        return [f"{'python' if kind == 'py' else kind}{major}.{minor}"]
    return []


def answers(command: str) -> bool:
    """Tell whether the interpreter is on PATH and starts (a shim of pyenv may be there and not start)."""
    path = shutil.which(command)
    if path is None:
        return False
    try:
        return subprocess.run([path, "-c", ""], capture_output=True, check=False, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def told_interpreter(python: dict[str, Any]) -> str:
    """Return the interpreter as a person would name it."""
    version = ".".join(str(part) for part in python.get("version_info", [])[:3])
    own = ".".join(str(part) for part in (python.get("extra_version_info") or [])[:3])
    told = f"{python.get('implementation', '')} {version}".strip() or "-"
    return f"{told} ({own})" if own else told


def judge(name: str, wanted: list[str], record: dict[str, Any] | None) -> Row:
    """Turn tox's record of an environment into a row."""
    if record is None or "result" not in record:
        return Row(name, "-", "NOT RUN", 0.0, "tox tells nothing of it")
    result = record["result"]
    interpreter = told_interpreter(record.get("python", {}))
    if result.get("skipped"):
        there = [command for command in wanted if answers(command)]
        if there or not wanted:
            here = f"{' '.join(there) or 'the Python of tox'} is here"
            return Row(name, interpreter, "SKIPPED", result["duration"], here)
        return Row(name, "-", f"left out: no {' or '.join(wanted)} here", result["duration"])
    if not result["success"]:
        return Row(name, interpreter, "FAILED", result["duration"], f"exit code {result['exit_code']}")
    return Row(name, interpreter, "passed", result["duration"])


def read_rows(result: Path) -> list[Row]:
    """Return a row for each environment, in the order of tox.ini."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(TOX_INI, encoding="utf-8")
    try:
        records = json.loads(result.read_text(encoding="utf-8"))["testenvs"]
    except (OSError, ValueError, KeyError):
        records = {}  # tox did not come so far; every row will say so
    return [
        judge(
            name,
            wanted_interpreters(name, config.get(f"testenv:{name}", "base_python", fallback="")),
            records.get(name),
        )
        for name in config["tox"]["env_list"].split()
    ]


def main() -> int:
    """Print the table; return 1 when anything is wrong."""
    rows = read_rows(Path(sys.argv[1]))
    cells = [("environment", "interpreter", "seconds", "outcome")]
    cells += [(row.name, row.interpreter, f"{row.seconds:.1f}", row.outcome) for row in rows]
    first, second, third = (max(map(len, column)) for column in list(zip(*cells, strict=True))[:3])
    for name, interpreter, seconds, outcome in cells:
        print(f"{name:{first}}  {interpreter:{second}}  {seconds:>{third}}  {outcome}")
    complaints = [f"{row.name}: {row.outcome}: {row.complaint}" for row in rows if row.complaint]
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
