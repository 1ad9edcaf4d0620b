"""All kinds of tiles in one mapping: to add one, write its file and name it here."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec

from datawatch_lab.core.dashboards import Tile, kind_named
from datawatch_lab.core.errors import DataWatchError, not_found
from datawatch_lab.views.board import words
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.marks import badge_of
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.tiles import (
    alerts,
    anomalies,
    bar,
    counter,
    custom,
    donut,
    forecast,
    gauge,
    heatmap,
    histogram,
    ledger,
    line,
    map,  # noqa: A004 — the kind's name
    quality,
    scatter,
    schema,
    services,
    sparkline,
    stats,
    table,
    text,
    top,
)
from datawatch_lab.views.board.view import View
from datawatch_lab.views.clock import clocks_of, told

log = logging.getLogger(__name__)

_ALL = (
    *(counter, sparkline, stats, line, bar, histogram, donut, table, top, gauge, heatmap, map),
    *(scatter, forecast, alerts, anomalies, schema, quality, services, ledger, text, custom),
)

KINDS: Mapping[str, Kind] = {each.KIND.name: each.KIND for each in _ALL}
"""Kind by name."""

_HINTS = {
    "services": "No service has sent a heartbeat. Services post to /heartbeat.",
    "quality": "Nothing has been checked yet. Scores appear once events come.",
    "text": "This tile has no words yet. Write them in its note, as Markdown.",
    "ledger": "Nothing has been received yet.",
    "forecast": "There is not enough history for a forecast yet.",
}


def kind_of(name: str) -> Kind:
    """A kind by its name or another word for it; a `NotFoundError` that names the nearest."""
    found = KINDS.get(kind_named(name).name)
    if found is None:
        raise not_found("tile kind", name, KINDS)
    return found


def show(view: View, tile: Tile) -> Part:
    """What a tile shows now; a fault is a part too, with the sentence that says it."""
    try:
        with clocks_of(view.status.timezone):
            return _shown(view, tile)
    except DataWatchError as error:
        return words.failed(error)
    except Exception:
        log.exception("tile %s (%s) could not be drawn", tile.id, tile.kind)
        return words.failed(DataWatchError("This tile could not be drawn; the log has the reason."))


def _shown(view: View, tile: Tile) -> Part:
    if kind_named(tile.kind).needs_query and not any(each.about for each in tile.all_queries):
        return words.empty(view, tile, "Choose what this tile shows: a metric, SQL or a table.")
    kind = kind_of(tile.kind)
    part = kind.draw(tile, kind.read(view, tile))
    if part is None:
        return words.empty(view, tile, _HINTS.get(kind.name, ""))
    if part.state != "ok":
        return part
    part = msgspec.structs.replace(part, badge=badge_of(view, tile))
    silence = view.silence(tile)
    return msgspec.structs.replace(part, state="stale", say=told(silence)) if silence else part
