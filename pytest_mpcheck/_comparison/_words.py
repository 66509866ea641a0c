"""Facts and verdicts -> rows of text for the table, or one JSON object. Pure, and nothing is judged here."""

import textwrap
from collections.abc import Iterator
from dataclasses import asdict

from pytest_mpcheck._comparison import _notes as notes
from pytest_mpcheck._comparison._facts import Creation, Handover, Measurements, Memory, Speed
from pytest_mpcheck._comparison._verdicts import BUSY, GAIN, TIE, Verdict

__all__ = ["as_json", "heading", "legend", "measured_rows"]

Verdicts = dict[tuple[str, str], Verdict]

_HEADER = ("Feature", "Claim of the notes", "Measured on this machine", "Verdict")
_WIDTHS = (18, 26, 46, 34)
_SPEED_UP = (
    "Speed-up: {workers} tasks one after another, against one for each of {workers} workers that are ready; "
    "in brackets with the time counted in that it took until they were."
)
_RULES = (
    f"Rules: a speed-up below {GAIN:g} is none; numbers are equal up to a factor of {TIE:g}; processes that "
    f"gain nothing and had less than {BUSY:.0%} of a CPU prove nothing."
)
_LEGEND_WIDTH = sum(_WIDTHS) + 3 * len(" | ")


def heading(facts: Measurements) -> str:
    """Tell in one line where and how the numbers were taken."""
    machine = facts.machine
    gil = {True: "GIL on", False: "GIL off", None: "GIL unknown"}[machine.gil.enabled]
    cpus = "1 CPU" if machine.cpus == 1 else f"{machine.cpus} CPUs"
    rounds = "1 round" if facts.rounds == 1 else f"median of {facts.rounds} rounds"
    return (
        f"Measured on {machine.implementation} {machine.python}, {machine.platform}, {cpus}, {gil}; "
        f"{rounds}, {facts.workers} workers, tasks of {facts.task_seconds:g} s."
    )


def measured_rows(facts: Measurements, verdicts: Verdicts) -> list[tuple[str, ...]]:
    """Set each claim beside what was measured and what follows.

    Args:
        facts: What was measured.
        verdicts: A verdict for each claim.

    Returns:
        The header, then the body; a cell that is too long goes on in the next row, and an empty row parts
        the claims.
    """
    rows: list[tuple[str, ...]] = [_HEADER]
    for (feature, side), claim in notes.CLAIMS.items():
        verdict = verdicts[feature, side]
        if len(rows) > 1:
            rows.append(("",) * len(_HEADER))
        cells = (
            [feature if side == notes.PROCESSES else ""],
            [f"{side}:", claim],
            _measured(facts, feature, side),
            [f"{verdict.word}: {verdict.why}"],
        )
        rows.extend(_stacked(cells))
    return rows


def legend(facts: Measurements) -> list[str]:
    """Tell what the numbers mean, wrapped to the width of the table."""
    kinds = ", ".join(_kinds(facts))
    statements = [
        _SPEED_UP.format(workers=facts.workers),
        "CPU-bound work is a loop in pure Python; for I/O-bound work time.sleep stands in for a slow device.",
        "Creation: starting and joining one worker that does nothing.",
        f"Complexity: kinds of things that a worker takes, as target or argument, and can use: {kinds}.",
        _RULES,
    ]
    if any(fact.worker == "forkserver" for fact in facts.creation):
        ready = "The fork server runs before anything is measured, and has imported what its workers need."
        statements.insert(3, ready)
    return [line for statement in statements for line in _wrapped(statement, _LEGEND_WIDTH)]


def as_json(facts: Measurements, verdicts: Verdicts) -> dict[str, object]:
    """Give everything as one object for ``json``: raw numbers, the units in the keys, claims and verdicts."""
    return {
        "machine": asdict(facts.machine),
        "rounds": facts.rounds,
        "task_seconds": facts.task_seconds,
        "workers": facts.workers,
        "thresholds": {"gain": GAIN, "tie": TIE, "busy": BUSY},
        "notes": [list(row) for row in notes.NOTES],
        "measured": {
            "memory": [asdict(fact) for fact in facts.memory],
            "cpu_bound": [_speed_as_json(fact) for fact in facts.cpu_bound],
            "io_bound": [_speed_as_json(fact) for fact in facts.io_bound],
            "creation": [_creation_as_json(fact, facts.creation[-1]) for fact in facts.creation],
            "handover": [{**asdict(fact), "tried": fact.tried} for fact in facts.handover],
        },
        "claims": [
            {
                "feature": feature,
                "side": side,
                "claim": claim,
                "measured": _measured(facts, feature, side),
                "holds": verdicts[feature, side].holds,
                "verdict": verdicts[feature, side].word,
                "why": verdicts[feature, side].why,
            }
            for (feature, side), claim in notes.CLAIMS.items()
        ],
        "troubles": list(facts.troubles),
    }


