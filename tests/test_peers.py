"""`benchmarks/peers`: how outcomes are read and compared, so that a difference that the plugin makes is told as one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.peers.compare import Comparison
from benchmarks.peers.peers import PEERS, Peer
from benchmarks.peers.suite import Recorded, read_outcomes
from benchmarks.peers.words import row, section, sweep_section

FINDING = {
    "kind": "thread-leak",
    "what": "thread 'reader' still runs",
    "where": "test_a.py:3",
    "evidence": "",
    "remedy": "join it",
    "test": "test_a",
}


def recorded(seconds: float = 1.0, findings: int = 0, exit_code: int | None = 0, **outcomes: str) -> Recorded:
    return Recorded(outcomes, (exit_code,), (FINDING,) * findings, seconds, 2 * seconds, Path())


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        ([("setup", "passed"), ("call", "passed"), ("teardown", "passed")], "passed"),
        ([("setup", "skipped"), ("teardown", "passed")], "skipped"),
        ([("setup", "failed"), ("teardown", "passed")], "failed in setup"),
        ([("setup", "passed"), ("call", "failed"), ("teardown", "passed")], "failed"),
        ([("setup", "passed"), ("call", "passed"), ("teardown", "failed")], "failed in teardown"),
        ([("setup", "passed"), ("call", "xfailed"), ("teardown", "passed")], "xfailed"),
        (
            [("setup", "passed"), ("call", "passed"), ("call", "failed"), ("call", "passed"), ("teardown", "passed")],
            "failed",
        ),
        ([("setup", "passed"), ("call", "passed")], "hung"),
        ([], "hung"),
    ],
)
def test_outcome_of_phases(tmp_path: Path, lines: list[tuple[str, str]], outcome: str) -> None:
    written: list[dict[str, str]] = [{"begins": "test_a"}]
    written += [{"test": "test_a", "phase": phase, "outcome": one} for phase, one in lines]
    record = tmp_path / "outcomes.jsonl"
    record.write_text("".join(json.dumps(line) + "\n" for line in written), encoding="utf-8")
    assert read_outcomes(record) == {"test_a": outcome}
    assert read_outcomes(tmp_path / "of a run that ended before its first test") == {}


def test_chance_of_the_suite_is_no_difference() -> None:
    without = [recorded(a="passed", b="passed", c="passed"), recorded(a="passed", b="failed", c="passed")]
    found = Comparison(
        without, [recorded(a="passed", b="failed", c="passed"), recorded(a="passed", b="passed", c="passed")]
    )
    assert found.flaky() == {"b": {"passed", "failed"}}
    assert found.differing() == {}
    assert not found.exit_codes_differ()


def test_what_the_plugin_changes_is_told() -> None:
    without = [recorded(seconds, a="passed", b="passed") for seconds in (1.0, 2.0, 9.0)]
    with_it = [recorded(seconds, a="failed", c="passed", findings=2, exit_code=1) for seconds in (3.0, 3.0, 9.0)]
    found = Comparison(without, with_it)
    assert found.differing() == {
        "a": (frozenset({"passed"}), frozenset({"failed"})),
        "b": (frozenset({"passed"}), frozenset({"not run"})),
        "c": (frozenset({"not run"}), frozenset({"passed"})),
    }
    assert found.exit_codes_differ()
    assert found.ratio() == 1.5
    assert found.findings() == {("test_a", "thread-leak"): (3, FINDING)}
    peer = Peer("example", "1.0", runs=(("tests",),), left_out={"--ignore=slow": "it is slow"}, remark="an example")
    cells = row(peer, found).strip("| ").split(" | ")
    assert cells[1:5] == ["2", "2 passed", "1 failed, 1 passed", "3, and the exit code"]
    assert cells[5:] == ["0", "1 thread-leak", "2.0", "3.0", "1.500", "1.500"]
    told = section(peer, found)
    for line in (
        "- left out by `--ignore=slow`: it is slow",
        "- ends otherwise with the plugin: `a`: failed, without: passed",
        "### thread-leak: `test_a` (in 3 of 3 runs)",
        "    thread 'reader' still runs",
        "    join it",
    ):
        assert line in told.splitlines()


def test_what_the_sweep_tells_is_told(tmp_path: Path) -> None:
    (tmp_path / "output-0.txt").write_text(
        "..F\n=== tests under other start methods ===\n1 test that starts processes\n\nhung: 1 test\n=== 1 failed ===\n"
    )
    (tmp_path / "output-1.txt").write_text("a pytest that started no processes\n")
    outcomes = {"a": "failed", "b": "passed", "b [spawn]": "failed"}
    swept = replace(recorded(), outcomes=outcomes, folder=tmp_path)
    peer = Peer("example", "1.0", runs=(("tests",), ("more",)))
    found = Comparison([recorded(a="passed", b="passed")], [swept])
    assert list(found.differing_first_runs()) == ["a"]
    assert [line for line in sweep_section(peer, found).splitlines() if line] == [
        "## example 1.0, under other start methods",
        "- ends otherwise in its first run: `a`: failed, without: passed",
        "    1 test that starts processes",
        "    hung: 1 test",
    ]


def test_suites_that_are_promised_are_there() -> None:
    assert {"joblib", "pebble", "multiprocess", "billiard", "psutil", "filelock", "cloudpickle", "cpython"} <= set(
        PEERS
    )
