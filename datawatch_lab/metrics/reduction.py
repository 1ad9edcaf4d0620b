"""From rows of a measure to partial states: one pass over arrays that are in order of bucket."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from datawatch_lab.core.batches import (
    BIN_SCHEMA,
    PARTIAL_SCHEMA,
    REGISTER_SCHEMA,
    MeasureAppends,
)
from datawatch_lab.metrics.images import Events, Ints
from datawatch_lab.metrics.numbers import Bools, Floats, Words, decimal_array, sum_words
from datawatch_lab.metrics.sketch import bins_of, registers_of

Series = NDArray[np.int32]

_BIN_BITS, _BIN_SHIFT = 20, 1 << 19  # bins lie within ±171,000
_REGISTER_BITS, _RANK_BITS = 14, 6


@dataclass(frozen=True)
class Rows:
    """Rows of a measure, in order of (series, event time, sequence number); arrays are parallel.

    Attributes:
        series: series id of each row.
        event: position of the row's event.
        values: value of each row; None where rows are only counted.
        words, exact: the exact values, see `numbers.Numbers`; None where there are none.
    """

    series: Series
    event: Ints
    values: Floats | None
    words: Words | None = None
    exact: Bools | None = None

    def take(self, keep: Ints, series: Series) -> Rows:
        """Some of the rows, under other series."""
        return Rows(
            series,
            self.event[keep],
            None if self.values is None else self.values[keep],
            None if self.words is None else self.words[keep],
            None if self.exact is None else self.exact[keep],
        )


@dataclass
class Sink:
    """Collects what the measures of a batch come to, as columns."""

    partials: list[pa.RecordBatch] = field(default_factory=list)
    bins: list[pa.RecordBatch] = field(default_factory=list)
    registers: list[pa.RecordBatch] = field(default_factory=list)

    def appends(self) -> MeasureAppends:
        """Everything collected."""
        return MeasureAppends(
            partials=pa.Table.from_batches(self.partials, PARTIAL_SCHEMA),
            bins=pa.Table.from_batches(self.bins, BIN_SCHEMA),
            registers=pa.Table.from_batches(self.registers, REGISTER_SCHEMA),
        )


def reduce(events: Events, rows: Rows, sink: Sink, *, sketch: bool = False) -> Ints:
    """Add the partial states of ``rows`` to ``sink``, with quantile bins if asked.

    Returns:
        Where each (series, second) begins among the rows.
    """
    size = len(rows.event)
    if not size:
        return np.empty(0, dtype=np.int64)
    second = events.second[rows.event]
    change = (second[1:] != second[:-1]) | (rows.series[1:] != rows.series[:-1])
    starts = np.flatnonzero(np.r_[True, change])
    ends = np.r_[starts[1:], size]
    last = rows.event[ends - 1]
    series, bucket = rows.series[starts], second[starts]
    sink.partials.append(
        pa.record_batch(
            [
                pa.array(series, pa.int32()),
                _seconds(bucket),
                pa.array(ends - starts, pa.int64()),
                *_states(rows, starts, ends),
                pa.array(events.at[last]).cast(pa.timestamp("us")),
                pa.array(events.seq[last], pa.int64()),
            ],
            schema=PARTIAL_SCHEMA,
        )
    )
    if sketch and rows.values is not None:
        sink.bins.append(_bins(rows.values, starts, ends, series, bucket))
    return starts


def _states(rows: Rows, starts: Ints, ends: Ints) -> list[pa.Array]:
    """sum, exact, min, max, last of each run."""
    runs, values = len(starts), rows.values
    if values is None:
        nothing = pa.nulls(runs, pa.float64())
        return [nothing, pa.nulls(runs, pa.decimal128(38, 9)), nothing, nothing, nothing]
    exact = pa.nulls(runs, pa.decimal128(38, 9))
    if rows.words is not None and rows.exact is not None:
        valid = np.logical_and.reduceat(rows.exact, starts)
        exact = decimal_array(sum_words(rows.words, starts), valid)
    return [
        pa.array(np.add.reduceat(values, starts)),
        exact,
        pa.array(np.minimum.reduceat(values, starts)),
        pa.array(np.maximum.reduceat(values, starts)),
        pa.array(values[ends - 1]),
    ]


def _seconds(bucket: Ints) -> pa.Array:
    return pa.array(bucket * 1_000_000).cast(pa.timestamp("us"))


def _run_of(starts: Ints, ends: Ints) -> Ints:
    return np.repeat(np.arange(len(starts)), ends - starts)


def _bins(values: Floats, starts: Ints, ends: Ints, series: Series, bucket: Ints) -> pa.RecordBatch:
    keys = (_run_of(starts, ends) << _BIN_BITS) + (bins_of(values).astype(np.int64) + _BIN_SHIFT)
    keys, counts = np.unique(keys, return_counts=True)
    run = keys >> _BIN_BITS
    codes = (keys & ((1 << _BIN_BITS) - 1)) - _BIN_SHIFT
    return pa.record_batch(
        [
            pa.array(series[run], pa.int32()),
            _seconds(bucket[run]),
            pa.array(codes.astype(np.int32)),
            pa.array(counts.astype(np.int64)),
        ],
        schema=BIN_SCHEMA,
    )


def add_registers(
    events: Events, rows: Rows, starts: Ints, hashes: NDArray[np.uint64], sink: Sink
) -> None:
    """Add the distinct sketches of ``rows``; ``starts`` is what `reduce` gave for them."""
    if not len(starts):
        return
    ends = np.r_[starts[1:], len(rows.event)]
    register, rank = registers_of(hashes)
    keys = (_run_of(starts, ends) << _REGISTER_BITS) + register
    keys = np.sort((keys << _RANK_BITS) + rank)
    top = np.flatnonzero(np.r_[(keys[1:] >> _RANK_BITS) != (keys[:-1] >> _RANK_BITS), True])
    keys = keys[top]
    place = keys >> _RANK_BITS
    run = place >> _REGISTER_BITS
    sink.registers.append(
        pa.record_batch(
            [
                pa.array(rows.series[starts][run], pa.int32()),
                _seconds(events.second[rows.event[starts]][run]),
                pa.array((place & ((1 << _REGISTER_BITS) - 1)).astype(np.int16)),
                pa.array((keys & ((1 << _RANK_BITS) - 1)).astype(np.int8)),
            ],
            schema=REGISTER_SCHEMA,
        )
    )
