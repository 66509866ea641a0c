"""docs/findings.md: it has what the catalogue has; each example gives its finding, and its repair none."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from pytest_mpcheck._findings._catalogue import KINDS

PAGE = Path(__file__).parent.parent / "docs" / "findings.md"


TIDY = """
    import sys
    import threading


    def pytest_runtest_logfinish(nodeid):
        before = threading.enumerate()
        module = vars(sys.modules[nodeid.partition(".py")[0]])
        for name, end in {"executors": "shutdown", "pools": "terminate"}.items():
            for one in module.pop(name, ()):
                getattr(one, end)()
        if isinstance(stop := module.get("stop"), threading.Event):
            stop.set()
        for thread in before:
            if thread.name == "watcher":
                thread.join()
"""
"""Ends what an example leaves before the next one runs, which may not fork while threads run."""


def sections() -> dict[str, list[str]]:
    """Return the Python blocks of each section, by its heading."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {
        heading: re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
    }


def test_page_and_catalogue_agree() -> None:
    assert list(sections()) == sorted(KINDS) == list(KINDS)
    assert {kind: len(blocks) for kind, blocks in sections().items()} == dict.fromkeys(KINDS, 2)


def test_each_example_gives_its_finding_and_its_repair_none(pytester: pytest.Pytester) -> None:
    for kind, (example, repair) in sections().items():
        name = kind.replace("-", "_")
        pytester.makepyfile(**{f"test_{name}": example, f"test_{name}_repaired": repair})
    pytester.makeconftest(TIDY)
    result = pytester.runpytest_subprocess("-p", "mpcheck", "--mp-guard-report=report.json", "-p", "no:cacheprovider")
    assert result.ret == 0, result.stdout.str()
    report = json.loads((pytester.path / "report.json").read_text(encoding="utf-8"))
    assert report["troubles"] == []
    found = Counter((finding["kind"], finding["test"].partition("::")[0]) for finding in report["findings"])
    assert set(found) == {(kind, f"test_{kind.replace('-', '_')}.py") for kind in KINDS}
