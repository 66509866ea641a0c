"""How often the proof of deadlocks errs.

``python benchmarks/false_alarms.py [--seconds 60] [--interval 0.02]`` runs healthy programs by turns, each as a process
of its own, and looks at their families every 20 ms, as the plugin does while a test waits. The programs are those
below, under every start method, and the interpreter's own tests of `multiprocessing` and `concurrent.futures` where it
came with them. Four sightings alike, with nobody outside who could give what is waited for, are an alarm: the plugin
would call that a deadlock. It was a false one when the program then moves within ten seconds. One that stays as it is
hangs, and is told apart; `CONTROL` does.

It prints, for each program, the number of checks, of checks that found everybody asleep, and of alarms. Exit status: 0,
or 1 after a false alarm, or when the control was not found to hang.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_all_start_methods
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pytest_mpcheck import _platforms  # noqa: E402 (the checkout's, not an installed one)
from pytest_mpcheck._deadlocks._look import Look, look, nobody_else_gives  # noqa: E402

SIGHTINGS = 4
HANG = 10.0

HEAD = """
import multiprocessing, sys, threading, time, os, random
mp = multiprocessing.get_context(sys.argv[1])
def square(n): return n * n
def slow(n): time.sleep(n / 200); return n
def large(n): return b"x" * 300_000
def relay(a, b):
    while (item := a.get()) is not None: b.put(item)
    b.put(None)
def pong(end):
    while (item := end.recv()) is not None: end.send(item)
def rounds(barrier, n):
    for _ in range(n): barrier.wait()
def count(lock, value, n):
    for _ in range(n):
        with lock: value.value += 1
def notified(condition, turns, me, of, n):
    for _ in range(n):
        with condition:
            condition.wait_for(lambda: turns.value % of == me)
            turns.value += 1
            condition.notify_all()
def put_all(queue, n):
    for i in range(n): queue.put(b"x" * 50_000)
def work(queue):
    while queue.get() is not None: queue.task_done()
    queue.task_done()
def fill(d, n):
    for i in range(n): d[i] = i
def late(event): time.sleep(0.4); event.set()
def wait(event): event.wait()
def nested(method):
    with multiprocessing.get_context(method).Pool(2) as pool: pool.map(square, range(50))
def cpu(n):
    for _ in range(n * 100_000): pass
def start(*processes):
    for p in processes: p.start()
    for p in processes: p.join()
def P(target, *args): return mp.Process(target=target, args=args)
def main():
"""

PROGRAMS = {
    "pool.map": "with mp.Pool(3) as p:\n for _ in range(60): p.map(square, range(100))",
    "pool.map of sleeps": "with mp.Pool(2) as p:\n p.map(slow, range(60))",
    "pool.imap of large": "with mp.Pool(2) as p:\n for _ in p.imap_unordered(large, range(150)): pass",
    "pool that replaces workers": "with mp.Pool(2, maxtasksperchild=1) as p:\n p.map(slow, range(12), chunksize=1)",
    "executor.map": (
        "from concurrent.futures import ProcessPoolExecutor as E\n"
        "with E(3, mp_context=mp) as e:\n for _ in range(6): list(e.map(square, range(100)))"
    ),
    "executor of sleeps": (
        "from concurrent.futures import ProcessPoolExecutor as E\n"
        "with E(2, mp_context=mp) as e:\n list(e.map(slow, range(60)))"
    ),
    "executor of large": (
        "from concurrent.futures import ProcessPoolExecutor as E\n"
        "with E(2, mp_context=mp) as e:\n list(e.map(large, range(80)))"
    ),
    "queues in a row": (
        "q = [mp.Queue() for _ in range(4)]\n"
        "ps = [P(relay, a, b) for a, b in zip(q, q[1:])]\n"
        "for p in ps: p.start()\n"
        "for i in range(800):\n q[0].put(i); q[-1].get()\n"
        "q[0].put(None)\n"
        "while q[-1].get() is not None: pass\n"
        "for p in ps: p.join()"
    ),
    "ping-pong": (
        "a, b = mp.Pipe()\np = P(pong, b); p.start()\n"
        "for i in range(20_000): a.send(i); a.recv()\n"
        "a.send(None); p.join()"
    ),
    "ping-pong with pauses": (
        "a, b = mp.Pipe()\np = P(pong, b); p.start()\n"
        "for i in range(40): a.send(i); a.recv(); time.sleep(random.random() / 20)\n"
        "a.send(None); p.join()"
    ),
    "barrier": "b = mp.Barrier(4)\nstart(*[P(rounds, b, 400) for _ in range(4)])",
    "lock": "v = mp.Value('i', lock=False); k = mp.Lock()\nstart(*[P(count, k, v, 30_000) for _ in range(4)])",
    "condition": (
        "c = mp.Condition(); v = mp.Value('i', lock=False)\nstart(*[P(notified, c, v, i, 3, 300) for i in range(3)])"
    ),
    "large queue": (
        "q = mp.Queue(); p = P(put_all, q, 400); p.start()\nfor _ in range(400): q.get()\np.join()"
    ),
    "joinable queue": (
        "q = mp.JoinableQueue(); p = P(work, q); p.start()\nfor i in range(3000): q.put(i)\n"
        "q.put(None); q.join(); p.join()"
    ),
    "manager": "m = mp.Manager(); d = m.dict()\nstart(*[P(fill, d, 300) for _ in range(3)])\nm.shutdown()",
    "event set late": "e = mp.Event()\nstart(P(wait, e), P(wait, e), P(late, e))",
    "event set by a timer": "e = mp.Event()\nthreading.Timer(0.5, e.set).start()\nstart(P(wait, e), P(wait, e))",
    "nested pools": "start(P(nested, sys.argv[1]), P(nested, sys.argv[1]))",
    "busy": "start(P(cpu, 30), P(cpu, 40), P(cpu, 50), P(cpu, 60))",
    "shell": (
        "import subprocess\n"
        "for _ in range(6):\n"
        " subprocess.run('seq 50000 | sort | while read a; do [ $a = 99 ] && break; done', shell=True)"
    ),
    "asyncio": (
        "import asyncio; from concurrent.futures import ProcessPoolExecutor as E\n"
        "async def go(e):\n"
        " run = asyncio.get_running_loop().run_in_executor\n"
        " await asyncio.gather(*[run(e, slow, i) for i in range(40)])\n"
        "with E(2, mp_context=mp) as e: asyncio.run(go(e))"
    ),
    "starts": "for _ in range(25): start(P(square, 1), P(square, 2))",
}  # fmt: skip

CONTROL = "control, which hangs"

PROGRAMS[CONTROL] = "q = mp.Queue(); start(P(q.get), P(q.get))"

OF_CPYTHON = (
    "test.test_multiprocessing_fork", "test.test_multiprocessing_spawn", "test.test_multiprocessing_forkserver",
    "test.test_concurrent_futures.test_process_pool", "test.test_concurrent_futures.test_wait",
    "test.test_concurrent_futures.test_as_completed", "test.test_concurrent_futures.test_shutdown",
    "test.test_subprocess",
)  # fmt: skip


@dataclass
class Count:
    checks: int = 0
    asleep: int = 0
    alarms: int = 0
    hangs: int = 0
    most_alike: int = 0


def commands(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield a name and a command line for each program."""
    for name, code in PROGRAMS.items():
        body = "\n".join(f"    {line}" for line in code.splitlines())
        file = folder / f"{name.replace(' ', '_')}.py"
        file.write_text(f"{HEAD}{body}\nif __name__ == '__main__': main()\n")
        for method in get_all_start_methods():
            yield f"{name}, {method}", [sys.executable, str(file), method]
    for module in OF_CPYTHON:
        try:
            there = importlib.util.find_spec(module)
        except ImportError:
            there = None
        if there:
            yield module, [sys.executable, "-m", "unittest", module]


