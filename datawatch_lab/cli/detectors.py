"""The verb detectors: what is looked at for anomalies, and how sensitively."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from datawatch_lab.cli.options import json_option, opened, print_json, say, workspace_option

if TYPE_CHECKING:
    from datawatch_lab.service.operations.detectors import DetectorAnswer, DetectorsAnswer

_HELP = """What is looked at for anomalies, and how; without a command, what was chosen for series.

\b
datawatch detectors set orders_total --sensitivity 0.7
datawatch detectors set orders_inserts_total --label city=ulm --sensitivity low
datawatch detectors reset orders_total
"""

_LABEL = click.option(
    "--label", "labels", multiple=True, metavar="NAME=VALUE", help="Of the series."
)


@click.group(
    short_help="How sensitively series are watched.", help=_HELP, invoke_without_command=True
)
@workspace_option
@json_option
@click.pass_context
def detectors(ctx: click.Context, workspace: Path | None, as_json: bool) -> None:
    """What was chosen for single series."""
    if ctx.invoked_subcommand is not None:
        return
    with opened(workspace, "detectors") as handle:
        found = handle.detectors()
    if as_json:
        print_json(found)
    else:
        _show(found)


@detectors.command("set", short_help="Choose the sensitivity of a series.")
@click.argument("metric")
@click.option(
    "--sensitivity",
    required=True,
    metavar="S",
    help="low, medium, high, 0 to 1, or standard deviations.",
)
@_LABEL
@click.option(
    "--algorithm",
    "algorithms",
    multiple=True,
    metavar="NAME",
    help="That has a say: statistical, seasonal.  [default: those of the workspace]",
)
@workspace_option
@json_option
def set_(
    metric: str,
    sensitivity: str,
    labels: Sequence[str],
    algorithms: Sequence[str],
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Look at a series with this sensitivity from the next bucket on."""
    with opened(workspace, "detectors") as handle:
        made = handle.save_detector(
            metric,
            sensitivity=_sensitivity(sensitivity),
            labels=_labels(labels),
            algorithms=list(algorithms) or None,
        )
    if as_json:
        print_json(made)
    else:
        say(
            f"{_series(made)} is flagged from a score of {made.threshold:.2f}: about "
            f"{made.false_alarms_per_week:.2g} false alarms a week where nothing is wrong."
        )
        if made.asked:
            say(f"{made.asked} is watched as {made.metric}, which says the same.")


@detectors.command("reset", short_help="Take back what was chosen for a series.")
@click.argument("metric")
@_LABEL
@workspace_option
@json_option
def reset(metric: str, labels: Sequence[str], workspace: Path | None, as_json: bool) -> None:
    """Look at a series as its metric, or the workspace, says again."""
    wanted = _labels(labels)
    with opened(workspace, "detectors") as handle:
        every = handle.detectors(metric).chosen
        mine = next((each for each in every if each.labels == wanted), None)
        if mine is None:
            raise click.ClickException(f"nothing was chosen for {metric} {wanted or ''}".rstrip())
        gone = handle.reset_detector(mine.id)
    if as_json:
        print_json(gone)
    else:
        say(f"{_series(gone)} is looked at as before; it was {gone.sensitivity}.")


def _labels(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign:
            raise click.BadParameter(f"{each!r} is not NAME=VALUE.", param_hint="--label")
        found[name] = value
    return found


def _sensitivity(given: str) -> str | float:
    try:
        return float(given)
    except ValueError:
        return given


def _series(each: DetectorAnswer) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in each.labels.items())
    return f"{each.metric} ({labels})" if labels else each.metric


def _show(found: DetectorsAnswer) -> None:
    from datawatch_lab.cli.show import console, grid, row

    out = console()
    if not found.enabled:
        out.print("Nothing looks for anomalies: anomaly.enabled is false.")
    elif found.learning:
        out.print(
            f"Learning the history of {found.learning.series:,} series: "
            f"{found.learning.share:.0%} done."
        )
    out.print(f"{found.watched:,} series are watched, at {found.sensitivity} where none is chosen.")
    if found.models.wanted:
        out.print(
            f"River's models look at {found.models.ready:,} of {found.models.wanted:,}, in "
            f"{found.models.share:.0%} of a core at most; {found.models.skipped:,} buckets were "
            "left out."
        )
    if found.models.failed:
        out.print(f"Models of {found.models.failed:,} series failed; the log has the reasons.")
    if not found.chosen:
        return
    numbers = ("Score from", "False alarms a week")
    table = grid(("Series", "Sensitivity", "Algorithms", *numbers, "By"), numbers=numbers)
    for each in found.chosen:
        row(
            table,
            _series(each),
            str(each.sensitivity),
            ", ".join(each.algorithms or found.algorithms),
            f"{each.threshold:.2f}",
            f"{each.false_alarms_per_week:.2g}",
            each.by,
        )
    out.print(table)
