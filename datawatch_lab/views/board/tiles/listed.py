"""What tiles that list happenings share: alerts, anomalies, schema changes, issues of quality."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from datawatch_lab.core.dashboards import Tile
from datawatch_lab.views.board import happenings, hv_parts
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.view import View


class Item(msgspec.Struct, frozen=True):
    """One line of a list.

    Attributes:
        level: bad, warn, good, schema, anomaly or info; chooses icon and colour.
        word: says the same in a word.
        at: ms since 1970 UTC; None for no time.
    """

    level: str
    word: str
    title: str
    text: str = ""
    at: int | None = None


@dataclass(frozen=True)
class Listed:
    """Lines, newest first.

    Attributes:
        more: lines beyond these.
        calm: what to say when there are none, which is good news.
    """

    items: tuple[Item, ...]
    more: int = 0
    calm: str = ""


def span_of(view: View, tile: Tile) -> tuple[float, float]:
    """From when to when a tile looks, ms; to the end of time where it looks until now."""
    where = view.window(tile)
    is_now = where.end >= view.now
    return where.start.timestamp() * 1e3, math.inf if is_now else where.end.timestamp() * 1e3


def calm_of(view: View, tile: Tile, words: str) -> str:
    """What to say where nothing is listed; nobody has looked for what is too long ago."""
    is_known = view.window(tile).end > view.now - happenings.DAYS
    return words if is_known else f"Only the last {happenings.DAYS.days} days are listed here"


def cut(items: Sequence[Item], limit: int, calm: str) -> Listed:
    """The first lines."""
    return Listed(tuple(items[:limit]), max(0, len(items) - limit), calm)


def draw(tile: Tile, data: Listed) -> Part | None:
    """The list; an empty one says so."""
    del tile
    first = ", ".join(f"{each.word} {each.title}".strip() for each in data.items[:3])
    return Part(
        label=f"{len(data.items) + data.more}: {first}" if data.items else data.calm,
        sub=str(len(data.items) + data.more) if data.items else "",
        face="list",
        data={"items": data.items, "more": data.more, "calm": data.calm},
    )


def to_hv(tile: Tile, data: Listed) -> Any:
    """The list as a table."""
    columns = {
        "state": [each.word for each in data.items],
        "title": [each.title for each in data.items],
        "text": [each.text for each in data.items],
    }
    return hv_parts.table(columns, tile.title)
