"""Results of an evaluation as Arrow tables: violations with keys and rows, counts, pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core import quality_results as core
from datawatch_lab.core.quality import StoredRule, violation_id
from datawatch_lab.core.values import TableInfo
from datawatch_lab.quality.images import Images

_INT64 = pa.int64()


def violation_rows(
    table: TableInfo, stored: StoredRule, images: Images, bad: np.ndarray
) -> list[tuple[Any, ...]]:
    """Rows of `core.quality.VIOLATION_SCHEMA` without the time of finding."""
    rule = stored.rule
    rows = images.frame.columns[bad.tolist()].to_dicts()
    missing = {name: mask[bad.tolist()].to_list() for name, mask in images.frame.absent.items()}
    made = []
    for number, (place, row) in enumerate(zip(bad.tolist(), rows, strict=True)):
        for name, gone in missing.items():
            if gone[number]:
                row.pop(name, None)
        seq = int(images.seq[place])
        value = ", ".join("null" if row.get(n) is None else str(row[n]) for n in rule.columns)
        made.append(
            (
                violation_id(stored.id, seq),
                stored.id,
                table.id,
                seq,
                int(images.at[place]),
                as_json({name: row.get(name) for name in table.key}),
                as_json(row),
                value,
                f"{', '.join(rule.columns) or rule.expression}: {rule.kind.words}",
            )
        )
    return made


def as_json(value: Mapping[str, Any]) -> str:
    """JSON text of a row."""
    return json.dumps(value, default=str, ensure_ascii=False)


def cast(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """A frame as a table; times are epoch µs."""
    if not frame.height:
        return schema.empty_table()
    return frame.select(schema.names).to_arrow().cast(schema)


def joined(parts: Sequence[pl.DataFrame]) -> pa.Table:
    """Pairs as Arrow; without values where there are none."""
    full = [part for part in parts if part.height]
    if not full:
        return core.HELD_SCHEMA.empty_table()
    whole = pl.concat(full).to_arrow()
    return whole.cast(pa.schema([core.HELD_SCHEMA.field(name) for name in whole.column_names]))


def table_of(schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Rows as a table; whole numbers in columns of time are epoch µs."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = []
    for each, values in zip(schema, columns, strict=True):
        is_epoch = pa.types.is_timestamp(each.type) and values and isinstance(values[0], int)
        array = pa.array(list(values), _INT64 if is_epoch else each.type)
        arrays.append(array.cast(each.type))
    return pa.table(arrays, schema=schema)
