"""Dashboards as values: a board, its tiles and what they ask. Everything else renders them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID, uuid5

import msgspec
from msgspec.structs import replace

from datawatch_lab.core.dashboards.kinds import (
    KIND_ALIASES,
    NUMBER_FORMATS,
    TILE_KINDS,
    Option,
    TileKind,
    kind_options,
)
from datawatch_lab.core.errors import InputError, not_found
from datawatch_lab.core.names import slug

__all__ = [
    "COLUMNS",
    "COMPARISONS",
    "KIND_ALIASES",
    "LAYERS",
    "MOST_HIGH",
    "MOST_ROWS",
    "MOST_TILES",
    "NUMBER_FORMATS",
    "REFRESH",
    "ROW_PIXELS",
    "THEMES",
    "TILE_KINDS",
    "Dashboard",
    "Filters",
    "Layer",
    "Note",
    "Option",
    "Refresh",
    "Theme",
    "Tile",
    "TileKind",
    "TileQuery",
    "Variable",
    "is_uuid",
    "kind_named",
    "options_of",
    "placed",
    "prometheus_name",
    "replace",
    "widget_id",
]

COLUMNS = 12
"""Columns of the grid."""
ROW_PIXELS = 48
"""Height of a row of the grid: six steps of the 8-px rhythm."""
MOST_TILES = 200
"""Tiles of a dashboard at most."""
MOST_ROWS, MOST_HIGH = 10_000, 100
"""The last row that a tile may begin in, and how many rows it may have."""

Refresh = Literal["1s", "5s", "30s", "1m"]
REFRESH: tuple[str, ...] = get_args(Refresh)
Theme = Literal["system", "light", "dark"]
THEMES: tuple[str, ...] = get_args(Theme)
Layer = Literal["anomalies", "alerts", "schema", "notes"]
LAYERS: tuple[str, ...] = get_args(Layer)
"""What is annotated on charts."""
COMPARISONS = ("previous_period", "same_hour_yesterday", "same_hour_last_week")

Filters = dict[str, str | tuple[str, ...]]
"""Value by label, or several of them; a value such as ``$region`` is that of a variable."""

_NAMESPACE = UUID("4c9a86e2-52b4-5f6a-9f65-0d6a8d8d6c11")


class TileQuery(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What a tile asks: exactly one of a metric, SQL, or a table.

    Attributes:
        metric: its name.
        sql: one SELECT over live tables, changes and metrics.
        table: its current rows.
        aggregation: of the metric; '' for its own.
        by: labels; each combination of values is a series.
        filters: value by label; ``$name`` is the value of a variable.
        step: a duration; '' for one that suits the window.
        compare: '' or one of `COMPARISONS`.
        label: what the series is called; '' for the metric's name.
    """

    metric: str = ""
    sql: str = ""
    table: str = ""
    aggregation: str = ""
    by: tuple[str, ...] = ()
    filters: Filters = {}
    step: str = ""
    compare: str = ""
    label: str = ""

    @property
    def about(self) -> str:
        """``metric``, ``sql``, ``table``, or '' for a query that asks nothing."""
        return next((each for each in ("metric", "sql", "table") if getattr(self, each)), "")


