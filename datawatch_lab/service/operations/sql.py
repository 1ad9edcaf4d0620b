"""SQL of users over live tables, changes and metrics; see docs/sql.md."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from datawatch_lab.core.durations import parse_time
from datawatch_lab.core.errors import InputError
from datawatch_lab.engine import Engine
from datawatch_lab.service.operation import API, Tabular, operation
from datawatch_lab.service.tables import read_remarks, with_remarks

EXACT = 2**53
"""Integers beyond it are texts in JSON: many readers take numbers for doubles."""

_EPOCH = date(1970, 1, 1)
_DAY_MICROS = 86_400_000_000


class SqlAsk(msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """A query.

    Attributes:
        query: one SELECT (or FROM, WITH, VALUES, PIVOT), SHOW TABLES or DESCRIBE.
        limit: most rows; 100,000 when None, which is the most there are.
        masked: sensitive values are shown as ``•••``, in expressions too.
        parameters: values that the query may name, as ``$name``: texts, whole numbers (exactly),
            other numbers, flags, lists of texts; null is NULL. They are bound, and never part of
            its text.
        start, end: ``from`` and ``to``: ISO 8601 or relative (-1h, now, today); what the query may
            name as ``$from`` and ``$to``, timestamps in UTC.
    """

    query: str
    limit: int | None = None
    masked: bool = True
    parameters: dict[str, str | int | float | bool | list[str] | None] = {}
    start: str | None = None
    end: str | None = None


class SqlColumn(msgspec.Struct, frozen=True):
    """A column of an answer.

    Attributes:
        name: unique in the answer.
        type: ``integer``, ``number``, ``decimal``, ``boolean``, ``text``, ``timestamp`` (UTC),
            ``date``, ``time``, ``interval``, ``bytes``, ``list``, ``struct``, ``map`` or ``null``.
    """

    name: str
    type: str


class SqlAnswer(msgspec.Struct, frozen=True):
    """Rows of a query, each a list of values in order of the columns.

    Attributes:
        rows: integers beyond 2^53 and decimals are texts, so that no digit is lost; times are ISO
            8601, timestamps in UTC with ``Z``; NaN and infinities are None.
        truncated: there were more rows than these.
        elapsed_ms: from asking to the last row.
        limit: in words, at what it was cut; '' when it was not.
        masked: sensitive columns that the query saw masked, as ``customers.email``.
    """

    columns: list[SqlColumn]
    rows: list[list[Any]]
    truncated: bool
    elapsed_ms: float
    limit: str = ""
    masked: list[str] = []


class SqlRemarks(msgspec.Struct, frozen=True):
    """What an answer says beside its rows; see `SqlAnswer`."""

    truncated: bool
    elapsed_ms: float
    limit: str
    masked: list[str]


def sql_table(engine: Engine, ask: SqlAsk) -> pa.Table:
    """The rows of a query as Arrow, with its remarks."""
    values = _parameters(engine, ask)
    found = engine.sql(ask.query, limit=ask.limit, masked=ask.masked, parameters=values)
    elapsed = round(found.elapsed.total_seconds() * 1_000, 3)
    remarks = SqlRemarks(found.truncated, elapsed, found.limit, list(found.masked))
    return with_remarks(found.table, remarks)


def _parameters(engine: Engine, ask: SqlAsk) -> dict[str, Any]:
    """The values that a query may name, with the range where one is asked for."""
    found: dict[str, Any] = dict(ask.parameters)
    now, zone = engine.clock.now(), engine.settings.timezone
    for name, said in (("from", ask.start), ("to", ask.end)):
        if said is not None:
            found[name] = parse_time(said, now, zone)
    return found


def sql_answer(table: pa.Table) -> SqlAnswer:
    """The same rows with the values that JSON has."""
    remarks = read_remarks(table, SqlRemarks)
    columns = [plain_values(each) for each in table.columns]
    return SqlAnswer(
        columns=[SqlColumn(field.name, kind_of(field.type)) for field in table.schema],
        rows=[list(row) for row in zip(*columns, strict=True)],
        **msgspec.structs.asdict(remarks),
    )


@operation("POST", f"{API}/sql", audited=False, table=Tabular(sql_table, sql_answer))
def sql(engine: Engine, ask: SqlAsk) -> SqlAnswer:
    """Run one query that only reads, over live.*, changes.* and metrics.*."""
    return sql_answer(sql_table(engine, ask))


_KINDS: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "number"),
    (pa.types.is_timestamp, "timestamp"),
    (pa.types.is_date, "date"),
    (pa.types.is_time, "time"),
    (pa.types.is_duration, "interval"),
    (pa.types.is_interval, "interval"),
    (pa.types.is_map, "map"),
    (pa.types.is_struct, "struct"),
    (pa.types.is_list, "list"),
    (pa.types.is_large_list, "list"),
    (pa.types.is_fixed_size_list, "list"),
    (pa.types.is_binary, "bytes"),
    (pa.types.is_large_binary, "bytes"),
    (pa.types.is_null, "null"),
)


def kind_of(type_: pa.DataType) -> str:
    """The kind of a column in a word; what has no other name is text.

    >>> kind_of(pa.int32()), kind_of(pa.decimal128(38, 0)), kind_of(pa.decimal128(9, 2))
    ('integer', 'integer', 'decimal')
    """
    if pa.types.is_decimal(type_):
        return "decimal" if type_.scale else "integer"  # a HUGEINT comes as a decimal without scale
    return next((name for is_, name in _KINDS if is_(type_)), "text")


def plain_values(column: pa.ChunkedArray) -> list[Any]:
    """The values of a column as JSON has them.

    >>> plain_values(pa.chunked_array([[1, 2**60]]))
    [1, '1152921504606846976']
    """
    kind = kind_of(column.type)
    if kind in ("timestamp", "date"):
        column = _of_this_calendar(column)
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError) as error:
        raise InputError(
            f"a {kind} holds a value that JSON has no form for: {error}.",
            hint="Cast the column to VARCHAR in the query.",
        ) from error
    if kind in ("boolean", "text", "null"):
        return values
    return [_plain(value, whole=kind == "integer") for value in values]


def _of_this_calendar(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times with null for those outside of the years 1 to 9999, infinities among them."""
    if pa.types.is_date(column.type):
        days = column.cast(pa.int32())
        bounds = [(each - _EPOCH).days for each in (date.min, date.max)]
    else:
        column = column.cast(pa.timestamp("us"), safe=False)
        days = column.cast(pa.int64())
        bounds = [(each - _EPOCH).days * _DAY_MICROS for each in (date.min, date.max)]
    inside = pc.and_(pc.greater_equal(days, bounds[0]), pc.less(days, bounds[1]))
    return pc.if_else(inside, column, pa.scalar(None, column.type))


