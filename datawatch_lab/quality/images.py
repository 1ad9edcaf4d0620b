"""The rows of a batch as rules look at them: the images after each change, column by column."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from datawatch_lab.core.batches import RowFrame, TableBatch
from datawatch_lab.core.columns import first_bytes, micros_of, not_null, texts_of

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MINUTE = 60_000_000
"""Microseconds; counts are kept by minute of event time."""

_WHOLE_BELOW = 1e15


@dataclass(frozen=True)
class Images:
    """Images after changes; arrays are parallel to them.

    Attributes:
        frame: the images.
        seq: sequence number of the event.
        at: event time, epoch µs.
        lag: received minus event time, µs.
        op: first byte of the operation.
        backfill: the batch brings the past on purpose.
    """

    frame: RowFrame
    seq: Ints
    at: Ints
    lag: Ints
    op: NDArray[np.uint8]
    backfill: bool = False
    _known: dict[tuple[str, str], object] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.seq)

    @property
    def minute(self) -> Ints:
        """Start of the minute of each event, epoch µs."""
        return self.at // MINUTE * MINUTE

    @cached_property
    def minutes(self) -> tuple[Ints, Ints]:
        """The minutes that there are, and the place of each event's minute among them."""
        found, places = np.unique(self.minute, return_inverse=True)
        return found, places

    def has(self, name: str) -> bool:
        """Whether any image has the field."""
        return name in self.frame.columns.columns

    def column(self, name: str) -> pl.Series:
        """The column as it is; of nulls when no image has it."""
        if self.has(name):
            return self.frame.columns[name]
        return pl.Series(name, [None], dtype=pl.String).new_from_index(0, len(self))

    def present(self, name: str) -> Bools:
        """Where an image has the field, null or not; a missing field is not a null one."""
        if not self.has(name):
            return np.zeros(len(self), dtype=np.bool_)
        absent = self.frame.absent.get(name)
        return np.ones(len(self), dtype=np.bool_) if absent is None else ~absent.to_numpy()

    def filled(self, name: str) -> Bools:
        """Where an image has a value that is not null."""
        return self.present(name) & not_null(self.column(name))

    def texts(self, name: str) -> pl.Series:
        """Values as text: whole numbers without a point, booleans as true and false."""
        known = self._known.get(("texts", name))
        if not isinstance(known, pl.Series):
            known = self._known["texts", name] = text_of(self.column(name))
        return known

    def numbers(self, name: str) -> tuple[Floats, Bools]:
        """Values as numbers, 0 where there is none, and where there is one that is finite."""
        known = self._known.get(("numbers", name))
        if not isinstance(known, tuple):
            known = self._known["numbers", name] = numbers_of(self.column(name))
        return known

    def moments(self, name: str) -> tuple[Floats, Bools]:
        """Values as epoch seconds, and where there is such a value."""
        known = self._known.get(("moments", name))
        if not isinstance(known, tuple):
            known = self._known["moments", name] = moments_of(self.column(name))
        return known


def images_of(batch: TableBatch) -> Images:
    """The images after inserts, updates and of snapshots, in order of sequence number."""
    places = batch.after.rows
    events = batch.events
    at, received = micros_of(events["ts"])[places], micros_of(events["received"])[places]
    return Images(
        frame=batch.after,
        seq=np.asarray(events["seq"].cast(pl.Int64).to_numpy())[places],
        at=at,
        lag=received - at,
        op=first_bytes(events["op"])[places],
        backfill=batch.backfill,
    )


def text_of(column: pl.Series) -> pl.Series:
    """Values as text; null stays.

    >>> text_of(pl.Series([1.0, 2.5, None])).to_list()
    ['1', '2.5', None]
    """
    if column.dtype == pl.String:
        return column
    texts = column.cast(pl.String)
    if column.dtype != pl.Float64:
        return texts
    values = column.to_numpy()
    if not ((values == np.floor(values)) & (np.abs(values) < _WHOLE_BELOW)).any():
        return texts
    shortened = pc.replace_substring_regex(texts_of(texts), r"\.0$", "", max_replacements=1)
    return pl.Series(column.name, shortened)


def numbers_of(column: pl.Series) -> tuple[Floats, Bools]:
    """A column as float64, and where it holds finite numbers; texts such as "12.50" are numbers."""
    if column.dtype == pl.Boolean:
        return np.zeros(len(column)), np.zeros(len(column), dtype=np.bool_)
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    found = column.cast(pl.Float64, strict=False)
    values = found.fill_null(0.0).to_numpy() if found.null_count() else found.to_numpy()
    valid = not_null(found) & np.isfinite(values)
    return np.where(valid, values, 0.0), valid


def moments_of(column: pl.Series) -> tuple[Floats, Bools]:
    """A column as epoch seconds: ISO 8601 texts, or numbers of seconds, ms, µs told by size."""
    if column.dtype == pl.String:
        parsed = _iso(column)
        valid = not_null(parsed)
        return parsed.cast(pl.Int64).fill_null(0).to_numpy() / 1e6, valid
    values, valid = numbers_of(column)
    size = np.abs(values)
    scale = np.select([size < 1e11, size < 1e14, size < 1e17], [1.0, 1e3, 1e6], default=1e9)
    return values / scale, valid


def _iso(column: pl.Series) -> pl.Series:
    """ISO 8601 texts as Datetime[us]; what has no zone is UTC, what is none is null."""
    bare = column.str.strip_chars().str.replace(" ", "T", literal=True)
    bare = bare.str.replace(r"^(\d{4}-\d\d-\d\d)$", "${1}T00:00:00")
    bare = bare.str.replace(r"(?:Z|z|\+00(?::?00)?)$", "")
    plain = bare.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False, time_unit="us")
    rest = plain.is_null() & bare.is_not_null()
    if not rest.any():
        return plain
    zoned = bare.str.replace(r"([+-]\d\d)$", "${1}:00").str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.f%:z", strict=False, time_unit="us", time_zone="UTC"
    )
    return plain.fill_null(zoned.dt.replace_time_zone(None))


def matches(texts: pl.Series, pattern: str) -> Bools:
    """Where a text matches a pattern anywhere; false for null."""
    found = pc.match_substring_regex(texts_of(texts), pattern)
    return np.array(pc.fill_null(found, pa.scalar(value=False)))
