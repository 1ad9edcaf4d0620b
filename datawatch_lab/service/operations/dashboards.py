"""Dashboards: listed, made, read, changed, dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from datawatch_lab.core.dashboards import Dashboard, Tile, widget_id
from datawatch_lab.core.dashboards.older import DASHBOARD_WORDS
from datawatch_lab.core.dashboards.places import Fault, refusal
from datawatch_lab.core.dashboards.reading import look_at, read_dashboard
from datawatch_lab.core.dashboards.writing import to_plain
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.who import UserRole, current_who
from datawatch_lab.engine import Engine
from datawatch_lab.engine.dashboards import Dashboards
from datawatch_lab.engine.dashboards.making import made_of
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, NO_CONTENT, operation

PATH = f"{API}/dashboards"
ALSO = "/api/v1/dashboards"


class FaultAnswer(msgspec.Struct, frozen=True):
    """Something wrong in a document.

    Attributes:
        path: where, such as ``tiles[2].query.metric``.
        line: from 1, of a document that came as text.
        message: what, and what was possible.
        is_warning: it can be kept as it is, but shows nothing until that is there.
    """

    path: str
    line: int | None
    message: str
    is_warning: bool


class PositionAnswer(msgspec.Struct, frozen=True):
    """Where a widget stands, on 12 columns; in the words of both generations."""

    x: int
    y: int
    w: int
    h: int
    width: int
    height: int


class WidgetAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A tile as a widget.

    Attributes:
        id: a UUID, for the routes of widgets.
        dashboard: id of its dashboard.
        type: its kind.
        tile: the tile as the document has it.
    """

    id: str
    dashboard: str
    type: str
    title: str
    position: PositionAnswer
    tile: dict[str, Any]


