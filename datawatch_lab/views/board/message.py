"""What goes to the browser: one message with the whole board, then one a tick with what changed.

The shapes are those of ``src/message.ts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec

from datawatch_lab.core.dashboards import (
    COLUMNS,
    ROW_PIXELS,
    Dashboard,
    Tile,
    kind_named,
)
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.service.operations.metrics import write_filters
from datawatch_lab.views.board.numbers import Fmt, fmt_of
from datawatch_lab.views.board.view import Look, View
from datawatch_lab.views.ranges import RANGES

State = Literal["ok", "loading", "empty", "stale", "error", "denied"]
"""What a tile has: values, values that are old, none, or a sentence why there are none."""


class Badge(msgspec.Struct, frozen=True):
    """Anomalies that go on in what a tile shows: how many, and which."""

    count: int
    text: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one tile shows.

    Attributes:
        state: see `State`.
        say: a sentence: how to fill an empty tile, since when it is stale, what went wrong.
        label: the value in words, for those who do not see it.
        sub: beside the title: the unit, or what is counted.
        face: who draws it in the browser; '' for a tile without values.
        data: plain values, as that face wants them.
    """

    state: State = "ok"
    say: str = ""
    label: str = ""
    sub: str = ""
    badge: Badge | None = None
    face: str = ""
    data: Any = None


class Status(msgspec.Struct, frozen=True):
    """State of the workspace in a word, and in a sentence."""

    state: str
    message: str


class TileHead(msgspec.Struct, frozen=True):
    """A tile without its values.

    Attributes:
        drill: what the explorer is asked for the same metric, as the query of an address; '' for a
            tile that is about none.
    """

    id: str
    kind: str
    title: str
    x: int
    y: int
    w: int
    h: int
    fmt: Fmt
    least: tuple[int, int]
    drill: str = ""


class Range(msgspec.Struct, frozen=True):
    """A choice of the range selector."""

    key: str
    label: str


class VariableHead(msgspec.Struct, frozen=True):
    """A variable with its choices, and what is chosen; nothing chosen is all."""

    name: str
    title: str
    multi: bool
    choices: list[str]
    chosen: list[str]


class BoardHead(msgspec.Struct, frozen=True, kw_only=True):
    """A board without its values.

    Attributes:
        timezone: IANA name; in which times are told.
        row: height of a row of the grid, pixels.
        range: what is looked at: a key of ``ranges``, a duration, or FROM/TO.
        filters: (label, value) pairs that clicks have set.
    """

    id: str
    name: str
    description: str
    theme: str
    timezone: str
    row: int
    columns: int
    refresh: str
    range: str
    ranges: list[Range]
    variables: list[VariableHead]
    filters: list[tuple[str, str]]
    tiles: list[TileHead]


class BoardMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="board"):
    """The whole. Times are milliseconds since 1970, UTC.

    Attributes:
        seq: counts up with each message of a channel.
        span: from when to when the board looks.
    """

    seq: int
    at: int
    span: tuple[int, int] | None
    status: Status
    board: BoardHead
    parts: dict[str, Part]


class TickMessage(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="tick"
):
    """What has changed since the message before; parts of tiles that have not are left out.

    Attributes:
        variables: all of them, where there are others to choose from than before.
    """

    seq: int
    at: int
    span: tuple[int, int] | None
    status: Status
    parts: dict[str, Part]
    variables: list[VariableHead] | None = None


def head_of(
    dashboard: Dashboard,
    look: Look,
    view: View,
    titles: Mapping[str, str],
    choices: Mapping[str, list[str]] = MappingProxyType({}),
) -> BoardHead:
    """A board without its values; it asks for none.

    Args:
        dashboard: the document.
        look: what is looked at.
        view: what its tiles ask.
        titles: by id, of tiles that have none of their own.
        choices: of variables, by name; what is chosen of one that has none is its only choice.
    """
    return BoardHead(
        id=dashboard.id or dashboard.name,
        name=dashboard.name,
        description=dashboard.description,
        theme=dashboard.theme,
        timezone=view.status.timezone,
        row=ROW_PIXELS,
        columns=COLUMNS,
        refresh=dashboard.refresh,
        range=view.range_key,
        ranges=_ranges(view),
        variables=[
            VariableHead(
                each.name,
                each.title or each.name,
                each.multi,
                choices.get(each.name, list(view.chosen(each.name))),
                list(view.chosen(each.name)),
            )
            for each in dashboard.variables
        ],
        filters=list(look.filters),
        tiles=[_tile_head(each, titles, view) for each in dashboard.tiles],
    )


def _tile_head(tile: Tile, titles: Mapping[str, str], view: View) -> TileHead:
    return TileHead(
        id=tile.id,
        kind=tile.kind,
        title=tile.title or titles.get(tile.id, "") or kind_named(tile.kind).label,
        x=tile.x,
        y=tile.y,
        w=tile.w,
        h=tile.h,
        fmt=fmt_of(tile, ""),
        least=kind_named(tile.kind).least,
        drill=_drill(tile, view),
    )


def _drill(tile: Tile, view: View) -> str:
    """The first metric of a tile as the explorer takes it: over its time, with all its filters."""
    query = next((each for each in tile.all_queries if each.metric), None)
    if query is None:
        return ""
    said = {"metric": query.metric, "by": query.by[0] if query.by else "", "agg": query.aggregation}
    said["compare"] = query.compare
    with suppress(DataWatchError):  # the tile says what is wrong with it
        said["where"] = write_filters(view.filters_of(query) or ()) or ""
        said["from"], said["to"] = view.asked_time(tile)
    return urlencode({name: value for name, value in said.items() if value})


def _ranges(view: View) -> list[Range]:
    found = [Range(each.key, each.label) for each in RANGES]
    known = {each.key for each in found}
    key = view.range_key
    if key not in known and "/" not in key:
        found.insert(0, Range(key, key))
    return found
