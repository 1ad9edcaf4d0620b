"""Data quality: score by table, and the issues behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.core.durations import format_duration
from datawatch_lab.service.freshness import iso
from datawatch_lab.views import format as texts
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import Fmt
from datawatch_lab.views.board.tiles import listed
from datawatch_lab.views.board.tiles.listed import Item
from datawatch_lab.views.board.values import Figure, finite
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import trend_of

_OPEN = timedelta(minutes=1)
_PERCENT = Fmt(u="percent", d=1)
_STATES = {"good": "good", "bad": "critical"}


@dataclass(frozen=True)
class Scored:
    """Scores in percent, by table.

    Attributes:
        rows: (table, state, score, completeness, validity, freshness), worst first.
        issues: (table, what fails).
    """

    score: float | None
    previous: float | None
    rows: tuple[tuple[str, str, float | None, float | None, float | None, float | None], ...]
    issues: tuple[tuple[str, str], ...] = ()
    more: int = 0


def read(view: View, tile: Tile) -> Scored:
    """The scores over the tile's time."""
    options = options_of(tile)
    where = view.window(tile)
    # What goes on is scored up to the minute that is not over.
    end = iso(where.end) if where.end < view.now - _OPEN else None
    answer = view.workspace.quality_score(window=format_duration(where.span), end=end)
    tables = [each for each in answer.tables if options["table"] in ("", each.table)]
    tables.sort(key=lambda each: (each.score is None, each.score or 0.0, each.table))
    rows = tuple(
        (
            each.table,
            each.state,
            *map(finite, (each.score, each.completeness, each.validity, each.freshness)),
        )
        for each in tables
    )
    limit = options["limit"]
    issues = tuple((each.table, issue) for each in tables for issue in each.issues)
    score, previous = answer.score, answer.previous
    if options["table"] and tables:
        score, previous = tables[0].score, tables[0].previous
    more = max(0, (len(issues) if options["show"] == "issues" else len(rows)) - limit)
    return Scored(finite(score), finite(previous), rows[:limit], issues[:limit], more)


def draw(tile: Tile, data: Scored) -> Part | None:
    """The tables with their scores, the whole score, or the issues."""
    show = options_of(tile)["show"]
    if show == "issues":
        items = [Item("warn", table, issue) for table, issue in data.issues]
        return listed.draw(tile, listed.Listed(tuple(items), data.more, "No issues"))
    if data.score is None and not any(row[2] is not None for row in data.rows):
        return None
    said = "–" if data.score is None else f"{_down(data.score):.1f} %"
    if show == "score":
        return _whole(data, said)
    numbers = ("score", "completeness", "validity", "freshness")
    columns = [_column("table", number=False), _column("state", number=False)]
    columns += [_column(each, number=True) for each in numbers]
    low = [row[0] for row in data.rows if row[1] == "bad"]
    return Part(
        label=f"{said} in all{'; below the threshold: ' + ', '.join(low) if low else ''}",
        sub=f"{said} in all",
        face="table",
        data={
            "columns": columns,
            "rows": [(*row[:2], *map(_down, row[2:])) for row in data.rows],
            "states": [_STATES.get(row[1]) for row in data.rows],
            "more": data.more,
        },
    )


def _whole(data: Scored, said: str) -> Part:
    figure = Figure(data.score, data.previous, previous="the time before")
    return Part(
        label=f"{said} of checks are good",
        face="number",
        data={
            "value": _down(data.score),
            "fmt": _PERCENT,
            "trend": trend_of(figure, "up"),
            "spark": None,
            "fill": False,
        },
    )


def _down(percent: float | None) -> float | None:
    """A score with one digit, rounded down: 100 % is said of nothing that failed."""
    return None if percent is None else math.floor(percent * 10 + 1e-9) / 10


def _column(name: str, *, number: bool) -> dict[str, Any]:
    return {"name": name, "title": name, "number": number, "fmt": _PERCENT, "label": ""}


def to_hv(tile: Tile, data: Scored) -> Any:
    """The tables with their scores."""
    names = ("table", "state", "score", "completeness", "validity", "freshness")
    columns = {name: [row[at] for row in data.rows] for at, name in enumerate(names)}
    return hv_parts.table(columns, tile.title or texts.NOTHING)


KIND = Kind("quality", read, draw, to_hv)
