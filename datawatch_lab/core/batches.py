"""The columnar batches that flow from bytes to the store, and their Arrow schemas.

``decode`` turns bytes into a `DecodedBatch`; the engine tells new events from duplicates and late
ones; each table's new events become a `TableBatch`; stages turn those into `Appends` for the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from datawatch_lab.core.columns import first_bytes
from datawatch_lab.core.values import TableInfo

UTC_US = pa.timestamp("us", tz="UTC")

EVENT_SCHEMA = pa.schema(
    [
        ("line", pa.int64()),  # 1-based line (or item of an array) of the input; 0 when it has none
        ("offset", pa.int64()),  # byte offset in the decompressed input, or item index; -1 for none
        ("schema", pa.large_string()),  # '' when the envelope does not say
        ("table", pa.large_string()),  # '' for begin and commit
        ("op", pa.large_string()),  # a value of core.values.Op
        ("ts", UTC_US),  # event time; null when the envelope has none (then: when received)
        ("event_id", pa.large_string()),  # never null; see ingest.identity for events without one
        ("origin", pa.large_string()),  # the envelope's own `source`; '' when it has none
        ("position", pa.large_string()),  # JSON text of the source's position, null when none
        ("txid", pa.large_string()),
        ("tx_order", pa.int64()),
        ("after", pa.large_string()),  # raw JSON object text, exactly as it came; null when absent
        ("before", pa.large_string()),
        ("extra", pa.large_string()),  # JSON text: metadata, ddl_type, ddl_command, key …; or null
    ]
)
"""One row a well-formed event, in input order."""

BAD_SCHEMA = pa.schema(
    [
        ("line", pa.int64()),
        ("offset", pa.int64()),
        ("schema", pa.large_string()),  # '' when it could not be read
        ("table", pa.large_string()),  # '' when it could not be read
        (
            "event_id",
            pa.large_string(),
        ),  # hash of the content and the offset: a bad row has an identity
        ("reason", pa.large_string()),  # one sentence: the thing, the fault, what was possible
        ("raw", pa.large_binary()),  # the bytes as they came
    ]
)
"""One row a malformed event, for the quarantine."""


@dataclass(frozen=True)
class RowFrame:
    """Row images of one table as typed columns.

    Attributes:
        rows: int64 positions, ascending, of the images among the events they were taken from.
        columns: one row per entry of ``rows``. Types: Int64, Int128, Float64, Boolean, String. A
            number that no such type holds exactly is String with its digits as they came.
        absent: for columns that some rows do not have, a Boolean series, true where the field is
            missing (which is not null). A column not named here is present in every row.
        json: columns whose values are objects or arrays, held as JSON text.
    """

    rows: np.ndarray
    columns: pl.DataFrame
    absent: Mapping[str, pl.Series] = field(default_factory=dict)
    json: frozenset[str] = frozenset()

    @classmethod
    def empty(cls) -> RowFrame:
        """No images."""
        return cls(np.empty(0, dtype=np.int64), pl.DataFrame())


@dataclass(frozen=True)
class TableRows:
    """The images of one table within a `DecodedBatch`; positions index its ``events``."""

    after: RowFrame
    before: RowFrame


@dataclass(frozen=True)
class Offset:
    """How far a source has been read; stored in the transaction that stores what was read.

    Attributes:
        source: name of the source.
        position: opaque to all but the source, JSON-serialisable.
    """

    source: str
    position: Mapping[str, object]


@dataclass(frozen=True)
class Declared:
    """What a source says of a table, beside its rows; it wins over what values suggest.

    Attributes:
        key: key columns (replica identity, primary key); None when it says nothing of a key, ()
            when it says that there is none.
        types: type by column, as `core.values.Column.type` names types; columns may be missing.
        whole: ``types`` names every column that the table has now, so others were dropped.
    """

    key: tuple[str, ...] | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False


@dataclass(frozen=True)
class DecodedBatch:
    """What one read of a source gave, decoded, nothing judged yet.

    Attributes:
        source: name of the source; watermarks are per source and table.
        events: `EVENT_SCHEMA`.
        rows: typed images by (schema, table) as in ``events``.
        bad: `BAD_SCHEMA`; disjoint from ``events``.
        offset: where the source may resume once this batch is stored, or None.
        size: bytes of input.
        fresh: the input starts over with this batch, so its watermarks begin anew.
        backfill: it brings the past on purpose, so how long its events took says nothing.
        declared: what the source says of its tables, by (schema, table) as in ``events``.
        ordered: the source hands over the changes of a row in the order in which they happened, so
            of two changes the later one in the input holds, whatever their times say.
    """

    source: str
    events: pa.Table
    rows: Mapping[tuple[str, str], TableRows]
    bad: pa.Table
    offset: Offset | None = None
    size: int = 0
    fresh: bool = False
    backfill: bool = False
    declared: Mapping[tuple[str, str], Declared] = field(default_factory=dict)
    ordered: bool = False

    @property
    def received(self) -> int:
        """Events and malformed events together."""
        return int(self.events.num_rows + self.bad.num_rows)


def nothing(source: str, offset: Offset | None = None) -> DecodedBatch:
    """A batch without events, for an offset that changed."""
    return DecodedBatch(source, EVENT_SCHEMA.empty_table(), {}, BAD_SCHEMA.empty_table(), offset)


@dataclass(frozen=True)
class Transitions:
    """How rows of a keyed table went from one state to the next, in event time.

    A late event comes between two states that were neighbours: their transition is taken back
    (weight -1) and two new ones stand in its place. So the sum over all transitions does not depend
    on the order in which events came.

    Attributes:
        steps: one row a transition. ``at``: Datetime[us, UTC], when. ``seq``: Int64, of the event
            that made the new state. ``weight``: Int64, 1 or -1. ``had``, ``has``: Boolean, whether
            there was a row before and is one after.
        old, new: the fields that current-state measures need, one row per transition; null where
            there is no row, or the row has null or nothing there.
    """

    steps: pl.DataFrame
    old: pl.DataFrame
    new: pl.DataFrame


@dataclass(frozen=True)
class TableBatch:
    """New (applied) row changes of one table, in order of sequence number.

    Attributes:
        table: as known when the batch was made.
        events: ``seq``: Int64. ``op``: String, values of `core.values.Op` (c, u, d, r, t). ``ts``:
            Datetime[us, UTC], event time. ``received``: Datetime[us, UTC]. ``ordinal``, ``sub``:
            Int64, order among changes of one event time, from the source's position. ``ordered``:
            Boolean, see `DecodedBatch.ordered`.
        after, before: images; ``rows`` index this batch's events.
        backfill: see `DecodedBatch`.
    """

    table: TableInfo
    events: pl.DataFrame
    after: RowFrame
    before: RowFrame
    backfill: bool = False

    @cached_property
    def codes(self) -> NDArray[np.uint8]:
        """Operation of each event as the byte of its letter."""
        return first_bytes(self.events["op"])


PARTIAL_SCHEMA = pa.schema(
    [
        ("series", pa.int32()),
        ("bucket", pa.timestamp("us")),  # start of the second, UTC
        ("n", pa.int64()),  # rows
        ("sum", pa.float64()),
        ("exact", pa.decimal128(38, 9)),  # the exact sum; null when 9 decimals do not hold it
        ("min", pa.float64()),
        ("max", pa.float64()),
        ("last", pa.float64()),  # value of the row with the largest (event time, sequence number)
        ("last_at", pa.timestamp("us")),
        ("last_seq", pa.int64()),
    ]
)
"""Partial states at level 1s: they merge by (series, bucket) with sum, min, max and arg-max."""

BIN_SCHEMA = pa.schema(
    [
        ("series", pa.int32()),
        ("bucket", pa.timestamp("us")),
        ("bin", pa.int32()),  # see metrics.sketch
        ("n", pa.int64()),
    ]
)
"""Quantile sketch as counts of logarithmic bins: merges with sum (DDSketch, VLDB 2019)."""

REGISTER_SCHEMA = pa.schema(
    [
        ("series", pa.int32()),
        ("bucket", pa.timestamp("us")),
        ("register", pa.int32()),  # see metrics.registers: fine from 0, coarse below
        ("rank", pa.int8()),
    ]
)
"""Distinct sketch as HyperLogLog registers: merges with max."""


@dataclass(frozen=True)
class MeasureAppends:
    """What the metric stage adds for one batch, at level 1s; the store makes the coarser levels."""

    partials: pa.Table
    bins: pa.Table
    registers: pa.Table
