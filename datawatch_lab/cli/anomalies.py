"""The verb anomalies: what was found strange."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import json_option, opened, print_json, workspace_option

if TYPE_CHECKING:
    from datawatch_lab.service.operations.anomalies import AnomalyAnswer

_COLOURS = {"critical": "red", "high": "red", "medium": "yellow", "low": "dim"}


@click.command(short_help="List anomalies.")
@click.option("--from", "start", default="", metavar="T", help="Since; -1d, or a time.")
@click.option("--to", "end", default="", metavar="T", help="That began before.")
@click.option("--metric", default="", metavar="NAME", help="Only of this metric.")
@click.option("--table", default="", metavar="TABLE", help="Only of metrics of this table.")
@click.option("--severity", default="", metavar="S", help="This one or a worse one.")
@click.option("--active", is_flag=True, help="Only those that go on.")
@click.option("--incident", default="", metavar="ID", help="Only of this incident.")
@click.option(
    "--incidents/--each",
    default=None,
    help="A row an incident, or an anomaly.  [default: incidents; --json: each]",
)
@click.option("--wait", default="60s", metavar="D", help="First look at all data.  [default: 60s]")
@click.option("--limit", default=100, metavar="N", help="The newest.  [default: 100]")
@workspace_option
@json_option
def anomalies(  # noqa: PLR0913, PLR0917 — options of a verb
    start: str,
    end: str,
    metric: str,
    table: str,
    severity: str,
    active: bool,
    incident: str,
    incidents: bool | None,
    wait: str,
    limit: int,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """List anomalies, newest first: what, when, how much, and what was expected.

    What belongs together is one row: the strongest anomaly, and how many metrics moved with it.
    """
    grouped = not (as_json or incident) if incidents is None else incidents
    with opened(workspace, "anomalies") as handle:
        found = handle.anomalies(
            start,
            end=end,
            metric=metric,
            table=table,
            severity=severity,
            active=active,
            incident=incident,
            group="incident" if grouped else "",
            wait=wait,
            limit=limit,
        )
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(found: list[AnomalyAnswer]) -> None:
    from datawatch_lab.cli.show import console, grid, row
    from datawatch_lab.cli.show import text as shown

    out = console()
    if not found:
        out.print("No anomalies.")
        return
    numbers = ("Value", "Expected")
    table = grid(("Started (UTC)", "Metric", "What", "Severity", *numbers, "Over"), numbers=numbers)
    for each in found:
        group = each.group
        over = group.ended_at if group else each.ended_at
        row(
            table,
            text.moment(group.started_at if group else each.started_at),
            _what(each),
            each.type,
            shown(each.severity, _COLOURS[each.severity]),
            f"{each.value:,.4g}",
            f"{each.expected.min:,.4g} to {each.expected.max:,.4g}",
            "going on" if over is None else text.moment(over),
        )
    out.print(table)


def _what(each: AnomalyAnswer) -> str:
    """The metric, its labels, and what moved with it."""
    labels = ", ".join(f"{name}={value}" for name, value in each.labels.items())
    name = f"{each.metric_name} ({labels})" if labels else each.metric_name
    return f"{name} {each.group.more}".rstrip() if each.group else name