class Tile(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One tile of a dashboard.

    Attributes:
        kind: one of `TILE_KINDS`.
        title: '' for none of its own.
        query: what it asks; None for kinds that ask nothing.
        queries: what it asks beside that.
        x, y: column and row of its upper left corner; -1 for wherever there is room, which the
            dashboard then fills in.
        w, h: columns and rows; 0 for the kind's own, which is filled in.
        window: how far back it looks, such as ``1h``; None for the board's range.
        options: those of its kind that are not at their default.
        note: for people; the words of a text tile.
        id: unique on its dashboard, from the title when it is not said.
    """

    kind: str
    title: str = ""
    query: TileQuery | None = None
    queries: tuple[TileQuery, ...] = ()
    x: int = -1
    y: int = -1
    w: int = 0
    h: int = 0
    window: str | None = None
    options: dict[str, Any] = {}
    note: str = ""
    id: str = ""

    def __post_init__(self) -> None:
        """Fill in the size of the kind; an `InputError` when it is off the grid."""
        kind = TILE_KINDS.get(self.kind)
        if self.w == 0:
            msgspec.structs.force_setattr(self, "w", kind.w if kind else 4)
        if self.h == 0:
            msgspec.structs.force_setattr(self, "h", kind.h if kind else 4)
        fits = self.x >= -1 and self.w >= 1 and max(self.x, 0) + self.w <= COLUMNS
        if not (fits and -1 <= self.y <= MOST_ROWS and 1 <= self.h <= MOST_HIGH):
            raise InputError(
                f"tile {self.id or self.title or self.kind!r}: x {self.x}, y {self.y}, "
                f"w {self.w}, h {self.h} is no place on the grid.",
                hint=f"x + w is at most {COLUMNS}, h at most {MOST_HIGH}, y at most {MOST_ROWS}.",
            )

    @property
    def all_queries(self) -> tuple[TileQuery, ...]:
        """Every query of it, the first one first; () for none."""
        return (*(() if self.query is None else (self.query,)), *self.queries)

    def option(self, name: str) -> Any:
        """An option as it holds: said, else the kind's default.

        Raises:
            NotFoundError: the kind has no such option.
        """
        found = kind_named(self.kind).option(name)
        if found is None:
            known = [each.name for each in kind_named(self.kind).options]
            raise not_found("option", name, known, where=f"tile kind {self.kind}")
        return self.options.get(name, found.default)

    def __repr__(self) -> str:
        return f"<Tile {self.kind} {self.title or self.id!r}>"


class Variable(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A choice at the top of a dashboard, which queries name as ``$name``.

    Attributes:
        name: letters, digits and underscores.
        title: for people; '' for the name.
        metric, label: the choices are the values of this label of this metric.
        values: or these.
        multi: several may be chosen.
        default: chosen at first; () or '' for all.
    """

    name: str
    title: str = ""
    metric: str = ""
    label: str = ""
    values: tuple[str, ...] = ()
    multi: bool = False
    default: str | tuple[str, ...] = ""

    @property
    def chosen(self) -> tuple[str, ...]:
        """What is chosen at first; () for all."""
        if isinstance(self.default, tuple):
            return self.default
        return (self.default,) if self.default else ()


class Note(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Words at a time, drawn on charts.

    Attributes:
        at, until: the time, or the span of it.
        text: the words.
        tile: id of the one tile that it is for; '' for all.
    """

    at: datetime
    text: str
    until: datetime | None = None
    tile: str = ""


class Dashboard(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A dashboard.

    Making one gives every tile an id and a place, so that no two overlap where places were not
    said.

    Attributes:
        name: unique in its workspace.
        tiles: in order of (y, x).
        variables: choices at the top.
        filters: of all tiles whose metrics have the label.
        time_range: of tiles without a window of their own: a duration back from now such as
            ``24h``, ``today``, ``FROM/TO``, or ``auto`` for one that suits the data.
        refresh: how often values are asked anew.
        annotations: what is marked on charts.
        notes: words at times.
        template: name of the template that it was made from.
        id: a UUID; '' until it is stored.
        version: counts up with each change; 0 until it is stored.
        created_by, created_at, updated_at: filled in when it is stored.
        is_public: anybody who reaches the server may look at it.
    """

    name: str
    description: str = ""
    tiles: tuple[Tile, ...] = ()
    variables: tuple[Variable, ...] = ()
    filters: Filters = {}
    time_range: str = "auto"
    refresh: Refresh = "5s"
    theme: Theme = "system"
    annotations: tuple[Layer, ...] = ("anomalies", "alerts", "schema", "notes")
    notes: tuple[Note, ...] = ()
    template: str | None = None
    is_public: bool = False
    id: str = ""
    version: int = 0
    created_by: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        """Give tiles ids and places."""
        msgspec.structs.force_setattr(self, "tiles", placed(_named(self.tiles)))

    def tile(self, id_: str) -> Tile:
        """A tile by id or widget id.

        Raises:
            NotFoundError: there is none; names the nearest.
        """
        for each in self.tiles:
            if id_ in (each.id, widget_id(self.id, each.id)):
                return each
        raise not_found("tile", id_, [each.id for each in self.tiles], where=self.name)

    def with_tiles(self, tiles: Iterable[Tile]) -> Dashboard:
        """The same board with other tiles."""
        return replace(self, tiles=tuple(tiles))

    def with_tile(self, tile: Tile) -> Dashboard:
        """The board with a tile in place of the one of its id, or one more."""
        known = {each.id for each in self.tiles}
        if tile.id in known:
            return self.with_tiles(tile if each.id == tile.id else each for each in self.tiles)
        return self.with_tiles((*self.tiles, tile))

    def without_tile(self, id_: str) -> Dashboard:
        """The board without a tile; a `NotFoundError` when there is none."""
        gone = self.tile(id_)
        return self.with_tiles(each for each in self.tiles if each.id != gone.id)

    def __repr__(self) -> str:
        return f"<Dashboard {self.name!r}, {len(self.tiles)} tiles>"


def kind_named(name: str) -> TileKind:
    """A kind by its name or another word for it.

    >>> kind_named("pie").name
    'donut'

    Raises:
        NotFoundError: there is none; names the nearest.
    """
    found = TILE_KINDS.get(KIND_ALIASES.get(name, name))
    if found is None:
        raise not_found("tile kind", name, TILE_KINDS)
    return found


def widget_id(dashboard: str, tile: str) -> str:
    """The id of a tile among all tiles of a workspace, a UUID; '' for a board not yet stored."""
    return str(uuid5(_NAMESPACE, f"{dashboard}\x1f{tile}")) if dashboard else ""


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID in its usual form."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def prometheus_name(metric: str) -> str:
    """The name that a metric has in Prometheus: letters, digits and underscores.

    >>> prometheus_name("orders_amount_p99"), prometheus_name("größe.net-sum")
    ('datawatch_orders_amount_p99', 'datawatch_gr_c3_b6_c3_9fe_net_sum')
    """
    safe = "".join(_prometheus_letter(each) for each in metric)
    return f"datawatch_{safe}"


def _prometheus_letter(letter: str) -> str:
    if letter == "_" or (letter.isascii() and letter.isalnum()):
        return letter
    if letter.isascii():
        return "_"
    return "".join(f"_{byte:02x}" for byte in letter.encode())


def _named(tiles: Iterable[Tile]) -> Iterator[Tile]:
    """Tiles with an id each; an id that two tiles say is an error."""
    tiles = tuple(tiles)
    said: set[str] = set()
    for each in tiles:
        if each.id in said:
            raise InputError(f"two tiles have the id {each.id!r}.", hint="Leave it out of one.")
        if each.id:
            said.add(each.id)
    for each in tiles:
        if each.id:
            yield each
            continue
        stem = slug(each.title or each.kind).lower()[:60]
        name, count = stem, 1
        while name in said:
            count += 1
            name = f"{stem}_{count}"
        said.add(name)
        yield replace(each, id=name)


def placed(tiles: Iterable[Tile]) -> tuple[Tile, ...]:
    """Tiles in order of (y, x), those without a place where there is room, row by row."""
    tiles = tuple(tiles)
    taken = [each for each in tiles if each.x >= 0 and each.y >= 0]
    covered = _Cells(taken)
    done: dict[str, Tile] = {each.id: each for each in taken}
    for each in tiles:
        if each.id not in done:
            w = min(each.w, COLUMNS)
            x, y = covered.room(w, each.h)
            done[each.id] = replace(each, x=x, y=y, w=w)
            covered.cover(done[each.id])
    return tuple(sorted((done[each.id] for each in tiles), key=lambda each: (each.y, each.x)))


class _Cells:
    """Which cells of the grid are covered."""

    def __init__(self, tiles: Iterable[Tile]) -> None:
        self._rows: dict[int, int] = {}
        for each in tiles:
            self.cover(each)

    def cover(self, tile: Tile) -> None:
        """Take the cells of a tile."""
        bits = ((1 << tile.w) - 1) << tile.x
        for row in range(tile.y, tile.y + tile.h):
            self._rows[row] = self._rows.get(row, 0) | bits

    def room(self, w: int, h: int) -> tuple[int, int]:
        """The first place, reading order, where so many columns and rows are free."""
        y = 0
        while True:
            taken = 0
            for row in range(y, y + h):
                taken |= self._rows.get(row, 0)
            for x in range(COLUMNS - w + 1):
                if not taken & (((1 << w) - 1) << x):
                    return x, y
            y += 1


def options_of(tile: Tile) -> Mapping[str, Any]:
    """Every option of a tile as it holds."""
    return kind_options(tile.kind, tile.options)
