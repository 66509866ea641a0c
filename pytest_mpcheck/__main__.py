"""The command line: ``python -m pytest_mpcheck compare`` and ``... inherits``.

Exit status: 0 when everything was measured, whatever the verdicts; 1 when a worker could not be measured; 2
for wrong use; 130 after Ctrl-C. What is asked for goes to standard output, how far it got to standard
error.
"""

import argparse
import json
import sys
from collections.abc import Sequence

__all__ = ["main"]

_MOST_TASK_SECONDS = 5.0
"""With four threads under one lock a round then takes 20 s, which stays below a worker's deadline of 30 s."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words behind ``python -m pytest_mpcheck``; those of this process by default.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.command == "inherits":
            return _inherits(as_json=options.json)
        return _compare(options.rounds, options.task_seconds, as_json=options.json)
    except KeyboardInterrupt:
        print("interrupted: every worker has been ended, nothing is reported", file=sys.stderr)
        return 130


def _compare(rounds: int, task_seconds: float, *, as_json: bool) -> int:
    from pytest_mpcheck._comparison import _measure, _notes, _verdicts, _words
    from pytest_mpcheck._table import format_table

    if not as_json:
        print(format_table(_notes.NOTES), flush=True)
    facts = _measure.measure(rounds, task_seconds, tell=_tell_progress)
    verdicts = _verdicts.judge(facts)
    if as_json:
        print(json.dumps(_words.as_json(facts, verdicts), indent=2))
    else:
        table = format_table(_words.measured_rows(facts, verdicts))
        print("", _words.heading(facts), "", table, "", *_words.legend(facts), sep="\n")
    return 1 if facts.troubles else 0


def _inherits(*, as_json: bool) -> int:
    from pytest_mpcheck._inheritance import _measure, _words
    from pytest_mpcheck._table import format_table

    columns = _measure.measure()
    if as_json:
        print(json.dumps(_words.as_json(columns), indent=2))
    else:
        print(format_table(_words.rows_of(columns)), "", *_words.legend(columns), sep="\n")
    return 1 if any(column.trouble for column in columns if column.is_here) else 0


def _tell_progress(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pytest_mpcheck", description="Tests for code that starts processes."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    compare = commands.add_parser(
        "compare",
        help="processes beside threads, each claim measured on this machine",
        description="Print the notes' table of processes beside threads, then each claim as measured here.",
        epilog="Exit status: 0 when everything was measured, whatever the verdicts; 1 when a worker could "
        "not be measured; 2 for wrong use; 130 after Ctrl-C.",
    )
    inherits = commands.add_parser(
        "inherits",
        help="what a worker has of the process that starts it, measured on this machine",
        description="Print what each kind of worker has of the process that starts it, as measured here.",
        epilog="Exit status: 0 when everything was measured; 1 when a worker could not be; 2 for wrong use; 130 after "
        "Ctrl-C.",
    )
    inherits.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    compare.add_argument(
        "--json", action="store_true", help="print one JSON object with the raw numbers instead of tables"
    )
    compare.add_argument(
        "--rounds",
        type=_rounds,
        default=3,
        metavar="N",
        help="how often each timing is repeated; the median counts (default: 3)",
    )
    compare.add_argument(
        "--task-seconds",
        type=_task_seconds,
        default=0.15,
        metavar="S",
        help="how long one task takes when it is alone; a shorter one makes a quick run whose speed-ups mean "
        "little (default: 0.15)",
    )
    return parser


def _rounds(text: str) -> int:
    try:
        rounds = int(text)
    except ValueError:
        rounds = 0
    if rounds < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds: give a whole number from 1 on, such as 3")
    return rounds


def _task_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    # Written so that "nan", which compares false with everything, is refused too.
    if not 0 < seconds <= _MOST_TASK_SECONDS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no length of a task: give seconds, above 0 and up to {_MOST_TASK_SECONDS:g}"
        )
    return seconds


if __name__ == "__main__":
    sys.exit(main())