def _plain(value: Any, *, whole: bool = False) -> Any:  # noqa: C901, PLR0911 — one case a type
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if -EXACT <= value <= EXACT else str(value)
        case Decimal():
            return _plain(int(value)) if whole else format(value, "f")
        case float():
            return value if math.isfinite(value) else None
        case datetime():
            return f"{value.replace(tzinfo=None).isoformat()}Z"
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case bytes():
            return value.hex()
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case pa.MonthDayNano():
            return _interval(value.months, value.days, value.nanoseconds)
        case list() | tuple():
            return [_plain(each) for each in value]
        case other:
            return str(other)


def _interval(months: int, days: int, nanoseconds: int) -> str:
    """An interval of DuckDB in words.

    >>> _interval(14, 3, 3_600_500_000_000)
    '1 year 2 months 3 days 01:00:00.500000'
    """
    parts = [
        f"{number} {noun}{'' if abs(number) == 1 else 's'}"
        for number, noun in ((int(months / 12), "year"), (int(math.fmod(months, 12)), "month"))
        if number
    ]
    if days:
        parts.append(f"{days} day{'' if abs(days) == 1 else 's'}")
    if nanoseconds or not parts:
        span = timedelta(microseconds=abs(nanoseconds) // 1_000)
        parts.append(f"{'-' if nanoseconds < 0 else ''}{_clock(span)}")
    return " ".join(parts)


def _clock(span: timedelta) -> str:
    hours, rest = divmod(span, timedelta(hours=1))
    minutes, rest = divmod(rest, timedelta(minutes=1))
    micros = f".{rest.microseconds:06d}" if rest.microseconds else ""
    return f"{hours:02d}:{minutes:02d}:{rest.seconds:02d}{micros}"
