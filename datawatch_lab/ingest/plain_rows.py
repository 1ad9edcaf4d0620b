"""Row images of plain events as typed columns, from the places of their values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np

from datawatch_lab.core.batches import TableRows
from datawatch_lab.ingest.alike import MOST_TOGETHER, PlacedImages, decoded
from datawatch_lab.ingest.cells import Sorting
from datawatch_lab.ingest.envelopes import TableKey
from datawatch_lab.ingest.leaves import PlacedEvents
from datawatch_lab.ingest.rows import Images, decode_images, whole_images
from datawatch_lab.ingest.tables import told_apart
from datawatch_lab.ingest.templates import IMAGES
from datawatch_lab.ingest.texts import Texts

_SMALL = 2**14


@dataclass(frozen=True)
class _Side:
    """Images of one side in events of one template: names, values by name, event; their places."""

    side: int
    names: tuple[str, ...]
    starts: np.ndarray
    ends: np.ndarray
    at: np.ndarray


@dataclass(frozen=True)
class _All:
    """All images of a batch, in the order in which they stand in the buffer.

    Attributes:
        sides: by template and side; ``at`` counts images in that order.
        event, side, table: of each image; side 0 is before, 1 after.
        starts, ends: bounds of each image.
    """

    sides: list[_Side]
    event: np.ndarray
    side: np.ndarray
    table: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


def rows_of(
    events: PlacedEvents,
    keys: Sequence[TableKey],
    of_key: np.ndarray,
    but: Collection[TableKey] = (),
) -> dict[TableKey, TableRows] | None:
    """Typed images by (schema, table), as `ingest.tables.table_rows` gives them.

    Args:
        events: all of them with an image that has fields.
        keys: the tables.
        of_key: index in ``keys`` of each event.
        but: tables that are left out.

    Returns:
        None when an image cannot be decoded, or an event has none with fields.
    """
    images = _images(events, of_key)
    bare = np.ones(len(events), np.bool_)
    bare[images.event] = False
    if bare.any():
        return None
    texts = Texts(events.block.data, np.array([0, len(events.block.data)]))
    made: dict[int, TableRows] = {}
    everywhere = np.arange(len(events))
    wanted = np.array([key not in but for key in keys], np.bool_)
    for together in _groups(images, wanted):
        for table, rows, split, found in _decoded(events, texts, images, together):
            if found.misfits:
                return None
            told = told_apart(found, rows, split, everywhere)
            if told is not None:
                made[table] = told
    return {keys[table]: made[table] for table in sorted(made)}


def _images(events: PlacedEvents, of_key: np.ndarray) -> _All:
    found: list[tuple[int, tuple[str, ...], np.ndarray, np.ndarray]] = []
    event, starts, ends = [], [], []
    for part, rows in zip(events.placed, events.rows, strict=True):
        for side, name in enumerate(IMAGES):
            fields = part.template.image(name)
            if not fields:
                continue
            names, which = tuple(n for n, _ in fields), [at for _, at in fields]
            first = slice(which[0], which[-1] + 1)
            found.append((side, names, part.starts[first], part.ends[first]))
            span = part.template.spans[name]
            event.append(rows)
            starts.append(part.marks[span.mark] + span.shift)
            ends.append(part.ends[span.last] + span.behind)
    if not found:
        none = np.empty(0, np.int64)
        return _All([], none, none, none, none, none)
    begins = np.concatenate(starts)
    order = np.argsort(begins, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    bounds = np.concatenate(([0], np.cumsum([len(rows) for rows in event])))
    sides = [
        _Side(*each, place[start:stop])
        for each, (start, stop) in zip(found, pairwise(bounds.tolist()), strict=True)
    ]
    of = np.concatenate(event)[order]
    sides_of = np.repeat([each[0] for each in found], np.diff(bounds))[order]
    return _All(sides, of, sides_of, of_key[of], begins[order], np.concatenate(ends)[order])


def _groups(images: _All, wanted: np.ndarray) -> Iterator[list[int]]:
    """Wanted tables whose images have the same columns, as many as are decoded together."""
    tables = len(wanted)
    layouts: list[set[tuple[str, ...]]] = [set() for _ in range(tables)]
    for each in images.sides:
        for table in np.flatnonzero(np.bincount(images.table[each.at], minlength=tables)).tolist():
            layouts[table].add(each.names)
    known: dict[object, list[int]] = {}
    for table, seen in enumerate(layouts):
        if seen and wanted[table]:
            names = frozenset().union(*seen)
            full = any(len(each) == len(names) for each in seen)
            known.setdefault(names if full else table, []).append(table)
    counts = np.bincount(images.table, minlength=tables)
    for together in known.values():
        parts = (np.cumsum(counts[together]) // MOST_TOGETHER).tolist()
        for _, group in groupby(zip(parts, together, strict=True), key=itemgetter(0)):
            yield [table for _, table in group]


def _decoded(
    events: PlacedEvents, texts: Texts, images: _All, together: Sequence[int]
) -> Iterator[tuple[int, np.ndarray, int, Images]]:
    """By table: its code, the events of its images, how many are from before, and the images."""
    rank = np.full(int(images.table.max()) + 1, -1, np.int64)
    rank[list(together)] = np.arange(len(together))
    of = rank[images.table]
    chosen = np.flatnonzero(of >= 0)
    small = np.int16 if len(together) < _SMALL else np.int64  # short ones are sorted in one pass
    order = np.argsort((2 * of + images.side)[chosen].astype(small), kind="stable")
    bounds = np.concatenate(([0], np.cumsum(np.bincount(of[chosen], minlength=len(together)))))
    placed = list(_of_chosen(images, chosen, of))
    found = decoded(texts, images.starts[chosen], placed, Sorting(order, bounds))
    if found is None and len(together) > 1:
        for table in together:
            yield from _decoded(events, texts, images, [table])
        return
    ordered = chosen[order]
    for at, (table, (start, stop)) in enumerate(
        zip(together, pairwise(bounds.tolist()), strict=True)
    ):
        own = ordered[start:stop]
        split = len(own) - int(images.side[own].sum())
        if found is not None:
            yield table, images.event[own], split, whole_images(found[at])
        else:
            listed = zip(images.starts[own].tolist(), images.ends[own].tolist(), strict=True)
            told = decode_images([texts.data[begin:end] for begin, end in listed])
            yield table, images.event[own], split, told


def _of_chosen(images: _All, chosen: np.ndarray, of: np.ndarray) -> Iterator[PlacedImages]:
    """The chosen images by how they are written, in order of appearance, those before first."""
    whole = len(chosen) == len(of)
    local = np.cumsum(of >= 0) - 1
    merged: dict[tuple[int, tuple[str, ...]], list[PlacedImages]] = {}
    for each in sorted(images.sides, key=lambda each: (each.side, int(each.at[0]))):
        keep = None if whole else of[each.at] >= 0
        if keep is not None and not keep.any():
            continue
        if keep is None or keep.all():
            part = PlacedImages(each.names, local[each.at], each.starts, each.ends)
        else:
            part = PlacedImages(
                each.names, local[each.at[keep]], each.starts[:, keep], each.ends[:, keep]
            )
        merged.setdefault((each.side, each.names), []).append(part)
    for parts in merged.values():
        yield from parts
