"""The metric stage: new row changes of one table in, partial states of its measures out.

`derive` is a pure function of (batch, measures, series known so far), so back-fill is the same call
over log rows. What each kind of measure takes as its rows is said in `core.values.MeasureKind`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from datawatch_lab.core.batches import MeasureAppends, TableBatch
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import MeasureDef, MeasureKind, Role, TableInfo
from datawatch_lab.metrics.book import Labels, SeriesBook, label_name
from datawatch_lab.metrics.hashing import hash_column
from datawatch_lab.metrics.images import NOWHERE, Codes, Events, Frame, Ints, lay_out
from datawatch_lab.metrics.numbers import (
    integer_words,
    negate_words,
    scaled_words,
    sum_words,
    words_as_floats,
)
from datawatch_lab.metrics.reduction import Rows, Runs, Sink, add_registers, reduce

CHANGES = ("c", "u", "d")


@dataclass(frozen=True)
class Job:
    """One batch being derived.

    Attributes:
        key: key columns of the table.
        fields: label fields that `changes` and `value` measures are split by.
        totals: whether series that are not split are wanted.
        backfill: whether the batch brings the past on purpose, which is no lag.
    """

    events: Events
    book: SeriesBook
    settings: Settings
    sink: Sink
    key: tuple[str, ...]
    fields: tuple[str, ...]
    totals: bool
    backfill: bool


def derive(
    batch: TableBatch,
    measures: Sequence[MeasureDef],
    book: SeriesBook,
    settings: Settings,
    *,
    split_by: Sequence[str] | None = None,
    totals: bool = True,
) -> MeasureAppends:
    """What a batch adds to the measures of its table, at level 1s.

    Args:
        batch: applied row changes of one table.
        measures: those to derive; measures of other tables are passed over.
        book: known series; gets the new ones as pending.
        settings: ``allowed_lateness`` bounds what counts as lag.
        split_by: fields to split `changes` and `value` measures by; by default the status and
            boolean fields of ``batch.table``.
        totals: false to derive only the split series, for back-filling a new label.

    Returns:
        Partial states, quantile bins and distinct registers; a (series, bucket) stands at most once
        in the partial states.
    """
    fields = split_fields(batch.table) if split_by is None else tuple(split_by)
    events, key = lay_out(batch), batch.table.key
    job = Job(events, book, settings, Sink(), key, fields, totals, batch.backfill)
    for measure in measures:
        if measure.table_id == batch.table.id and (totals or measure.kind in _SPLIT_KINDS):
            _DERIVE[measure.kind](job, measure)
    return job.sink.appends()


def split_fields(table: TableInfo) -> tuple[str, ...]:
    """Fields that become labels: those with the role status or boolean."""
    roles = (Role.STATUS, Role.BOOLEAN)
    return tuple(column.name for column in table.columns if column.role in roles)


def _changes(job: Job, measure: MeasureDef) -> None:
    for op in CHANGES:
        event = job.events.having(op)
        one = np.ones(len(event))
        rows = Rows(_empty(), event, one, *_whole(one))
        _reduce_split(job, measure, (("op", op),), rows)


def _value(job: Job, measure: MeasureDef) -> None:
    event = job.events.having("c")
    frame = job.events.after
    event, at = _where(event, job.events.after_at)
    numbers = frame.numbers(measure.field)
    keep = numbers.valid[at] & frame.present(measure.field)[at]
    event, at = event[keep], at[keep]
    rows = Rows(_empty(), event, numbers.values[at], numbers.words[at], numbers.exact[at])
    runs = _reduce_split(job, measure, (), rows, sketch=True)
    if runs is not None:
        add_registers(runs, hash_column(frame.column(measure.field)[at]), job.sink)


def _distinct(job: Job, measure: MeasureDef) -> None:
    frame = job.events.after
    event, at = _where(job.events.having("c"), job.events.after_at)
    keep = frame.filled(measure.field)[at]
    event, at = event[keep], at[keep]
    rows = Rows(_total(job, measure, event), event, None)
    runs = reduce(job.events, rows, job.sink)
    if runs is not None:
        add_registers(runs, hash_column(frame.column(measure.field)[at]), job.sink)


def _newest(job: Job, measure: MeasureDef) -> None:
    event, at = _where(job.events.having("c", "u", "r"), job.events.after_at)
    frame = job.events.after
    moments, valid = frame.moments(measure.field)
    keep = valid[at] & frame.present(measure.field)[at]
    event = event[keep]
    reduce(job.events, Rows(_total(job, measure, event), event, moments[at[keep]]), job.sink)


def _nulls(job: Job, measure: MeasureDef) -> None:
    event, at = _where(job.events.having("c"), job.events.after_at)
    frame = job.events.after
    keep = frame.present(measure.field)[at]
    event, at = event[keep], at[keep]
    _reduce_whole(job, measure, event, (~frame.filled(measure.field)[at]).astype(np.float64))


def _lag(job: Job, measure: MeasureDef) -> None:
    if job.backfill:
        return
    """History (older than the allowed lateness when received) says nothing about lag."""
    event = job.events.having(*CHANGES)
    limit = job.settings.allowed_lateness.total_seconds() * 1e6
    event = event[job.events.lag[event] <= limit]
    micros = job.events.lag[event]
    words = scaled_words(micros * 1_000)
    exact = np.ones(len(event), dtype=np.bool_)
    rows = Rows(_total(job, measure, event), event, micros / 1e6, words, exact)
    reduce(job.events, rows, job.sink, sketch=True)


def _rows(job: Job, measure: MeasureDef) -> None:
    event = job.events.having("c", "r", "d")
    sign = np.where(job.events.op[event] == ord("d"), -1.0, 1.0)
    _reduce_whole(job, measure, event, sign)


def _state(job: Job, measure: MeasureDef) -> None:
    """Rows enter and leave states; an update that stays in its state is no row.

    A whole image without the field is in the state ``(missing)``. An image of the key alone (what
    some sources send as before image) says nothing about states.
    """
    events = job.events
    values, old, new = events.states(measure.field, job.key)
    ins, ups, outs = events.having("c", "r"), events.having("u"), events.having("d")
    ins = ins[new[ins] != NOWHERE]
    ups = ups[(old[ups] != NOWHERE) & (new[ups] != NOWHERE) & (old[ups] != new[ups])]
    outs = outs[old[outs] != NOWHERE]
    event = np.concatenate([ups, outs, ins, ups])
    code = np.concatenate([old[ups], old[outs], new[ins], new[ups]])
    leaving = len(ups) + len(outs)
    sign = np.where(np.arange(len(event)) < leaving, -1.0, 1.0)
    order = np.argsort(event, kind="stable")
    rows = Rows(_empty(), event[order], sign[order], *_whole(sign[order]))
    _reduce_by(job, measure, (), measure.field, values, code[order], rows)


def _net(job: Job, measure: MeasureDef) -> None:
    """Inserts add, deletes subtract, updates add the difference where both images have a number."""
    events, name = job.events, measure.field
    updated = events.having("u")
    new = _signed(events.after, name, updated, events.after_at, 1)
    old = _signed(events.before, name, updated, events.before_at, -1)
    both = np.bincount(np.r_[new.event, old.event], minlength=len(events.at)) == 2
    parts = [
        _signed(events.after, name, events.having("c", "r"), events.after_at, 1),
        _signed(events.before, name, events.having("d"), events.before_at, -1),
        *(part.take(np.flatnonzero(both[part.event]), _empty()) for part in (new, old)),
    ]
    event = np.concatenate([part.event for part in parts])
    order = np.argsort(event, kind="stable")
    event = event[order]
    if not len(event):
        return
    values = np.concatenate([part.values for part in parts if part.values is not None])[order]
    words = np.concatenate([part.words for part in parts if part.words is not None])[order]
    exact = np.concatenate([part.exact for part in parts if part.exact is not None])[order]
    starts = np.flatnonzero(np.r_[True, event[1:] != event[:-1]])
    words, exact = sum_words(words, starts), np.logical_and.reduceat(exact, starts)
    # after - before of large numbers loses digits as doubles, so it is taken exactly if it can be
    total = np.where(exact, words_as_floats(words), np.add.reduceat(values, starts))
    event = event[starts]
    reduce(events, Rows(_total(job, measure, event), event, total, words, exact), job.sink)


def _signed(frame: Frame, name: str, event: Ints, places: Ints, sign: int) -> Rows:
    """The field of each event's image, with a sign; images without a number are left out."""
    event, at = _where(event, places)
    numbers = frame.numbers(name)
    keep = numbers.valid[at] & frame.present(name)[at]
    event, at = event[keep], at[keep]
    words = numbers.words[at] if sign > 0 else negate_words(numbers.words[at])
    return Rows(_empty(), event, sign * numbers.values[at], words, numbers.exact[at])