class DashboardItem(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard in a list.

    Attributes:
        tiles: how many it has.
        path: where it is shown.
        role: what whoever asks may do with it.
    """

    id: str
    name: str
    description: str
    tiles: int
    template: str | None
    is_public: bool
    version: int
    created_by: str
    created_at: str | None
    updated_at: str | None
    path: str
    role: str = "viewer"


class DashboardAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard.

    Attributes:
        tiles: as the document has them, in order of (y, x).
        widgets: the same with the ids that the routes of widgets take.
        warnings: what it names and is not there.
        path: where it is shown.
        role: what whoever asks may do with it.
    """

    id: str
    name: str
    description: str
    tiles: list[dict[str, Any]]
    widgets: list[WidgetAnswer]
    variables: list[dict[str, Any]]
    filters: dict[str, Any]
    time_range: str
    refresh: str
    theme: str
    annotations: list[str]
    notes: list[dict[str, Any]]
    template: str | None
    is_public: bool
    version: int
    created_by: str
    created_at: str | None
    updated_at: str | None
    path: str
    role: str = "viewer"
    warnings: list[FaultAnswer] = []


class DashboardBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A dashboard, as docs/dashboards.md says; what is null is not said.

    Attributes:
        id: a UUID of your own for a new one.
        name: unique.
        description: for people.
        tiles: what it shows.
        widgets: an older word for tiles, whose bodies are taken too.
        variables: choices at the top.
        filters: value by label, for all tiles.
        time_range: auto, today, a duration such as 24h, or FROM/TO.
        refresh: 1s, 5s, 30s or 1m.
        theme: system, light or dark.
        annotations: what is marked on charts: anomalies, alerts, schema, notes.
        notes: words at times.
        template: with no tiles, make them of what the workspace has.
        is_public: anybody who reaches the server may look at it.
        older_range: timeRange, an older word.
        older_refresh: refreshInterval, in seconds or milliseconds.
        older_public: isPublic.
    """

    id: str | None = None
    name: str | None = None
    description: str | None = None
    tiles: list[dict[str, Any]] | None = None
    widgets: list[dict[str, Any]] | None = None
    variables: list[dict[str, Any]] | None = None
    filters: dict[str, Any] | list[dict[str, Any]] | None = None
    time_range: str | dict[str, Any] | None = None
    refresh: str | int | float | None = None
    theme: str | None = None
    annotations: list[str] | None = None
    notes: list[dict[str, Any]] | None = None
    template: str | None = None
    is_public: bool | None = None
    older_range: str | dict[str, Any] | None = msgspec.field(default=None, name="timeRange")
    older_refresh: str | int | float | None = msgspec.field(default=None, name="refreshInterval")
    older_public: bool | None = msgspec.field(default=None, name="isPublic")


def said(ask: msgspec.Struct, *without: str) -> dict[str, Any]:
    """What a body says, by the names that it has in JSON."""
    found: dict[str, Any] = msgspec.to_builtins(ask)
    return {k: value for k, value in found.items() if value is not None and k not in without}


def answered(engine: Engine, board: Dashboard) -> DashboardAnswer:
    """A dashboard as an answer, with what it names and is not there."""
    plain = to_plain(board)
    found = look_at(plain, known=engine.beside(Dashboards).known())
    return DashboardAnswer(
        id=board.id,
        name=board.name,
        description=board.description,
        tiles=plain.get("tiles", []),
        widgets=[widget_answer(board, each) for each in board.tiles],
        variables=plain.get("variables", []),
        filters=plain.get("filters", {}),
        time_range=board.time_range,
        refresh=board.refresh,
        theme=board.theme,
        annotations=list(board.annotations),
        notes=plain.get("notes", []),
        template=board.template,
        is_public=board.is_public,
        version=board.version,
        created_by=board.created_by,
        created_at=iso(board.created_at),
        updated_at=iso(board.updated_at),
        path=f"/d/{board.id}",
        role=own_roles(engine)(board.id),
        warnings=[fault_answer(each) for each in found.faults],
    )


def fault_answer(fault: Fault) -> FaultAnswer:
    """A fault as an answer."""
    return FaultAnswer(fault.path, fault.line, fault.message, fault.is_warning)


def widget_answer(board: Dashboard, tile: Tile) -> WidgetAnswer:
    """A tile as a widget."""
    return WidgetAnswer(
        id=widget_id(board.id, tile.id),
        dashboard=board.id,
        type=tile.kind,
        title=tile.title,
        position=PositionAnswer(tile.x, tile.y, tile.w, tile.h, tile.w, tile.h),
        tile=to_plain(tile),
    )


_DOCUMENT = (
    *("id", "name", "description", "tiles", "variables", "filters", "time_range", "refresh"),
    *("theme", "annotations", "notes", "template", "is_public", "version"),
    *("created_by", "created_at", "updated_at"),
)


def dashboard_of(answer: DashboardAnswer) -> Dashboard:
    """The dashboard that an answer is about, for edges that draw or change it."""
    given = {name: getattr(answer, name) for name in _DOCUMENT}
    board = read_dashboard({key: each for key, each in given.items() if each is not None})
    stamps = {"version": answer.version, "created_by": answer.created_by}
    times = {name: given[name] for name in ("created_at", "updated_at")}
    plain = {**stamps, **{key: each for key, each in times.items() if each}}
    return msgspec.convert({**msgspec.to_builtins(board), **plain}, Dashboard)


def resource_of(engine: Engine, ask: Any) -> str:
    """The dashboard that an operation is about; '' for one that is not there."""
    try:
        return f"dashboard:{engine.beside(Dashboards).get(ask.id).id}"
    except DataWatchError:
        return ""


def own_roles(engine: Engine) -> Callable[[str], UserRole]:
    """What whoever asks may do with each dashboard, by its id; see `Shares.role_on`."""
    who = current_who()
    if who.role == "admin" or who.resource or who.via == "live":
        return lambda _: who.role
    with Access(engine.path, engine.clock) as access:
        granted = access.shares.granted_to(who.name)
    return lambda id_: who.at_most(granted.get(f"dashboard:{id_}", who.role))


class DashboardsAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which dashboards.

    Attributes:
        search: only those with this text in name or description, whatever the case.
    """

    search: str = ""


@operation("GET", PATH, also=(ALSO,))
def list_dashboards(engine: Engine, ask: DashboardsAsk) -> list[DashboardItem]:
    """The dashboards, in order of name."""
    text, role_on = ask.search.lower(), own_roles(engine)
    return [
        DashboardItem(
            id=each.id,
            name=each.name,
            description=each.description,
            tiles=len(each.tiles),
            template=each.template,
            is_public=each.is_public,
            version=each.version,
            created_by=each.created_by,
            created_at=iso(each.created_at),
            updated_at=iso(each.updated_at),
            path=f"/d/{each.id}",
            role=role_on(each.id),
        )
        for each in engine.beside(Dashboards).all()
        if text in f"{each.name} {each.description}".lower()
    ]


@operation("POST", PATH, role="editor", status=201, also=(ALSO,))
def add_dashboard(engine: Engine, ask: DashboardBody) -> DashboardAnswer:
    """Make a dashboard: of the tiles that are given, or of a template."""
    boards = engine.beside(Dashboards)
    given = said(ask)
    if ask.template and not (ask.tiles or ask.widgets):
        made = made_of(engine, ask.template, name=ask.name or "")
        board = read_dashboard({**to_plain(made), **given})
        return answered(engine, boards.add(board, rename=not ask.name))
    return answered(engine, boards.add(read_dashboard(given)))


class DashboardAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which dashboard, by id or name."""

    id: str


@operation("GET", f"{PATH}/{{id}}", also=(f"{ALSO}/{{id}}",), resource=resource_of)
def get_dashboard(engine: Engine, ask: DashboardAsk) -> DashboardAnswer:
    """One dashboard, by id or name."""
    return answered(engine, engine.beside(Dashboards).get(ask.id))


class DashboardChange(DashboardBody, frozen=True, kw_only=True):
    """What of a dashboard changes; what is not said stays as it is.

    Attributes:
        id: of the dashboard, or its name.
        version: that the change was made to: a newer one is not overwritten.
        autosave: nobody asked for it; such changes within ten minutes make one version.
    """

    id: str
    version: int | None = None
    autosave: bool = False


@operation("PUT", f"{PATH}/{{id}}", role="editor", also=(f"{ALSO}/{{id}}",), resource=resource_of)
def change_dashboard(engine: Engine, ask: DashboardChange) -> DashboardAnswer:
    """Change a dashboard; what is not said stays as it is."""
    given = {
        DASHBOARD_WORDS.get(key, key): value
        for key, value in said(ask, "id", "version", "autosave").items()
    }

    def change(old: Dashboard) -> Dashboard:
        tiles = {"tiles": _own_ids(old, given["tiles"])} if "tiles" in given else {}
        found = look_at({**to_plain(old), **given, **tiles})
        if found.dashboard is None:
            raise refusal(old.name, found.faults)
        return found.dashboard

    boards = engine.beside(Dashboards)
    return answered(
        engine, boards.update(ask.id, change, expected=ask.version, autosave=ask.autosave)
    )


def _own_ids(board: Dashboard, tiles: list[Any]) -> list[Any]:
    """Tiles with their ids on the board, in place of their ids as widgets."""
    own = {widget_id(board.id, each.id): each.id for each in board.tiles}
    return [
        {**each, "id": own.get(str(each["id"]), each["id"])}
        if isinstance(each, Mapping) and "id" in each
        else each
        for each in tiles
    ]


@operation(
    "DELETE",
    f"{PATH}/{{id}}",
    role="editor",
    status=NO_CONTENT,
    also=(f"{ALSO}/{{id}}",),
    resource=resource_of,
)
def drop_dashboard(engine: Engine, ask: DashboardAsk) -> None:
    """Drop a dashboard; its versions are kept, and a rollback by its id brings it back."""
    engine.beside(Dashboards).drop(ask.id)
