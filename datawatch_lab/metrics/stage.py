"""The metric stage: new row changes of tables in, partial states of their measures out.

`derive_all` is a pure function of (batches, measures, series known so far), so back-fill is the
same call over log rows. What each kind of measure takes as its rows is said in
`core.values.MeasureKind`. Measures of the current state rest on more than a batch; they are derived
in `metrics.current`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from datawatch_lab.core.batches import MeasureAppends, TableBatch
from datawatch_lab.core.columns import not_null
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import MeasureDef, MeasureKind, Role, TableInfo
from datawatch_lab.metrics.book import SeriesBook
from datawatch_lab.metrics.custom import derive_custom
from datawatch_lab.metrics.hashing import Hashes, hash_column
from datawatch_lab.metrics.images import Ints, lay_out
from datawatch_lab.metrics.numbers import (
    Bools,
    Numbers,
    integer_words,
    joined_words,
    moments_of,
    numbers_of,
)
from datawatch_lab.metrics.reduction import (
    Rows,
    Sink,
    add_registers,
    reduce,
    reduce_constant,
    runs_of,
)
from datawatch_lab.metrics.sketch import bins_of
from datawatch_lab.metrics.stacks import Lot, Part, Segment, Stack, joined, lot_of

CHANGES = ("c", "u", "d")

MOST_LABELS = 8
"""Labels that automatic metrics of a table have: each splits every number of it once more."""


@dataclass(frozen=True)
class Task:
    """One batch, and what is wanted of it.

    Attributes:
        batch: applied row changes of one table.
        measures: those to derive; measures of other tables are passed over.
        split_by: fields to split `changes` and `value` measures by; by default the status and
            boolean fields of ``batch.table``.
        totals: false to derive only the split series, for back-filling a new label.
    """

    batch: TableBatch
    measures: Sequence[MeasureDef]
    split_by: Sequence[str] | None = None
    totals: bool = True


@dataclass(frozen=True)
class Job:
    """Batches being derived."""

    stack: Stack
    book: SeriesBook
    settings: Settings
    sink: Sink

    def of(self, kind: MeasureKind) -> Iterator[tuple[Part, MeasureDef]]:
        """Measures of a kind, with the part that they are of."""
        for part in self.stack.parts:
            for measure in part.measures:
                if measure.kind is kind:
                    yield part, measure


def derive(
    batch: TableBatch,
    measures: Sequence[MeasureDef],
    book: SeriesBook,
    settings: Settings,
    *,
    split_by: Sequence[str] | None = None,
    totals: bool = True,
) -> MeasureAppends:
    """`derive_all` of one batch; see `Task` for what is given."""
    return derive_all([Task(batch, measures, split_by, totals)], book, settings)


def derive_all(tasks: Sequence[Task], book: SeriesBook, settings: Settings) -> MeasureAppends:
    """What batches add to the measures of their tables, at level 1s.

    Args:
        tasks: each of another table.
        book: known series; gets the new ones as pending.
        settings: ``allowed_lateness`` bounds what counts as lag.

    Returns:
        Partial states, quantile bins and distinct registers; a (series, bucket) stands at most once
        in the partial states.
    """
    sink = Sink()
    parts = list(_parts(tasks))
    if parts:
        job = Job(Stack(parts), book, settings, sink)
        for derive_kind in _DERIVE:
            derive_kind(job)
    return sink.appends()


def _parts(tasks: Sequence[Task]) -> Iterator[Part]:
    number = start = 0
    for task in tasks:
        measures = [
            each
            for each in task.measures
            if each.table_id == task.batch.table.id and (task.totals or each.kind in _SPLIT_KINDS)
        ]
        if not measures or not task.batch.events.height:
            continue
        by = split_fields(task.batch.table) if task.split_by is None else tuple(task.split_by)
        events = lay_out(task.batch)
        yield Part(number, start, events, measures, by, task.totals, task.batch.backfill)
        number, start = number + 1, start + len(events.at)


def split_fields(table: TableInfo) -> tuple[str, ...]:
    """Fields that become labels: the first `MOST_LABELS` with the role status or boolean."""
    roles = (Role.STATUS, Role.BOOLEAN)
    return tuple(column.name for column in table.columns if column.role in roles)[:MOST_LABELS]


def _changes(job: Job) -> None:
    segments, events = [], []
    for part, measure in job.of(MeasureKind.CHANGES):
        for op in CHANGES:
            event = part.events.having(op)
            if len(event):
                segments.append(Segment(part, measure, (("op", op),)))
                events.append(event)
    if not segments:
        return
    lot = lot_of(job.stack, segments, events)
    _add_constant(job, lot.take(lot.totals), 1)
    for rows, series in lot.splits(job.book):
        reduce_constant(job.stack, runs_of(job.stack, lot.event[rows], series), 1, job.sink)


def _value(job: Job) -> None:
    waiting: list[_Values] = []
    for lot, column, present in _columns(job, MeasureKind.VALUE, ("c",)):
        numbers = numbers_of(column)
        keep = present & numbers.valid
        if not keep.any():
            continue
        of = lot.take(keep)
        hashes = hash_column(_filtered(column, keep)) if of.totals.any() else None
        waiting.append((of, numbers.take(keep), hashes))
        if sum(len(each.event) for each, *_ in waiting) > _TOGETHER:
            _reduce_values(job, waiting)
            waiting = []
    if waiting:
        _reduce_values(job, waiting)


_Values = tuple[Lot, Numbers, Hashes | None]
"""Rows, their numbers and the hashes of their values; None where no row counts for a total."""


def _reduce_values(job: Job, several: Sequence[_Values]) -> None:
    """Numbers of all types at once: as numbers they are all alike."""
    lot = joined([each for each, *_ in several])
    numbers = [each for _, each, _ in several]
    values = np.concatenate([each.values for each in numbers])
    rows = Rows(
        np.empty(0, np.int32),
        lot.event,
        values,
        joined_words([each.words for each in numbers]),
        np.concatenate([each.exact for each in numbers]),
        bins=bins_of(values).astype(np.int64),
    )
    _value_totals(job, several, lot, rows)
    for order, series in lot.splits(job.book):
        reduce(job.stack, rows.take(order, series), job.sink, sketch=True)


def _value_totals(job: Job, several: Sequence[_Values], lot: Lot, rows: Rows) -> None:
    wanted = lot.totals
    if not wanted.any():
        return
    hashes = np.concatenate(
        [np.zeros(len(of.event), np.uint64) if h is None else h for of, _, h in several]
    )
    if not wanted.all():
        rows = rows.take(np.flatnonzero(wanted), rows.series)
        lot, hashes = lot.take(wanted), hashes[wanted]
    total = Rows(
        lot.total(job.book), rows.event, rows.values, rows.words, rows.exact, bins=rows.bins
    )
    runs = reduce(job.stack, total, job.sink, sketch=True)
    if runs is not None:
        add_registers(runs, hashes, job.sink)


def _distinct(job: Job) -> None:
    for lot, column, present in _columns(job, MeasureKind.DISTINCT, ("c",)):
        keep = present & not_null(column)
        of, values = lot.take(keep), _filtered(column, keep)
        runs = reduce(job.stack, Rows(of.total(job.book), of.event, None), job.sink)
        if runs is not None:
            add_registers(runs, hash_column(values), job.sink)


def _newest(job: Job) -> None:
    for lot, column, present in _columns(job, MeasureKind.NEWEST, ("c", "u", "r")):
        moments, valid = moments_of(column)
        keep = present & valid
        of = lot.take(keep)
        reduce(job.stack, Rows(of.total(job.book), of.event, moments[keep]), job.sink)


def _nulls(job: Job) -> None:
    _no_nulls(job)
    segments, events, nulls = [], [], []
    for part, measure in job.of(MeasureKind.NULLS):
        event, at = part.events.imaged("c")
        frame = part.events.after
        if not len(event) or frame.whole(measure.field):
            continue
        event, at = _kept(event, at, frame.present(measure.field)[at])
        if len(event):
            segments.append(Segment(part, measure))
            events.append(event)
            nulls.append(~frame.filled(measure.field)[at])
    if segments:
        lot, null = lot_of(job.stack, segments, events), np.concatenate(nulls)
        words, exact = integer_words(null.astype(np.int64)), np.ones(len(null), dtype=np.bool_)
        values = null.astype(np.float64)
        reduce(job.stack, Rows(lot.total(job.book), lot.event, values, words, exact), job.sink)


def _no_nulls(job: Job) -> None:
    """Fields that every image has with a value: the same rows count for all of a part."""
    ids: list[list[int]] = []
    events: list[Ints] = []
    for part in job.stack.parts:
        fields = [each for each in part.measures if each.kind is MeasureKind.NULLS]
        event, _ = part.events.imaged("c")
        frame = part.events.after
        ids.append([job.book.series(m.id) for m in fields if len(event) and frame.whole(m.field)])
        events.append(event + part.start if ids[-1] else event[:0])
    event = np.concatenate(events)
    if not len(event):
        return
    number = np.repeat(np.arange(len(ids), dtype=np.int32), [len(each) for each in events])
    runs = runs_of(job.stack, event, number)
    ends = np.searchsorted(runs.series, np.arange(len(ids)), side="right").tolist()
    parts = zip([0, *ends[:-1]], ends, ids, strict=True)
    places = [np.tile(np.arange(start, end), len(mine)) for start, end, mine in parts]
    sizes = np.diff(ends, prepend=0)
    series = np.repeat(
        np.array([each for mine in ids for each in mine], dtype=np.int32),
        np.repeat(sizes, [len(mine) for mine in ids]),
    )
    reduce_constant(job.stack, runs.take(np.concatenate(places), series), 0, job.sink)


def _lag(job: Job) -> None:
    """History (older than the allowed lateness when received) says nothing about lag."""
    segments, events = [], []
    limit = job.settings.allowed_lateness.total_seconds() * 1e6
    for part, measure in job.of(MeasureKind.LAG):
        if part.backfill:
            continue
        event = part.events.having(*CHANGES)
        event = event[part.events.lag[event] <= limit]
        if len(event):
            segments.append(Segment(part, measure))
            events.append(event)
    if segments:
        lot = lot_of(job.stack, segments, events)
        micros = job.stack.lag[lot.event]
        exact = np.ones(len(micros), dtype=np.bool_)
        rows = Rows(lot.total(job.book), lot.event, micros / 1e6, micros * 1_000, exact)
        reduce(job.stack, rows, job.sink, sketch=True)


def _custom(job: Job) -> None:
    for part, measure in job.of(MeasureKind.CUSTOM):
        if measure.custom is not None:
            derive_custom(part.events, measure.id, measure.custom, job.book, job.sink)


_TOGETHER = 200_000  # rows of fields that are reduced at once; more take memory and save no time
_SPLIT_KINDS = (MeasureKind.CHANGES, MeasureKind.VALUE)

_DERIVE: Sequence[Callable[[Job], None]] = (
    _changes,
    _value,
    _distinct,
    _newest,
    _nulls,
    _lag,
    _custom,
)


def _columns(
    job: Job, kind: MeasureKind, ops: tuple[str, ...]
) -> Iterator[tuple[Lot, pl.Series, Bools]]:
    """The fields of the measures of a kind, those of one type as one long column.

    Yields:
        Rows of the events with one of ``ops`` that have an image after, the column, and where the
        image has the field.
    """
    by_type: dict[pl.DataType, list[_Field]] = {}
    rows: Counter[pl.DataType] = Counter()
    for part, measure in job.of(kind):
        event, at = part.events.imaged(*ops)
        if not len(event):
            continue
        frame = part.events.after
        column = frame.column(measure.field)
        present = None if frame.everywhere(measure.field) else frame.present(measure.field)[at]
        one = _Field(Segment(part, measure), event, at, column, present)
        by_type.setdefault(column.dtype, []).append(one)
        rows[column.dtype] += len(event)
        if rows[column.dtype] > _TOGETHER:
            yield _together(job, by_type.pop(column.dtype))
            del rows[column.dtype]
    for fields in by_type.values():
        yield _together(job, fields)


@dataclass(frozen=True)
class _Field:
    """A field whose rows are to be reduced.

    Attributes:
        event: events of the rows.
        at: their images, which ``column`` is of.
        present: where the images of the rows have the field; None for everywhere.
    """

    segment: Segment
    event: Ints
    at: Ints
    column: pl.Series
    present: Bools | None


def _together(job: Job, fields: list[_Field]) -> tuple[Lot, pl.Series, Bools]:
    """Fields of one type as one: the columns are joined first, so that rows are taken but once."""
    columns = [each.column.alias("") for each in fields]
    column = pl.concat(columns, rechunk=True) if len(columns) > 1 else columns[0]
    sizes = np.fromiter(map(len, columns), np.int64, len(columns))
    lengths = [len(each.at) for each in fields]
    at = np.concatenate([each.at for each in fields])
    at += np.repeat(np.cumsum(sizes) - sizes, lengths)
    if len(at) != len(column) or not _in_place(at):
        column = column[pl.Series(at.astype(np.uint32))]
    present = np.ones(len(at), dtype=np.bool_)
    if any(each.present is not None for each in fields):
        present = np.concatenate(
            [
                np.ones(len(each.at), np.bool_) if each.present is None else each.present
                for each in fields
            ]
        )
    segments, events = [each.segment for each in fields], [each.event for each in fields]
    return lot_of(job.stack, segments, events), column, present


def _in_place(at: Ints) -> bool:
    return bool((at == np.arange(len(at))).all())


def _filtered(column: pl.Series, keep: Bools) -> pl.Series:
    return column if keep.all() else column.filter(pl.Series(keep))


def _add_constant(job: Job, lot: Lot, value: int) -> None:
    """Add rows that all have one value, not split."""
    if len(lot.event):
        runs = runs_of(job.stack, lot.event, lot.total(job.book))
        reduce_constant(job.stack, runs, value, job.sink)


def _kept(event: Ints, at: Ints, keep: Bools) -> tuple[Ints, Ints]:
    """Events where ``keep`` is true."""
    return (event, at) if keep.all() else (event[keep], at[keep])
