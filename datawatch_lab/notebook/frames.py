"""Answers of SQL as data frames, of pandas or polars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from datawatch_lab.service.operations.sql import SqlAnswer

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_INT64 = range(-(2**63), 2**63)
_PARSERS: dict[str, Callable[[Any], Any]] = {
    "integer": int,
    "decimal": Decimal,
    "timestamp": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
}


def pandas_frame(answer: SqlAnswer) -> pd.DataFrame:
    """The rows with a column each of its type; timestamps are UTC.

    Decimals become float64, as in DuckDB's own frames; cast them to VARCHAR to keep every digit.
    Integers are Int64, or Python's own where they are larger. ``attrs`` holds ``truncated``,
    ``limit`` and ``masked``.
    """
    import pandas as pd

    columns = {
        column.name: _pandas_column(column.type, [row[place] for row in answer.rows])
        for place, column in enumerate(answer.columns)
    }
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(answer.rows)))
    frame.attrs.update(
        {"truncated": answer.truncated, "limit": answer.limit, "masked": answer.masked}
    )
    return frame


def _pandas_column(kind: str, values: Sequence[Any]) -> Any:
    import pandas as pd

    match kind:
        case "integer":
            whole = [None if each is None else int(each) for each in values]
            fits = all(each is None or each in _INT64 for each in whole)
            return pd.array(whole, dtype="Int64") if fits else pd.Series(whole, dtype="object")
        case "number" | "decimal":
            return pd.array(
                [None if each is None else float(each) for each in values], dtype="float64"
            )
        case "boolean":
            return pd.array(values, dtype="boolean")
        case "timestamp":
            return pd.to_datetime(pd.Series(values, dtype="object"), utc=True, format="ISO8601")
        case _:
            return pd.Series(values, dtype="object")


def polars_frame(answer: SqlAnswer) -> pl.DataFrame:
    """The rows with a column each of its type; timestamps are UTC, decimals keep every digit."""
    import polars as pl

    columns = [
        _polars_column(column.name, column.type, [row[place] for row in answer.rows])
        for place, column in enumerate(answer.columns)
    ]
    return pl.DataFrame(columns)


def _polars_column(name: str, kind: str, values: Sequence[Any]) -> pl.Series:
    import polars as pl

    parse = _PARSERS.get(kind)
    if parse is not None:
        values = [None if each is None else parse(each) for each in values]
    fits = kind != "integer" or all(each is None or each in _INT64 for each in values)
    types: dict[str, Any] = {
        "integer": pl.Int64 if fits else pl.Int128,
        "number": pl.Float64,
        "boolean": pl.Boolean,
        "timestamp": pl.Datetime("us", "UTC"),
        "date": pl.Date,
        "time": pl.Time,
        "text": pl.String,
        "interval": pl.String,
        "bytes": pl.String,
    }
    if kind == "decimal" and not any(values):
        return pl.Series(name, values, dtype=pl.Decimal(38, 9))
    return pl.Series(name, values, dtype=types.get(kind), strict=False)
