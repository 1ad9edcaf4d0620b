"""Bytes to a `DecodedBatch`: envelopes read one by one, everything after that column by column."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import pyarrow as pa

from datawatch_lab.core.batches import Declared, DecodedBatch, Offset
from datawatch_lab.ingest.assemble import Events, event_table
from datawatch_lab.ingest.bad import bad_table
from datawatch_lab.ingest.envelopes import TableKey
from datawatch_lab.ingest.identity import IdFactory
from datawatch_lab.ingest.reading import read_items
from datawatch_lab.ingest.tables import table_rows


def decode(
    items: Sequence[bytes],
    lines: Sequence[int] | np.ndarray,
    offsets: Sequence[int] | np.ndarray,
    *,
    source: str,
    offset: Offset | None = None,
    id_factory: IdFactory | None = None,
    refused: Mapping[int, str] | None = None,
) -> DecodedBatch:
    """Decode items of input: events, arrays of events, or batches, in any known format.

    Args:
        items: one JSON value each, without the line end; blank ones are passed over.
        lines: the line (or item number) of each, from 1; 0 for none. An event inside a batch has
            the line of its batch.
        offsets: the byte offset of each in the input; -1 for none. An event inside a batch has its
            own.
        source: name of the source.
        offset: where the source may resume once the batch is stored.
        id_factory: gives ids to events without one and to malformed ones; by default they are
            identified by content and offset, so that reading again finds the same.
        refused: reasons by index, for items that the source already knows to be malformed.

    Returns:
        Events in input order and, apart, what is malformed with the reason. Nothing is dropped.
    """
    with _no_collection():
        reading = read_items(items, _ints(lines), _ints(offsets), refused)
        events = event_table(reading, id_factory)
        rows, misfits = table_rows(events)
        kept = np.delete(np.arange(len(events.places)), list(misfits))
    return DecodedBatch(
        source=source,
        events=events.table.take(pa.array(kept)) if misfits else events.table,
        rows=rows,
        bad=bad_table(reading, events, misfits, id_factory),
        offset=offset,
        size=sum(map(len, items)),
        declared=_of_events(events, misfits),
    )


def _of_events(events: Events, misfits: Mapping[int, str]) -> Mapping[TableKey, Declared]:
    """What is declared of tables that some event is about: a malformed one makes no table."""
    if not events.declared:
        return {}
    kept = np.delete(events.of_key, list(misfits))
    named = {events.keys[code] for code in np.unique(kept).tolist()}
    return {key: told for key, told in events.declared.items() if key in named and key[1]}


def _ints(values: Sequence[int] | np.ndarray) -> Sequence[int]:
    return values.tolist() if isinstance(values, np.ndarray) else values


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the cyclic collector from walking a batch again and again while it is made.

    Safe across threads: only who found it on turns it on again.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
