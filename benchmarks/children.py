"""What children cost with the plugin, beside what they cost without it; what the plugin costs those who start none.

``python benchmarks/children.py [--rounds 30] [--only ROW ...] [--python PYTHON ...]`` prints a table of ratios, a row
for each, with the limit that it is to keep:

- children of a test module under forkserver, spawn and fork: with the plugin by ``mp_process(...).result()``, without
  it under pytest, and in a plain program, there by `Process` and `Queue`;
- a thousand children one after another, and two hundred at once, under forkserver, beside the same in a plain program;
  and what of memory, descriptors and threads the test has more after them;
- an empty run of pytest, and one of 5,000 trivial tests, beside those with ``-p no:mpcheck``.

The two sides of a row take turns within one run, so that whatever else the machine does strikes both alike: each side
is a process that waits for orders, or one that is started for each turn. A ratio is that of the medians.

``--processor-time`` judges by processor time where that tells the truth: not for children of a fork server, which are
nobody's here whose time could be asked for.

Exit status: 0, or 1 when a limit is missed, 2 when something could not be measured.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent

IS_INSTALLED = bool(importlib.metadata.entry_points(group="pytest11", name="mpcheck"))

DISTURBING = (
    "PYTEST_ADDOPTS",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
    "PYTEST_PLUGINS",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
)
"""What of the environment changes how modules are loaded, or which options hold."""

WITH = () if IS_INSTALLED else ("-p", "pytest_mpcheck.plugin")
"""The arguments of a pytest that has the plugin."""

WITHOUT = ("-p", "no:mpcheck")

ORDERS = '''
import json
import multiprocessing
import os
import resource
import threading
import time


def work(value):
    return value + 1


def put(queue, value):
    queue.put(work(value))


def by_hand(context):
    queue = context.Queue()
    process = context.Process(target=put, args=(queue, 1))
    process.start()
    return process, queue


def fetch(started):
    process, queue = started
    assert queue.get(timeout=60) == 2
    process.join()
    queue.close()


def processor_time():
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def held():
    """Return what this process has of memory in KiB, of descriptors and of threads; zeros where nobody tells."""
    try:
        with open("/proc/self/status") as file:
            memory = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        return memory, len(os.listdir("/proc/self/fd")), threading.active_count()
    except OSError:
        return 0, 0, threading.active_count()


def measure(start, fetch, one_after_another, at_once):
    """Start children and fetch their results, again and again; return how long that took."""
    before, used = time.perf_counter(), processor_time()
    for _ in range(one_after_another):
        for started in [start() for _ in range(at_once)]:
            fetch(started)
    return time.perf_counter() - before, processor_time() - used


def obey(start_method, start, fetch):
    """Do what is ordered, until there is nothing more to do under this start method."""
    orders, answers = (int(number) for number in os.environ["BENCHMARK_PIPES"].split())
    for number in (orders, answers):
        os.set_inheritable(number, False)
    with open(orders, closefd=False) as lines, open(answers, "w", closefd=False) as replies:
        print(json.dumps(start_method), file=replies, flush=True)
        for line in iter(lines.readline, "\\n"):
            print(json.dumps([*measure(start, fetch, *json.loads(line)), *held()]), file=replies, flush=True)
'''

WITH_PLUGIN = """
import pytest


def test_children(mp_process, mp_start_method):
    obey(mp_start_method, lambda: mp_process(work, 1), lambda child: child.result())
"""

UNDER_PYTEST = '''
import pytest


@pytest.mark.parametrize("start_method", os.environ["BENCHMARK_METHODS"].split(","))
def test_children(start_method):
    context = multiprocessing.get_context(start_method)
    obey(start_method, lambda: by_hand(context), fetch)


@pytest.fixture
def mp_process():
    """Stands for the plugin's, which is not there."""
