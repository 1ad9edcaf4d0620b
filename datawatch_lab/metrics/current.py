"""Measures of the current state: from transitions of rows to partial states.

A transition that a late event took back has weight -1: what it once added is subtracted again, in
the same bucket, rows as well as values. So the states do not depend on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from datawatch_lab.core.batches import MeasureAppends, Transitions
from datawatch_lab.core.columns import micros_of, taken
from datawatch_lab.core.values import MeasureDef, MeasureKind
from datawatch_lab.metrics.book import NULL, SeriesBook, label_name
from datawatch_lab.metrics.images import Codes, Ints, label_texts
from datawatch_lab.metrics.numbers import (
    Bools,
    Numbers,
    integer_words,
    joined_words,
    negate_words,
    numbers_of,
    sum_words,
    words_as_floats,
)
from datawatch_lab.metrics.reduction import Rows, Sink, reduce

CURRENT = (MeasureKind.ROWS, MeasureKind.STATE, MeasureKind.TRANSITION, MeasureKind.NET)
"""Kinds of measures that rest on transitions."""

NO_STATE = -1


@dataclass(frozen=True)
class Task:
    """Transitions of one table, and the measures of that table; others than `CURRENT` are none."""

    transitions: Transitions
    measures: Sequence[MeasureDef]


@dataclass(frozen=True)
class Part:
    """Transitions of one table among those of all, in order of (event time, sequence number).

    Attributes:
        start: where they begin among `Steps`.
        steps: as in `Transitions`.
        old, new: tracked fields, parallel.
    """

    start: int
    steps: pl.DataFrame
    old: pl.DataFrame
    new: pl.DataFrame
    measures: Sequence[MeasureDef]


@dataclass(frozen=True)
class Steps:
    """Transitions of all parts one after another, laid out for reduction."""

    parts: Sequence[Part]
    at: Ints
    second: Ints
    seq: Ints
    weight: Ints
    had: Bools
    has: Bools

    def of(self, kind: MeasureKind) -> list[tuple[Part, MeasureDef]]:
        """Measures of a kind, with the part that they are of."""
        return [(each, m) for each in self.parts for m in each.measures if m.kind is kind]


@dataclass(frozen=True)
class Moves:
    """Fields of several measures before and after each transition, as codes; arrays are parallel.

    Attributes:
        values: texts by code; a row whose field is null or missing is in the state ``(null)``.
        segment: which measure each row belongs to.
        event: position of its transition.
        old, new: codes; `NO_STATE` for no row.
    """

    values: list[str]
    segment: Ints
    event: Ints
    old: Codes
    new: Codes


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
    parts = list(_parts(tasks))
    if parts:
        steps = _stacked(parts)
        for derive in _DERIVE:
            derive(steps, book, sink)
    return sink.appends()


def _parts(tasks: Sequence[Task]) -> Iterator[Part]:
    start = 0
    for task in tasks:
        measures = [each for each in task.measures if each.kind in CURRENT]
        if measures and task.transitions.steps.height:
            yield _part(start, task.transitions, measures)
            start += task.transitions.steps.height


def _part(start: int, transitions: Transitions, measures: Sequence[MeasureDef]) -> Part:
    frame = transitions.steps
    order = np.lexsort((frame["seq"].to_numpy(), micros_of(frame["at"])))
    if (order == np.arange(len(order))).all():
        return Part(start, frame, transitions.old, transitions.new, measures)
    old, new = taken(transitions.old, order), taken(transitions.new, order)
    return Part(start, taken(frame, order), old, new, measures)


def _stacked(parts: Sequence[Part]) -> Steps:
    at = np.concatenate([micros_of(each.steps["at"]) for each in parts])
    seq, weight, had, has = (
        np.concatenate([each.steps[name].to_numpy() for each in parts])
        for name in ("seq", "weight", "had", "has")
    )
    return Steps(parts, at, at // 1_000_000, seq, weight, had, has)


def _rows_of(segments: Sequence[tuple[Part, MeasureDef]]) -> tuple[Ints, Ints]:
    """The segment and the position of each transition of the parts of some measures."""
    sizes = [part.steps.height for part, _ in segments]
    segment = np.repeat(np.arange(len(segments)), sizes)
    event = [
        np.arange(part.start, part.start + size)
        for (part, _), size in zip(segments, sizes, strict=True)
    ]
    return segment, np.concatenate(event)


def _moves(steps: Steps, segments: Sequence[tuple[Part, MeasureDef]]) -> Moves:
    columns = [part.old[measure.field] for part, measure in segments]
    columns += [part.new[measure.field] for part, measure in segments]
    texts = [label_texts(column).rechunk().to_arrow() for column in columns]
    encoded = pa.concat_arrays(texts).dictionary_encode(null_encoding="encode")
    values = [NULL if text is None else text for text in encoded.dictionary.to_pylist()]
    codes = np.asarray(encoded.indices).astype(np.int32)
    segment, event = _rows_of(segments)
    half, none = len(event), np.int32(NO_STATE)
    return Moves(
        values,
        segment,
        event,
        np.where(steps.had[event], codes[:half], none),
        np.where(steps.has[event], codes[half:], none),
    )


def _rows(steps: Steps, book: SeriesBook, sink: Sink) -> None:
    segments = steps.of(MeasureKind.ROWS)
    if not segments:
        return
    segment, event = _rows_of(segments)
    moved = steps.had[event] != steps.has[event]
    segment, event = segment[moved], event[moved]
    sign = np.where(steps.has[event], 1, -1)
    _add(steps, event, sign, _totals(segments, segment, book), sink)


def _state(steps: Steps, book: SeriesBook, sink: Sink) -> None:
    """Rows enter and leave states; one that stays in its state is no row of the measure."""
    segments = steps.of(MeasureKind.STATE)
    if not segments:
        return
    moves = _moves(steps, segments)
    moved = moves.old != moves.new
    leaving = np.flatnonzero(moved & (moves.old != NO_STATE))
    entering = np.flatnonzero(moved & (moves.new != NO_STATE))
    row = np.concatenate([leaving, entering])
    codes = np.concatenate([moves.old[leaving], moves.new[entering]])
    sign = np.where(np.arange(len(row)) < len(leaving), -1, 1)
    event, width = moves.event[row], len(moves.values)

    def series_of(key: int) -> int:
        at, code = divmod(key, width)
        measure = segments[at][1]
        value = moves.values[code]
        (found,) = book.split(measure.id, (), label_name(measure.field), (value,))
        return found

    series = _series(moves.segment[row] * width + codes, steps.seq[event], series_of)
    _add(steps, event, sign, series, sink)


def _transition(steps: Steps, book: SeriesBook, sink: Sink) -> None:
    segments = steps.of(MeasureKind.TRANSITION)
    if not segments:
        return
    moves = _moves(steps, segments)
    old, new, width = moves.old.astype(np.int64), moves.new, len(moves.values)
    row = np.flatnonzero((old != new) & (old != NO_STATE) & (new != NO_STATE))
    event = moves.event[row]

    def series_of(key: int) -> int:
        rest, target = divmod(key, width)
        at, source = divmod(rest, width)
        labels = (("from", moves.values[source]), ("to", moves.values[target]))
        return book.combination(segments[at][1].id, labels)

    key = (moves.segment[row] * width + old[row]) * width + new[row]
    series = _series(key, steps.seq[event], series_of)
    _add(steps, event, np.ones(len(event), dtype=np.int64), series, sink)


def _net(steps: Steps, book: SeriesBook, sink: Sink) -> None:
    """New minus old, where a number stands on either side; nothing counts as 0."""
    segments = steps.of(MeasureKind.NET)
    if not segments:
        return
    segment, event = _rows_of(segments)
    columns = [part.old[measure.field] for part, measure in segments]
    columns += [part.new[measure.field] for part, measure in segments]
    both = _numbers(columns)
    half = len(event)
    before = np.flatnonzero(both.valid[:half] & steps.had[event])
    after = np.flatnonzero(both.valid[half:] & steps.has[event])
    row = np.concatenate([before, after])
    if not len(row):
        return
    order = np.argsort(row, kind="stable")
    values = np.concatenate([-both.values[before], both.values[half + after]])[order]
    negated = negate_words(both.words[before])
    words = joined_words((negated, both.words[half + after]))[order]
    exact = np.concatenate([both.exact[before], both.exact[half + after]])[order]
    row = row[order]
    starts = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    words, exact = sum_words(words, starts), np.logical_and.reduceat(exact, starts)
    # new - old of large numbers loses digits as doubles, so it is taken exactly if it can be
    change = np.where(exact, words_as_floats(words), np.add.reduceat(values, starts))
    event, segment = event[row[starts]], segment[row[starts]]
    weight = steps.weight[event]
    back = weight < 0
    words[back] = negate_words(words[back])
    series = _totals(segments, segment, book)
    reduce(steps, Rows(series, event, np.where(back, -change, change), words, exact, weight), sink)


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


_DERIVE: Sequence[Callable[[Steps, SeriesBook, Sink], None]] = (_rows, _state, _transition, _net)


def _series(key: Ints, seq: Ints, make: Callable[[int], int]) -> NDArray[np.int32]:
    """The series of each row by its key; made in order of the first sequence number of each."""
    keys, place = np.unique(key, return_inverse=True)
    first = np.full(len(keys), np.iinfo(np.int64).max)
    np.minimum.at(first, place, seq)
    ids = np.zeros(len(keys), dtype=np.int32)
    texts = keys.tolist()
    for each in np.argsort(first, kind="stable").tolist():
        ids[each] = make(texts[each])
    return ids[place]


def _totals(
    segments: Sequence[tuple[Part, MeasureDef]], segment: Ints, book: SeriesBook
) -> NDArray[np.int32]:
    """The series of each row by its segment; made only where there are rows."""
    ids = np.zeros(len(segments), dtype=np.int32)
    for number in np.flatnonzero(np.bincount(segment, minlength=len(segments))).tolist():
        ids[number] = book.series(segments[number][1].id)
    return ids[segment]


def _add(steps: Steps, event: Ints, sign: Ints, series: np.ndarray, sink: Sink) -> None:
    """Reduce rows of small whole numbers, each times the weight of its transition."""
    if not len(event):
        return
    order = np.lexsort((event, series))
    event, series = event[order], series[order]
    weight = steps.weight[event]
    change = sign[order] * weight
    values = change.astype(np.float64)
    exact = np.ones(len(event), dtype=np.bool_)
    reduce(steps, Rows(series, event, values, integer_words(change), exact, weight), sink)
