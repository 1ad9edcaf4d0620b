"""Services: state of each one, its errors and latency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import Fmt
from datawatch_lab.views.board.values import finite
from datawatch_lab.views.board.view import View

_STATES = {"healthy": "good", "degraded": "warning", "unhealthy": "critical", "stale": "clock"}
_ORDER = tuple(reversed(_STATES))
_COLUMNS = (
    ("service", None),
    ("state", None),
    ("requests", Fmt("integer")),
    ("errors", Fmt("integer")),
    ("latency", Fmt(u="ms")),
)


@dataclass(frozen=True)
class Served:
    """(name, state, requests, errors, milliseconds) of each service, the worst first."""

    rows: tuple[tuple[str, str, float | None, float | None, float | None], ...]
    more: int = 0


def read(view: View, tile: Tile) -> Served:
    """The services."""
    options = options_of(tile)
    found = [
        each for each in view.workspace.list_services() if options["service"] in ("", each.name)
    ]
    known = [each for each in found if each.status in _ORDER]
    found = sorted(known, key=lambda each: (_ORDER.index(each.status), each.name)) + [
        each for each in found if each.status not in _ORDER
    ]
    rows = tuple(
        (
            each.name,
            each.status,
            finite(each.request_count),
            finite(each.error_count),
            finite(each.avg_latency_ms),
        )
        for each in found
    )
    limit = options["limit"]
    return Served(rows[:limit], max(0, len(rows) - limit))


def draw(tile: Tile, data: Served) -> Part | None:
    """The services as rows."""
    del tile
    if not data.rows:
        return None
    return Part(
        label=", ".join(f"{row[0]} {row[1]}" for row in data.rows)[:400],
        face="table",
        data={
            "columns": [
                {"name": name, "title": name, "number": fmt is not None, "fmt": fmt or Fmt()}
                | {"label": ""}
                for name, fmt in _COLUMNS
            ],
            "rows": data.rows,
            "states": [_STATES.get(row[1]) for row in data.rows],
            "more": data.more,
        },
    )


def to_hv(tile: Tile, data: Served) -> Any:
    """The services as a table."""
    columns = {name: [row[at] for row in data.rows] for at, (name, _) in enumerate(_COLUMNS)}
    return hv_parts.table(columns, tile.title)


KIND = Kind("services", read, draw, to_hv)
