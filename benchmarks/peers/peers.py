"""The suites that nobody here wrote: where each comes from, what it needs, how it is run, what is left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Peer:
    """A suite, as its authors ship it and mean it to be run.

    Attributes:
        name: Of the distribution on PyPI; ``cpython`` comes from the interpreter, or from Debian.
        version: Whose source distribution holds the suite.
        runs: The arguments of pytest, once for each run: some suites want a process of its own for each file.
        needs: What is installed beside it, as pip takes it.
        builds: What pip needs to read the source distribution, where it cannot find it out by itself.
        hides: Folders of the source distribution that would hide what is installed.
        ini: A ``pytest.ini`` in place of the suite's own settings; empty to keep those.
        left_out: What is not run: the argument of pytest that leaves it out, and the reason.
        remark: What readers of the report should know.
        limit: A run that takes more seconds is ended, and told as one that hangs.
    """

    name: str
    version: str
    runs: tuple[tuple[str, ...], ...]
    needs: tuple[str, ...] = ()
    builds: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    ini: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    remark: str = ""
    limit: float = 1200


PEBBLE = (
    "asynchronous_process_fork",
    "asynchronous_process_forkserver",
    "asynchronous_process_spawn",
    "asynchronous_thread",
    "concurrent_process_fork",
    "concurrent_process_forkserver",
    "concurrent_process_spawn",
    "concurrent_thread",
    "pebble",
    "process_pool_fork",
    "process_pool_forkserver",
    "process_pool_spawn",
    "thread_pool",
)

FILELOCK = (
    "filelock",
    "fork_backends",
    "fork_coordination",
    "fork_ownership",
    "fork_registries",
    "lazy_import",
    "read_write",
    "read_write_fork",
    "soft_lifetime_warning",
    "soft_stale",
    "strict_soft_compat",
    "strict_soft_recovery",
)

START_METHODS = ("fork", "spawn", "forkserver")

ALL = (
    Peer(
        "joblib",
        "1.6.0",
        runs=(("joblib",),),
        needs=("joblib==1.6.0", "numpy", "threadpoolctl", "lz4", "pytest-asyncio"),
        remark="its vendored loky starts nearly all of the processes",
    ),
    Peer(
        "loky",
        "3.7.0",
        runs=(("tests",),),
        needs=("loky==3.7.0", "numpy", "psutil"),
        hides=("loky",),
        left_out={"--skip-high-memory": "as its authors' own CI does: tests that take gigabytes"},
        remark="the suite of what joblib vendors, which joblib does not ship",
    ),
    Peer(
        "pebble",
        "5.2.3",
        runs=tuple((f"test/test_{name}.py",) for name in PEBBLE),
        needs=("pebble==5.2.3",),
        hides=("pebble",),
        remark="a pytest for each file, as its authors run it: each file sets a start method for good",
    ),
    Peer(
        "multiprocess",
        "0.70.18",
        runs=tuple(
            ("--pyargs", f"multiprocess.tests.test_multiprocessing_{name}")
            for name in (*START_METHODS, "main_handling")
        ),
        needs=("multiprocess==0.70.18",),
        ini="[pytest]\n",
        remark="the tests of 0.70.19 need a newer patch release of Python than many have (`test.support.subTests`)",
    ),
    Peer("billiard", "4.3.2", runs=(("t/unit",),), needs=("billiard==4.3.2",), hides=("billiard",)),
    Peer(
        "psutil",
        "7.2.2",
        runs=(("tests",),),
        needs=("psutil==7.2.2", "pyperf", "setuptools"),
        hides=("psutil",),
        ini="[pytest]\naddopts = --capture=no --tb=short -p no:doctest\n",
        left_out={"--ignore=tests/test_memleaks.py": "its authors run it apart, by `make test-memleaks`, with psleak"},
        remark="its own settings are left out: pytest 9.2 refuses them (`verbosity_subtests` is no number there)",
    ),
    Peer(
        "filelock",
        "4.2.0",
        runs=(tuple(f"tests/test_{name}.py" for name in FILELOCK),),
        needs=("filelock==4.2.0", "pytest-asyncio", "pytest-mock", "virtualenv", "covdefaults", "coverage"),
        builds=("hatchling", "hatch-vcs"),
        remark="all of it takes 12 minutes a run: these are the files that start most of its processes; without "
        "pytest-randomly, which its authors use: an order by chance would hide what differs",
    ),
    Peer(
        "cloudpickle",
        "2.2.1",
        runs=(("-s", "tests/cloudpickle_test.py", "tests/cloudpickle_file_test.py", "tests/test_backward_compat.py"),),
        needs=(
            "cloudpickle==2.2.1",
            "setuptools",
            "tornado",
            "typing_extensions",
            "psutil",
            "./tests/cloudpickle_testpkg",
        ),
        hides=("cloudpickle",),
        remark="the last version whose source distribution holds its tests; it is below what the plugin asks for",
    ),
    Peer(
        "cpython",
        "",
        runs=(
            *((f"test/test_multiprocessing_{name}",) for name in START_METHODS),
            ("test/test_multiprocessing_main_handling.py",),
            ("test/test_concurrent_futures",),
        ),
        ini="[pytest]\n",
    ),
)

PEERS = {peer.name: peer for peer in ALL}
