"""The verb metric: define, change, show and drop metrics of one's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from datawatch_lab.cli.options import json_option, on_terminal, opened, print_json, workspace_option

if TYPE_CHECKING:
    from datawatch_lab.service.handle import Workspace
    from datawatch_lab.service.operations.metrics import MetricDetail

Verb = TypeVar("Verb", bound=Callable[..., Any])

_PAUSE_SECONDS = 0.5


_HELP = """Define, change, show and drop metrics of your own.

\b
datawatch metric define revenue --table orders --aggregation sum
    --expression 'amount * quantity' --filter "status = 'paid'" --by country
datawatch metric define average_order --formula 'orders_amount_sum / orders_inserts_total'
"""


@click.group(short_help="Define metrics of your own.", help=_HELP)
def metric() -> None:
    """Metrics of users."""


def _definition(verb: Verb) -> Verb:
    """Add the options that say what a metric is."""
    for option in (
        click.option("--table", default="", metavar="TABLE", help="The table whose changes count."),
        click.option("--expression", default="", metavar="SQL", help="Over the columns of a row."),
        click.option("--filter", "filter_", default="", metavar="SQL", help="Rows that count."),
        click.option(
            "--aggregation",
            default="count",
            metavar="NAME",
            help="count, sum, avg, min, max, p50, p90, p95, p99, rate, distinct or last.",
        ),
        click.option(
            "--on",
            type=click.Choice(["inserts", "updates", "deletes", "changes"]),
            default="inserts",
            help="The changes that count.",
        ),
        click.option(
            "--by", "group_by", multiple=True, metavar="COLUMN", help="A label; may be repeated."
        ),
        click.option("--formula", default="", metavar="FORMULA", help="Over other metrics."),
        click.option("--unit", default="", metavar="UNIT", help="Such as EUR, s, 1/min."),
        click.option("--description", default="", metavar="TEXT", help="One sentence."),
        click.option(
            "--no-backfill", "backfill", flag_value=False, default=True, help="Count from now on."
        ),
    ):
        verb = option(verb)
    return verb


@metric.command("define", short_help="Define a metric.")
@click.argument("name")
@_definition
@workspace_option
@json_option
def define(name: str, workspace: Path | None, as_json: bool, **what: Any) -> None:
    """Define a metric NAME over the changes of a table, or as a formula."""
    _put("define_metric", name, workspace, what, as_json=as_json)


@metric.command("change", short_help="Define a metric anew.")
@click.argument("name")
@_definition
@workspace_option
@json_option
def change(name: str, workspace: Path | None, as_json: bool, **what: Any) -> None:
    """Define the metric NAME anew: what is not said is as it is for a new one."""
    _put("change_metric", name, workspace, what, as_json=as_json)


def _put(
    operation: str, name: str, workspace: Path | None, what: dict[str, Any], *, as_json: bool
) -> None:
    from datawatch_lab.service.operations import custom

    what["filter"], what["group_by"] = what.pop("filter_"), list(what["group_by"])
    body = custom.MetricBody(name=name, **what)
    put = custom.define_metric if operation == "define_metric" else custom.change_metric
    with opened(workspace, "metric") as handle:
        made = _filled(handle, handle.caller.call(put, body))
    if as_json:
        print_json(made)
    else:
        _show(made)


def _filled(handle: Workspace, made: MetricDetail) -> MetricDetail:
    """Wait until a back-fill is done, and say how far it is meanwhile."""
    from datawatch_lab.service.operations import metrics

    while made.backfill is not None and made.backfill.wanted and not made.backfill.complete:
        if on_terminal():
            click.echo(f"\rFilled from the log: {made.backfill.share:.0%} ", nl=False, err=True)
        time.sleep(_PAUSE_SECONDS)
        made = handle.caller.call(metrics.get_metric, metrics.MetricAsk(name=made.name))
    return made


@metric.command("show", short_help="Show the definition of a metric.")
@click.argument("name")
@workspace_option
@json_option
def show(name: str, workspace: Path | None, as_json: bool) -> None:
    """Show what the metric NAME is and how much of the past it covers."""
    from datawatch_lab.service.operations import metrics

    with opened(workspace, "metric") as handle:
        found = handle.caller.call(metrics.get_metric, metrics.MetricAsk(name=name))
    if as_json:
        print_json(found)
    else:
        _show(found)


@metric.command("drop", short_help="Drop a metric.")
@click.argument("name")
@workspace_option
@json_option
def drop(name: str, workspace: Path | None, as_json: bool) -> None:
    """Drop the metric NAME and what it counted. Automatic metrics are not dropped."""
    from datawatch_lab.service.operations import custom

    with opened(workspace, "metric") as handle:
        gone = handle.caller.call(custom.drop_metric, custom.DropAsk(name=name))
    if as_json:
        print_json(gone)
    else:
        click.echo(f"{gone.name} is dropped.")


def _show(found: MetricDetail) -> None:
    from datawatch_lab.cli.show import console, grid, row

    listed = grid(("Part", "Says"), title=found.name)
    for head, said in _lines(found):
        if said:
            row(listed, head, said)
    console().print(listed)


def _lines(found: MetricDetail) -> list[tuple[str, str]]:
    lines = [("Meaning", found.description)]
    definition = found.definition
    if definition is not None:
        lines += [
            ("Formula", definition.formula),
            ("Table", f"{definition.table} ({definition.on})" if definition.table else ""),
            ("Expression", definition.expression),
            ("Filter", definition.filter),
        ]
    lines += [
        ("Aggregation", found.aggregation),
        ("Labels", ", ".join(found.labels)),
        ("Unit", found.unit),
    ]
    backfill = found.backfill
    if backfill is not None:
        since = f"since {backfill.since}" if backfill.since else "from its definition on"
        share = f"filled from the log: {backfill.share:.0%}"
        covers = "all of the log" if backfill.complete else share if backfill.wanted else since
        lines.append(("Covers", covers))
    return lines
