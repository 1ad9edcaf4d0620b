"""What each automatic metric counts: metric names, and the rows that an event gives a measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

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
    value = image[field]
    if value is None:
        return "(null)"
    return str(value).lower() if isinstance(value, bool) else str(value)


def number(value: object) -> Decimal | None:
    """A number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


_Pairs = Iterable[tuple[str | None, Any]]


def _changes(_event: Applied, _field: str) -> _Pairs:
    yield None, Decimal(1)


def _value(event: Applied, field: str) -> _Pairs:
    value = number((event.after or {}).get(field))
    if value is not None:
        yield None, value


def _distinct(event: Applied, field: str) -> _Pairs:
    value = (event.after or {}).get(field)
    if value is not None:
        yield None, str(value)


def _nulls(event: Applied, field: str) -> _Pairs:
    if event.after is not None and field in event.after:
        yield None, Decimal(event.after[field] is None)


def _newest(event: Applied, field: str) -> _Pairs:
    value = (event.after or {}).get(field)
    if value is not None:
        yield None, parse_time(value)


def _net(event: Applied, field: str) -> _Pairs:
    after, before = (number((image or {}).get(field)) for image in (event.after, event.before))
    if event.op == "INSERT" and after is not None:
        yield None, after
    elif event.op == "UPDATE" and after is not None and before is not None:
        with localcontext(prec=80):
            yield None, after - before
    elif event.op == "DELETE" and before is not None:
        yield None, -before


def _row(event: Applied, _field: str) -> _Pairs:
    if event.op != "UPDATE":
        yield None, Decimal(1 if event.op == "INSERT" else -1)


def _state(event: Applied, field: str) -> _Pairs:
    """Transitions only: an update that keeps the state moves nothing."""
    images = (event.before, event.after)
    old, new = (None if image is None else label_of(image, field) for image in images)
    if old != new:
        if old is not None:
            yield old, Decimal(-1)
        if new is not None:
            yield new, Decimal(1)


KINDS: dict[str, Callable[[Applied, str], _Pairs]] = {
    "changes": _changes,
    "value": _value,
    "distinct": _distinct,
    "nulls": _nulls,
    "newest": _newest,
    "net": _net,
    "rows": _row,
    "state": _state,
}
"""Kind of measure -> the (label of its own or None, value) pairs of an event."""


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
                    if keyed or spec.kind not in ("net", "state"):
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
        changed = ("INSERT", "UPDATE")
        yield f"{prefix}_freshness_seconds", Spec(table, "newest", name, changed, "last")
    elif kind in ("status", "boolean"):
        yield f"{table}_by_{name}", Spec(table, "state", name, aggregation="last")
