"""Table: rows of a table, of SQL, or a metric by label."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.core.errors import not_found
from datawatch_lab.service.operations.sql import SqlAnswer, SqlColumn
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import Fmt, fmt_of
from datawatch_lab.views.board.values import finite
from datawatch_lab.views.board.view import View
from datawatch_lab.views.clock import local, zone_word

_NUMBERS = ("integer", "number", "decimal")
_MOST = 10_000
_LONGEST = 300
_COUNTLESS = -1
_NAMES = re.compile(r"(?:^|_)id$", re.IGNORECASE)

Cell = str | float | int | bool | None


@dataclass(frozen=True)
class Column:
    """A column: its name, whether it holds numbers, their unit, the label that it is, its times.

    Attributes:
        zone: beside its name, of all its times; '' where it has none, or they say it one by one.
    """

    name: str
    number: bool = False
    unit: str = ""
    label: str = ""
    is_time: bool = False
    zone: str = ""


@dataclass(frozen=True)
class Rows:
    """Rows, each a tuple in order of the columns.

    Attributes:
        more: rows beyond these; -1 where there are some that nobody has counted.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    more: int = 0


def read(view: View, tile: Tile) -> Rows:
    """The rows, sorted and cut as the tile says.

    Raises:
        NotFoundError: it names a column that there is not.
    """
    query = tile.all_queries[0]
    if query.metric:
        answer = view.value(query, tile)
        by = list(query.by)
        columns = (
            *(Column(each, label=each) for each in by),
            Column(query.label or query.metric, number=True, unit=answer.unit),
        )
        rows = (
            [
                (*(each.labels.get(label, "") for label in by), finite(each.points[0][1]))
                for each in answer.series
                if each.points
            ]
            if by
            else [(finite(each.points[0][1]),) for each in answer.series if each.points]
        )
        found = Rows(columns, tuple(rows))
        return _arranged(found, tile, default=f"-{columns[-1].name}" if by else "")
    if query.sql:
        return _arranged(_plain(view.rows(query, tile, _MOST)), tile)
    return _of_table(view, tile)


def _of_table(view: View, tile: Tile) -> Rows:
    """Rows of a table, sorted and cut where they are stored."""
    query, options = tile.all_queries[0], options_of(tile)
    sort = options["sort"]
    if sort and sort.removeprefix("-") not in view.columns(query):
        return _arranged(_plain(view.rows(query, tile, _MOST)), tile)
    answer = view.rows(query, tile, options["limit"], sort)
    found = _arranged(_plain(answer), tile, is_sorted=True)
    if not answer.truncated:
        return found
    count = view.row_count(query)
    return replace(found, more=_COUNTLESS if count is None else max(1, count - options["limit"]))


def _plain(answer: SqlAnswer) -> Rows:
    kinds = [_kind(each) for each in answer.columns]
    names = (each.name for each in answer.columns)
    columns = tuple(
        Column(name, number=kind == "number", is_time=kind == "time")
        for name, kind in zip(names, kinds, strict=True)
    )
    rows = tuple(
        tuple(_cell(value, kind) for value, kind in zip(row, kinds, strict=True))
        for row in answer.rows
    )
    return Rows(columns, rows)


def _kind(column: SqlColumn) -> str:
    """number, time, or text; a number that names something is text, without separators."""
    if column.type in _NUMBERS:
        return "text" if _NAMES.search(column.name) else "number"
    return "time" if column.type == "timestamp" else "text"


def _cell(value: Any, kind: str) -> Cell:
    """A value as a cell: what has parts is text, and text is cut where nobody reads on."""
    if value is None or isinstance(value, bool):
        return value
    if kind == "number":
        # Decimals and large integers come as texts, and stay: a double has not all their digits.
        return value if isinstance(value, str | int) else finite(value)
    text = str(value)
    if kind == "time":
        return text
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _arranged(found: Rows, tile: Tile, default: str = "", *, is_sorted: bool = False) -> Rows:
    options = options_of(tile)
    names = [each.name for each in found.columns]
    sort = "" if is_sorted else options["sort"] or default
    rows = list(found.rows)
    if sort:
        at = _place(names, sort.removeprefix("-"))
        order = _size if found.columns[at].number else _order
        rows.sort(key=lambda row: order(row[at]), reverse=sort.startswith("-"))
        rows.sort(key=lambda row: row[at] is None)
    wanted = [_place(names, each) for each in options["columns"]] or list(range(len(names)))
    limit = options["limit"]
    cut = Rows(
        tuple(found.columns[at] for at in wanted),
        tuple(tuple(row[at] for at in wanted) for row in rows[:limit]),
        max(0, len(rows) - limit),
    )
    return _on_clocks(cut)


def _on_clocks(found: Rows) -> Rows:
    """Times as the clocks of the zone show them; the zone is said once where it is the same."""
    columns, rows = list(found.columns), [list(row) for row in found.rows]
    for at, column in enumerate(columns):
        if not column.is_time:
            continue
        times = [_shown_time(row[at]) for row in rows]
        zones = {zone for _, zone in times if zone}
        one = zones.pop() if len(zones) == 1 else ""
        columns[at] = replace(column, zone=one)
        for row, (said, zone) in zip(rows, times, strict=True):
            row[at] = said if one or not zone else f"{said} {zone}"
    return replace(found, columns=tuple(columns), rows=tuple(tuple(row) for row in rows))


def _place(names: list[str], name: str) -> int:
    if name not in names:
        raise not_found("column", name, names)
    return names.index(name)


def _shown_time(value: Cell) -> tuple[Cell, str]:
    """A moment by the clocks of the zone, and the zone's word; what is none as it is."""
    try:
        at = datetime.fromisoformat(str(value))
        return f"{local(at):%Y-%m-%d %H:%M:%S}", zone_word(at)
    except (ValueError, OverflowError):  # nothing, infinity, a year that calendars have not
        return value, ""


def _size(value: Cell) -> Decimal:
    """A number for an order; one that is not known is dealt with beside."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)


def _order(value: Cell) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1, 0.0, str(value).removesuffix("Z"))


def draw(tile: Tile, data: Rows) -> Part | None:
    """The rows."""
    if not data.rows:
        return None
    columns = [
        {
            "name": each.name,
            "title": _title(each),
            "number": each.number,
            "fmt": fmt_of(tile, each.unit) if each.unit or _has_format(tile) else Fmt(),
            "label": each.label,
        }
        for each in data.columns
    ]
    names = ", ".join(each.name for each in data.columns)
    return Part(
        label=f"{len(data.rows)} rows of {names}",
        face="table",
        data={"columns": columns, "rows": data.rows, "more": data.more},
    )


def _title(column: Column) -> str:
    name = column.name.replace("_", " ")
    return f"{name} ({column.zone})" if column.zone else name


def _has_format(tile: Tile) -> bool:
    options = options_of(tile)
    return options["format"] != "auto" or options["decimals"] is not None


def to_hv(tile: Tile, data: Rows) -> Any:
    """The rows as a table."""
    columns = {each.name: [row[at] for row in data.rows] for at, each in enumerate(data.columns)}
    return hv_parts.table(columns, tile.title)


KIND = Kind("table", read, draw, to_hv)
