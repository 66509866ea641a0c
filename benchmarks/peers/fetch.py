"""Gets the source of a suite: a source distribution of PyPI by pip, CPython's own tests from Python or from Debian."""

from __future__ import annotations

import shutil
import sys
import sysconfig
import tarfile
from pathlib import Path

from benchmarks.peers.environment import Environment, run
from benchmarks.peers.peers import Peer

# What CPython's tests of processes need of the package `test`; the rest of it is large.
OF_CPYTHON = (
    "__init__.py",
    "_test_multiprocessing.py",
    "lock_tests.py",
    "mp_*.py",
    "support",
    "test_concurrent_futures*",
    "test_multiprocessing_*",
)


def fetch(peer: Peer, environment: Environment, folder: Path) -> Path:
    """Fetch the source of a suite, once.

    Args:
        peer: Whose suite.
        environment: Whose pip does it.
        folder: Where what is fetched is kept.

    Returns:
        The folder in which the suite is to be run, or rather a copy of it.
    """
    source = folder / "source"
    if not source.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        if peer.version:
            fetch_from_pypi(peer, environment, folder, partial)
        else:
            fetch_of_cpython(folder, partial)
        for name in peer.hides:
            shutil.rmtree(partial / name)
        if peer.ini:
            (partial / "pytest.ini").write_text(peer.ini, encoding="utf-8")
        partial.rename(source)
    return source


def fetch_from_pypi(peer: Peer, environment: Environment, folder: Path, target: Path) -> None:
    """Download a source distribution, and unpack it as `target`."""
    environment.install(*peer.builds, folder=folder)
    isolation = ["--no-build-isolation"] if peer.builds else []
    only_its_source = ["--no-deps", "--no-binary", peer.name, *isolation]
    run(
        str(environment.python), "-m", "pip", "download", "--quiet", *only_its_source, f"{peer.name}=={peer.version}",
        folder=folder,
    )  # fmt: skip
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder / "unpacked", filter="data")
    (top,) = (folder / "unpacked").iterdir()
    top.rename(target)


def fetch_of_cpython(folder: Path, target: Path) -> None:
    """Copy the tests of processes, of this interpreter, or else of Debian's package of the same version, to `target`.

    Raises:
        SystemExit: Neither is to be had.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    sources = [Path(sysconfig.get_path("stdlib"), "test")]
    if not (sources[0] / "_test_multiprocessing.py").exists():
        if shutil.which("apt-get") is None:
            sys.exit(f"{sys.executable} has no package `test`, and there is no apt-get: use a Python that has it")
        run("apt-get", "download", f"libpython{version}-testsuite", folder=folder)
        (package,) = folder.glob("*.deb")
        run("dpkg-deb", "--extract", str(package), str(folder / "debian"))
        sources.append(folder / "debian" / "usr" / "lib" / f"python{version}" / "test")
    for source in sources:
        for pattern in OF_CPYTHON:
            for path in source.glob(pattern):
                copy(path, target / "test" / path.name)


def copy(path: Path, target: Path) -> None:
    """Copy a file or a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copyfile(path, target)
