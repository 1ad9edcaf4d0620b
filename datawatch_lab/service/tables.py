"""Answers as Arrow tables, and as Arrow IPC streams over HTTP.

What of an answer is no row (its unit, whether it was cut …) is JSON in the metadata of the schema,
under ``datawatch``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec
import pyarrow as pa

from datawatch_lab.core.errors import InputError
from datawatch_lab.service.answers import QueryAnswer, SeriesAnswer
from datawatch_lab.service.freshness import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

_REMARKS = b"datawatch"
_TIME, _VALUE = "time", "value"
_WHEN = pa.timestamp("us", tz="UTC")

Remarks = TypeVar("Remarks", bound=msgspec.Struct)
Found = TypeVar("Found", bound=QueryAnswer)


class _SeriesRemarks(msgspec.Struct, frozen=True):
    """What the rows of a query's table do not say.

    Attributes:
        labels: the labels of each series, and how many points it has, in order of the rows.
        answer: the answer as JSON, without its series.
    """

    labels: list[tuple[dict[str, str], int]]
    answer: msgspec.Raw


def with_remarks(table: pa.Table, remarks: msgspec.Struct) -> pa.Table:
    """A table with what is to be said beside its rows."""
    return table.replace_schema_metadata({_REMARKS: msgspec.json.encode(remarks)})


def read_remarks(table: pa.Table, kind: type[Remarks]) -> Remarks:
    """What is said beside the rows.

    Raises:
        InputError: nothing is; the table is not of an operation.
    """
    text = (table.schema.metadata or {}).get(_REMARKS)
    if text is None:
        raise InputError("the table has no remarks of an operation.")
    return msgspec.json.decode(text, type=kind)


def to_ipc(table: pa.Table) -> bytes:
    """A table as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def from_ipc(body: bytes) -> pa.Table:
    """The table of an Arrow IPC stream.

    Raises:
        InputError: it is none.
    """
    try:
        with pa.ipc.open_stream(body) as reader:
            return reader.read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"the answer is no Arrow stream: {error}.") from error


def series_table(answer: QueryAnswer) -> pa.Table:
    """Values of a metric as rows: a column per label, ``time`` (µs, UTC) and ``value``.

    A label that is called ``time`` or ``value`` itself gets ``label_`` before its name. Empty for
    no series; a series without points has no rows.
    """
    series = answer.series
    names = list(dict.fromkeys(name for each in series for name in each.labels))
    columns: dict[str, pa.Array] = {
        f"label_{name}" if name in (_TIME, _VALUE) else name: _repeated(series, name)
        for name in names
    }
    points = [point for each in series for point in each.points]
    columns[_TIME] = pa.array([at for at, _ in points], pa.string()).cast(_WHEN)
    columns[_VALUE] = pa.array([value for _, value in points], pa.float64())
    rest = msgspec.json.encode(msgspec.structs.replace(answer, series=[]))
    remarks = _SeriesRemarks(
        [(each.labels, len(each.points)) for each in series], msgspec.Raw(rest)
    )
    return with_remarks(pa.table(columns), remarks)


def series_answer(table: pa.Table, kind: type[Found]) -> Found:
    """The answer that `series_table` was made of."""
    remarks = read_remarks(table, _SeriesRemarks)
    points = _points(table)
    series = [
        SeriesAnswer(labels, [next(points) for _ in range(count)])
        for labels, count in remarks.labels
    ]
    answer = msgspec.json.decode(remarks.answer, type=kind)
    return msgspec.structs.replace(answer, series=series)


def _points(table: pa.Table) -> Iterator[tuple[str, float | None]]:
    times: list[datetime] = table.column(_TIME).to_pylist()
    values: list[float | None] = table.column(_VALUE).to_pylist()
    return ((iso(at) or "", value) for at, value in zip(times, values, strict=True))


def _repeated(series: Sequence[SeriesAnswer], name: str) -> pa.Array:
    """One label of every point."""
    values = pa.array([each.labels.get(name) for each in series], pa.string())
    counts = [len(each.points) for each in series]
    places = [place for place, count in enumerate(counts) for _ in range(count)]
    return values.take(pa.array(places, pa.int64()))
