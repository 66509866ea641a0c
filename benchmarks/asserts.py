"""What assertions that explain themselves cost a child when they hold.

``python benchmarks/asserts.py [--rounds 100]`` runs one pytest in which children of a test module, whose top level does
not import pytest, are started by turns: from pytest with rewritten assertions, and as with ``--assert=plain``. A child
is timed from its start until its result is here. For each start method that is not fork it prints both medians and
their ratio. What the module costs the process of the test once in a run is in neither number.

Exit status: 0, or 1 when the ratio of a start method is above 1.05.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

LIMIT = 1.05

CHECK = """
def check_{0}(left, right):
    assert left == right, "of {0}"
    assert left in [right] and not left < right
"""

CHECKS = "".join(CHECK.format(number) for number in range(50))

TESTS = """
import os
import statistics
import time

ROUNDS = int(os.environ["ROUNDS"])

{checks}

def check(left, right):
    assert left == right
    return left


def time_of(nursery):
    start = time.perf_counter()
    child = nursery.start(check, (42, 42), None, None)
    assert child.result() == 42
    seconds = time.perf_counter() - start
    nursery.members.clear()
    return seconds


def test_start(mp_process, mp_start_method, request):
    from pytest_mpcheck._children._nursery import Nursery
    from pytest_mpcheck._config import assertions_of  # imports pytest, which no child of this module should

    assert mp_process(check, 1, 1).result() == 1
    with_it = Nursery(mp_start_method, 30, [__name__], echo=lambda: "nowhere", assertions=assertions_of(request.node))
    without = Nursery(mp_start_method, 30, [__name__], echo=lambda: "nowhere")
    timings = {{with_it: [], without: []}}
    for number in range(ROUNDS + 2):
        for nursery in list(timings)[:: 1 if number % 2 else -1]:
            seconds = time_of(nursery)
            if number > 1:
                timings[nursery].append(1000 * seconds)
    for nursery in timings:
        nursery.close()
    explained, plain = (statistics.median(timings[nursery]) for nursery in (with_it, without))
    line = "{{:<11}} explained {{:7.2f}} ms   plain {{:7.2f}} ms   ratio {{:.3f}}"
    with open("figures", "a") as file:
        print(line.format(mp_start_method, explained, plain, explained / plain), file=file)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what explained assertions cost a child when they hold.")
    parser.add_argument("--rounds", type=int, default=100, metavar="N", help="children of each kind (default: 100)")
    rounds: int = parser.parse_args().rounds
    if rounds < 1:
        parser.error(f"--rounds {rounds}: give a whole number from 1 on, such as 100")
    with tempfile.TemporaryDirectory(prefix="mpcheck-asserts-") as name:
        folder = Path(name)
        (folder / "test_start.py").write_text(TESTS.format(checks=CHECKS), encoding="utf-8")
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        path = os.pathsep.join([str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--mp-start-methods=spawn,forkserver"],
            cwd=folder,
            env=kept | {"ROUNDS": str(rounds), "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"pytest ended with exit status {done.returncode}:\n{done.stdout}{done.stderr}")
        figures = (folder / "figures").read_text(encoding="utf-8")
    python = f"{sys.implementation.name} {sys.version.split()[0]}, {sys.platform}"
    print(f"{python}; {rounds} children of each kind, by turns")
    print(figures, end="")
    return int(any(float(line.split()[-1]) > LIMIT for line in figures.splitlines()))


if __name__ == "__main__":
    sys.exit(main())
