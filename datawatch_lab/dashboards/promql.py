"""Queries of tiles as PromQL, over what is written to Prometheus.

A metric is there under `core.dashboards.prometheus_name`, with its labels, as one sample a minute:
its value of that minute. So a count over a range is the sum of its samples, a gauge the last one.
"""

from __future__ import annotations

from collections.abc import Mapping

from datawatch_lab.core.dashboards import Filters, TileQuery, prometheus_name
from datawatch_lab.core.names import SPLIT_LABEL, prometheus_label, split_by
from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef

_OVER: Mapping[str, str] = {
    "sum": "sum_over_time",
    "count": "sum_over_time",
    "min": "min_over_time",
    "max": "max_over_time",
    "avg": "avg_over_time",
    "rate": "avg_over_time",
    "last": "last_over_time",
    "distinct": "max_over_time",
    "p50": "avg_over_time",
    "p90": "avg_over_time",
    "p95": "avg_over_time",
    "p99": "avg_over_time",
}
_ACROSS: Mapping[str, str] = {
    "sum": "sum",
    "count": "sum",
    "rate": "sum",
    "last": "sum",
    "min": "min",
    "distinct": "max",
    "max": "max",
}
_BACK = {"previous_period": "$__range", "same_hour_yesterday": "1d", "same_hour_last_week": "1w"}


def promql(
    query: TileQuery,
    metrics: Mapping[str, MetricDef],
    *,
    over: str = "$__interval",
    back: bool = False,
) -> str:
    """A query about a metric as PromQL.

    Args:
        query: of a tile.
        metrics: of the workspace; a metric that is not there is taken for a sum.
        over: range of each value; ``$__range`` for one value of all.
        back: of the time that the query is compared with.
    """
    metric = metrics.get(query.metric)
    how = query.aggregation or (metric.aggregation.value if metric else "sum")
    name = prometheus_name(reading(query.metric, how, metrics))
    shift = f" offset {_BACK[query.compare]}" if back and query.compare in _BACK else ""
    samples = f"{name}{_selector(query, metric)}[{over}]{shift}"
    by = f" by ({', '.join(map(prometheus_label, query.by))})" if query.by else ""
    return f"{_ACROSS.get(how, 'avg')}{by} ({_OVER[how]}({samples}))"


def reading(name: str, how: str, metrics: Mapping[str, MetricDef]) -> str:
    """The metric that reads the same field by the asked aggregation, where there is one."""
    metric = metrics.get(name)
    if metric is None or metric.aggregation == how or not metric.field:
        return name
    alike = (
        each.name
        for each in metrics.values()
        if each.table == metric.table
        and each.field == metric.field
        and each.measure is metric.measure
        and each.aggregation is Aggregation(how)
    )
    return next(alike, name)


def shared_filters(filters: Filters, query: TileQuery, metrics: Mapping[str, MetricDef]) -> Filters:
    """A query's filters, and those of its board whose labels its metric has."""
    metric = metrics.get(query.metric)
    kept = {k: v for k, v in filters.items() if metric is None or k in metric.labels}
    return {**kept, **query.filters}


def _selector(query: TileQuery, metric: MetricDef | None) -> str:
    parts = [_matcher(label, value) for label, value in sorted(query.filters.items())]
    if metric is not None:
        names = {*query.by, *query.filters}
        if names and metric.measure is MeasureKind.CUSTOM:
            names = set(metric.labels)  # its series carry all labels, or none
        parts.insert(0, f'{SPLIT_LABEL}="{split_by(metric, names)}"')
    return "{" + ", ".join(parts) + "}" if parts else ""


def _matcher(label: str, value: str | tuple[str, ...]) -> str:
    name = prometheus_label(label)
    values = (value,) if isinstance(value, str) else value
    if any(each.startswith("$") and not each.startswith("$$") for each in values):
        return f'{name}=~"{"|".join(_variable(each) for each in values)}"'
    if len(values) == 1:
        return f'{name}="{quoted(_bare(values[0]))}"'
    return f'{name}=~"{"|".join(quoted(_regular(_bare(each))) for each in values)}"'


def _variable(value: str) -> str:
    is_name = value.startswith("$") and not value.startswith("$$")
    return "${" + value[1:] + ":regex}" if is_name else quoted(_regular(_bare(value)))


def _bare(value: str) -> str:
    return value[1:] if value.startswith("$$") else value


def _regular(value: str) -> str:
    r"""A value as a pattern of RE2 that means itself."""
    return "".join("\\" + each if each in r"\.+*?()|[]{}^$" else each for each in value)


def quoted(value: str) -> str:
    r"""A value as it stands between double quotes of PromQL."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
