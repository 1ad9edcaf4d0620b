"""What the tiles of a board show, as one table: for CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import polars as pl

from datawatch_lab.core.dashboards import Dashboard, Tile, TileQuery
from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.core.names import slug
from datawatch_lab.service.freshness import iso
from datawatch_lab.views.board.channel import parts_of
from datawatch_lab.views.board.tiles import (
    alerts,
    anomalies,
    bar,
    forecast,
    heatmap,
    histogram,
    line,
    listed,
    scatter,
    schema,
    sparkline,
)
from datawatch_lab.views.board.values import Line, Points, figure_of, moments, told_apart
from datawatch_lab.views.board.view import View
from datawatch_lab.views.clock import clocks_of

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

    They are those that the tile shows, on its steps; a list, a donut and a table have also the rows
    that the tile has no room for. A tile that asks nothing has one row with its summary in words;
    one that cannot be asked has the sentence why, under the column ``error``.
    """
    board: Dashboard = view.dashboard
    with clocks_of(view.status.timezone):
        for tile in board.tiles:
            head = {"tile": tile.id, "title": tile.title, "kind": tile.kind}
            try:
                for cells in _tile(view, tile):
                    yield _row(head, **cells)
            except DataWatchError as error:
                yield _row(head, column="error", text=error.message)


Cells = Iterator[dict[str, Any]]


def _tile(view: View, tile: Tile) -> Cells:
    if tile.kind in _LISTS:
        yield from _listed(_LISTS[tile.kind](view, tile))
    elif not any(each.about for each in tile.all_queries):
        part = parts_of(view, [tile.id])[tile.id]
        yield {"column": "summary", "text": tile.note or part.label or part.say}
    elif tile.kind in _READERS:
        yield from _READERS[tile.kind](view, tile)
    else:
        yield from _asked(view, tile)


def _asked(view: View, tile: Tile) -> Cells:
    """What the queries of a tile answer, one after another; one that fails leaves the others."""
    for query in tile.all_queries:
        try:
            yield from _answered(view, tile, query)
        except DataWatchError as error:
            yield {"column": "error", "text": error.message}


def _answered(view: View, tile: Tile, query: TileQuery) -> Cells:
    if not query.metric:
        yield from _rows(view, tile, query)
        return
    for series in view.value(query, tile).series:
        labels = _labels(series.labels)
        for at, value in series.points:
            yield {"series": labels, "time": at, "column": query.metric, "value": value}


def _rows(view: View, tile: Tile, query: TileQuery) -> Cells:
    answer = view.rows(query, tile, MOST_ROWS)
    for number, row in enumerate(answer.rows):
        for column, value in zip(answer.columns, row, strict=True):
            yield {"row": number, "column": column.name, **_cell(value)}


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels.items())


def _figure(view: View, tile: Tile) -> Cells:
    """Values of all that is asked, each with the one it is compared with."""
    queries = tile.all_queries if tile.kind == "stats" else tile.all_queries[:1]
    for query in queries:
        found = figure_of(view, tile, query)
        name = query.metric or found.name
        yield {"column": name, "value": found.now}
        if found.before is not None:
            yield {"series": found.previous, "column": name, "value": found.before}


def _drawn(points: Points, column: str) -> Cells:
    """The lines of a chart, by their names."""
    times = [iso(datetime.fromtimestamp(at / 1e3, UTC)) for at in moments(points)]
    for each in points.lines:
        said = _labels(dict(each.labels))
        series = each.name if each.is_before or not said else said
        for at, value in zip(times, each.values, strict=True):
            yield {"series": series, "time": at, "column": column, "value": value}


def _lines(points: Points, tile: Tile) -> Cells:
    """Lines of one query under the name of its metric, those of several under their own."""
    queries = tile.all_queries
    alone = queries[0].metric if len(queries) == 1 else ""
    yield from _drawn(points, alone or "value")


def _line(view: View, tile: Tile) -> Cells:
    found = line.read(view, tile)
    yield from _lines(found.points, tile)
    yield from _band(found, found.points)


def _band(found: line.Lined, points: Points) -> Cells:
    sides = (Line(name, values) for name, values in (("low", found.low), ("high", found.high)))
    band = tuple(each for each in sides if each.values)
    yield from _drawn(replace(points, lines=band), "expected")


def _spark(view: View, tile: Tile) -> Cells:
    yield from _lines(sparkline.read(view, tile), tile)


def _forecast(view: View, tile: Tile) -> Cells:
    found = forecast.read(view, tile)
    name = tile.all_queries[0].metric
    for each in found.points.lines:
        column = f"{name} forecast" if each.name in found.dashed else name
        yield from _drawn(replace(found.points, lines=(replace(each, name=""),)), column)
    yield from _band(found, found.points)


def _bars(view: View, tile: Tile) -> Cells:
    """Over time as it is drawn; by label as it is answered, which names every label."""
    if bar.is_over_time(tile):
        yield from _lines(bar.points(view, tile), tile)
    else:
        yield from _asked(view, tile)


def _bins(view: View, tile: Tile) -> Cells:
    found = histogram.read(view, tile)
    for low, high, count in zip(found.edges, found.edges[1:], found.counts, strict=False):
        yield {"series": f"{low!r} to {high!r}", "column": "buckets", "value": float(count)}


def _cells(view: View, tile: Tile) -> Cells:
    found = heatmap.read(view, tile)
    for y, row in zip(found.ys, found.values, strict=True):
        for x, value in zip(found.xs, row, strict=True):
            yield {"series": y, "column": x, "value": value}


def _pairs(view: View, tile: Tile) -> Cells:
    found = scatter.read(view, tile)
    names = told_apart([found.x_name, found.y_name])
    for number, pair in enumerate(found.pairs):
        for name, value in zip(names, pair, strict=True):
            yield {"row": number, "column": name, "value": value}


def _listed(found: listed.Listed) -> Cells:
    if not found.items:
        yield {"column": "summary", "text": found.calm}
    for number, each in enumerate(found.items):
        at = None if each.at is None else iso(datetime.fromtimestamp(each.at / 1e3, UTC))
        for column, text in (("state", each.word), ("title", each.title), ("text", each.text)):
            yield {"row": number, "time": at, "column": column, "text": text}


_READERS: Mapping[str, Callable[[View, Tile], Cells]] = {
    **dict.fromkeys(("counter", "gauge", "stats"), _figure),
    "line": _line,
    "sparkline": _spark,
    "forecast": _forecast,
    "bar": _bars,
    "histogram": _bins,
    "heatmap": _cells,
    "scatter": _pairs,
}
_LISTS: Mapping[str, Callable[[View, Tile], listed.Listed]] = {
    "alerts": alerts.read,
    "anomalies": anomalies.read,
    "schema": schema.read,
}


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
