"""SQL of users: what they may ask about is put together here; the store's gate does the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Formula, MeasureKind, MetricDef
from datawatch_lab.metrics.book import label_name
from datawatch_lab.metrics.query import plan
from datawatch_lab.store.gate import MAX_ROWS, MetricStates, Parameter, SqlAnswer, Workspace

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_MINUTE = timedelta(minutes=1)
_BY_FIELD = (MeasureKind.STATE, MeasureKind.TRANSITION)


def run_sql(
    engine: Engine,
    text: str,
    *,
    limit: int | None = None,
    masked: bool = True,
    parameters: Mapping[str, Parameter] = MappingProxyType({}),
) -> SqlAnswer:
    """Run one query over live tables, changes and metrics.

    Args:
        engine: of the workspace.
        text: one SELECT (or FROM, WITH, VALUES, PIVOT), SHOW TABLES or DESCRIBE.
        limit: most rows; 100,000 when None.
        masked: sensitive values are shown as ``•••``, in expressions too.
        parameters: values that the query may name, as ``$name``; they are bound.

    Raises:
        InputError: it is refused or cannot be run; says why.
    """
    workspace = Workspace(
        tables=engine.tables(),
        view_name=engine.store.view_name,
        metrics={name: each.labels for name, each in engine.metrics().items()},
        states=lambda name, labels: _states(engine, engine.metric(name), labels, masked=masked),
        now=engine.clock.now(),
    )
    most = MAX_ROWS if limit is None else limit
    gate = engine.store.gate
    return gate.run(text, workspace, limit=most, masked=masked, parameters=parameters)


def _states(
    engine: Engine, metric: MetricDef, labels: Sequence[str], *, masked: bool
) -> MetricStates:
    """Where a metric's values are, split by some of its labels; the same as for a query of it."""
    if isinstance(metric.definition, Formula):
        raise InputError(
            f"{metric.name} is a formula and not stored: {metric.definition.expression}.",
            hint="Write it out over the metrics in it, or ask `datawatch query`.",
        )
    if metric.measure is MeasureKind.QUALITY:
        raise InputError(
            f"{metric.name} is worked out from the counts of quality rules, not stored.",
            hint="Ask `datawatch query` or `datawatch quality`.",
        )
    if metric.measure is MeasureKind.ANOMALIES:
        raise InputError(
            f"{metric.name} is worked out from the anomalies that were found, not stored.",
            hint="Ask `datawatch query` or `datawatch anomalies`.",
        )
    if metric.measure is MeasureKind.ALERTS:
        raise InputError(
            f"{metric.name} is worked out from the history of alerts, not stored.",
            hint="Ask `datawatch query` or `datawatch alerts history`.",
        )
    now = engine.clock.now()
    found = plan(
        metric,
        engine.tables(),
        engine.measures.all,
        engine.measures.book.of,
        start=now - _MINUTE,
        end=now,
        now=now,
        step=_MINUTE,
        group_by=labels,
    )
    used = tuple(found.groups[0]) if found.groups else tuple(labels)
    return MetricStates(
        labels=metric.labels,
        used=used,
        groups=[tuple(group[label] for label in used) for group in found.groups],
        members=found.read.groups,
        kind=metric.measure,
        aggregation=found.aggregation,
        masked=sensitive_labels(engine, metric) if masked else frozenset(),
    )


def sensitive_names(engine: Engine) -> frozenset[str]:
    """Names of the labels that sensitive fields of any table make."""
    fields = (each for table in engine.tables() for each in table.columns if each.sensitive)
    return frozenset(label_name(each.name) for each in fields)


def sensitive_labels(engine: Engine, metric: MetricDef) -> frozenset[str]:
    """Labels of a metric whose values are those of a sensitive field."""
    if not metric.table:  # of several tables: whichever of them has such a field
        return sensitive_names(engine) & set(metric.labels)
    sensitive = [each.name for each in engine.table(metric.table).columns if each.sensitive]
    if metric.measure in _BY_FIELD and metric.field in sensitive:
        return frozenset(metric.labels)
    return frozenset({label_name(each) for each in sensitive} & set(metric.labels))
