"""One batch laid out for reduction: events in order of time, and the columns of their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow.compute as pc
from numpy.typing import NDArray

from datawatch_lab.core.batches import RowFrame, TableBatch
from datawatch_lab.core.columns import micros_of, not_null, texts_of
from datawatch_lab.metrics.book import MISSING, NULL
from datawatch_lab.metrics.numbers import Bools, Floats, Numbers, moments_of, numbers_of

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]

_WHOLE_BELOW = 1e15  # whole floats from here on keep their form

NOWHERE = -1
"""Position of an image that an event does not have; code of a field that an image does not have."""


@dataclass(frozen=True)
class Frame:
    """The images of one side (before or after), with what was worked out about their columns."""

    rows: RowFrame
    _numbers: dict[str, Numbers] = field(default_factory=dict)
    _moments: dict[str, tuple[Floats, Bools]] = field(default_factory=dict)

    @property
    def height(self) -> int:
        """Images."""
        return len(self.rows.rows)

    def present(self, name: str) -> Bools:
        """Where an image has the field at all, null or not."""
        if name not in self.rows.columns.columns:
            return np.zeros(self.height, dtype=np.bool_)
        absent = self.rows.absent.get(name)
        if absent is None:
            return np.ones(self.height, dtype=np.bool_)
        return ~absent.to_numpy()

    def everywhere(self, name: str) -> bool:
        """Whether every image has the field, null or not."""
        return name in self.rows.columns.columns and name not in self.rows.absent

    def whole(self, name: str) -> bool:
        """Whether every image has the field with a value that is not null."""
        return self.everywhere(name) and not self.rows.columns[name].null_count()

    def filled(self, name: str) -> Bools:
        """Where an image has the field with a value that is not null."""
        present = self.present(name)
        if not present.any() or not self.rows.columns[name].null_count():
            return present
        return present & not_null(self.rows.columns[name])

    def column(self, name: str) -> pl.Series:
        """The column; of nulls when no image has it."""
        if name in self.rows.columns.columns:
            return self.rows.columns[name]
        return pl.Series(name, [None], dtype=pl.String).new_from_index(0, self.height)

    def numbers(self, name: str) -> Numbers:
        """The column as numbers."""
        if name not in self._numbers:
            self._numbers[name] = numbers_of(self.column(name))
        return self._numbers[name]

    def moments(self, name: str) -> tuple[Floats, Bools]:
        """The column as epoch seconds, and where there is one."""
        if name not in self._moments:
            self._moments[name] = moments_of(self.column(name))
        return self._moments[name]


@dataclass(frozen=True)
class LabelCodes:
    """A label field over a batch.

    Attributes:
        values: label values by code.
        after, before: code of each event's image; `NOWHERE` where there is no image or no field.
    """

    values: list[str]
    after: Codes
    before: Codes

    def of_events(self) -> tuple[list[str], Codes]:
        """Label of each event: from its after image, else its before image, else ``(missing)``."""
        return [*self.values, MISSING], codes_of_events(self.after, self.before, len(self.values))


def codes_of_events(after: Codes, before: Codes, missing: int) -> Codes:
    """Label of each event: that of its after image, else its before image, else ``missing``."""
    codes = np.where(after == NOWHERE, before, after)
    return np.where(codes == NOWHERE, np.int32(missing), codes)


@dataclass(frozen=True)
class Events:
    """Events of one table in order of (event time, sequence number); arrays are parallel.

    Attributes:
        op: first byte of the operation.
        at: event time, epoch µs.
        second: epoch second that it falls into.
        seq: sequence number.
        lag: received minus event time, µs.
        after_at, before_at: where the event's image stands in ``after`` and ``before``, or
            `NOWHERE`.
    """

    op: NDArray[np.uint8]
    at: Ints
    second: Ints
    seq: Ints
    lag: Ints
    after: Frame
    before: Frame
    after_at: Ints
    before_at: Ints
    _labels: dict[str, LabelCodes] = field(default_factory=dict)
    _having: dict[tuple[str, ...], Ints] = field(default_factory=dict)
    _imaged: dict[tuple[str, ...], tuple[Ints, Ints]] = field(default_factory=dict)

    def having(self, *ops: str) -> Ints:
        """Positions of events with one of these operations."""
        if ops not in self._having:
            wanted = np.zeros(len(self.op), dtype=np.bool_)
            for op in ops:
                wanted |= self.op == ord(op)
            self._having[ops] = np.flatnonzero(wanted)
        return self._having[ops]

    def imaged(self, *ops: str) -> tuple[Ints, Ints]:
        """Positions of those that have an image after, and of their images."""
        if ops not in self._imaged:
            event = self.having(*ops)
            at = self.after_at[event]
            there = at != NOWHERE
            self._imaged[ops] = (event, at) if there.all() else (event[there], at[there])
        return self._imaged[ops]

    def labels(self, name: str) -> LabelCodes:
        """The field as label codes."""
        if name not in self._labels:
            self._labels[name] = _label_codes(self, name)
        return self._labels[name]


def lay_out(batch: TableBatch) -> Events:
    """Put a batch in order of time; images stay where they are."""
    events = batch.events
    at = micros_of(events["ts"])
    seq = events["seq"].cast(pl.Int64).to_numpy()
    received = micros_of(events["received"])
    op = batch.codes
    after_at = _places(batch.after, len(at))
    before_at = _places(batch.before, len(at))
    if not bool(np.all((at[1:] > at[:-1]) | ((at[1:] == at[:-1]) & (seq[1:] > seq[:-1])))):
        order = np.lexsort((seq, at))
        at, seq, received, op = at[order], seq[order], received[order], op[order]
        after_at, before_at = after_at[order], before_at[order]
    return Events(
        op=op,
        at=at,
        second=at // 1_000_000,
        seq=seq,
        lag=received - at,
        after=Frame(batch.after),
        before=Frame(batch.before),
        after_at=after_at,
        before_at=before_at,
    )


def _places(frame: RowFrame, events: int) -> Ints:
    places = np.full(events, NOWHERE, dtype=np.int64)
    places[frame.rows] = np.arange(len(frame.rows))
    return places


def _label_codes(events: Events, name: str) -> LabelCodes:
    values, codes = encode_labels([(events, name)])
    return LabelCodes(values, *codes[0])


def encode_labels(
    fields: Sequence[tuple[Events, str]],
) -> tuple[list[str], list[tuple[Codes, Codes]]]:
    """A label field of each of several batches, as codes of one list of values.

    Returns:
        Label values by code; and for each field the code of each event's image after and before,
        `NOWHERE` where there is no image or no field.
    """
    columns = [
        side.column(name) for events, name in fields for side in (events.after, events.before)
    ]
    values, codes = _encoded(columns)
    found = []
    for place, (events, name) in enumerate(fields):
        after, before = codes[2 * place], codes[2 * place + 1]
        after[~events.after.present(name)] = NOWHERE
        before[~events.before.present(name)] = NOWHERE
        found.append((_at(after, events.after_at), _at(before, events.before_at)))
    return values, found


def _encoded(columns: Sequence[pl.Series]) -> tuple[list[str], list[Codes]]:
    """Columns as codes of their label texts; those of one type are written and told at once."""
    by_type: dict[pl.DataType, list[int]] = {}
    for place, column in enumerate(columns):
        by_type.setdefault(column.dtype, []).append(place)
    values: list[str] = []
    codes: list[Codes] = [np.empty(0, dtype=np.int32)] * len(columns)
    for places in by_type.values():
        column = pl.concat([columns[place].alias("") for place in places], rechunk=True)
        encoded = label_texts(column).to_arrow().dictionary_encode(null_encoding="encode")
        numbers = np.asarray(encoded.indices).astype(np.int32) + np.int32(len(values))
        values += [NULL if text is None else text for text in encoded.dictionary.to_pylist()]
        ends = np.cumsum([len(columns[place]) for place in places])
        for place, part in zip(places, np.split(numbers, ends[:-1]), strict=True):
            codes[place] = part
    once = {value: code for code, value in enumerate(dict.fromkeys(values))}
    if len(once) < len(values):  # a value of several types
        own = np.array([once[value] for value in values], dtype=np.int32)
        codes = [own[each] for each in codes]
    return list(once), codes


def _at(codes: Codes, places: Ints) -> Codes:
    """Code of the image at each place; `NOWHERE` for no image."""
    return np.append(codes, np.int32(NOWHERE))[places]


def label_texts(column: pl.Series) -> pl.Series:
    """Values as label texts: whole floats as integers, booleans as true and false; null stays."""
    if column.dtype != pl.Float64:
        return column if column.dtype == pl.String else column.cast(pl.String)
    texts = column.cast(pl.String)
    values = column.to_numpy()
    if not ((values == np.floor(values)) & (np.abs(values) < _WHOLE_BELOW)).any():
        return texts
    shortened = pc.replace_substring_regex(texts_of(texts), r"\.0$", "", max_replacements=1)
    return pl.Series(column.name, shortened)
