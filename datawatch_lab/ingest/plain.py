"""Batches of plain events: every column straight from the places where the values stand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from datawatch_lab.core.batches import BAD_SCHEMA, EVENT_SCHEMA, DecodedBatch, Offset
from datawatch_lab.core.columns import no_rows
from datawatch_lab.ingest.assemble import keys_of, op_names
from datawatch_lab.ingest.blocks import Block
from datawatch_lab.ingest.envelopes import TableKey
from datawatch_lab.ingest.fields import OPS, WITH_ROW, code_of
from datawatch_lab.ingest.identity import IdFactory, content_id
from datawatch_lab.ingest.leaves import OBJECT, Leaves, PlacedEvents
from datawatch_lab.ingest.placing import NONE, NULL, NUMBER, TEXT, placed_in
from datawatch_lab.ingest.plain_rows import rows_of
from datawatch_lab.ingest.templates import IMAGES, Templates
from datawatch_lab.ingest.times import moments_of_texts, moments_of_wholes

_TEXT = pa.large_string()
_ROW_CODES = tuple(OPS.index(op) for op in WITH_ROW)
_NONE = no_rows(BAD_SCHEMA)
_NOTHING = np.zeros(OBJECT + 1, np.bool_)  # by kind of a value
_NOTHING[[NONE, NULL]] = True


class _NotPlainError(Exception):
    """Something is not as usual: the general way reads the batch, and says what is wrong."""


@dataclass(frozen=True)
class PlainEvents:
    """Those items of a block that are plain changes of rows, not read yet.

    Attributes:
        events: where their values stand.
        schema, table: of each event.
        keys, of_key: the tables, in order of appearance, and which of them each event is about.
    """

    events: PlacedEvents
    schema: pa.Array
    table: pa.Array
    keys: Sequence[TableKey]
    of_key: np.ndarray

    @property
    def left(self) -> np.ndarray:
        """Indices of the items that are not among them."""
        return np.delete(np.arange(len(self.events.block)), self.events.items)

    def read(
        self,
        source: str,
        offset: Offset | None,
        id_factory: IdFactory | None,
        but: Collection[TableKey] = (),
    ) -> DecodedBatch | None:
        """What `ingest.decode.decode` makes of them.

        Args:
            source: see `ingest.decode.decode`.
            offset: where the source may resume.
            id_factory: gives ids to events without one.
            but: tables whose images are not wanted.

        Returns:
            None where something is not as usual: the general way says what is wrong.
        """
        try:
            rows = rows_of(self.events, self.keys, self.of_key, but)
            if rows is None:
                return None
            told = _event_table(self.events, self.schema, self.table, id_factory)
        except _NotPlainError:
            return None
        block, items = self.events.block, self.events.items
        size = int((block.ends - block.starts)[items].sum())
        return DecodedBatch(
            source=source, events=told, rows=rows, bad=_NONE, offset=offset, size=size
        )


def plain_events(
    block: Block, templates: Templates, id_factory: IdFactory | None
) -> PlainEvents | None:
    """The plain events of a block.

    Args:
        block: the items.
        templates: what is known of the stream; learns.
        id_factory: gives ids to events without one.

    Returns:
        None when the others are many, or would be out of order.
    """
    events = PlacedEvents(block, placed_in(block, templates))
    try:
        events = _of_rows(events)
        if len(events) <= len(block) // 2 or not (events.whole or _mixable(block, id_factory)):
            return None
        schema, table = _names(events, "schema"), _names(events, "table")
    except _NotPlainError:
        return None
    return PlainEvents(events, schema, table, *keys_of(schema, table))


def _of_rows(events: PlacedEvents) -> PlacedEvents:
    """Those that are changes of rows of a named table, and have nothing of other events."""
    if not len(events):
        return events
    good = np.isin(_codes(events), _ROW_CODES)
    for name in ("ddl_type", "ddl_command"):
        good &= _NOTHING[events.leaf(name).kinds]
    for name in IMAGES:
        kinds = events.leaf(name).kinds
        good &= (kinds == OBJECT) | _NOTHING[kinds]
    table = events.leaf("table")
    good &= (table.kinds == TEXT) & (table.ends - table.starts > len('""'))
    return events if good.all() else events.only(good)


def _mixable(block: Block, id_factory: IdFactory | None) -> bool:
    """Whether others can be put between the events of a block: by line, and without ids to give."""
    return id_factory is None and bool((np.diff(block.lines) > 0).all())


def _event_table(
    events: PlacedEvents, schema: pa.Array, table: pa.Array, id_factory: IdFactory | None
) -> pa.Table:
    images = {name: events.leaf(name) for name in IMAGES}
    columns = (
        pa.array(events.block.lines[events.items]),
        pa.array(events.block.offsets[events.items]),
        schema,
        table,
        op_names().take(pa.array(_codes(events))),
        _times(events),
        None,
        _names(events, "source"),
        events.raw(_checked(events, "position")),
        _ids(events, "transaction_id"),
        _order(events),
        events.raw(images["after"]),
        events.raw(images["before"]),
        _extra(events),
    )
    ids = _event_ids(events, id_factory)  # last: nothing else may refuse the batch after it
    return pa.Table.from_arrays([ids if c is None else c for c in columns], schema=EVENT_SCHEMA)


def _expect(leaves: Leaves, *kinds: int) -> None:
    seen = np.bincount(leaves.kinds, minlength=OBJECT + 1)
    if int(seen[list(kinds)].sum()) != len(leaves.kinds):
        raise _NotPlainError


def _checked(events: PlacedEvents, *path: str) -> Leaves:
    """A value that has no escapes, unless it is an object."""
    leaves = events.leaf(*path)
    if (events.with_escapes(leaves) & (leaves.kinds != OBJECT)).any():
        raise _NotPlainError
    return leaves


def _names(events: PlacedEvents, name: str) -> pa.Array:
    """Texts, '' where there is none."""
    leaves = _checked(events, name)
    _expect(leaves, TEXT, NULL, NONE)
    texts = events.texts(leaves)
    return texts.fill_null("") if texts.null_count else texts


def _codes(events: PlacedEvents) -> np.ndarray:
    """Operations; -1 for what is none."""
    marked = {part.template.marker for part in events.placed}
    if len(marked) > 1:
        raise _NotPlainError
    leaves = _checked(events, marked.pop())
    words = events.texts(leaves).dictionary_encode("encode")
    known = [-1 if word is None else code_of(word) for word in words.dictionary.to_pylist()]
    return np.asarray(np.array(known, np.int64)[np.asarray(words.indices)])


def _times(events: PlacedEvents) -> pa.Array:
    leaves = _checked(events, "timestamp")
    void = int(np.count_nonzero((leaves.kinds == NONE) | (leaves.kinds == NULL)))
    if (leaves.kinds == NUMBER).any():
        if void or not events.short_wholes(leaves).all():
            raise _NotPlainError
        moments = moments_of_wholes(pl.Series(events.raw(leaves)).cast(pl.Int64))
    else:
        moments = moments_of_texts(pl.Series(events.texts(leaves)))
    if moments.null_count() != void:
        raise _NotPlainError
    found = moments.to_arrow()
    wanted = EVENT_SCHEMA.field("ts").type
    return found if found.type == wanted else found.cast(wanted)


def _ids(events: PlacedEvents, name: str) -> pa.Array:
    """Texts or whole numbers as text; null where there is none."""
    leaves = _checked(events, name)
    numbers = leaves.kinds == NUMBER
    if not numbers.any():
        _expect(leaves, TEXT, NULL, NONE)
        return events.texts(leaves)
    if not numbers[leaves.kinds != NULL].all() or (numbers != events.short_wholes(leaves)).any():
        raise _NotPlainError
    return events.raw(leaves)


def _event_ids(events: PlacedEvents, id_factory: IdFactory | None) -> pa.Array:
    told = _ids(events, "id")
    if not told.null_count and not pc.any(pc.equal(pc.binary_length(told), 0)).as_py():
        return told
    items, offsets = events.items, events.block.offsets[events.items]
    given = [
        name or (id_factory() if id_factory else content_id(events.block.item(at).strip(), offset))
        for name, at, offset in zip(told.to_pylist(), items.tolist(), offsets.tolist(), strict=True)
    ]
    return pa.array(given, _TEXT)


def _order(events: PlacedEvents) -> pa.Array:
    """The ``sequence`` of positions."""
    paths = {
        path
        for part in events.placed
        for path in part.template.paths
        if path[0] == "position" and path[-1] == "sequence" and path[1:]
    }
    if not paths:
        return pa.nulls(len(events), pa.int64())
    if len(paths) > 1:
        raise _NotPlainError
    leaves = events.leaf(*paths.pop())
    _expect(leaves, NUMBER, NULL, NONE)
    if (events.short_wholes(leaves) != (leaves.kinds == NUMBER)).any():
        raise _NotPlainError
    return pl.Series(events.raw(leaves)).cast(pl.Int64).to_arrow()


def _extra(events: PlacedEvents) -> pa.Array:
    """JSON text of the metadata; null where there is none."""
    leaves = _checked(events, "metadata")
    if ((leaves.kinds == NONE) | (leaves.kinds == NULL)).all():
        return pa.nulls(len(events), _TEXT)
    parts = (pa.scalar('{"metadata":', _TEXT), events.raw(leaves), pa.scalar("}", _TEXT))
    return pc.binary_join_element_wise(*parts, pa.scalar("", _TEXT))
