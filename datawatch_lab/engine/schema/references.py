"""What a column or a table is used by: the blast radius of a change.

A later stage adds what it has (dashboards, reports) as one more function of `REFERRERS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from datawatch_lab.core.quality import Rule, reference_of
from datawatch_lab.core.schema_changes import Kind, Reference, SchemaShape, Step, qualified
from datawatch_lab.core.values import CustomMetric, Formula, MetricDef, TableInfo
from datawatch_lab.engine.dashboards import Dashboards
from datawatch_lab.engine.dashboards.references import tiles_reading
from datawatch_lab.metrics.book import label_name
from datawatch_lab.metrics.custom import program_of
from datawatch_lab.metrics.formulas import names_in

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

Referrer = Callable[["Engine", TableInfo, str], Iterable[Reference]]
"""Given the engine, a table and a column ('' for the whole table): what uses it."""

_MOST = 500
_GROUPED = "it is grouped by"
_OF_COLUMNS = frozenset(
    {
        *(Kind.DROP_COLUMN, Kind.RENAME_COLUMN, Kind.MODIFY_COLUMN),
        *(Kind.CHANGE_PRECISION, Kind.CHANGE_NULLABILITY, Kind.CHANGE_DEFAULT),
        *(Kind.ADD_ENUM_VALUE, Kind.DROP_ENUM_VALUE, Kind.RENAME_ENUM_VALUE),
    }
)
_OF_TABLES = frozenset({Kind.DROP_TABLE, Kind.RENAME_TABLE, Kind.DROP_PRIMARY_KEY, Kind.UNPARSED})
_OF_KEYS = frozenset({Kind.DROP_FOREIGN_KEY, Kind.DROP_INDEX, Kind.ADD_FOREIGN_KEY, Kind.ADD_INDEX})


def references_of(engine: Engine, step: Step, shape: SchemaShape) -> tuple[Reference, ...]:
    """What a step touches, as of now.

    Args:
        engine: that knows the metrics, and what later stages have.
        step: the change.
        shape: before it, for columns of a named type.
    """
    found: dict[tuple[str, str], Reference] = {}
    for table, column in _touched(step, shape):
        info = table_named(engine, table)
        if info is None:
            continue
        for referrer in REFERRERS:
            for each in referrer(engine, info, column):
                found.setdefault((each.kind, each.name), each)
    return tuple(found.values())[:_MOST]


def _touched(step: Step, shape: SchemaShape) -> Iterator[tuple[str, str]]:
    """(table, column) pairs that a step is about."""
    if step.table and step.kind in _OF_COLUMNS:
        yield step.table, step.name
    elif step.table and step.kind in _OF_TABLES:
        yield step.table, ""
    elif step.table and step.kind in _OF_KEYS:
        for column in (step.after or step.before or {}).get("columns", ()):
            yield step.table, column
    elif not step.table and step.name:
        for name, table in shape.tables.items():
            for column_shape in table.columns:
                if column_shape.type == step.name:
                    yield name, column_shape.name


def table_named(engine: Engine, name: str) -> TableInfo | None:
    """The table of the workspace that a qualified name of its source means; None for none."""
    tables = engine.tables()
    exact = (each for each in tables if qualified(each.schema, each.table) == name)
    bare = (each for each in tables if each.schema and each.table == name == each.name)
    return next(exact, None) or next(bare, None)


def _metrics(engine: Engine, table: TableInfo, column: str) -> Iterator[Reference]:
    """Metrics of the table that read the column, and formulas over those."""
    touched: dict[str, str] = {}
    metrics = engine.metrics()
    for metric in metrics.values():
        how = _metric_reads(metric, table, column)
        if how:
            touched[metric.name] = how
    formulas = [each for each in metrics.values() if isinstance(each.definition, Formula)]
    grown = True
    while grown:
        grown = False
        for each in formulas:
            over = names_in(each.definition) & touched.keys()  # type: ignore[arg-type]
            if over and each.name not in touched:
                touched[each.name] = f"its formula is over {', '.join(sorted(over)[:3])}"
                grown = True
    for name, how in touched.items():
        yield Reference(kind="metric", name=name, how=how)


def _metric_reads(metric: MetricDef, table: TableInfo, column: str) -> str:
    """Why a metric reads a column, in words; '' when it does not."""
    if metric.table != table.name or isinstance(metric.definition, Formula):
        return ""
    if not column:
        return f"it is made of {table.name}"
    if isinstance(metric.definition, CustomMetric):
        used = {name for _, name in program_of(metric.definition).used}
        if column in used:
            return f"its definition reads {column}"
        return f"{_GROUPED} {column}" if column in metric.definition.group_by else ""
    if metric.field == column:
        return f"it is made of {column}"
    return f"{_GROUPED} {column}" if label_name(column) in metric.labels else ""


def _dashboards(engine: Engine, table: TableInfo, column: str) -> Iterator[Reference]:
    """Tiles and variables of dashboards that read the column, or a metric that does."""
    touched = {each.name for each in _metrics(engine, table, column)}
    return tiles_reading(engine.beside(Dashboards).all(), table.name, column, touched)


def _keys(engine: Engine, table: TableInfo, column: str) -> Iterator[Reference]:
    """The live table, whose rows are told apart by its key."""
    del engine
    if table.key and (column in table.key or not column):
        words = f"rows are told apart by {', '.join(table.key)}"
        yield Reference(kind="key", name=f"live.{table.name}", how=words)


def _corrections(engine: Engine, table: TableInfo, column: str) -> Iterator[Reference]:
    """What users and the configuration say of the column."""
    del engine
    for each in table.columns:
        if each.name == column and each.corrected_by:
            how = f"its role {each.role} was set by the {each.corrected_by}"
            yield Reference(kind="correction", name=f"{table.name}.{column}", how=how)


def _quality_rules(engine: Engine, table: TableInfo, column: str) -> Iterator[Reference]:
    """Rules of quality that read the column, or that look values up in it."""
    for stored in engine.quality.rules:
        rule = stored.rule
        how = ""
        if rule.table == table.name and (not column or column in _columns_of(rule)):
            how = f"it checks {column}" if column else f"it checks {table.name}"
        elif rule.references:
            parent, name = reference_of(rule)
            if parent == table.name and column in ("", name):
                how = f"it looks values up in {rule.references}"
        if how:
            yield Reference(kind="quality rule", name=rule.title, how=how)


def _columns_of(rule: Rule) -> set[str]:
    """Columns that a rule reads: those that it names, and words of its expressions."""
    words = f"{rule.expression} {rule.filter} {rule.sql}"
    return {*rule.columns, *re.findall(r"[^\W\d]\w*", words)}


def _alert_rules(engine: Engine, table: TableInfo, column: str) -> Iterator[Reference]:
    """Alert rules on metrics that the change touches, or on the table itself."""
    from datawatch_lab.engine.alerting import Alerting

    found = {each.name: each.how for each in _metrics(engine, table, column)}
    read = {name for name, how in found.items() if not how.startswith(_GROUPED)}
    for name, metrics, tables, labels in engine.beside(Alerting).subjects():
        over = sorted(metrics & (found.keys() if label_name(column) in labels else read))
        if over:
            yield Reference(kind="alert", name=name, how=f"it is about {', '.join(over[:3])}")
        elif table.name in tables and not column:
            yield Reference(kind="alert", name=name, how=f"it is about {table.name}")


REFERRERS: list[Referrer] = [
    *(_metrics, _keys, _corrections, _dashboards),
    *(_quality_rules, _alert_rules),
]
"""All who may use a column; a stage adds its own function here."""
