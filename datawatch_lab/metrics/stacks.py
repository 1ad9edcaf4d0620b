"""Batches of many tables one after another, so that a measure's rows are worked out once for all.

A call of numpy, polars or Arrow costs some microseconds however short the column is. With hundreds
of tables of a few rows each that is all there is. So rows of all measures of a kind stand in one
long set of arrays, a *segment* a measure (and fixed labels) of one batch, and are converted, sorted
and reduced together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.core.values import MeasureDef
from datawatch_lab.metrics.book import MISSING, Labels, SeriesBook, label_name
from datawatch_lab.metrics.images import (
    NOWHERE,
    Codes,
    Events,
    Ints,
    codes_of_events,
    encode_labels,
)
from datawatch_lab.metrics.reduction import Series

_RADIX_BELOW = 2**15  # int16 sorts by radix


@dataclass(frozen=True)
class Part:
    """One batch of a stack.

    Attributes:
        number: its place in the stack.
        start: where its events begin there.
        measures: those to derive.
        fields: label fields that `changes` and `value` measures are split by.
        totals: whether series that are not split are wanted.
        backfill: whether the batch brings the past on purpose, which is no lag.
    """

    number: int
    start: int
    events: Events
    measures: Sequence[MeasureDef]
    fields: tuple[str, ...]
    totals: bool
    backfill: bool


@dataclass(frozen=True)
class Segment:
    """Rows of one measure of one part, all with some labels the same."""

    part: Part
    measure: MeasureDef
    fixed: Labels = ()


@dataclass(frozen=True)
class Stack:
    """The events of all parts, of each in order of (event time, sequence number).

    Attributes:
        parts: at least one, each of another table.
    """

    parts: Sequence[Part]
    _codes: dict[int, tuple[list[str], Codes]] = field(default_factory=dict)

    @cached_property
    def at(self) -> Ints:
        """Event time, epoch µs."""
        return np.concatenate([each.events.at for each in self.parts])

    @cached_property
    def second(self) -> Ints:
        """Epoch second that it falls into."""
        return np.concatenate([each.events.second for each in self.parts])

    @cached_property
    def seq(self) -> Ints:
        """Sequence number."""
        return np.concatenate([each.events.seq for each in self.parts])

    @cached_property
    def lag(self) -> Ints:
        """Received minus event time, µs."""
        return np.concatenate([each.events.lag for each in self.parts])

    def labels(self, place: int) -> tuple[list[str], Codes]:
        """The label at one place among the fields of each part.

        Returns:
            Label values by code, and the code of each event; `NOWHERE` for events of parts with
            fewer labels.
        """
        if place not in self._codes:
            split = [each for each in self.parts if place < len(each.fields)]
            values, found = encode_labels([(each.events, each.fields[place]) for each in split])
            codes = np.full(len(self.at), NOWHERE, dtype=np.int32)
            for part, sides in zip(split, found, strict=True):
                mine = slice(part.start, part.start + len(part.events.at))
                codes[mine] = codes_of_events(*sides, len(values))
            self._codes[place] = [*values, MISSING], codes
        return self._codes[place]


@dataclass(frozen=True)
class Lot:
    """Rows of several segments; arrays are parallel.

    Attributes:
        segments: of the rows.
        segment: which one each row belongs to, ascending.
        event: position of the row's event in the stack, ascending within a segment.
    """

    stack: Stack
    segments: Sequence[Segment]
    segment: Ints
    event: Ints

    def total(self, book: SeriesBook) -> Series:
        """The series of each row that is not split; made only where there are rows."""
        ids = np.zeros(len(self.segments), dtype=np.int32)
        for number in np.flatnonzero(self._counts).tolist():
            segment = self.segments[number]
            ids[number] = book.series(segment.measure.id, segment.fixed)
        return ids[self.segment]

    @cached_property
    def totals(self) -> NDArray[np.bool_]:
        """Rows of parts that want series which are not split."""
        wanted = np.fromiter(
            (each.part.totals for each in self.segments), np.bool_, len(self.segments)
        )
        return wanted[self.segment]

    @cached_property
    def _counts(self) -> Ints:
        return np.bincount(self.segment, minlength=len(self.segments))

    def take(self, keep: NDArray[np.bool_]) -> Lot:
        """The rows where ``keep`` is true."""
        if keep.all():
            return self
        return Lot(self.stack, self.segments, self.segment[keep], self.event[keep])

    def splits(self, book: SeriesBook) -> Iterator[tuple[Ints, Series]]:
        """For each label of the parts: rows in order of (series, time), and their series.

        New label values enter the book in order of sequence number.
        """
        for place in range(max((len(each.part.fields) for each in self.segments), default=0)):
            values, codes = self.stack.labels(place)
            code = codes[self.event]
            rows = np.flatnonzero(code != NOWHERE)
            if len(rows):
                width = len(values)
                key = self.segment[rows] * width + code[rows]
                yield self._split(book, (place, values), rows, key, width)

    def _split(
        self,
        book: SeriesBook,
        label: tuple[int, list[str]],
        rows: Ints,
        key: Ints,
        width: int,
    ) -> tuple[Ints, Series]:
        place, values = label
        narrow = key.astype(np.int16) if len(self.segments) * width < _RADIX_BELOW else key
        order = np.argsort(narrow, kind="stable")
        rows, key = rows[order], key[order]
        starts = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
        first = np.minimum.reduceat(self.stack.seq[self.event[rows]], starts)
        ids = np.zeros(len(starts), dtype=np.int32)
        pairs = key[starts].tolist()
        for number in np.argsort(first, kind="stable").tolist():
            at, code = divmod(pairs[number], width)
            segment = self.segments[at]
            name = label_name(segment.part.fields[place])
            labels = (values[code],)
            (ids[number],) = book.split(segment.measure.id, segment.fixed, name, labels)
        series = np.repeat(ids, np.diff(starts, append=len(key)))
        if len(np.unique(ids)) < len(ids):  # several values in one series
            order = np.lexsort((rows, series))
            rows, series = rows[order], series[order]
        return rows, series


def lot_of(stack: Stack, segments: Sequence[Segment], events: Sequence[Ints]) -> Lot:
    """Rows of segments, given the positions of their events in their own parts."""
    lengths = [len(each) for each in events]
    starts = np.repeat([each.part.start for each in segments], lengths)
    return Lot(
        stack,
        segments,
        np.repeat(np.arange(len(segments)), lengths),
        np.concatenate(events) + starts,
    )


def joined(lots: Sequence[Lot]) -> Lot:
    """Lots of one stack, at least one, as one."""
    if len(lots) == 1:
        return lots[0]
    starts = np.cumsum([0, *(len(each.segments) for each in lots[:-1])]).tolist()
    return Lot(
        lots[0].stack,
        [segment for each in lots for segment in each.segments],
        np.concatenate([each.segment + start for each, start in zip(lots, starts, strict=True)]),
        np.concatenate([each.event for each in lots]),
    )
