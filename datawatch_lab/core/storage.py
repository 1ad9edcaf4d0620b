"""What the engine and a store say to each other: one commit, and the questions asked of it.

A store implements `Store`. DuckDB is the one that always holds state; every SQL statement of the
package lives in its folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import UTC_US, MeasureAppends, Offset
from datawatch_lab.core.values import (
    Formula,
    LedgerCounts,
    LevelName,
    MeasureDef,
    SeriesDef,
    TableInfo,
)

LOG_SCHEMA = pa.schema(
    [
        ("seq", pa.int64()),  # from 1, without gaps, in commit order
        ("table_id", pa.int32()),  # 0 for begin and commit marks
        ("op", pa.large_string()),
        ("ts", UTC_US),
        ("received", UTC_US),
        ("source", pa.large_string()),
        ("event_id", pa.large_string()),
        ("origin", pa.large_string()),
        ("identity_hi", pa.uint64()),
        ("identity_lo", pa.uint64()),
        ("position", pa.large_string()),
        ("txid", pa.large_string()),
        ("tx_order", pa.int64()),
        ("after", pa.large_string()),
        ("before", pa.large_string()),
        ("extra", pa.large_string()),
    ]
)
"""One row an applied event. The images are the raw JSON text, exactly as it came."""

QUARANTINE_SCHEMA = pa.schema(
    [
        ("source", pa.large_string()),
        ("table", pa.large_string()),  # workspace name, or the name as it came; '' when unreadable
        ("kind", pa.large_string()),  # malformed | future | late
        ("reason", pa.large_string()),
        ("line", pa.int64()),
        ("offset", pa.int64()),
        ("raw", pa.large_binary()),  # the event as it came
        ("received", UTC_US),
        ("identity_hi", pa.uint64()),
        ("identity_lo", pa.uint64()),
    ]
)

LEDGER_SCHEMA = pa.schema(
    [
        ("source", pa.large_string()),
        ("table", pa.large_string()),
        ("received", pa.int64()),
        ("applied", pa.int64()),
        ("duplicate", pa.int64()),
        ("late", pa.int64()),
        ("quarantined", pa.int64()),
    ]
)
"""Increments; a replay adds negative ones."""


CLOSE_SCHEMA = pa.schema(
    [
        ("after_seq", pa.int64()),  # of the last event before the close
        ("table_id", pa.int32()),
        ("closed_from", UTC_US),  # buckets that start in [closed_from, closed_until) close
        ("closed_until", UTC_US),  # whole minutes
        ("at", UTC_US),  # by the clock
        ("by", pa.large_string()),  # watermark | clock
    ]
)
"""One row a close: minutes of a table that are over for detectors and alerts.

