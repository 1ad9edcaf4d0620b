"""The tables of a workspace in a notebook: their columns, roles and why, and how fresh they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from datawatch_lab.core.errors import not_found
from datawatch_lab.core.values import Role
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.listing import Listing
from datawatch_lab.notebook.metric import Metrics
from datawatch_lab.notebook.rows import Rows, quoted
from datawatch_lab.service.answers import ColumnAnswer, TableAnswer
from datawatch_lab.views import format as words

if TYPE_CHECKING:
    import pandas as pd


class Owner(Protocol):
    """What a table asks for its rows and metrics, and tells corrections: a `Lab`."""

    @property
    def metrics(self) -> Metrics:
        """All metrics."""
        ...

    @property
    def tables(self) -> Tables:
        """All tables."""
        ...

    def sql(self, query: str, limit: int | None = None, *, masked: bool = True) -> Rows:
        """The rows of a query."""
        ...

    def correct(self, table: str, column: str, role: str | None, **said: Any) -> TableAnswer:
        """Set or reset a column; the table as it is then."""
        ...


_NO_KEY = "no key: append-only"
_COLUMN_HEADS = ("column", "type", "role", "confidence", "why", "")
_TABLE_HEADS = ("table", "rows", "changes", "key", "columns", "newest event (UTC)", "state")


class Columns(Listing[ColumnAnswer]):
    """The columns of a table by name, with type, role, confidence and reason."""

    kind = "column"

    def df(self) -> pd.DataFrame:
        """A row per column, indexed by name; ``sensitive`` marks values that displays mask."""
        import pandas as pd

        rows = [
            (each.name, each.type, each.role, each.confidence, each.sensitive, each.reason)
            for each in self._items.values()
        ]
        heads = ["name", "type", "role", "confidence", "sensitive", "reason"]
        return pd.DataFrame(rows, columns=heads).set_index("name")

    def __repr__(self) -> str:
        rows = [_plain_row(each) for each in self._items.values()]
        return f"<Columns: {len(self)}>\n" + markup.plain_table(_COLUMN_HEADS, rows)

    def _repr_html_(self) -> str:
        return markup.block(_column_table(self, "columns.df()"))


class Table:
    """One table of a workspace, as of when it was asked for.

    Attributes:
        raw: as the service gave it.
        columns: by name.
        rows: rows now in the table; None where there is no key to tell them apart by.
        key: its columns; empty for an append-only table.
        key_from: who named the key: ``config``, ``source``, ``inferred`` or ''.
    """

    def __init__(self, raw: TableAnswer, lab: Owner) -> None:
        self._lab = lab
        self._take(raw)

    def _take(self, raw: TableAnswer) -> None:
        self.raw = raw
        self.name = raw.name
        self.rows = raw.rows
        self.key = tuple(raw.key)
        self.key_from = raw.key_from
        self.events = raw.events
        self.columns = Columns({each.name: each for each in raw.columns})

    def correct(
        self,
        column: str,
        *,
        role: str | None = None,
        sensitive: bool | None = None,
        reset: bool = False,
    ) -> Table:
        """Set what a column is, where it was inferred wrong; it holds, and its metrics follow.

        Args:
            column: its name.
            role: numeric, status, timestamp, id, boolean, text or json.
            sensitive: whether displays mask its values.
            reset: back to what is inferred or configured; with neither of the others.

        Returns:
            This table, as it is then.

        Raises:
            NotFoundError: there is no such column; names the nearest.
            InputError: there is no such role, or nothing to set.
        """
        self._take(self._lab.correct(self.name, column, role, sensitive=sensitive, reset=reset))
        return self

    def live(
        self, limit: int = 1_000, *, where: str = "", order: str = "", masked: bool = True
    ) -> Rows:
        """The rows that the table has now; of one without a key, those that came in.

        Args:
            limit: at most this many, 100,000 at most.
            where: a condition in SQL, such as ``status = 'paid'``.
            order: columns to sort by, such as ``amount DESC``; '' for no order.
            masked: show sensitive values as ``•••``.
        """
        return self._rows("live", limit, where, order, masked=masked)

    def head(self, limit: int = 10, *, masked: bool = True) -> Rows:
        """A few of the rows that the table has now, in no order."""
        return self._rows("live", limit, "", "", masked=masked)

    def changes(self, limit: int = 100, *, where: str = "", masked: bool = True) -> Rows:
        """The newest changes of the table: ``_op``, ``_ts``, the fields, ``_before`` and more.

        Args:
            limit: at most this many, 100,000 at most.
            where: a condition in SQL, such as ``id = 7``.
            masked: show sensitive values as ``•••``.
        """
        return self._rows("changes", limit, where, "_seq DESC", masked=masked)

    def _rows(self, schema: str, limit: int, where: str, order: str, *, masked: bool) -> Rows:
        name = f"{schema}.{quoted(self._view())}"
        parts = [f"FROM {name}", f"WHERE ({where}\n)" if where.strip() else ""]
        parts += [f"ORDER BY {order}" if order.strip() else "", f"LIMIT {limit:d}"]
        found = self._lab.sql("\n".join(filter(None, parts)), masked=masked)
        return Rows(found.raw, f"{schema}.{self.name}")

    def _view(self) -> str:
        """Name of its views; SQL ignores case, so one of two names has a number behind it."""
        twins = [name for name in self._lab.tables if name.casefold() == self.name.casefold()]
        if len(twins) < 2:
            return self.name
        views = self._lab.sql("SHOW TABLES").dicts()
        own = [each["name"] for each in views if each["schema"] == "live"]
        numbered = re.compile(re.escape(self.name) + r"_\d+")
        return next(
            (name for name in own if name == self.name),
            next(filter(numbered.fullmatch, own), self.name),
        )

    @property
    def metrics(self) -> Metrics:
        """The metrics of this table."""
        every = self._lab.metrics
        return Metrics({name: each for name, each in every.items() if each.table == self.name})

    def __repr__(self) -> str:
        rows = [_plain_row(each) for each in self.columns.values()]
        return f"<Table {self._sentence()}>\n" + markup.plain_table(_COLUMN_HEADS, rows)

    def _repr_html_(self) -> str:
        raw = self.raw
        return markup.block(
            markup.paragraph(
                markup.name(raw.name),
                f"{words.count(raw.rows)} rows" if raw.rows is not None else _NO_KEY,
                f"{words.count(raw.events)} changes",
                f"key {_key(raw)}" if raw.key else "",
                state(raw),
            ),
            _column_table(self.columns, f"lab.tables[{raw.name!r}].columns.df()"),
            markup.paragraph(
                markup.Safe(
                    f"{markup.soft('Its rows:')} {markup.code(f'lab.table({raw.name!r}).live()')}"
                ),
                markup.Safe(f"{markup.soft('in SQL:')} {markup.code(_in_sql(raw.name))}"),
            ),
        )

    def _sentence(self) -> str:
        rows = "append-only" if self.rows is None else f"{self.rows:,} rows"
        return f"{self.name}: {rows}, {self.events:,} changes, {self.raw.message}"


class Tables(Listing[Table]):
    """The tables of a workspace by name: ``lab.tables.orders``."""

    kind = "table"

    def df(self) -> pd.DataFrame:
        """A row per table, indexed by name; times are UTC."""
        import pandas as pd

        raws = [each.raw for each in self._items.values()]
        return pd.DataFrame(
            {
                "rows": pd.array([raw.rows for raw in raws], dtype="Int64"),
                "changes": [raw.events for raw in raws],
                "key": [", ".join(raw.key) for raw in raws],
                "columns": [len(raw.columns) for raw in raws],
                "first_event": _moments([raw.first_event for raw in raws]),
                "last_event": _moments([raw.last_event for raw in raws]),
                "status": [raw.status for raw in raws],
                "message": [raw.message for raw in raws],
            },
            index=pd.Index(list(self._items), name="name"),
        )

    def __repr__(self) -> str:
        if not self:
            return "<Tables: none yet>"
        rows = [_table_row(each.raw) for each in self._items.values()]
        return f"<Tables: {len(self)}>\n" + markup.plain_table(_TABLE_HEADS, rows)

    def _repr_html_(self) -> str:
        if not self:
            return markup.block(markup.paragraph("No tables yet: they come with the first data."))
        rows = [_table_row(each.raw) for each in list(self._items.values())[: markup.SHOWN]]
        return markup.block(
            markup.table(_TABLE_HEADS, rows, numbers=(1, 2, 4), nowrap=(0, 5)),
            markup.more(len(self), markup.SHOWN, "lab.tables.df()"),
        )


def _moments(times: list[str | None]) -> pd.DatetimeIndex:
    import pandas as pd

    return pd.to_datetime(times, utc=True, format="ISO8601")


def state(raw: TableAnswer) -> str:
    """Whether data still comes, in a word or a sentence."""
    return raw.message or raw.status


def role_named(role: str | None) -> Role | None:
    """The role of that name.

    Raises:
        InputError: there is none; names the nearest.
    """
    if role is None:
        return None
    names = [each.value for each in Role]
    if role not in names:
        raise not_found("role", role, names)
    return Role(role)


def _in_sql(name: str) -> str:
    """How the live table is written; quoted where its name is no plain word."""
    return f"live.{name if re.fullmatch('[A-Za-z_][A-Za-z0-9_]*', name) else quoted(name)}"


def _key(raw: TableAnswer) -> str:
    """Key columns and who named them: ``id (source)``; '' for none."""
    return f"{', '.join(raw.key)} ({raw.key_from or 'inferred'})" if raw.key else ""


def _table_row(raw: TableAnswer) -> tuple[str, str, str, str, str, str, str]:
    return (
        raw.name,
        "append-only" if raw.rows is None else words.count(raw.rows),
        words.count(raw.events),
        _key(raw) or _NO_KEY,
        str(len(raw.columns)),
        markup.clock(raw.last_event),
        state(raw),
    )


def _plain_row(column: ColumnAnswer) -> tuple[str, ...]:
    sure = words.plain(words.percent(column.confidence))
    mark = "masked" if column.sensitive else ""
    return column.name, column.type, column.role, sure, column.reason, mark


def _column_table(columns: Columns, where: str) -> markup.Safe:
    rows: list[tuple[object, ...]] = []
    for each in list(columns.values())[: markup.SHOWN]:
        *cells, mark = _plain_row(each)
        rows.append((*cells, markup.tag(f"sensitive, {mark}") if mark else ""))
    body = markup.table(_COLUMN_HEADS, rows, numbers=(3,), nowrap=(0, 1, 2, 5))
    return markup.Safe(body + markup.more(len(columns), markup.SHOWN, where))
