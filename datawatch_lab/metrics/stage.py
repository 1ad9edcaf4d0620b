"""The metric stage: new row changes of one table in, partial states of its measures out.

`derive` is a pure function of (batch, measures, series known so far), so back-fill is the same call
over log rows. What each kind of measure takes as its rows is said in `core.values.MeasureKind`.
Measures of the current state rest on more than the batch; they are derived in `metrics.current`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from datawatch_lab.core.batches import MeasureAppends, TableBatch
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import MeasureDef, MeasureKind, Role, TableInfo
from datawatch_lab.metrics.book import Labels, SeriesBook, label_name
from datawatch_lab.metrics.custom import derive_custom
from datawatch_lab.metrics.hashing import hash_column
from datawatch_lab.metrics.images import NOWHERE, Events, Ints, lay_out
from datawatch_lab.metrics.numbers import Bools, integer_words
from datawatch_lab.metrics.reduction import (
    Rows,
    Runs,
    Sink,
    add_registers,
    reduce,
    reduce_constant,
    reduce_runs,
)
from datawatch_lab.metrics.sketch import bins_of
from datawatch_lab.metrics.splitting import Split, split_of

CHANGES = ("c", "u", "d")

MOST_LABELS = 8
"""Labels that automatic metrics of a table have: each splits every number of it once more."""


@dataclass(frozen=True)
class Job:
    """One batch being derived.

    Attributes:
        fields: label fields that `changes` and `value` measures are split by.
        totals: whether series that are not split are wanted.
        backfill: whether the batch brings the past on purpose, which is no lag.
    """

    events: Events
    book: SeriesBook
    settings: Settings
    sink: Sink
    fields: tuple[str, ...]
    totals: bool
    backfill: bool
    _splits: dict[tuple[str, int], tuple[Ints, Split]] = field(default_factory=dict)

    def split(self, name: str, event: Ints) -> Split:
        """Events split by a label field; worked out once for all measures of the same events."""
        held = self._splits.get((name, id(event)))
        if held is None:
            held = self._splits[name, id(event)] = (event, split_of(self.events, name, event))
        return held[1]


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
    job = Job(lay_out(batch), book, settings, Sink(), fields, totals, batch.backfill)
    for measure in measures:
        if measure.table_id == batch.table.id and (totals or measure.kind in _SPLIT_KINDS):
            derive_kind = _DERIVE.get(measure.kind)
            if derive_kind is not None:
                derive_kind(job, measure)
    return job.sink.appends()


def split_fields(table: TableInfo) -> tuple[str, ...]:
    """Fields that become labels: the first `MOST_LABELS` with the role status or boolean."""
    roles = (Role.STATUS, Role.BOOLEAN)
    return tuple(column.name for column in table.columns if column.role in roles)[:MOST_LABELS]


def _changes(job: Job, measure: MeasureDef) -> None:
    for op in CHANGES:
        event = job.events.having(op)
        if not len(event):
            continue
        fixed = (("op", op),)
        if job.totals:
            runs = _total_runs(job, measure, event, fixed)
            reduce_constant(job.events, runs, 1, job.sink)
        for name in job.fields:
            split = job.split(name, event)
            series = _series_of(job, measure, fixed, split)
            if len(np.unique(series[split.used])) < len(split.used):  # several in one series
                one = np.ones(len(event))
                _reduce_by(job, split, series, Rows(_empty(), event, one, *_whole(one)))
            else:
                runs = replace(split.runs, series=series[split.runs.series])
                reduce_constant(job.events, runs, 1, job.sink)


def _value(job: Job, measure: MeasureDef) -> None:
    frame = job.events.after
    event, at = _where(job.events.having("c"), job.events.after_at)
    numbers = frame.numbers(measure.field)
    event, at = _kept(event, at, numbers.valid[at] & frame.present(measure.field)[at])
    if not len(event):
        return
    values = numbers.values[at]
    bins = bins_of(values).astype(np.int64)
    rows = Rows(_empty(), event, values, numbers.words[at], numbers.exact[at], bins=bins)
    if job.totals:
        runs = _total_runs(job, measure, event, ())
        reduce_runs(job.events, rows, runs, job.sink, sketch=True)
        add_registers(runs, hash_column(frame.column(measure.field)[at]), job.sink)
    for name in job.fields:
        split = job.split(name, event)
        series = _series_of(job, measure, (), split)
        if len(np.unique(series[split.used])) < len(split.used):  # several in one series
            _reduce_by(job, split, series, rows, sketch=True)
        else:
            sorted_rows = rows.take(split.order, rows.series)
            runs = replace(split.runs, series=series[split.runs.series])
            reduce_runs(job.events, sorted_rows, runs, job.sink, sketch=True)


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
    event, at = _kept(event, at, frame.present(measure.field)[at])
    if not len(event):
        return
    runs = _total_runs(job, measure, event, ())
    null = ~frame.filled(measure.field)[at]
    if null.any():
        values = null.astype(np.float64)
        rows = Rows(_empty(), event, values, *_whole(values))
        reduce_runs(job.events, rows, runs, job.sink)
    else:
        reduce_constant(job.events, runs, 0, job.sink)


def _lag(job: Job, measure: MeasureDef) -> None:
    """History (older than the allowed lateness when received) says nothing about lag."""
    if job.backfill:
        return
    event = job.events.having(*CHANGES)
    limit = job.settings.allowed_lateness.total_seconds() * 1e6
    event = event[job.events.lag[event] <= limit]
    micros = job.events.lag[event]
    words = micros * 1_000
    exact = np.ones(len(event), dtype=np.bool_)
    rows = Rows(_total(job, measure, event), event, micros / 1e6, words, exact)
    reduce(job.events, rows, job.sink, sketch=True)


def _custom(job: Job, measure: MeasureDef) -> None:
    if measure.custom is not None:
        derive_custom(job.events, measure.id, measure.custom, job.book, job.sink)


_SPLIT_KINDS = (MeasureKind.CHANGES, MeasureKind.VALUE)

_DERIVE: Mapping[MeasureKind, Callable[[Job, MeasureDef], None]] = {
    MeasureKind.CHANGES: _changes,
    MeasureKind.VALUE: _value,
    MeasureKind.DISTINCT: _distinct,
    MeasureKind.NEWEST: _newest,
    MeasureKind.NULLS: _nulls,
    MeasureKind.LAG: _lag,
    MeasureKind.CUSTOM: _custom,
}


def _where(event: Ints, places: Ints) -> tuple[Ints, Ints]:
    """Events that have an image, and where it stands."""
    at = places[event]
    return _kept(event, at, at != NOWHERE)


def _kept(event: Ints, at: Ints, keep: Bools) -> tuple[Ints, Ints]:
    """Events where ``keep`` is true; the very same array for all, since splits go by it."""
    return (event, at) if keep.all() else (event[keep], at[keep])


def _empty() -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.empty(0, dtype=np.int32)


def _whole(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exact words of small whole numbers."""
    return integer_words(values.astype(np.int64)), np.ones(len(values), dtype=np.bool_)


