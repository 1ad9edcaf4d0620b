"""Transitions of the rows of several tables, laid out to be reduced, and their fields as codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from datawatch_lab.core.batches import Transitions
from datawatch_lab.core.columns import micros_of
from datawatch_lab.core.values import MeasureDef, MeasureKind
from datawatch_lab.metrics.book import NULL
from datawatch_lab.metrics.images import Codes, Ints, label_texts
from datawatch_lab.metrics.numbers import Bools

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
    """Transitions of one table among those of all.

    Attributes:
        start: where they begin among `Steps`.
        order: places of the transitions in order of (event time, sequence number).
        steps: as in `Transitions`, as they came.
        old, new: tracked fields, parallel to ``steps``.
        had: places of those that there was a row before, as they came.
    """

    start: int
    order: Ints
    steps: pl.DataFrame
    old: pl.DataFrame
    new: pl.DataFrame
    had: Ints
    measures: Sequence[MeasureDef]


Segments = Sequence[tuple[Part, MeasureDef]]
"""Measures of one kind, with the part that they are of."""


@dataclass(frozen=True)
class Steps:
    """Transitions of all parts one after another, each in order, laid out for reduction."""

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

    @cached_property
    def counts_once(self) -> bool:
        """Whether no transition is taken back."""
        return bool((self.weight == 1).all())


@dataclass(frozen=True)
class Moves:
    """Fields of several measures before and after each transition, as codes; arrays are parallel.

    Attributes:
        values: texts by code; a row whose field is null or missing is in the state ``(null)``.
        segment: which measure each row belongs to.
        event: position of its transition, ascending within a segment.
        old, new: codes; `NO_STATE` for no row.
    """

    values: list[str]
    segment: Ints
    event: Ints
    old: Codes
    new: Codes


def parts_of(tasks: Sequence[Task]) -> Iterator[Part]:
    """The tasks that have transitions and measures of the current state."""
    start = 0
    for task in tasks:
        measures = [each for each in task.measures if each.kind in CURRENT]
        if measures and task.transitions.steps.height:
            yield _part(start, task.transitions, measures)
            start += task.transitions.steps.height


def _part(start: int, transitions: Transitions, measures: Sequence[MeasureDef]) -> Part:
    frame = transitions.steps
    order = _in_time(micros_of(frame["at"]), frame["seq"].to_numpy())
    had = np.flatnonzero(frame["had"].to_numpy())
    return Part(start, order, frame, transitions.old, transitions.new, had, measures)


def _in_time(at: Ints, seq: Ints) -> Ints:
    """Places in order of (event time, sequence number); equal ones stay as they are.

    Most often the numbers are different and times rise with them.
    """
    order = np.argsort(seq)
    ranked, times = seq[order], at[order]
    if (ranked[1:] > ranked[:-1]).all() and (times[1:] >= times[:-1]).all():
        return order
    return np.lexsort((seq, at))


def stacked(parts: Sequence[Part]) -> Steps:
    """Parts, of which there is at least one, one after another."""
    at = np.concatenate([micros_of(each.steps["at"])[each.order] for each in parts])
    seq, weight, had, has = (
        np.concatenate([each.steps[name].to_numpy()[each.order] for each in parts])
        for name in ("seq", "weight", "had", "has")
    )
    return Steps(parts, at, at // 1_000_000, seq, weight, had, has)


def rows_of(segments: Segments) -> tuple[Ints, Ints]:
    """The segment and the position of each transition of the parts of some measures."""
    sizes = [len(part.order) for part, _ in segments]
    segment = np.repeat(np.arange(len(segments)), sizes)
    event = [
        np.arange(part.start, part.start + size)
        for (part, _), size in zip(segments, sizes, strict=True)
    ]
    return segment, np.concatenate(event)


def sides_of(segments: Segments) -> tuple[list[pl.Series], Ints]:
    """The fields of some measures before and after their transitions.

    Returns:
        Of each measure the field before those transitions that had a row, then of each the field
        after all of its transitions; both as they came. And the places among the latter of the
        transitions in order.
    """
    before = [_at(part.old[measure.field], part.had) for part, measure in segments]
    after = [part.new[measure.field] for part, measure in segments]
    sizes = [len(each) for each in after]
    starts = np.cumsum([0, *sizes[:-1]])
    order = [part.order + at for (part, _), at in zip(segments, starts.tolist(), strict=True)]
    return [*before, *after], np.concatenate(order)


def _at(column: pl.Series, places: Ints) -> pl.Series:
    if len(places) == len(column):
        return column
    return column[pl.Series(places.astype(np.uint32))] if len(places) else column.clear()


def places_before(segments: Segments) -> Ints:
    """Of the fields before, as `sides_of` has them: the places of their transitions among all."""
    starts = np.cumsum([0, *(len(part.order) for part, _ in segments[:-1])])
    places = [part.had + at for (part, _), at in zip(segments, starts.tolist(), strict=True)]
    made: Ints = np.concatenate(places)
    return made


def moves_of(steps: Steps, segments: Segments) -> Moves:
    """The fields of some measures before and after the transitions of their parts."""
    columns, order = sides_of(segments)
    values, codes = _encoded(columns)
    segment, event = rows_of(segments)
    before = len(codes) - len(order)
    none = np.int32(NO_STATE)
    old = np.full(len(order), none)
    old[places_before(segments)] = codes[:before]
    new = codes[before:][order]
    return Moves(values, segment, event, old[order], np.where(steps.has[event], new, none))


def _encoded(columns: Sequence[pl.Series]) -> tuple[list[str], Codes]:
    """Columns one after another as codes of their label texts; null has a code of its own."""
    by_type: dict[pl.DataType, list[int]] = {}
    for place, column in enumerate(columns):
        by_type.setdefault(column.dtype, []).append(place)
    index: dict[str | None, int] = {}
    pieces: list[Codes] = [np.empty(0, dtype=np.int32)] * len(columns)
    for places in by_type.values():
        texts, codes = _codes_of(pl.concat([columns[each].alias("") for each in places]))
        common = np.array([index.setdefault(text, len(index)) for text in texts], dtype=np.int32)
        codes = common[codes]
        start = 0
        for place in places:
            pieces[place] = codes[start : start + len(columns[place])]
            start += len(columns[place])
    return [NULL if text is None else text for text in index], np.concatenate(pieces)


def _codes_of(column: pl.Series) -> tuple[list[str | None], Codes]:
    """Different label texts of a column, and a code a row."""
    if column.dtype == pl.Boolean:
        codes = column.cast(pl.Int32).fill_null(2).to_numpy()
        return ["false", "true", None], codes
    texts = column.rechunk() if column.dtype == pl.Int64 else label_texts(column).rechunk()
    encoded = texts.to_arrow().dictionary_encode(null_encoding="encode")
    different = [None if text is None else str(text) for text in encoded.dictionary.to_pylist()]
    return different, np.asarray(encoded.indices).astype(np.int32, copy=False)