def watch(process: subprocess.Popen[bytes], interval: float, until: float, count: Count) -> None:
    """Look at a family until its program ends."""
    kin = _platforms.kin()
    assert kin is not None
    alike: list[Look] = []
    while process.poll() is None and time.monotonic() < until:
        time.sleep(interval)
        seen = look(kin, None, 0)
        count.checks += 1
        if seen is None or (alike and seen != alike[-1]):
            alike.clear()
        if seen is None:
            continue
        count.asleep += 1
        alike.append(seen)
        count.most_alike = max(count.most_alike, len(alike))
        if len(alike) == SIGHTINGS and nobody_else_gives(kin, seen) and look(kin, None, 0) == seen:
            if goes_on(process, seen, interval):
                count.alarms += 1
                print("FALSE ALARM", seen, flush=True)
            else:
                count.hangs += 1
                return


def goes_on(process: subprocess.Popen[bytes], seen: Look, interval: float) -> bool:
    """Return whether a family that was said to hang moves within ten seconds."""
    kin = _platforms.kin()
    assert kin is not None
    for _ in range(int(HANG / interval)):
        time.sleep(interval)
        if process.poll() is not None or look(kin, None, 0) != seen:
            return True
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long to go on; each program runs once at least")
    parser.add_argument("--interval", type=float, default=0.02, help="pause between checks, in seconds")
    parser.add_argument("--each", type=float, default=30, help="when to leave a program, in seconds")
    parser.add_argument("--only", default="", help="run the programs that have this in their names")
    arguments = parser.parse_args()
    if _platforms.kin() is None:
        print("nothing is proved on this platform")
        return 0
    counts: dict[str, Count] = {}
    end = time.monotonic() + arguments.seconds
    with tempfile.TemporaryDirectory() as folder:
        programs = [program for program in commands(Path(folder)) if arguments.only in program[0]]
        for number, (name, command) in enumerate(itertools.cycle(programs)):
            if time.monotonic() > end and number >= len(programs):
                break
            count = counts.setdefault(name, Count())
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
                start_new_session=True,
            )  # fmt: skip
            watch(process, arguments.interval, time.monotonic() + arguments.each, count)
            _platforms.end_group(process.pid)
            process.wait()
            print(f"{name:50} {count}", flush=True)
    total = Count(
        *(sum(getattr(count, field) for count in counts.values()) for field in ("checks", "asleep", "alarms"))
    )
    print(
        f"{total.checks} checks of {len(counts)} programs, all asleep in {total.asleep}, false alarms: {total.alarms}"
    )
    return 1 if total.alarms else 0


if __name__ == "__main__":
    raise SystemExit(main())
