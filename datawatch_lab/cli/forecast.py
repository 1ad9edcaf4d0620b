"""The verb forecast: what a metric will be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import json_option, opened, print_json, workspace_option

if TYPE_CHECKING:
    from datawatch_lab.service.operations.forecasts import ForecastAnswer, ForecastSeries

_ROWS = 12
_PAST = 500


@click.command(short_help="Say what a metric will be.")
@click.argument("metric")
@click.option(
    "--horizon", default="1h", metavar="D", help="How far ahead, 1m to 90d. [default: 1h]"
)
@click.option("--by", metavar="LABEL", help="One forecast per value of the label.")
@click.option(
    "--filter", "filters", multiple=True, metavar="L=V", help="Only where; may be repeated."
)
@click.option("--aggregation", metavar="NAME", help="In place of the metric's own.")
@click.option("--level", default=0.8, metavar="P", help="Of the interval.  [default: 0.8]")
@click.option(
    "--model", default="auto", metavar="NAME", help="auto, thorough, or one model.  [default: auto]"
)
@click.option("--threshold", type=float, metavar="X", help="Say when the metric passes it.")
@workspace_option
@json_option
def forecast(  # noqa: PLR0913, PLR0917 — options of a verb
    metric: str,
    horizon: str,
    by: str | None,
    filters: tuple[str, ...],
    aggregation: str | None,
    level: float,
    model: str,
    threshold: float | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Say what METRIC will be: a sentence, the values ahead, and how past forecasts did."""
    with opened(workspace, "forecast") as handle:
        found = handle.forecast(
            metric,
            horizon=horizon,
            by=by,
            filters=list(filters) or None,
            aggregation=aggregation,
            level=level,
            model=model,
            threshold=threshold,
            past=_PAST,
        )
    if as_json:
        print_json(found)
        return
    _show(found)


def _show(found: ForecastAnswer) -> None:
    from datawatch_lab.cli.show import console

    out = console()
    if not found.series:
        out.print("No data yet.")
    for each in found.series:
        if each.labels:
            out.print(", ".join(f"{k}={v}" for k, v in each.labels.items()), style="bold")
        out.print(each.recommendation)
        if each.points:
            _table(found, each)
    if found.left_out:
        out.print(f"… and {found.left_out:,} smaller series.")


def _table(found: ForecastAnswer, series: ForecastSeries) -> None:
    from datawatch_lab.cli.show import console, grid, row

    out = console()
    heads = ("Low", "Forecast", "High")
    table = grid(("From (UTC)", *heads), numbers=heads)
    apart = max(len(series.points) // _ROWS, 1)
    for each in series.points[apart - 1 :: apart]:
        row(table, text.moment(each.at), f"{each.low:.4g}", f"{each.value:.4g}", f"{each.high:.4g}")
    out.print(table)
    best = next((each for each in series.tested if each.mase is not None), None)
    said = f"Model {series.model}, chosen by back-test" if len(series.tested) > 1 else series.model
    if best is not None:
        said += f"; its error is {best.mase:.2f} of the seasonal naive one"
    out.print(f"{said}. Confidence {series.confidence:.2f}.", style="dim")
    did = series.accuracy
    if did is not None:
        out.print(
            f"{did.count:,} past forecasts: off by {did.mae:.4g} on average, {did.inside:.0%} of "
            f"what came lay in the interval (meant: {found.level:.0%}).",
            style="dim",
        )
