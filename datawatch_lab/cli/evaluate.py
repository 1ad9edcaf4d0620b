"""The verb evaluate: how well a detector finds labelled anomalies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datawatch_lab.cli.options import debug_option, json_option, on_terminal, print_json, say

if TYPE_CHECKING:
    from datawatch_lab.service.judging import Evaluation


@click.command(short_help="Judge a detector on labelled data.")
@click.argument("name", metavar="nab|cloud", type=click.Choice(["nab", "cloud"]))
@click.option(
    "--data",
    required=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of the set, or one with a folder of its name.",
)
@click.option(
    "--detector", default="metric", show_default=True, metavar="NAME", help="Which to judge."
)
@click.option("--raw", is_flag=True, help="Judge the score without the alert policy.")
@click.option("--jobs", default=0, metavar="N", help="Processes.  [default: one a core]")
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the result into this Markdown page, and its picture beside it.",
)
@debug_option
@json_option
def evaluate(
    name: str,
    data: Path,
    detector: str,
    raw: bool,
    jobs: int,
    report: Path | None,
    as_json: bool,
) -> None:
    """Run a detector over labelled series, row by row, and judge it by the published rules.

    nab is scored as the Numenta Anomaly Benchmark is; both sets also by events. One threshold holds
    for all series. Progress goes to standard error.
    """
    from datawatch_lab.service import judging

    found = judging.evaluate(name, data, detector=detector, raw=raw, jobs=jobs, progress=_progress)
    if on_terminal():
        click.echo(err=True)
    if report:
        picture = judging.update_report(report, found)
        say(f"Wrote {report} and {picture}.")
    if as_json:
        print_json(_document(found))
    else:
        _show(found)


def _progress(done: int, all_: int, series: str) -> None:
    """One line that is overwritten on a terminal; a line every tenth series elsewhere."""
    if on_terminal():
        click.echo(f"\r\x1b[K{done}/{all_} {series}", err=True, nl=False)
    elif done % 10 == 0 or done == all_:
        say(f"{done}/{all_} {series}")


def _document(found: Evaluation) -> dict[str, Any]:
    """The JSON: figures under ``nab`` and ``events``, then their certainty, then each series."""
    whole = asdict(found)
    return {key: value for key, value in whole.items() if value is not None}


def _show(found: Evaluation) -> None:
    from datawatch_lab.cli.show import console, grid, row, text

    out = console()
    for line in _lines(found):
        out.print(text(line))
    out.print()
    numbers = ("rows", "caught", "missed", "false alarms")
    table = grid(["series", *numbers], numbers=numbers)
    for each in found.series:
        caught = sum(each.caught)
        counts = (each.rows, caught, len(each.caught) - caught, each.false_alarms)
        row(table, each.name, *(f"{count:,}" for count in counts))
    out.print(table)


def _lines(found: Evaluation) -> Iterator[str]:
    """The figures in sentences."""
    if windows := found.nab:
        yield (
            f"NAB: standard {windows.standard:.1f}, low FP {windows.low_fp:.1f}, low FN "
            f"{windows.low_fn:.1f} at threshold {windows.threshold:.2f}; 90 % of draws of series "
            f"give {windows.interval.low:.1f} to {windows.interval.high:.1f}."
        )
    event = found.events
    yield (
        f"Events: F1 {event.f1:.3f}, precision {event.precision:.2f}, recall {event.recall:.2f} "
        f"at threshold {event.threshold:.2f}; 90 % of draws of series give "
        f"{event.interval.low:.3f} to {event.interval.high:.3f}."
    )
    yield (
        f"Events: recall at precision ≥ 0.85 {event.recall_at_p85:.3f}; "
        f"{event.false_alarms_per_1k:.2f} false alarms per 1,000 rows."
    )
    for number, half in enumerate(found.halves, 1):
        windows_too = f"NAB {half.nab_standard:.1f}, " if found.nab else ""
        yield f"Half {number} with the threshold of the other: {windows_too}F1 {half.f1:.3f}."