'''

PLAIN = """
if __name__ == "__main__":
    for start_method in os.environ["BENCHMARK_METHODS"].split(","):
        context = multiprocessing.get_context(start_method)
        obey(start_method, lambda: by_hand(context), fetch)
"""

TRIVIAL = """
import pytest


@pytest.mark.parametrize("number", range({count}))
def test_trivial(number):
    assert number == number
"""


@dataclass
class Row:
    """One ratio, and the limit that it is to keep."""

    what: str
    against: str
    limit: float
    is_faster: bool = False
    """Whether the limit is how many times faster it is to be at least."""
    wall: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    processor: tuple[list[float], list[float]] | None = field(default_factory=lambda: ([], []))
    """The processor times; ``None`` where they do not tell the truth."""

    def ratio(self, times: tuple[list[float], list[float]]) -> float:
        this, other = (statistics.median(each) for each in times)
        return other / this if self.is_faster else this / other

    def judged(self, by_processor: bool) -> float:
        return self.ratio(self.processor if by_processor and self.processor else self.wall)

    def is_kept(self, by_processor: bool) -> bool:
        ratio = self.judged(by_processor)
        return ratio >= self.limit if self.is_faster else ratio <= self.limit

    def line(self, by_processor: bool) -> str:
        this, other = (1000 * statistics.median(each) for each in self.wall)
        processor = f"{self.ratio(self.processor):8.3f}" if self.processor else " " * 8
        limit = f"{'>=' if self.is_faster else '<='} {self.limit:g}"
        kept = "" if self.is_kept(by_processor) else "  MISSED"
        return (
            f"{self.what:<46} {self.against:<34} {this:9.2f} {other:9.2f} ms {self.ratio(self.wall):8.3f} {processor}"
            f"  {limit:<8}{kept}"
        )


class Host:
    """A process that starts children when it is told to, and says how long that took."""

    def __init__(self, command: list[str], folder: Path, methods: list[str]) -> None:
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        env = environment() | {"BENCHMARK_PIPES": f"{orders} {answers}", "BENCHMARK_METHODS": ",".join(methods)}
        self._command = command
        self._log = (folder / "log").open("w+")
        self._process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=self._log, stderr=subprocess.STDOUT, pass_fds=(orders, answers)
        )
        os.close(orders)
        os.close(answers)
        self._replies = open(self._answers, encoding="utf-8")  # noqa: SIM115

    def reply(self) -> Any:
        line = self._replies.readline()
        if not line:
            self.give_up()
        return json.loads(line)

    def order(self, one_after_another: int, at_once: int) -> list[Any]:
        os.write(self._orders, f"[{one_after_another}, {at_once}]\n".encode())
        reply: list[Any] = self.reply()
        return reply

    def go_on(self) -> None:
        """Let it take the next start method, or end."""
        os.write(self._orders, b"\n")

    def give_up(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.seek(0)
        print(f"{self._command} did not do as it was told:\n{self._log.read()}", file=sys.stderr)
        sys.exit(2)

    def close(self) -> None:
        if self._process.wait(60):
            self.give_up()
        self._log.close()
        self._replies.close()
        os.close(self._orders)


@contextlib.contextmanager
def hosts(methods: list[str]) -> Iterator[tuple[Host, Host, Host]]:
    """Start a pytest with the plugin, one without it, and a plain program."""
    with tempfile.TemporaryDirectory(prefix="mpcheck-children-") as name:
        folder = Path(name)
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        made = []
        for what, source, command in (
            ("with", WITH_PLUGIN, [*pytest, *WITH, f"--mp-start-methods={','.join(methods)}", "test_children.py"]),
            ("without", UNDER_PYTEST, [*pytest, *WITHOUT, "test_children.py"]),
            ("plain", PLAIN, [sys.executable, "test_children.py"]),
        ):
            (folder / what).mkdir()
            (folder / what / "test_children.py").write_text(ORDERS + source, encoding="utf-8")
            made.append(Host(command, folder / what, methods))
        with_plugin, under_pytest, plain = made
        yield with_plugin, under_pytest, plain
        for host in made:
            host.close()


def environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in DISTURBING}
    return kept | {"PYTHONPATH": str(CHECKOUT)}


def by_turns(sides: list[Callable[[], tuple[float, float]]], rounds: int) -> list[list[tuple[float, float]]]:
    """Let each side have its turn, in another order each time; the first turns warm up, and do not count."""
    times: list[list[tuple[float, float]]] = [[] for _ in sides]
    for number in range(rounds + 2):
        for index in sorted(range(len(sides)), key=lambda index: (index + number) % len(sides)):
            one = sides[index]()
            if number > 1:
                times[index].append(one)
    return times


def fill(row: Row, this: list[tuple[float, float]], other: list[tuple[float, float]]) -> Row:
    for number, side in enumerate((this, other)):
        row.wall[number].extend(wall for wall, _ in side)
        if row.processor:
            row.processor[number].extend(used for _, used in side)
    return row


def turn(host: Host, one_after_another: int = 1, at_once: int = 1) -> Callable[[], tuple[float, float]]:
    def take() -> tuple[float, float]:
        wall, used, *_ = host.order(one_after_another, at_once)
        return wall, used

    return take


def single_children(rounds: int) -> Iterator[Row]:
    """Measure a child of each start method."""
    methods = ["forkserver", "spawn", "fork"]
    with hosts(methods) as everybody:
        with_plugin, under_pytest, plain = everybody
        for method in methods:
            for host in everybody:
                assert host.reply() == method
            sides = [turn(with_plugin), turn(under_pytest), *([turn(plain)] if method == "forkserver" else [])]
            this, under, *outside = by_turns(sides, rounds)
            if method == "forkserver":
                row = Row("forkserver child of a test module", "without the plugin, under pytest", 20, True)
                row.processor = None
                yield fill(row, this, under)
                row = Row("forkserver child of a test module", "a plain one outside pytest", 1.4, processor=None)
                yield fill(row, this, outside[0])
            elif method == "spawn":
                yield fill(Row("spawn child of a test module", "without the plugin, under pytest", 0.9), this, under)
            else:
                yield fill(Row("fork child, result fetched", "Process and Queue by hand", 1.1), this, under)
            for host in everybody:
                host.go_on()


def many_children(count: int) -> Iterator[Row]:
    """Measure a thousand children, and two hundred at once; and what the process of the test has more after them."""
    with hosts(["forkserver"]) as everybody:
        with_plugin, under_pytest, plain = everybody
        for host in everybody:
            host.reply()
        under_pytest.go_on()
        held: list[list[int]] = []

        def taking_stock() -> tuple[float, float]:
            wall, used, *stock = with_plugin.order(50, 1)
            held.append(stock)
            return wall, used

        this, other = by_turns([taking_stock, turn(plain, 50)], max(1, count // 50 - 2))
        what = f"{count:,} children one after another (by 50)"
        yield fill(Row(what, "the same by hand outside pytest", 1.2, processor=None), this, other)
        (memory, descriptors, threads), (more_memory, more_descriptors, more_threads) = held[1], held[-1]
        each = (more_memory - memory) / (50 * (len(held) - 2))
        flat = each <= MEMORY_OF_A_CHILD and (more_descriptors, more_threads) == (descriptors, threads)
        FLATNESS.append((flat, each, more_descriptors - descriptors, more_threads - threads))
        this, other = by_turns([turn(with_plugin, 1, 200), turn(plain, 1, 200)], 5)
        yield fill(Row("200 at once", "the same by hand outside pytest", 1.2, processor=None), this, other)
        with_plugin.go_on()
        plain.go_on()


MEMORY_OF_A_CHILD = 10
"""How much a child may leave behind until its test is over, for the report of one that fails, in KiB."""

FLATNESS: list[tuple[bool, float, int, int]] = []
"""Whether memory stayed flat; its growth a child in KiB; how many descriptors and threads there were more."""


def pytest_run(folder: Path, arguments: tuple[str, ...], status: int) -> Callable[[], tuple[float, float]]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]

    def run() -> tuple[float, float]:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != status:
            print(f"{command} ended with exit status {done.returncode}:\n{done.stdout}{done.stderr}", file=sys.stderr)
            sys.exit(2)
        return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return run


def empty_run(rounds: int) -> Iterator[Row]:
    """Measure a run that collects nothing."""
    with tempfile.TemporaryDirectory(prefix="mpcheck-children-") as name:
        folder = Path(name)
        (folder / "test_empty.py").touch()
        this, other = by_turns([pytest_run(folder, WITH, 5), pytest_run(folder, WITHOUT, 5)], rounds)
        yield fill(Row("empty pytest run", "-p no:mpcheck", 1.02), this, other)


def trivial_tests(rounds: int) -> Iterator[Row]:
    """Measure 5,000 tests that start nothing."""
    with tempfile.TemporaryDirectory(prefix="mpcheck-children-") as name:
        folder = Path(name)
        (folder / "test_trivial.py").write_text(TRIVIAL.format(count=5000), encoding="utf-8")
        sides = [pytest_run(folder, arguments, 0) for arguments in (WITH, (*WITH, "--mp-guard=warn"), WITHOUT)]
        off, on, without = by_turns(sides, rounds)
        yield fill(Row("5,000 trivial tests, guard off", "-p no:mpcheck", 1.01), off, without)
        yield fill(Row("5,000 trivial tests, guard on", "-p no:mpcheck", 1.05), on, without)


ROWS = ("children", "many", "empty", "trivial")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what children cost with the plugin, and without it.")
    parser.add_argument("--rounds", type=int, default=30, metavar="N", help="turns of each side (default: 30)")
    parser.add_argument("--count", type=int, default=1000, metavar="N", help="children one after another (1000)")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS, help="measure these rows only")
    parser.add_argument("--processor-time", action="store_true", help="judge by processor time where that is honest")
    parser.add_argument("--python", nargs="+", metavar="PYTHON", help="run under these interpreters, one after another")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: give a whole number from 1 on, such as 30")
    if options.count < 150:
        parser.error(f"--count {options.count}: give a whole number from 150 on, such as 1000")
    if options.python:
        arguments = [__file__, f"--rounds={options.rounds}", f"--count={options.count}", "--only", *options.only]
        arguments += ["--processor-time"] if options.processor_time else []
        return max(subprocess.run([python, *arguments], check=False).returncode for python in options.python)

    version = importlib.metadata.version("pytest")
    print(f"{platform.python_implementation()} {platform.python_version()}, pytest {version}, {sys.platform}")
    print(f"the plugin is that of the checkout, {'loaded by its entry point' if IS_INSTALLED else 'by -p'}; medians")
    print(f"{'what':<46} {'against':<34} {'this':>9} {'that':>9}    {'ratio':>8} {'by cpu':>8}  limit", flush=True)
    measures: dict[str, Callable[[], Iterator[Row]]] = {
        "children": lambda: single_children(options.rounds),
        "many": lambda: many_children(options.count),
        "empty": lambda: empty_run(options.rounds),
        "trivial": lambda: trivial_tests(options.rounds),
    }
    is_kept = True
    for name in options.only:
        for row in measures[name]():
            print(row.line(options.processor_time), flush=True)
            is_kept &= row.is_kept(options.processor_time)
    for flat, each, descriptors, threads in FLATNESS:
        print(
            f"memory: {each:.1f} KiB a child (limit {MEMORY_OF_A_CHILD}), {descriptors:+d} descriptors, "
            f"{threads:+d} threads{'' if flat else '  MISSED'}"
        )
        is_kept &= flat
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
