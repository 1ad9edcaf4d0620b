"""Dashboards in a notebook: they show their layout, are changed, saved and rolled back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from datawatch_lab.core.dashboards import (
    TILE_KINDS,
    Dashboard,
    Note,
    Tile,
    TileQuery,
    Variable,
)
from datawatch_lab.core.dashboards.code import as_code
from datawatch_lab.core.dashboards.writing import to_json, to_plain, to_yaml
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.notebook import markup
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operations.dashboards import DashboardAnswer, DashboardItem, dashboard_of
from datawatch_lab.service.operations.dashboards_access import LinkAnswer
from datawatch_lab.service.operations.dashboards_versions import DifferenceAnswer, VersionAnswer

if TYPE_CHECKING:
    from datawatch_lab.views.builder.component import Builder

__all__ = ["Board", "Boards", "Dashboard", "Note", "Tile", "TileQuery", "Variable", "find"]

_ROW_PIXELS = 22
_MOST_ROWS = 60
_CELL = (
    "border:1px solid currentColor;border-radius:5px;box-sizing:border-box;font-size:11px;"
    "line-height:1.3;opacity:.85;overflow:hidden;padding:2px 6px"
)


class Board:
    """A dashboard of a workspace, or one that is to be saved there.

    Attributes:
        value: the document as it is here; frozen, so each change makes another.
    """

    def __init__(
        self, workspace: Workspace, value: Dashboard, warnings: Iterable[str] = ()
    ) -> None:
        self._workspace = workspace
        self.value = value
        self._saved: Dashboard | None = value if value.version else None
        self._warnings = list(warnings)

    # ------------------------------------------------------------------ what it is

    @property
    def name(self) -> str:
        """Its name."""
        return self.value.name

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """Its tiles, in order of (y, x)."""
        return self.value.tiles

    @property
    def is_saved(self) -> bool:
        """Whether the workspace has it as it is here."""
        return self._saved == self.value

    @property
    def path(self) -> str:
        """Where a server of the workspace shows it; '' before it is saved."""
        return f"/d/{self.value.id}" if self._saved else ""

    def tile(self, id_: str) -> Tile:
        """One tile; a `NotFoundError` names the nearest."""
        return self.value.tile(id_)

    def as_code(self) -> str:
        """Python that makes it."""
        return as_code(self.value)

    def to_yaml(self) -> str:
        """The document as YAML."""
        return to_yaml(self.value)

    def to_json(self) -> str:
        """The document as JSON."""
        return to_json(self.value)

    # ------------------------------------------------------------------ changing

    def add(self, tile: Tile | str, **how: Any) -> Tile:
        """Add a tile: one that is made, or a kind with the fields of one.

        A field of a query (``metric``, ``sql``, ``table``, ``by``, ``aggregation`` …) makes the
        query; other names are options of the kind.
        """
        made = tile if isinstance(tile, Tile) else _tile(tile, how)
        before = {each.id for each in self.tiles}
        self.value = self.value.with_tiles((*self.tiles, made))
        return next(each for each in self.tiles if each.id not in before)

    def change(self, id_: str = "", **fields: Any) -> Board:
        """Change fields of one tile, by its id, or of the board."""
        if id_:
            self.value = self.value.with_tile(replace(self.tile(id_), **fields))
        else:
            self.value = replace(self.value, **fields)
        return self

    def remove(self, id_: str) -> Board:
        """Take a tile off."""
        self.value = self.value.without_tile(id_)
        return self

    def save(self, name: str = "") -> Board:
        """Store it as a new version.

        Args:
            name: another name; of a board that is saved already this makes a copy.

        Raises:
            ConflictError: somebody else changed it in between, or the name is taken.
        """
        value, document = self.value, to_plain(self.value)
        document.pop("id", None)
        if name:
            document["name"] = name
        is_new = self._saved is None or (name and name != self._saved.name)
        if is_new:
            if value.id and self._saved is None:
                document["id"] = value.id
            return self._take(self._workspace.add_dashboard(**document))
        whole = {**_EMPTY, **document}
        return self._take(
            self._workspace.change_dashboard(value.id, version=value.version, **whole)
        )

    def reload(self) -> Board:
        """Take it as the workspace has it now; what was not saved is lost."""
        return self._take(self._workspace.get_dashboard(self._id()))

    def drop(self) -> None:
        """Take it out of the workspace; `rollback` brings it back."""
        self._workspace.drop_dashboard(self._id())

    def _take(self, answer: DashboardAnswer) -> Board:
        self.value = self._saved = dashboard_of(answer)
        self._warnings = [f"{each.path}: {each.message}" for each in answer.warnings]
        return self

    def _id(self) -> str:
        if not self.value.id or self._saved is None:
            raise InputError(f"dashboard {self.name!r} is not saved yet.", hint="Call .save().")
        return self.value.id

    # ------------------------------------------------------------------ versions, sharing

    def versions(self) -> Versions:
        """What became of it, newest first."""
        return Versions(self._workspace.dashboard_versions(self._id()))

    def diff(self, old: int | None = None, new: int | None = None) -> Differences:
        """What lies between two versions; by default the newest two."""
        return Differences(self._workspace.dashboard_diff(self._id(), old=old, new=new))

    def rollback(self, version: int | None = None) -> Board:
        """Make it what it was at a version, by default the one before."""
        return self._take(self._workspace.rollback_dashboard(self._id(), version=version))

    def export(self, form: str = "yaml") -> str:
        """The saved document as yaml, json, python, or for grafana or metabase."""
        return self._workspace.export_dashboard(self._id(), format=form).text

    def share(self, expires: str = "7d") -> LinkAnswer:
        """A link that opens it to read, until it expires or is revoked."""
        return self._workspace.share_dashboard(self._id(), expires=expires)

    # ------------------------------------------------------------------ showing

    def edit(self) -> Builder:
        """The builder in the cell; a board that is not saved yet is saved first."""
        from datawatch_lab.views.board.feed import BoardFeed
        from datawatch_lab.views.board.stored import loader
        from datawatch_lab.views.builder.component import Builder

        if self._saved is None:
            self.save()
        return Builder(BoardFeed(self._workspace, loader(self._workspace)), self._id())

    def __repr__(self) -> str:
        state = f"version {self.value.version}" if self.is_saved else "not saved"
        return f"<Board {self.name!r}, {len(self.tiles)} tiles, {state}>"

    def _repr_html_(self) -> str:
        value = self.value
        state = f"version {value.version}" if self.is_saved else "not saved"
        head = markup.paragraph(
            markup.name(value.name),
            f"{len(value.tiles)} tiles",
            f"every {value.refresh}",
            value.time_range,
            markup.tag(state),
        )
        parts = [head, _sketch(value)]
        if value.description:
            parts.insert(1, markup.paragraph(markup.soft(value.description)))
        if self._warnings:
            rows = [(each,) for each in self._warnings]
            parts.append(markup.table(("not there yet",), rows, nowrap=()))
        if self.path:
            parts.append(markup.paragraph(markup.code(self.path)))
        return markup.block(*parts)


_EMPTY: dict[str, Any] = {
    "description": "",
    "tiles": [],
    "variables": [],
    "filters": {},
    "notes": [],
    "time_range": "auto",
    "refresh": "5s",
    "theme": "system",
    "annotations": ["anomalies", "alerts", "schema", "notes"],
    "is_public": False,
}
"""What a board has where its document says nothing."""

_QUERY = frozenset(TileQuery.__struct_fields__)
_TILE = frozenset(Tile.__struct_fields__)


def _tile(kind: str, how: dict[str, Any]) -> Tile:
    """A tile of a kind, from the fields of a tile, of its query and of its options."""
    from datawatch_lab.core.dashboards.reading import read_tile

    options = {name: value for name, value in how.items() if name not in _QUERY | _TILE}
    given = {name: value for name, value in how.items() if name in _QUERY | _TILE}
    return read_tile({"kind": kind, **given, "options": {**given.get("options", {}), **options}})[0]


def _sketch(board: Dashboard) -> markup.Safe:
    """The layout as boxes; no data, no script."""
    cells = []
    for tile in board.tiles:
        if tile.y >= _MOST_ROWS:
            continue
        kind = TILE_KINDS.get(tile.kind)
        about = ", ".join(each.metric or each.table or "SQL" for each in tile.all_queries)
        place = f"grid-column:{tile.x + 1}/span {tile.w};grid-row:{tile.y + 1}/span {tile.h}"
        cells.append(
            f'<div style="{_CELL};{place}"><b>{markup.text(tile.title or tile.id, 60)}</b><br>'
            f"{markup.soft(kind.label if kind else tile.kind)} {markup.code(about, 60)}</div>"
        )
    style = (
        f"display:grid;gap:4px;grid-auto-rows:{_ROW_PIXELS}px;"
        "grid-template-columns:repeat(12,minmax(0,1fr));margin:0 0 8px"
    )
    return markup.Safe(f'<div style="{style}">{"".join(cells)}</div>')


class Boards:
    """The dashboards of a workspace, as they were when this was made; a board by its name."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.items: list[DashboardItem] = workspace.list_dashboards()

    def __getitem__(self, name: str) -> Board:
        return find(self._workspace, name)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Any:
        return iter([each.name for each in self.items])

    def _ipython_key_completions_(self) -> list[str]:
        return [each.name for each in self.items]

    def templates(self) -> list[str]:
        """Templates that find something here, the fullest first."""
        found = self._workspace.dashboard_templates()
        return [each.name for each in sorted(found, key=lambda each: -each.tiles) if each.tiles]

    def __repr__(self) -> str:
        if not self.items:
            return "no dashboards"
        rows = [(each.name, each.tiles, each.version, each.path) for each in self.items]
        return markup.plain_table(("dashboard", "tiles", "version", "path"), rows)

    def _repr_html_(self) -> str:
        if not self.items:
            hint = markup.code('lab.dashboard("overview").save()')
            return markup.block(markup.paragraph("no dashboards", hint))
        rows = [
            (
                markup.name(each.name),
                each.tiles,
                each.version,
                markup.clock(each.updated_at),
                each.created_by,
                markup.code(each.path),
            )
            for each in self.items
        ]
        heads = ("dashboard", "tiles", "version", "changed", "by", "path")
        listed = markup.table(heads, rows, numbers=(1, 2))
        return markup.block(listed, markup.more(len(rows), markup.SHOWN, "lab.dashboards().items"))


