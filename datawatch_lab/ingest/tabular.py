"""Rows of plain tables (CSV, Parquet) as events: JSON images written column-wise, and the envelope.

A row without an envelope is an INSERT. Columns that name an operation and a table are a flat
envelope. What is written here is read again by `ingest.decode`, so rows from files are checked,
identified and typed like any other event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import polars as pl

from datawatch_lab.core.errors import InputError
from datawatch_lab.ingest.envelopes.base import OPERATIONS
from datawatch_lab.ingest.times import parse_times

TIME_NAMES = (
    "timestamp", "ts", "event_time", "event_timestamp", "time", "datetime", "occurred_at",
    "created_at", "created", "createdat", "created_on", "date",
)  # fmt: skip
"""Names of columns that say when a row came to be, best first; case does not count."""

_OPERATION_NAMES = ("operation", "op", "_op", "type")
_LETTERS = {"c": "INSERT", "i": "INSERT", "u": "UPDATE", "d": "DELETE", "r": "SNAPSHOT"}
_WORDS = {**{word.lower(): word for word in OPERATIONS}, **_LETTERS}
_NUMBER = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?$"
_BOOLEAN = r"^(?i:true|false)$"
_ESCAPES = {chr(code): f"\\u{code:04x}" for code in range(0x20)} | {
    '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t",
}  # fmt: skip
_ENOUGH_TIMES = 0.95
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"


@dataclass(frozen=True)
class Layout:
    """What the columns of a table of rows are for.

    Attributes:
        table: the rows' table, unless ``table_column`` says.
        time: the column of event times; '' for none: then it is the time of receipt.
        operation, table_column, schema_column: columns of a flat envelope; '' for none.
    """

    table: str
    time: str = ""
    operation: str = ""
    table_column: str = ""
    schema_column: str = ""

    @property
    def envelope(self) -> frozenset[str]:
        """Columns that are no fields of the row."""
        named = {self.operation, self.table_column, self.schema_column} - {""}
        stamped = named and self.time.lower() in ("ts", "timestamp")
        return frozenset(named | {self.time} if stamped else named)


def layout_of(rows: pl.DataFrame, table: str, time_column: str | None) -> Layout:
    """Tell what columns are for, from their names and first values.

    Args:
        rows: columns of texts, null where there is no value.
        table: name of the table for rows that do not name one.
        time_column: what the user says; '' for no time at all.

    Raises:
        InputError: there is no such column.
    """
    names = {name.lower(): name for name in reversed(rows.columns)}
    if time_column and time_column not in rows.columns:
        known = ", ".join(rows.columns[:40])
        raise InputError(f"no column {time_column!r} for the event time; columns: {known}.")
    time = _time_column(rows, names) if time_column is None else time_column
    operation = next((n for n in map(names.get, _OPERATION_NAMES) if n and _tells(rows[n])), "")
    if not operation or "table" not in names:
        return Layout(table, time)
    return Layout(table, time, operation, names["table"], names.get("schema", ""))


def _time_column(rows: pl.DataFrame, names: Mapping[str, str]) -> str:
    for name in filter(None, map(names.get, TIME_NAMES)):
        values = rows[name].drop_nulls()
        times = parse_times(values.to_list())
        if values.len() and times.len() - times.null_count() >= _ENOUGH_TIMES * times.len():
            return name
    moments = [column.name for column in rows if _holds_moments(column.drop_nulls())]
    return moments[0] if len(moments) == 1 else ""


def _holds_moments(values: pl.Series) -> bool:
    """Whether texts are dates with a time of day, which birthdays and due dates are not."""
    if not values.len() or not values.str.contains(_MOMENT).all():
        return False
    times = parse_times(values.to_list())
    return bool(times.null_count() == 0)


def _tells(column: pl.Series) -> bool:
    """Whether a column holds operations and nothing else."""
    words = column.drop_nulls().str.strip_chars().str.to_lowercase()
    return words.len() > 0 and bool(words.is_in(list(_WORDS)).all())


def text_tokens(column: pl.Series) -> pl.Series:
    """Texts as JSON strings; null as ``null``."""
    plain = column
    if column.str.contains(r'["\\\x00-\x1f]').any():
        plain = column.str.replace_many(_ESCAPES)
    return ('"' + plain + '"').fill_null("null")


def value_tokens(column: pl.Series, *, as_text: bool) -> tuple[pl.Series, bool]:
    """Texts as JSON numbers or booleans if all of them are, else as strings; and which of these.

    A number that JSON would not write so, such as ``007`` or ``+1``, makes the column text, so that
    no digit is lost.

    Args:
        column: texts.
        as_text: values of this column were no numbers before.
    """
    held = column.drop_nulls()
    if as_text or not held.len():
        return text_tokens(column), as_text
    if held.str.contains(_NUMBER).all():
        return column.fill_null("null"), False
    if held.str.contains(_BOOLEAN).all():
        return column.str.to_lowercase().fill_null("null"), False
    return text_tokens(column), True


def events_of(
    tokens: Mapping[str, pl.Series], texts: pl.DataFrame, layout: Layout, ids: Sequence[str]
) -> list[bytes]:
    """Rows as Savegress events, one JSON text a row.

    Args:
        tokens: JSON values of the fields by name.
        texts: columns of the envelope as texts: those that ``layout`` names.
        layout: what the columns are for.
        ids: identities.
    """
    fields = {name: values for name, values in tokens.items() if name not in layout.envelope}
    image = _objects(fields, len(ids))
    members = {"id": text_tokens(pl.Series(ids, dtype=pl.String))}
    if layout.operation:
        word = texts[layout.operation].str.strip_chars().str.to_lowercase()
        word = word.replace(_WORDS)
        gone = (word == "DELETE").fill_null(value=False)
        nothing = pl.Series(["null"] * len(ids), dtype=pl.String)
        members |= {
            "operation": text_tokens(word.fill_null("")),
            "table": text_tokens(texts[layout.table_column]),
            "after": nothing.zip_with(gone, image),
            "before": image.zip_with(gone, nothing),
        }
        if layout.schema_column:
            members["schema"] = text_tokens(texts[layout.schema_column])
    else:
        members |= {
            "operation": pl.Series(['"INSERT"'] * len(ids), dtype=pl.String),
            "table": pl.Series([msgspec.json.encode(layout.table).decode()] * len(ids)),
            "after": image,
        }
    if layout.time:
        members["timestamp"] = text_tokens(texts[layout.time])
    return [text.encode() for text in _objects(members, len(ids)).to_list()]


def _objects(members: Mapping[str, pl.Series], count: int) -> pl.Series:
    """JSON objects with these members, column-wise."""
    if not members:
        return pl.Series(["{}"] * count, dtype=pl.String)
    frame = pl.DataFrame([values.alias(str(at)) for at, values in enumerate(members.values())])
    parts: list[pl.Expr] = []
    for at, name in enumerate(members):
        before = "{" if at == 0 else ","
        parts += [pl.lit(f"{before}{msgspec.json.encode(name).decode()}:"), pl.col(str(at))]
    return frame.select(pl.concat_str([*parts, pl.lit("}")]).alias("object")).to_series()
