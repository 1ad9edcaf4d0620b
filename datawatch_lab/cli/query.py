"""The verb query: a metric over a range, as numbers, as a small chart, or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.charts import bar, columns, spark
from datawatch_lab.cli.options import json_option, opened, print_json, workspace_option

if TYPE_CHECKING:
    from rich.console import Console

    from datawatch_lab.service.answers import QueryAnswer, SeriesAnswer
    from datawatch_lab.service.operations.metrics import ComparisonAnswer

COMPARISONS = ("previous_period", "same_hour_yesterday", "same_hour_last_week")
_HEIGHT = 8
_LAST = 5
_MAX_SERIES = 30


@click.command(short_help="Ask for a metric over a range.")
@click.argument("metric")
@click.option("--from", "start", metavar="TIME", help="Start: 2026-01-31T12:00, -1h, today.")
@click.option("--to", "end", metavar="TIME", help="End.  [default: now, or where the data ends]")
@click.option("--step", metavar="WIDTH", help="Points this far apart: 1s, 1m, 5m, 1h, 1d, 1w, 1mo.")
@click.option(
    "--aggregation",
    metavar="NAME",
    help="avg, sum, count, min, max, p50, p90, p95, p99, rate, distinct or last.",
)
@click.option(
    "--by",
    "group_by",
    multiple=True,
    metavar="LABEL",
    help="One series for each value of LABEL; may be repeated, or several with commas.",
)
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="LABEL=VALUE",
    help="Only rows whose label has the value; may be repeated.",
)
@click.option(
    "--compare",
    type=click.Choice(COMPARISONS),
    help="Set the values beside those of an earlier time.",
)
@click.option(
    "--points",
    type=click.IntRange(min=12),
    metavar="N",
    help="At most so many points over time, such as pixels; the highest and the lowest stay.",
)
@click.option(
    "--backend",
    metavar="NAME",
    help="Let prometheus, influxdb, timescale or clickhouse answer, and not the workspace.",
)
@workspace_option
@json_option
def query(metric: str, workspace: Path | None, as_json: bool, **how: Any) -> None:
    """Ask for a METRIC over a range.

    Without --step or --points, one value for each series; with one of them, its points. Without
    --from, the last hour, or the range that the data has when that is history.
    """
    step, points = how.pop("step"), how.pop("points")
    from datawatch_lab.service.operations.metrics import write_filters

    by = ",".join(how.pop("group_by")) or None
    asked = {**how, "filters": write_filters(how.pop("filters")), "group_by": by}
    with opened(workspace, "query") as handle:
        if step is not None or points is not None:
            answer, course = handle.range(metric, step=step, points=points, **asked), None
        else:
            answer = handle.query(metric, **asked)
            is_alone = not as_json and by is None
            plain = {**asked, "compare": None}
            course = handle.range(metric, **plain) if is_alone else None
    if as_json:
        print_json(answer)
    else:
        _show(answer, course)


def _show(answer: QueryAnswer, course: QueryAnswer | None) -> None:
    from datawatch_lab.cli.show import console
    from datawatch_lab.cli.show import text as shown

    out = console()
    step = f", every {answer.step}" if answer.step else ""
    span = f"{text.moment(answer.start)} to {text.moment(answer.end)} UTC"
    out.print(shown(answer.metric, "bold"), shown(f"{answer.aggregation}, {span}{step}", "dim"))
    comparison = getattr(answer, "comparison", None)
    if comparison:
        _show_comparison(out, answer, comparison)
        return
    if not any(value is not None for each in answer.series for _, value in each.points):
        out.print("No data in this range.")
    elif answer.step is None:
        _show_values(out, answer)
        if course is not None and course.series:
            _show_course(out, course, course.series[0])
    elif len(answer.series) == 1:
        _show_course(out, answer, answer.series[0])
        _show_last(out, answer, answer.series[0])
    else:
        _show_sparks(out, answer)


def _show_comparison(out: Console, answer: QueryAnswer, comparison: ComparisonAnswer) -> None:
    """Values now and then with their difference: each point of one series, the last of several."""
    from datawatch_lab.cli.show import grid, row
    from datawatch_lab.cli.show import text as shown

    if comparison.start is None or comparison.end is None:
        out.print("There is no such earlier time.")
        return
    words = comparison.compare.replace("_", " ")
    then = f"{text.moment(comparison.start)} to {text.moment(comparison.end)} UTC"
    out.print(shown(f"beside {words}, {then}", "dim"))
    now = {tuple(each.labels.items()): dict(each.points) for each in answer.series}
    alone = len(comparison.series) == 1 and answer.step is not None
    heads = ("Now", "Then", "Difference", "Change")
    listed = grid(("Time (UTC)" if alone else "Series", *heads), numbers=heads)
    for each in comparison.series[:_MAX_SERIES]:
        values = now.get(tuple(each.labels.items()), {})
        parts = list(zip(each.points, each.difference, each.ratio, strict=True))
        for (at, old), difference, ratio in parts if alone else parts[-1:]:
            row(
                listed,
                _moment(answer, at) if alone else _label_words(each.labels),
                text.value(values.get(at), answer.unit),
                text.value(old, answer.unit),
                text.value(difference, answer.unit),
                "–" if ratio is None else f"{100 * (ratio - 1):+.1f} %",
            )
    out.print(listed)
    _say_rest(out, len(comparison.series))


def _moment(answer: QueryAnswer, at: str) -> str:
    """Start of a bucket; one that is not over yet says so, since it stands beside a whole one."""
    return text.moment(at) + (" (not over)" if at == answer.open else "")


def _label_words(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels.items()) or "all"


def _name(series: SeriesAnswer) -> str:
    return _label_words(series.labels)


def _show_values(out: Console, answer: QueryAnswer) -> None:
    """One value a series, with bars where there are several."""
    from datawatch_lab.cli.show import grid, row

    pairs = [(each, each.points[-1][1] if each.points else None) for each in answer.series]
    if len(pairs) == 1 and not pairs[0][0].labels:
        out.print(text.value(pairs[0][1], answer.unit))
        return
    pairs.sort(key=lambda pair: -(pair[1] or 0.0))
    largest = max(abs(value or 0.0) for _, value in pairs)
    width = max(10, min(40, out.width - 50))
    listed = grid(("Series", "Value", ""), numbers=("Value",))
    for each, value in pairs[:_MAX_SERIES]:
        row(
            listed,
            _name(each),
            text.value(value, answer.unit),
            bar(abs(value or 0), largest, width),
        )
    out.print(listed)
    _say_rest(out, len(pairs))


def _show_course(out: Console, answer: QueryAnswer, series: SeriesAnswer) -> None:
    """A column chart with its highest and lowest value at the side and the times below."""
    values = [value for _, value in series.points]
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return
    high, low = (
        text.value(max([0.0, *known]), answer.unit),
        text.value(min([0.0, *known]), answer.unit),
    )
    side = max(len(high), len(low))
    width = max(10, min(out.width, 120) - side - 3)
    lines = columns(values, width, _HEIGHT)
    out.print()
    for number, line in enumerate(lines):
        label = high if number == 0 else low if number == len(lines) - 1 else ""
        out.print(f"{label:>{side}} ┤{line}", no_wrap=True)
    first, last = text.moment(series.points[0][0]), text.moment(series.points[-1][0])
    room = len(lines[0]) - len(first) - len(last)
    times = f"{first}{' ' * room}{last}" if room > 0 else f"{first} … {last}"
    out.print(f"{'':>{side}}  {times}", no_wrap=True)


def _show_last(out: Console, answer: QueryAnswer, series: SeriesAnswer) -> None:
    from datawatch_lab.cli.show import grid, row

    listed = grid(("Time (UTC)", "Value"), numbers=("Value",))
    for at, value in series.points[-_LAST:]:
        is_open = answer.open is not None and at >= answer.open
        row(
            listed,
            text.moment(at) + (" (not over)" if is_open else ""),
            text.value(value, answer.unit),
        )
    out.print()
    out.print(listed)


def _show_sparks(out: Console, answer: QueryAnswer) -> None:
    """One line a series."""
    from datawatch_lab.cli.show import grid, row

    listed = grid(
        ("Series", "Course", "Lowest", "Highest", "Last"), numbers=("Lowest", "Highest", "Last")
    )
    width = max(10, min(60, out.width - 70))
    for each in answer.series[:_MAX_SERIES]:
        values = [value for _, value in each.points]
        known = [value for value in values if value is not None]
        ends = (min(known), max(known), known[-1]) if known else (None, None, None)
        row(listed, _name(each), spark(values, width), *(text.value(v, answer.unit) for v in ends))
    out.print(listed)
    _say_rest(out, len(answer.series))


def _say_rest(out: Console, total: int) -> None:
    if total > _MAX_SERIES:
        out.print(f"… and {total - _MAX_SERIES:,} more series; --json gives all.")
