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
from datawatch_lab.metrics.numbers import (
    Bools,
    Exacts,
    Floats,
    decimal_array,
    integer_words,
    joined_words,
    sum_words,
)
from datawatch_lab.metrics.registers import FINE_BITS, registers_of
from datawatch_lab.metrics.sketch import bins_of

Series = NDArray[np.int32]

_BIN_BITS, _BIN_SHIFT = 20, 1 << 19  # bins lie within ±171,000
_RANK_BITS = 6
_WORDS = 4  # place of the exact sums among the columns of partial states


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
        bins: the quantile bin of each value, where it was worked out already.
    """

    series: Series
    event: Ints
    values: Floats | None
    words: Exacts | None = None
    exact: Bools | None = None
    weight: Ints | None = None
    bins: Ints | None = None

    def take(self, keep: Ints, series: Series) -> Rows:
        """Some of the rows, under other series."""
        return Rows(
            series,
            self.event[keep],
            None if self.values is None else self.values[keep],
            None if self.words is None else self.words[keep],
            None if self.exact is None else self.exact[keep],
            None if self.weight is None else self.weight[keep],
            None if self.bins is None else self.bins[keep],
        )


@dataclass(frozen=True)
class Runs:
    """Where each (series, second) begins and ends among the rows of a measure.

    Attributes:
        last: position of the event of each one's last row.
    """

    starts: Ints
    ends: Ints
    series: Series
    second: Ints
    last: Ints

    def take(self, places: Ints, series: Series) -> Runs:
        """Some of the runs, under other series; one may be taken several times."""
        return Runs(
            self.starts[places],
            self.ends[places],
            series,
            self.second[places],
            self.last[places],
        )


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
    columns = list(zip(*parts, strict=True))
    exacts = joined_words(columns.pop(_WORDS))
    series, second, n, total, exact, low, high, last, at, seq, valued = map(np.concatenate, columns)
    nothing = None if valued.all() else ~valued
    return pa.Table.from_arrays(
        [
            pa.array(series, pa.int32()),
            _seconds(second),
            pa.array(n, pa.int64()),
            pa.array(total, mask=nothing),
            decimal_array(exacts, exact),
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


def runs_of(events: Timed, event: Ints, series: Series) -> Runs:
    """The runs of rows that are in order of (series, event time); at least one row."""
    size = len(event)
    second = events.second[event]
    first = np.ones(size, dtype=np.bool_)
    np.not_equal(second[1:], second[:-1], out=first[1:])
    first[1:] |= series[1:] != series[:-1]
    starts = first.nonzero()[0]
    ends = np.append(starts[1:], size)
    return Runs(starts, ends, series[starts], second[starts], event[ends - 1])


def reduce(events: Timed, rows: Rows, sink: Sink, *, sketch: bool = False) -> Runs | None:
    """Add the partial states of ``rows`` to ``sink``, with quantile bins if asked.

    Returns:
        The runs, for further sketches; None when there are no rows.
    """
    if not len(rows.event):
        return None
    runs = runs_of(events, rows.event, rows.series)
    reduce_runs(events, rows, runs, sink, sketch=sketch)
    return runs


def reduce_runs(events: Timed, rows: Rows, runs: Runs, sink: Sink, *, sketch: bool = False) -> None:
    """The same for rows whose runs are known; their ``series`` is not looked at."""
    starts, ends = runs.starts, runs.ends
    count = ends - starts if rows.weight is None else np.add.reduceat(rows.weight, starts)
    _add_partials(events, runs, sink, count, _states(rows, runs), rows.values is not None)
    if sketch and rows.values is not None:
        bins = bins_of(rows.values).astype(np.int64) if rows.bins is None else rows.bins
        sink.bins.append(_bins(bins, runs))


def reduce_constant(events: Timed, runs: Runs, value: int, sink: Sink) -> None:
    """The same for rows that all have one value, 0 or 1."""
    size, count = len(runs.starts), runs.ends - runs.starts
    total = count * value
    same = np.full(size, float(value))
    words, exact = integer_words(total), np.ones(size, dtype=np.bool_)
    states = (total.astype(np.float64), words, exact, same, same, same)
    _add_partials(events, runs, sink, count, states, valued=True)


def _add_partials(
    events: Timed,
    runs: Runs,
    sink: Sink,
    count: Ints,
    states: tuple[np.ndarray, ...],
    valued: bool,  # noqa: FBT001 - said by each caller
) -> None:
    sink.partials.append(
        (
            runs.series,
            runs.second,
            count,
            *states,
            events.at[runs.last],
            events.seq[runs.last],
            np.full(len(runs.starts), valued),
        )
    )


def _states(rows: Rows, runs: Runs) -> tuple[np.ndarray, ...]:
    """sum, words and validity of the exact sum, min, max, last of each run; zeros for no values."""
    starts, values, size = runs.starts, rows.values, len(runs.starts)
    exact = np.zeros(size, dtype=np.bool_)
    words: Exacts = np.zeros(size, dtype=np.int64)
    if values is None:
        zeros = np.zeros(size)
        return zeros, words, exact, zeros, zeros, zeros
    if size == len(values):  # a row each
        if rows.words is not None and rows.exact is not None:
            words, exact = rows.words, rows.exact
        return values, words, exact, values, values, values
    if rows.words is not None and rows.exact is not None:
        words = sum_words(rows.words, starts)
        exact = (
            np.ones(size, dtype=np.bool_)
            if rows.exact.all()
            else np.logical_and.reduceat(rows.exact, starts)
        )
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


def _sorted(keys: Ints) -> Ints:
    """Keys of short runs that are in order, sorted; a merge sort has but the runs to sort."""
    return np.sort(keys, kind="stable")


def _bins(bins: Ints, runs: Runs) -> tuple[np.ndarray, ...]:
    keys = _sorted((_run_of_rows(runs) << _BIN_BITS) + (bins + _BIN_SHIFT))
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    counts = np.diff(starts, append=len(keys))
    keys = keys[starts]
    run = keys >> _BIN_BITS
    codes = (keys & ((1 << _BIN_BITS) - 1)) - _BIN_SHIFT
    return runs.series[run], runs.second[run], codes, counts


def add_registers(runs: Runs, hashes: NDArray[np.uint64], sink: Sink) -> None:
    """Add the distinct sketches of rows, given the runs that `reduce` found and a hash a row."""
    register, rank = registers_of(hashes)
    keys = (_run_of_rows(runs) << FINE_BITS) + register
    keys = _sorted((keys << _RANK_BITS) + rank)
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
