"""The guard on suites that nobody here wrote: same outcomes, what it costs, what it finds.

``python benchmarks/peers/run.py [NAMES ...] [--pairs 5] [--sweep] [--report PATH] [--work PATH]`` downloads the suites
that packages ship in their source distributions on PyPI, and CPython's own of processes (`peers.py` lists them),
installs what each needs and the plugin, built from this checkout, into a virtual environment of its own, and runs each
suite in pairs: once with ``-p no:mpcheck``, once with ``-p mpcheck``, by turns first. Test by test it compares how they
ended: what differs among the runs without the plugin is the suite's own chance. With ``--sweep`` each suite is run once
more by ``--mp-sweep``, under all start methods. Prints a Markdown table, and writes the report with every finding and
what the sweep tells. All of it takes an hour and more: name the suites that you want.

Nothing is written into the checkout. The work folder is kept where ``--work`` names one: a second call then reuses what
it fetched and installed, the plugin excepted, and the output of each run is there to read.

Exit status: 0, or 1 when a test or a run ended otherwise with the plugin.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[0] = str(CHECKOUT)

from benchmarks.peers.compare import Comparison  # noqa: E402
from benchmarks.peers.environment import Environment  # noqa: E402
from benchmarks.peers.fetch import fetch  # noqa: E402
from benchmarks.peers.peers import PEERS, Peer  # noqa: E402
from benchmarks.peers.suite import Recorded, run_suite  # noqa: E402
from benchmarks.peers.words import HEAD, row, section, sweep_section  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the suites of other projects without the guard and with it.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of suites (default: all): {', '.join(PEERS)}")
    parser.add_argument("--pairs", type=int, default=2, metavar="N", help="runs of each kind (default: 2)")
    parser.add_argument("--sweep", action="store_true", help="run the tests that start processes by every start method")
    parser.add_argument("--report", type=Path, metavar="PATH", help="write the report with every finding here")
    parser.add_argument("--work", type=Path, metavar="PATH", help="keep what is fetched and recorded in this folder")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in PEERS]:
        parser.error(f"no suite is called {unknown[0]!r}; there are {', '.join(PEERS)}")
    if asked.pairs < 1:
        parser.error(f"--pairs {asked.pairs}: give a whole number from 1 on, such as 5")
    if asked.work and asked.work.resolve().is_relative_to(CHECKOUT):
        parser.error(f"--work {asked.work}: give a folder outside the checkout, which suites would write into")

    print(f"{platform.python_implementation()} {platform.python_version()}, {sys.platform}\n\n{HEAD}", flush=True)
    rows, sections, differs = [], [], False
    with work_folder(asked.work) as work:
        for peer in [PEERS[name] for name in asked.names or PEERS]:
            found, swept = compare(peer, work / peer.name, asked.pairs, asked.sweep)
            if not found.without[0].outcomes:
                sys.exit(f"{peer.name}: no test ran without the plugin: --work keeps what pytest printed")
            rows.append(row(peer, found))
            sections += [section(peer, found), *([sweep_section(peer, swept)] if swept else [])]
            differs = differs or bool(found.differing()) or found.exit_codes_differ()
            differs = differs or bool(swept and swept.differing_first_runs())
            print(rows[-1], flush=True)
            if asked.report:
                asked.report.write_text("\n".join([HEAD, *rows, "", *sections]), encoding="utf-8")
    return int(differs)


@contextlib.contextmanager
def work_folder(kept: Path | None) -> Iterator[Path]:
    """Give the folder that is to be kept, or one that is not; its path is short, since sockets will lie in it."""
    if kept:
        yield kept.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="peers-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compare(peer: Peer, folder: Path, pairs: int, sweep: bool) -> tuple[Comparison, Comparison | None]:
    """Fetch a suite, install what it needs, and run it in pairs; and once more by the sweep, if that is wanted."""
    environment = Environment(folder / "environment")
    environment.install_plugin(folder / "checkout")
    source = fetch(peer, environment, folder / "fetched")
    environment.install(*peer.needs, folder=source)
    runs: dict[str, list[Recorded]] = {"without": [], "with": []}
    for number in range(pairs):
        for variant in list(runs)[:: -1 if number % 2 else 1]:
            runs[variant].append(run_suite(peer, environment, source, variant, folder / f"{variant}-{number}"))
    swept = [run_suite(peer, environment, source, "swept", folder / "swept")] if sweep else []
    return Comparison(runs["without"], runs["with"]), Comparison(runs["without"], swept) if swept else None


if __name__ == "__main__":
    sys.exit(main())
