"""Lets an assertion that fails in a child tell what pytest would tell of it here, and costs nothing before.

Code that went through pytest's rewriting of assertions asks a module of pytest's for help when an assertion fails.
An `Explainer` stands in its place: the first question imports pytest, and sets it up as it is in the process of the
test (verbosity, limits, colours, the ``pytest_assertrepr_compare`` of conftests and plugins).
"""

from __future__ import annotations

import contextlib
import os
from importlib import import_module
from typing import Any

__all__ = ["EXPLANATION", "NAME", "Explainer"]

NAME = "@pytest_ar"
"""What rewritten code calls the module that it asks."""

EXPLANATION = "explanation"
"""The file that tells how pytest is set up in the process of the test."""

_kept: list[object] = []
"""Whose end would undo what was set up."""


class Explainer:
    """Stands for ``_pytest.assertion.rewrite`` until an assertion fails.

    Args:
        folder: Where the file `EXPLANATION` is; empty when there is none.
    """

    def __init__(self, folder: str = "") -> None:
        self.__folder = folder

    def __getattr__(self, name: str) -> Any:
        try:
            helpers = import_module("_pytest.assertion.rewrite")
        except ImportError:  # the target took the way to modules away; what failed is the assertion, not this
            return _in_plain_words
        if self.__folder and not _kept:
            _kept.append(None)  # once only, and not again while it is at work
            with contextlib.suppress(
                Exception
            ):  # private parts of pytest's: without them there are values, and no diff
                _set_up(os.path.join(self.__folder, EXPLANATION))
        return getattr(helpers, name)

    def _check_if_assertion_pass_impl(self) -> bool:
        return False  # pytest_assertion_pass is for the process of the test; and no child pays for it


def _in_plain_words(*parts: object) -> str:
    return str(parts[-1])


def _set_up(path: str) -> None:
    """Set pytest up to compare values as in the process of the test."""
    if import_module("_pytest.assertion.util")._reprcompare is not None:
        return  # a fork, or an interpreter's neighbour
    import io
    import pickle
    from types import SimpleNamespace

    with open(path, "rb") as file:
        options, inis, markup, hooks = pickle.load(file)
    config = import_module("_pytest.config").get_config()
    vars(config).setdefault("inicfg", {})  # pytest before 9 reads it for ini values that are not handed in
    vars(config.option).update(options)
    getini = config.getini
    config.getini = lambda name: inis[name] if name in inis else getini(name)
    if markup is not None:
        writer = import_module("_pytest._io").TerminalWriter(io.StringIO())
        writer.hasmarkup, writer.code_highlight = markup
        config.pluginmanager.register(SimpleNamespace(_tw=writer), "terminalreporter")
    for name in hooks:
        with contextlib.suppress(Exception):  # anybody's module; the others stay
            function = import_module(name).pytest_assertrepr_compare
            config.pluginmanager.register(SimpleNamespace(pytest_assertrepr_compare=function))
    protocol = import_module("_pytest.assertion").pytest_runtest_protocol(
        SimpleNamespace(config=config, ihook=config.hook)
    )
    next(protocol)  # as around a test: from here on comparisons are explained
    _kept.append(protocol)