def _total(job: Job, measure: MeasureDef, rows: Ints, fixed: Labels = ()) -> np.ndarray:
    """The series of the total for each row; made only when there are rows."""
    series = job.book.series(measure.id, fixed) if len(rows) else 0
    return np.full(len(rows), series, dtype=np.int32)


def _total_runs(job: Job, measure: MeasureDef, event: Ints, fixed: Labels) -> Runs:
    """The runs of events of the total; at least one event."""
    series = np.int32(job.book.series(measure.id, fixed))
    runs = job.split("", event).runs
    return replace(runs, series=np.full(len(runs.starts), series, dtype=np.int32))


def _reduce_by(
    job: Job, split: Split, series: np.ndarray, rows: Rows, *, sketch: bool = False
) -> None:
    """Reduce rows under series that several label values may share; ``series`` is by code."""
    ids, short = np.unique(series, return_inverse=True)
    narrow = short.astype(np.int16 if len(ids) < 2**15 else np.int64)  # int16 sorts by radix
    of_rows = split.codes
    order = np.argsort(narrow[of_rows], kind="stable")
    reduce(job.events, rows.take(order, series[of_rows][order]), job.sink, sketch=sketch)


def _series_of(job: Job, measure: MeasureDef, fixed: Labels, split: Split) -> np.ndarray:
    """Series id by code; new label values enter the book in order of sequence number."""
    label, values, used = label_name(split.name), split.values, split.used
    new = [
        code
        for code in used.tolist()
        if job.book.known(measure.id, fixed, label, values[code]) is None
    ]
    if len(new) > 1:
        used = split.in_order_of_seq(job.events)
    ids = job.book.split(measure.id, fixed, label, [values[code] for code in used.tolist()])
    table = np.zeros(len(values), dtype=np.int32)
    table[used] = ids
    return table
