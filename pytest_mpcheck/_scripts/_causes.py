"""Why a program does not do the same under every start method: runs become findings. Pure.

Guarantees: a cause is told only with the evidence for it: an exception that was shown, a process that is left, or that
what came too often is exactly what an import of the program prints. Everything else is told as what it is, a result
that differs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from signal import SIGTERM

from .._excerpts import shortened
from .._finding import Finding
from .._phrases import BOOTSTRAPPING, CANNOT_PICKLE, LOCAL, NO_MODULE, NOT_IN_MODULE, ONLY_INHERITED, PICKLING_ERROR
from .._words import exit_words, tail
from ._contrast import Contrast
from ._experiment import Experiment
from ._lines import keyed, output_lines, template_of
from ._program import Program
from ._run import Run
from ._top_level import calls_at_top_level
from ._tracebacks import Raise, raises

__all__ = ["Cause", "causes_of"]

_GUARD = 'put it behind `if __name__ == "__main__":`, which is false in a child that imports the program'

_HAND_OVER = (
    "hand it over as an argument, or by an initializer; a child of spawn or forkserver has of the program what an "
    "import of it gives, and nothing that was set later or behind the `__main__` guard"
)

_LENGTH = 240
"""How much is told of what was raised or printed, in characters."""


@dataclass(frozen=True, slots=True)
class _Sign:
    """What an exception stands for."""

    kind: str
    pattern: re.Pattern[str]
    what: str
    remedy: str


_SIGNS = (
    _Sign(
        "no-main-guard",
        re.compile(BOOTSTRAPPING),
        "a child imports the program, which starts processes again outside of a `__main__` guard",
        _GUARD,
    ),
    _Sign(
        "does-not-pickle",
        re.compile(f"{PICKLING_ERROR}|{CANNOT_PICKLE} |{LOCAL} object|should {ONLY_INHERITED}"),
        "something that has to cross to a child does not pickle",
        "define functions and classes at the top of a file, and hand over what things are made of instead of locks, "
        "files and connections; assert_picklable names the part that does not pickle",
    ),
    _Sign(
        "cannot-import",
        re.compile(rf"AttributeError: (?:{NOT_IN_MODULE}(?P<name>[^']+)' on|module '__mp_main__' has no attribute)"),
        "a child does not find `{name}` where its pickle says that it is",
        "define it at the top of the program, outside of the `__main__` guard, or in a module of its own",
    ),
    _Sign(
        "cannot-import",
        re.compile(rf"{NO_MODULE}: (?P<name>.*)"),
        "a child cannot import what it needs: {name}",
        "make the module importable for the children too: install it, or put its folder on PYTHONPATH",
    ),
    _Sign(
        "inherited-state",
        re.compile(r"(?:NameError|UnboundLocalError): .*?'(?P<name>[^']+)'"),
        "`{name}` is not there in a child",
        _HAND_OVER,
    ),
)

_CONSEQUENCES = re.compile(
    r"(?:\S*BrokenProcessPool|EOFError|ConnectionResetError|BrokenPipeError|KeyboardInterrupt)\b"
)
"""What is raised because something else has failed already."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A finding, and the start methods that showed it."""

    finding: Finding
    start_methods: tuple[str, ...]


def causes_of(program: Program, experiment: Experiment, contrasts: Mapping[str, Contrast]) -> tuple[Cause, ...]:
    """Find out why runs differ.

    Args:
        program: The program.
        experiment: What is known of its runs.
        contrasts: What differs, by start method; the reference may be among them.

    Returns:
        The causes, each once.
    """
    differing = [method for method, contrast in contrasts.items() if contrast.differs]
    if not differing:
        return ()
    reference = experiment.reference
    symptoms = {
        method: {_key(one): one for run in experiment.runs[method] for one in _symptoms(program, run)}
        for method in (reference, *differing)
    }
    grouped: dict[tuple[str, ...], Cause] = {}

    def add(method: str, finding: Finding) -> None:
        known = grouped.get(_key(finding))
        methods = known.start_methods if known else ()
        grouped[_key(finding)] = Cause(known.finding if known else finding, tuple(dict.fromkeys((*methods, method))))

    for method in differing:
        own = [one for key, one in symptoms[method].items() if key not in symptoms[reference]]
        of_reference = [one for key, one in symptoms[reference].items() if key not in symptoms[method]]
        for one in _roots(of_reference):
            add(reference, one)
        for one in _roots(own):
            add(method, one)
        text = contrasts[method].stdout
        again = _printed_again(experiment, text.extra, method), _printed_again(experiment, text.missing, reference)
        for lines, who in zip(again, (method, reference), strict=True):
            if lines:
                add(who, _no_guard(program, lines))
        is_explained = any(again) and len(again[0]) == len(text.extra) and len(again[1]) == len(text.missing)
        if not (own or of_reference or is_explained):
            add(method, _unexplained(experiment, contrasts[method]))
    return tuple(grouped.values())


