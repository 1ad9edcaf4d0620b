"""Data frames and Arrow tables as events, column-wise: one INSERT a row, with its exact values."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, TypeGuard

from datawatch_lab.core.errors import InputError

if TYPE_CHECKING:
    import polars as pl


def is_frame(value: object) -> TypeGuard[Any]:
    """Whether a value is a table of columns: of pandas, polars, pyarrow or whatever gives Arrow."""
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__dataframe__")


def frame_lines(frame: Any, table: str, *, time_column: str | None = None) -> list[bytes]:
    """Each row as an INSERT event of a table, in order.

    Decimals keep their digits and times their zone; NaN is null; bytes are base64. The index of a
    pandas frame is left out.

    Args:
        frame: of pandas, polars or pyarrow, or anything that gives Arrow.
        table: its name, with the schema before a dot where there is one.
        time_column: holds when each row happened; without one it is now.

    Raises:
        InputError: there is no such column, or a column's values cannot be written as JSON.
    """
    import polars as pl

    schema, _, name = table.rpartition(".")
    if not name:
        raise InputError(f"send: {table!r} is no name of a table.")
    rows = _polars(frame)
    if time_column is not None and time_column not in rows.columns:
        options = ", ".join(rows.columns)
        raise InputError(f"{table}: no column {time_column!r}. Columns: {options}.")
    count = rows.height
    if not count:
        return []
    fields = [
        pl.Series("id", _ids(count)),
        pl.Series("type", ["INSERT"]).new_from_index(0, count),
        pl.Series("table", [name]).new_from_index(0, count),
    ]
    if schema:
        fields.append(pl.Series("schema", [schema]).new_from_index(0, count))
    fields.append(_times(rows, time_column).alias("timestamp"))
    try:
        fields.append(rows.select(pl.struct(_written(rows)).alias("after")).to_series())
        lines = _json(pl.DataFrame(fields))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        kinds = ", ".join(f"{name} {kind}" for name, kind in rows.schema.items())
        raise InputError(f"{table}: the rows cannot be written as JSON ({kinds}).") from error
    return [line.encode() for line in lines]


def _polars(frame: Any) -> pl.DataFrame:
    import polars as pl

    if isinstance(frame, pl.DataFrame):
        return frame
    try:
        if type(frame).__module__.partition(".")[0] == "pandas":
            return pl.from_pandas(frame)
        found = pl.DataFrame(frame)
    except (TypeError, ValueError, pl.exceptions.PolarsError, ImportError) as error:
        raise InputError(f"send: the frame cannot be read: {error}.") from error
    return found


def _ids(count: int) -> list[str]:
    """Random 128-bit ids, from one read of the system's randomness."""
    digits = os.urandom(16 * count).hex()
    return [digits[start : start + 32] for start in range(0, len(digits), 32)]


def _times(rows: pl.DataFrame, column: str | None) -> pl.Series:
    """When each row happened, as epoch µs or as text; null times are now."""
    import polars as pl

    now = time.time_ns() // 1_000
    if column is None:
        return pl.Series("timestamp", [now]).new_from_index(0, rows.height)
    found = rows.get_column(column)
    if isinstance(found.dtype, pl.Datetime):
        return found.dt.epoch("us").fill_null(now)
    if found.dtype == pl.Date:
        return found.cast(pl.Datetime("us")).dt.epoch("us").fill_null(now)
    return found


def _written(rows: pl.DataFrame) -> list[pl.Expr]:
    """The columns, those without a form in JSON as text."""
    import polars as pl

    columns = []
    for name, kind in rows.schema.items():
        column = pl.col(name)
        if kind == pl.Binary:
            column = column.bin.encode("base64")
        elif kind in (pl.Time, pl.Categorical) or isinstance(kind, pl.Enum):
            column = column.cast(pl.String)
        elif isinstance(kind, pl.Duration):
            column = column.dt.total_microseconds() / 1_000_000
        columns.append(column)
    return columns


def _json(rows: pl.DataFrame) -> list[str]:
    import polars as pl

    return rows.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()
