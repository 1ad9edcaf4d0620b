"""Row images by source table: every table's images parsed together, then told apart again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from datawatch_lab.core.batches import RowFrame, TableRows
from datawatch_lab.ingest.assemble import Events
from datawatch_lab.ingest.envelopes import TableKey
from datawatch_lab.ingest.rows import Images, decode_tables
from datawatch_lab.ingest.tokens import frame_of


def table_rows(events: Events) -> tuple[dict[TableKey, TableRows], dict[int, str]]:
    """Typed images by (schema, table), and the events whose image does not fit, with the reason.

    The images hold the events that fit only; their positions count those events. After and before
    images of a table are parsed in one go, so a column has one type in both. An image without
    fields is left out.
    """
    groups = list(_groups(events))
    misfits: dict[int, str] = {}
    decoded = decode_tables(
        events.images,
        [np.concatenate((events.before[b], events.after[a])) for _, a, b in groups],
    )
    for (key, after, before), images in zip(groups, decoded, strict=True):
        rows = np.concatenate((before, after))
        for at, reason in sorted(images.misfits, key=lambda misfit: misfit[0] < len(before)):
            side = "before" if at < len(before) else "after"
            misfits.setdefault(int(rows[at]), f"{key[1] or 'the event'}: {side}: {reason}")
    position = _positions(len(events.after), misfits)
    tables: dict[TableKey, TableRows] = {}
    for (key, after, before), images in zip(groups, decoded, strict=True):
        told = told_apart(images, np.concatenate((before, after)), len(before), position)
        if told is not None:
            tables[key] = told
    return tables, misfits


def _groups(events: Events) -> Iterator[tuple[TableKey, np.ndarray, np.ndarray]]:
    """Per table: indices of the events with an after image, and of those with a before image."""
    inner = np.arange(1, len(events.keys))
    after, before = (
        np.split(rows, np.searchsorted(events.of_key[rows], inner))
        for rows in (
            _by_code(events.of_key, events.has_after),
            _by_code(events.of_key, events.has_before),
        )
    )
    for code, key in enumerate(events.keys):
        if len(after[code]) or len(before[code]):
            yield key, after[code], before[code]


def _by_code(codes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(wanted)
    return np.asarray(rows[np.argsort(codes[rows], kind="stable")])


def _positions(count: int, misfits: dict[int, str]) -> np.ndarray:
    """New position of each event once the misfits are gone; -1 for those."""
    fits = np.ones(count, dtype=np.bool_)
    fits[list(misfits)] = False
    return np.where(fits, np.cumsum(fits) - 1, -1)


def told_apart(
    images: Images, rows: np.ndarray, split: int, position: np.ndarray
) -> TableRows | None:
    """The images before and after of one table; None where none is left.

    Args:
        images: those before, then those after.
        rows: the event of each that was given.
        split: how many of these are from before.
        position: of each event among those that are left; -1 for one that is gone.
    """
    cut = int(np.searchsorted(images.kept, split))
    count = len(images.kept)
    before = _frame(images, rows, np.arange(cut), position)
    after = _frame(images, rows, np.arange(cut, count), position)
    return TableRows(after, before) if len(after.rows) or len(before.rows) else None


def _frame(images: Images, rows: np.ndarray, part: np.ndarray, position: np.ndarray) -> RowFrame:
    """The images at ``part``, less those of events that are gone and columns that none has."""
    at = position[rows[images.kept[part]]]
    if len(part) and (at < 0).any():
        part, at = part[at >= 0], at[at >= 0]
    if not len(part):
        return RowFrame.empty()
    start, whole = int(part[0]), int(part[-1]) - int(part[0]) + 1 == len(part)
    if whole:  # a slice by position asks for less than one by index
        absent = {name: mask.slice(start, len(part)) for name, mask in images.absent.items()}
        columns = images.columns.slice(start, len(part))
    else:
        absent = {name: mask[part] for name, mask in images.absent.items()}
        columns = images.columns[part]
    gone = {name for name, mask in absent.items() if mask.all()}
    return RowFrame(
        at,
        frame_of({c.name: c for c in columns if c.name not in gone}) if gone else columns,
        {name: mask for name, mask in absent.items() if name not in gone and mask.any()},
        images.json - gone,
    )
