"""Custom metrics: checked when they are defined, derived like every other measure.

A row is a change of the table of the kind that the metric is `on`. Its fields are those of the
image after the change, for deletes those of the image before; a field that the image lacks is null.
A row counts when the filter is true of it and the expression has a value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.core.errors import InputError, not_found
from datawatch_lab.core.values import (
    Aggregation,
    CustomMetric,
    MeasureKind,
    MetricDef,
    TableInfo,
)
from datawatch_lab.metrics.book import SeriesBook, label_name
from datawatch_lab.metrics.expressions import (
    Expression,
    Worked,
    compile_expression,
    compile_filter,
    kinds_of,
    rows_of,
    work_out,
)
from datawatch_lab.metrics.hashing import hash_column
from datawatch_lab.metrics.images import Events, Frame, Ints
from datawatch_lab.metrics.numbers import Numbers
from datawatch_lab.metrics.reduction import Rows, Sink, add_registers, reduce
from datawatch_lab.metrics.typed import NUMBER
from datawatch_lab.metrics.units import unit_of

A = Aggregation

ON: Mapping[str, tuple[str, ...]] = {
    "inserts": ("c",),
    "updates": ("u",),
    "deletes": ("d",),
    "changes": ("c", "u", "d"),
}
"""Operations of the log that each word means."""

_EVENT, _BARE = "event", "bare"  # columns beside those of `rows_of`
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_COUNTED = (A.COUNT, A.RATE)
_OF_NUMBERS = (A.SUM, A.AVG, A.COUNT, A.MIN, A.MAX, A.P50, A.P90, A.P95, A.P99, A.RATE, A.LAST)
_KINDS = {A.COUNT: "counter", A.RATE: "rate", A.DISTINCT: "gauge", A.LAST: "gauge"}
_UNITS = {A.COUNT: "1", A.RATE: "1/min", A.DISTINCT: "1"}


@dataclass(frozen=True)
class Program:
    """A custom metric ready to run: its expression and its filter; None where it has none."""

    value: Expression | None
    keep: Expression | None

    @property
    def used(self) -> tuple[tuple[str, str], ...]:
        """(type as read, name) of the columns that it reads."""
        return tuple(each for part in (self.value, self.keep) if part for each in part.used)


@lru_cache(maxsize=512)
def program_of(custom: CustomMetric) -> Program:
    """The program of a metric, by the types that its columns had when it was defined."""
    return _compile(custom, dict(custom.types))


def _compile(custom: CustomMetric, columns: Mapping[str, str]) -> Program:
    return Program(
        value=compile_expression(custom.expression, columns, table=custom.table)
        if custom.expression
        else None,
        keep=compile_filter(custom.filter, columns, table=custom.table) if custom.filter else None,
    )


def check_name(name: str, taken: Collection[str]) -> None:
    """Refuse a name that is not well-formed or not free.

    Raises:
        InputError: says why.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is not a name of a metric.",
            hint="Letters, digits and _, not beginning with a digit, at most 100.",
        )
    if name in taken:
        raise InputError(f"there is a metric {name!r} already.", hint="Choose another name.")


def checked(custom: CustomMetric, table: TableInfo) -> CustomMetric:
    """A definition with all that follows from it: types, unit, description.

    Raises:
        NotFoundError: a column does not exist; points at it and names those that do.
        InputError: an expression cannot be read, its type does not fit, or the aggregation needs
            what is not there; points at the fault.
    """
    custom = replace_blank(custom)
    columns = kinds_of(table.columns)
    program = _compile(custom, columns)
    _check_labels(custom, table)
    possible = aggregations_of(custom, program)
    if custom.aggregation not in possible:
        raise _needs(custom, program, possible)
    named = {name for _, name in program.used}
    return msgspec.structs.replace(
        custom,
        types=tuple((name, kind) for name, kind in columns.items() if name in named),
        unit=custom.unit or _unit(custom, program),
        description=custom.description or _describe(custom),
    )


def replace_blank(custom: CustomMetric) -> CustomMetric:
    """Texts without the blanks around them."""
    return msgspec.structs.replace(
        custom,
        expression=custom.expression.strip(),
        filter=custom.filter.strip(),
        unit=custom.unit.strip(),
        description=custom.description.strip(),
    )


def _check_labels(custom: CustomMetric, table: TableInfo) -> None:
    for name in custom.group_by:
        column = table.column(name)
        if column is None:
            names = [each.name for each in table.columns]
            raise not_found("column", name, names, where=f"group_by of {custom.name}")
        if column.sensitive:
            raise InputError(
                f"group_by of {custom.name}: {name} is marked sensitive, and labels are shown.",
                hint="Group by another column, or correct the mark of this one.",
            )
    if len(set(custom.group_by)) < len(custom.group_by):
        raise InputError(f"group_by of {custom.name}: a column is named twice.")


def _needs(custom: CustomMetric, program: Program, possible: tuple[Aggregation, ...]) -> InputError:
    word = custom.aggregation.value
    what = (
        f"{word} needs an expression"
        if program.value is None
        else f"{word} needs a number; {custom.expression!r} is a {program.value.kind}"
    )
    return InputError(
        f"{custom.name}: {what}.",
        hint=f"Possible here: {', '.join(possible)}.",
        details={"metric": custom.name, "possible": [each.value for each in possible]},
    )


def aggregations_of(
    custom: CustomMetric, program: Program | None = None
) -> tuple[Aggregation, ...]:
    """The aggregations that its states can answer.

    Distinct sketches are large, so they are kept only where they are what is asked for.
    """
    value = (program or program_of(custom)).value
    if value is None:
        return _COUNTED
    plain = _OF_NUMBERS if value.kind == NUMBER else _COUNTED
    return (*plain, A.DISTINCT) if custom.aggregation is A.DISTINCT else plain


