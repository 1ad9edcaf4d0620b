"""Tiles of dashboards as widgets: added, read, changed and removed one by one."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from datawatch_lab.core.dashboards import MOST_TILES, REFRESH, Dashboard, Tile
from datawatch_lab.core.dashboards.reading import read_tile
from datawatch_lab.core.dashboards.writing import to_plain
from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.engine import Engine
from datawatch_lab.engine.dashboards import Dashboards
from datawatch_lab.service.operation import API, NO_CONTENT, operation
from datawatch_lab.service.operations.dashboards import (
    PATH,
    WidgetAnswer,
    resource_of,
    said,
    widget_answer,
)


class WidgetBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tile, as docs/dashboards.md says; older bodies of widgets are taken too.

    Attributes:
        kind: of the tile, such as line.
        type: an older word for it: chart, metric, table or alert, or a kind.
        title: '' for none.
        query: what it asks: a metric, SQL or a table.
        queries: what it asks beside that.
        metric: in place of a query, with the aggregation, by and filters below.
        x, y: column, of 12, and row; where there is room when they are not said.
        w, h: columns and rows.
        position: an older word for them, with w and h or width and height.
        window: how far back, such as 1h; by default the board's range.
        options: those of the kind.
        config: an older word for options, the query among them.
        note: for people; the words of a text tile.
        older_refresh: refreshInterval: the board is refreshed at least as often.
    """

    kind: str | None = None
    type: str | None = None
    title: str | None = None
    query: str | dict[str, Any] | None = None
    queries: list[dict[str, Any]] | None = None
    metric: str | None = None
    metrics: list[str] | None = None
    sql: str | None = None
    table: str | None = None
    aggregation: str | None = None
    by: list[str] | None = None
    group_by: list[str] | None = None
    filters: dict[str, Any] | list[dict[str, Any]] | None = None
    step: str | None = None
    compare: str | None = None
    x: int | None = None
    y: int | None = None
    w: int | None = None
    h: int | None = None
    position: dict[str, int] | None = None
    window: str | None = None
    options: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    note: str | None = None
    older_refresh: str | int | float | None = msgspec.field(default=None, name="refreshInterval")


class WidgetAdded(WidgetBody, frozen=True, kw_only=True):
    """A tile for a dashboard, by the dashboard's id or name."""

    id: str


@operation("POST", f"{PATH}/{{id}}/widgets", role="editor", status=201, resource=resource_of)
def add_widget(engine: Engine, ask: WidgetAdded) -> WidgetAnswer:
    """Add a tile to a dashboard, where there is room unless it says where."""
    tile, refresh = read_tile(said(ask, "id"))
    before: set[str] = set()

    def change(old: Dashboard) -> Dashboard:
        if len(old.tiles) >= MOST_TILES:
            raise InputError(f"dashboard {old.name!r} has {MOST_TILES} tiles, which is the most.")
        before.update(each.id for each in old.tiles)
        return _refreshed(old.with_tiles((*old.tiles, tile)), refresh)

    made = engine.beside(Dashboards).update(ask.id, change)
    return widget_answer(made, next(each for each in made.tiles if each.id not in before))


def _refreshed(board: Dashboard, refresh: str) -> Dashboard:
    """The board asked anew at least as often as a tile of it wants."""
    if refresh and REFRESH.index(refresh) < REFRESH.index(board.refresh):
        return replace(board, refresh=refresh)
    return board


class WidgetAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which tile, by its id as a widget."""

    id: str


def _resource(engine: Engine, ask: Any) -> str:
    """The dashboard that a widget is on; '' when there is none."""
    try:
        return f"dashboard:{engine.beside(Dashboards).widget(ask.id)[0].id}"
    except DataWatchError:
        return ""


@operation("GET", f"{API}/widgets/{{id}}", resource=_resource)
def widget(engine: Engine, ask: WidgetAsk) -> WidgetAnswer:
    """One tile, by its id as a widget."""
    return widget_answer(*engine.beside(Dashboards).widget(ask.id))


class WidgetChange(WidgetBody, frozen=True, kw_only=True):
    """What of a tile changes; what is not said stays as it is."""

    id: str


_QUERY = ("metric", "metrics", "sql", "table", "query")


@operation("PUT", f"{API}/widgets/{{id}}", role="editor", resource=_resource)
def change_widget(engine: Engine, ask: WidgetChange) -> WidgetAnswer:
    """Change a tile; what is not said stays as it is."""
    boards = engine.beside(Dashboards)
    board, tile = boards.widget(ask.id)

    def change(now: Dashboard) -> Dashboard:
        changed, refresh = _changed(now.tile(tile.id), said(ask, "id"))
        return _refreshed(now.with_tile(changed), refresh)

    made = boards.update(board.id, change)
    return widget_answer(made, made.tile(tile.id))


def _changed(old: Tile, given: dict[str, Any]) -> tuple[Tile, str]:
    """A tile with what is said of it, and how often it wants its board asked; '' for no wish."""
    plain = to_plain(old)
    plain.pop("id")
    if any(name in given for name in _QUERY):
        plain.pop("query", None)
        plain.pop("queries", None)
    if "type" in given:
        plain.pop("kind")
    if given.get("kind", given.get("type", old.kind)) != old.kind:
        plain.pop("options", None)
    if "position" in given:
        words = {"width": "w", "height": "h"}
        given |= {words.get(key, key): value for key, value in given.pop("position").items()}
    tile, refresh = read_tile({**plain, **given})
    return replace(tile, id=old.id), refresh


@operation("DELETE", f"{API}/widgets/{{id}}", role="editor", status=NO_CONTENT, resource=_resource)
def drop_widget(engine: Engine, ask: WidgetAsk) -> None:
    """Take a tile off its dashboard; a rollback of the dashboard brings it back."""
    boards = engine.beside(Dashboards)
    board, tile = boards.widget(ask.id)
    boards.update(board.id, lambda now: now.without_tile(tile.id))
