"""Measures of the current state: from transitions of rows to partial states.

A transition that a late event took back has weight -1: what it once added is subtracted again, in
the same bucket, rows as well as values. So the states do not depend on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.core.batches import MeasureAppends, Transitions
from datawatch_lab.core.values import MeasureDef, MeasureKind
from datawatch_lab.metrics.book import SeriesBook, label_name
from datawatch_lab.metrics.images import Ints
from datawatch_lab.metrics.numbers import (
    Bools,
    Exacts,
    Floats,
    Numbers,
    integer_words,
    joined_words,
    negate_words,
    numbers_of,
    sum_words,
    words_as_floats,
)
from datawatch_lab.metrics.reduction import Rows, Series, Sink, reduce, reduce_constant, runs_of
from datawatch_lab.metrics.transitions import (
    CURRENT,
    NO_STATE,
    Moves,
    Segments,
    Steps,
    Task,
    moves_of,
    parts_of,
    places_before,
    rows_of,
    sides_of,
    stacked,
)

__all__ = ["CURRENT", "Task", "derive_all_current", "derive_current"]

_NEVER = np.iinfo(np.int64).max
_FEW_KEYS = 1 << 16
"""Keys that are looked up in an array of all that may be."""


def derive_current(
    transitions: Transitions, measures: Sequence[MeasureDef], book: SeriesBook
) -> MeasureAppends:
    """`derive_all_current` of one table."""
    return derive_all_current([Task(transitions, measures)], book)


def derive_all_current(tasks: Sequence[Task], book: SeriesBook) -> MeasureAppends:
    """What transitions add to the measures of the current state, at level 1s.

    Args:
        tasks: each of another table.
        book: known series; gets the new ones as pending.
    """
    sink = Sink()
    parts = list(parts_of(tasks))
    if parts:
        steps = stacked(parts)
        _rows(steps, book, sink)
        _states(steps, book, sink)
        _net(steps, book, sink)
    return sink.appends()


def _rows(steps: Steps, book: SeriesBook, sink: Sink) -> None:
    segments = steps.of(MeasureKind.ROWS)
    if not segments:
        return
    segment, event = rows_of(segments)
    moved = steps.had[event] != steps.has[event]
    if not moved.all():
        segment, event = segment[moved], event[moved]
    sign = np.where(steps.has[event], 1, -1)
    _add(steps, event, sign, _totals(segments, segment, book), sink)


def _states(steps: Steps, book: SeriesBook, sink: Sink) -> None:
    """Rows in each state, and rows that go from one to another, most often of the same fields."""
    states, transitions = steps.of(MeasureKind.STATE), steps.of(MeasureKind.TRANSITION)
    moves = None
    if states:
        moves = moves_of(steps, states)
        _state(steps, states, moves, book, sink)
    if transitions:
        if moves is None or not _same_fields(states, transitions):
            moves = moves_of(steps, transitions)
        _transition(steps, transitions, moves, book, sink)


def _same_fields(first: Segments, second: Segments) -> bool:
    fields = [[(part.start, measure.field) for part, measure in each] for each in (first, second)]
    return fields[0] == fields[1]


def _state(steps: Steps, segments: Segments, moves: Moves, book: SeriesBook, sink: Sink) -> None:
    """Rows enter and leave states; one that stays in its state is no row of the measure."""
    moved = np.flatnonzero(moves.old != moves.new)
    sides = np.column_stack([moves.old[moved], moves.new[moved]]).ravel()
    there = np.flatnonzero(sides != NO_STATE)  # of each move what it leaves, then what it enters
    row, codes = moved[there >> 1], sides[there]
    sign = ((there & 1) << 1) - 1
    event, width = moves.event[row], len(moves.values)

    def series_of(key: int) -> int:
        at, code = divmod(key, width)
        measure = segments[at][1]
        value = moves.values[code]
        (found,) = book.split(measure.id, (), label_name(measure.field), (value,))
        return found

    series = _series(moves.segment[row] * width + codes, steps.seq[event], series_of)
    _add(steps, event, sign, series, sink)


def _transition(
    steps: Steps, segments: Segments, moves: Moves, book: SeriesBook, sink: Sink
) -> None:
    changed = (moves.old != moves.new) & (moves.old != NO_STATE) & (moves.new != NO_STATE)
    row = np.flatnonzero(changed)
    old, new, width = moves.old[row].astype(np.int64), moves.new[row], len(moves.values)
    event = moves.event[row]

    def series_of(key: int) -> int:
        rest, target = divmod(key, width)
        at, source = divmod(rest, width)
        labels = (("from", moves.values[source]), ("to", moves.values[target]))
        return book.combination(segments[at][1].id, labels)

    key = (moves.segment[row] * width + old) * width + new
    series = _series(key, steps.seq[event], series_of)
    _add(steps, event, np.ones(len(event), dtype=np.int64), series, sink)


def _net(steps: Steps, book: SeriesBook, sink: Sink) -> None:
    """New minus old, where a number stands on either side; nothing counts as 0."""
    segments = steps.of(MeasureKind.NET)
    if not segments:
        return
    columns, order = sides_of(segments)
    segment, event = rows_of(segments)
    both = _numbers(columns)
    half = len(both.values) - len(order)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    before = place[places_before(segments)]
    change = _change(both, before, half + order, steps.has[event])
    if not len(change.row):
        return
    event, segment = event[change.row], segment[change.row]
    weight = steps.weight[event]
    values, words = change.values, change.words
    if not steps.counts_once:
        back = weight < 0
        values = np.where(back, -values, values)
        words[back] = negate_words(words[back])
    series = _totals(segments, segment, book)
    once = None if steps.counts_once else weight
    reduce(steps, Rows(series, event, values, words, change.exact, once), sink)


@dataclass(frozen=True)
class _Change:
    """By how much numbers changed; arrays are parallel.

    Attributes:
        row: where a number stands on either side, ascending.
        values, words, exact: new minus old, as in `Numbers`.
    """

    row: Ints
    values: Floats
    words: Exacts
    exact: Bools


def _change(both: Numbers, before: Ints, after: Ints, has: Bools) -> _Change:
    """New minus old.

    Args:
        both: numbers on either side.
        before: the rows of the first of them, which are those before.
        after: where the number after each row stands.
        has: where there is a row after.
    """
    old = np.flatnonzero(both.valid[: len(before)])
    new = np.flatnonzero(both.valid[after] & has)
    if both.words.ndim == 1:
        return _small_change(both, (before[old], old), (new, after[new]))
    row, place = np.concatenate([before[old], new]), np.concatenate([old, after[new]])
    order = np.argsort(row, kind="stable")
    values = both.values[place]
    words = both.words[place]
    values[: len(old)] *= -1
    words[: len(old)] = negate_words(words[: len(old)])
    row, values, words, exact = (each[order] for each in (row, values, words, both.exact[place]))
    starts = np.flatnonzero(np.append(True, row[1:] != row[:-1]))[: len(row)]
    words, exact = sum_words(words, starts), np.logical_and.reduceat(exact, starts)
    # new - old of large numbers loses digits as doubles, so it is taken exactly if it can be
    values = np.where(exact, words_as_floats(words), np.add.reduceat(values, starts))
    return _Change(row[starts], values, words, exact)


def _small_change(both: Numbers, old: tuple[Ints, Ints], new: tuple[Ints, Ints]) -> _Change:
    """The same where all numbers are exact and below 10^9, so that 64 bits hold a difference.

    Args:
        both: numbers on either side.
        old: rows with a number before, and where it stands.
        new: rows with a number after, and where it stands.
    """
    size = int(max(old[0].max(initial=-1), new[0].max(initial=-1))) + 1
    there = np.zeros(size, dtype=np.bool_)
    words: Ints = np.zeros(size, dtype=np.int64)
    there[new[0]] = there[old[0]] = True
    words[new[0]] = both.words[new[1]]
    words[old[0]] -= both.words[old[1]]
    row = np.flatnonzero(there)
    if len(row) < size:
        words = words[row]
    return _Change(row, words_as_floats(words), words, np.ones(len(row), dtype=np.bool_))


def _numbers(columns: Sequence[pl.Series]) -> Numbers:
    """Columns as numbers, one after another; those of one type are read together."""
    by_type: dict[pl.DataType, list[int]] = {}
    for place, column in enumerate(columns):
        by_type.setdefault(column.dtype, []).append(place)
    pieces: list[Numbers | None] = [None] * len(columns)
    for places in by_type.values():
        found = numbers_of(pl.concat([columns[each].alias("") for each in places], rechunk=True))
        start = 0
        for place in places:
            part = slice(start, start + len(columns[place]))
            pieces[place] = Numbers(
                found.values[part], found.valid[part], found.words[part], found.exact[part]
            )
            start = part.stop
    known = [each for each in pieces if each is not None]
    return Numbers(
        np.concatenate([each.values for each in known]),
        np.concatenate([each.valid for each in known]),
        joined_words([each.words for each in known]),
        np.concatenate([each.exact for each in known]),
    )


def _series(key: Ints, seq: Ints, make: Callable[[int], int]) -> NDArray[np.int32]:
    """The series of each row by its key; made in order of the first sequence number of each."""
    size = int(key.max(initial=-1)) + 1
    if size <= max(_FEW_KEYS, len(key)):
        place = key
    else:
        different, place = np.unique(key, return_inverse=True)
        size = len(different)
    first = np.full(size, _NEVER)
    np.minimum.at(first, place, seq)
    there = np.flatnonzero(first != _NEVER)
    there = there[np.argsort(first[there], kind="stable")]
    keys = there if place is key else different[there]
    ids = np.zeros(size, dtype=np.int32)
    ids[there] = [make(each) for each in keys.tolist()]
    return ids[place]


def _totals(segments: Segments, segment: Ints, book: SeriesBook) -> NDArray[np.int32]:
    """The series of each row by its segment; made only where there are rows."""
    ids = np.zeros(len(segments), dtype=np.int32)
    for number in np.flatnonzero(np.bincount(segment, minlength=len(segments))).tolist():
        ids[number] = book.series(segments[number][1].id)
    return ids[segment]


def _add(steps: Steps, event: Ints, sign: Ints, series: Series, sink: Sink) -> None:
    """Reduce rows of small whole numbers, each times the weight of its transition.

    Rows of one series are in order of their transitions.
    """
    if not len(event):
        return
    if (series[1:] < series[:-1]).any():
        order = np.argsort(_narrow(series), kind="stable")
        event, series, sign = event[order], series[order], sign[order]
    if steps.counts_once and (sign == 1).all():
        reduce_constant(steps, runs_of(steps, event, series), 1, sink)
        return
    weight = None if steps.counts_once else steps.weight[event]
    change = sign if weight is None else sign * weight
    values = change.astype(np.float64)
    exact = np.ones(len(event), dtype=np.bool_)
    reduce(steps, Rows(series, event, values, integer_words(change), exact, weight), sink)


def _narrow(series: Series) -> Series | NDArray[np.uint16]:
    """Ids in 16 bits where these hold them: numpy sorts those by their digits."""
    return series.astype(np.uint16) if int(series.max(initial=0)) < 2**16 else series
