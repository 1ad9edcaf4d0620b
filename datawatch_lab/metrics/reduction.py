"""From rows of a measure to partial states: one pass over arrays that are in order of bucket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from datawatch_lab.core.batches import (
    BIN_SCHEMA,
    PARTIAL_SCHEMA,
    REGISTER_SCHEMA,
    MeasureAppends,
)
from datawatch_lab.metrics.images import Ints
from datawatch_lab.metrics.numbers import Bools, Floats, Words, decimal_array, sum_words
from datawatch_lab.metrics.registers import FINE_BITS, registers_of
from datawatch_lab.metrics.sketch import bins_of

Series = NDArray[np.int32]

_BIN_BITS, _BIN_SHIFT = 20, 1 << 19  # bins lie within ±171,000
_RANK_BITS = 6


class Timed(Protocol):
    """Things that happened, in order of (event time, sequence number); arrays are parallel."""

    @property
    def at(self) -> Ints:
        """Event time, epoch µs."""
        ...

    @property
    def second(self) -> Ints:
        """Epoch second that it falls into."""
        ...

    @property
    def seq(self) -> Ints:
        """Sequence number."""
        ...


@dataclass(frozen=True)
class Rows:
    """Rows of a measure, in order of (series, event time, sequence number); arrays are parallel.

    Attributes:
        series: series id of each row.
        event: position of the row's event.
        values: value of each row; None where rows are only counted.
        words, exact: the exact values, see `numbers.Numbers`; None where there are none.
        weight: how many rows each counts for, -1 for one that is taken back; None for 1 each.
    """

    series: Series
    event: Ints
    values: Floats | None
    words: Words | None = None
    exact: Bools | None = None
    weight: Ints | None = None

    def take(self, keep: Ints, series: Series) -> Rows:
        """Some of the rows, under other series."""
        return Rows(
            series,
            self.event[keep],
            None if self.values is None else self.values[keep],
            None if self.words is None else self.words[keep],
            None if self.exact is None else self.exact[keep],
            None if self.weight is None else self.weight[keep],
        )


@dataclass(frozen=True)
class Runs:
    """Where each (series, second) begins and ends among the rows of a measure."""

    starts: Ints
    ends: Ints
    series: Series
    second: Ints


@dataclass
class Sink:
    """Collects what the measures of a batch come to: tuples of columns, made into tables once."""

    partials: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    bins: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    registers: list[tuple[np.ndarray, ...]] = field(default_factory=list)

    def appends(self) -> MeasureAppends:
        """Everything collected, as the schemas of `core.batches` say."""
        return MeasureAppends(
            partials=_partial_table(self.partials),
            bins=_sketch_table(self.bins, BIN_SCHEMA),
            registers=_sketch_table(self.registers, REGISTER_SCHEMA),
        )


def _partial_table(parts: list[tuple[np.ndarray, ...]]) -> pa.Table:
    if not parts:
        return PARTIAL_SCHEMA.empty_table()
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    series, second, n, total, words, exact, low, high, last, at, seq, valued = columns
    nothing = None if valued.all() else ~valued
    return pa.Table.from_arrays(
        [
            pa.array(series, pa.int32()),
            _seconds(second),
            pa.array(n, pa.int64()),
            pa.array(total, mask=nothing),
            decimal_array(words, exact),
            *(pa.array(values, mask=nothing) for values in (low, high, last)),
            pa.array(at).view(pa.timestamp("us")),
            pa.array(seq, pa.int64()),
        ],
        schema=PARTIAL_SCHEMA,
    )


def _sketch_table(parts: list[tuple[np.ndarray, ...]], schema: pa.Schema) -> pa.Table:
    if not parts:
        return schema.empty_table()
    series, second, place, count = (np.concatenate(column) for column in zip(*parts, strict=True))
    types = schema.types
    return pa.Table.from_arrays(
        [
            pa.array(series, types[0]),
            _seconds(second),
            pa.array(place.astype(types[2].to_pandas_dtype()), types[2]),
            pa.array(count.astype(types[3].to_pandas_dtype()), types[3]),
        ],
        schema=schema,
    )


def _seconds(second: Ints) -> pa.Array:
    return pa.array(second * 1_000_000).view(pa.timestamp("us"))


def reduce(events: Timed, rows: Rows, sink: Sink, *, sketch: bool = False) -> Runs | None:
    """Add the partial states of ``rows`` to ``sink``, with quantile bins if asked.

    Returns:
        The runs, for further sketches; None when there are no rows.
    """
    size = len(rows.event)
    if not size:
        return None
    second = events.second[rows.event]
    first = np.ones(size, dtype=np.bool_)
    np.not_equal(second[1:], second[:-1], out=first[1:])
    first[1:] |= rows.series[1:] != rows.series[:-1]
    starts = first.nonzero()[0]
    ends = np.append(starts[1:], size)
    runs = Runs(starts, ends, rows.series[starts], second[starts])
    last = rows.event[ends - 1]
    sink.partials.append(
        (
            runs.series,
            runs.second,
            ends - starts if rows.weight is None else np.add.reduceat(rows.weight, starts),
            *_states(rows, runs),
            events.at[last],
            events.seq[last],
            np.full(len(starts), rows.values is not None),
        )
    )
    if sketch and rows.values is not None:
        sink.bins.append(_bins(rows.values, runs))
    return runs


def _states(rows: Rows, runs: Runs) -> tuple[np.ndarray, ...]:
    """sum, words and validity of the exact sum, min, max, last of each run; zeros for no values."""
    starts, values, size = runs.starts, rows.values, len(runs.starts)
    words, exact = np.zeros((size, 4), dtype=np.uint32), np.zeros(size, dtype=np.bool_)
    if values is None:
        zeros = np.zeros(size)
        return zeros, words, exact, zeros, zeros, zeros
    if rows.words is not None and rows.exact is not None:
        words = sum_words(rows.words, starts)
        exact = np.logical_and.reduceat(rows.exact, starts)
    with np.errstate(over="ignore"):  # a sum beyond the doubles is infinite
        total = np.add.reduceat(values, starts)
    return (
        total,
        words,
        exact,
        np.minimum.reduceat(values, starts),
        np.maximum.reduceat(values, starts),
        values[runs.ends - 1],
    )


def _run_of_rows(runs: Runs) -> Ints:
    return np.repeat(np.arange(len(runs.starts)), runs.ends - runs.starts)


def _bins(values: Floats, runs: Runs) -> tuple[np.ndarray, ...]:
    keys = (_run_of_rows(runs) << _BIN_BITS) + (bins_of(values).astype(np.int64) + _BIN_SHIFT)
    keys, counts = np.unique(keys, return_counts=True)
    run = keys >> _BIN_BITS
    codes = (keys & ((1 << _BIN_BITS) - 1)) - _BIN_SHIFT
    return runs.series[run], runs.second[run], codes, counts


def add_registers(runs: Runs, hashes: NDArray[np.uint64], sink: Sink) -> None:
    """Add the distinct sketches of rows, given the runs that `reduce` found and a hash a row."""
    register, rank = registers_of(hashes)
    keys = (_run_of_rows(runs) << FINE_BITS) + register
    keys = np.sort((keys << _RANK_BITS) + rank)
    place = keys >> _RANK_BITS
    top = np.append(place[1:] != place[:-1], True)  # the highest rank of each register is last
    keys, place = keys[top], place[top]
    run = place >> FINE_BITS
    sink.registers.append(
        (
            runs.series[run],
            runs.second[run],
            place & ((1 << FINE_BITS) - 1),
            keys & ((1 << _RANK_BITS) - 1),
        )
    )
