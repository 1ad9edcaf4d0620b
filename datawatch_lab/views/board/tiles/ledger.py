"""Ledger: events received, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import Fmt
from datawatch_lab.views.board.view import View

_COUNTS = ("received", "applied", "duplicate", "late", "quarantined")
_WHOLE = Fmt("integer")


@dataclass(frozen=True)
class Counted:
    """Counts by name: of all, or of a table or source each."""

    by: str
    rows: tuple[tuple[str, tuple[int, ...]], ...]


def read(view: View, tile: Tile) -> Counted:
    """The ledger of the workspace."""
    by = options_of(tile)["by"]
    found = view.workspace.ledger()
    kinds = {"table": found.tables, "source": found.sources}
    rows = sorted(kinds[by].items()) if by in kinds else [("all", found)]
    return Counted(
        by, tuple((name, tuple(getattr(each, kind) for kind in _COUNTS)) for name, each in rows)
    )


def draw(tile: Tile, data: Counted) -> Part | None:
    """The counts: figures for the total, else rows."""
    if not any(counts[0] for _, counts in data.rows):
        return None
    if data.by == "total":
        ((_, counts),) = data.rows
        items = [
            {"label": name, "value": count, "fmt": _WHOLE, "trend": None}
            for name, count in zip(_COUNTS, counts, strict=True)
        ]
        said = ", ".join(f"{count} {name}" for name, count in zip(_COUNTS, counts, strict=True))
        columns = 3 if tile.w >= 4 else 2
        return Part(label=said, face="stats", data={"items": items, "columns": columns})
    columns_of = [{"name": data.by, "title": data.by, "number": False, "fmt": _WHOLE, "label": ""}]
    columns_of += [
        {"name": each, "title": each, "number": True, "fmt": _WHOLE, "label": ""}
        for each in _COUNTS
    ]
    return Part(
        label=f"{len(data.rows)} rows by {data.by}",
        face="table",
        data={
            "columns": columns_of,
            "rows": [(name, *counts) for name, counts in data.rows],
            "more": 0,
        },
    )


def to_hv(tile: Tile, data: Counted) -> Any:
    """The counts as a table."""
    columns: dict[str, list[Any]] = {data.by: [name for name, _ in data.rows]}
    for at, kind in enumerate(_COUNTS):
        columns[kind] = [counts[at] for _, counts in data.rows]
    return hv_parts.table(columns, tile.title)


KIND = Kind("ledger", read, draw, to_hv)
