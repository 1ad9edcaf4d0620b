"""The words of tiles: trends, what is counted, why a tile is empty."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from datawatch_lab.core.dashboards import Tile, TileQuery, options_of
from datawatch_lab.core.errors import AccessError, DataWatchError
from datawatch_lab.views import format as texts
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import fmt_of, shown
from datawatch_lab.views.board.values import Figure
from datawatch_lab.views.board.view import View

_LONGEST = 240
_AGGREGATIONS = {
    "sum": "sum",
    "avg": "average",
    "count": "count",
    "min": "lowest",
    "max": "highest",
    "rate": "rate",
    "distinct": "distinct values",
    "last": "newest",
}


class Trend(msgspec.Struct, frozen=True):
    """How a value compares with an earlier one.

    Attributes:
        text: in words, without an arrow.
        way: up, down, same, or '' where nothing is known.
        good: good, bad, or '' for neither.
    """

    text: str
    way: str
    good: str


def trend_of(figure: Figure, good: str) -> Trend | None:
    """The trend of a value; None where one of the two is not known.

    Args:
        figure: now and before.
        good: ``up``, ``down`` or ``neither``: which direction is good news.

    >>> print(texts.plain(trend_of(Figure(112.0, 100.0, previous="yesterday"), "up").text))
    12 % vs yesterday
    """
    now, before = figure.now, figure.before
    if now is None or before is None:
        return None
    previous = figure.previous
    if now == before:
        return Trend(f"same as {previous}", "same", "")
    way = "up" if now > before else "down"
    verdict = "" if good == "neither" else "good" if way == good else "bad"
    if before == 0:
        return Trend(f"from 0, {previous}", way, verdict)
    change = abs(now - before) / abs(before)
    if change < 0.0005:
        return Trend(f"same as {previous}", "same", "")
    if change > 9.995 and now / before > 0:
        return Trend(f"{texts.number(now / before)}× vs {previous}", way, verdict)
    return Trend(f"{texts.percent(change)} vs {previous}", way, verdict)


def sub_of(tile: Tile, unit: str, said: str = "") -> str:
    """What stands beside a title: how values are made, their unit, and what else is to be said."""
    query = tile.query
    if query is None or not query.metric:
        return said
    parts = [_AGGREGATIONS.get(query.aggregation, query.aggregation)]
    fmt = fmt_of(tile, unit)
    names = {"1/min": "per minute", "ratio": "share", "s": "", "ms": "", "us": "", "bytes": ""}
    own = "per hour" if fmt.f == "per hour" else names.get(fmt.u, texts.unit_mark(fmt.u))
    if own and own not in parts:
        parts.append(own)
    return ", ".join(filter(None, [*parts, said]))


def window_text(view: View, tile: Tile) -> str:
    """A tile's time in words, such as "in the last 24 h"; one that is over is only "this time"."""
    where = view.window(tile)
    if where.end < view.now - timedelta(minutes=1):
        return "in this time"
    return f"in the last {texts.plain(texts.duration(where.span.total_seconds()))}"


def empty(view: View, tile: Tile, what: str = "") -> Part:
    """A tile without values: what to do about it."""
    if view.status.status == "empty":
        say = "No events have come yet. Connect a source, or send events to this server."
    elif what:
        say = what
    else:
        name = _asked(tile.query)
        say = f"{name} has no values {window_text(view, tile)}. Choose a longer range."
        if view.look.filters:
            say = f"{name} has no values for these filters {window_text(view, tile)}."
    return Part(state="empty", say=say, label=say)


def _asked(query: TileQuery | None) -> str:
    if query is None:
        return "This tile"
    return query.metric or query.table or "The query"


def failed(error: DataWatchError) -> Part:
    """A tile whose question was refused or failed: the sentence that says why."""
    said = _short(error)
    say = f"{said[:1].upper()}{said[1:]}"
    if isinstance(error, AccessError):
        return Part(state="denied", say=say, label=f"no permission: {say}")
    return Part(state="error", say=say, label=f"cannot be shown: {say}")


def _short(error: DataWatchError) -> str:
    """The message of an error without its list of what there is, which no tile has room for."""
    text = error.message.partition("? ")[0] + "?" if "? " in error.message else str(error)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def in_words(tile: Tile, unit: str, value: float | None) -> str:
    """A value as a reader says it."""
    return texts.plain(shown(value, fmt_of(tile, unit)))


def good_of(tile: Tile) -> str:
    """Which direction is good news for a tile."""
    return str(options_of(tile).get("good", "neither"))
