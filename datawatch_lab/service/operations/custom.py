"""Metrics of users: define, change, drop."""

from __future__ import annotations

from typing import Literal

import msgspec

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Aggregation, CustomMetric, Formula
from datawatch_lab.engine import Engine
from datawatch_lab.service.operation import API, operation
from datawatch_lab.service.operations.metrics import MetricDetail, detail


class MetricBody(msgspec.Struct, frozen=True, kw_only=True):
    """A metric as a user defines it: over the changes of a table, or a formula over metrics.

    Attributes:
        name: letters, digits and _.
        table: whose changes count.
        aggregation: count, sum, avg, min, max, p50, p90, p95, p99, rate, distinct or last.
        expression: over the columns of a row, such as ``amount * quantity``; none to count rows.
        filter: a condition, such as ``status = 'paid' and amount > 10``.
        on: the changes that count: inserts, updates, deletes or changes.
        group_by: columns whose values become labels, one series per combination.
        formula: over other metrics, such as ``orders_amount_sum / orders_inserts_total``; with it,
            none of the above but the name.
        unit: of its values, such as EUR, s, 1/min.
        description: one sentence.
        backfill: fill it from the log; else it counts from now on.
    """

    name: str
    table: str = ""
    aggregation: str = "count"
    expression: str = ""
    filter: str = ""
    on: Literal["inserts", "updates", "deletes", "changes"] = "inserts"
    group_by: list[str] = []
    formula: str = ""
    unit: str = ""
    description: str = ""
    backfill: bool = True


@operation("POST", f"{API}/metrics", role="editor", status=201)
def define_metric(engine: Engine, ask: MetricBody) -> MetricDetail:
    """Define a custom metric or a formula; filled from the log unless told otherwise."""
    return _put(engine, ask, replace=False)


@operation("PUT", f"{API}/metrics/{{name}}", role="editor")
def change_metric(engine: Engine, ask: MetricBody) -> MetricDetail:
    """Change a custom metric or a formula; what it counts is made anew where that changes."""
    return _put(engine, ask, replace=True)


def _put(engine: Engine, ask: MetricBody, *, replace: bool) -> MetricDetail:
    custom = engine.measures.custom
    if ask.formula:
        _check_alone(ask)
        formula = Formula(
            name=ask.name,
            expression=ask.formula.strip(),
            unit=ask.unit,
            description=ask.description,
        )
        custom.define_formula(engine, formula, replace=replace)
    else:
        custom.define(engine, _custom(ask), backfill=ask.backfill, replace=replace)
    return detail(engine, engine.metric(ask.name))


def _check_alone(ask: MetricBody) -> None:
    given = [
        name
        for name, value in (
            ("table", ask.table),
            ("expression", ask.expression),
            ("filter", ask.filter),
            ("group_by", ask.group_by),
        )
        if value
    ]
    if given:
        raise InputError(
            f"{ask.name}: a formula has no {given[0]}; it takes the labels of its parts.",
            hint="Give either a formula, or a table with an expression.",
        )


def _custom(ask: MetricBody) -> CustomMetric:
    if not ask.table:
        raise InputError(
            f"{ask.name}: name the table whose changes count, or give a formula.",
        )
    try:
        aggregation = Aggregation(ask.aggregation.lower())
    except ValueError:
        options = ", ".join(each.value for each in Aggregation)
        raise InputError(
            f"{ask.name}: no aggregation {ask.aggregation!r}. Aggregations: {options}."
        ) from None
    return CustomMetric(
        name=ask.name,
        table=ask.table,
        aggregation=aggregation,
        expression=ask.expression,
        filter=ask.filter,
        on=ask.on,
        group_by=tuple(ask.group_by),
        unit=ask.unit,
        description=ask.description,
    )


class DropAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which metric."""

    name: str


class DropAnswer(msgspec.Struct, frozen=True):
    """What was dropped."""

    name: str


@operation("DELETE", f"{API}/metrics/{{name}}", role="editor")
def drop_metric(engine: Engine, ask: DropAsk) -> DropAnswer:
    """Drop a custom metric and what it counted, or a formula."""
    engine.measures.custom.drop(engine, ask.name)
    return DropAnswer(ask.name)
