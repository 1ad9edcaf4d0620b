"""Names: how source names become parts of metric names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from datawatch_lab.core.values import MeasureKind, MetricDef

DEFAULT_SCHEMAS = frozenset({"", "public", "dbo", "main"})
"""Schemas whose tables keep their bare name."""


def slug(name: str) -> str:
    """A name usable inside a metric name; case is kept, since names may differ only by case.

    >>> slug("unit price (€)"), slug("Orders")
    ('unit_price', 'Orders')
    """
    return re.sub(r"\W+", "_", name.strip()).strip("_") or "unnamed"


def prometheus_label(label: str) -> str:
    """A label as Prometheus takes it.

    >>> prometheus_label("unit price"), prometheus_label("2nd")
    ('unit_price', '_2nd')
    """
    safe = "".join(each if each == "_" or _is_plain(each) else "_" for each in label)
    return f"_{safe}" if safe[:1].isdigit() or not safe else safe


def _is_plain(letter: str) -> bool:
    return letter.isascii() and letter.isalnum()


SPLIT_LABEL = "datawatch_by"
"""Label of values in back ends that says which labels they are split by; totals lack it.

A metric is stored in total and once for each of its labels, so that adding up all samples of its
name would count everything several times.
"""


def split_by(metric: MetricDef, labels: Iterable[str]) -> str:
    """What the label `SPLIT_LABEL` says of values with these labels; '' for totals.

    Labels that every value of the metric carries do not count.
    """
    return ",".join(sorted(set(labels) - set(always_carried(metric))))


def always_carried(metric: MetricDef) -> tuple[str, ...]:
    """Labels that every series of a metric carries."""
    if metric.measure in (MeasureKind.TRANSITION, MeasureKind.STATE):
        return metric.labels
    return ("op", "table") if metric.measure is MeasureKind.CHANGES else ("table",)
