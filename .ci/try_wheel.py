"""Runs the tests that the sdist carries against the wheel, installed where nothing else is.

    python .ci/try_wheel.py FOLDER [ARGUMENT OF PYTEST ...]

FOLDER/dist holds one wheel and one sdist. The package is taken out of the unpacked sdist before the tests
run, so that it can only come from the wheel; whatever the tests need beside it has to be in the sdist.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

PACKAGE = "pytest_mpcheck"


def only(folder: Path, pattern: str) -> Path:
    """Return the one file of the folder that matches."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        sys.exit(f"{folder}: one {pattern} expected, found {[path.name for path in found] or 'none'}")
    return found[0]


def check_contents(wheel: Path) -> None:
    """Exit when the wheel holds anything but the typed package and its metadata."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    foreign = sorted(top for top in tops if top != PACKAGE and not top.endswith(".dist-info"))
    if foreign:
        sys.exit(f"{wheel.name} holds more than {PACKAGE}: {', '.join(foreign)}")
    if f"{PACKAGE}/py.typed" not in names:
        sys.exit(f"{wheel.name} lacks {PACKAGE}/py.typed")


def main() -> int:
    """Install the wheel, unpack the sdist, run its tests; return pytest's exit code."""
    folder = Path(sys.argv[1]).resolve()
    wheel, sdist = only(folder / "dist", "*.whl"), only(folder / "dist", "*.tar.gz")
    check_contents(wheel)

    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    project = folder / sdist.name.removesuffix(".tar.gz")
    shutil.rmtree(project / PACKAGE)

    environment = folder / "fresh"
    subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", str(environment)], check=True)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    python = str(scripts / "python")
    variables = os.environ | {
        "VIRTUAL_ENV": str(environment),
        "PATH": os.pathsep.join([str(scripts), os.environ["PATH"]]),
    }
    subprocess.run([python, "-m", "pip", "install", "-qq", str(wheel)], check=True, env=variables)

    where = f"import {PACKAGE}; print({PACKAGE}.__file__)"
    origin = subprocess.run(
        [python, "-c", where], check=True, cwd=project, env=variables, capture_output=True, text=True
    ).stdout.strip()
    print(f"testing {origin}", flush=True)
    if not Path(origin).resolve().is_relative_to(environment.resolve()):
        sys.exit(f"{PACKAGE} did not come from the wheel, but from {origin}")
    return subprocess.run([python, "-m", "pytest", *sys.argv[2:]], cwd=project, env=variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
