"""The table of events out of what a piece of a stream, or of a snapshot, brought."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import EVENT_SCHEMA
from datawatch_lab.core.values import Op
from datawatch_lab.ingest.sources.postgres.images import NO_IMAGES, Images
from datawatch_lab.ingest.sources.postgres.pgoutput import Places, lsn_text


@dataclass(frozen=True)
class Chunk:
    """Events of one table.

    Attributes:
        numbers: int64, ascending; the message that each event came with.
        ops: a letter or word of `core.values.Op` each.
        sub: which of several events of one message it is.
        oid: of its relation; 0 when its rows say nothing of it.
        after, before: images of those events for which ``with_after``, ``with_before`` are true.
        extra: JSON text for all its events, or None.
    """

    schema: str
    table: str
    numbers: np.ndarray
    ops: np.ndarray
    sub: int = 0
    oid: int = 0
    after: Images = NO_IMAGES
    with_after: np.ndarray | None = None
    before: Images = NO_IMAGES
    with_before: np.ndarray | None = None
    extra: str | None = None

    @classmethod
    def single(
        cls,
        schema: str,
        table: str,
        number: int,
        op: Op,
        *,
        sub: int = 0,
        oid: int = 0,
        extra: str | None = None,
    ) -> Self:
        """One event without images."""
        numbers, ops = np.array([number], np.int64), np.array([op.value])
        return cls(schema, table, numbers, ops, sub, oid, extra=extra)

    @property
    def has_images(self) -> bool:
        """Whether some event has an image."""
        return bool(self.after.columns.width or self.before.columns.width)


@dataclass(frozen=True)
class Marks:
    """What events have from the message that they came with; one entry a message.

    Attributes:
        lsn, xid, sequence: int64; a sequence counts in its transaction, from 1.
        micros: int64, event time, microseconds since 1970.
    """

    lsn: np.ndarray
    xid: np.ndarray
    sequence: np.ndarray
    micros: np.ndarray

    @classmethod
    def of(cls, places: Places) -> Self:
        """Those of messages of a stream."""
        return cls(places.lsn, places.xid, places.sequence, places.micros)


def assemble(
    chunks: Sequence[Chunk], marks: Marks, origin: str
) -> tuple[pa.Table, list[np.ndarray]]:
    """Events of all chunks in the order of their messages.

    Returns:
        `EVENT_SCHEMA`, and for each chunk the positions of its events in it, ascending. An event is
        known by the LSN and id of its transaction, its place in it, and what it is: the same
        transaction sent again gives the same ids.
    """
    if not chunks:
        return EVENT_SCHEMA.empty_table(), []
    sizes = [len(chunk.numbers) for chunk in chunks]
    numbers = np.concatenate([chunk.numbers for chunk in chunks])
    subs = np.repeat([chunk.sub for chunk in chunks], sizes)
    order = np.lexsort((subs, numbers)) if len(chunks) > 1 else np.arange(len(numbers))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    frame = _frame(chunks, sizes)
    if len(chunks) > 1:
        frame = frame[order]
    at, sub = numbers[order], subs[order]
    table = _events(frame, at, marks.sequence[at] + sub, marks, origin)
    return table, np.split(place, np.cumsum(sizes)[:-1])


def _frame(chunks: Sequence[Chunk], sizes: Sequence[int]) -> pl.DataFrame:
    def repeated(values: Sequence[str | None]) -> pl.Series:
        codes = np.repeat(np.arange(len(chunks)), sizes)
        return pl.Series(values, dtype=pl.String).gather(codes)

    return pl.DataFrame(
        {
            "schema": repeated([chunk.schema for chunk in chunks]),
            "table": repeated([chunk.table for chunk in chunks]),
            "op": pl.Series(np.concatenate([chunk.ops for chunk in chunks]), dtype=pl.String),
            "after": pl.concat([_side(c.after, c.with_after, len(c.numbers)) for c in chunks]),
            "before": pl.concat([_side(c.before, c.with_before, len(c.numbers)) for c in chunks]),
            "extra": repeated([chunk.extra for chunk in chunks]),
        }
    )


def _side(images: Images, held: np.ndarray | None, count: int) -> pl.Series:
    """Image texts of all events of a chunk, null where there is none."""
    if held is None or not held.any():
        return pl.Series([None], dtype=pl.String).new_from_index(0, count)
    if held.all():
        return images.texts
    at = np.where(held, np.cumsum(held) - 1, -1)
    indices = pl.Series(at, dtype=pl.Int64).set(pl.Series(~held), None)
    return images.texts.gather(indices.cast(pl.UInt32))


def _events(
    frame: pl.DataFrame, at: np.ndarray, sequence: np.ndarray, marks: Marks, origin: str
) -> pa.Table:
    lsn, code = np.unique(marks.lsn[at], return_inverse=True)
    spelt = [lsn_text(each) for each in lsn.tolist()]
    order = pl.Series(sequence, dtype=pl.Int64)
    xid = pl.Series(marks.xid[at], dtype=pl.Int64).cast(pl.String)

    def by_lsn(make: Callable[[str], str]) -> pl.Series:
        return pl.Series([make(text) for text in spelt], dtype=pl.String).gather(code)

    made = frame.with_columns(
        pl.lit(0, pl.Int64).alias("line"),
        pl.lit(-1, pl.Int64).alias("offset"),
        pl.Series(marks.micros[at], dtype=pl.Int64).cast(pl.Datetime("us", "UTC")).alias("ts"),
        xid.alias("txid"),
        order.alias("tx_order"),
        pl.lit(origin).alias("origin"),
        by_lsn(lambda text: f'{{"lsn":"{text}","sequence":').alias("_position"),
        by_lsn(lambda text: f"{text}:").alias("_id"),
    ).with_columns(
        pl.concat_str("_position", "tx_order", pl.lit("}")).alias("position"),
        pl.concat_str("_id", "txid", pl.lit(":"), "tx_order", pl.lit(":"), "op").alias("event_id"),
    )
    return made.select(EVENT_SCHEMA.names).to_arrow().cast(EVENT_SCHEMA)
