"""Plain events and the others of one input, as the one batch that they are.

What belongs to a table with images in both is decoded once, with all images of that table: a column
has one type in all of them. So nothing is decoded in one of the parts that is decoded anew after.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from datawatch_lab.core.batches import DecodedBatch, RowFrame, TableRows
from datawatch_lab.ingest.assemble import Events, keys_of
from datawatch_lab.ingest.envelopes import TableKey
from datawatch_lab.ingest.plain import PlainEvents
from datawatch_lab.ingest.raws import RawColumn
from datawatch_lab.ingest.rows import decode_tables
from datawatch_lab.ingest.tables import told_apart
from datawatch_lab.ingest.texts import PAD, Texts

MOST_OF_BOTH = 0.5
"""Share of plain events of tables of both, beyond which reading plain events apart saves little.

Measured against the general way: with a quarter of them of such tables it takes 0.6 to 1.05 of its
time, with a half 0.8 to 1.25, with all 0.85 to 1.2; the more columns, the more.
"""


def tables_of_both(plain: PlainEvents, others: Events) -> frozenset[TableKey]:
    """Tables of which images with fields stand in both."""
    filled = others.of_key[others.has_after | others.has_before]
    return frozenset(plain.keys).intersection(others.keys[at] for at in np.unique(filled).tolist())


def share_of(plain: PlainEvents, tables: Collection[TableKey]) -> float:
    """Share of the plain events that are about some tables, in [0, 1]."""
    if not tables:
        return 0.0
    return float(np.array([key in tables for key in plain.keys], np.bool_)[plain.of_key].mean())


def without_images(events: Events, tables: Collection[TableKey]) -> Events:
    """The events, those of some tables without their images."""
    if not tables:
        return events
    keep = np.array([key not in tables for key in events.keys], np.bool_)[events.of_key]
    has_after, has_before = events.has_after & keep, events.has_before & keep
    return replace(events, has_after=has_after, has_before=has_before)


def mixed(
    plain: PlainEvents, others: DecodedBatch, both: Collection[TableKey]
) -> DecodedBatch | None:
    """The batch of both, its events in order of their lines; no line has events of both.

    Args:
        plain: those that are plain.
        others: whatever else there was, without the images of ``both``.
        both: the tables of which there are images in both.

    Returns:
        None when an image cannot be decoded: the general way says which.
    """
    batch = plain.read(others.source, others.offset, None, both)
    if batch is None:
        return None
    if not others.events.num_rows:
        return replace(batch, bad=others.bad, size=batch.size + others.size)
    split = batch.events.num_rows
    events, place = _in_order(batch.events, others.events)
    keys, of_key = keys_of(*(events[name].combine_chunks() for name in ("schema", "table")))
    wanted = np.array([key in both for key in keys], np.bool_)
    of_both = _rows_of(events, of_key, wanted) if both else {}
    if of_both is None:
        return None
    rows = {keys[code]: told for code, told in of_both.items()}
    rows.update((key, _moved(told, place[:split])) for key, told in batch.rows.items())
    rows.update((key, _moved(told, place[split:])) for key, told in others.rows.items())
    return DecodedBatch(
        source=batch.source,
        events=events,
        rows={key: rows[key] for key in keys if key in rows},
        bad=others.bad,
        offset=batch.offset,
        size=batch.size + others.size,
        declared=others.declared,
    )


def _in_order(*parts: pa.Table) -> tuple[pa.Table, np.ndarray]:
    """The events of all parts, by line, and the place of each."""
    lines = np.concatenate([part["line"].to_numpy() for part in parts])
    order = np.argsort(lines, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return pa.concat_tables(parts).take(pa.array(order)).combine_chunks(), place


def _moved(rows: TableRows, place: np.ndarray) -> TableRows:
    sides = (
        RowFrame(place[side.rows], side.columns, side.absent, side.json)
        for side in (rows.after, rows.before)
    )
    return TableRows(*sides)


def _rows_of(
    events: pa.Table, of_key: np.ndarray, wanted: np.ndarray
) -> dict[int, TableRows] | None:
    """The images of some tables, all in one go.

    Args:
        events: with at least one image that has fields of each of these tables.
        of_key: the table of each.
        wanted: Boolean by table.

    Returns:
        By table; None when an image cannot be decoded.
    """
    chosen = np.flatnonzero(wanted[of_key])
    texts = _texts([events[side].take(pa.array(chosen)) for side in ("before", "after")])
    filled = np.flatnonzero(RawColumn(texts).filled_objects)
    event, after = chosen[filled % len(chosen)], filled >= len(chosen)
    order = np.argsort(of_key[event], kind="stable")
    counts = np.bincount(of_key[event])
    codes = np.flatnonzero(counts)
    tables = np.split(order, np.cumsum(counts[codes])[:-1])
    made: dict[int, TableRows] = {}
    found = decode_tables(texts, [filled[own] for own in tables])
    everywhere = np.arange(events.num_rows)
    for code, own, images in zip(codes.tolist(), tables, found, strict=True):
        split = len(own) - int(after[own].sum())
        told = None if images.misfits else told_apart(images, event[own], split, everywhere)
        if told is None:
            return None
        made[code] = told
    return made


def _texts(columns: Sequence[pa.ChunkedArray]) -> Texts:
    """The texts of some columns, one behind the other; empty where there is none."""
    chunks = [chunk for column in columns for chunk in column.fill_null("").chunks]
    joined = pa.concat_arrays(chunks)
    _, offsets, data = joined.buffers()
    bounds = np.frombuffer(offsets, np.int64)[joined.offset : joined.offset + len(joined) + 1]
    return Texts(b"".join((memoryview(data)[: int(bounds[-1])], PAD)), bounds)
