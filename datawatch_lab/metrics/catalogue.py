"""The automatic metrics: which measures a table needs and which names they are read by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, count

from datawatch_lab.core.names import slug
from datawatch_lab.core.values import (
    Aggregation,
    Column,
    MeasureDef,
    MeasureKind,
    MetricDef,
    Role,
    TableInfo,
)
from datawatch_lab.metrics.book import label_name
from datawatch_lab.metrics.stage import split_fields
from datawatch_lab.metrics.units import unit_of

Wanted = tuple[MeasureKind, str]
"""A measure of a table: its kind and the field it is about, or ''."""

_OPS = (
    ("c", "inserts", "created", "inserted"),
    ("u", "updates", "updated", "updated"),
    ("d", "deletes", "deleted", "deleted"),
)
_AGGREGATIONS = {
    Aggregation.SUM: "Sum",
    Aggregation.AVG: "Average",
    Aggregation.MIN: "Smallest value",
    Aggregation.MAX: "Largest value",
    Aggregation.P50: "Median",
    Aggregation.P95: "95th percentile",
    Aggregation.P99: "99th percentile",
}
_NO_KEY = "The table has no key, so it is taken as append-only and has no current-state metrics."


def wanted_measures(table: TableInfo) -> tuple[Wanted, ...]:
    """The measures that a table's automatic metrics read, in order of its columns."""
    keyed = bool(table.key)
    wanted: list[Wanted] = [(MeasureKind.CHANGES, ""), (MeasureKind.LAG, "")]
    if keyed:
        wanted.append((MeasureKind.ROWS, ""))
    for column in table.columns:
        wanted.append((MeasureKind.NULLS, column.name))
        wanted += [(kind, column.name) for kind in _kinds(column.role, keyed=keyed)]
    return tuple(wanted)


def _kinds(role: Role, *, keyed: bool) -> tuple[MeasureKind, ...]:
    if role is Role.NUMERIC:
        return (MeasureKind.VALUE, MeasureKind.NET) if keyed else (MeasureKind.VALUE,)
    if role in (Role.STATUS, Role.BOOLEAN):
        return (MeasureKind.STATE, MeasureKind.TRANSITION) if keyed else ()
    if role is Role.ID:
        return (MeasureKind.DISTINCT,)
    if role is Role.TIMESTAMP:
        return (MeasureKind.NEWEST,)
    return ()


def reconcile(
    tables: Iterable[TableInfo], measures: Sequence[MeasureDef], *, next_id: int = 1
) -> tuple[tuple[MeasureDef, ...], tuple[int, ...]]:
    """Compare what some tables need with what there is.

    Args:
        tables: the tables in question.
        measures: all measures there are; those of other tables are left alone.
        next_id: ids of new measures start here, or after the largest id in ``measures``.

    Returns:
        New measures, and the ids of those that no metric reads any more (a role has changed); those
        of custom metrics are left alone.
    """
    tables = tuple(tables)
    have = {
        (each.table_id, each.kind, each.field): each.id
        for each in measures
        if each.kind is not MeasureKind.CUSTOM
    }
    want = [(table.id, kind, field) for table in tables for kind, field in wanted_measures(table)]
    first = max([next_id, *(each.id + 1 for each in measures)])
    missing = [key for key in want if key not in have]
    new = tuple(
        MeasureDef(id=first + place, table_id=table_id, kind=kind, field=field)
        for place, (table_id, kind, field) in enumerate(missing)
    )
    mine, kept = {table.id for table in tables}, set(want)
    dropped = tuple(id_ for key, id_ in have.items() if key[0] in mine and key not in kept)
    return new, dropped


def metrics_of(
    tables: Iterable[TableInfo], reserved: Collection[str] = ()
) -> tuple[MetricDef, ...]:
    """Every automatic metric, with unique names, in order of table id and column.

    Where two would have one name, the first keeps it: workspace metrics, then tables in order of
    id. The other is spelled with two underscores between table and field (``a__b_c_sum``), then
    with a number. Names that differ by case are different names. ``reserved`` names, of metrics
    that users defined, are taken too.
    """
    taken: dict[str, MetricDef] = {}
    ordered = sorted(tables, key=lambda table: table.id)
    for prefix, rest, metric in _all(ordered):
        name = f"{prefix}_{rest}" if prefix else rest
        options = chain((name, f"{prefix}__{rest}"), (f"{name}_{n}" for n in count(2)))
        free = next(option for option in options if option not in taken and option not in reserved)
        taken[free] = _named(metric, free)
    return tuple(taken.values())


def _named(metric: MetricDef, name: str) -> MetricDef:
    return MetricDef(
        name=name,
        table=metric.table,
        field=metric.field,
        kind=metric.kind,
        unit=metric.unit,
        labels=metric.labels,
        auto=True,
        description=metric.description,
        measure=metric.measure,
        op=metric.op,
        aggregation=metric.aggregation,
    )


def _all(tables: Sequence[TableInfo]) -> Iterator[tuple[str, str, MetricDef]]:
    """(table part, rest of the name, metric without a name) of every metric."""
    yield (
        "",
        "events_total",
        _metric(
            "",
            "",
            MeasureKind.CHANGES,
            "Changes of all tables.",
            kind="counter",
            unit="1",
            labels=("table", "op"),
        ),
    )
    for table in tables:
        prefix = slug(table.name)
        for rest, metric in _of_table(table):
            yield prefix, rest, metric
        for column in table.columns:
            for rest, metric in _of_column(table, column):
                yield prefix, rest, metric


