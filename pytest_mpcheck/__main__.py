"""The command line: ``python -m pytest_mpcheck compare``, ``... inherits`` and ``... script``.

Exit status: 0 when everything was measured, whatever the verdicts, or when a program does the same under every start
method; 1 when a worker could not be measured, or a program does not; 2 for wrong use; 130 after Ctrl-C; 141 when nobody
reads any more, as when ``head`` has had enough. What is asked for goes to standard output, how far it got to standard
error.
"""

import argparse
import contextlib
import json
import os
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
    words = list(sys.argv[1:] if arguments is None else arguments)
    end = words.index("--") if words[:1] == ["script"] and "--" in words else len(words)
    parser = _parser()
    options, unknown = parser.parse_known_args(words[:end])
    if unknown:
        hint = "; put -- before the arguments of the program" if options.command == "script" else ""
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    try:
        status = _run(options, words[end + 1 :])
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted: every worker has been ended, nothing is reported", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _close_broken_pipes()
        return 141
    return status


def _run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    if options.command == "inherits":
        return _inherits(as_json=options.json)
    if options.command == "script":
        return _script(options, rest)
    return _compare(options.rounds, options.task_seconds, as_json=options.json)


def _close_broken_pipes() -> None:
    """Let the interpreter flush at exit what nobody reads, without a complaint."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            with contextlib.suppress(OSError):  # what has no descriptor is not flushed at exit
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def _script(options: argparse.Namespace, args: Sequence[str]) -> int:
    from pytest_mpcheck._errors import MpcheckError
    from pytest_mpcheck._scripts._command import compare_start_methods

    try:
        same = compare_start_methods(
            options.file,
            args,
            start_methods=options.start_methods,
            timeout=options.timeout,
            blocks=options.blocks,
            tell=lambda what: print(f"running: {what}", file=sys.stderr, flush=True),
        )
    except MpcheckError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if same else 1


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
    _add_script(commands)
    return parser


def _add_script(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    script = commands.add_parser(
        "script",
        help="a program under each start method: what differs, and why",
        usage="python -m pytest_mpcheck script [-h] [--start-methods METHODS] [--timeout SECONDS] [--blocks HOW] FILE "
        "[-- ARG ...]",
        description="Run a script, a notebook (.ipynb) or the Python blocks of a page in Markdown (.md) as a real "
        "__main__ under each start method, compare output, exit code and processes, and show what differs.",
        epilog="Exit status: 0 when it does the same under each of them, 1 when it does not, or does not end; 2 for "
        "wrong use; 130 after Ctrl-C.",
    )
    script.add_argument(
        "file", metavar="FILE", help="the script, notebook or page; what stands behind -- are its arguments"
    )
    script.add_argument(
        "--start-methods",
        default="all",
        metavar="METHODS",
        help="a list of fork, spawn, forkserver, separated by commas, the first of them is what the others are "
        "compared with; or all, or the platform's own default (default: all)",
    )
    script.add_argument(
        "--timeout", default="30", metavar="SECONDS", help="how long one run of a program may take (default: 30)"
    )
    script.add_argument(
        "--blocks",
        choices=("auto", "page", "each"),
        default="auto",
        metavar="HOW",
        help="which blocks of a page make a program: all of the page, each its own, or auto: the page is one, but "
        "each of several blocks with a __main__ guard is one of its own, behind the blocks without (default: auto)",
    )


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