def _key(finding: Finding) -> tuple[str, ...]:
    return finding.kind, template_of(finding.what), finding.where


def _symptoms(program: Program, run: Run) -> Iterator[Finding]:
    """Yield what a run shows by itself."""
    for raised in raises(program, run.stderr):
        yield _meaning(raised)
    if run.stuck:
        evidence, _, remedy = run.stuck.rpartition("\nwhat to do: ")
        how = "is deadlocked" if "is deadlocked" in evidence.partition("\n")[0] else "did not end in time"
        yield Finding("hung", f"the program {how}", "", evidence, remedy)
    if run.exitcode is not None and run.exitcode < 0:
        remedy = "see the last lines that it wrote, and what C code it calls; faulthandler shows where it was"
        yield Finding("died", f"the program was {exit_words(run.exitcode)}", "", tail(run.stderr), remedy)
    if run.survivors:
        remedy = "join or terminate what it starts before it ends"
        yield Finding(
            "left-running", "processes are left when the program has ended", "", "\n".join(run.survivors), remedy
        )


def _meaning(raised: Raise) -> Finding:
    for sign in _SIGNS:
        found = sign.pattern.search(raised.text if sign.kind == "no-main-guard" else raised.line)
        if found:
            name = found.groupdict().get("name") or "a name"
            sentence = " ".join(raised.text.split()).partition(". ")[0] if raised.line.endswith(":") else raised.line
            evidence = shortened(sentence, _LENGTH)
            return Finding(sign.kind, sign.what.format(name=name), raised.place, evidence, sign.remedy)
    remedy = "see the traceback, which comes under this start method alone"
    return Finding("fails", raised.line, raised.place, tail(f"{raised.frames}\n{raised.line}"), remedy)


def _roots(symptoms: Sequence[Finding]) -> list[Finding]:
    """Leave out what only follows from the rest."""
    roots = [one for one in symptoms if one.kind not in ("fails", "hung") or one.where]
    roots = [one for one in roots if not _CONSEQUENCES.match(one.what)]
    others = [one for one in symptoms if one not in roots]
    has_hung = any(one.kind == "hung" for one in others)
    if not roots:
        return [one for one in others if one.kind == "hung"] or list(others)
    if not has_hung:
        return roots
    also = "\nand the program never ended"
    return [Finding(one.kind, one.what, one.where, one.evidence + also, one.remedy) for one in roots]


def _printed_again(experiment: Experiment, lines: Collection[str], start_method: str) -> list[str]:
    """Return which lines, that came too often under a start method, are those that an import of the program prints."""
    if experiment.imported is None or start_method == "fork":
        return []
    printed = set(keyed(output_lines(experiment.imported.stdout), experiment.varies[0]))
    return [line for line in lines if line in printed]


def _no_guard(program: Program, lines: Sequence[str]) -> Finding:
    some = ", ".join(repr(shortened(line, _LENGTH // 4)) for line in lines[:3]) + (" ..." if lines[3:] else "")
    return Finding(
        "no-main-guard",
        "children run what stands outside of the `__main__` guard, and print it again",
        calls_at_top_level(program),
        f"an import of the program prints: {some}",
        _GUARD,
    )


def _unexplained(experiment: Experiment, contrast: Contrast) -> Finding:
    """Tell what differs where nothing was raised."""
    runs = experiment.runs[contrast.start_method]
    is_only_missing = contrast.stdout.missing and not contrast.stdout.extra
    if is_only_missing and any(start.exitcode == -SIGTERM for run in runs for start in run.starts):
        return Finding(
            "lost-output",
            "lines are missing, and workers were ended by SIGTERM",
            "",
            "the end of a pool's `with` block terminates it, with whatever its workers had not flushed",
            "close() and join() the pool inside of the `with` block, or print with flush=True",
        )
    return Finding(
        "wrong-result",
        "the program does something else, and nothing is raised",
        "",
        "see the difference above",
        f"where a child works with what was changed at run time, {_HAND_OVER}",
    )
