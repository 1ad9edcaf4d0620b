"""Two batches of one input, each with some of its events, as the one batch that they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from datawatch_lab.core.batches import DecodedBatch, RowFrame, TableRows
from datawatch_lab.ingest.assemble import keys_of
from datawatch_lab.ingest.envelopes import TableKey
from datawatch_lab.ingest.rows import decode_images
from datawatch_lab.ingest.tables import told_apart


def mixed(plain: DecodedBatch, others: DecodedBatch) -> DecodedBatch | None:
    """The batch of both, its events in order of their lines; no line has events of both.

    Args:
        plain: without anything malformed.
        others: whatever else there was.

    Returns:
        None when images do not fit together, which was not to be seen before.
    """
    if not others.events.num_rows:
        return replace(plain, bad=others.bad, size=plain.size + others.size)
    lines = np.concatenate([part.events["line"].to_numpy() for part in (plain, others)])
    order = np.argsort(lines, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    events = pa.concat_tables([plain.events, others.events]).take(pa.array(order))
    events = events.combine_chunks()
    split = plain.events.num_rows
    rows: dict[TableKey, TableRows] = {}
    for key in dict.fromkeys((*plain.rows, *others.rows)):
        own, other = plain.rows.get(key), others.rows.get(key)
        if own is None or other is None:
            told = _moved(own, place[:split]) or _moved(other, place[split:])
        else:
            told = _anew(events, key)
        if told is None:
            return None
        rows[key] = told
    return DecodedBatch(
        source=plain.source,
        events=events,
        rows=_in_order(rows, events),
        bad=others.bad,
        offset=plain.offset,
        size=plain.size + others.size,
        declared=others.declared,
    )


def _moved(rows: TableRows | None, place: np.ndarray) -> TableRows | None:
    if rows is None:
        return None
    sides = (
        RowFrame(place[side.rows], side.columns, side.absent, side.json)
        for side in (rows.after, rows.before)
    )
    return TableRows(*sides)


def _anew(events: pa.Table, key: TableKey) -> TableRows | None:
    """The images of a table that has some in both: a column has one type in all of them."""
    names = zip(events["schema"].to_pylist(), events["table"].to_pylist(), strict=True)
    of_table = np.flatnonzero(np.fromiter((name == key for name in names), np.bool_))
    images: list[bytes] = []
    rows: list[int] = []
    split = 0
    for side in ("before", "after"):
        split = len(rows)
        texts = events[side].take(pa.array(of_table)).to_pylist()
        for at, text in zip(of_table.tolist(), texts, strict=True):
            if text is not None and text[1:-1].strip():
                images.append(text.encode())
                rows.append(at)
    found = decode_images(images)
    if found.misfits:
        return None
    return told_apart(found, np.array(rows, np.int64), split, np.arange(events.num_rows))


def _in_order(rows: Mapping[TableKey, TableRows], events: pa.Table) -> dict[TableKey, TableRows]:
    """Tables in order of appearance."""
    names = (events[name].combine_chunks() for name in ("schema", "table"))
    return {key: rows[key] for key in keys_of(*names)[0] if key in rows}
