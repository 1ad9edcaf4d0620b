"""Values of watched series as they were when their buckets closed, for many series at once.

Late events change a bucket after it is closed. Its first state is kept beside it, so what a
detector saw can be read again at any time: the same buckets give the same scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.anomaly.bank_evidence import clipped
from datawatch_lab.anomaly.beneath import Beneath
from datawatch_lab.core.storage import MeasureRead, Span
from datawatch_lab.engine.detection.slots import Members, Slot
from datawatch_lab.metrics.numbers import decimal_floats
from datawatch_lab.metrics.spans import EPOCH

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

Floats = NDArray[np.float64]

_US = timedelta(microseconds=1)
_COLUMNS = frozenset({"n", "sum", "exact", "min", "max"})
_EMPTY = {"n": 0.0, "sum": 0.0, "min": np.inf, "max": -np.inf}


def values(
    engine: Engine,
    slots: Sequence[Slot],
    start: datetime,
    end: datetime,
    step: timedelta,
    *,
    first: bool = True,
) -> Floats:
    """Values of slots over buckets of [start, end), shape (slots, buckets); NaN is no value.

    Sums beyond the range of doubles are the largest value that detectors bear, `evidence.LARGEST`.

    Args:
        engine: of the workspace.
        slots: watched series.
        start: of the first bucket, UTC.
        end: of the last one.
        step: width of a bucket, whole minutes.
        first: as they were when their minutes closed; else as they are now.
    """
    if not slots or end - start < step:
        return np.empty((len(slots), max((end - start) // step, 0)))
    members = Members(slots)
    states = _read(engine, members, start, end, step, first=first)
    return _merged(members, states, start, step)


class Grid(NamedTuple):
    """Values of some slots, and what the averages among them are made of.

    Attributes:
        x: shape (slots, buckets); NaN is no value.
        beneath: shape (averages, buckets).
    """

    x: Floats
    beneath: Beneath


def grid(
    engine: Engine, slots: Sequence[Slot], start: datetime, end: datetime, step: timedelta
) -> Grid:
    """`values` of at least a slot and a bucket, as they were when they closed, with their rows."""
    members = Members(slots)
    states = _read(engine, members, start, end, step, first=True)
    return Grid(_merged(members, states, start, step), members.beneath(states))


def _read(
    engine: Engine,
    members: Members,
    start: datetime,
    end: datetime,
    step: timedelta,
    *,
    first: bool,
) -> dict[str, Floats]:
    states = _states(engine, members, start, end, step)
    if first:
        _put_back(engine, members, states, start, end, step)
    return states


def _merged(
    members: Members, states: dict[str, Floats], start: datetime, step: timedelta
) -> Floats:
    begin, width = (start - EPOCH).total_seconds(), step.total_seconds()
    count = states["n"].shape[1]
    ends = begin + width * np.arange(1, count + 1, dtype=np.float64)
    return np.asarray(clipped(members.merged(states, ends)))


def _states(
    engine: Engine, members: Members, start: datetime, end: datetime, step: timedelta
) -> dict[str, Floats]:
    """States of the stored series, as they are now, by series and bucket."""
    count = (end - start) // step
    shape = (len(members.places), count)
    found = engine.store.read_measures(
        MeasureRead(
            groups=members.places,
            spans=(Span("1m", start, end),),
            step=step,
            origin=start,
            columns=_COLUMNS,
        )
    ).partials.filter(pl.col("n") != 0)
    at = _bucket(found["bucket"], start, step)
    row = found["group"].cast(pl.Int64).to_numpy()
    states = {name: np.full(shape, empty) for name, empty in _EMPTY.items()}
    for name, column in _numbers(found).items():
        states[name][row, at] = column
    return states


def _numbers(frame: pl.DataFrame) -> dict[str, Floats]:
    total = decimal_floats(frame["exact"]).fill_null(frame["sum"]).fill_null(0.0)
    made = {"n": frame["n"].cast(pl.Float64).to_numpy(), "sum": total.to_numpy()}
    for name in ("min", "max"):
        made[name] = frame[name].cast(pl.Float64).fill_null(_EMPTY[name]).to_numpy()
    return made


def _bucket(times: pl.Series, start: datetime, step: timedelta) -> NDArray[np.int64]:
    micros = times.dt.epoch("us").to_numpy() - (start - EPOCH) // _US
    return np.asarray(micros // (step // _US), dtype=np.int64)


def _put_back(
    engine: Engine,
    members: Members,
    states: dict[str, Floats],
    start: datetime,
    end: datetime,
    step: timedelta,
) -> None:
    """Undo the late changes of minutes; wider buckets are made of their minutes anew."""
    late = engine.store.closing.corrections("1m", list(members.places), start, end)
    if not late.height:
        return
    if step != timedelta(minutes=1):
        for series, hours in _wide(late, start, step).items():
            _remake(engine, members, states, series, hours, start, step)
        return
    row = np.array([members.places[each] for each in late["series"].to_list()], dtype=np.int64)
    at = _bucket(late["bucket"], start, step)
    there = late["n"].to_numpy() > 0
    for name, column in _numbers(late).items():
        states[name][row, at] = np.where(there, column, _EMPTY[name])


def _wide(late: pl.DataFrame, start: datetime, step: timedelta) -> dict[int, list[int]]:
    """Buckets with late minutes, by series."""
    frame = pl.DataFrame({"series": late["series"], "at": _bucket(late["bucket"], start, step)})
    return {
        int(series): sorted(group["at"].unique().to_list())
        for (series,), group in frame.group_by("series")
    }


def _remake(
    engine: Engine,
    members: Members,
    states: dict[str, Floats],
    series: int,
    buckets: Sequence[int],
    start: datetime,
    step: timedelta,
) -> None:
    """Put wide buckets of a series together from what its minutes said first."""
    row = members.places[series]
    minute = timedelta(minutes=1)
    for bucket in buckets:
        begin = start + bucket * step
        one = Members([_alone(series)])
        minutes = _states(engine, one, begin, begin + step, minute)
        _put_back(engine, one, minutes, begin, begin + step, minute)
        states["n"][row, bucket] = minutes["n"].sum()
        states["sum"][row, bucket] = minutes["sum"].sum()
        states["min"][row, bucket] = minutes["min"].min()
        states["max"][row, bucket] = minutes["max"].max()


def _alone(series: int) -> Slot:
    """A slot of one stored series."""
    return Slot(
        metric="",
        labels=(),
        table="",
        table_id=0,
        unit="",
        fold="n",
        members=(series,),
        counted=False,
        since=np.inf,
        spread=False,
    )