def _metric(  # noqa: PLR0913 — the attributes of a metric, by keyword
    table: str,
    field: str,
    measure: MeasureKind,
    description: str,
    *,
    kind: str,
    unit: str,
    labels: tuple[str, ...] = (),
    op: str = "",
    aggregation: Aggregation = Aggregation.SUM,
) -> MetricDef:
    return MetricDef(
        name="",
        table=table,
        field=field,
        kind=kind,
        unit=unit,
        labels=labels,
        auto=True,
        description=description,
        measure=measure,
        op=op,
        aggregation=aggregation,
    )


def split_labels(table: TableInfo) -> tuple[str, ...]:
    """Labels that counts and values of a table are split by."""
    return tuple(label_name(name) for name in split_fields(table))


def _of_table(table: TableInfo) -> Iterator[tuple[str, MetricDef]]:
    name, labels, note = table.name, split_labels(table), "" if table.key else f" {_NO_KEY}"
    for rest in ("total", "events_total"):
        text = f"Changes of {name}: inserts, updates and deletes.{note}"
        every = ("op", *labels)
        yield (
            rest,
            _metric(name, "", MeasureKind.CHANGES, text, kind="counter", unit="1", labels=every),
        )
    for op, plural, done, _ in _OPS:
        text = f"{plural.capitalize()} of {name}.{note}"
        yield (
            f"{plural}_total",
            _metric(
                name, "", MeasureKind.CHANGES, text, kind="counter", unit="1", labels=labels, op=op
            ),
        )
        yield f"{done}_rate", _rate(name, op, labels)
    if table.key:
        text = f"Rows now in {name}."
        yield (
            "rows",
            _metric(
                name,
                "",
                MeasureKind.ROWS,
                text,
                kind="gauge",
                unit="1",
                aggregation=Aggregation.LAST,
            ),
        )
    text = f"Time from a change of {name} to its receipt."
    yield (
        "lag_seconds",
        _metric(
            name,
            "",
            MeasureKind.LAG,
            text,
            kind="distribution",
            unit="s",
            aggregation=Aggregation.AVG,
        ),
    )


def _rate(name: str, op: str, labels: tuple[str, ...]) -> MetricDef:
    verb = next(past for letter, _, _, past in _OPS if letter == op)
    return _metric(
        name,
        "",
        MeasureKind.CHANGES,
        f"Rows of {name} {verb} per minute.",
        kind="rate",
        unit="1/min",
        labels=labels,
        op=op,
        aggregation=Aggregation.RATE,
    )


def _of_column(table: TableInfo, column: Column) -> Iterator[tuple[str, MetricDef]]:
    name = slug(column.name)
    if column.role is Role.NUMERIC:
        for rest, metric in _of_number(table, column):
            yield f"{name}_{rest}", metric
    elif column.role in (Role.STATUS, Role.BOOLEAN) and table.key:
        yield f"by_{name}", _state(table, column)
        yield f"{name}_transitions", _transitions(table, column)
    elif column.role is Role.ID:
        yield f"{name}_cardinality", _distinct(table, column)
    elif column.role is Role.TIMESTAMP:
        yield f"{name}_freshness_seconds", _freshness(table, column)
    text = f"Share of inserted rows of {table.name} whose {column.name} is null."
    nulls = _metric(
        table.name,
        column.name,
        MeasureKind.NULLS,
        text,
        kind="ratio",
        unit="ratio",
        aggregation=Aggregation.AVG,
    )
    yield f"{name}_null_ratio", nulls


def _of_number(table: TableInfo, column: Column) -> Iterator[tuple[str, MetricDef]]:
    unit, labels = unit_of(column.name), split_labels(table)
    for aggregation, words in _AGGREGATIONS.items():
        text = f"{words} of {column.name} over rows inserted into {table.name}."
        yield (
            aggregation.value,
            _metric(
                table.name,
                column.name,
                MeasureKind.VALUE,
                text,
                kind="distribution",
                unit=unit,
                labels=labels,
                aggregation=aggregation,
            ),
        )
    if table.key:
        text = f"Change of the total of {column.name} over the rows of {table.name}."
        yield (
            "net_sum",
            _metric(table.name, column.name, MeasureKind.NET, text, kind="gauge", unit=unit),
        )


def _state(table: TableInfo, column: Column) -> MetricDef:
    return _metric(
        table.name,
        column.name,
        MeasureKind.STATE,
        f"Rows of {table.name} now in each {column.name}.",
        kind="gauge",
        unit="1",
        labels=(label_name(column.name),),
        aggregation=Aggregation.LAST,
    )


def _transitions(table: TableInfo, column: Column) -> MetricDef:
    return _metric(
        table.name,
        column.name,
        MeasureKind.TRANSITION,
        f"Rows of {table.name} whose {column.name} changed, by what it was and became.",
        kind="counter",
        unit="1",
        labels=("from", "to"),
    )


def _distinct(table: TableInfo, column: Column) -> MetricDef:
    return _metric(
        table.name,
        column.name,
        MeasureKind.DISTINCT,
        f"Distinct values of {column.name} among rows inserted into {table.name}.",
        kind="gauge",
        unit="1",
        aggregation=Aggregation.DISTINCT,
    )


def _freshness(table: TableInfo, column: Column) -> MetricDef:
    return _metric(
        table.name,
        column.name,
        MeasureKind.NEWEST,
        f"Age of the newest {column.name} of {table.name}.",
        kind="gauge",
        unit="s",
        aggregation=Aggregation.LAST,
    )
