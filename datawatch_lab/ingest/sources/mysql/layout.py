"""Tables as the log describes them, and batches of events made of their rows, column by column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import EVENT_SCHEMA, Declared, RowFrame, TableRows
from datawatch_lab.core.values import Op
from datawatch_lab.ingest.sources.mysql.catalogue import TableName
from datawatch_lab.ingest.sources.mysql.types import Column
from datawatch_lab.ingest.sources.postgres.images import NO_IMAGES, Images, make_images
from datawatch_lab.ingest.sources.postgres.images import Column as Sent

Row = Mapping[str, Any]

_WORDS: Mapping[int, str] = {
    1: "tinyint", 2: "smallint", 3: "int", 4: "float", 5: "double", 7: "timestamp", 8: "bigint",
    9: "mediumint", 10: "date", 11: "time", 12: "datetime", 13: "year", 14: "date",
    17: "timestamp", 18: "datetime", 19: "time", 242: "vector", 245: "json", 246: "decimal",
    247: "enum", 255: "geometry",
}  # fmt: skip
"""Numbers of column types in the log; see Protocol::MYSQL_TYPE of the MySQL manual."""

_STRINGS = {15: ("varchar", "varbinary"), 252: ("text", "blob"), 253: ("varchar", "varbinary")}


def type_of(column: Any) -> str:
    """A column of the log's table map as its type stands in a definition."""
    binary = column.character_set_name == "binary" or column.collation_name == "binary"
    if column.type in _STRINGS:
        return _STRINGS[column.type][binary]
    if column.type == 254:
        return f"binary({column.max_length})" if binary else "char"
    if column.type == 248:
        members = ",".join("'{}'".format(m.replace("'", "''")) for m in column.set_values or ())
        return f"set({members})"
    if column.type == 16:
        return f"bit({column.bits})"
    return _WORDS.get(column.type, "text") + (" unsigned" if column.unsigned else "")


@dataclass(frozen=True)
class Layout:
    """A table as rows of the log have it.

    Attributes:
        name: database and table.
        columns: those that are wanted.
        key: columns of the primary key; () for none.
        has_sets: whether some column is a set, whose empty value the log's reader gives as none.
    """

    name: TableName
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    has_sets: bool = False

    @property
    def declared(self) -> Declared:
        """Key and types."""
        types = {column.name: column.form.declared for column in self.columns}
        return Declared(self.key, types, whole=True)


def images_of(layout: Layout, rows: Sequence[Row]) -> Images:
    """Images of rows as the log's reader gives them."""
    columns = []
    for column in layout.columns:
        form, name = column.form, column.name
        texts = form.logged([row[name] for row in rows])
        columns.append(Sent(name, form.type, texts))
    return make_images(columns, len(rows))


@dataclass(frozen=True)
class Mark:
    """A transaction: its place in the log, its id, and when it was.

    Attributes:
        file, pos: where it begins.
        gtid: '' without.
        seconds: event time, since 1970.
    """

    file: str
    pos: int
    gtid: str
    seconds: int

    @property
    def id(self) -> str:
        """What names it."""
        return self.gtid or f"{self.file}:{self.pos}"

    @property
    def head(self) -> str:
        """The position of its events up to their number."""
        gtid = f',"gtid":"{self.gtid}"' if self.gtid else ""
        return f'{{"file":"{self.file}","pos":{self.pos}{gtid},"sequence":'


@dataclass
class _Run:
    """Events that follow one another and share all but their row."""

    name: TableName
    op: Op
    mark: Mark
    first: int
    count: int
    extra: str | None = None


@dataclass
class _Side:
    """Rows of one layout, and the events that they belong to."""

    rows: list[Row] = field(default_factory=list)
    at: list[int] = field(default_factory=list)

    def add(self, rows: Sequence[Row], first: int) -> None:
        self.rows.extend(rows)
        self.at.extend(range(first, first + len(rows)))


