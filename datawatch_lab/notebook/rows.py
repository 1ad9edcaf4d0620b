"""Rows that SQL gave, in a notebook: they show themselves, and become a data frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from datawatch_lab.core.errors import InputError, not_found
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.frames import pandas_frame, polars_frame
from datawatch_lab.service.operations.sql import SqlAnswer

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_CELL = 60
_NUMBERS = ("integer", "number", "decimal")


class Rows:
    """The rows of an answer, as of when it was asked; each column has one type.

    Behaves as a data frame does: ``rows["status"]`` is a column, ``len(rows)`` counts rows, and
    what reads Arrow (``polars.DataFrame(rows)``, ``pyarrow.table(rows)``) reads it.

    Args:
        raw: as the service gave it.
        name: what the rows are, for displays.

    Attributes:
        columns: names in order.
        types: by column: integer, number, decimal, text, timestamp (UTC) …
        truncated: there are more rows than these.
        masked: columns whose values are hidden, as ``customers.email``.
    """

    def __init__(self, raw: SqlAnswer, name: str = "") -> None:
        self.raw = raw
        self.name = name
        self.columns = [each.name for each in raw.columns]
        self.types = {each.name: each.type for each in raw.columns}
        self.truncated = raw.truncated
        self.masked = tuple(raw.masked)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.raw.rows), len(self.columns)

    def df(self) -> pd.DataFrame:
        """A pandas frame; decimals are float64, timestamps UTC. See `frames.pandas_frame`."""
        return pandas_frame(self.raw)

    def polars(self) -> pl.DataFrame:
        """A polars frame; decimals keep every digit, timestamps are UTC."""
        return polars_frame(self.raw)

    def dicts(self) -> list[dict[str, Any]]:
        """A dictionary per row, with the values that JSON has (see `SqlAnswer.rows`)."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.raw.rows]

    def value(self) -> Any:
        """The value of an answer that has one row with one column.

        Raises:
            InputError: there are more, or none.
        """
        if self.shape != (1, 1):
            raise InputError(f"{self._sentence()} are no single value; use df() or [column].")
        return self.raw.rows[0][0]

    def __getitem__(self, column: str) -> pd.Series[Any]:
        if column not in self.types:
            raise not_found("column", str(column), self.columns)
        return self.df()[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.raw.rows)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows for whatever reads Arrow."""
        return self.polars().__arrow_c_stream__(requested_schema)

    def _ipython_key_completions_(self) -> list[str]:
        return self.columns

    def __repr__(self) -> str:
        head = f"<Rows: {self._sentence()}{'; cut' if self.truncated else ''}>"
        rows = [_cells(row) for row in self.raw.rows[: markup.SHOWN]]
        return head + "\n" + markup.plain_table(self.columns, rows) if self.columns else head

    def _repr_html_(self) -> str:
        kinds = [each.type for each in self.raw.columns]
        numbers = [place for place, kind in enumerate(kinds) if kind in _NUMBERS]
        rows = [[_shown(value) for value in row] for row in self.raw.rows[: markup.SHOWN]]
        body = markup.table(self.columns, rows, numbers=numbers, nowrap=range(len(kinds)))
        return markup.block(
            markup.paragraph(
                markup.name(self.name) if self.name else "",
                markup.soft(self._sentence()),
                markup.soft(f"{self.raw.elapsed_ms:.3g} ms"),
                f"cut at {self.raw.limit}; there is more" if self.truncated else "",
                markup.tag(f"masked: {', '.join(self.masked)}") if self.masked else "",
            ),
            markup.Safe(f'<div style="overflow-x:auto">{body}</div>'),
            markup.more(len(self), markup.SHOWN, "rows.df()"),
        )

    def _sentence(self) -> str:
        rows, columns = self.shape
        return (
            f"{rows:,} row{'' if rows == 1 else 's'}, {columns} column{'' if columns == 1 else 's'}"
        )


def plain(value: Any) -> str:
    """A value of an answer on one line, as it came; ``null`` for none.

    >>> plain(None), plain(True), plain("2026-01-01T12:00:00Z"), plain(0.1), plain([1, None])
    ('null', 'true', '2026-01-01 12:00:00', '0.1', '[1,null]')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    text = str(value)
    is_moment = len(text) in range(20, 29) and text[10] == "T" and text.endswith("Z")
    return text[:-1].replace("T", " ") if is_moment else text


def _cells(row: Sequence[Any]) -> list[str]:
    return [plain(value) for value in row]


def _shown(value: Any) -> markup.Safe:
    if value is None:
        return markup.soft("null")
    return markup.Safe(markup.text(plain(value), _CELL))


def quoted(name: str) -> str:
    """A name as it stands in SQL.

    >>> quoted("orders"), quoted('a"b')
    ('"orders"', '"a""b"')
    """
    return '"' + name.replace('"', '""') + '"'
