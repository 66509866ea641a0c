"""Findings: who allows them, how they are told in text and JSON, and that the published schema says what is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import pytest_mpcheck
from pytest_mpcheck import BadSetting, Finding
from pytest_mpcheck._findings._allowance import Allowance, allowance_for, parse_allowances
from pytest_mpcheck._findings._report import SCHEMA, report, write_report
from pytest_mpcheck._findings._words import finding_words, summary_lines

FINDING = Finding("child-failed", "process 'x' failed", "pid 1", "one line", "look at it", "test_a.py::test_it")


@pytest.mark.parametrize(
    ("entry", "allows"),
    [
        ("child-failed", True),
        ("nothing-started", False),
        ("child-failed: *'x'*", True),
        ("child-failed: 'x'", False),
        ("child-failed:pid ?", True),
        ("child-failed: test_a.py::*", True),
        ("child-failed: *TEST_A*", False),
    ],
)
def test_allowance_is_by_kind_and_pattern(entry: str, allows: bool) -> None:
    (allowance,) = parse_allowances(entry, "there", "because")
    assert allowance.allows(FINDING) is allows
    assert allowance_for(FINDING, [Allowance("nothing-started", "*", ""), allowance]) == (allowance if allows else None)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("child_failed", "unknown kind of finding 'child_failed' from there: there is .*did you mean 'child-failed'"),
        ("", "unknown kind of finding '' from there: there is "),
        ([], r"\[\] from there allows nothing: give kinds of findings, such as thread-leak"),
        ([5], "5 from there is no kind of finding: give a text, such as thread-leak"),
        ("child-failed: ", "'child-failed: ' from there has no pattern after the colon: give one, such as"),
    ],
)
def test_nonsense_is_refused(value: object, message: str) -> None:
    with pytest.raises(BadSetting, match=f"^{message}"):
        parse_allowances(value, "there")


def test_message_has_four_parts() -> None:
    assert finding_words(FINDING, FINDING.test).splitlines() == [
        "child-failed: process 'x' failed",
        "where: pid 1",
        "evidence: one line",
        "what to do: look at it",
    ]
    several = Finding("child-failed", "what", "", "one\ntwo\n", "do", "fixture 'x'")
    assert finding_words(several, "test").splitlines() == [
        "child-failed: what",
        "whose: fixture 'x'",
        "evidence:",
        "    one",
        "    two",
        "what to do: do",
    ]
    assert finding_words(Finding("kind", "what", "", "", "do"), "test") == "kind: what\nwhat to do: do"


def test_summary_is_bounded() -> None:
    lines = list(summary_lines([FINDING] * 25 + [Finding("other", "what\nelse", "", "", "do", "test")], 2, ["sad"]))
    assert lines[0] == "child-failed (25): a child ended by a signal, or with an exit code that nobody has read"
    assert lines[1:21] == ["    test_a.py::test_it: process 'x' failed (pid 1)"] * 20
    assert lines[21] == "    ... and 5 more: --mp-guard-report=PATH writes them all"
    assert lines[22:24] == ["other (1): no kind that is known here", "    test: what else"]
    assert lines[25:] == ["2 more were allowed", "the guard could not look for everything: sad"]
    assert list(summary_lines([], 0, [])) == []


def complaints(value: Any, schema: dict[str, Any], whole: dict[str, Any], path: str = "$") -> list[str]:
    """Return what a value has that a schema forbids; as much of JSON Schema as the schema uses."""
    known = {"$ref", "type", "const", "enum", "required", "additionalProperties", "properties", "items"}
    assert set(schema) <= known | {"$schema", "$id", "$defs", "title", "description"}, "a word that is not checked here"
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    types = {"object": dict, "array": list, "string": str}
    if "type" in schema and not isinstance(value, types[schema["type"]]):
        return [f"{path} is no {schema['type']}"]
    found = [f"{path} is not {schema['const']}"] if value != schema.get("const", value) else []
    found += [f"{path} is none of {schema['enum']}"] if value not in schema.get("enum", [value]) else []
    if isinstance(value, dict):
        found += [f"{path} has no {name}" for name in schema["required"] if name not in value]
        assert schema["additionalProperties"] is False
        for name, inner in value.items():
            if name in schema["properties"]:
                found += complaints(inner, schema["properties"][name], whole, f"{path}.{name}")
            else:
                found.append(f"{path} has {name}")
    for number, inner in enumerate(value if isinstance(value, list) else ()):
        found += complaints(inner, schema["items"], whole, f"{path}[{number}]")
    return found


def test_report_fulfils_the_published_schema(tmp_path: Path) -> None:
    inside = Path(pytest_mpcheck.__file__).parent / "_findings" / "findings.schema.json"
    published = Path(__file__).parent.parent / "docs" / "findings.schema.json"
    assert inside.read_text(encoding="utf-8") == published.read_text(encoding="utf-8")
    schema = json.loads(published.read_text(encoding="utf-8"))
    assert schema["$id"] == SCHEMA
    about = {"tool": "pytest-mpcheck 1", "guard": "warn", "python": "CPython 3", "platform": "linux"}
    allowance = Allowance("child-failed", "*", "there", "because")
    odd = Finding("child-failed", "\udce4", "", "", "", "")
    write_report(str(tmp_path / "it.json"), report(about, [FINDING, odd], [(FINDING, allowance)], ["trouble"]))
    written = json.loads((tmp_path / "it.json").read_text(encoding="utf-8"))
    assert complaints(written, schema, schema) == []
    assert written["findings"][0]["what"] == FINDING.what
    assert [path.name for path in tmp_path.iterdir()] == ["it.json"]
    written["findings"][0]["other"] = written["findings"][1].pop("kind")
    written |= {"guard": "off", "version": 2, "troubles": [5]}
    assert len(complaints(written, schema, schema)) == 5


def test_report_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_report(str(tmp_path / "it.json"), {"findings": object()})
    assert list(tmp_path.iterdir()) == []


def test_kinds_have_names_and_a_line() -> None:
    from pytest_mpcheck._findings._catalogue import KINDS

    assert list(KINDS) == sorted(KINDS)
    for name, meaning in KINDS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert re.fullmatch(r"[^A-Z\n].{10,100}[^.]", meaning)
