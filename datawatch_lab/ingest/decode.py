"""Bytes to a `DecodedBatch`, column by column.

Events that are written alike are read from where their values stand (`ingest.plain`); of the others
the envelopes are read one by one, and everything after that column by column.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import pyarrow as pa

from datawatch_lab.core.batches import Declared, DecodedBatch, Offset
from datawatch_lab.ingest.assemble import Events, event_table
from datawatch_lab.ingest.bad import bad_table
from datawatch_lab.ingest.blocks import Block
from datawatch_lab.ingest.envelopes import TableKey
from datawatch_lab.ingest.identity import IdFactory
from datawatch_lab.ingest.mixing import (
    MOST_OF_BOTH,
    mixed,
    share_of,
    tables_of_both,
    without_images,
)
from datawatch_lab.ingest.plain import PlainEvents, plain_events
from datawatch_lab.ingest.reading import Reading, read_items
from datawatch_lab.ingest.tables import table_rows
from datawatch_lab.ingest.templates import Templates
from datawatch_lab.ingest.texts import FEW

Told = tuple[str, Offset | None, IdFactory | None]
"""What a source says of a batch: its name, where it may resume, and what gives ids."""


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
    if len(items) > FEW and not refused:
        block = Block.of_items(items, np.asarray(lines), np.asarray(offsets))
        return decode_block(block, Templates(), source=source, offset=offset, id_factory=id_factory)
    return decode_any(items, lines, offsets, (source, offset, id_factory), refused)


def decode_block(
    block: Block,
    templates: Templates,
    *,
    source: str,
    offset: Offset | None = None,
    id_factory: IdFactory | None = None,
) -> DecodedBatch:
    """The same for items in one buffer.

    Args:
        block: the items.
        templates: how events of this stream were written so far; learns.
        source: see `decode`, as for the others.
        offset: where the source may resume.
        id_factory: gives ids to events without one.
    """
    told = source, offset, id_factory
    found = None
    if templates.take_turn():
        with _no_collection():
            found = _by_templates(block, templates, told)
    if found is None:
        return decode_any(block.items(), block.lines, block.offsets, told, None)
    return found


def _by_templates(block: Block, templates: Templates, told: Told) -> DecodedBatch | None:
    """The same for a block of which most is plain; None for any other."""
    plain = plain_events(block, templates, told[2])
    share = 0.0
    found = None
    if plain is not None and plain.events.whole:
        found = plain.read(*told)
    elif plain is not None:
        found, share = _in_parts(plain, told)
    templates.tell(vain=found is None or share > MOST_OF_BOTH)
    return found


def _in_parts(plain: PlainEvents, told: Told) -> tuple[DecodedBatch | None, float]:
    """The batch of plain events and the others of their block; share that is of tables of both."""
    block, left = plain.events.block, plain.left
    items = block.items(left)
    reading = read_items(items, block.lines[left].tolist(), block.offsets[left].tolist())
    events = event_table(reading, told[2])
    both = tables_of_both(plain, events)
    others = _batch(reading, without_images(events, both), items, told)
    return mixed(plain, others, both), share_of(plain, both)


def decode_any(
    items: Sequence[bytes],
    lines: Sequence[int] | np.ndarray,
    offsets: Sequence[int] | np.ndarray,
    told: Told,
    refused: Mapping[int, str] | None,
) -> DecodedBatch:
    """The same for whatever the items are, without a look at what they have in common.

    Args:
        items: see `decode`, as for the others.
        lines: the line of each.
        offsets: the byte offset of each.
        told: source, offset and id_factory.
        refused: reasons by index.
    """
    with _no_collection():
        reading = read_items(items, _ints(lines), _ints(offsets), refused)
        return _batch(reading, event_table(reading, told[2]), items, told)


def _batch(reading: Reading, events: Events, items: Sequence[bytes], told: Told) -> DecodedBatch:
    source, offset, id_factory = told
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