def _measured(facts: Measurements, feature: str, side: str) -> list[str]:
    of_processes = side == notes.PROCESSES
    one, per_method = (0, slice(None, -1)) if of_processes else (1, slice(-1, None))
    if feature == notes.MEMORY:
        return list(_memory_lines(facts.memory[per_method]))
    if feature == notes.PERFORMANCE:
        return [_speed_line("CPU-bound", facts.cpu_bound[one]), _speed_line("I/O-bound", facts.io_bound[one])]
    if feature == notes.CREATION:
        return [_creation_line(fact, facts.creation[-1]) for fact in facts.creation[per_method]]
    if feature == notes.COMPLEXITY:
        return [_handover_line(fact) for fact in facts.handover[per_method]]
    return _gil_lines(facts, facts.cpu_bound[one])


def _memory_lines(memory: tuple[Memory, ...]) -> Iterator[str]:
    # Start methods that behave alike share a line: three times the same sentence hides the one that differs.
    groups: dict[str, list[str]] = {}
    for fact in memory:
        if fact.trouble is not None:
            text = fact.trouble
        else:
            text = ", ".join(
                f"changed {what} {'seen' if seen else 'not seen'} here"
                for what, seen in (("global", fact.global_seen_here), ("argument", fact.argument_seen_here))
            )
        groups.setdefault(text, []).append(fact.worker)
    return (f"{', '.join(workers)}: {text}" for text, workers in groups.items())


def _speed_line(work: str, speed: Speed) -> str:
    if speed.trouble is not None:
        return f"{work}, {speed.worker}: {speed.trouble}"
    return f"{work}, {speed.worker}: {speed.speedup:.2f}x ({speed.speedup_with_start:.2f}x with start)"


def _creation_line(creation: Creation, thread: Creation) -> str:
    if creation.trouble is not None:
        return f"{creation.worker}: {creation.trouble}"
    line = f"{creation.worker}: {_duration(creation.seconds)}"
    if creation is thread or thread.trouble is not None:
        return line
    return f"{line}, {creation.seconds / thread.seconds:.0f} times a thread"


def _handover_line(handover: Handover) -> str:
    if handover.trouble is not None:
        return f"{handover.worker}: {handover.trouble}"
    line = f"{handover.worker} takes {len(handover.taken)} of {handover.tried} kinds"
    if not handover.refused:
        return line
    return f"{line}, not: {', '.join(refusal.thing for refusal in handover.refused)}"


def _gil_lines(facts: Measurements, speed: Speed) -> list[str]:
    state = {True: "on", False: "off", None: "unknown"}[facts.machine.gil.enabled]
    lines = [f"GIL {state} ({facts.machine.gil.source})"] if speed is facts.cpu_bound[1] else []
    lines.append(_speed_line("CPU-bound", speed))
    if speed.trouble is None and speed.cpu_share is not None:
        lines.append(f"each {speed.worker} worker had {speed.cpu_share:.0%} of a CPU")
    return lines


def _speed_as_json(speed: Speed) -> dict[str, object]:
    if not speed.rounds:
        return asdict(speed)
    return {**asdict(speed), "speedup": speed.speedup, "speedup_with_start": speed.speedup_with_start}


def _creation_as_json(creation: Creation, thread: Creation) -> dict[str, object]:
    result: dict[str, object] = asdict(creation)
    if creation.samples_seconds:
        result["seconds"] = creation.seconds
        if thread.samples_seconds:
            result["times_a_thread"] = creation.seconds / thread.seconds
    return result


def _duration(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} us"


def _kinds(facts: Measurements) -> list[str]:
    thread = facts.handover[-1]
    return [*thread.taken, *(refusal.thing for refusal in thread.refused)]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False)


def _stacked(cells: tuple[list[str], ...]) -> list[tuple[str, ...]]:
    columns = [
        [line for text in texts for line in _wrapped(text, width)] for texts, width in zip(cells, _WIDTHS, strict=True)
    ]
    height = max(map(len, columns))
    return list(zip(*(column + [""] * (height - len(column)) for column in columns), strict=True))