@dataclass
class Builder:
    """Collects events in order, and makes a table of them.

    Args:
        origin: names the server for good.
        again: how often the watch began anew; sets its events apart from those of a log before.
    """

    origin: str
    again: int = 0
    count: int = 0
    _runs: list[_Run] = field(default_factory=list)
    _layouts: dict[TableName, Layout] = field(default_factory=dict)
    _after: dict[TableName, _Side] = field(default_factory=dict)
    _before: dict[TableName, _Side] = field(default_factory=dict)

    def fits(self, layout: Layout) -> bool:
        """Whether rows of a layout can join those that are there: a table has one in a batch."""
        return self._layouts.get(layout.name, layout) is layout

    def rows(
        self,
        layout: Layout,
        op: Op,
        mark: Mark,
        first: int,
        after: Sequence[Row],
        before: Sequence[Row],
    ) -> None:
        """Add row changes; ``after`` or ``before`` is empty where there is none."""
        name, count = layout.name, max(len(after), len(before))
        self._layouts[name] = layout
        self._runs.append(_Run(name, op, mark, first, count))
        if after:
            self._after.setdefault(name, _Side()).add(after, self.count)
        if before:
            self._before.setdefault(name, _Side()).add(before, self.count)
        self.count += count

    def single(self, name: TableName, op: Op, mark: Mark, sequence: int, extra: str | None) -> None:
        """Add an event without a row."""
        self._runs.append(_Run(name, op, mark, sequence, 1, extra))
        self.count += 1

    def finish(self) -> tuple[pa.Table, dict[TableName, TableRows], dict[TableName, Declared]]:
        """Events, images and what is declared; then it is empty."""
        if not self.count:
            return EVENT_SCHEMA.empty_table(), {}, {}
        texts = {"after": self._texts(self._after), "before": self._texts(self._before)}
        events = self._events(texts["after"][0], texts["before"][0])
        rows = {
            name: TableRows(
                texts["after"][1].get(name, RowFrame.empty()),
                texts["before"][1].get(name, RowFrame.empty()),
            )
            for name in self._layouts
        }
        declared = {name: layout.declared for name, layout in self._layouts.items()}
        self.count = 0
        for held in (self._runs, self._layouts, self._after, self._before):
            held.clear()
        return events, rows, declared

    def _texts(
        self, sides: Mapping[TableName, _Side]
    ) -> tuple[pl.Series, dict[TableName, RowFrame]]:
        """Image texts of all events, null where there is none, and the columns of each table."""
        found, frames, places = [NO_IMAGES.texts], {}, [np.empty(0, np.int64)]
        for name, side in sides.items():
            images, at = images_of(self._layouts[name], side.rows), np.array(side.at, np.int64)
            frames[name] = images.frame(at)
            found.append(images.texts)
            places.append(at)
        place = np.concatenate(places)
        indices = np.full(self.count, -1, np.int64)
        indices[place] = np.arange(len(place))
        which = pl.Series(indices, dtype=pl.Int64).set(pl.Series(indices < 0), None)
        return pl.concat(found).gather(which.cast(pl.UInt32)), frames

    def _events(self, after: pl.Series, before: pl.Series) -> pa.Table:
        runs, counts = self._runs, np.array([run.count for run in self._runs])
        code = pl.Series(np.repeat(np.arange(len(runs)), counts), dtype=pl.UInt32)
        starts = np.repeat(np.cumsum(counts) - counts, counts)
        first = np.repeat(np.array([run.first for run in runs]), counts)
        order = pl.Series(first + np.arange(self.count) - starts, dtype=pl.Int64)

        def of_run(make: Callable[[_Run], str | None]) -> pl.Series:
            return pl.Series([make(run) for run in runs], dtype=pl.String).gather(code)

        prefix = pl.lit(prefix_of(self.again))
        stamps = np.repeat(np.array([run.mark.seconds for run in runs]), counts) * 1_000_000
        frame = pl.DataFrame(
            {
                "line": pl.zeros(self.count, pl.Int64, eager=True),
                "schema": of_run(lambda run: run.name[0]),
                "table": of_run(lambda run: run.name[1]),
                "op": of_run(lambda run: run.op.value),
                "ts": pl.Series(stamps, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
                "txid": of_run(lambda run: run.mark.id),
                "tx_order": order,
                "after": after,
                "before": before,
                "extra": of_run(lambda run: run.extra),
                "_head": of_run(lambda run: run.mark.head),
            }
        ).with_columns(
            pl.lit(-1, pl.Int64).alias("offset"),
            pl.lit(self.origin).alias("origin"),
            pl.concat_str("_head", "tx_order", pl.lit("}")).alias("position"),
            pl.concat_str(prefix, "txid", pl.lit(":"), "tx_order", pl.lit(":"), "op").alias(
                "event_id"
            ),
        )
        return frame.select(EVENT_SCHEMA.names).to_arrow().cast(EVENT_SCHEMA)


def prefix_of(again: int) -> str:
    """What the ids of a watch begin with that began anew so often; '' for the first.

    The log may have been reset in between, and its files and GTIDs begin again then.
    """
    return f"{again}#" if again else ""


def told(word: str, command: str) -> str:
    """The extra of a DDL event."""
    members = {"ddl_type": word, "ddl_command": command, "inferred": False}
    return msgspec.json.encode({**members, "metadata": {"dialect": "mysql"}}).decode()
