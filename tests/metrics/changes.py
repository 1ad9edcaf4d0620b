"""Row changes as plain dictionaries, made into batches the way decoding does it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from datawatch_lab.core.batches import RowFrame, TableBatch, Transitions
from datawatch_lab.core.values import Column, Role, TableInfo

Row = Mapping[str, Any]

START = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z in epoch µs."""


@dataclass(frozen=True)
class Change:
    """One event: operation, event time in epoch µs, images; ``lag`` in µs."""

    seq: int
    op: str
    at: int
    after: Row | None = None
    before: Row | None = None
    lag: int = 1_000


def table_of(
    roles: Mapping[str, Role], *, name: str = "orders", key: tuple[str, ...] = ("id",), id_: int = 1
) -> TableInfo:
    """A table whose columns have these roles."""
    columns = tuple(Column(name=field, role=role) for field, role in roles.items())
    return TableInfo(id=id_, schema="public", table=name, name=name, key=key, columns=columns)


def batch_of(table: TableInfo, changes: Sequence[Change]) -> TableBatch:
    """A batch of changes in the order given."""
    moment = pl.Datetime("us", "UTC")
    events = pl.DataFrame(
        {
            "seq": pl.Series([each.seq for each in changes], dtype=pl.Int64),
            "op": pl.Series([each.op for each in changes], dtype=pl.String),
            "ts": pl.Series([each.at for each in changes], dtype=pl.Int64).cast(moment),
            "received": pl.Series([e.at + e.lag for e in changes], dtype=pl.Int64).cast(moment),
        }
    )
    return TableBatch(
        table=table,
        events=events,
        after=frame_of([each.after for each in changes]),
        before=frame_of([each.before for each in changes]),
    )


def transitions_of(table: TableInfo, changes: Sequence[Change]) -> Transitions:
    """Changes as transitions, their own images taken for the rows before and after."""
    moved = [each for each in changes if each.op in "crud"]
    sides: dict[str, list[Row | None]] = {
        "old": [None if each.op in "cr" else each.before for each in moved],
        "new": [None if each.op == "d" else each.after for each in moved],
    }
    steps = pl.DataFrame(
        {
            "at": pl.Series([each.at for each in moved], dtype=pl.Int64).cast(
                pl.Datetime("us", "UTC")
            ),
            "seq": pl.Series([each.seq for each in moved], dtype=pl.Int64),
            "weight": pl.Series([1] * len(moved), dtype=pl.Int64),
            "had": pl.Series([each is not None for each in sides["old"]], dtype=pl.Boolean),
            "has": pl.Series([each is not None for each in sides["new"]], dtype=pl.Boolean),
        }
    )
    frames = [
        pl.DataFrame(
            {
                column.name: _series(
                    [None if row is None else row.get(column.name) for row in rows]
                )
                for column in table.columns
            }
        )
        for rows in sides.values()
    ]
    return Transitions(steps, *frames)


def frame_of(images: Sequence[Row | None]) -> RowFrame:
    """The images that are there, as typed columns."""
    rows = [place for place, image in enumerate(images) if image is not None]
    held = [image for image in images if image is not None]
    names = list(dict.fromkeys(name for image in held for name in image))
    columns, absent, nested = {}, {}, set()
    for name in names:
        values = [image.get(name) for image in held]
        missing = [name not in image for image in held]
        if any(isinstance(value, dict | list) for value in values):
            nested.add(name)
        columns[name] = _series(values)
        if any(missing):
            absent[name] = pl.Series(missing, dtype=pl.Boolean)
    return RowFrame(
        np.array(rows, dtype=np.int64), pl.DataFrame(columns), absent, frozenset(nested)
    )


def _series(values: Sequence[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pl.Series(values, dtype=pl.Boolean)
    if kinds == {int}:
        wide = any(value is not None and abs(value) >= 2**63 for value in values)
        return pl.Series(values, dtype=pl.Int128 if wide else pl.Int64)
    if kinds and kinds <= {int, float}:
        floats = [None if value is None else float(value) for value in values]
        return pl.Series(floats, dtype=pl.Float64)
    return pl.Series([_text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
