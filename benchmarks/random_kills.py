"""Kills a child at random in each of many tests, and counts what comes of it.

``python benchmarks/random_kills.py [--runs 500] [--seed 1] [--methods fork,spawn,forkserver]``. In each run of a test
its children are started by `mp_process`, `mp_pool` or `mp_executor`, and one of them is killed by SIGKILL at a moment
drawn between its start and its end. The test must go on: with the right result, where the child had done its work, or
with the error that names the child. It must not hang, and none of its children may be left.

Exit status: 0, or 1 when a test hung, failed of anything but the death of its child, or left a process.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import multiprocessing
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from tests.endings.kills import KINDS, run_kills  # noqa: E402

IS_INSTALLED = bool(importlib.metadata.entry_points(group="pytest11", name="mpcheck"))

ROUNDS_AT_A_TIME = 10
"""How many rounds one run of pytest has."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill a child at random in each of many tests.")
    parser.add_argument("--runs", type=int, default=500, metavar="N", help="how many tests at least (default: 500)")
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="repeat what this seed has drawn")
    parser.add_argument("--methods", default=",".join(multiprocessing.get_all_start_methods()), metavar="LIST")
    asked = parser.parse_args()
    print(f"seed {asked.seed}, {asked.methods}", flush=True)
    environment = {} if IS_INSTALLED else {"PYTHONPATH": str(CHECKOUT), "PYTEST_PLUGINS": "pytest_mpcheck.plugin"}
    rounds = -(-asked.runs // (KINDS * len(asked.methods.split(","))))
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mpcheck-kills-") as name:
        for part, done in enumerate(range(0, rounds, ROUNDS_AT_A_TIME)):
            size = min(ROUNDS_AT_A_TIME, rounds - done)
            kills = run_kills(Path(name, str(part)), f"{asked.seed}-{part}", size, asked.methods, environment, 1800)
            outcomes += kills.outcomes
            wrong += kills.wrong
            if kills.wrong:
                print(kills.output)
            print(f"  {outcomes.total()} so far, {len(wrong)} wrong", flush=True)
    print(f"{outcomes.total()} runs: {', '.join(f'{count} {what}' for what, count in outcomes.most_common())}")
    print(f"hung, failed of anything else, or left a process: {len(wrong)}")
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
