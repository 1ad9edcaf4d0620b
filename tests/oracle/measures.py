"""What each automatic metric counts: metric names, and the rows that an event gives a measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .live import Step, label, net_steps, number, row_steps, state_steps, transition_steps
from .reading import Applied, parse_time


@dataclass(frozen=True)
class Spec:
    """What a metric name stands for; ``ops`` are the operations counted."""

    table: str
    kind: str
    field: str = ""
    ops: tuple[str, ...] = ("INSERT", "UPDATE", "DELETE")
    aggregation: str = "sum"


def label_of(image: Mapping[str, Any], field: str) -> str:
    """The label value of a row image."""
    if field not in image:
        return "(missing)"
    return label(image[field])


def _changes(_event: Applied, _field: str) -> Iterable[Any]:
    yield Decimal(1)


def _value(event: Applied, field: str) -> Iterable[Any]:
    value = number((event.after or {}).get(field))
    if value is not None:
        yield value


def _distinct(event: Applied, field: str) -> Iterable[Any]:
    value = (event.after or {}).get(field)
    if value is not None:
        yield str(value)


def _nulls(event: Applied, field: str) -> Iterable[Any]:
    if event.after is not None and field in event.after:
        yield Decimal(event.after[field] is None)


def _newest(event: Applied, field: str) -> Iterable[Any]:
    value = (event.after or {}).get(field)
    if value is not None:
        yield parse_time(value)


KINDS: dict[str, Callable[[Applied, str], Iterable[Any]]] = {
    "changes": _changes,
    "value": _value,
    "distinct": _distinct,
    "nulls": _nulls,
    "newest": _newest,
}
"""Kind of measure -> the values that an event gives it."""

STEPS: dict[str, Callable[[Iterable[Step], str], Iterable[tuple[int, Any, Decimal]]]] = {
    "rows": lambda steps, _field: row_steps(steps),
    "state": state_steps,
    "net": net_steps,
    "transition": transition_steps,
}
"""Kind of current-state measure -> the (at, label, value) rows of a table's steps."""


def specs(
    fields: Mapping[str, Mapping[str, Sequence[str]]],
) -> Iterator[tuple[str, Spec]]:
    """Every automatic metric of the tables that does not depend on when things were received."""
    yield "events_total", Spec("", "changes")
    for table, kinds in fields.items():
        yield f"{table}_total", Spec(table, "changes")
        yield f"{table}_events_total", Spec(table, "changes")
        keyed = "key" in kinds
        if keyed:
            yield f"{table}_rows", Spec(table, "rows", aggregation="last")
        for op, plural, past in (
            ("INSERT", "inserts", "created"),
            ("UPDATE", "updates", "updated"),
            ("DELETE", "deletes", "deleted"),
        ):
            yield f"{table}_{plural}_total", Spec(table, "changes", ops=(op,))
            yield f"{table}_{past}_rate", Spec(table, "changes", ops=(op,), aggregation="rate")
        for kind, names in kinds.items():
            for name in names if kind != "key" else ():
                for metric, spec in _field_specs(table, kind, name):
                    if keyed or spec.kind not in STEPS:
                        yield metric, spec


def _field_specs(table: str, kind: str, name: str) -> Iterator[tuple[str, Spec]]:
    prefix, inserts = f"{table}_{name}", ("INSERT",)
    yield f"{prefix}_null_ratio", Spec(table, "nulls", name, inserts, "avg")
    if kind == "numeric":
        for how in ("sum", "avg", "min", "max", "p50", "p95", "p99"):
            yield f"{prefix}_{how}", Spec(table, "value", name, inserts, how)
        yield f"{prefix}_net_sum", Spec(table, "net", name)
    elif kind == "id":
        yield f"{prefix}_cardinality", Spec(table, "distinct", name, inserts, "distinct")
    elif kind == "timestamp":
        changed = ("INSERT", "UPDATE", "SNAPSHOT")
        yield f"{prefix}_freshness_seconds", Spec(table, "newest", name, changed, "last")
    elif kind in ("status", "boolean"):
        yield f"{table}_by_{name}", Spec(table, "state", name, aggregation="last")
        yield f"{prefix}_transitions", Spec(table, "transition", name)