def metric_of(custom: CustomMetric) -> MetricDef:
    """The metric that a definition makes."""
    value = program_of(custom).value
    return MetricDef(
        name=custom.name,
        table=custom.table,
        field=(value.part.column or "") if value else "",
        kind=_KINDS.get(custom.aggregation, "distribution"),
        unit=custom.unit,
        labels=tuple(label_name(name) for name in custom.group_by),
        auto=False,
        description=custom.description,
        measure=MeasureKind.CUSTOM,
        aggregation=custom.aggregation,
        definition=custom,
    )


def _unit(custom: CustomMetric, program: Program) -> str:
    if custom.aggregation in _UNITS:
        return _UNITS[custom.aggregation]
    column = program.value.part.column if program.value else None
    return unit_of(column) if column else ""


def _describe(custom: CustomMetric) -> str:
    what = f"{custom.aggregation.value} of {custom.expression or 'rows'}"
    where = f" where {custom.filter}" if custom.filter else ""
    return f"{what.capitalize()} over {custom.on} of {custom.table}{where}."


def derive_custom(
    events: Events, measure_id: int, custom: CustomMetric, book: SeriesBook, sink: Sink
) -> None:
    """Add what a batch brings to a custom metric: a total, and a series per set of labels."""
    program = program_of(custom)
    rows, worked = _rows(events, custom, program), None
    if program.value is not None:
        rows, worked = _valued(rows, program.value)
    if not rows.height:
        return
    event = rows[_EVENT].to_numpy()
    series = np.full(len(event), book.series(measure_id), dtype=np.int32)
    numbers = worked.numbers if worked else None
    values = (numbers.values, numbers.words, numbers.exact) if numbers else (None,)
    total = Rows(series, event, *values)
    hashes = None
    if custom.aggregation is A.DISTINCT and worked is not None:
        # of the column itself where the expression is one: doubles lose digits of large ids
        hashes = hash_column(rows[_BARE] if _BARE in rows.columns else worked.column)
    _reduce(events, total, hashes, sink)
    if custom.group_by:
        series = _series_of(events, measure_id, custom, book, event)
        order = np.argsort(series, kind="stable")
        split = None if hashes is None else hashes[order]
        _reduce(events, total.take(order, series[order]), split, sink)


def _reduce(events: Events, rows: Rows, hashes: NDArray[np.uint64] | None, sink: Sink) -> None:
    runs = reduce(events, rows, sink, sketch=rows.values is not None)
    if runs is not None and hashes is not None:
        add_registers(runs, hashes, sink)


def _rows(events: Events, custom: CustomMetric, program: Program) -> pl.DataFrame:
    """The rows that pass the filter, in order of event: what the program reads, and `_EVENT`."""
    ops = ON[custom.on]
    changed = events.having(*(op for op in ops if op != "d"))
    deleted = events.having("d") if "d" in ops else changed[:0]
    sides = [
        _side(events.after, changed, events.after_at[changed], program),
        _side(events.before, deleted, events.before_at[deleted], program),
    ]
    held = [each for each in sides if each.height] or sides[:1]
    if len(held) > 1:
        texts = [each.with_columns(pl.col(f"^{_BARE}$").cast(pl.String)) for each in held]
        held = [pl.concat(texts, how="vertical_relaxed").sort(_EVENT)]
    if program.keep is None:
        return held[0]
    return held[0].filter(work_out(held[0], program.keep).column.fill_null(value=False))


def _side(frame: Frame, event: Ints, at: Ints, program: Program) -> pl.DataFrame:
    rows = rows_of(frame, at, program.used).with_columns(pl.Series(_EVENT, event))
    bare = program.value.part.column if program.value else None
    if bare is None:
        return rows
    places = pl.Series(at).set(pl.Series(at < 0), None)
    return rows.with_columns(frame.column(bare).gather(places).alias(_BARE))


def _valued(rows: pl.DataFrame, value: Expression) -> tuple[pl.DataFrame, Worked]:
    """Only the rows where an expression has a value, and the values."""
    worked = work_out(rows, value)
    known = worked.known
    if known.all():
        return rows, worked
    numbers = worked.numbers
    if numbers is not None:
        numbers = Numbers(
            values=numbers.values[known],
            valid=numbers.valid[known],
            words=numbers.words[known],
            exact=numbers.exact[known],
        )
    mask = pl.Series(known)
    return rows.filter(mask), Worked(worked.column.filter(mask), numbers)


def _series_of(
    events: Events, measure_id: int, custom: CustomMetric, book: SeriesBook, event: Ints
) -> NDArray[np.int32]:
    """The series of each row; new sets of labels enter the book in order of sequence number."""
    labels = [events.labels(name).of_events() for name in custom.group_by]
    names = [label_name(name) for name in custom.group_by]
    code = np.zeros(len(event), dtype=np.int64)
    for values, codes in labels:
        code = code * len(values) + codes[event]
    used, first, place = np.unique(code, return_index=True, return_inverse=True)
    ids = np.zeros(len(used), dtype=np.int32)
    earliest = np.full(len(used), np.iinfo(np.int64).max)
    np.minimum.at(earliest, place, events.seq[event])
    for number in np.argsort(earliest, kind="stable").tolist():
        row = event[first[number]]
        pairs = tuple(
            (name, values[codes[row]]) for name, (values, codes) in zip(names, labels, strict=True)
        )
        ids[number] = book.combination(measure_id, pairs)
    return ids[place]
