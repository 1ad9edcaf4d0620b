"""Measures of the current state: from transitions of rows to partial states.

A transition that a late event took back has weight -1: what it once added is subtracted again, in
the same bucket, rows as well as values. So the states do not depend on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import MeasureAppends, Transitions
from datawatch_lab.core.columns import micros_of, taken
from datawatch_lab.core.values import MeasureDef, MeasureKind
from datawatch_lab.metrics.book import NULL, SeriesBook, label_name
from datawatch_lab.metrics.images import Codes, Ints, label_texts
from datawatch_lab.metrics.numbers import (
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
class Steps:
    """Transitions laid out for reduction, in order of (event time, sequence number)."""

    at: Ints
    second: Ints
    seq: Ints
    weight: Ints
    had: np.ndarray[tuple[int], np.dtype[np.bool_]]
    has: np.ndarray[tuple[int], np.dtype[np.bool_]]
    old: pl.DataFrame
    new: pl.DataFrame
    _states: dict[str, tuple[list[str], Codes, Codes]] = field(default_factory=dict)

    def states(self, name: str) -> tuple[list[str], Codes, Codes]:
        """Label values of a field, and the code of the row before and after; `NO_STATE` for no row.

        A row whose field is null or missing is in the state ``(null)``.
        """
        if name not in self._states:
            self._states[name] = _state_codes(self, name)
        return self._states[name]


def derive_current(
    transitions: Transitions, measures: Sequence[MeasureDef], book: SeriesBook
) -> MeasureAppends:
    """What transitions of one table add to its measures of the current state, at level 1s.

    Args:
        transitions: of one table.
        measures: of that table; other kinds than `CURRENT` are passed over.
        book: known series; gets the new ones as pending.
    """
    sink = Sink()
    if transitions.steps.height:
        steps = _lay_out(transitions)
        for measure in measures:
            if measure.kind in _DERIVE:
                _DERIVE[measure.kind](steps, measure, book, sink)
    return sink.appends()


def _lay_out(transitions: Transitions) -> Steps:
    frame = transitions.steps
    at = micros_of(frame["at"])
    seq = frame["seq"].to_numpy()
    order = np.lexsort((seq, at))
    in_place = bool((order == np.arange(len(order))).all())
    return Steps(
        at=at[order],
        second=at[order] // 1_000_000,
        seq=seq[order],
        weight=frame["weight"].to_numpy()[order],
        had=frame["had"].to_numpy()[order],
        has=frame["has"].to_numpy()[order],
        old=transitions.old if in_place else taken(transitions.old, order),
        new=transitions.new if in_place else taken(transitions.new, order),
    )


def _state_codes(steps: Steps, name: str) -> tuple[list[str], Codes, Codes]:
    texts = [label_texts(side[name]).rechunk().to_arrow() for side in (steps.old, steps.new)]
    encoded = pa.concat_arrays(texts).dictionary_encode(null_encoding="encode")
    values = [NULL if text is None else text for text in encoded.dictionary.to_pylist()]
    codes = np.asarray(encoded.indices).astype(np.int32)
    half = len(steps.at)
    none = np.int32(NO_STATE)
    return values, np.where(steps.had, codes[:half], none), np.where(steps.has, codes[half:], none)


def _rows(steps: Steps, measure: MeasureDef, book: SeriesBook, sink: Sink) -> None:
    event = np.flatnonzero(steps.had != steps.has)
    sign = np.where(steps.has[event], 1, -1)
    _add(steps, event, sign, _total(measure, book, event), sink)


def _state(steps: Steps, measure: MeasureDef, book: SeriesBook, sink: Sink) -> None:
    """Rows enter and leave states; one that stays in its state is no row of the measure."""
    values, old, new = steps.states(measure.field)
    moved = old != new
    leaving = np.flatnonzero(moved & (old != NO_STATE))
    entering = np.flatnonzero(moved & (new != NO_STATE))
    event = np.concatenate([leaving, entering])
    codes = np.concatenate([old[leaving], new[entering]])
    sign = np.where(np.arange(len(event)) < len(leaving), -1, 1)
    first = _first_seen(codes, steps.seq[event], len(values))
    ids = np.zeros(len(values), dtype=np.int32)
    ids[first] = book.split(
        measure.id, (), label_name(measure.field), [values[code] for code in first.tolist()]
    )
    _add(steps, event, sign, ids[codes], sink)


def _transition(steps: Steps, measure: MeasureDef, book: SeriesBook, sink: Sink) -> None:
    values, old, new = steps.states(measure.field)
    event = np.flatnonzero((old != new) & (old != NO_STATE) & (new != NO_STATE))
    pairs, place = np.unique(
        old[event].astype(np.int64) * len(values) + new[event], return_inverse=True
    )
    ids = np.zeros(len(pairs), dtype=np.int32)
    for pair in _first_seen(place, steps.seq[event], len(pairs)).tolist():
        source, target = divmod(int(pairs[pair]), len(values))
        labels = (("from", values[source]), ("to", values[target]))
        ids[pair] = book.combination(measure.id, labels)
    _add(steps, event, np.ones(len(event), dtype=np.int64), ids[place], sink)


def _net(steps: Steps, measure: MeasureDef, book: SeriesBook, sink: Sink) -> None:
    """New minus old, where a number stands on either side; nothing counts as 0."""
    name = measure.field
    old, new = _side(steps.old, name, steps.had), _side(steps.new, name, steps.has)
    before, after = np.flatnonzero(old.valid), np.flatnonzero(new.valid)
    event = np.concatenate([before, after])
    if not len(event):
        return
    order = np.argsort(event, kind="stable")
    values = np.concatenate([-old.values[before], new.values[after]])[order]
    words = joined_words((negate_words(old.words[before]), new.words[after]))[order]
    exact = np.concatenate([old.exact[before], new.exact[after]])[order]
    event = event[order]
    starts = np.flatnonzero(np.r_[True, event[1:] != event[:-1]])
    words, exact = sum_words(words, starts), np.logical_and.reduceat(exact, starts)
    # new - old of large numbers loses digits as doubles, so it is taken exactly if it can be
    change = np.where(exact, words_as_floats(words), np.add.reduceat(values, starts))
    event = event[starts]
    weight = steps.weight[event]
    back = weight < 0
    words[back] = negate_words(words[back])
    rows = Rows(
        _total(measure, book, event),
        event,
        np.where(back, -change, change),
        words,
        exact,
        weight,
    )
    reduce(steps, rows, sink)


def _side(
    frame: pl.DataFrame, name: str, is_there: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> Numbers:
    numbers = numbers_of(frame[name])
    return Numbers(numbers.values, numbers.valid & is_there, numbers.words, numbers.exact)


_DERIVE: Mapping[MeasureKind, Callable[[Steps, MeasureDef, SeriesBook, Sink], None]] = {
    MeasureKind.ROWS: _rows,
    MeasureKind.STATE: _state,
    MeasureKind.TRANSITION: _transition,
    MeasureKind.NET: _net,
}


def _first_seen(codes: np.ndarray, seq: Ints, size: int) -> Ints:
    """The codes that occur, in order of the first sequence number that they occur at."""
    first = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(first, codes, seq)
    used = np.flatnonzero(first < np.iinfo(np.int64).max)
    return np.asarray(used[np.argsort(first[used], kind="stable")])


def _total(measure: MeasureDef, book: SeriesBook, event: Ints) -> np.ndarray:
    series = book.series(measure.id) if len(event) else 0
    return np.full(len(event), series, dtype=np.int32)


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