class Versions:
    """Versions of a dashboard, newest first.

    Attributes:
        items: one a version.
    """

    def __init__(self, items: list[VersionAnswer]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> VersionAnswer:
        return self.items[place]

    def _rows(self) -> list[tuple[object, ...]]:
        return [
            (each.version, markup.clock(each.at), each.who, each.what, each.words)
            for each in self.items
        ]

    def __repr__(self) -> str:
        return markup.plain_table(("version", "at", "who", "what", "words"), self._rows())

    def _repr_html_(self) -> str:
        heads = ("version", "at", "who", "what", "difference")
        return markup.block(markup.table(heads, self._rows(), nowrap=(0, 1)))


class Differences:
    """What lies between two versions.

    Attributes:
        items: one a difference.
    """

    def __init__(self, items: list[DifferenceAnswer]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return "\n".join(each.words for each in self.items) or "no difference"

    def _repr_html_(self) -> str:
        rows = [(each.change, markup.code(each.path), each.words) for each in self.items]
        if not rows:
            return markup.block(markup.paragraph("no difference"))
        return markup.block(markup.table(("", "where", "difference"), rows))


def find(workspace: Workspace, which: str | Dashboard = "", *, template: str = "") -> Board:
    """A board: a saved one by id or name, one of a template, or one that was made.

    Args:
        workspace: that has it.
        which: id or name; a name that no dashboard has may be that of a template. '' for the first
            one there is, else the template ``overview``.
        template: makes a board of what the workspace has; it is not saved yet.

    Raises:
        NotFoundError: there is none of that name; names the nearest.
    """
    if isinstance(which, Dashboard):
        return Board(workspace, replace(which, version=0, created_at=None, updated_at=None))
    if template:
        made = _board(workspace, workspace.dashboard_template(template))
        return made.change(name=which) if which else made
    if not which:
        there = workspace.list_dashboards()
        which = there[0].id if there else "overview"
    try:
        return _board(workspace, workspace.get_dashboard(which))
    except NotFoundError:
        if which not in [each.name for each in workspace.dashboard_templates()]:
            raise
    return _board(workspace, workspace.dashboard_template(which))


def _board(workspace: Workspace, answer: DashboardAnswer) -> Board:
    warnings = (f"{each.path}: {each.message}" for each in answer.warnings)
    return Board(workspace, dashboard_of(answer), warnings)
