"""What each kind of measure takes as its rows, in plain Python, one event at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.metrics.changes import Change, Row

Labels = tuple[tuple[str, str], ...]
Item = tuple[Labels, int, int, Any]
"""Labels of the series, event time, sequence number, value."""


def number(value: Any) -> Decimal | None:
    """A finite number, also one written as text."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = Decimal(repr(value) if isinstance(value, float) else value)
    except (InvalidOperation, TypeError):
        return None
    return found if found.is_finite() else None


def text(image: Row, field: str) -> str:
    """The label value of an image."""
    if field not in image:
        return "(missing)"
    value = image[field]
    if value is None:
        return "(null)"
    return str(value).lower() if isinstance(value, bool) else str(value)


def label(change: Change, field: str) -> str:
    """The label value of an event: of the after image if that has the field, else before."""
    for image in (change.after, change.before):
        if image is not None and field in image:
            return text(image, field)
    return "(missing)"


def rows_of(
    kind: str, field: str, changes: Sequence[Change], split_by: Sequence[str], lateness: timedelta
) -> Iterator[Item]:
    """Every row of a measure, with the labels of each series that it belongs to."""
    for change in sorted(changes, key=lambda each: (each.at, each.seq)):
        for own, value in _values(kind, field, change, lateness):
            fixed = (("op", change.op),) if kind == "changes" else own
            yield fixed, change.at, change.seq, value
            if kind in ("changes", "value"):
                for name in split_by:
                    labels = tuple(sorted((*fixed, (name, label(change, name)))))
                    yield labels, change.at, change.seq, value


def _values(
    kind: str, field: str, change: Change, lateness: timedelta
) -> Iterator[tuple[Labels, Any]]:
    after = change.after or {}
    match kind:
        case "changes" if change.op in "cud":
            yield (), 1
        case "value" if change.op == "c" and (found := number(after.get(field))) is not None:
            yield (), found
        case "distinct" if change.op == "c" and after.get(field) is not None:
            yield (), after[field]
        case "newest" if change.op in "cur" and after.get(field):
            yield (), seconds(after[field])
        case "nulls" if change.op == "c" and field in after:
            yield (), int(after[field] is None)
        case "lag" if change.op in "cud" and timedelta(microseconds=change.lag) <= lateness:
            yield (), Decimal(change.lag) / 1_000_000


def seconds(value: str) -> float:
    """Epoch seconds of an ISO text."""
    micros = (datetime.fromisoformat(value) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )
    return micros / 1e6