_SPLIT_KINDS = (MeasureKind.CHANGES, MeasureKind.VALUE)

_DERIVE: Mapping[MeasureKind, Callable[[Job, MeasureDef], None]] = {
    MeasureKind.CHANGES: _changes,
    MeasureKind.VALUE: _value,
    MeasureKind.DISTINCT: _distinct,
    MeasureKind.NEWEST: _newest,
    MeasureKind.NULLS: _nulls,
    MeasureKind.LAG: _lag,
    MeasureKind.ROWS: _rows,
    MeasureKind.STATE: _state,
    MeasureKind.NET: _net,
}


def _where(event: Ints, places: Ints) -> tuple[Ints, Ints]:
    """Events that have an image, and where it stands."""
    at = places[event]
    has = at != NOWHERE
    return (event, at) if has.all() else (event[has], at[has])


def _empty() -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.empty(0, dtype=np.int32)


def _whole(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exact words of small whole numbers."""
    return integer_words(values.astype(np.int64)), np.ones(len(values), dtype=np.bool_)


def _total(job: Job, measure: MeasureDef, rows: Ints, fixed: Labels = ()) -> np.ndarray:
    """The series of the total for each row; made only when there are rows."""
    series = job.book.series(measure.id, fixed) if len(rows) else 0
    return np.full(len(rows), series, dtype=np.int32)


def _reduce_whole(job: Job, measure: MeasureDef, event: Ints, values: np.ndarray) -> None:
    """Reduce rows whose values are small whole numbers."""
    rows = Rows(_total(job, measure, event), event, values, *_whole(values))
    reduce(job.events, rows, job.sink)


def _reduce_split(
    job: Job, measure: MeasureDef, fixed: Labels, rows: Rows, *, sketch: bool = False
) -> Runs | None:
    """Reduce rows as a total and split by one label field at a time; gives the total's runs."""
    if not len(rows.event):
        return None
    runs = None
    if job.totals:
        series = _total(job, measure, rows.event, fixed)
        whole = Rows(series, rows.event, rows.values, rows.words, rows.exact)
        runs = reduce(job.events, whole, job.sink, sketch=sketch)
    for name in job.fields:
        values, codes = job.events.labels(name).of_events()
        _reduce_by(job, measure, fixed, name, values, codes[rows.event], rows, sketch=sketch)
    return runs


def _reduce_by(
    job: Job,
    measure: MeasureDef,
    fixed: Labels,
    name: str,
    values: list[str],
    codes: Codes,
    rows: Rows,
    *,
    sketch: bool = False,
) -> None:
    """Reduce rows split by the label values that ``codes`` point at."""
    if not len(codes):
        return
    series = _series_of(job, measure, fixed, label_name(name), values, codes, rows.event)
    ids, short = np.unique(series, return_inverse=True)
    narrow = short.astype(np.int16 if len(ids) < 2**15 else np.int64)  # int16 sorts by radix
    order = np.argsort(narrow, kind="stable")
    reduce(job.events, rows.take(order, series[order]), job.sink, sketch=sketch)


def _series_of(
    job: Job,
    measure: MeasureDef,
    fixed: Labels,
    label: str,
    values: list[str],
    codes: Codes,
    event: Ints,
) -> np.ndarray:
    """Series id of each row; new label values enter the book in order of sequence number."""
    used = np.flatnonzero(np.bincount(codes, minlength=len(values)))
    new = [
        code
        for code in used.tolist()
        if job.book.known(measure.id, fixed, label, values[code]) is None
    ]
    if len(new) > 1:
        first = np.full(len(values), np.iinfo(np.int64).max)
        np.minimum.at(first, codes, job.events.seq[event])
        used = used[np.argsort(first[used], kind="stable")]
    ids = job.book.split(measure.id, fixed, label, [values[code] for code in used.tolist()])
    table = np.zeros(len(values), dtype=np.int32)
    table[used] = ids
    return table[codes]
