"""What pytest is told that there is: options, ini values, the marker, and by which names the plugin goes."""

from __future__ import annotations

import pytest

__all__ = ["MARKER", "NAMES", "add_options", "answer_to_both_names"]

NAMES = frozenset(("mpcheck", "pytest_mpcheck.plugin"))
"""What ``-p`` may call the plugin: its entry point and its module."""

MARKER = (
    "mp(start_methods=None, backends=None, timeout=None, allow=None, reason=None): the test starts processes; run it "
    "under these start methods (or, where it uses mp_backend, these backends), with this deadline in seconds for every "
    "wait. It fails when it starts none. With nothing but allow, kinds of findings of the guard, and the reason: those "
    "are not told of the test; that says nothing about what it starts."
)


def answer_to_both_names(manager: pytest.PytestPluginManager) -> None:
    """Let nobody load the plugin a second time under its other name, which pytest refuses.

    Args:
        manager: The plugin manager, which has loaded it under one of its `NAMES`.
    """
    for name in NAMES:
        if manager.get_plugin(name) is None and not manager.is_blocked(name):
            manager.register(_SecondName(), name)


class _SecondName:
    """Stands in for the plugin under the name that it was not loaded by."""


def add_options(parser: pytest.Parser) -> None:
    """Declare the options and the ini values."""
    group = parser.getgroup("mpcheck", "tests that start processes (pytest-mpcheck)")
    group.addoption(
        "--mp-start-methods",
        metavar="METHODS",
        help="start methods that mp tests run under: a list of fork, spawn, forkserver, separated by commas; "
        "'all' that the platform has (the default), or the platform's own 'default'",
    )
    group.addoption(
        "--mp-timeout",
        metavar="SECONDS",
        help="deadline of every wait for a child, a pool or a script (default: 30)",
    )
    group.addoption(
        "--mp-platform",
        metavar="PLATFORM",
        help="pretend to be on linux, macos or windows: offer that platform's start methods and its default only",
    )
    group.addoption(
        "--mp-guard",
        metavar="GUARD",
        help="look after every process that the run starts, through whatever library: off, warn, or strict (those in a "
        "session of their own too); the default is warn where the plugin is named by -p mpcheck, else off",
    )
    group.addoption(
        "--mp-guard-report",
        metavar="PATH",
        help="write what the guard finds to this file, as JSON; puts the guard on (warn)",
    )
    group.addoption(
        "--mp-trace",
        metavar="PATH",
        help="write the history of every mp test to this file, as Chrome trace events: open it in Perfetto "
        "(https://ui.perfetto.dev) or chrome://tracing",
    )
    group.addoption(
        "--mp-scripts",
        metavar="GLOB",
        action="append",
        help="also run these scripts, notebooks (.ipynb) and pages in Markdown as programs under each start method; "
        "one fails where it does not do what it does under the first of them; may be given several times",
    )
    group.addoption(
        "--mp-sweep",
        metavar="METHODS",
        nargs="?",
        const="all",
        help="run every test that starts processes through the default context of multiprocessing again, under each of "
        "these start methods (all, when none is named) that is not the default, and tell what differs",
    )
    parser.addini("mp_start_methods", "as --mp-start-methods", type="args", default=None)
    parser.addini("mp_timeout", "as --mp-timeout", default=None)
    parser.addini("mp_platform", "as --mp-platform", default=None)
    parser.addini("mp_guard", "as --mp-guard", default=None)
    parser.addini(
        "mp_allow", "findings of the guard not to be told, such as thread-leak: *pytest-timeout*", type="linelist"
    )
    parser.addini("mp_history_limit", "how large the history of a process may become, such as 64MB", default=None)
    parser.addini("mp_scripts", "as --mp-scripts, from the folder of the ini file; a pattern a line", type="linelist")
    parser.addini("mp_script_blocks", "which blocks of a page make a program: auto, page or each", default="auto")
    parser.addini("mp_keep", "patterns of names and command lines of processes to leave alone", type="linelist")
