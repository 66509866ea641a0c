"""Tells comparisons of suites as Markdown."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile

from benchmarks.peers.compare import Comparison
from benchmarks.peers.peers import Peer
from benchmarks.peers.suite import Recorded

HEAD = (
    "| suite | tests | without | with | end otherwise | flaky without | findings | seconds without | with "
    "| ratio | ratio of processor time |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


def row(peer: Peer, found: Comparison) -> str:
    """Return a suite's row of the table."""
    kinds = Counter(kind for _test, kind in found.findings())
    cells = (
        f"{peer.name} {peer.version}".strip(),
        len(found.without[0].outcomes),
        tell_counts(found.without[0]),
        tell_counts(found.with_it[0]),
        f"{len(found.differing())}{', and the exit code' if found.exit_codes_differ() else ''}",
        len(found.flaky()),
        ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "none",
        tell_seconds(found.without),
        tell_seconds(found.with_it),
        f"{found.ratio():.3f}",
        f"{found.processor_ratio():.3f}",
    )
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def tell_counts(run: Recorded) -> str:
    """Return how many tests ended how."""
    return ", ".join(f"{count} {outcome}" for outcome, count in run.counts().most_common()) or "nothing ran"


def tell_seconds(runs: Sequence[Recorded]) -> str:
    """Return the median of the runs' wall times."""
    return f"{statistics.median(run.seconds for run in runs):.1f}"


def section(peer: Peer, found: Comparison) -> str:
    """Return what is to be known of a suite: how it was run, what differs, what was found."""
    lines = [f"## {peer.name} {peer.version}".rstrip(), ""]
    lines += [f"- run: `pytest {' '.join(arguments)}`" for arguments in peer.runs]
    lines += [f"- left out by `{option}`: {reason}" for option, reason in peer.left_out.items()]
    lines += [f"- {peer.remark}"] if peer.remark else []
    lines += tell_outcomes("ends otherwise with the plugin", found.differing())
    lines += [f"- flaky without the plugin: `{test}`: {tell(seen)}" for test, seen in found.flaky().items()]
    if found.exit_codes_differ():
        codes = [" or ".join(str(run.exit_codes) for run in runs) for runs in (found.without, found.with_it)]
        lines.append(f"- exit codes without the plugin: {codes[0]}, with it: {codes[1]}")
    for (test, kind), (count, finding) in sorted(found.findings().items()):
        lines += ["", f"### {kind}: `{test}` (in {count} of {len(found.with_it)} runs)", ""]
        lines += [
            f"    {line}" for part in ("what", "where", "evidence", "remedy") for line in finding[part].splitlines()
        ]
    return "\n".join(lines) + "\n"


def sweep_section(peer: Peer, found: Comparison) -> str:
    """Return what the sweep of a suite tells, in the words of its closing sections.

    Args:
        peer: Whose suite.
        found: Its runs without the plugin, and the one with the sweep, whose further runs are tests of their own.
    """
    lines = [f"## {peer.name} {peer.version}".rstrip() + ", under other start methods"]
    first = found.differing_first_runs()
    lines += ["", *tell_outcomes("ends otherwise in its first run", first)] if first else []
    for path in sorted(found.with_it[0].folder.glob("output-*.txt")):
        told = path.read_text(encoding="utf-8", errors="replace").partition(" tests under other start methods ")[2]
        section_lines = takewhile(lambda line: not line.startswith("=="), told.splitlines()[1:])
        lines += ["", *(f"    {line}".rstrip() for line in section_lines)]
    return "\n".join(lines) + "\n"


def tell_outcomes(title: str, tests: Mapping[str, tuple[frozenset[str], frozenset[str]]]) -> list[str]:
    """Return a line for each test that ended otherwise."""
    return [
        f"- {title}: `{test}`: {tell(with_it)}, without: {tell(without)}" for test, (without, with_it) in tests.items()
    ]


def tell(outcomes: frozenset[str]) -> str:
    """Return the ways in which a test ended."""
    return " or ".join(sorted(outcomes))
