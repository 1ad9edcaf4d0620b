"""What the tiles of a board show, as one table: for CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import msgspec
import polars as pl

from datawatch_lab.core.dashboards import Dashboard, Tile, TileQuery
from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.core.names import slug
from datawatch_lab.views.board.channel import parts_of
from datawatch_lab.views.board.view import View

FORMATS = ("csv", "json", "parquet")
MOST_ROWS = 10_000
"""Rows of one SQL query at most."""

SCHEMA: dict[str, type[pl.DataType]] = {
    "tile": pl.String,
    "title": pl.String,
    "kind": pl.String,
    "series": pl.String,
    "time": pl.String,
    "row": pl.Int64,
    "column": pl.String,
    "value": pl.Float64,
    "text": pl.String,
}
"""One value a row: a number in ``value``, anything else in ``text``."""

_OVER_TIME = frozenset({"line", "sparkline", "forecast", "heatmap", "scatter"})
_MEDIA = {
    "csv": "text/csv; charset=UTF-8",
    "json": "application/json; charset=UTF-8",
    "parquet": "application/vnd.apache.parquet",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def file_of(view: View, form: str) -> tuple[bytes, str, str]:
    """A file with what a board shows: its bytes, name and media type.

    Args:
        view: of the board at one moment, as one looks at it.
        form: csv, json or parquet.

    Raises:
        InputError: another form.
    """
    if form not in FORMATS:
        raise InputError(f"no form {form!r} of values. Forms: {', '.join(FORMATS)}.")
    rows = list(rows_of(view))
    # A header of HTTP takes no other letters.
    plain = slug(view.dashboard.name).encode("ascii", "ignore").decode().strip("_")
    name = f"{plain or 'board'}.{form}"
    return _WRITERS[form](rows), name, _MEDIA[form]


def rows_of(view: View) -> Iterator[dict[str, Any]]:
    """The values of each tile, in the order of the board.

    A tile that asks nothing has one row with its summary in words; one that cannot be asked has
    the sentence why, under the column ``error``.
    """
    board: Dashboard = view.dashboard
    for tile in board.tiles:
        head = {"tile": tile.id, "title": tile.title, "kind": tile.kind}
        if not tile.all_queries:
            part = parts_of(view, [tile.id])[tile.id]
            yield _row(head, column="summary", text=tile.note or part.label or part.say)
        for query in tile.all_queries:
            try:
                yield from _asked(view, tile, query, head)
            except DataWatchError as error:
                yield _row(head, column="error", text=error.message)


def _asked(
    view: View, tile: Tile, query: TileQuery, head: dict[str, str]
) -> Iterator[dict[str, Any]]:
    if not query.metric:
        answer = view.rows(query, MOST_ROWS)
        for number, row in enumerate(answer.rows):
            for column, value in zip(answer.columns, row, strict=True):
                name = column if isinstance(column, str) else column.name
                yield _row(head, row=number, column=name, **_cell(value))
        return
    over_time = tile.kind in _OVER_TIME or tile.options.get("over") == "time"
    found = view.points(query, tile) if over_time else view.value(query, tile)
    for series in found.series:
        labels = ", ".join(f"{name}={value}" for name, value in series.labels.items())
        for at, value in series.points:
            yield _row(head, series=labels, time=at, column=query.metric, value=value)


def _cell(value: Any) -> dict[str, Any]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number or value is None:
        return {"value": None if value is None else float(value)}
    return {"text": value if isinstance(value, str) else msgspec.json.encode(value).decode()}


def _row(head: dict[str, str], **cells: Any) -> dict[str, Any]:
    return {**dict.fromkeys(SCHEMA), **head, **cells}


def _csv(rows: list[dict[str, Any]]) -> bytes:
    """RFC 4180; a text that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(SCHEMA), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return out.getvalue().encode()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _json(rows: list[dict[str, Any]]) -> bytes:
    kept = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return msgspec.json.encode(kept)


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    pl.DataFrame(rows, schema=SCHEMA, orient="row").write_parquet(out)
    return out.getvalue()


_WRITERS = {"csv": _csv, "json": _json, "parquet": _parquet}
