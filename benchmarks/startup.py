"""What the plugin adds to the start of an empty pytest run.

``python benchmarks/startup.py [--rounds 20]`` runs ``python -m pytest`` on one empty test module in an empty folder, by
turns with the plugin and with ``-p no:mpcheck``. Each run is a process of its own, timed from outside, from its start
to its end. It prints both medians, their difference and their ratio, and the modules that are imported with the plugin
only. pytest-xdist and pytest-timeout are loaded either way, so that what they cost is in neither number.

Exit status: 0, or 1 when the plugin imports a module at the start that it should import when a test first uses it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

IS_INSTALLED = bool(importlib.metadata.entry_points(group="pytest11", name="mpcheck"))

HEAVY = ("multiprocessing", "concurrent.futures", "psutil", "cloudpickle", "tblib")
"""What the plugin needs for tests that start processes, and must not cost those that start none."""

DISTURBING = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
    "PYTEST_ADDOPTS",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
    "PYTEST_PLUGINS",
)
"""What of the environment changes how modules are loaded, or which options hold."""

NO_TESTS_COLLECTED = 5
"""The exit status of pytest for an empty test module."""

LIST_MODULES = """
import sys
import pytest
status = pytest.main(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    file.write("\\n".join(sys.modules))
sys.exit(status)
"""


@dataclass(frozen=True)
class Variant:
    """One way to start pytest: its arguments, and how to call it."""

    name: str
    arguments: tuple[str, ...]


WITHOUT = Variant("without the plugin", ("-p", "no:mpcheck"))


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what the plugin adds to the start of an empty pytest run.")
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="runs of each kind (default: 20)")
    rounds: int = parser.parse_args().rounds
    if rounds < 1:
        parser.error(f"--rounds {rounds}: give a whole number from 1 on, such as 20")

    with_plugin = Variant("with the plugin", () if IS_INSTALLED else ("-p", "pytest_mpcheck.plugin"))
    print(f"{platform.python_implementation()} {platform.python_version()}, pytest {version('pytest')}, {sys.platform}")
    print(f"the plugin is {'loaded by its entry point' if IS_INSTALLED else 'taken from the checkout'}")

    with tempfile.TemporaryDirectory(prefix="mpcheck-startup-") as name:
        folder = Path(name)
        (folder / "test_empty.py").touch()
        extra = sorted(modules_of(with_plugin, folder) - modules_of(WITHOUT, folder))
        timings: dict[Variant, list[float]] = {with_plugin: [], WITHOUT: []}
        for number in range(rounds + 1):
            for variant in list(timings)[:: 1 if number % 2 else -1]:
                seconds = time_of(variant, folder)
                if number:  # the first round writes bytecode and fills the caches of the machine
                    timings[variant].append(seconds)

    print(f"\n{rounds} runs of each, by turns, in milliseconds:")
    for variant, seconds_of_runs in timings.items():
        print(
            f"  {variant.name:<20} median {1000 * statistics.median(seconds_of_runs):7.1f}"
            f"   least {1000 * min(seconds_of_runs):7.1f}   most {1000 * max(seconds_of_runs):7.1f}"
        )
    median_with, median_without = (statistics.median(timings[variant]) for variant in (with_plugin, WITHOUT))
    print(f"  the plugin adds {1000 * (median_with - median_without):.1f} ms to the median")
    print(f"  ratio of the medians: {median_with / median_without:.3f}")
    return tell_modules(extra)


def version(distribution: str) -> str:
    return importlib.metadata.version(distribution)


def environment() -> dict[str, str]:
    """Make the environment of a run."""
    kept = {key: value for key, value in os.environ.items() if key not in DISTURBING}
    return kept if IS_INSTALLED else kept | {"PYTHONPATH": str(CHECKOUT)}


def run(command: list[str], folder: Path) -> None:
    """Run an empty pytest to its end, and insist that it was one."""
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != NO_TESTS_COLLECTED:
        sys.exit(f"{command} ended with exit status {done.returncode}:\n{done.stdout}{done.stderr}")


def arguments_of(variant: Variant) -> list[str]:
    return ["-q", "-p", "no:cacheprovider", *variant.arguments]


def time_of(variant: Variant, folder: Path) -> float:
    """Return how many seconds one run takes, from outside."""
    start = time.perf_counter()
    run([sys.executable, "-m", "pytest", *arguments_of(variant)], folder)
    return time.perf_counter() - start


def modules_of(variant: Variant, folder: Path) -> set[str]:
    """Return the names of all modules that are imported at the end of a run."""
    with tempfile.TemporaryDirectory(prefix="mpcheck-startup-") as name:
        file = Path(name, "modules")
        run([sys.executable, "-c", LIST_MODULES, str(file), *arguments_of(variant)], folder)
        return set(file.read_text(encoding="utf-8").split())


def tell_modules(extra: list[str]) -> int:
    """Print what is imported with the plugin only; return the exit status."""
    own = [name for name in extra if name.partition(".")[0] == "pytest_mpcheck"]
    others = [name for name in extra if name not in own]
    heavy = [name for name in others if any(name == one or name.startswith(f"{one}.") for one in HEAVY)]
    print(f"\nimported with the plugin only: {len(own)} modules of its own, {len(others)} others")
    print(f"  its own: {', '.join(own)}")
    print(f"  others: {', '.join(others) or '(none)'}")
    print(f"  heavy ones among them ({', '.join(HEAVY)}): {', '.join(heavy) or 'none'}")
    return 1 if heavy else 0


if __name__ == "__main__":
    sys.exit(main())
