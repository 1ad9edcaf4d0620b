"""Listings that show themselves and complete with Tab: tables and metrics by name."""

from __future__ import annotations

import keyword
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, Self, TypeVar

from datawatch_lab.core.errors import not_found
from datawatch_lab.notebook.html import MASK, table, text_table
from datawatch_lab.notebook.metric import Metric
from datawatch_lab.service.answers import TableAnswer
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views.format import count, unit_mark

Item = TypeVar("Item")
Shown = tuple[str, Sequence[str], Sequence[Sequence[object]]]
"""Title, heads and rows of a display."""

_FRESH_SECONDS = 1.0


class Listing(Mapping[str, Item], Generic[Item]):
    """Things by name: ``all["name"]`` or ``all.name``.

    It asks for the names when it is used, at most once a second, so that what came meanwhile is in
    it and completion stays quick.

    Args:
        kind: ``table`` or ``metric``.
        fetch: gives the things by name.
        show: title, heads and rows of the display.
    """

    def __init__(
        self,
        kind: str,
        fetch: Callable[[], Mapping[str, Item]],
        show: Callable[[Mapping[str, Item]], Shown],
    ) -> None:
        self._kind = kind
        self._fetch = fetch
        self._show = show
        self._fetched: Mapping[str, Item] = {}
        self._fetched_at = -_FRESH_SECONDS

    @property
    def _items(self) -> Mapping[str, Item]:
        now = time.monotonic()
        if now - self._fetched_at >= _FRESH_SECONDS:
            self._fetched = self._fetch()
            self._fetched_at = time.monotonic()
        return self._fetched

    def __getitem__(self, name: str) -> Item:
        items = self._items
        if name not in items:
            raise not_found(self._kind, name, items)
        return items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def get(self, name: str, default: Any = None) -> Any:
        """The thing of that name, or the default."""
        return self._items.get(name, default)

    def __call__(self) -> Self:
        """Itself: ``lab.tables()`` reads like ``lab.tables``."""
        return self

    def __getattr__(self, name: str) -> Item:
        if name.startswith("_"):
            raise AttributeError(name)
        items = self._items
        if name not in items:
            raise AttributeError(str(not_found(self._kind, name, items)))
        return items[name]

    def __dir__(self) -> list[str]:
        plain = [
            each for each in self._items if each.isidentifier() and not keyword.iskeyword(each)
        ]
        return sorted({*super().__dir__(), *plain})

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._items)

    def __repr__(self) -> str:
        return text_table(*self._show(self._items))

    def _repr_html_(self) -> str:
        title, heads, rows = self._show(self._items)
        right = [place for place, head in enumerate(heads) if head in ("rows", "events")]
        return table(title, heads, rows, right=right)


class Table:
    """A table of a workspace as it was when it was asked for; sensitive columns are only named.

    Attributes:
        info: name, rows, key, columns with roles, whether data still comes.
    """

    def __init__(self, workspace: Workspace, info: TableAnswer) -> None:
        self.workspace = workspace
        self.info = info

    @property
    def name(self) -> str:
        """Its name in the workspace."""
        return self.info.name

    @property
    def rows(self) -> int | None:
        """Rows now in it; None for a table without a key."""
        return self.info.rows

    @property
    def metrics(self) -> Listing[Metric]:
        """Its metrics."""
        return metric_listing(self.workspace, self.name)

    def _cells(self) -> list[tuple[str, str, str, str]]:
        return [
            (each.name, each.type, each.role, f"{MASK} sensitive" if each.sensitive else "")
            for each in self.info.columns
        ]

    def _title(self) -> str:
        rows = "append-only" if self.rows is None else f"{count(self.rows)} rows"
        key = ", ".join(self.info.key) or "none"
        return f"Table {self.name}: {rows}, key {key}, {self.info.message}"

    def __repr__(self) -> str:
        return text_table(self._title(), ("column", "type", "role", ""), self._cells())

    def _repr_html_(self) -> str:
        note = "Each role has a reason: table.info.columns"
        return table(self._title(), ("column", "type", "role", ""), self._cells(), note=note)


def table_listing(workspace: Workspace) -> Listing[Table]:
    """The tables of a workspace."""
    return Listing(
        "table",
        lambda: {each.name: Table(workspace, each) for each in workspace.tables()},
        _show_tables,
    )


def metric_listing(
    workspace: Workspace, of: str | None = None, *, search: str | None = None
) -> Listing[Metric]:
    """The metrics of a workspace, of one table, or with a text in name or description."""
    return Listing(
        "metric",
        lambda: {
            each.name: Metric(workspace, each)
            for each in workspace.metrics(table=of, search=search)
        },
        _show_metrics,
    )


def _show_tables(items: Mapping[str, Table]) -> Shown:
    rows = [
        (
            each.name,
            "append-only" if each.rows is None else count(each.rows),
            count(each.info.events),
            ", ".join(each.info.key) or "none",
            each.info.message,
        )
        for each in items.values()
    ]
    return _title("table", len(rows)), ("table", "rows", "events", "key", "state"), rows


def _show_metrics(items: Mapping[str, Metric]) -> Shown:
    rows = [
        (each.name, unit_mark(each.unit), ", ".join(each.labels), each.info.description)
        for each in items.values()
    ]
    return _title("metric", len(rows)), ("metric", "unit", "labels", "meaning"), rows


def _title(kind: str, size: int) -> str:
    return f"{count(size)} {kind}{'' if size == 1 else 's'}"