Ranges of a table follow one another without gap or overlap; an empty one says where they begin.
"""

FIRST_SCHEMA = pa.schema(
    [
        ("level", pa.uint8()),  # position in core.values.LEVEL_SECONDS
        ("series", pa.int32()),
        ("bucket", pa.timestamp("us")),
        ("n", pa.int64()),  # 0: the bucket had no rows
        *(("sum", pa.float64()), ("exact", pa.decimal128(38, 9))),
        *((name, pa.float64()) for name in ("min", "max", "last")),
        *(("last_at", pa.timestamp("us")), ("last_seq", pa.int64())),
        *((name, pa.float64()) for name in ("p50", "p90", "p95", "p99", "distinct")),
        ("rows", pa.int64()),  # that corrected it in this commit
    ]
)
"""One row a (level, series, bucket) that is corrected for the first time: its state before."""

AGAIN_SCHEMA = pa.schema(
    [FIRST_SCHEMA.field(name) for name in ("level", "series", "bucket", "rows")]
)
"""One row a (level, series, bucket) that was corrected before."""


@dataclass(frozen=True)
class Corrections:
    """What a commit corrects: `FIRST_SCHEMA` and `AGAIN_SCHEMA`, disjoint."""

    first: pa.Table
    again: pa.Table


@dataclass(frozen=True)
class FirstStates:
    """Merged states of buckets as they were before a commit corrects them for the first time.

    All frames have level, series and bucket (Datetime[us], UTC without a zone).

    Attributes:
        first: rows: the buckets, and how many rows correct each.
        again: rows: buckets that were corrected before (Arrow).
        partials: as in `MeasureStates`; buckets without a state are left out.
        bins: bin, n.
        registers: register, rank.
    """

    first: pl.DataFrame
    again: pa.Table
    partials: pl.DataFrame
    bins: pl.DataFrame
    registers: pl.DataFrame


@dataclass(frozen=True)
class Identities:
    """128-bit identities of events and whether each was seen before.

    Attributes:
        hi, lo: uint64 halves.
        seen: true for an identity that the store holds or that stands earlier in the same call.
    """

    hi: np.ndarray
    lo: np.ndarray
    seen: np.ndarray


LIVE_HEADS = {
    "k_hi": pl.Int64(),  # the row's key, as 128 bits
    "k_lo": pl.Int64(),
    "at": pl.Datetime("us", "UTC"),  # the order of the version that holds: event time, then
    "ordinal": pl.Int64(),  # the position of its source, then
    "sub": pl.Int64(),  # its order within the position or the transaction, then
    "seq": pl.Int64(),  # its sequence number
    "gone": pl.Boolean(),  # the row was deleted; kept, so that older versions do not bring it back
}
"""Columns that say which version of a row is the current one; no nulls."""


@dataclass(frozen=True)
class LiveRows:
    """Current rows of one keyed table, one per key.

    Attributes:
        heads: `LIVE_HEADS`.
        rows: fields, as typed as in `core.batches.RowFrame`; parallel to ``heads``; all null where
            the row is gone.
    """

    heads: pl.DataFrame
    rows: pl.DataFrame


@dataclass(frozen=True)
class LiveAsk:
    """A question for stored rows of one keyed table.

    Attributes:
        table: a keyed table.
        keys: ``k_hi``, ``k_lo``, distinct.
        fields: the fields wanted; those that were never stored are null.
    """

    table: TableInfo
    keys: pl.DataFrame
    fields: Sequence[str]


@dataclass(frozen=True)
class LiveChange:
    """What a commit makes of the live table of one keyed table.

    Attributes:
        table: with its columns and key as they are after the commit.
        put: whole rows that take the place of those with the same key; at most one per key, and
            never older than what is stored. Columns that it lacks are null.
        restart: forget every row (and version) first: the key has changed.
        versions: every version of a row that the commit brings: ``k_hi``, ``k_lo``, ``seq``
            (Int64); what `Store.live_versions` finds later. Empty for ordered sources.
    """

    table: TableInfo
    put: LiveRows
    versions: pl.DataFrame
    restart: bool = False


@dataclass(frozen=True)
class Commit:
    """All that one batch changes; stored in one transaction or not at all."""

    log: pa.Table
    quarantine: pa.Table
    ledger: pa.Table
    at: datetime
    offsets: Sequence[Offset] = ()
    watermarks: Mapping[tuple[str, int], datetime] = field(default_factory=dict)
    tables: Sequence[TableInfo] = ()  # new or changed
    measures: Sequence[MeasureDef] = ()  # new
    series: Sequence[SeriesDef] = ()  # new
    dropped_measures: Sequence[int] = ()  # their series and states go
    dropped_series: Sequence[int] = ()  # their states go
    evidence: Mapping[int, bytes] = field(default_factory=dict)  # per table id, role evidence
    appends: MeasureAppends | None = None
    closes: pa.Table | None = None  # CLOSE_SCHEMA
    corrections: Corrections | None = None
    live: Sequence[LiveChange] = ()
    ordered: Sequence[str] = ()  # sources whose order of arrival holds, see `DecodedBatch.ordered`
    cursors: Mapping[str, int] = field(default_factory=dict)  # per derivation: done up to this seq
    replayed: Mapping[int, int] = field(
        default_factory=dict
    )  # quarantine id -> seq it became (0: duplicate)


@dataclass(frozen=True)
class Catalogue:
    """What the engine keeps in memory, as the store holds it at opening."""

    tables: Sequence[TableInfo]
    measures: Sequence[MeasureDef]
    series: Sequence[SeriesDef]
    offsets: Mapping[str, Mapping[str, object]]
    watermarks: Mapping[tuple[str, int], datetime]
    evidence: Mapping[int, bytes]
    cursors: Mapping[str, int]
    ordered: frozenset[str]
    last_seq: int


@dataclass(frozen=True)
class Span:
    """A half-open stretch of time [start, end) to be read at one level; UTC."""

    level: LevelName
    start: datetime
    end: datetime


@dataclass(frozen=True)
class MeasureRead:
    """A request for merged states.

    Attributes:
        groups: series id -> number of the group that it is merged into.
        spans: disjoint stretches that together cover the range.
        step: width of output buckets, aligned to ``origin``; None for one bucket per group.
        origin: where buckets are aligned.
        edges: starts of buckets of unequal width and the end of the last, ascending, in place of
            ``step`` and ``origin``: days by wall clock. Each is on a bucket of the spans' level.
        bins, registers: whether the sketches are wanted too.
        columns: of `MeasureStates.partials` that are wanted; the others come as nulls. None for
            all.
    """

    groups: Mapping[int, int]
    spans: Sequence[Span]
    step: timedelta | None = None
    origin: datetime | None = None
    edges: Sequence[datetime] = ()
    bins: bool = False
    registers: bool = False
    finalised: bool = False  # quantiles of minutes without sketches as well
    columns: frozenset[str] | None = None


@dataclass(frozen=True)
class MeasureStates:
    """Merged states by (group, bucket).

    ``bucket`` is Datetime[us, UTC], null when no step was asked.

    Attributes:
        partials: group, bucket, n, sum, exact, min, max, last, last_at, last_seq.
        bins: group, bucket, bin, n; empty unless asked.
        registers: group, bucket, register, rank; empty unless asked.
        finalised: group, bucket, p50, p90, p95, p99, distinct of buckets whose sketches are no
            longer kept; None unless asked.
    """

    partials: pl.DataFrame
    bins: pl.DataFrame
    registers: pl.DataFrame
    finalised: pl.DataFrame | None = None


@dataclass(frozen=True)
class QuarantineRow:
    """An event that was set aside. ``state`` is ``waiting`` or ``replayed``."""

    id: int
    source: str
    table: str
    kind: str
    reason: str
    line: int
    offset: int
    raw: bytes
    received: datetime
    state: str


class Definitions(Protocol):
    """Keeps what users define; any thread may ask and write."""

    def formulas(self) -> list[Formula]:
        """Formulas that users defined, in order of name."""
        ...

    def put_formula(self, formula: Formula) -> None:
        """Store a formula, in place of one of the same name."""
        ...

    def drop_formula(self, name: str) -> None:
        """Forget a formula; harmless when there is none."""
        ...


class Store(Protocol):
    """Keeps a workspace. One thread calls `commit`; any thread may ask."""

    def catalogue(self) -> Catalogue:
        """What was stored so far, for the engine to start from."""
        ...

    def identify(self, origin: pa.Array, table: pa.Array, event_id: pa.Array) -> Identities:
        """Identities of events from origin, qualified table and event id, element by element."""
        ...

    def commit(self, commit: Commit) -> int:
        """Store a batch durably, all or nothing; returns the new data version."""
        ...

    @property
    def version(self) -> int:
        """Grows with each commit."""
        ...

    def read_measures(self, read: MeasureRead) -> MeasureStates:
        """Merge stored states into groups and buckets."""
        ...

    def measure_span(self, series: Sequence[int]) -> tuple[datetime, datetime] | None:
        """Start of the first and end of the last 1m bucket that any of the series has."""
        ...

    def live_rows(self, table: TableInfo, keys: pl.DataFrame, fields: Sequence[str]) -> LiveRows:
        """The stored rows of some keys, gone ones too; keys that are not known are left out.

        Args:
            table: a keyed table.
            keys: ``k_hi``, ``k_lo``, distinct.
            fields: the fields wanted; those that were never stored are null.
        """
        ...

    def live_rows_of(self, asks: Sequence[LiveAsk]) -> list[LiveRows]:
        """`live_rows` of several tables, in the order of the questions."""
        ...

    def live_scan(
        self, table: TableInfo, fields: Sequence[str], *, chunk: int = 500_000
    ) -> Iterator[LiveRows]:
        """Every current row (none that is gone), in chunks, in no order."""
        ...

    def live_count(self, table: TableInfo) -> int:
        """Rows now in a keyed table."""
        ...

    def live_versions(self, table: TableInfo, keys: pl.DataFrame) -> pl.DataFrame:
        """Versions of some keys: ``k_hi``, ``k_lo`` and the `LOG_SCHEMA` columns of their events.

        In order of sequence number. Versions whose event has left the log are left out.
        """
        ...

    def read_truncates(self) -> pl.DataFrame:
        """Every TRUNCATE that the log holds, `LOG_SCHEMA` columns in order of seq."""
        ...

    def first_seq(self) -> int:
        """Sequence number of the oldest event that the log still holds; 1 when it never lost any.

        For an empty log, the number after the last one that it had.
        """
        ...

    def newest_event(self, table_id: int) -> datetime | None:
        """The newest event time of a table's applied changes; None for none."""
        ...

    def hash_texts(self, texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        """Two int64 halves of the MD5 of each text; the same in every release."""
        ...

    def read_log(
        self, table_id: int, *, after_seq: int = 0, to_seq: int | None = None, chunk: int = 50_000
    ) -> Iterator[pl.DataFrame]:
        """Applied events of a table in order of seq, as frames of `LOG_SCHEMA` columns."""
        ...

    @property
    def definitions(self) -> Definitions:
        """What users defined."""
        ...

    def ledger(self) -> Mapping[tuple[str, str], LedgerCounts]:
        """The four counts by (source, table)."""
        ...

    def quarantine(
        self, *, limit: int = 100, ids: Sequence[int] = (), state: str = "waiting"
    ) -> list[QuarantineRow]:
        """Rows set aside, oldest first."""
        ...

    def compact(self) -> int:
        """Merge partial states of buckets that have several; returns rows saved.

        The same questions get the same answers after it.
        """
        ...

    def close(self) -> None:
        """Check-point and release the file."""
        ...
